"""`publish-tokens` against a Parameter Store, a table of locks and a tctl, well and failing."""

from __future__ import annotations

import datetime
import json
import re
import subprocess
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from teleport_bootstrap.cluster import join_tokens
from tests.simulated import auth_server, kill_sweep
from tests.simulated.agent import CHECKOUT, Agent
from tests.simulated.auth_server import CONF, PIN, PINS, ROLES, TOKENS, AuthServer
from tests.simulated_ec2 import Aws
from tests.simulated_ec2 import aws as answers
from tests.simulated_ec2 import imds as emulator

OTHER_PIN = "sha256:" + "7c" * 32
ACCOUNT = "123456789012"

PERMISSIONS = (
    "ssm:GetParameters",
    "ssm:PutParameter",
    "dynamodb:GetItem",
    "dynamodb:PutItem",
    "dynamodb:DeleteItem",
)

NewServer = Callable[..., AuthServer]


@pytest.fixture
def new_server(tmp_path: Path, imds: emulator.Server, aws: Aws) -> NewServer:
    """A function that makes auth servers of one cluster, each in a root of its own."""
    auth_server.make_table(aws)

    def make(conf: str = CONF, name: str = "auth-1", **switches: Any) -> AuthServer:
        root = tmp_path / name
        (root / "etc/teleport.d").mkdir(parents=True)
        return AuthServer(Agent(root, imds=imds.url, aws=aws.url), aws).prepare(conf, **switches)

    return make


@pytest.fixture
def server(new_server: NewServer) -> AuthServer:
    return new_server()


def asked(aws: Aws, service: str) -> list[str]:
    return [request.operation for request in aws.requests if request.service == service]


def everything_published_is_valid(server: AuthServer) -> None:
    for role, name in TOKENS.items():
        parameter = server.parameter(name)
        if parameter is not None:
            assert server.accepts(parameter["Value"], role), role


# ---------------------------------------------------------------- what is published


def test_each_role_gets_a_token_that_is_registered_and_the_pins_are_there(server: AuthServer, aws: Aws) -> None:
    done = server.publish("--format", "json")
    assert done.status == 0, done.errors
    assert done.data["published"] == [*TOKENS.values(), PINS]
    values = server.values()
    assert len({values[name] for name in TOKENS.values()}) == len(TOKENS)
    for role, name in TOKENS.items():
        resource = server.resources()[values[name]]
        assert resource["spec"] == {"roles": [ROLES[role]], "join_method": "token"}
        ends = datetime.datetime.fromisoformat(resource["metadata"]["expires"].replace("Z", "+00:00"))
        assert abs(ends.timestamp() - time.time() - 4 * 3600) < 120
        parameter = server.parameter(name)
        assert parameter is not None and parameter["Type"] == "SecureString"
    pins = server.parameter(PINS)
    assert pins is not None and (pins["Type"], pins["Value"]) == ("String", PIN)
    assert server.lock_item() is None
    server.holds_no_secret_outside_its_place()


def test_a_token_for_a_proxy_that_is_a_node_too_is_published_on_request(new_server: NewServer) -> None:
    server = new_server(
        CONF.replace("TELEPORT_ROLE=auth\n", "TELEPORT_ROLE=auth,node\n") + "TELEPORT_PROXY_NODE_TOKEN=true\n"
    )
    name = "/teleport/cluster-1/tokens/proxy-node"
    done = server.publish("--format", "json")
    assert done.status == 0, done.errors
    assert done.data["published"] == [*TOKENS.values(), name, PINS]
    parameter = server.parameter(name)
    assert parameter is not None and parameter["Type"] == "SecureString"
    assert server.resources()[parameter["Value"]]["spec"]["roles"] == ["Proxy", "Node"]


def test_tctl_gets_tokens_on_standard_input_and_nowhere_else(server: AuthServer) -> None:
    assert server.publish().status == 0
    requests = server.requests()
    assert [request["argv"] for request in requests] == [["status"], *[["create", "-f"]] * 5]
    for token in server.ever_registered():
        for request in requests:
            assert token not in json.dumps([request["argv"], request["environ"]])


