"""Secrets that a test plants where the agent meets secrets, and a search for every form in which one may get out.

`plant` gives a host its canaries: of its conf, its overrides, its metadata service and Parameter Store. After a command
has ended, in whatever way, `Canaries.leaks` returns each place in which one is that is not meant for it: what was
printed, what a trace recorded of programs and of the journal's fields, and every file below some directories.
"""

from __future__ import annotations

import base64
import contextlib
import fnmatch
import functools
import gzip
import json
import lzma
import os
import re
import stat
import subprocess
import zlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple, Optional, Union
from urllib import parse

from tests.simulated.agent import Agent, Ended
from tests.simulated_ec2 import Aws
from tests.simulated_ec2 import imds as emulator

OVERRIDE = "/etc/teleport.d/teleport.yaml.d/50-canaries.yaml"
CLUSTER = "cluster-1"

# Each has characters that look different in a URL, in JSON and in Base64.
JOIN_TOKEN = "canary+join/2f7Qx9tKe4"
CONF_PASSWORD = "canary+conf=3hWm81zRu6"
REGISTRATION = "canary+registration=9aTr50mNd3"
OVERRIDE_PASSWORD = "canary/over@ride%7cJp62bLs0"
STATIC_TOKEN = "canary-static-5gYd93nXo1"
BEARER = "canary.bearer-8kVf47cMw2"
STORAGE_KEY = "canarySTORAGE+6jBs58hQa9/"
COMMENTED = "canary-comment-1rZt64vEi7"
PUBLISHED_TOKEN = "canary-published-4uHn29dGp8"
LICENSE_LINE = "canaryLICENSE7eLk35xCy0AAAAMIIBITANBgkqhkiG9w0"
KEY_LINE = "canaryKEY9wFq70sTv5MIIEvQIBADANBgkqhkiG9w0BAQEFAASC"
AWS_SECRET_KEY = "canaryAWS/SECRET+2mDo86rUj3"
AWS_SESSION_TOKEN = "canaryAWSsession//8bNx41yPf6=="

LICENSE = f"-----BEGIN CERTIFICATE-----\n{LICENSE_LINE}\n-----END CERTIFICATE-----\n"
KEY = f"-----BEGIN PRIVATE KEY-----\n{KEY_LINE}\n-----END PRIVATE KEY-----\n"

OVERRIDE_TEXT = f"""\
# auth_token: {COMMENTED}
auth_service:
  tokens: ["node:{STATIC_TOKEN}"]
app_service:
  enabled: "yes"
  apps:
  - name: canary
    uri: "http://user:{parse.quote(OVERRIDE_PASSWORD, safe="")}@127.0.0.1:8000"
    rewrite:
      headers: ["Authorization: Bearer {BEARER}"]
new_service:
  access_key: "{STORAGE_KEY}"
  private: |
{"".join(f"    {line}" for line in KEY.splitlines(keepends=True))}"""

_JOINING = f"TELEPORT_CLUSTER_NAME={CLUSTER}\nTELEPORT_AUTH_SERVER_LB=auth.example.com\n"
CONFS = {
    "agent": f"""\
TELEPORT_ROLE=agent
TELEPORT_PROXY_SERVER_LB=proxy.example.com
TELEPORT_JOIN_TOKEN='{JOIN_TOKEN}'
TELEPORT_AGENT_SSH_ENABLED=true
TELEPORT_AGENT_APP_NAME=internal
TELEPORT_AGENT_APP_URI='http://user:{CONF_PASSWORD}@127.0.0.1:8001'
""",
    "node": f"TELEPORT_ROLE=node\n{_JOINING}",
    "auth": f"""\
TELEPORT_ROLE=auth
{_JOINING}TELEPORT_DYNAMO_TABLE_NAME=state-1
TELEPORT_DYNAMO_EVENTS_TABLE_NAME=events-1
TELEPORT_S3_BUCKET=bucket-1
TELEPORT_LOCKS_TABLE_NAME=locks-1
TELEPORT_LICENSE_PATH=1
USE_LETSENCRYPT=false
""",
    "all-in-one": "TELEPORT_DOMAIN_NAME=teleport.example.com\nTELEPORT_EXTERNAL_PORT=443\nUSE_ACM=true\n",
}

