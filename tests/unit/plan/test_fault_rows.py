"""Faults that public reports and files showed, each named after its row in the list of them."""

from __future__ import annotations

import pytest

from teleport_bootstrap import errors
from teleport_bootstrap.conf import conf_file, grammar
from teleport_bootstrap.plan import overrides, planner, requirements, teleport_build
from tests.unit.plan.planning import INSTANCE, plan, problems

CLUSTER = "TELEPORT_CLUSTER_NAME=c\nTELEPORT_AUTH_SERVER_LB=auth.example.com\n"


def warned(text: str) -> list[str]:
    """Return the subjects of the warnings about the conf `text`, but for that about an all-in-one without a name."""
    return [each.subject for each in conf_file.load(text.encode()).warnings if each.code != "conf-no-name"]


@pytest.mark.parametrize(
    "line",
    [
        *("TELEPORT_ROLES=node", "TELEPORT_ROEL=agent", "TELEPORTROLE=proxy", "teleport_role=node", "TELPORT_ROLES=x"),
        *("TELEPROT_ROLE=auth", "ROLE=node", "ROLES=auth,node", "Role=nodde", "INSTANCE_ROLE=Nodes", "NODE_ROLE=proxy"),
    ],
)
def test_row_1_a_name_that_was_meant_to_be_the_role_is_an_error(line: str) -> None:
    found = problems(f"{CLUSTER}{line}\n")
    assert len(found) == 1
    assert found[0].startswith(f"conf:3:1: {line.partition('=')[0]} ") and "did you mean TELEPORT_ROLE?" in found[0]


@pytest.mark.parametrize("line", ["TELEPORT_ROLES=node", "teleport_role=node"])
def test_row_1_a_slip_of_the_role_is_an_error_beside_the_role_too(line: str) -> None:
    assert len(problems(f"{CLUSTER}TELEPORT_ROLE=node\n{line}\n")) == 1


@pytest.mark.parametrize(
    "text", ["", "\n", "# TELEPORT_ROLE=node\n", "# a\n\n# b\n", "BASE=a.example.com\n", "A=1 B=$A"]
)
def test_row_1_a_conf_that_assigns_nothing_known_is_an_error(text: str) -> None:
    found = problems(text)
    assert len(found) == 1 and "assigns no variable" in found[0]


@pytest.mark.parametrize(
    "text",
    [
        *("TELEPORT_ROLE=\n", "DEBUG=true\n", "TELEPORT_NODENAME=\n", "TELEPORT_INFLUXDB_ADDRESS=\n"),
        *(f"R=node\n{CLUSTER}TELEPORT_ROLE=$R\n", f"ROLE=node\n{CLUSTER}TELEPORT_ROLE=$ROLE\n"),
        *(
            f"ROLE=node\n{CLUSTER}TELEPORT_ROLE=node\n",
            f"TELEPORT_ROLES=\n{CLUSTER}",
            f"TELEPORT_ROLE_ARN=arn:aws:iam::1:role/node\n{CLUSTER}",
        ),
        *(f"ROLE=arn:aws:iam::1:role/x\n{CLUSTER}", f"IAM_ROLE=teleport\n{CLUSTER}", f"TELEPORT_NODE=x\n{CLUSTER}"),
        *(f"CONTROLLER=prod\n{CLUSTER}", f"TELEPORT_QQQQ=1\n{CLUSTER}", f"MINE=1\n{CLUSTER}"),
    ],
)
def test_row_1_other_unknown_names_and_empty_values_stay_accepted(text: str) -> None:
    assert problems(text) == []


