"""The words that Teleport takes for a setting, each with the versions that know it: one table for each setting.

What Teleport 12.0.0 takes was measured. What later versions added is from Teleport's source and changelog; where these
do not tell the release, a word is uncertain from the last version that refuses it to the first that surely takes it.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable

from teleport_bootstrap import regex
from teleport_bootstrap.plan import teleport_build
from teleport_bootstrap.records import dataclass

Version = tuple[int, int, int]

ALWAYS: Version = (0, 0, 0)
# The newest major whose source was read for these tables; a newer one may take more words.
NEWEST_CHECKED = teleport_build.ASSUMED.major


@dataclass(frozen=True)
class Word:
    """A word: builds up to `refused` do not know it, builds from `known` on do. Between the two it is uncertain."""

    known: Version = ALWAYS
    refused: Version = ALWAYS
    # From this major on Teleport refuses it again; 0 where it never does.
    removed: int = 0
    enterprise: bool = False
    # Why it is uncertain, where that is not the release alone.
    doubt: str = ""


@dataclass(frozen=True)
class Verdict:
    """What is wrong with a word, what to write instead, and whether Teleport certainly refuses it."""

    message: str
    remedy: str
    certain: bool


@dataclass(frozen=True)
class Words:
    """The words of one setting.

    `closed_through` is the newest major for which a word that the table does not have is certainly refused.
    `any_case` is true where Teleport does not distinguish capitals.
    """

    table: dict[str, Word]
    closed_through: int = NEWEST_CHECKED
    any_case: bool = False

    def taken_by(self, build: teleport_build.TeleportBuild) -> tuple[str, ...]:
        """Return the words that `build` surely takes, in the order of the table."""
        return tuple(word for word, each in self.table.items() if _is_known(each, build))

    def judge(self, value: object, build: teleport_build.TeleportBuild) -> Verdict | None:
        """Return what is wrong with the word `value` for `build`, None where nothing is."""
        written = str(value)
        # Where Teleport expects text it reads a boolean of YAML as `true` or `false`.
        word = written.lower() if self.any_case or isinstance(value, bool) else written
        entry = self.table.get(word)
        if entry is None:
            return self._unknown(written, build)
        if not _is_known(entry, build):
            return self._uncertain(written, entry, build)
        if entry.enterprise and build.edition == teleport_build.COMMUNITY:
            message = f"only Teleport Enterprise takes {written}, and the installed one is the community edition"
            return Verdict(message, self._choice(build), certain=False)
        return None

    def _uncertain(self, written: str, entry: Word, build: teleport_build.TeleportBuild) -> Verdict:
        """Return the verdict on a word of the table that `build` does not surely take."""
        name, certain = f"Teleport {build.version}", _version(build) <= entry.refused
        since = ".".join(str(part) for part in entry.known[:2]).removesuffix(".0")
        if entry.removed and build.major >= entry.removed:
            message = f"Teleport {entry.removed} and newer do not take {written} any more"
            certain = build.major <= NEWEST_CHECKED
        elif entry.doubt:
            message = f"{name} does not know {written}" if certain else f"{name} may refuse {written}: {entry.doubt}"
        elif certain:
            message = f"{name} does not know {written}; Teleport {since} does"
        else:
            message = f"{name} may not know {written}, which Teleport {since} surely does"
        return Verdict(message, self._choice(build), certain)

    def _unknown(self, written: str, build: teleport_build.TeleportBuild) -> Verdict:
        if build.major > self.closed_through:
            message = f"{written} is not among the words of Teleport {min(NEWEST_CHECKED, build.major)} and older"
            return Verdict(message, f"{self._choice(build)}, unless your Teleport knows it", certain=False)
        near = difflib.get_close_matches(written.lower(), self.taken_by(build), n=1, cutoff=0.7)
        hint = f"did you mean {near[0]}? " if near else ""
        return Verdict(f"Teleport does not accept {written}", f"{hint}{self._choice(build)}", certain=True)

    def _choice(self, build: teleport_build.TeleportBuild) -> str:
        return f"use one of {', '.join(self.taken_by(build))}"


def _version(build: teleport_build.TeleportBuild) -> Version:
    return (build.major, build.minor, build.patch)


def _is_known(word: Word, build: teleport_build.TeleportBuild) -> bool:
    return _version(build) >= word.known and not (word.removed and build.major >= word.removed)


def _plain(names: Iterable[str]) -> dict[str, Word]:
    return {name: Word() for name in names}


_NEVER: Version = (999, 0, 0)
_NOT_IN_12_0: Version = (12, 0, 0)
_BEFORE_13: Version = (12, 99, 99)
_BEFORE_14: Version = (13, 99, 99)
_BEFORE_15: Version = (14, 99, 99)
_BEFORE_16: Version = (15, 99, 99)

# What Teleport's backend takes as part of a key (lib/backend/sanitize.go), and so every name that it stores.
STORED_NAME = regex.compile(r"[A-Za-z0-9@_:.\-/+]+", re.ASCII)

DATABASE_PROTOCOLS = Words(
    {
        **_plain(("postgres", "mysql", "mongodb", "cockroachdb", "redis", "snowflake", "sqlserver", "cassandra")),
        "elasticsearch": Word(),
        "dynamodb": Word(known=(13, 0, 0), refused=_NOT_IN_12_0),
        "opensearch": Word(known=(13, 0, 0), refused=_NOT_IN_12_0),
        "oracle": Word(known=(13, 0, 0), refused=_NOT_IN_12_0, enterprise=True),
        "clickhouse": Word(known=(14, 0, 0), refused=_BEFORE_13),
        "clickhouse-http": Word(known=(14, 0, 0), refused=_BEFORE_13),
        "spanner": Word(known=(15, 4, 0), refused=(15, 3, 99)),
    }
)
TLS_MODES = Words(_plain(("verify-full", "verify-ca", "insecure")))

JOIN_METHODS = Words(
    {
        **_plain(("token", "iam", "ec2", "github", "circleci", "kubernetes")),
        "azure": Word(known=(13, 0, 0), refused=_NOT_IN_12_0),
        "gitlab": Word(known=(13, 0, 0), refused=_NOT_IN_12_0),
        "gcp": Word(known=(14, 0, 0), refused=_NOT_IN_12_0),
        "spacelift": Word(known=(15, 0, 0), refused=_NOT_IN_12_0),
        "tpm": Word(known=(16, 0, 0), refused=_BEFORE_13),
        "terraform_cloud": Word(known=(17, 0, 0), refused=_BEFORE_14),
        "bitbucket": Word(known=(17, 0, 0), refused=_BEFORE_14),
        "oracle": Word(known=(18, 0, 0), refused=_BEFORE_16),
        "azure_devops": Word(known=(18, 0, 0), refused=_BEFORE_16),
        "bound_keypair": Word(known=(18, 7, 0), refused=_BEFORE_16),
        "env0": Word(known=(18, 0, 0), refused=_BEFORE_16),
    },
    # A minor release may bring a method that the table does not have yet.
    closed_through=12,
)

LOG_SEVERITIES = Words(
    {
        **_plain(("info", "err", "error", "debug", "warn", "warning")),
        "trace": Word(known=(15, 0, 0), refused=_BEFORE_14),
    },
    any_case=True,
)
LOG_FORMATS = Words(_plain(("text", "json")), any_case=True)
LOG_FIELDS = Words(_plain(("level", "component", "caller", "timestamp")))

STORAGE_TYPES = Words(
    {
        **_plain(("dir", "sqlite", "etcd", "firestore", "dynamodb")),
        "postgres": Word(known=(14, 0, 0), refused=_BEFORE_13),
        "cockroachdb": Word(known=(16, 0, 0), refused=_BEFORE_14, enterprise=True),
    }
)
SQLITE_JOURNALS = Words(_plain(("delete", "truncate", "persist", "memory", "wal", "off")), any_case=True)
SQLITE_SYNCS = Words(
    _plain(("off", "normal", "full", "extra", "0", "1", "2", "3")),
    any_case=True,
)
EVENT_SCHEMES = Words(
    {
        **_plain(("dynamodb", "firestore", "file", "stdout")),
        "athena": Word(known=(14, 0, 0), refused=_NOT_IN_12_0),
        "postgres": Word(known=(14, 0, 0), refused=_BEFORE_13),
        "postgresql": Word(known=(14, 0, 0), refused=_BEFORE_13),
    }
)
SESSION_SCHEMES = Words(
    {
        **_plain(("s3", "gs", "file")),
        "azblob": Word(known=(14, 0, 0), refused=_BEFORE_13),
        "azblob-http": Word(known=(14, 0, 0), refused=_BEFORE_13),
    }
)

AUTH_TYPES = Words(_plain(("local", "github", "saml", "oidc")))
SECOND_FACTORS = Words(_plain(("otp", "webauthn", "on", "off", "optional", "u2f")))
RECORDINGS = Words(_plain(("node", "node-sync", "proxy", "proxy-sync", "off")))
LISTENER_MODES = Words(_plain(("separate", "multiplex")), any_case=True)
TUNNEL_STRATEGIES = Words(_plain(("agent_mesh", "proxy_peering")))
ROUTING_STRATEGIES = Words(_plain(("unambiguous_match", "most_recent")), any_case=True)
LOCKING_MODES = Words(_plain(("best_effort", "strict")))
LOCAL_CONNECTORS = Words(
    {
        **_plain(("local", "passwordless")),
        "headless": Word(known=(13, 0, 0), refused=_NOT_IN_12_0),
    }
)
# Roles of a static token, which Teleport reads without regard to capitals.
TOKEN_ROLES = Words(
    {
        **_plain(("auth", "node", "proxy", "kube", "app", "db", "windowsdesktop", "windows_desktop", "discovery")),
        **_plain(("trusted_cluster", "trustedcluster", "remoteproxy", "remote_proxy", "admin", "provisiontoken")),
        **_plain(("signup", "nop", "bot", "instance")),
        "okta": Word(known=(14, 0, 0), refused=_NOT_IN_12_0),
        "mdm": Word(known=(15, 0, 0), refused=_NOT_IN_12_0),
        "access_graph_plugin": Word(known=(16, 0, 0), refused=_BEFORE_13),
        "relay": Word(known=(19, 0, 0), refused=_BEFORE_16),
    },
    any_case=True,
)
# From 14 on a missing key is a third way.
_UNSPECIFIED = "documentation names it, but the source that was read takes on and off alone"
PROXY_PROTOCOLS = Words(
    {**_plain(("on", "off")), "unspecified": Word(known=_NEVER, refused=_BEFORE_14, doubt=_UNSPECIFIED)}
)
SESSION_MFA = Words(
    {
        **_plain(("yes", "yeah", "y", "true", "1", "on", "no", "nope", "n", "false", "0", "off")),
        "hardware_key": Word(enterprise=True),
        "hardware_key_touch": Word(enterprise=True),
        "hardware_key_pin": Word(known=(15, 0, 0), refused=_BEFORE_13, enterprise=True),
        "hardware_key_touch_and_pin": Word(known=(15, 0, 0), refused=_BEFORE_13, enterprise=True),
    },
    any_case=True,
)

# Those that Go's crypto/tls calls insecure; Teleport 18 removed them (its pull request 49665).
_OLD_SUITES = (
    *("tls-rsa-with-aes-128-cbc-sha", "tls-rsa-with-aes-256-cbc-sha", "tls-rsa-with-aes-128-cbc-sha256"),
    *("tls-rsa-with-aes-128-gcm-sha256", "tls-rsa-with-aes-256-gcm-sha384"),
    *("tls-ecdhe-ecdsa-with-aes-128-cbc-sha256", "tls-ecdhe-rsa-with-aes-128-cbc-sha256"),
)
CIPHER_SUITES = Words(
    {
        **_plain(("tls-ecdhe-rsa-with-aes-128-gcm-sha256", "tls-ecdhe-ecdsa-with-aes-128-gcm-sha256")),
        **_plain(("tls-ecdhe-rsa-with-aes-256-gcm-sha384", "tls-ecdhe-ecdsa-with-aes-256-gcm-sha384")),
        **_plain(("tls-ecdhe-rsa-with-chacha20-poly1305", "tls-ecdhe-ecdsa-with-chacha20-poly1305")),
        **_plain(("tls-ecdhe-ecdsa-with-aes-128-cbc-sha", "tls-ecdhe-ecdsa-with-aes-256-cbc-sha")),
        **_plain(("tls-ecdhe-rsa-with-aes-128-cbc-sha", "tls-ecdhe-rsa-with-aes-256-cbc-sha")),
        **{name: Word(removed=18) for name in _OLD_SUITES},
    }
)