def test_a_token_is_registered_before_it_is_published(server: AuthServer, aws: Aws) -> None:
    server.publish()
    puts = [json.loads(each.body) for each in aws.requests if each.operation == "PutParameter"]
    assert [each["Name"] for each in puts] == [*TOKENS.values(), PINS]
    # tctl fails from now on: nothing new is registered, so nothing new may be published.
    before = server.values()
    server.tctl(fail={"create": "no"})
    assert server.publish().status == 5
    assert server.values() == before


def test_each_run_of_the_same_host_publishes_other_tokens_and_leaves_the_pins(server: AuthServer, aws: Aws) -> None:
    server.publish()
    first = server.values()
    done = server.publish("--format", "json")
    second = server.values()
    assert done.data["published"] == [*TOKENS.values()]
    assert not done.data["pins_changed"]
    assert all(first[name] != second[name] for name in TOKENS.values())
    # The one before is good for the rest of its four hours.
    assert all(server.accepts(first[name], role) for role, name in TOKENS.items())
    pins = server.parameter(PINS)
    assert pins is not None and pins["Version"] == 1


def test_all_pins_are_published_while_the_authority_is_rotated(server: AuthServer) -> None:
    server.publish()
    server.tctl(pins=[OTHER_PIN, PIN])
    assert server.publish("--format", "json").data["pins_changed"]
    assert server.values()[PINS] == f"{PIN}\n{OTHER_PIN}"
    server.tctl(pins=[PIN, OTHER_PIN])
    assert not server.publish("--format", "json").data["pins_changed"]
    server.tctl(pins=[OTHER_PIN])
    server.publish()
    assert server.values()[PINS] == OTHER_PIN


@pytest.mark.parametrize(
    "switches",
    [{"pins": []}, {"pins": [PIN, "none"]}],
)
def test_does_not_publish_an_invalid_pin(server: AuthServer, switches: dict[str, Any]) -> None:
    server.publish()
    before = server.values()
    server.tctl(**switches)
    done = server.publish()
    assert done.status == 5 and "CA pin" in done.errors
    assert server.values() == before


def test_the_key_of_the_conf_encrypts_the_tokens_and_not_the_pins(new_server: NewServer, aws: Aws) -> None:
    key = "11111111-2222-3333-4444-555555555555"
    server = new_server(CONF + f"TELEPORT_SSM_KMS_KEY_ID={key}\n")
    assert server.publish().status == 0
    puts = [json.loads(each.body) for each in aws.requests if each.operation == "PutParameter"]
    assert {each["Name"]: each.get("KeyId") for each in puts} == {
        **dict.fromkeys(TOKENS.values(), key),
        PINS: None,
    }


@pytest.mark.parametrize("conf", ["TELEPORT_DOMAIN_NAME=cluster-1\nUSE_ACM=true\nTELEPORT_CLUSTER_NAME=cluster-1\n"])
def test_an_all_in_one_publishes_without_a_lock_on_request(new_server: NewServer, aws: Aws, conf: str) -> None:
    server = new_server(conf)
    assert server.publish().status == 0
    everything_published_is_valid(server)
    assert asked(aws, "dynamodb") == []


def test_a_conf_without_a_cluster_name_is_an_error(new_server: NewServer) -> None:
    done = new_server("EC2_REGION=us-east-1\n").publish()
    assert done.status == 2 and "TELEPORT_CLUSTER_NAME" in done.errors


@pytest.mark.parametrize("role", ["node", "proxy"])
def test_a_host_without_an_auth_service_publishes_nothing(new_server: NewServer, aws: Aws, role: str) -> None:
    server = new_server(
        f"TELEPORT_ROLE={role}\nTELEPORT_CLUSTER_NAME=cluster-1\nTELEPORT_DOMAIN_NAME=example.com\n"
        "TELEPORT_AUTH_SERVER_LB=auth.example.com\nTELEPORT_S3_BUCKET=bucket-1\n"
    )
    done = server.publish()
    assert done.status == 0 and "nothing is published from here" in done.output
    assert server.requests() == [] and aws.requests == []