# Files of a host that hold secrets by their purpose, and the widest mode that each may have. Their owners are root and
# the account of Teleport's units.
MEANT_FOR_SECRETS: Mapping[str, int] = {
    "etc/teleport.d/conf": 0o600,
    "etc/teleport.d/teleport.yaml.d/*.yaml": 0o600,
    "etc/teleport.yaml": 0o640,  # an auth server's tctl, which is run as Teleport's account, reads it too
    "etc/teleport.yaml.*": 0o600,  # set aside beside it
    "var/lib/teleport/token": 0o600,
    "var/lib/teleport/registration-secret": 0o600,
    "var/lib/teleport/license.pem": 0o600,
    "var/lib/teleport-bootstrap/generations/*": 0o600,
    "var/lib/teleport-bootstrap/restored-conf": 0o600,
    "var/lib/teleport-bootstrap/undo.json": 0o600,  # the files that a restore replaced
    "var/backups/teleport/teleport-*.tar.*": 0o600,
    # Those of the stand-ins for Teleport's programs.
    "var/lib/teleport/tctl-*": 0o666,
    "usr/local/bin/*.switches.json": 0o666,
}
# Below the places that are named above, but not for secrets.
NOT_MEANT = ("var/lib/teleport-bootstrap/generations/*/manifest.json",)
OWNERS = (0, 64998)
_SET_ASIDE = re.compile(r"\.(?:before-[a-z]+|restoring)-[0-9]{8}T[0-9]{6}Z(?:-[0-9]+)?(?:/entries)?")

# What strace has to record for `leaks`: each program with its arguments and environment, and what the journal gets.
TRACE = ("strace", "-f", "-v", "-s", "1000000", "-e", "trace=execve,execveat,sendmsg", "-e", "signal=none", "-o")
# Sends log records to the journal as well as to standard error.
TO_JOURNAL = {"TELEPORT_BOOTSTRAP_OUTLIVES": "1"}

_LARGEST_FILE = 64 * 1024 * 1024
_DEEPEST = 3
_MAGIC = {b"\x1f\x8b": "gzip", b"\xfd7zXZ": "xz", b"\x28\xb5\x2f\xfd": "zstd"}
Said = Union[str, bytes, Ended]


class Form(NamedTuple):
    """One way to write a canary, as bytes."""

    name: str
    data: bytes


@dataclass
class Canaries:
    """The planted secrets by what each is; tests may add some, such as a token that was made meanwhile."""

    values: dict[str, str] = field(default_factory=dict)

    def leaks(
        self,
        *said: Said,
        root: Optional[Path] = None,
        directories: Iterable[Path] = (),
        traces: Iterable[Path] = (),
    ) -> list[str]:
        """Return a line for each canary in a place that is not meant for it, empty where there is none.

        `said` is what was printed or would be shown, `root` a host's root directory, `directories` such as TMPDIR may
        hold no canary at all, and `traces` are what strace wrote with the options TRACE.
        """
        found = []
        for number, each in enumerate(said):
            parts = {"output": each.output, "errors": each.errors} if isinstance(each, Ended) else {"text": each}
            for name, text in parts.items():
                data = text if isinstance(text, bytes) else text.encode("utf-8", "surrogateescape")
                found += self.within(data, f"{name} {number}")
        for trace in traces:
            found += self.within(trace.read_bytes(), "the arguments and environments of programs, or the journal")
        for top in (*([root] if root is not None else []), *directories):
            for path in _files(top):
                name = os.path.relpath(path, top)
                leaking = [*self.within(os.fsencode(name), f"the name {name}")]
                trouble = _not_meant(name, path) if top == root else "is not meant for secrets"
                if trouble:
                    leaking += self.within(_content(path), f"{name}, which {trouble}")
                found += leaking
        return found

    def within(self, data: bytes, place: str) -> Iterator[str]:
        """Yield a line for each canary that is in `data`, also where that is compressed."""
        texts = list(_decompressed(data))
        for what, value in self.values.items():
            form = next((form.name for form in forms(value) if any(form.data in text for text in texts)), None)
            if form is not None:
                yield f"{what} ({form}) in {place}"

    def tokens_of(self, service: emulator.Service) -> None:
        """Add the session tokens that the metadata service has given so far."""
        for number, token in enumerate(service.tokens):
            self.values[f"metadata token {number}"] = token


def plant(
    agent: Agent, *, imds: Optional[emulator.Server] = None, aws: Optional[Aws] = None, role: str = "agent"
) -> Canaries:
    """Write the conf of a host of `role` and an override, and give the services what they hand out; return them all."""
    agent.write("/etc/teleport.d/conf", CONFS[role], 0o600)
    agent.write(OVERRIDE, OVERRIDE_TEXT, 0o600)
    planted = {
        "the password in the override": OVERRIDE_PASSWORD,
        "the static token": STATIC_TOKEN,
        "the bearer token": BEARER,
        "the storage key": STORAGE_KEY,
        "the secret in a comment": COMMENTED,
        "the private key": KEY_LINE,
    }
    if role == "agent":
        planted.update({"the join token of the conf": JOIN_TOKEN, "the password in the conf": CONF_PASSWORD})
    if imds is not None:
        credentials = {"SecretAccessKey": AWS_SECRET_KEY, "Token": AWS_SESSION_TOKEN}
        imds.service.update({"credentials": credentials})
        planted.update({"the AWS secret key": AWS_SECRET_KEY, "the AWS session token": AWS_SESSION_TOKEN})
    if aws is not None:
        prefix = f"/teleport/{CLUSTER}"
        aws.put_parameters({f"{prefix}/tokens/node": PUBLISHED_TOKEN, f"{prefix}/license": LICENSE})
        aws.put_parameters({f"{prefix}/ca-pin-hash": "sha256:" + "5e" * 32}, kind="String")
        planted.update({"the published token": PUBLISHED_TOKEN, "the license": LICENSE_LINE})
    return Canaries(planted)


