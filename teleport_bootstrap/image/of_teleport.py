"""What Teleport and this program leave on an instance, and no image should have."""

from __future__ import annotations

import os
import re
import shlex
from collections.abc import Iterator

from teleport_bootstrap import errors, paths
from teleport_bootstrap.conf import secret_names
from teleport_bootstrap.host import changeset, directory, root, trust
from teleport_bootstrap.image import findings
from teleport_bootstrap.image.findings import Finding
from teleport_bootstrap.plan import activation, deployment, masking, roles

GENERATE = "teleport-generate-config.service"
ENVIRONMENT = "/etc/default/teleport"

# In the data directory; whatever else is there should not be either.
_DATA = {
    "host_uuid": "the identity of one host: instances with the same one are one node to the cluster",
    "proc": "the identity of a host that has joined a cluster",
    "backend": "the state of a cluster, its certificate authorities among it",
    "token": "a join token",
    "ca-pin-hash": "the CA pins of one cluster",
    "license.pem": "a license",
    "privkey.pem": "a private key",
    "fullchain.pem": "the certificate of one domain",
    "log": "audit events and recordings",
}
_UNIT = re.compile(r"teleport[\w@.-]*\.(?:service|timer|path|socket)", re.ASCII)
_WANTS = re.compile(r".*\.(?:wants|requires|upholds)")
_SYSTEM = "/etc/systemd/system"
_ENTRY = re.compile(r"^\s*(?:export\s+)?([A-Za-z_]\w*)=\s*[\"']?[^\s\"']", re.MULTILINE)


def data(where: root.Root) -> Iterator[Finding]:
    """Everything in Teleport's data directory."""
    if os.path.islink(where.path(paths.DATA)):
        path = where.path(paths.DATA)
        yield Finding(path, "a link instead of Teleport's data directory", findings.remove(path))
    for name in findings.names(where, paths.DATA):
        path = where.path(f"{paths.DATA}/{name}")
        yield Finding(path, _DATA.get(name, "what a Teleport has left in its data directory"), findings.remove(path))


def configuration(where: root.Root) -> Iterator[Finding]:
    """Conf, markers and teleport.yaml, which user-data and `generate` make on each instance; secrets in other files."""
    made = {
        paths.CONF: "the conf of one instance: user-data writes it",
        paths.TELEPORT_YAML: "Teleport's configuration for one instance, which `generate` would leave as it is",
        deployment.LETSENCRYPT_MARKER: "a marker of one instance",
        **dict.fromkeys(roles.MARKER_PATHS, "the role marker of one instance"),
    }
    for path, what in made.items():
        if findings.is_there(where, path):
            yield Finding(where.path(path), what, findings.remove(where.path(path)))
    for folder in (paths.CONF_DIRECTORY, paths.OVERRIDES, os.path.dirname(paths.TELEPORT_YAML)):
        for name in findings.names(where, folder):
            path = where.path(f"{folder}/{name}")
            if name.endswith((changeset.STAGED, changeset.KEPT)):
                yield Finding(path, "left by a change that was interrupted", findings.remove(path))
    yield from _secrets_in_overrides(where)
    yield from _secrets_in_environment(where)


def state(where: root.Root) -> Iterator[Finding]:
    """State of this program: generations, the metadata of one instance, flags, records of jobs, backups."""
    for folder, what in (
        (paths.STATE, "state that teleport-bootstrap keeps of one instance"),
        (paths.BACKUPS, "backups of one instance, with its secrets"),
    ):
        for name in findings.names(where, folder):
            path = where.path(f"{folder}/{name}")
            yield Finding(path, what, findings.remove(path))


def units(where: root.Root) -> Iterator[Finding]:
    """Units that would start on each instance, and drop-ins that hold one back."""
    for path in activation.DROP_INS:
        if findings.is_there(where, path):
            shown = where.path(path)
            yield Finding(shown, "a drop-in that `generate` made for one instance", findings.remove(shown))
    is_enabled = False
    for folder in findings.names(where, _SYSTEM):
        if not _WANTS.fullmatch(folder):
            continue
        for name in findings.names(where, f"{_SYSTEM}/{folder}"):
            if name == GENERATE:
                is_enabled = True
            elif _UNIT.fullmatch(name):
                live = "" if where.is_live else f" --root={shlex.quote(where.directory)}"
                yield Finding(
                    where.path(f"{_SYSTEM}/{folder}/{name}"),
                    f"{name} is enabled; in an image only {GENERATE} is, and enables the others",
                    f"systemctl{live} disable {shlex.quote(name)}",
                )
    if not is_enabled:
        yield Finding(
            where.path(f"{_SYSTEM}/multi-user.target.wants/{GENERATE}"),
            f"{GENERATE} is not enabled: instances of this image would not configure themselves",
            f"install the teleport-bootstrap package, or `systemctl enable {GENERATE}`",
            blocks=False,
        )


def certificates(where: root.Root) -> Iterator[Finding]:
    """Certbot's account, certificates and keys; its settings may stay."""
    for name in ("live", "archive", "accounts", "renewal", "keys", "csr"):
        folder = f"/etc/letsencrypt/{name}"
        if findings.has_files(where, folder):
            path = where.path(folder)
            yield Finding(path, "Let's Encrypt's account, certificates or keys of one cluster", findings.remove(path))


def _secrets_in_overrides(where: root.Root) -> Iterator[Finding]:
    """Overrides may be the same for a whole fleet; a secret in one would be in each copy of the image."""
    try:
        names = trust.names(where, paths.OVERRIDES)
    except errors.BootstrapError as error:
        yield Finding(where.path(paths.OVERRIDES), error.message, error.hint)
        return
    for name in names:
        path = f"{paths.OVERRIDES}/{name}"
        content = _text(where, path)
        if content is None or masking.masked(content) != content:
            yield Finding(
                where.path(path),
                "an override that holds what is named like a secret"
                if content is not None
                else "an override that is no regular file",
                findings.remove(where.path(path)),
            )


def _secrets_in_environment(where: root.Root) -> Iterator[Finding]:
    content = _text(where, ENVIRONMENT) if findings.is_there(where, ENVIRONMENT) else ""
    if content is None or any(map(secret_names.looks_secret, _ENTRY.findall(content))):
        path = where.path(ENVIRONMENT)
        yield Finding(path, "environment for Teleport that holds what is named like a secret", findings.remove(path))


def _text(where: root.Root, path: str) -> str | None:
    found = directory.read(where, path)
    return None if found is None else found.content.decode("utf-8", "replace")