def test_without_a_conf_a_manual_host_is_ignored_and_any_other_is_an_error(new_server: NewServer) -> None:
    server = new_server()
    server.agent.path("/etc/teleport.d/conf").unlink()
    assert server.publish().status == 2
    server.agent.write("/etc/teleport.yaml", "version: v3\n")
    done = server.publish()
    assert done.status == 0 and "configured manually" in done.output


# ---------------------------------------------------------------- several auth servers


def test_keeps_what_another_auth_server_has_just_published(new_server: NewServer, imds: emulator.Server) -> None:
    first, second = new_server(name="auth-1"), new_server(name="auth-2")
    first.publish()
    before = first.values()
    done = second.publish()
    assert done.status == 0 and "another auth server published tokens 0 minutes ago" in done.output
    assert first.values() == before
    assert second.job()["outcome"] == "succeeded"
    assert second.publish("--force").status == 0
    assert all(first.values()[name] != before[name] for name in TOKENS.values())


def test_a_long_wait_does_not_take_longer_than_the_lock_is_certain(server: AuthServer) -> None:
    """The longest that can be asked for: each step would not begin, since the lock might end before it does."""
    assert server.publish("--wait", "3600").status == 0
    everything_published_is_valid(server)


def test_changed_pins_mean_that_the_tokens_are_of_another_cluster(new_server: NewServer) -> None:
    old, new = new_server(name="auth-1"), new_server(name="auth-2", pins=[OTHER_PIN])
    old.publish()
    assert new.publish().status == 0
    everything_published_is_valid(new)
    assert new.values()[PINS] == OTHER_PIN


def test_publishes_a_missing_token_even_if_another_host_published_the_others(new_server: NewServer, aws: Aws) -> None:
    first, second = new_server(name="auth-1"), new_server(name="auth-2")
    first.publish()
    aws.client("ssm").delete_parameter(Name=TOKENS["kube"])
    assert second.publish().status == 0
    everything_published_is_valid(second)


def test_while_another_host_works_there_is_nothing_to_do(server: AuthServer) -> None:
    server.publish()
    before = server.values()
    server.put_lock_item(str(int(time.time() + 600)), "ip-10-0-0-99.ec2.internal")
    done = server.agent.run("publish-tokens", "--wait", "4")
    assert done.status == 0, done.errors
    assert "ip-10-0-0-99.ec2.internal holds the lock until" in done.output
    assert server.values() == before
    item = server.lock_item()
    assert item is not None and item["Process"] == "ip-10-0-0-99.ec2.internal"


def test_a_held_lock_is_an_error_if_the_tokens_are_old(server: AuthServer) -> None:
    server.put_lock_item(str(int(time.time() + 600)), "ip-10-0-0-99.ec2.internal")
    done = server.agent.run("publish-tokens", "--wait", "4")
    assert done.status == 7 and "ip-10-0-0-99.ec2.internal holds the lock until" in done.errors
    assert server.job()["outcome"] == "failed"


def test_takes_an_expired_lock_and_its_own_leftover_lock(server: AuthServer) -> None:
    for expires, process in [(-5, "dead.ec2.internal"), (600, "ip-10-0-0-12.ec2.internal")]:
        server.put_lock_item(str(int(time.time() + expires)), process)
        assert server.publish().status == 0
        assert server.lock_item() is None


# ---------------------------------------------------------------- joining by IAM role

IAM = CONF + "TELEPORT_JOIN_METHOD=iam\nTELEPORT_JOIN_TOKEN_NAME=iam-1\n"