@pytest.mark.parametrize(
    ("text", "subjects"),
    [
        ("DOMAIN_NAME=a.example.com\nDEBUG=true\n", ["DOMAIN_NAME"]),
        ("ACM=true\nDEBUG=true\n", ["ACM"]),
        ("TELEPORT_DNS_NAME=a.example.com\nDEBUG=true\n", ["TELEPORT_DNS_NAME"]),
        ("DOMAIN_NAME=a.example.com\nTELEPORT_DOMAIN_NAME=$DOMAIN_NAME\n", []),
        ("DOMAIN_NAME=a.example.com\nTELEPORT_DOMAIN_NAME=b.example.com\n", []),
        ("DOMAIN=a.example.com\nDEBUG=true\n", []),
    ],
)
def test_row_1_other_names_that_were_meant_to_be_ours_are_no_longer_silent(text: str, subjects: list[str]) -> None:
    assert warned(text) == subjects


@pytest.mark.parametrize("hostname", [None, "db-1.corp.example"])
def test_row_10_a_node_with_a_name_of_its_own_needs_no_private_dns_name(hostname: str | None) -> None:
    assert plan("TELEPORT_NODENAME=web-7\n", local_hostname=hostname).document["teleport"]["nodename"] == "web-7"


NODE = f"TELEPORT_ROLE=node\n{CLUSTER}"
AGENT = "TELEPORT_ROLE=agent\nTELEPORT_PROXY_SERVER_LB=proxy.example.com\nTELEPORT_JOIN_TOKEN=planted-token\n"
PROXY = (
    "TELEPORT_ROLE=proxy\nUSE_ACM=true\nTELEPORT_DOMAIN_NAME=example.com\nTELEPORT_AUTH_SERVER_LB=auth.example.com\n"
    "TELEPORT_CLUSTER_NAME=c\n"
)
ALL = "TELEPORT_DOMAIN_NAME=example.com\n"


@pytest.mark.parametrize(
    ("conf", "line"),
    [
        *((NODE, f"{name}=x") for name in ("TELEPORT_JOIN_TOKEN", "TELEPORT_AGENT_KUBE_CLUSTER_NAME")),
        *((NODE, line) for line in ("TELEPORT_AGENT_SSH_LABELS='env: x'", "TELEPORT_AGENT_DB_ENABLED=true")),
        *(
            (NODE, line)
            for line in ("TELEPORT_WEB_LISTEN_PORT=443", "USE_ACM=true", "TELEPORT_PROXY_SERVER_LB=p.example")
        ),
        *(
            (NODE, line)
            for line in ("TELEPORT_JOIN_TOKEN_NAME=x", "TELEPORT_S3_BUCKET=bucket", "TELEPORT_LICENSE_PATH=1")
        ),
        (NODE, "TELEPORT_DOMAIN_NAME=d.example"),  # the cluster has a name of its own
        *((AGENT + "TELEPORT_AGENT_SSH_ENABLED=true\n", line) for line in ("TELEPORT_AUTH_SERVER_LB=a.example",)),
        *((AGENT + "TELEPORT_AGENT_SSH_ENABLED=true\n", line) for line in ("TELEPORT_AGENT_DB_URI=a:1",)),
        *((AGENT + "TELEPORT_AGENT_KUBE_ENABLED=true\n", line) for line in ("TELEPORT_SSH_LABELS='a: b'",)),
        (ALL, "TELEPORT_PROXY_SERVER_LB=nlb.example.com"),
        (ALL, "TELEPORT_ACM_TARGET_PROTOCOL=https"),
        (ALL, "TELEPORT_DOMAIN_ADMIN_EMAIL=a@example.com"),
        (ALL + "USE_TLS_ROUTING=true\n", "PROXY_MULTIPLEXING=multiplex"),
        (ALL + "USE_TLS_ROUTING=true\n", "TELEPORT_ENABLE_MYSQL=true"),
        (PROXY, "TELEPORT_S3_BUCKET=bucket"),
        (PROXY, "TELEPORT_TAG_LABELS=Name"),
    ],
)
def test_row_11_an_assignment_without_effect_for_the_role_gets_a_note(conf: str, line: str) -> None:
    name, number = line.partition("=")[0], conf.count("\n") + 1
    expected = f"/etc/teleport.d/conf:{number}:1: {name} has no effect "
    assert [each for each in plan(f"{conf}{line}\n").notes if each.startswith(expected)]
    assert not [each for each in plan(conf).notes if "has no effect" in each]


