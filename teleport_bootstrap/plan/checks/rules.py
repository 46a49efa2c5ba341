"""What the checks of a document judge, for which majors of Teleport, and how that is known: the table of the manual.

The checks themselves are in the other modules of this room. A test holds both together: each finding belongs to a rule
that covers its setting and the major, and each rule has a finding.
"""

from __future__ import annotations

import fnmatch
import re

from teleport_bootstrap.plan import teleport_versions, words
from teleport_bootstrap.records import dataclass

OLDEST = teleport_versions.OLDEST_TESTED

_MEASURED = "measured with 12.0.0"
# The places that were read: a source of 12.0 and one of the time of 17.
_BOTH = f"{_MEASURED}; source of 12 and 17"
_TWELVE = f"{_MEASURED}; source of 12"
_SOURCE = "source of 12 and 17"
_OWN = "a rule of teleport-bootstrap"
_DOCUMENTED = "Teleport's documentation"


@dataclass(frozen=True)
class Rule:
    """What is judged about the settings that `subjects` match, in words for the manual.

    `subjects` are paths as messages write them, with `[]` for every item of a list and `*` for any text. The rule holds
    from the major `since` up to `until` (None: no end is known). `known` says how that is known. `words` are those
    that the setting takes, where the rule is about words.
    """

    subjects: tuple[str, ...]
    what: str
    known: str = _BOTH
    since: int = OLDEST
    until: int | None = None
    words: words.Words | None = None

    def covers(self, subject: str, major: int) -> bool:
        """Whether a finding about `subject`, for a Teleport of `major`, can belong to this rule."""
        generic = re.sub(r"\[\d+\]", "[]", subject)
        return self.since <= major <= (self.until or major) and any(
            fnmatch.fnmatchcase(generic, each.replace("[]", "[[]]")) for each in self.subjects
        )


_DATABASE = "db_service.databases[]"
_APP = "app_service.apps[]"
_SIGN_IN = "auth_service.authentication"
_STORAGE = "teleport.storage"