def test_creates_the_resource_for_joining_by_role_once_and_corrects_it(new_server: NewServer) -> None:
    server = new_server(IAM)
    done = server.publish("--format", "json")
    assert done.status == 0, done.errors
    assert done.data["join_resource"] == "iam-1"
    resource = server.resources()["iam-1"]
    assert resource["spec"]["join_method"] == "iam"
    assert resource["spec"]["allow"] == [
        {"aws_account": ACCOUNT, "aws_arn": f"arn:aws:sts::{ACCOUNT}:assumed-role/teleport-role/i-*"}
    ]
    assert sorted(resource["spec"]["roles"]) == ["App", "Db", "Kube", "Node", "Proxy"]
    assert server.publish("--format", "json").data["join_resource"] is None
    assert server.resources()["iam-1"] == resource
    # A person has removed our rule.
    for rules in ([], [{"aws_account": "999999999999"}]):
        _let(server, allow=rules)
        assert server.publish("--format", "json").data["join_resource"] == "iam-1"
        assert server.resources()["iam-1"]["spec"]["allow"] == [*rules, *resource["spec"]["allow"]]


def _let(server: AuthServer, **spec: object) -> None:
    """A person edits the token resource."""
    path = server.agent.path("/var/lib/teleport/tctl-resources.json")
    kept = json.loads(path.read_text())
    kept["iam-1"]["spec"].update(spec)
    path.write_text(json.dumps(kept))


def _rule(role: str, account: str = ACCOUNT) -> dict[str, str]:
    return {"aws_account": account, "aws_arn": f"arn:aws:sts::{account}:assumed-role/{role}/i-*"}


def test_join_3_named_iam_roles_may_join_and_rules_of_others_stay(new_server: NewServer) -> None:
    other = "210987654321"
    conf = IAM + f"TELEPORT_IAM_JOIN_ROLES='fleet-proxy, arn:aws:iam::{other}:role/path/fleet.node'\n"
    server = new_server(conf)
    assert server.publish("--format", "json").data["join_resource"] == "iam-1"
    own = [_rule("teleport-role"), _rule("fleet-proxy"), _rule("fleet.node", other)]
    assert server.resources()["iam-1"]["spec"]["allow"] == own
    # A person adds a rule, and narrows nothing of ours.
    theirs = {"aws_account": "999999999999", "aws_regions": ["eu-west-1"]}
    _let(server, allow=[theirs, *own], roles=["Node", "Bot"])
    assert server.publish("--format", "json").data["join_resource"] == "iam-1"
    found = server.resources()["iam-1"]["spec"]
    assert found["allow"] == [theirs, *own]
    assert sorted(found["roles"]) == ["App", "Bot", "Db", "Kube", "Node", "Proxy"]
    assert server.publish("--format", "json").data["join_resource"] is None
    # A shorter list takes back what it gave, and no more.
    _let(server, allow=[theirs, *own, _rule("by-hand")])
    server.agent.conf(IAM + "TELEPORT_IAM_JOIN_ROLES=fleet-proxy\n")
    assert server.publish("--format", "json").data["join_resource"] == "iam-1"
    assert server.resources()["iam-1"]["spec"]["allow"] == [
        theirs,
        _rule("teleport-role"),
        _rule("fleet-proxy"),
        _rule("by-hand"),
    ]
    server.agent.conf(IAM)
    assert server.publish("--format", "json").data["join_resource"] == "iam-1"
    assert server.resources()["iam-1"]["spec"]["allow"] == [theirs, _rule("teleport-role"), _rule("by-hand")]
    assert server.publish("--format", "json").data["join_resource"] is None


def test_join_3_a_resource_of_another_method_is_not_replaced(new_server: NewServer) -> None:
    server = new_server(IAM)
    assert server.publish().status == 0
    _let(server, join_method="ec2", allow=[{"aws_account": "999999999999"}])
    done = server.publish()
    assert done.status == 2 and "exists for another join method than iam" in done.errors
    assert server.resources()["iam-1"]["spec"]["allow"] == [{"aws_account": "999999999999"}]
    everything_published_is_valid(server)


