"""What Teleport would refuse only at its start, or never report: found in the document, with the line it came from."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from teleport_bootstrap import errors
from teleport_bootstrap.conf import conf_file
from teleport_bootstrap.finding import Finding, Place
from teleport_bootstrap.plan import overrides, planner, requirements, teleport_build
from teleport_bootstrap.plan.checks import resources
from tests.unit.plan.planning import INSTANCE

PLACE = "/etc/teleport.d/teleport.yaml.d/10.yaml"

ALL = "TELEPORT_DOMAIN_NAME=example.com\n"
PLAIN_HTTP = ALL + "USE_ACM=true\n"
AUTH = (
    "TELEPORT_ROLE=auth\nTELEPORT_CLUSTER_NAME=cluster-1\nTELEPORT_AUTH_SERVER_LB=auth.example.com\n"
    "TELEPORT_DYNAMO_TABLE_NAME=state-1\nTELEPORT_DYNAMO_EVENTS_TABLE_NAME=events-1\nTELEPORT_S3_BUCKET=bucket-1\n"
    "TELEPORT_LOCKS_TABLE_NAME=locks-1\nTELEPORT_AUTH_TYPE=github\nUSE_LETSENCRYPT=false\n"
)
PROXY = (
    "TELEPORT_ROLE=proxy\nTELEPORT_DOMAIN_NAME=example.com\nTELEPORT_AUTH_SERVER_LB=auth.example.com\n"
    "USE_LETSENCRYPT=false\n"
)
NODE = "TELEPORT_ROLE=node\nTELEPORT_CLUSTER_NAME=cluster-1\nTELEPORT_AUTH_SERVER_LB=auth.example.com\n"
AGENT = "TELEPORT_ROLE=agent\nTELEPORT_PROXY_SERVER_LB=proxy.example.com\nTELEPORT_JOIN_TOKEN=t\n"
SSH = "TELEPORT_AGENT_SSH_ENABLED=1\n"
DATABASE = (
    "TELEPORT_AGENT_DB_ENABLED=1\nTELEPORT_AGENT_DB_NAME=orders\nTELEPORT_AGENT_DB_PROTOCOL=postgres\n"
    "TELEPORT_AGENT_DB_URI=db.example.com:5432\n"
)
APPLICATION = "TELEPORT_AGENT_APP_ENABLED=1\nTELEPORT_AGENT_APP_NAME=wiki\nTELEPORT_AGENT_APP_URI=http://127.0.0.1:80\n"


def plan(text: str, override: str = "", *, version: str = "17.5.1", fips: bool = False):
    settings = conf_file.load(text.encode(), "/etc/teleport.d/conf")
    files = [overrides.Override(PLACE, override.encode())] if override else []
    return planner.plan(settings, INSTANCE, teleport_build.of_version(version, fips=fips), files)


def refused(text: str, override: str, **build) -> tuple[Finding, ...]:
    with pytest.raises(errors.DocumentInvalid) as caught:
        plan(text, override, **build)
    assert caught.value.exit_status == 2
    for finding in caught.value.findings:
        assert finding.is_error and finding.code.startswith("document-")
        assert finding.remedy
        assert finding.message.startswith(f"{finding.subject}: ")
    return caught.value.findings


@pytest.mark.parametrize(
    ("text", "override", "path", "said"),
    [
        # The file as a whole.
        (ALL, "version: null", "version", ": missing"),
        (ALL, "version: v2", "version", "this is v2"),
        (ALL, "version: 3", "version", "this is 3"),
        (ALL, "ssh_service: text", "ssh_service", "not a mapping"),
        (ALL, "kube_service: {enabled: 'yes'}", "kube_service", "write kubernetes_service"),
        (ALL, "database_service: {enabled: 'yes'}", "database_service", "write db_service"),
        (ALL, "ssh_service: {enabled: ja}", "ssh_service.enabled", "is not a boolean"),
        (ALL, "ssh_service: {enabled: ' yes'}", "ssh_service.enabled", "is not a boolean"),
        (ALL, "teleport: {nodename: ''}", "teleport.nodename", "the value is empty"),
        (ALL, "proxy_service: {public_addr: [a.example.com:443, null]}", "proxy_service.public_addr", "is empty"),
        (ALL, "teleport: {log: {severity: LOUD}}", "teleport.log.severity", "does not accept LOUD"),
        # Joining.
        (NODE, "teleport: {auth_server: null}", "teleport.auth_server", "neither auth_server nor proxy_server"),
        (NODE, "teleport: {proxy_server: 'p.example.com:443'}", "teleport.proxy_server", "not both"),
        (PROXY, "teleport: {auth_server: null, proxy_server: 'p:443'}", "teleport.proxy_server", "proxy_service runs"),
        (AUTH, "teleport: {proxy_server: 'p:443'}", "teleport.proxy_server", "auth_service runs"),
        (NODE, "teleport: {auth_servers: ['a:3025']}", "teleport.auth_servers", "does not have auth_servers"),
        (AGENT + DATABASE, "teleport: {proxy_server: null, auth_server: a}", "teleport.auth_server", "db_service can"),
        (AGENT + APPLICATION, "teleport: {proxy_server: null, auth_server: a}", "teleport.auth_server", "app_service"),
        (NODE, "teleport: {auth_token: /t}", "teleport.auth_token", "not both"),
        (NODE, "teleport: {join_params: {join_method: iam}}", "teleport.join_params.join_method", "write method"),
        (NODE, "teleport: {join_params: {method: null}}", "teleport.join_params.method", ": missing"),
        (NODE, "teleport: {join_params: {token_name: null}}", "teleport.join_params.token_name", ": missing"),
        (NODE, "teleport: {ca_pin: abcdef}", "teleport.ca_pin", "neither a pin nor the absolute path"),
        (NODE, "teleport: {ca_pin: [/a, ca-pin-hash]}", "teleport.ca_pin", "neither a pin nor the absolute path"),
        (NODE, "ssh_service: {enabled: 'no'}", "ssh_service.enabled", "no service is enabled"),
        # Addresses.
        (ALL, "proxy_service: {ssh_public_addr: ':3023'}", "proxy_service.ssh_public_addr", "does not name a host"),
        (ALL, "proxy_service: {public_addr: 'a b'}", "proxy_service.public_addr", "a b is not a valid address"),
        (
            ALL,
            "proxy_service: {public_addr: 'a.example.com:https'}",
            "proxy_service.public_addr",
            "is not a valid address",
        ),
        (ALL, "proxy_service: {mysql_listen_addr: 3036}", "proxy_service.mysql_listen_addr", "as a host"),
        (
            ALL,
            "proxy_service: {web_listen_addr: '0.0.0.0:70000'}",
            "proxy_service.web_listen_addr",
            "70000 is not a valid port",
        ),
        (ALL, "auth_service: {listen_addr: 'fe80::1'}", "auth_service.listen_addr", "is not a valid address"),
        (NODE, "teleport: {auth_server: ':3025'}", "teleport.auth_server", "does not name a host"),
        (ALL, "teleport: {advertise_ip: 0.0.0.0}", "teleport.advertise_ip", "other hosts cannot reach"),
        (ALL, "proxy_service: {kube_listen_addr: null}", "proxy_service.kube_public_addr", "without kube_listen_addr"),
        (ALL, "proxy_service: {mysql_public_addr: 'a:1'}", "proxy_service.mysql_public_addr", "without mysql_listen"),
        (ALL, "proxy_service: {mongo_public_addr: 'a:1'}", "proxy_service.mongo_public_addr", "without mongo_listen"),
        (ALL, "proxy_service: {peer_public_addr: 'a:1'}", "proxy_service.peer_public_addr", "without peer_listen"),
        # Ports.
        (ALL, "ssh_service: {listen_addr: '0.0.0.0:3023'}", "ssh_service.listen_addr", "proxy_service.listen_addr"),
        (
            ALL,
            "proxy_service: {listen_addr: '10.0.0.12:3025'}",
            "proxy_service.listen_addr",
            "auth_service.listen_addr",
        ),
        (ALL, "auth_service: {listen_addr: '0.0.0.0:3000'}", "auth_service.listen_addr", "Teleport's diagnostics"),
        (ALL, "proxy_service: {tunnel_listen_addr: ':443'}", "proxy_service.tunnel_listen_addr", "host included"),
        (
            PLAIN_HTTP,
            "proxy_service: {tunnel_listen_addr: '0.0.0.0:3080'}",
            "proxy_service.tunnel_listen_addr",
            "cannot carry both",
        ),
        # The proxy.
        (ALL, "proxy_service: {kubernetes: {enabled: 'yes'}}", "proxy_service.kubernetes", "exclude each other"),
        (ALL, "proxy_service: {https_keypairs: /c.pem}", "proxy_service.https_keypairs", "not a list"),
        (ALL, "proxy_service: {https_keypairs: [/c.pem]}", "proxy_service.https_keypairs[0]", "not a pair"),
        (
            ALL,
            "proxy_service: {https_keypairs: [{cert_file: /c.pem}]}",
            "proxy_service.https_keypairs[0].key_file",
            ": missing",
        ),
        (
            ALL,
            "proxy_service: {https_keypairs: [{cert_file: c.pem, key_file: /k}]}",
            "proxy_service.https_keypairs[0].cert_file",
            "not an absolute path",
        ),
        (ALL, "proxy_service: {proxy_protocol: true}", "proxy_service.proxy_protocol", "does not accept True"),
        (ALL, "proxy_service: {proxy_protocol: yes}", "proxy_service.proxy_protocol", "does not accept yes"),
        (ALL, "proxy_service: {trust_x_forwarded_for: maybe}", "proxy_service.trust_x_forwarded_for", "reads it as no"),
        (PLAIN_HTTP, "proxy_service: {mongo_listen_addr: ':27017'}", "proxy_service.mongo_listen_addr", "requires TLS"),
        (
            PLAIN_HTTP,
            "proxy_service: {listen_addr: null}\nauth_service: {proxy_listener_mode: multiplex}",
            "auth_service.proxy_listener_mode",
            "--insecure-no-tls disables",
        ),
        # Signing in.
        (ALL, "auth_service: {authentication: {type: ldap}}", "auth_service.authentication.type", "not accept ldap"),
        (
            ALL,
            "auth_service: {authentication: {second_factor: otp}}",
            "auth_service.authentication.second_factor",
            "not both",
        ),
        (
            ALL,
            "auth_service: {authentication: {second_factors: null, second_factor: off}}",
            "auth_service.authentication.second_factor",
            "require a second factor",
        ),
        (
            ALL,
            "auth_service: {authentication: {second_factors: null, second_factor: optional}}",
            "auth_service.authentication.second_factor",
            "require a second factor",
        ),
        (
            ALL,
            "auth_service: {authentication: {second_factors: [sms]}}",
            "auth_service.authentication.second_factors",
            "not accept sms",
        ),
        (
            ALL,
            "auth_service: {authentication: {second_factors: [sso]}}",
            "auth_service.authentication.second_factors",
            "local users",
        ),
        (
            ALL,
            "auth_service: {authentication: {webauthn: null}}",
            "auth_service.authentication.webauthn.rp_id",
            ": missing",
        ),
        (
            ALL,
            "auth_service: {authentication: {webauthn: {rp_id: 'https://example.com'}}}",
            "auth_service.authentication.webauthn.rp_id",
            "is not a domain",
        ),
        (ALL, "auth_service: {session_recording: all}", "auth_service.session_recording", "not accept all"),
        (ALL, "auth_service: {cluster_name: 'my cluster'}", "auth_service.cluster_name", "cannot be part"),
        # Labels.
        (ALL, "ssh_service: {labels: {'a b': c}}", 'ssh_service.labels["a b"]', "not a valid label key"),
        (ALL, "ssh_service: {labels: {a: [b]}}", "ssh_service.labels.a", "one value"),
        (ALL, "ssh_service: {labels: [a]}", "ssh_service.labels", "not a mapping"),
        (ALL, "ssh_service: {static_labels: {a: b}}", "ssh_service.static_labels", "write labels"),
        (ALL, "ssh_service: {commands: [{command: [a], period: 1h}]}", "ssh_service.commands[0].name", ": missing"),
        (
            ALL,
            "ssh_service: {commands: [{name: 'a b', command: [a], period: 1h}]}",
            "ssh_service.commands[0].name",
            "not a valid label key",
        ),
        (
            ALL,
            "ssh_service: {commands: [{name: a, command: uname -r, period: 1h}]}",
            "ssh_service.commands[0].command",
            "not a list",
        ),
        (
            ALL,
            "ssh_service: {commands: [{name: a, command: [], period: 1h}]}",
            "ssh_service.commands[0].command",
            "not a list",
        ),
        (
            ALL,
            "ssh_service: {commands: [{name: a, command: [b], period: hourly}]}",
            "ssh_service.commands[0].period",
            "not a valid duration",
        ),
        (
            AGENT + DATABASE,
            "db_service: {databases: [{name: d, protocol: mysql, uri: 'h:1', labels: {a: b}}]}",
            "db_service.databases[0].labels",
            "write static_labels",
        ),
        # Databases and applications.
        (
            AGENT + DATABASE,
            "db_service: {databases: [{name: my_db, protocol: mysql, uri: 'h:1'}]}",
            "db_service.databases[0].name",
            "not a valid database name",
        ),
        (
            AGENT + DATABASE,
            "db_service: {databases: [{name: d, protocol: mysql}]}",
            "db_service.databases[0].uri",
            ": missing",
        ),
        (
            AGENT + APPLICATION,
            "app_service: {apps: [{name: Wiki, uri: 'http://x'}]}",
            "app_service.apps[0].name",
            "not a valid application name",
        ),
        (
            AGENT + APPLICATION,
            "app_service: {apps: [{name: w, uri: 'http://x', public_addr: 'w.example.com:443'}]}",
            "app_service.apps[0].public_addr",
            "without a port",
        ),
        (AGENT + APPLICATION, "app_service: {apps: [{name: w}]}", "app_service.apps[0].uri", ": missing"),
    ],
)
def test_an_override_that_teleport_would_refuse_is_refused(text: str, override: str, path: str, said: str) -> None:
    findings = refused(text, override)
    assert any(finding.subject == path and said in str(finding) for finding in findings), findings


def test_a_finding_names_path_remedy_and_place() -> None:
    (finding,) = refused(ALL, "proxy_service:\n  mysql_public_addr: a.example.com:3036\n")
    assert str(finding) == (
        f"{PLACE}:2:3: proxy_service.mysql_public_addr: Teleport refuses this key without mysql_listen_addr "
        "(set mysql_listen_addr too, or delete mysql_public_addr with null)"
    )
    assert finding.data() == {
        "severity": "error",
        "code": "document-address",
        "subject": "proxy_service.mysql_public_addr",
        "message": "proxy_service.mysql_public_addr: Teleport refuses this key without mysql_listen_addr",
        "remedy": "set mysql_listen_addr too, or delete mysql_public_addr with null",
        "file": PLACE,
        "line": 2,
        "column": 3,
    }


def test_a_port_that_is_used_twice_names_the_conf_line() -> None:
    (finding,) = refused(ALL + "TELEPORT_WEB_LISTEN_PORT=3025\nTELEPORT_EXTERNAL_PORT=443\nUSE_TLS_ROUTING=true\n", "")
    assert str(finding) == (
        "/etc/teleport.d/conf:2: proxy_service.web_listen_addr: port 3025 is already used by auth_service.listen_addr "
        "(use another port)"
    )


def test_a_finding_about_two_lines_names_both() -> None:
    text = ALL + "TELEPORT_WEB_LISTEN_PORT=4022\nTELEPORT_EXTERNAL_PORT=443\nUSE_TLS_ROUTING=true\n"
    (finding,) = refused(text, "ssh_service: {listen_addr: '0.0.0.0:4022'}")
    assert str(finding) == (
        f"{PLACE}:1:15: ssh_service.listen_addr: port 4022 is already used by proxy_service.web_listen_addr; "
        "also from TELEPORT_WEB_LISTEN_PORT at /etc/teleport.d/conf:2 (use another port)"
    )


def test_a_missing_key_names_the_line_that_removed_it() -> None:
    (finding,) = refused(NODE, "teleport:\n  auth_server: null\n")
    assert finding.place == Place(PLACE, 2, 3)


def test_all_findings_are_reported_at_once() -> None:
    findings = refused(ALL, "version: v1\nssh_service: {enabled: maybe}\nteleport: {log: {severity: x}}\n")
    assert len(findings) == 3


@pytest.mark.parametrize(
    ("text", "override", "said"),
    [
        (PROXY, "ssh_service: {enabled: 'yes', listen_addr: '0.0.0.0:3022'}", "runs as user teleport in a sandbox"),
        (
            PROXY,
            "auth_service: {enabled: 'yes'}",
            "the service is enabled, but timers, secrets and health checks follow",
        ),
        (ALL, "teleport: {diag_addr: '127.0.0.1:9000'}", "has no effect"),
        (ALL, "teleport: {auth_server: 'a.example.com:3025'}", "would use another auth server"),
        (NODE, "teleport: {auth_server: 'a.example.com:443'}", "port 443 is usually the proxy's"),
        (NODE, "teleport: {join_params: {method: future, token_name: x}}", "is not a known join method"),
        (PLAIN_HTTP, "proxy_service: {proxy_protocol: on}", "does not send a PROXY header"),
        (ALL, "proxy_service: {trust_x_forwarded_for: true}", "every client can claim any address"),
        (PLAIN_HTTP, "auth_service: {proxy_listener_mode: multiplex}", "clients would use TLS routing"),
        (ALL, "teleport: {nodename: a_b}", "is not a valid host name"),
        (ALL, "auth_service: {cluster_name: other}", "still use the name example.com"),
        (ALL, "ssh_service: {commands: [{name: a, command: [b], period: 60}]}", "less than a second"),
        (ALL, "ssh_service: {commands: [{name: a, command: [b]}]}", "every second"),
        (
            ALL + "USE_LETSENCRYPT=true\nTELEPORT_S3_BUCKET=bucket-1\nTELEPORT_DOMAIN_ADMIN_EMAIL=a@example.com\n",
            "proxy_service: {https_keypairs: [{cert_file: /c, key_file: /k}]}",
            "still waits for /var/lib/teleport/fullchain.pem",
        ),
    ],
)
def test_what_teleport_accepts_and_the_operator_should_know_is_a_note(text: str, override: str, said: str) -> None:
    assert any(said in note for note in plan(text, override).notes)
    assert not any(said in note for note in plan(text).notes)


@pytest.mark.parametrize(
    "override",
    [
        "proxy_service: {proxy_protocol: on}",
        "proxy_service: {proxy_protocol: 'off'}",
        "proxy_service: {postgres_public_addr: 'pg.example.com:443'}",
        "proxy_service: {web_listen_addr: ':3081', tunnel_listen_addr: ':3081'}",
        "proxy_service: {web_listen_addr: '[::]:3080', tunnel_listen_addr: '[::]:3080'}",
        "proxy_service: {public_addr: ['https://a.example.com', 'b.example.com:443']}",
        "proxy_service: {listen_addr: '10.0.0.12:3023'}\nssh_service: {listen_addr: '127.0.0.1:3023'}",
        "proxy_service: {kubernetes: {enabled: 'no'}}",
        "proxy_service: {enabled: no, mysql_public_addr: 'a:1', https_keypairs: x}",
        "ssh_service: {enabled: off, labels: {'a b': c}}",
        "ssh_service: {enabled: true, labels: {a: '', b: 1.10, c: yes}, commands: []}",
        "auth_service: {authentication: {second_factors: null, second_factor: on}}",
        "auth_service: {authentication: {second_factors: null, second_factor: otp, webauthn: null}}",
        "auth_service: {session_recording: off}",
        "teleport: {storage: {poll_stream_period: 1s, anything: ''}}",
        "teleport: {ca_pin: ['sha256:" + "a" * 64 + "', /etc/pins]}",
        "windows_desktop_service: {enabled: 'no'}",
        "discovery_service: {enabled: 'yes'}",
    ],
)
def test_what_teleport_accepts_is_accepted(override: str) -> None:
    assert plan(ALL, override).document["version"] == "v3"


def test_the_second_factor_may_be_off_before_16() -> None:
    override = "auth_service: {authentication: {second_factor: off}}"
    assert plan(ALL, override, version="15.4.0").document["auth_service"]["authentication"]["second_factor"] == "off"


def test_the_list_of_second_factors_is_unknown_to_15() -> None:
    override = "auth_service: {authentication: {second_factor: null, second_factors: [otp]}}"
    assert "does not know this key" in refused(ALL, override, version="15.4.0")[0].message


def test_the_forwarded_header_gives_a_note_before_14() -> None:
    override = "proxy_service: {trust_x_forwarded_for: true}"
    assert any("only the last patch releases" in note for note in plan(PLAIN_HTTP, override, version="13.4.0").notes)


@pytest.mark.parametrize(
    ("override", "said"),
    [
        ("auth_service: {authentication: {local_auth: null}}", "does not start with local users"),
        ("auth_service: {authentication: {local_auth: true}}", "does not start with local users"),
        ("auth_service: {session_recording: proxy, proxy_checks_host_keys: no}", "only if it checks host keys"),
    ],
)
def test_fips_requires_more(override: str, said: str) -> None:
    assert said in refused(AUTH, override, fips=True)[0].message


def test_fips_needs_no_authentication_section_at_all() -> None:
    assert (
        "authentication" not in plan(AUTH, "auth_service: {authentication: null}", fips=True).document["auth_service"]
    )


@pytest.mark.parametrize(
    ("period", "expected"),
    [
        ("1h0m0s", 3600 * 10**9),
        ("1.5h", 5400 * 10**9),
        ("500ms", 5 * 10**8),
        (".5s", 5 * 10**8),
        ("1.s", 10**9),
        ("1.0000000019s", 10**9 + 1),
        ("2us3ns", 2003),
        (1_000_000_000, 10**9),
        ("0", 0),
        ("1m30s", 90 * 10**9),
        ("hourly", None),
        ("1d", None),
        ("1 h", None),
        ("", None),
        ("-1h", None),
        ("60", None),
        (".s", None),
        ("1" * 5000 + "h", None),
        ("s", None),
    ],
)
def test_durations_are_read_as_go_reads_them(period: str | int, expected: int | None) -> None:
    assert resources.nanoseconds(period) == expected


STORAGE = (
    "TELEPORT_DYNAMO_TABLE_NAME=state-1\nTELEPORT_DYNAMO_EVENTS_TABLE_NAME=events-1\nTELEPORT_S3_BUCKET=bucket-1\n"
    "TELEPORT_LOCKS_TABLE_NAME=locks-1\n"
)
NAMES = "TELEPORT_DOMAIN_NAME=example.com\nTELEPORT_DOMAIN_ADMIN_EMAIL=a@example.com\n"
BALANCERS = "TELEPORT_AUTH_SERVER_LB=auth.example.com\nTELEPORT_PROXY_SERVER_LB=proxy.example.com\n"
SWITCHES = (
    "USE_ACM=true\n",
    "USE_LETSENCRYPT=true\n",
    "USE_LETSENCRYPT=false\n",
    "USE_TLS_ROUTING=true\n",
    "PROXY_MULTIPLEXING=separate\n",
    "TELEPORT_ACM_TARGET_PROTOCOL=https\n",
    "TELEPORT_ACM_TARGET_PROTOCOL=http\n",
    "TELEPORT_ENABLE_MYSQL=1\n",
    "TELEPORT_ENABLE_POSTGRES=1\n",
    "TELEPORT_ENABLE_MONGODB=1\n",
    "TELEPORT_LICENSE_PATH=1\n",
    "TELEPORT_AUTH_TYPE=saml\n",
    "TELEPORT_PROXY_SERVER_NLB_ALIAS=nlb.example.com\n",
    "TELEPORT_EXTERNAL_HOSTNAME=teleport.example.com\n",
    "TELEPORT_EXTERNAL_PORT=8443\n",
    "TELEPORT_WEB_LISTEN_PORT=8443\n",
    "TELEPORT_JOIN_METHOD=iam\nTELEPORT_JOIN_TOKEN_NAME=nodes\n",
    "TELEPORT_COMMAND_LABELS=''\n",
    "TELEPORT_SSH_LABELS='a: yes|b: 0123|aws/x: '\n",
    "TELEPORT_NODENAME=node-1.example.com\n",
    NAMES,
    STORAGE,
    BALANCERS,
    SSH,
    DATABASE,
    APPLICATION,
    "TELEPORT_AGENT_KUBE_ENABLED=1\n",
    "TELEPORT_JOIN_TOKEN=t\n",
)
ROLES = ("", *(f"TELEPORT_ROLE={role}\n" for role in ("auth,node,proxy", "auth", "proxy", "node", "agent")))
VERSIONS = ("12.4.0", "14.0.0", "16.0.0", "17.5.1", "18.0.0")


def judged(text: str, version: str, fips: bool) -> bool:
    """Plan `text` if it is valid, and return whether it was valid: the planner never refuses a document of its own."""
    settings = conf_file.inspect(text.encode(), "conf").conf
    if settings is None or requirements.check(settings, fips=fips):
        return False
    planner.plan(settings, INSTANCE, teleport_build.of_version(version, fips=fips))
    return True


@given(st.sampled_from(ROLES), st.sets(st.sampled_from(SWITCHES)), st.sampled_from(VERSIONS), st.booleans())
def test_no_valid_conf_gives_a_document_that_is_refused(
    role: str, switches: set[str], version: str, fips: bool
) -> None:
    judged(role + "".join(sorted(switches)), version, fips)


def test_no_plausible_conf_of_any_role_gives_a_document_that_is_refused() -> None:
    """The same, for combinations of which most are valid."""
    base = NAMES + STORAGE + BALANCERS + SSH + DATABASE + APPLICATION + "TELEPORT_AUTH_TYPE=saml\n"
    tried = [
        judged(role + base + "".join(pair) + "TELEPORT_JOIN_TOKEN=t\n", version, fips)
        for role in ROLES
        for pair in itertools.combinations(SWITCHES[:20], 2)
        for version, fips in (("17.5.1", False), ("13.0.0", True))
    ]
    assert sum(tried) > len(tried) // 2