@pytest.mark.parametrize("conf", [ALL, f"{ALL}USE_ACM=true\n", PROXY])
def test_row_11_a_port_in_the_name_of_the_load_balancer_gets_a_note_where_only_its_name_is_used(conf: str) -> None:
    noted = [each for each in plan(f"{conf}TELEPORT_PROXY_SERVER_LB=nlb.example.com:8443\n").notes if "8443" in each]
    assert len(noted) == 1 and "TELEPORT_PROXY_SERVER_LB" in noted[0] and "no effect" in noted[0]
    agent = AGENT.replace("proxy.example.com", "proxy.example.com:8443") + "TELEPORT_AGENT_SSH_ENABLED=true\n"
    assert plan(agent).notes == ()


@pytest.mark.parametrize(
    "text",
    [
        "TELEPORT_ROLE=node\nTELEPORT_DOMAIN_NAME=c.example.com\nTELEPORT_AUTH_SERVER_LB=auth.example.com\n",
        f"{PROXY}TELEPORT_PROXY_SERVER_LB=nlb.example.com\nTELEPORT_TAG_LABELS=\n",
        f"{ALL}TELEPORT_ENABLE_MYSQL=false\nUSE_TLS_ROUTING=true\n",
        f"{AGENT}TELEPORT_AGENT_SSH_ENABLED=true\nTELEPORT_AGENT_DB_ENABLED=false\nEC2_REGION=us-east-1\nDEBUG=true\n",
        f"{NODE}TELEPORT_SSH_LABELS='a: b'\nTELEPORT_TAG_LABELS=Name\nTELEPORT_NODENAME=n\n",
    ],
)
def test_row_11_an_assignment_with_an_effect_gets_none(text: str) -> None:
    assert not [each for each in plan(text).notes if "no effect" in each]


@pytest.mark.parametrize(
    ("lines", "why"),
    [
        (f"{PROXY}USE_ACM=true\nTELEPORT_PROXY_SERVER_NLB_ALIAS=nlb.example.com\n", "TELEPORT_PROXY_SERVER_NLB_ALIAS"),
        (f"{ALL}USE_ACM=true\nTELEPORT_PROXY_SERVER_NLB_ALIAS=nlb.example.com\n", "TELEPORT_PROXY_SERVER_NLB_ALIAS"),
        (f"{ALL}USE_ACM=true\nTELEPORT_PROXY_SERVER_NLB_ALIAS=\n", None),
        (f"{ALL}TELEPORT_PROXY_SERVER_NLB_ALIAS=nlb.example.com\n", "only with USE_ACM=true"),
    ],
)
def test_row_11_the_note_on_the_load_balancer_gives_a_true_reason(lines: str, why: str | None) -> None:
    """With ACM and an alias, it said that the name counts only with ACM and without TLS routing."""
    line = "TELEPORT_PROXY_SERVER_LB=elb.example.com\n"
    noted = [each for each in plan(f"{lines}{line}").notes if ": TELEPORT_PROXY_SERVER_LB has no effect here: " in each]
    assert len(noted) == (0 if why is None else 1)
    assert all(str(why) in each for each in noted)


def test_row_11_the_load_balancer_of_proxies_has_no_effect_on_an_auth_server_that_is_a_node_too() -> None:
    auth = f"TELEPORT_ROLE=auth,node\n{CLUSTER}USE_ACM=true\nTELEPORT_S3_BUCKET=bucket\n"
    tables = "".join(f"TELEPORT_{name}_TABLE_NAME={name}\n" for name in ("DYNAMO", "DYNAMO_EVENTS", "LOCKS"))
    text = f"{auth}{tables}TELEPORT_PROXY_SERVER_LB=elb.example.com\n"
    (noted,) = [each for each in plan(text).notes if "TELEPORT_PROXY_SERVER_LB" in each]
    assert "has no effect here: no proxy runs on this instance" in noted