@pytest.mark.parametrize("newer", [False, True])
def test_row_j_the_resource_for_joining_by_role_outlives_every_run_and_is_left_alone(
    new_server: NewServer, newer: bool
) -> None:
    server = new_server(IAM, **({"newer": True} if newer else {}))
    assert server.publish("--format", "json").data["join_resource"] == "iam-1"
    expires = server.resources()["iam-1"]["metadata"]["expires"]
    assert expires.startswith("2099-12-31T00:00:00")
    requests = len(server.requests())
    for _ in range(2):
        assert server.publish("--format", "json").data["join_resource"] is None
    created = [each for each in server.requests()[requests:] if "iam-1" in each["input"]]
    assert created == [] and server.resources()["iam-1"]["metadata"]["expires"] == expires


def test_row_j_a_resource_with_the_short_life_of_older_agents_gets_a_far_end(new_server: NewServer) -> None:
    server = new_server(IAM)
    server.publish()
    path = server.agent.path("/var/lib/teleport/tctl-resources.json")
    kept = json.loads(path.read_text())
    kept["iam-1"]["metadata"]["expires"] = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + 1000))
    path.write_text(json.dumps(kept))
    assert server.publish("--format", "json").data["join_resource"] == "iam-1"
    assert server.resources()["iam-1"]["metadata"]["expires"].startswith("2099-")


def test_row_j_every_token_resource_in_the_docs_has_a_far_end() -> None:
    blocks = [
        block
        for page in sorted((CHECKOUT / "docs").glob("*.md"))
        for block in re.findall(r"```ya?ml[^\n]*\n(.*?)```", page.read_text(), re.DOTALL)
    ]
    tokens = [each for block in blocks for each in yaml.safe_load_all(block) if is_token(each)]
    assert tokens
    for each in tokens:
        ends = str(each["metadata"].get("expires"))
        assert ends == join_tokens.NO_END, each


def is_token(document: object) -> bool:
    return isinstance(document, dict) and document.get("kind") == "token"


def test_does_not_replace_a_resource_that_cannot_be_read(new_server: NewServer) -> None:
    server = new_server(IAM, fail={"get": "connection refused"})
    done = server.publish()
    assert done.status == 5 and "iam-1 could not be read" in done.errors
    assert "iam-1" not in server.resources()
    everything_published_is_valid(server)


def test_for_the_ec2_method_the_operator_creates_the_resource(new_server: NewServer) -> None:
    server = new_server(CONF + "TELEPORT_JOIN_METHOD=ec2\nTELEPORT_JOIN_TOKEN_NAME=ec2-1\n")
    done = server.publish()
    assert done.status == 0 and "token resource ec2-1" in done.output
    assert "ec2-1" not in server.resources()


def test_reports_a_method_without_a_name_after_all_other_work(new_server: NewServer) -> None:
    server = new_server(CONF + "TELEPORT_JOIN_METHOD=iam\n")
    done = server.publish()
    assert done.status == 2 and "TELEPORT_JOIN_TOKEN_NAME" in done.errors
    assert len(server.values()) == 6


# ---------------------------------------------------------------- tctl that fails


def test_waits_for_an_auth_service_that_is_starting(server: AuthServer) -> None:
    server.tctl(fail={"status": "connection refused"})
    process = server.agent.start("publish-tokens", "--wait", "30")
    time.sleep(2)
    assert process.poll() is None
    server.tctl()
    assert process.wait(60) == 0
    everything_published_is_valid(server)


@pytest.mark.parametrize("switches", [{"fail": {"status": "connection refused"}}, {"hang": ["status"]}])
def test_reports_an_unavailable_auth_service_before_any_call_to_aws(
    server: AuthServer, aws: Aws, switches: dict[str, Any]
) -> None:
    server.tctl(**switches)
    done = server.agent.run("publish-tokens", "--wait", "2")
    assert done.status == 5 and "the auth service of this host does not answer" in done.errors
    assert aws.requests == []
    assert server.job()["outcome"] == "failed"


def test_without_tctl_the_error_names_the_searched_directories(server: AuthServer) -> None:
    server.agent.path("/usr/local/bin/tctl").unlink()
    done = server.publish()
    assert done.status == 5 and "tctl is not installed in" in done.errors


