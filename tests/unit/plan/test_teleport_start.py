"""Our judgement of a document against what a real Teleport did at its start with the same settings."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from teleport_bootstrap import errors
from teleport_bootstrap.conf import conf_file
from teleport_bootstrap.finding import Finding
from teleport_bootstrap.plan import named_files, overrides, planner, services, teleport_build, words
from tests.unit.plan.planning import INSTANCE

PLACE = "/etc/teleport.d/teleport.yaml.d/10.yaml"
# The file of the measurements had an auth server with local storage and one-time codes.
CONF = "TELEPORT_CLUSTER_NAME=example.com\n"
# Without SSH: an agent that serves it leaves out what Teleport would refuse, instead of refusing the conf.
AGENT = "TELEPORT_ROLE=agent\nTELEPORT_PROXY_SERVER_LB=proxy.example.com\nTELEPORT_JOIN_TOKEN=t\n"
SSH = "TELEPORT_AGENT_SSH_ENABLED=1\n"
DATABASE = {
    "TELEPORT_AGENT_DB_ENABLED": "1",
    "TELEPORT_AGENT_DB_NAME": "orders",
    "TELEPORT_AGENT_DB_PROTOCOL": "postgres",
    "TELEPORT_AGENT_DB_URI": "db.example.com:5432",
}
MEASURED: list[dict[str, Any]] = yaml.safe_load(Path(__file__).with_name("teleport_12_start.yaml").read_text("utf-8"))
REFUSED = [each for each in MEASURED if each["start"] == "refused"]
ACCEPTED = [each for each in MEASURED if each["start"] == "accepted"]


def by_name(cases: list[dict[str, Any]]) -> Any:
    return pytest.mark.parametrize("case", cases, ids=[each["name"] for each in cases])


def judged(
    text: str, override: str = "", *, version: str = "12.0.0", edition: str | None = "community"
) -> tuple[tuple[Finding, ...], tuple[str, ...], dict[str, Any]]:
    """Return errors and notes for a conf and an override, and the document, empty after errors."""
    settings = conf_file.load(text.encode(), "/etc/teleport.d/conf")
    build = teleport_build.of_version(version, fips=False, edition=edition)
    files = [overrides.Override(PLACE, override.encode())] if override else []
    try:
        plan = planner.plan(settings, INSTANCE, build, files)
    except (errors.DocumentInvalid, errors.OverrideInvalid) as error:
        return error.findings, (), {}
    return (), plan.notes, plan.document


WITHOUT = {version: judged(CONF, version=version)[1] for version in ("12.0.0", "13.4.0", "15.0.0")}


def outcome(case: dict[str, Any], version: str = "12.0.0") -> tuple[tuple[Finding, ...], list[str], dict[str, Any]]:
    text = yaml.safe_dump(case["override"], allow_unicode=True, sort_keys=False)
    refused, notes, document = judged(CONF, text, version=version)
    return refused, [note for note in notes if note not in WITHOUT[version]], document


def test_the_measurements_are_many_and_each_has_its_name() -> None:
    assert len({each["name"] for each in MEASURED}) == len(MEASURED) == 505
    assert len(REFUSED) > 200
    assert len(ACCEPTED) > 200
    assert all(each.get("because") for each in REFUSED)


@by_name([each for each in REFUSED if not each.get("told_by") and not each.get("depends_on")])
def test_rows_m_and_n_what_teleport_refuses_is_refused_with_its_line(case: dict[str, Any]) -> None:
    refused, _, _ = outcome(case)
    assert refused
    for finding in refused:
        assert finding.place is not None
        assert finding.place.line is not None
        assert finding.remedy


@by_name([each for each in REFUSED if each.get("depends_on") in ("network", "edition")])
def test_rows_m_and_n_what_depends_on_network_or_edition_is_warned_of(case: dict[str, Any]) -> None:
    refused, notes, _ = outcome(case)
    told_elsewhere = ("join ec2", "audit_sessions_uri gs://b")  # AWS and Google themselves decide
    assert refused or notes or case["name"] in told_elsewhere


@by_name([each for each in REFUSED if each.get("depends_on") == "file"])
def test_rows_m_and_n_a_file_that_teleport_needs_is_named(case: dict[str, Any]) -> None:
    refused, notes, document = outcome(case)
    needed = {each.path for each in named_files.needed(document)}
    named = set(re.findall(r"/(?:nonexistent|dev|etc)\b[a-z./]*", str(case["override"]))) & needed
    assert refused or notes or named or case["name"] == "storage path unwritable"


@by_name([each for each in ACCEPTED if not each.get("own_rule")])
@pytest.mark.parametrize("version", ["12.0.0", "13.4.0", "15.0.0"])
def test_what_teleport_accepts_is_accepted(case: dict[str, Any], version: str) -> None:
    refused, _, document = outcome(case, version)
    assert not refused
    assert document


@by_name([each for each in ACCEPTED if each.get("own_rule")])
def test_a_rule_of_our_own_says_whose_it_is(case: dict[str, Any]) -> None:
    refused, _, _ = outcome(case)
    assert refused
    assert any("teleport-bootstrap" in each.message for each in refused)


def conf(**values: str) -> str:
    return AGENT + "".join(f"{name}='{value}'\n" for name, value in {**DATABASE, **values}.items())


@pytest.mark.parametrize("version", ["12.0.0", "14.3.0", "16.4.0", "18.2.0"])
@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("TELEPORT_AGENT_DB_PROTOCOL", "postgresql", "does not accept postgresql"),
        ("TELEPORT_AGENT_DB_PROTOCOL", "mariadb", "does not accept mariadb"),
        ("TELEPORT_AGENT_DB_PROTOCOL", "MySQL", "did you mean mysql?"),
        ("TELEPORT_AGENT_DB_PROTOCOL", "redshift", "use one of postgres, mysql, mongodb"),
        ("TELEPORT_AGENT_DB_URI", "postgres://db.example.com:5432", "a scheme, postgres://, does not belong there"),
        ("TELEPORT_AGENT_DB_URI", "db.example.com", "it has no port"),
        ("TELEPORT_AGENT_DB_URI", "fd00::5:5432", "too many colons"),
        ("TELEPORT_AGENT_DB_NAME", "orders_prod", "not a valid database name"),
        ("TELEPORT_AGENT_DB_NAME", "orders-", "not a valid database name"),
    ],
)
def test_issue_12_row_6_the_conf_is_judged_as_an_override_is(name: str, value: str, said: str, version: str) -> None:
    (finding,), _, _ = judged(conf(**{name: value}), version=version)
    key = {"PROTOCOL": "protocol", "URI": "uri", "NAME": "name"}[name.rpartition("_")[2]]
    assert said in str(finding)
    assert finding.place is not None
    assert finding.place.file == "/etc/teleport.d/conf"
    database = {"name": "orders", "protocol": "postgres", "uri": "db.example.com:5432", key: value}
    override = yaml.safe_dump({"db_service": {"databases": [database]}})
    (same,), _, _ = judged(conf(), override, version=version)
    assert (same.subject, same.message.partition("; also")[0]) == (
        finding.subject,
        finding.message.partition("; also")[0],
    )
    assert same.place is not None
    assert same.place.file == PLACE


def test_issue_12_row_6_kubernetes_without_a_kubeconfig_is_warned_of() -> None:
    bare = AGENT + SSH + "TELEPORT_AGENT_KUBE_ENABLED=1\n"
    for text, override in (
        (bare, ""),
        (bare + "TELEPORT_AGENT_KUBE_CLUSTER_NAME=k\n", ""),
        (AGENT + SSH, "kubernetes_service: {enabled: 'yes', kube_cluster_name: k}"),
    ):
        refused, notes, _ = judged(text, override)
        assert not refused
        assert any("no kubeconfig_file is set" in note and "the whole process ends" in note for note in notes)
    served = "kubernetes_service: {enabled: 'yes', kubeconfig_file: /etc/kubeconfig}"
    assert not any("kubeconfig" in note for note in judged(AGENT + SSH, served)[1])


def test_row_b_the_metrics_service_has_no_port_of_its_own() -> None:
    refused, _, _ = judged(CONF, "metrics_service: {enabled: 'yes'}")
    assert [(each.subject, each.place.line if each.place else None) for each in refused] == [
        ("metrics_service.listen_addr", 1)
    ]
    assert "write an address and a port" in str(refused[0])
    for version in ("12.0.0", "18.2.0"):
        document = judged(CONF, "metrics_service: {enabled: 'yes', listen_addr: '127.0.0.1:3081'}", version=version)[2]
        assert ("metrics_service", "listen_addr") in [each.path for each in services.listeners(document)]
    # Without an address Teleport listens nowhere: the port is free for others.
    assert (
        services.listeners({"metrics_service": {"enabled": "yes"}, "auth_service": {"enabled": "no"}})[-1].port != 3081
    )


@pytest.mark.parametrize(
    ("protocol", "version", "expected"),
    [
        ("oracle", "12.0.0", "refused"),
        ("oracle", "12.4.1", "warned"),
        ("oracle", "13.0.0", "warned"),  # only the enterprise edition has it
        ("opensearch", "12.0.0", "refused"),
        ("opensearch", "13.0.0", "accepted"),
        ("dynamodb", "12.3.0", "warned"),
        ("clickhouse", "12.4.33", "refused"),
        ("clickhouse", "13.2.0", "warned"),
        ("clickhouse-http", "14.0.0", "accepted"),
        ("spanner", "15.3.9", "refused"),
        ("spanner", "15.4.0", "accepted"),
        ("future", "18.7.0", "refused"),
        ("future", "19.0.0", "warned"),
    ],
)
def test_row_n_a_protocol_is_judged_for_the_version(protocol: str, version: str, expected: str) -> None:
    build = teleport_build.of_version(version, fips=False, edition="community")
    verdict = words.DATABASE_PROTOCOLS.judge(protocol, build)
    assert ("accepted" if verdict is None else "refused" if verdict.certain else "warned") == expected


@pytest.mark.parametrize(
    ("override", "version", "said"),
    [
        ("teleport: {ciphersuites: [tls-rsa-with-aes-256-cbc-sha]}", "18.0.0", "Teleport 18 and newer do not take"),
        ("auth_service: {assist: {openai: {api_token_path: /t}}}", "16.0.0", "16 and newer do not know this key"),
        ("proxy_service: {assist: {openai: {api_token_path: /t}}}", "17.2.0", "16 and newer do not know this key"),
        ("proxy_service: {proxy_protocol: unspecified}", "12.0.0", "does not know unspecified"),
        ("proxy_service: {proxy_protocol: 'yes'}", "18.0.0", "does not accept yes"),
        ("teleport: {log: {severity: trace}}", "13.0.0", "does not know trace"),
        ("teleport: {storage: {type: postgres, conn_string: x}}", "12.4.0", "does not know postgres"),
        ("teleport: {storage: {type: postgres}}", "15.0.0", "storage of the type postgres needs it"),
        ("auth_service: {tokens: ['okta:abc']}", "12.0.0", "does not know okta"),
        ("ssh_service: {restricted_session: {enabled: yes}}", "14.0.0", "works only with enhanced recording"),
    ],
)
def test_row_n_what_only_some_majors_refuse(override: str, version: str, said: str) -> None:
    refused, _, _ = judged(CONF, override, version=version)
    assert any(said in str(each) for each in refused)


@pytest.mark.parametrize(
    ("override", "version"),
    [
        ("teleport: {ciphersuites: [tls-rsa-with-aes-256-cbc-sha]}", "17.7.0"),
        ("auth_service: {assist: {openai: {api_token_path: /t}}}", "15.0.0"),
        ("proxy_service: {proxy_protocol: unspecified}", "14.0.0"),
        ("teleport: {log: {severity: TRACE}}", "16.0.0"),
        ("teleport: {storage: {type: postgres, conn_string: x}}", "14.0.0"),
        ("auth_service: {tokens: ['okta,mdm:abc']}", "15.0.0"),
        ("ssh_service: {restricted_session: {enabled: yes}}", "15.0.0"),
        ("db_service: {enabled: yes, databases: [{name: Orders, protocol: mysql, uri: 'h:1'}]}", "13.2.1"),
        ("teleport: {log: {severity: verbose}, storage: {journal: wal2}}", "19.0.0"),
        ("auth_service: {authentication: {locking_mode: gentle}, session_recording: later}", "25.1.0"),
    ],
)
def test_what_other_majors_accept_or_may_accept_is_not_refused(override: str, version: str) -> None:
    assert not judged(CONF, override, version=version)[0]


def test_no_message_quotes_a_password_or_a_token() -> None:
    for override in (
        "auth_service: {tokens: [s3cret, 'nodes:s3cret', ',node:s3cret']}",
        "db_service: {enabled: yes, databases: [{name: d, protocol: postgres, uri: 'postgres://u:s3cret@h:1'}]}",
        "db_service: {enabled: yes, databases: [{name: d, protocol: mongodb, uri: 'mongodb://u:s3cret@a:b:c'}]}",
        "db_service: {enabled: yes, databases: [{name: d, protocol: redis, uri: 'http://u:s3cret@h:1'}]}",
        "db_service: {enabled: yes, databases: [{name: d, protocol: redis, uri: 'u:s3cret@h:x'}]}",
        "db_service: {enabled: yes, databases: [{name: d, protocol: snowflake, uri: 'https://u:s3cret@h'}]}",
        "app_service: {enabled: yes, apps: [{name: a, uri: 'http://u:s3cret@h h'}]}",
        "app_service: {enabled: yes, apps: [{name: a, uri: 'http://a', public_addr: 'u:s3cret@h:1'}]}",
        "app_service: {enabled: yes, apps: [{name: a, uri: 'http://a', rewrite: {headers: [Bearer s3cret]}}]}",
        "app_service: {enabled: yes, apps: [{name: a, uri: 'http://a', rewrite: {headers: ['X Y: s3cret']}}]}",
        "tracing_service: {enabled: yes, exporter_url: 'x://u:s3cret@h:1:2'}",
        "teleport: {storage: {audit_events_uri: ['postgres://u:s3cret@h h/db']}}",
        "teleport: {storage: {audit_sessions_uri: 'x://u:s3cret@h/db'}}",
    ):
        refused, _, _ = judged(CONF, override)
        assert refused, override
        assert "s3cret" not in " ".join(map(str, refused)), override


MONGODB = (
    "db_service: {enabled: 'yes', databases: [{name: d, protocol: mongodb, uri: 'URI'}]}\n"
    "proxy_service: {enabled: 'yes'}\n"
)


@pytest.mark.parametrize(
    "uri",
    [
        *("mongodb://a:0", "mongodb://a:65536", "mongodb://a:1,b:x/", "mongodb://[::1]:70000", "mongodb://a:b:1"),
        *("mongodb://a:27017?replicaSet=r", "mongodb://a/?maxPoolSize=10k", "mongodb://a/?connectTimeoutMS=x"),
        *("mongodb://a/?tls=yes", "mongodb://a/?retryWrites=True", "mongodb://a/?directConnection=maybe"),
        *("mongodb://a/?connect=single", "mongodb://a,b/?directConnection=true", "mongodb://a,b/?connect=direct"),
        *("mongodb+srv://a.example.com/?directConnection=true", "mongodb://u:s3cr@t@a/", "mongodb://u:s3/crt@a/"),
    ],
)
def test_rows_m_and_n_an_address_that_the_driver_of_mongodb_does_not_read_is_refused(uri: str) -> None:
    refused, _, _ = judged(CONF, MONGODB.replace("URI", uri))
    assert [(each.subject, each.place is not None) for each in refused] == [("db_service.databases[0].uri", True)]
    assert "s3cr" not in str(refused)


@pytest.mark.parametrize(
    "uri",
    [
        *("mongodb://a:1/?readPreference=nearest", "mongodb://a,b:27018/?replicaSet=rs0&retryWrites=false"),
        *("mongodb://[::1]:27017/db?foo=bar", "mongodb+srv://a.b.example.com/?tls=true&maxPoolSize=0"),
        *("mongodb://a/?directConnection=TRUE", "mongodb://a/?connect=Automatic&w=majority", "mongodb://u:p%40x@a/"),
        *("mongodb://a,b/?directConnection=false", "mongodb://a:65535/?CONNECTTIMEOUTMS=5"),
    ],
)
def test_rows_m_and_n_an_address_that_the_driver_of_mongodb_reads_is_accepted(uri: str) -> None:
    refused, _, _ = judged(CONF, MONGODB.replace("URI", uri))
    assert refused == ()


@pytest.mark.parametrize("line", ["proxy_listener_mode: Multiplex", "routing_strategy: MOST_RECENT"])
def test_rows_m_and_n_capitals_do_not_matter_where_teleport_ignores_them(line: str) -> None:
    assert judged(CONF, f"auth_service: {{{line}}}")[0] == ()


DESKTOPS = (
    "windows_desktop_service: {enabled: 'yes', listen_addr: '127.0.0.1:3028', "
    "ldap: {addr: 'a:636', domain: d, username: u}, host_labels: [{match: '^x$', labels: LABELS}]}\n"
)


def test_rows_m_and_n_labels_for_hosts_with_windows_are_judged_as_other_labels() -> None:
    place = "windows_desktop_service.host_labels[0].labels"
    for labels, subject in (("{'a b': c}", f'{place}["a b"]'), ("{}", place)):
        assert [each.subject for each in judged(CONF, DESKTOPS.replace("LABELS", labels))[0]] == [subject]
    assert judged(CONF, DESKTOPS.replace("LABELS", "{env: prod}"))[0] == ()


def test_rows_m_and_n_the_url_of_acme_is_read_also_where_acme_is_off() -> None:
    acme = "proxy_service: {enabled: 'yes', acme: {enabled: 'no', uri: 'URI'}}"
    assert [each.subject for each in judged(CONF, acme.replace("URI", "http://[x"))[0]] == ["proxy_service.acme.uri"]
    assert judged(CONF, acme.replace("URI", "https://acme.example.com/directory"))[0] == ()