@pytest.mark.parametrize(
    ("switch", "word"), [("DB", "the database"), ("APP", "the application"), ("KUBE", "the Kubernetes cluster")]
)
def test_row_7_a_faulty_switch_of_a_resource_is_named_after_that_resource(switch: str, word: str) -> None:
    """That of databases was said to leave out a matcher of AWS databases, of which the conf had none."""
    notes = plan(f"{AGENT}TELEPORT_AGENT_SSH_ENABLED=true\nTELEPORT_AGENT_{switch}_ENABLED=maybe\n").notes
    assert [each.partition(" is left out")[0] for each in notes if "maybe" in each] == [word]


@pytest.mark.parametrize("value", ["None", "null"])
def test_row_15_the_text_for_no_value_is_not_a_token(value: str) -> None:
    text = f"{AGENT}TELEPORT_AGENT_SSH_ENABLED=true\n".replace("planted-token", "x")
    assert problems(text) == []
    (found,) = problems(f"{text}TELEPORT_JOIN_TOKEN={value}\n")
    assert found.startswith("conf:5:1: TELEPORT_JOIN_TOKEN ") and "where there is no value" in found


@pytest.mark.parametrize("name", ["TELEPORT_DOMAIN_NAME", "TELEPORT_S3_BUCKET_X", "TELEPORT_LICENSE_PATH"])
def test_row_15_the_text_for_no_value_gets_a_warning_elsewhere(name: str) -> None:
    name = name.replace("TELEPORT_S3_BUCKET_X", "TELEPORT_CLUSTER_NAME")
    assert warned(f"{name}=None\n") == [name]


@pytest.mark.parametrize(
    ("text", "labels"),
    [
        ("env: dev, team: core", {"env": "dev", "team": "core"}),
        ("env: dev,team: core|tier: a, b", {"env": "dev", "team": "core", "tier": "a, b"}),
        ("env: dev ,  aws:stack: x , z: y", {"env": "dev", "aws:stack": "x", "z": "y"}),
    ],
)
def test_row_15_a_comma_between_labels_separates_them_with_a_warning(text: str, labels: dict[str, str]) -> None:
    conf = f"TELEPORT_SSH_LABELS='{text}'\n"
    assert plan(conf).document["ssh_service"]["labels"] == labels
    assert warned(conf) == ["TELEPORT_SSH_LABELS"]


@pytest.mark.parametrize(
    ("text", "labels"),
    [
        ('env: "dev, team: core"', {"env": "dev, team: core"}),
        ("hosts: a, b, c", {"hosts": "a, b, c"}),
        ("urls: http://a,http://b:80", {"urls": "http://a,http://b:80"}),
        ("env: dev,team:core", {"env": "dev,team:core"}),
    ],
)
def test_row_15_other_commas_stay_in_the_value(text: str, labels: dict[str, str]) -> None:
    conf = f"TELEPORT_SSH_LABELS='{text}'\n"
    assert plan(conf).document["ssh_service"]["labels"] == labels
    assert warned(conf) == []


def with_override(conf: str, override: str) -> list[str]:
    """Return the notes on the plan for `conf` with the text of one override file."""
    file = overrides.Override("/etc/teleport.d/teleport.yaml.d/10.yaml", override.encode())
    build = teleport_build.of_version("17.5.1", fips=False)
    return [*planner.plan(conf_file.load(conf.encode()), INSTANCE, build, [file]).notes]


@pytest.mark.parametrize("conf", [f"{ALL}USE_ACM=true\nTELEPORT_PROXY_SERVER_LB=nlb.example.com\n", PROXY])
@pytest.mark.parametrize("word", ["yes", '"on"', "true"])
def test_row_15_teleports_own_acme_beside_acm_gets_a_warning(conf: str, word: str) -> None:
    acme = f"proxy_service: {{acme: {{enabled: {word}, email: a@example.com}}}}\n"
    assert [each for each in with_override(conf, acme) if "proxy_service.acme" in each]
    off = "proxy_service: {acme: {enabled: no}}\n"
    assert not [each for each in with_override(conf, off) if "acme" in each]
    assert not [each for each in with_override(ALL, acme) if "acme" in each]