@pytest.mark.parametrize("message", ['token "{token}" is bad', "key /tokens/{token} exists"])
def test_never_repeats_what_tctl_prints_about_a_token(server: AuthServer, message: str) -> None:
    server.tctl(fail={"create": message})
    done = server.publish()
    assert done.status == 5 and "could not be registered" in done.errors
    assert "********" in done.errors
    server.holds_no_secret_outside_its_place()


def test_a_role_that_teleport_does_not_know_does_not_prevent_the_others(server: AuthServer) -> None:
    server.tctl(roles=["Proxy", "Node", "Kube", "App"])
    done = server.publish()
    assert done.status == 5 and "tokens/db" in done.errors and "nevertheless published" in done.errors
    assert set(server.values()) == {*TOKENS.values(), PINS} - {TOKENS["db"]}
    everything_published_is_valid(server)


# ---------------------------------------------------------------- AWS that fails

# The calls of a run, in their order: the lock twice, a look, six parameters, and the lock again.
CALLS = ["GetItem", "PutItem", "GetParameters", *["PutParameter"] * 6, "DeleteItem"]
FAULTS = {
    "throttled": answers.THROTTLED,
    "broken": answers.BROKEN,
    "reset": answers.RESETTING,
    "page": answers.PAGE,
    "denied": answers.denied("x:Y"),
    "made, and no answer": answers.Answer(action=answers.LOSE),
}
# Of a later run, which leaves the pins as they are.
LATER_CALLS = [*CALLS[:8], "DeleteItem"]
EVERY = [(number, fault) for number in range(len(LATER_CALLS)) for fault in FAULTS]
FEW = [(0, "throttled"), (2, "broken"), (3, "made, and no answer"), (4, "denied"), (5, "page"), (8, "reset")]
SAMPLE = EVERY if kill_sweep.EVERY_CALL else FEW


def test_the_calls_are_these(server: AuthServer, aws: Aws) -> None:
    server.publish()
    assert [request.operation for request in aws.requests] == CALLS


@pytest.mark.parametrize(
    ("number", "fault"), SAMPLE, ids=[f"{LATER_CALLS[number]}-{number}-{fault}" for number, fault in SAMPLE]
)
def test_a_fault_from_any_call_on_destroys_nothing_and_the_next_run_recovers(
    server: AuthServer, aws: Aws, number: int, fault: str
) -> None:
    server.publish()
    before = server.values()
    aws.fail(*[answers.Answer()] * number)
    aws.fail_always(FAULTS[fault])
    done = server.agent.run("publish-tokens", "--wait", "2")
    assert "Traceback" not in done.errors
    # Failing to release the lock does not fail the work.
    assert done.status == (0 if LATER_CALLS[number] == "DeleteItem" else 4), done.errors
    values = server.values()
    assert set(values) == set(before)
    everything_published_is_valid(server)
    assert values[PINS] == before[PINS]
    aws.clear_faults()
    assert server.publish().status == 0
    everything_published_is_valid(server)
    assert all(server.values()[name] != before[name] for name in TOKENS.values())
    assert server.job()["outcome"] == "succeeded"
    server.holds_no_secret_outside_its_place()


def test_a_transient_fault_has_no_effect(server: AuthServer, aws: Aws) -> None:
    faults = (answers.THROTTLED, answers.BROKEN, answers.LOST)
    for first in range(3 if kill_sweep.EVERY_CALL else 1):
        given = [faults[(first + number) % 3] for number in range(len(CALLS))]
        aws.fail(*[each for fault in given for each in (fault, answers.PASSED_ON)])
        assert server.publish().status == 0
        aws.clear_faults()
        everything_published_is_valid(server)


def test_a_denied_parameter_does_not_prevent_the_others(server: AuthServer, aws: Aws) -> None:
    aws.fail(*[answers.Answer()] * 4, answers.denied("ssm:PutParameter"))
    done = server.publish()
    assert done.status == 4
    assert "ssm:PutParameter" in done.errors and TOKENS["node"].lstrip("/") in done.errors
    assert set(server.values()) == {*TOKENS.values(), PINS} - {TOKENS["node"]}
    everything_published_is_valid(server)


