"""Runs certbot, which obtains and renews certificates from an ACME server such as Let's Encrypt.

certbot is found in PATH. Its arguments and environment hold no secrets: it signs calls to Route 53 with the credentials
of the instance's role, which it fetches from the metadata service itself.
"""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Mapping
from urllib.parse import urlsplit

from teleport_bootstrap import escaping, masking, paths, regex
from teleport_bootstrap.host import process, underway
from teleport_bootstrap.records import dataclass

# The variables that certbot receives. Of those that AWS's libraries read: endpoints and trusted certificates, but no
# keys. AWS_CONFIG_FILE is set on purpose, for a zone in another account (role_arn, credential_source).
_PASSED = regex.compile(
    r"AWS_(CA_BUNDLE|CONFIG_FILE|EC2_METADATA_SERVICE_ENDPOINT_MODE|ENDPOINT_URL.*|IGNORE_CONFIGURED_ENDPOINT_URLS"
    r"|PROFILE|USE_DUALSTACK_ENDPOINT|USE_FIPS_ENDPOINT)"
    r"|HOME|PATH|REQUESTS_CA_BUNDLE|SSL_CERT_DIR|SSL_CERT_FILE|TZ|(?i:(http|https|no|all)_proxy)",
    re.DOTALL,
)
_HTTP_PROXY = regex.compile("(?i:(http|all)_proxy)")
# Where botocore, in certbot's plugin, asks for credentials: never through a proxy, which is not this instance.
_METADATA_HOSTS = ("169.254.169.254", "fd00:ec2::254")
_METADATA = "AWS_EC2_METADATA_SERVICE_ENDPOINT"


@dataclass(frozen=True)
class Certbot:
    """certbot on this host: the root directory it works under, its environment, and how long it may take."""

    root: paths.Root
    config_directory: str
    work_directory: str
    logs_directory: str
    environ: Mapping[str, str]
    region: str
    deadline_seconds: float

    def obtain(self, domain: str, email: str, server: str | None) -> process.Finished:
        """Obtain a certificate for `domain` and all names below it, or renew it where it is due.

        `server` is the directory URL of an ACME server; by default that of certbot or of its cli.ini.
        """
        names = ["-d", domain, "-d", f"*.{domain}"]
        # Answers to further questions: other names than before, and a certificate that is still valid.
        answers = ["--renew-with-new-domains", "--keep-until-expiring"]
        place = ["--server", server] if server else []
        return self._run("certonly", domain, email, "--dns-route53", *names, *answers, *place)

    def renew(self, domain: str, email: str) -> process.Finished:
        """Renew the certificate of `domain` if it is due; its settings are in renewal/<domain>.conf.

        The address is for a new account, in case the old one is lost.
        """
        # Our timer already runs at a random time.
        return self._run("renew", domain, email, "--no-random-sleep-on-renew")

    def _run(self, verb: str, domain: str, email: str, *options: str) -> process.Finished:
        program = shutil.which("certbot", path=self.environ.get("PATH", os.defpath))
        if program is None:
            return process.Finished(("certbot", verb), process.NOT_RUN, "", "it is not installed, or not in PATH")
        directories = {
            "--config-dir": self.config_directory,
            "--work-dir": self.work_directory,
            "--logs-dir": self.logs_directory,
        }
        placement = [word for option, path in directories.items() for word in (option, self.root.path(path))]
        settings = self.root.path(f"{self.config_directory}/cli.ini")
        if not self.root.is_live and os.path.exists(settings):
            placement += ["--config", settings]  # on a running system certbot finds it by itself
        with underway.displayed(
            f"waiting for certbot, which asks for a certificate for {domain}", self.deadline_seconds
        ):
            return process.run(
                [program, verb, "-n", *options, "--cert-name", domain, "--agree-tos", "-m", email, *placement],
                most_bytes=process.LONG,
                timeout_seconds=self.deadline_seconds,
                environ=environment(self.environ, self.region),
            )


def environment(environ: Mapping[str, str], region: str) -> dict[str, str]:
    """Return the environment of certbot: no keys, and only what it needs."""
    passed = {name: value for name, value in environ.items() if _PASSED.fullmatch(name)}
    metadata = environ.get(_METADATA)
    if metadata:
        # botocore before 1.26 appends the path without a slash.
        passed[_METADATA] = metadata.rstrip("/") + "/"
    if any(_HTTP_PROXY.fullmatch(name) and value for name, value in passed.items()):
        given = environ.get("no_proxy") or environ.get("NO_PROXY")
        direct = ",".join(filter(None, (given, urlsplit(metadata or "").hostname, *_METADATA_HOSTS)))
        passed.update(dict.fromkeys(("NO_PROXY", "no_proxy"), direct))
    # Not ~/.aws/credentials: certbot may do what the instance's role allows.
    return {**passed, "AWS_DEFAULT_REGION": region, "AWS_SHARED_CREDENTIALS_FILE": os.devnull}


def last_words(finished: process.Finished, *, lines: int = 6, characters: int = 600) -> str:
    """Return the last lines of its output, without those that appear after every failure."""
    general = ("Ask for help", "Saving debug log", "- - -", "See the logfile")
    output = [line.strip() for line in f"{finished.output}\n{finished.errors}".splitlines()]
    specific = [line for line in output if line and not line.startswith(general)]
    # Masked before it is cut: half a secret would not be recognized.
    return escaping.one_line(masking.mask_foreign(" | ".join(specific[-lines:]))[-characters:])