APP = "TELEPORT_AGENT_APP_ENABLED=true\nTELEPORT_AGENT_APP_NAME=wiki\nTELEPORT_AGENT_APP_URI=http://127.0.0.1:80\n"
DB = (
    "TELEPORT_AGENT_DB_ENABLED=true\nTELEPORT_AGENT_DB_NAME=orders\nTELEPORT_AGENT_DB_PROTOCOL=postgres\n"
    "TELEPORT_AGENT_DB_URI=db.example.com:5432\n"
)
SSH = "TELEPORT_AGENT_SSH_ENABLED=true\n"


@pytest.mark.parametrize("uri", ["grafana.example.com:3000", "localhost:8080", "wiki", "wiki.example.com:80/x"])
def test_row_7_an_application_without_a_scheme_gets_a_warning_with_what_to_write(uri: str) -> None:
    text = f"{AGENT}{APP}".replace("http://127.0.0.1:80", uri)
    assert plan(text).document["app_service"]["apps"] == [{"name": "wiki", "uri": uri}]
    (found,) = conf_file.load(text.encode()).warnings
    assert found.subject == "TELEPORT_AGENT_APP_URI" and f"write http://{uri}" in found.remedy


@pytest.mark.parametrize(
    ("fault", "service"),
    [
        *((f"TELEPORT_AGENT_APP_URI={uri}\n", "app_service") for uri in ("10.0.0.1:80", "://x", "'a b'")),
        *((f"TELEPORT_AGENT_APP_NAME={name}\n", "app_service") for name in ("Prod", "a_b", "'a b'", "")),
        *((f"TELEPORT_AGENT_DB_NAME={name}\n", "db_service") for name in ("orders_prod", "9a", "")),
        *((f"TELEPORT_AGENT_DB_{name}=\n", "db_service") for name in ("PROTOCOL", "URI")),
        ("TELEPORT_AGENT_DB_REGION=nowhere\n", "db_service"),
        ("TELEPORT_AGENT_APP_PUBLIC_ADDR=https://wiki.example.com\n", "app_service"),
        ("TELEPORT_AGENT_APP_LABELS='a b'\n", "app_service"),
        ("TELEPORT_AGENT_APP_ENABLED=maybe\n", "app_service"),
        (f"TELEPORT_AGENT_KUBE_ENABLED=true\nTELEPORT_AGENT_KUBE_LABELS='{'a' * 1001}: b'\n", "kubernetes_service"),
    ],
)
def test_row_7_a_fault_in_one_resource_of_an_agent_keeps_ssh_and_the_others(fault: str, service: str) -> None:
    found = plan(f"{AGENT}{SSH}{APP}{DB}{fault}")
    running = {name for name, section in found.document.items() if "service" in name and section["enabled"] == "yes"}
    assert running == {"ssh_service", "app_service", "db_service"} - {service}
    (note,) = [each for each in found.notes if "left out" in each]
    assert fault.partition("=")[0] in note or "TELEPORT_AGENT_KUBE_LABELS" in note or ".name" in note
    with pytest.raises((errors.ConfInvalid, errors.DocumentInvalid)):
        plan(f"{AGENT}{APP}{DB}{fault}")


def test_row_7_one_of_several_resources_is_left_out_alone() -> None:
    more = "TELEPORT_AGENT_APP_2_NAME=Bad\nTELEPORT_AGENT_APP_2_URI=http://a\nTELEPORT_AGENT_APP_3_NAME=c\n"
    found = plan(f"{AGENT}{SSH}{APP}{more}TELEPORT_AGENT_APP_4_NAME=d\nTELEPORT_AGENT_APP_4_URI=http://d\n")
    assert [each["name"] for each in found.document["app_service"]["apps"]] == ["wiki", "d"]
    left_out = [each.partition(":")[0] for each in found.notes if "left out" in each]
    assert [each.partition(" is ")[0] for each in left_out] == ["application 3", "application 2"]