@functools.cache
def forms(value: str) -> tuple[Form, ...]:
    """Return every form of `value` that gives it away: also halves of it, as a wrapped line has them."""
    found = [Form("plain", each) for each in _pieces(value)]
    for text in (value, parse.quote(value, safe="")):
        data = text.encode()
        found += [
            Form("plain", data),
            Form("in a URL", parse.quote(text, safe="").encode()),
            Form("in a URL", parse.quote(text).encode()),
            Form("in a form", parse.quote_plus(text).encode()),
            Form("JSON", json.dumps(text)[1:-1].encode()),
            Form("JSON", json.dumps(text)[1:-1].replace("/", "\\/").encode()),
            Form("hexadecimal", data.hex().encode()),
            Form("hexadecimal", data.hex().upper().encode()),
            Form("UTF-16", text.encode("utf-16-le")),
            Form("UTF-16", text.encode("utf-16-be")),
        ]
        for before in range(3):
            # The part that does not depend on the bytes before and after.
            start, end = (0, 2, 3)[before], (before + len(data)) * 8 // 6
            for encode in (base64.b64encode, base64.urlsafe_b64encode):
                found.append(Form("Base64", encode(bytes(before) + data)[start:end]))
    return tuple(dict.fromkeys(found))


def _pieces(value: str) -> Iterator[bytes]:
    """Yield the parts of a value that are long enough to be recognized, without punctuation."""
    for each in re.findall(r"[A-Za-z0-9]{10,}", value):
        middle = len(each) // 2
        for piece in (each, *((each[:middle], each[middle:]) if len(each) >= 24 else ())):
            yield piece.encode()


def _files(top: Path) -> Iterator[Path]:
    for folder, _, names in os.walk(top):
        yield from (Path(folder) / name for name in names)


def _content(path: Path) -> bytes:
    facts = path.lstat()
    if stat.S_ISLNK(facts.st_mode):
        return os.fsencode(os.readlink(path))
    if not stat.S_ISREG(facts.st_mode):
        return b""
    with path.open("rb") as file:
        return file.read(_LARGEST_FILE)


def _not_meant(name: str, path: Path) -> str:
    """Return why the file `name` of a host may hold no secret, empty where it may."""
    # What a restore has staged, or has set aside, is for the same as what is in its place.
    name = _SET_ASIDE.sub("", name)
    if any(fnmatch.fnmatch(name, pattern) for pattern in NOT_MEANT):
        return "is not meant for secrets"
    mode = next((each for pattern, each in MEANT_FOR_SECRETS.items() if fnmatch.fnmatch(name, pattern)), None)
    facts = path.lstat()
    if mode is None:
        return "is not meant for secrets"
    if stat.S_IMODE(facts.st_mode) & ~mode:
        return f"has mode {stat.S_IMODE(facts.st_mode):04o}"
    if stat.S_IMODE(facts.st_mode) & stat.S_IRWXG and facts.st_gid not in (*OWNERS, os.getegid()):
        return f"can be read by group {facts.st_gid}"
    return "" if facts.st_uid in (*OWNERS, os.geteuid()) else f"belongs to user {facts.st_uid}"


def _decompressed(data: bytes, depth: int = 0) -> Iterator[bytes]:
    """Yield `data`, and what is in it where it is compressed; archives hold their members as they are."""
    yield data
    kind = next((kind for magic, kind in _MAGIC.items() if data.startswith(magic)), None)
    if kind is None or depth >= _DEEPEST:
        return
    inside = b""
    with contextlib.suppress(OSError, EOFError, lzma.LZMAError, zlib.error):
        if kind == "gzip":
            inside = gzip.decompress(data)
        elif kind == "xz":
            inside = lzma.decompress(data)
        else:
            inside = subprocess.run(["zstd", "-dcq"], input=data, capture_output=True, check=False).stdout
    if inside:
        yield from _decompressed(inside, depth + 1)