RULES = (
    # The file as a whole.
    Rule(("version",), "not `v3`", _MEASURED),
    Rule(
        ("kube_service", "database*_service", "app*_service", "node_service"),
        "a section under another name than Teleport's",
        "source of 12; `configure --test` tells it, too",
    ),
    Rule(("teleport", "*_service"), "a section that is not a mapping", _SOURCE),
    Rule(("*_service.enabled",), "a word that is not a boolean, which would silently disable the service", _OWN),
    Rule(("*_service.enabled",), "no service that serves anyone", _SOURCE),
    Rule(("*_service.enabled",), "a service that does not fit the role of the conf (warning)", _OWN),
    Rule(("*",), "an empty value, which Teleport reads as not set", _OWN),
    Rule(
        ("teleport.diag_addr", "teleport.pid_file"), "a value without effect, because the unit sets it (warning)", _OWN
    ),
    Rule(
        ("teleport.nodename",),
        "no valid host name (warning)",
        f"{_MEASURED}, which takes it; newer ones show the UUID of the host",
    ),
    # The process.
    Rule(("teleport.log.severity",), "another word", words=words.LOG_SEVERITIES),
    Rule(("teleport.log.format.output",), "another word", words=words.LOG_FORMATS),
    Rule(("teleport.log.format.extra_fields",), "another word", _TWELVE, words=words.LOG_FIELDS),
    Rule(("teleport.log.output",), "a file, which Teleport has to be able to create (warning)"),
    Rule(
        ("teleport.ciphersuites",),
        "another cipher suite, or another spelling",
        f"{_BOTH}; pull request 49665 for 18",
        words=words.CIPHER_SUITES,
    ),
    Rule(("auth_service.assist", "proxy_service.assist"), "the key itself", "changelog of 16", since=16),
    Rule(
        ("teleport.advertise_ip",),
        "no address, no host beside a port, a port that is not a number, or an address that others cannot reach",
    ),
    # Joining.
    Rule(
        ("teleport.auth_server*", "teleport.proxy_server"),
        "both, neither, `auth_servers`, a proxy beside a proxy of one's own, databases or applications without a proxy",
    ),
    Rule(("teleport.auth_server", "teleport.proxy_server"), "a port that is usually the other's (warning)", _SOURCE),
    Rule(("teleport.auth_token", "teleport.join_params.*"), "both at once, or an incomplete `join_params`", _SOURCE),
    Rule(("teleport.join_params.method",), "another join method", _TWELVE, words=words.JOIN_METHODS),
    Rule(
        ("teleport.ca_pin",),
        "neither a pin nor the absolute path of a file",
        f"{_OWN}: Teleport would trust no auth server, and say so later",
    ),
    # Addresses.
    Rule(
        ("*listen_addr", "*public_addr", "teleport.auth_server", "teleport.proxy_server"),
        "an address that does not parse, or a lone number, which Teleport reads as a host",
    ),
    Rule(("*public_addr",), "a port above 65535, or no host", _OWN),
    Rule(("proxy_service.*_public_addr",), "a public address without its listener"),
    Rule(("*listen_addr",), "a port that is used twice", f"{_OWN}: the second listener fails"),
    # The proxy.
    Rule(("*_service.proxy_protocol",), "another word", words=words.PROXY_PROTOCOLS),
    Rule(("proxy_service.proxy_protocol",), "`on` behind an application load balancer (warning)", _DOCUMENTED),
    Rule(("proxy_service.kubernetes",), "the old key beside `kube_listen_addr`"),
    Rule(("proxy_service.https_keypairs*",), "half a pair, or a path that is not absolute"),
    Rule(("proxy_service.acme.enabled",), "a word that is not a boolean; no DNS name in `public_addr`"),
    Rule(("proxy_service.acme.uri",), "no URL"),
    Rule(
        ("proxy_service.trust_x_forwarded_for",),
        "a word that is not a boolean; a Teleport without this key, or no load balancer that writes it (warning)",
        f"{_MEASURED}; changelog of 14",
    ),
    Rule(
        ("proxy_service.mongo_listen_addr", "auth_service.proxy_listener_mode"),
        "what needs TLS, with `--insecure-no-tls`",
        _SOURCE,
    ),
    # Signing in, and the rest of the auth service.
    Rule((f"{_SIGN_IN}.type",), "another word", _TWELVE, words=words.AUTH_TYPES),
    Rule((f"{_SIGN_IN}.second_factor",), "another word", _TWELVE, words=words.SECOND_FACTORS),
    Rule((f"{_SIGN_IN}.second_factor",), "`off` and `optional`", "changelog of 16", since=16),
    Rule(
        (f"{_SIGN_IN}.second_factor", f"{_SIGN_IN}.second_factors"), "both at once, or another word", "changelog of 17"
    ),
    Rule((f"{_SIGN_IN}.second_factors",), "the key itself", f"{_MEASURED}; changelog of 17", until=15),
    Rule((f"{_SIGN_IN}.webauthn.rp_id", f"{_SIGN_IN}.u2f.app_id"), "missing where it is needed, or no domain", _TWELVE),
    Rule(
        (f"{_SIGN_IN}.webauthn.attestation_*",),
        "neither a certificate nor an absolute path (warning)",
        _TWELVE,
    ),
    Rule((f"{_SIGN_IN}.passwordless", f"{_SIGN_IN}.headless"), "without WebAuthn", _TWELVE),
    Rule((f"{_SIGN_IN}.connector_name",), "another word for local users", _TWELVE, words=words.LOCAL_CONNECTORS),
    Rule((f"{_SIGN_IN}.connector_name",), "passwordless or headless without WebAuthn", _TWELVE),
    Rule((f"{_SIGN_IN}.locking_mode",), "another word", _TWELVE, words=words.LOCKING_MODES),
    Rule((f"{_SIGN_IN}.require_session_mfa",), "another word", _TWELVE, words=words.SESSION_MFA),
    Rule(
        (f"{_SIGN_IN}.local_auth", "auth_service.proxy_checks_host_keys"),
        "what a FIPS build does not start with",
        _SOURCE,
    ),
    Rule(("auth_service.session_recording",), "another word", _TWELVE, words=words.RECORDINGS),
    Rule(("auth_service.proxy_listener_mode",), "another word", _TWELVE, words=words.LISTENER_MODES),
    Rule(("auth_service.routing_strategy",), "another word", _TWELVE, words=words.ROUTING_STRATEGIES),
    Rule(("auth_service.tunnel_strategy.type",), "another word", _TWELVE, words=words.TUNNEL_STRATEGIES),
    Rule(("auth_service.tunnel_strategy.type",), "`proxy_peering` on the community edition (warning)", _TWELVE),
    Rule(("auth_service.tokens",), "no role before a colon, or another role", _TWELVE, words=words.TOKEN_ROLES),
    Rule(("auth_service.reverse_tunnels[].*",), "no name, no address, or one that does not parse"),
    Rule(("auth_service.ca_key_params.*",), "half of Google's keys, two stores at once, or two PINs"),
    Rule(("auth_service.cluster_name",), "a name that Teleport cannot store", _MEASURED),
    Rule(
        ("auth_service.cluster_name",),
        "`+`, `:`, `/` and `@`, which SSM and certificates do not take; another name than the conf's (warning)",
        _OWN,
    ),
    # Storage, where an auth service runs.
    Rule((f"{_STORAGE}.type",), "another word", words=words.STORAGE_TYPES),
    Rule(
        (f"{_STORAGE}.*",),
        "missing keys: `table_name` of dynamodb; `prefix` and `peers` of etcd; `collection_name` and `project_id` of "
        "firestore; `conn_string` of postgres and cockroachdb",
        _TWELVE,
    ),
    Rule((f"{_STORAGE}.journal",), "another word", _TWELVE, words=words.SQLITE_JOURNALS),
    Rule((f"{_STORAGE}.sync",), "another word", _TWELVE, words=words.SQLITE_SYNCS),
    Rule((f"{_STORAGE}.audit_events_uri",), "another scheme", _MEASURED, words=words.EVENT_SCHEMES),
    Rule((f"{_STORAGE}.audit_sessions_uri",), "another scheme", _MEASURED, words=words.SESSION_SCHEMES),
    Rule((f"{_STORAGE}.audit_*_uri",), "no URI, no directory, no bucket, or events outside without recordings outside"),
    # Databases.
    Rule((f"{_DATABASE}.name",), "capitals, or more than 63 characters", f"{_MEASURED}; pull request 28841", until=13),
    Rule((f"{_DATABASE}.name",), "missing, or other than letters, digits and hyphens, beginning with a letter"),
    Rule((f"{_DATABASE}.protocol",), "missing, or another word", words=words.DATABASE_PROTOCOLS),
    Rule(
        (f"{_DATABASE}.uri",),
        "no address with a port; a scheme where none belongs; what Redis, MongoDB, Snowflake and ClickHouse do not "
        "read; an endpoint of Redshift or Azure that does not parse",
    ),
    Rule(
        (f"{_DATABASE}.uri",), "a port or host that cannot be reached (warning)", f"{_MEASURED}, which starts with it"
    ),
    Rule((f"{_DATABASE}.uri",), "a cloud's CA certificates, which are downloaded at the start (warning)", _TWELVE),
    Rule((f"{_DATABASE}.tls.mode",), "another word", words=words.TLS_MODES),
    Rule((f"{_DATABASE}.mysql.server_version",), "with another protocol than mysql"),
    Rule((f"{_DATABASE}.gcp.*",), "half of project and instance"),
    Rule((f"{_DATABASE}.ad.*",), "missing keys of Kerberos for SQL Server"),
    Rule(
        (f"{_DATABASE}.aws.account_id", f"{_DATABASE}.aws.rds.cluster_id", f"{_DATABASE}.azure.resource_id"),
        "missing where the endpoint does not tell it: Keyspaces, DynamoDB, custom endpoints of Aurora, Azure Cache",
    ),
    Rule((f"{_DATABASE}.aws.region",), "with an address that is not AWS's: taken for RDS (warning)", _TWELVE),
    Rule(("db_service.databases", "app_service.apps"), "a name that is used twice (warning)", _MEASURED),
    # Applications.
    Rule((f"{_APP}.name",), "missing, or not a DNS label of lower-case letters"),
    Rule((f"{_APP}.uri",), "missing, or not a URL to Go"),
    Rule((f"{_APP}.uri",), "a URL without host, where the application does not answer (warning)", _MEASURED),
    Rule((f"{_APP}.public_addr",), "a scheme, a port or an IP address", _TWELVE),
    Rule((f"{_APP}.rewrite*",), "a header without a valid name, or one that Teleport sets itself"),
    # Other services.
    Rule(
        ("kubernetes_service.listen_addr", "windows_desktop_service.listen_addr"),
        "missing without `proxy_server`, or set with it",
        _TWELVE,
    ),
    Rule(("kubernetes_service.kubeconfig_file",), "missing outside a Kubernetes pod (warning)", _TWELVE),
    Rule(("windows_desktop_service.ldap.addr",), "missing", _MEASURED, until=12),
    Rule(("windows_desktop_service.ldap.addr",), "missing beside `hosts` or `discovery`", "source of 17", since=13),
    Rule(("metrics_service.listen_addr",), "missing"),
    Rule(("metrics_service.keypairs", "metrics_service.ca_certs"), "missing with `mtls`", _SOURCE),
    Rule(("tracing_service.exporter_url",), "missing, not a URL, or a scheme without exporter"),
    Rule(("tracing_service.exporter_url",), "gRPC, where the exporter has to answer at the start (warning)", _MEASURED),
    Rule(("ssh_service.namespace",), "another than `default`", _TWELVE),
    Rule(("ssh_service.x11.*",), "a word that is not a boolean, or a range that ends before it begins"),
    Rule(
        ("ssh_service.enhanced_recording.enabled",),
        "missing with `restricted_session`",
        f"{_MEASURED}; changelog of 15",
        until=14,
    ),
    Rule(
        ("*labels*", "*.commands[]*"),
        "an invalid key, a key under another name, a command that is not a list, a period that is not a duration",
    ),
)


def rules_for(subject: str, major: int) -> tuple[Rule, ...]:
    """Return the rules that a finding about `subject` for a Teleport of `major` can belong to, the general one last."""
    found = [each for each in RULES if each.subjects != ("*",) and each.covers(subject, major)]
    return (*found, *(each for each in RULES if each.subjects == ("*",)))