def test_reports_a_parameter_of_another_type_with_the_remedy(server: AuthServer, aws: Aws) -> None:
    aws.fail(*[answers.Answer()] * 3, answers.Answer("HierarchyTypeMismatchException", "no"))
    done = server.publish()
    assert done.status == 4 and f"aws ssm delete-parameter --name {TOKENS['proxy']}" in done.errors


def test_the_permissions_of_the_manual_are_enough(new_server: NewServer, imds: emulator.Server, aws: Aws) -> None:
    server = new_server()
    imds.service.update({"credentials": aws.role_credentials(PERMISSIONS)})
    aws.enforce_policies()
    done = server.publish()
    aws.enforce_policies(False)
    assert done.status == 0, done.errors
    everything_published_is_valid(server)


@pytest.mark.parametrize("lacking", PERMISSIONS if kill_sweep.EVERY_CALL else PERMISSIONS[1::3])
def test_names_each_missing_permission(server: AuthServer, imds: emulator.Server, aws: Aws, lacking: str) -> None:
    granted = [each for each in PERMISSIONS if each != lacking]
    imds.service.update({"credentials": aws.role_credentials(granted or ["sts:GetCallerIdentity"])})
    aws.enforce_policies()
    done = server.publish()
    aws.enforce_policies(False)
    assert lacking in done.errors
    assert done.status == (0 if lacking == "dynamodb:DeleteItem" else 4)


# ---------------------------------------------------------------- no process sees a token


def test_no_process_and_no_output_shows_a_token(server: AuthServer) -> None:
    server.tctl(slow=0.15)
    seen: list[bytes] = []
    stop = threading.Event()

    def sample() -> None:
        while not stop.is_set():
            for process in Path("/proc").glob("[0-9]*"):
                for name in ("cmdline", "environ"):
                    try:
                        seen.append((process / name).read_bytes())
                    except OSError:
                        continue

    sampler = threading.Thread(target=sample)
    sampler.start()
    try:
        done = server.agent.run("--log-level", "debug", "publish-tokens", "--wait", "10")
    finally:
        stop.set()
        sampler.join()
    assert done.status == 0, done.errors
    everything = b"\n".join({*seen, done.said.encode()})
    # It has looked while there was something to see.
    assert any(each.endswith(b"/tctl\x00create\x00-f\x00") for each in seen)
    tokens = server.ever_registered()
    assert len(tokens) == 5
    assert [token for token in tokens if token.encode() in everything] == []


def test_two_runs_on_one_host_do_the_work_once_after_the_other(server: AuthServer) -> None:
    server.tctl(slow=0.2)
    first = server.agent.start("publish-tokens", "--wait", "20")
    second = server.agent.run("publish-tokens", "--wait", "20")
    assert first.wait(60) == 0
    assert second.status in (0, 7), second.errors
    everything_published_is_valid(server)


def test_after_a_killed_run_the_published_tokens_are_valid_and_the_next_run_recovers(server: AuthServer) -> None:
    server.publish()
    for wait in (0.8, 1.1, 1.4) if kill_sweep.EVERY_CALL else (1.1,):
        server.tctl(slow=0.1)
        process = server.agent.start("publish-tokens", "--wait", "20")
        try:
            process.wait(wait)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait(20)
        server.tctl()
        everything_published_is_valid(server)
        assert server.publish().status == 0
        assert server.lock_item() is None


# ---------------------------------------------------------------- the job


def test_status_shows_the_last_success_and_failures(server: AuthServer) -> None:
    server.publish()
    done = server.agent.run("status")
    assert "job:            publish-tokens, last succeeded 20" in done.output
    server.tctl(fail={"create": "no"})
    server.publish()
    done = server.agent.run("status", "--format", "json")
    (job,) = done.data["jobs"]
    assert (job["name"], job["outcome"]) == ("publish-tokens", "failed")
    assert job["last_success_at"] is not None
    assert any("publish-tokens failed" in line for line in done.warnings)