def test_an_agent_serves_several_databases_applications_and_matchers() -> None:
    text = (
        f"{AGENT}{DB}{APP}TELEPORT_AGENT_DB_2_NAME=users\nTELEPORT_AGENT_DB_2_PROTOCOL=mysql\n"
        "TELEPORT_AGENT_DB_2_URI=users:3306\nTELEPORT_AGENT_DB_2_REGION=eu-west-1\n"
        "TELEPORT_AGENT_DB_2_LABELS='env: prod'\nTELEPORT_AGENT_DB_2_REDSHIFT_CLUSTER_ID=r\n"
        "TELEPORT_AGENT_APP_12_NAME=ci\nTELEPORT_AGENT_APP_12_URI=http://ci\n"
        "TELEPORT_AGENT_APP_12_PUBLIC_ADDR=ci.example.com\nTELEPORT_AGENT_APP_12_INSECURE_SKIP_VERIFY=true\n"
        "TELEPORT_AGENT_DB_AWS_TYPES=rds,redshift\n"
        "TELEPORT_AGENT_DB_AWS_2_TYPES=elasticache\nTELEPORT_AGENT_DB_AWS_2_REGIONS='us-east-1, eu-west-1'\n"
        "TELEPORT_AGENT_DB_AWS_2_TAGS='env: prod|*: x'\n"
    )
    found = plan(text)
    assert found.notes == ()
    assert found.document["db_service"] == {
        "enabled": "yes",
        "databases": [
            {"name": "orders", "protocol": "postgres", "uri": "db.example.com:5432"},
            {
                "name": "users",
                "protocol": "mysql",
                "uri": "users:3306",
                "aws": {"region": "eu-west-1", "redshift": {"cluster_id": "r"}},
                "static_labels": {"env": "prod"},
            },
        ],
        "aws": [
            {"types": ["rds", "redshift"], "regions": ["us-east-1"], "tags": {"*": "*"}},
            {"types": ["elasticache"], "regions": ["us-east-1", "eu-west-1"], "tags": {"env": "prod", "*": "x"}},
        ],
    }
    assert found.document["app_service"]["apps"][1] == {
        "name": "ci",
        "uri": "http://ci",
        "public_addr": "ci.example.com",
        "insecure_skip_verify": True,
    }


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        ("TELEPORT_AGENT_DB_ENABLED=true\nTELEPORT_AGENT_DB_AWS_TYPES=rds\n", ([], 1)),
        (
            f"{DB}".replace("_DB_NAME", "_DB_1_NAME").replace("_PROTOCOL", "_1_PROTOCOL").replace("_URI", "_1_URI"),
            (["orders"], 0),
        ),
    ],
)
def test_a_number_alone_or_a_matcher_alone_needs_no_database_without_a_number(
    lines: str, expected: tuple[list[str], int]
) -> None:
    section = plan(f"{AGENT}{lines}").document["db_service"]
    assert [each["name"] for each in section.get("databases", [])] == expected[0]
    assert len(section.get("aws", [])) == expected[1]


def test_what_is_missing_of_a_resource_with_a_number_is_an_error() -> None:
    found = problems(f"{AGENT}{DB}TELEPORT_AGENT_DB_7_NAME=x\nTELEPORT_AGENT_DB_AWS_3_REGIONS=us-east-1\n")
    missing = ["TELEPORT_AGENT_DB_7_PROTOCOL", "TELEPORT_AGENT_DB_7_URI", "TELEPORT_AGENT_DB_AWS_3_TYPES"]
    assert sorted(each.partition(": ")[2].partition(" is")[0] for each in found) == missing


@pytest.mark.parametrize(
    "name",
    ["TELEPORT_AGENT_DB_100_NAME", "TELEPORT_AGENT_KUBE_2_LABELS", "TELEPORT_AGENT_DB_2_X"],
)
def test_other_numbers_are_not_variables(name: str) -> None:
    assert name in warned(f"DEBUG=true\n{name}=x\n")


def test_the_number_zero_is_taken_for_a_slip() -> None:
    found = problems("DEBUG=true\nTELEPORT_AGENT_DB_0_NAME=x\n")
    assert len(found) == 1 and "did you mean TELEPORT_AGENT_DB_NAME?" in found[0]


THROUGH_PROXY = "TELEPORT_ROLE=node\nTELEPORT_CLUSTER_NAME=c\nTELEPORT_JOIN_THROUGH=proxy\n"


@pytest.mark.parametrize(("balancer", "address"), [("p.example.com", "p.example.com:443"), ("p.example.com:8443",) * 2])
def test_a_node_can_join_through_the_proxy_with_the_same_token(balancer: str, address: str) -> None:
    found = plan(f"{THROUGH_PROXY}TELEPORT_PROXY_SERVER_LB={balancer}\n")
    assert found.notes == ()
    section = found.document["teleport"]
    assert section["proxy_server"] == address
    assert section["join_params"] == {"method": "token", "token_name": "/var/lib/teleport/token"}
    assert "ca_pin" not in section and "auth_server" not in section
    assert [each.parameter for each in found.activation.secrets] == ["/teleport/c/tokens/node"]
    assert found.activation.gates == ("/var/lib/teleport/token",)
    direct = plan(NODE)
    assert found.activation.units == direct.activation.units
    assert found.document["ssh_service"] == direct.document["ssh_service"]


def test_a_node_that_joins_through_the_proxy_needs_its_address_and_no_other() -> None:
    (missing,) = problems(THROUGH_PROXY)
    assert missing.startswith("conf:3:1: TELEPORT_PROXY_SERVER_LB is not set")
    found = plan(f"{THROUGH_PROXY}TELEPORT_PROXY_SERVER_LB=p.example.com\nTELEPORT_AUTH_SERVER_LB=auth.example.com\n")
    (note,) = found.notes
    assert "TELEPORT_AUTH_SERVER_LB has no effect" in note
    (missing,) = problems("TELEPORT_ROLE=node\nTELEPORT_CLUSTER_NAME=c\n")
    assert "TELEPORT_AUTH_SERVER_LB is not set" in missing and "TELEPORT_JOIN_THROUGH=proxy" in missing


AUTH = (
    "TELEPORT_ROLE=auth\nTELEPORT_CLUSTER_NAME=c\nTELEPORT_AUTH_SERVER_LB=auth.example.com\nUSE_LETSENCRYPT=false\n"
    "TELEPORT_DYNAMO_TABLE_NAME=state-1\nTELEPORT_DYNAMO_EVENTS_TABLE_NAME=events-1\nTELEPORT_S3_BUCKET=bucket-1\n"
    "TELEPORT_LOCKS_TABLE_NAME=locks-1\n"
)


@pytest.mark.parametrize(
    ("conf", "role", "marker", "unit"),
    [
        (AUTH, "auth", "role.auth-node", "teleport.service"),
        (PROXY, "proxy", "role.proxy-acm-node", "teleport-acm.service"),
        (PROXY.replace("USE_ACM=true", "USE_LETSENCRYPT=false"), "proxy", "role.proxy-node", "teleport.service"),
    ],
)
def test_an_auth_server_and_a_proxy_can_be_a_node_too(conf: str, role: str, marker: str, unit: str) -> None:
    labels = "TELEPORT_SSH_LABELS='a: b'\n"
    alone, both = plan(conf), plan(conf.replace(f"ROLE={role}\n", f"ROLE={role},node\n") + labels)
    assert both.document["ssh_service"] == plan(NODE + labels).document["ssh_service"]
    same = ("version", "teleport", "auth_service", "proxy_service")
    assert {key: both.document[key] for key in same} == {key: alone.document[key] for key in same}
    assert both.activation.markers == (marker,)
    assert both.activation.unit == unit
    assert {each.owner for each in both.activation.directories} == {"root"}
    assert f"/etc/teleport.d/role.{role}" in both.activation.absent
    assert set(both.activation.units.enable) - {unit} == set(alone.activation.units.enable) - {alone.activation.unit}
    assert not [each for each in both.notes if "no effect" in each or "sandbox" in each]
    tokens = [each.parameter for each in both.activation.secrets if each.path.endswith("/token")]
    assert tokens == (["/teleport/c/tokens/proxy-node"] if role == "proxy" else [])


@pytest.mark.parametrize("written", ["node,auth", "auth, node", "node,proxy", "proxy ,node"])
def test_the_order_of_two_roles_is_said(written: str) -> None:
    (found,) = problems(f"TELEPORT_ROLE='{written}'\n")
    assert f"write {'auth' if 'auth' in written else 'proxy'},node in this order" in found


@pytest.mark.parametrize("written", ["auth,proxy", "node,agent", "auth,auth"])
def test_other_combinations_of_roles_are_refused(written: str) -> None:
    assert problems(f"TELEPORT_ROLE={written}\n")


def test_row_11_acm_on_an_auth_server_has_an_effect_where_it_decides_on_lets_encrypt() -> None:
    decides = AUTH.replace("USE_LETSENCRYPT=false", "USE_ACM=true")
    assert not [each for each in plan(decides).notes if "no effect" in each]
    (note,) = [each for each in plan(f"{AUTH}USE_ACM=true\n").notes if "no effect" in each]
    assert "USE_ACM has no effect here" in note


def refused(text: str) -> list[str]:
    """Return the problems that a command reports for the conf `text`, as `file:line:column: subject`."""
    with pytest.raises(errors.ConfInvalid) as caught:
        requirements.load(text.encode(), "conf")
    return [f"{each.place}: {each.subject}" for each in caught.value.findings]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        (
            "USE_ACM=true\nUSE_LETSENCRYPT=true\nTELEPORT_DOMAIN_NAME=a.b\nTELEPORT_EXTERNAL_PORT=99999\n",
            ["conf:2:1: USE_LETSENCRYPT", "conf:4:1: TELEPORT_EXTERNAL_PORT"],
        ),
        (
            "TELEPORT_ROLE=node\nTELEPORT_AUTH_SERVER_LB=a_b\n",
            ["conf:2:1: TELEPORT_AUTH_SERVER_LB", "conf: TELEPORT_CLUSTER_NAME"],
        ),
        # What may follow from the value that is not valid is not said.
        ("TELEPORT_ROLE=nodee\n", ["conf:1:1: TELEPORT_ROLE"]),
        (f"{AGENT}TELEPORT_AGENT_SSH_ENABLED=maybe\n", ["conf:4:1: TELEPORT_AGENT_SSH_ENABLED"]),
        (
            "TELEPORT_ROLE=node\nTELEPORT_AUTH_SERVER_LB=a.b\nTELEPORT_CLUSTER_NAME='a b'\n",
            ["conf:3:1: TELEPORT_CLUSTER_NAME"],
        ),
        (
            "TELEPORT_ROLE=node\nTELEPORT_AUTH_SERVER_LB=a.b\nTELEPORT_DOMIAN_NAME=c\n",
            ["conf:3:1: TELEPORT_DOMIAN_NAME"],
        ),
    ],
)
def test_issue_20_row_6_all_problems_are_reported_at_once(text: str, found: list[str]) -> None:
    assert refused(text) == found


@pytest.mark.parametrize("quote", ["'", '"'])
def test_issue_20_row_6_a_missing_quote_is_placed_where_it_began(quote: str) -> None:
    lines = (f"TELEPORT_CLUSTER_NAME=x{quote}abc", "TELEPORT_NODENAME=x", f"TELEPORT_SSH_LABELS={quote}env: x{quote}")
    text = "\n".join(("# c", "USE_ACM=true", *lines, ""))
    (found,) = [each for each in grammar.parse(text.encode(), "conf").problems if "never closed" in each.message]
    assert str(found.place) == "conf:3:24" and "the one on line 5" in found.message
