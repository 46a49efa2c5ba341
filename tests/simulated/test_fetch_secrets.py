"""Token, CA pin and license, as generate and fetch-secrets bring them: the real commands in a scratch root."""

from __future__ import annotations

import fcntl
import json
import os
import re
import stat
import time
from pathlib import Path
from typing import Any

import pytest

from tests.simulated.agent import (
    LICENSE,
    NOWHERE,
    PIN,
    TOKEN,
    Agent,
    Ended,
    leftovers,
    needs_root,
    needs_strace,
    shows_no_secret,
    tree,
)
from tests.simulated_ec2 import Aws
from tests.simulated_ec2 import aws as answers
from tests.simulated_ec2 import imds as emulator

JOINING = "TELEPORT_CLUSTER_NAME=cluster-1\nTELEPORT_AUTH_SERVER_LB=auth.example.com\n"
CONFS = {
    "node": "TELEPORT_ROLE=node\n" + JOINING,
    "proxy": "TELEPORT_ROLE=proxy\nTELEPORT_DOMAIN_NAME=example.com\nUSE_ACM=true\n" + JOINING,
}
UNITS = {"node": "teleport-node.service", "proxy": "teleport-proxy-acm.service"}
NODE = CONFS["node"]
AGENT = (
    f"TELEPORT_ROLE=agent\nTELEPORT_PROXY_SERVER_LB=proxy.example.com\nTELEPORT_JOIN_TOKEN={TOKEN}\n"
    "TELEPORT_AGENT_SSH_ENABLED=true\n"
)

TOKEN_FILE = "/var/lib/teleport/token"
PIN_FILE = "/var/lib/teleport/ca-pin-hash"
IDENTITY = "/var/lib/teleport/proc/sqlite.db"
PIN_PARAMETER = "/teleport/cluster-1/ca-pin-hash"
NODE_TOKEN = "/teleport/cluster-1/tokens/node"

OTHER_PIN = "sha256:" + "7c" * 32
OTHER_TOKEN = "planted-token-93af-renewed"


@pytest.fixture
def agent(tmp_path: Path, imds: emulator.Server) -> Agent:
    """An instance with metadata, and without AWS until a test gives it some."""
    root = tmp_path / "root"
    (root / "etc/teleport.d").mkdir(parents=True)
    return Agent(root, imds=imds.url)


@pytest.fixture
def on_aws(agent: Agent, aws: Aws) -> Agent:
    agent.aws = aws.url
    return agent


@pytest.fixture
def node(on_aws: Agent, aws: Aws) -> Agent:
    """A configured node with token and pin, as they are published."""
    publish(aws, "node")
    on_aws.conf(NODE)
    assert on_aws.generate().status == 0
    assert on_aws.path(TOKEN_FILE).read_text() == f"{TOKEN}\n"
    assert on_aws.path(PIN_FILE).read_text() == f"{PIN}\n"
    aws.requests.clear()
    return on_aws


@pytest.fixture
def waiting(on_aws: Agent) -> Agent:
    """A configured node for which nothing is published yet."""
    on_aws.conf(NODE)
    assert on_aws.generate().status == 0
    assert not on_aws.path(TOKEN_FILE).exists()
    assert not on_aws.path(PIN_FILE).exists()
    return on_aws


def publish(aws: Aws, role: str, *, token: str = TOKEN, pin: str = PIN) -> None:
    if token:
        aws.put_parameters({f"/teleport/cluster-1/tokens/{role}": token})
    if pin:
        aws.put_parameters({PIN_PARAMETER: pin}, kind="String")


def fetch(agent: Agent, *arguments: str, **options: Any) -> Ended:
    done = agent.run("fetch-secrets", "--wait", "3", *arguments, **options)
    shows_no_secret(done)
    assert "Traceback" not in done.errors and "internal error" not in done.errors
    return done


def pending(agent: Agent) -> list[str]:
    """The files that `status` lists as pending, while no service answers."""
    cut_off = Agent(agent.root)
    return [
        agent.path(each["path"]).relative_to(agent.root).name
        for each in cut_off.run("status", "--format", "json").data["pending"]
    ]


def asked_for(aws: Aws) -> list[str]:
    return [name for request in aws.requests for name in json.loads(request.body)["Names"]]


# ---------------------------------------------------------------- published, or not yet


@pytest.mark.parametrize("has_pin", [True, False], ids=["pin", "no pin"])
@pytest.mark.parametrize("has_token", [True, False], ids=["token", "no token"])
@pytest.mark.parametrize("role", CONFS)
def test_generate_applies_what_it_can_and_reports_what_is_pending(
    on_aws: Agent, aws: Aws, role: str, has_token: bool, has_pin: bool
) -> None:
    publish(aws, role, token=TOKEN if has_token else "", pin=PIN if has_pin else "")
    on_aws.conf(CONFS[role])

    done = on_aws.generate("--format", "json")

    assert done.status == 0, done.errors
    shows_no_secret(done)
    marker = "role.node" if role == "node" else "role.proxy-acm"
    assert on_aws.teleport_yaml.exists() and on_aws.path(f"/etc/teleport.d/{marker}").exists()
    drop_in = on_aws.path(f"/etc/systemd/system/{UNITS[role]}.d/50-teleport-bootstrap.conf").read_text()
    assert f"ConditionPathExists=|{TOKEN_FILE}\n" in drop_in and f"ConditionPathExists={PIN_FILE}\n" in drop_in
    assert on_aws.path(TOKEN_FILE).exists() is has_token
    assert on_aws.path(PIN_FILE).exists() is has_pin
    missing = [
        *([] if has_token else [("token", f"/teleport/cluster-1/tokens/{role}")]),
        *([] if has_pin else [("ca-pin-hash", PIN_PARAMETER)]),
    ]
    assert len(done.data["pending"]) == len(missing)
    for found, (name, parameter) in zip(done.data["pending"], missing):
        assert (found["path"], found["unit"]) == (f"/var/lib/teleport/{name}", UNITS[role])
        assert (found["parameter"], found["is_published"], found["obstacle"]) == (parameter, True, None)
        line = f"teleport-bootstrap: {UNITS[role]} waits for {on_aws.path('/var/lib/teleport')}/{name}: "
        assert line in done.errors, "an instance's console shows stderr"
    assert pending(on_aws) == [name for name, _ in missing]

    fetched = fetch(on_aws, "--format", "json")
    if not missing:
        assert (fetched.status, fetched.data["changed"]) == (0, [])
        return
    assert (fetched.status, fetched.data["error"]["code"]) == (10, "secrets-pending")
    for name, parameter in missing:
        assert name in fetched.data["error"]["message"] and parameter in fetched.data["error"]["message"]
    publish(aws, role)
    fetched = fetch(on_aws, "--format", "json")
    assert (fetched.status, len(fetched.data["changed"])) == (0, len(missing))
    assert pending(on_aws) == []
    assert fetch(on_aws).output == "nothing has changed\n"


def test_one_call_asks_for_both(waiting: Agent, aws: Aws) -> None:
    aws.requests.clear()
    assert fetch(waiting).status == 10
    assert asked_for(aws) == [NODE_TOKEN, PIN_PARAMETER]
    assert len(aws.requests) == 1


@pytest.mark.parametrize("method", ["iam", "ec2"])
def test_other_join_methods_ask_for_the_pin_and_no_token(on_aws: Agent, aws: Aws, method: str) -> None:
    publish(aws, "node")
    on_aws.conf(NODE + f"TELEPORT_JOIN_METHOD={method}\nTELEPORT_JOIN_TOKEN_NAME={method}-nodes\n")
    assert on_aws.generate().status == 0
    publish(aws, "node", pin=OTHER_PIN)
    assert fetch(on_aws).status == 0
    assert asked_for(aws) == [PIN_PARAMETER] * 2
    assert not on_aws.path(TOKEN_FILE).exists()
    assert on_aws.path(PIN_FILE).read_text() == f"{OTHER_PIN}\n"
    assert pending(on_aws) == []
    drop_in = on_aws.path("/etc/systemd/system/teleport-node.service.d/50-teleport-bootstrap.conf").read_text()
    assert "token" not in drop_in and f"ConditionPathExists={PIN_FILE}\n" in drop_in


def test_changed_secrets_are_written_and_named(node: Agent, aws: Aws) -> None:
    publish(aws, "node", token=OTHER_TOKEN, pin=OTHER_PIN)
    done = fetch(node)
    assert done.status == 0, done.errors
    assert done.output.splitlines() == [f"wrote {node.path(TOKEN_FILE)}", f"wrote {node.path(PIN_FILE)}"]
    assert node.path(TOKEN_FILE).read_text() == f"{OTHER_TOKEN}\n"
    assert node.path(PIN_FILE).read_text() == f"{OTHER_PIN}\n"


def test_several_pins_become_one_per_line_from_any_layout(node: Agent, aws: Aws) -> None:
    publish(aws, "node", pin=f"  {PIN}\r\n\r\n{OTHER_PIN}\r\n")
    assert fetch(node).status == 0
    assert node.path(PIN_FILE).read_text() == f"{PIN}\n{OTHER_PIN}\n"


# ---------------------------------------------------------------- what never replaces a good one

UNUSABLE = {
    "blank token": {"token": " "},
    "the text None": {"token": "None"},
    "the text null": {"token": "null\n"},
    "None for a pin": {"pin": "None"},
    "blank pin": {"pin": " \n"},
    "a page for a pin": {"pin": "<html><body>sign in</body></html>"},
    "half a pin": {"pin": PIN[:-2]},
    "a pin and something else": {"pin": f"{PIN}\nerror: rate exceeded"},
}


@pytest.mark.parametrize("case", UNUSABLE)
def test_known_defect_7_an_unusable_value_replaces_nothing(node: Agent, aws: Aws, case: str) -> None:
    before = tree(node.root)
    publish(aws, "node", **UNUSABLE[case])
    done = fetch(node)
    assert done.status == 4
    assert (NODE_TOKEN if "token" in UNUSABLE[case] else PIN_PARAMETER) in done.errors
    assert tree(node.root) == before
    node.teleport_yaml.unlink()
    assert node.generate().status == 0
    assert node.path(TOKEN_FILE).read_text() == f"{TOKEN}\n"
    assert node.path(PIN_FILE).read_text() == f"{PIN}\n"


@pytest.mark.parametrize("case", UNUSABLE)
def test_an_unusable_value_stays_pending(waiting: Agent, aws: Aws, case: str) -> None:
    publish(aws, "node", **UNUSABLE[case])
    done = fetch(waiting)
    assert done.status == 10
    assert (NODE_TOKEN if "token" in UNUSABLE[case] else PIN_PARAMETER) in done.errors
    assert waiting.path(TOKEN_FILE).exists() == ("pin" in UNUSABLE[case])
    assert waiting.path(PIN_FILE).exists() == ("token" in UNUSABLE[case])


@pytest.mark.parametrize("case", UNUSABLE)
def test_row_15_a_bad_value_does_not_keep_a_good_one_back(node: Agent, aws: Aws, case: str) -> None:
    good = {"token": OTHER_TOKEN, "pin": OTHER_PIN}
    publish(aws, "node", **{**good, **UNUSABLE[case]})
    done = fetch(node)
    assert done.status == 4
    assert "nevertheless wrote" in done.errors
    expected = {**good, **dict.fromkeys(UNUSABLE[case])}
    assert node.path(TOKEN_FILE).read_text() == f"{expected['token'] or TOKEN}\n"
    assert node.path(PIN_FILE).read_text() == f"{expected['pin'] or PIN}\n"


@pytest.mark.parametrize("case", UNUSABLE)
def test_row_15_generate_takes_the_good_value_beside_a_bad_one(on_aws: Agent, aws: Aws, case: str) -> None:
    publish(aws, "node", **UNUSABLE[case])
    on_aws.conf(NODE)
    done = on_aws.generate()
    assert done.status == 0
    assert "not used" in done.output + done.errors
    assert on_aws.path(TOKEN_FILE).exists() == ("pin" in UNUSABLE[case])
    assert on_aws.path(PIN_FILE).exists() == ("token" in UNUSABLE[case])


@pytest.mark.parametrize("command", ["generate", "fetch-secrets"])
@pytest.mark.parametrize("content", ["", " \n"], ids=["empty", "blank"])
def test_known_defect_7_a_leftover_empty_file_does_not_start_the_unit(
    node: Agent, aws: Aws, command: str, content: str
) -> None:
    """Teleport would stop at once, and systemd cannot see that a file which is there holds nothing."""
    node.write(PIN_FILE, content)
    aws.client("ssm").delete_parameter(Name=PIN_PARAMETER)
    assert pending(node) == ["ca-pin-hash"]
    assert node.run(command).status == (0 if command == "generate" else 10)
    assert not node.path(PIN_FILE).exists()
    assert node.path(TOKEN_FILE).read_text() == f"{TOKEN}\n"


FAULTS = {
    "throttled": (answers.THROTTLED, "throttl"),
    "failing": (answers.BROKEN, "InternalServerError"),
    "denied": (answers.denied(), "Allow ssm:GetParameters"),
    "silent": (answers.SILENT, "no answer"),
    "a wrong clock": (answers.wrong_clock(4000), "behind AWS's"),
    "down": (None, "connection refused"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_known_defect_7_keeps_good_files_after_any_failure_of_aws(node: Agent, aws: Aws, fault: str) -> None:
    before = tree(node.root)
    publish(aws, "node", token=OTHER_TOKEN, pin=OTHER_PIN)
    _break(node, aws, fault)
    done = fetch(node)
    assert done.status == 4
    assert FAULTS[fault][1] in done.errors
    assert tree(node.root) == before


@pytest.mark.parametrize("fault", FAULTS)
def test_a_value_that_aws_does_not_return_is_pending_with_the_reason(waiting: Agent, aws: Aws, fault: str) -> None:
    publish(aws, "node")
    _break(waiting, aws, fault)
    done = fetch(waiting)
    assert done.status == 10
    for words in (FAULTS[fault][1], NODE_TOKEN, PIN_PARAMETER, str(waiting.path(TOKEN_FILE))):
        assert words in done.errors
    assert "teleport-ssm-publish-tokens" not in done.errors, "the auth server is not to blame"


def _break(agent: Agent, aws: Aws, fault: str) -> None:
    answer, _ = FAULTS[fault]
    if answer is None:
        agent.aws = NOWHERE
    else:
        aws.fail_always(answer)


def test_without_metadata_keeps_good_files(node: Agent) -> None:
    before = tree(node.root)
    node.imds = NOWHERE
    assert fetch(node).status == 3
    assert tree(node.root) == before


def test_without_metadata_reports_why_files_are_pending(waiting: Agent) -> None:
    waiting.imds = NOWHERE
    done = fetch(waiting)
    assert done.status == 10
    assert "metadata service" in done.errors and NODE_TOKEN in done.errors


def test_an_instance_without_a_role_says_so(waiting: Agent, imds: emulator.Server) -> None:
    imds.service.update({"role": None})
    done = fetch(waiting)
    assert done.status == 10
    assert "no role" in done.errors and "associate-iam-instance-profile" in done.errors


# ---------------------------------------------------------------- a host that has joined


@pytest.mark.parametrize("has_token", [True, False], ids=["token", "token removed"])
def test_known_defect_18_a_joined_host_generates_without_any_network(
    node: Agent, aws: Aws, imds: emulator.Server, has_token: bool
) -> None:
    node.write(IDENTITY, "identity")
    if not has_token:
        node.path(TOKEN_FILE).unlink()
    before = tree(node.root)
    asked = len(imds.service.requests)

    done = node.generate("--format", "json")

    assert done.status == 0, done.errors
    assert (done.data["changed"], done.data["pending"]) == ([], [])
    assert aws.requests == []
    assert len(imds.service.requests) == asked
    assert tree(node.root) == before
    assert pending(node) == []


def test_a_waiting_host_generates_without_any_network_when_it_is_configured(
    waiting: Agent, aws: Aws, imds: emulator.Server
) -> None:
    aws.requests.clear()
    asked = len(imds.service.requests)
    done = waiting.generate("--format", "json")
    assert done.status == 0
    assert len(done.data["pending"]) == 2
    assert aws.requests == []
    assert len(imds.service.requests) == asked


def test_a_joined_host_still_needs_its_pin(node: Agent) -> None:
    node.write(IDENTITY, "identity")
    node.path(PIN_FILE).unlink()
    node.path(TOKEN_FILE).unlink()
    assert pending(node) == ["ca-pin-hash"]


def test_a_joined_host_does_not_need_a_token_in_ssm(node: Agent, aws: Aws) -> None:
    node.write(IDENTITY, "identity")
    node.path(TOKEN_FILE).unlink()
    aws.client("ssm").delete_parameter(Name=NODE_TOKEN)
    publish(aws, "node", token="", pin=OTHER_PIN)
    done = fetch(node)
    assert done.status == 0, done.errors
    assert NODE_TOKEN in done.output, "a note says so"
    assert node.path(PIN_FILE).read_text() == f"{OTHER_PIN}\n"


# ---------------------------------------------------------------- waiting


def _until_asked(aws: Aws, times: int = 1) -> None:
    end = time.monotonic() + 30
    while len(aws.requests) < times:
        assert time.monotonic() < end, "no request arrived"
        time.sleep(0.02)


def test_publish_wait_waits_for_several_files_and_reports_each(waiting: Agent, aws: Aws) -> None:
    aws.requests.clear()
    process = waiting.start("fetch-secrets", "--publish-wait", "30", "--format", "json")
    _until_asked(aws)
    publish(aws, "node", pin="")
    end = time.monotonic() + 30
    while not waiting.path(TOKEN_FILE).exists():
        assert time.monotonic() < end
        time.sleep(0.02)
    publish(aws, "node")
    output, said = process.communicate(timeout=60)
    assert process.returncode == 0, said
    assert json.loads(output)["changed"] == [TOKEN_FILE, PIN_FILE]
    assert said.decode().count("trying again") == 2, "each pending file, and each only once"
    assert TOKEN not in output.decode() + said.decode()


@pytest.mark.parametrize("seconds", ["0", "5"])
def test_publish_wait_ends_in_time(waiting: Agent, seconds: str) -> None:
    started = time.monotonic()
    done = fetch(waiting, "--publish-wait", seconds)
    assert done.status == 10
    assert time.monotonic() - started < 15
    assert ("1 attempt in" in done.errors) is (seconds == "0")


def test_the_lock_is_free_while_aws_is_slow(waiting: Agent, aws: Aws) -> None:
    aws.requests.clear()
    aws.fail_always(answers.SILENT)
    process = waiting.start("fetch-secrets", "--wait", "30")
    try:
        _until_asked(aws)
        done = waiting.run("generate", "--wait", "1")
        assert done.status == 0, done.errors
        assert process.poll() is None, "it has stopped asking: the test is void"
    finally:
        process.kill()
        process.communicate()


@pytest.mark.parametrize(("conf", "kept"), [(AGENT, "token"), (CONFS["proxy"], "other token")], ids=["agent", "proxy"])
def test_does_not_write_what_was_fetched_for_another_role(waiting: Agent, aws: Aws, conf: str, kept: str) -> None:
    publish(aws, "node", token=OTHER_TOKEN, pin="")
    aws.requests.clear()
    aws.fail(answers.Answer(slow_seconds=3))
    process = waiting.start("fetch-secrets", "--wait", "30")
    _until_asked(aws)
    waiting.conf(conf)
    if kept == "token":
        assert waiting.generate().status == 0
    process.communicate(timeout=60)
    found = waiting.path(TOKEN_FILE).read_text() if waiting.path(TOKEN_FILE).exists() else None
    assert found == (f"{TOKEN}\n" if kept == "token" else None)


@pytest.mark.parametrize("has_all", [True, False], ids=["has all", "waits"])
def test_reports_another_running_command_and_whether_teleport_waits(on_aws: Agent, aws: Aws, has_all: bool) -> None:
    on_aws.conf(NODE)
    publish(aws, "node")
    if not has_all:
        on_aws.aws = NOWHERE
    assert on_aws.give_up_soon().status == 0
    on_aws.aws = aws.url
    lock = on_aws.write("/var/lib/teleport-bootstrap/lock", "", 0o600)
    with lock.open("r+") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        done = fetch(on_aws)
    assert done.status == (7 if has_all else 10)
    assert "another teleport-bootstrap is at work" in done.errors


# ---------------------------------------------------------------- who fetches, and who does not


def test_ignores_a_manually_configured_host(agent: Agent, imds: emulator.Server) -> None:
    agent.write("/etc/teleport.yaml", "version: v3\n")
    before = tree(agent.root)
    done = fetch(agent)
    assert done.status == 0
    assert "configured manually" in done.output
    assert imds.service.requests == []
    assert tree(agent.root) == before


def test_a_host_without_any_configuration_is_an_error(agent: Agent) -> None:
    done = fetch(agent)
    assert done.status == 2
    assert "/etc/teleport.d/conf" in done.errors


def test_an_invalid_conf_is_an_error_before_any_request(agent: Agent, imds: emulator.Server) -> None:
    agent.conf("TELEPORT_ROLE=nod\n")
    done = fetch(agent, "--publish-wait", "60")
    assert done.status == 2
    assert "conf:1:" in done.errors
    assert imds.service.requests == []


@pytest.mark.parametrize(
    "conf",
    [
        "TELEPORT_DOMAIN_NAME=example.com\n",
        AGENT,
        AGENT.replace(f"TELEPORT_JOIN_TOKEN={TOKEN}\n", "TELEPORT_JOIN_METHOD=iam\nTELEPORT_JOIN_TOKEN_NAME=agents\n"),
    ],
    ids=["all-in-one", "agent", "agent with iam"],
)
def test_a_role_that_needs_nothing_from_ssm_sends_no_request(agent: Agent, imds: emulator.Server, conf: str) -> None:
    agent.conf(conf)
    assert agent.generate().status == 0
    asked = len(imds.service.requests)
    done = fetch(agent)
    assert done.status == 0, done.errors
    assert "needs nothing from SSM" in done.output
    assert len(imds.service.requests) == asked
    assert pending(agent) == []
    assert agent.path(TOKEN_FILE).exists() is ("JOIN_TOKEN=" in conf)


def test_fetches_a_license_on_request_and_keeps_it_when_it_is_missing(on_aws: Agent, aws: Aws) -> None:
    on_aws.conf("TELEPORT_CLUSTER_NAME=cluster-1\nTELEPORT_LICENSE_PATH=1\n")
    aws.put_parameters({"/teleport/cluster-1/license": "an older one"})
    assert on_aws.generate().status == 0
    aws.put_parameters({"/teleport/cluster-1/license": LICENSE})
    assert fetch(on_aws).status == 0
    license_file = on_aws.path("/var/lib/teleport/license.pem")
    assert license_file.read_text() == LICENSE
    aws.client("ssm").delete_parameter(Name="/teleport/cluster-1/license")
    done = fetch(on_aws)
    assert done.status == 4
    assert "/teleport/cluster-1/license" in done.errors
    assert license_file.read_text() == LICENSE


def test_an_agent_s_token_follows_the_conf_beside_a_kept_teleport_yaml(agent: Agent) -> None:
    agent.conf(AGENT)
    assert agent.generate().status == 0
    document = agent.teleport_yaml.read_bytes()
    agent.imds = NOWHERE
    conf = agent.conf(AGENT.replace(TOKEN, OTHER_TOKEN))
    done = agent.generate()
    assert done.status == 0
    shows_no_secret(done)
    assert agent.path(TOKEN_FILE).read_text() == f"{OTHER_TOKEN}\n"
    assert stat.S_IMODE(conf.stat().st_mode) == 0o600
    assert stat.S_IMODE(agent.path(TOKEN_FILE).stat().st_mode) == 0o600
    assert agent.teleport_yaml.read_bytes() == document
    assert TOKEN.encode() not in document


# ---------------------------------------------------------------- files


def _facts(agent: Agent, path: str) -> tuple[int, int, int]:
    facts = agent.path(path).stat()
    return facts.st_uid, facts.st_gid, stat.S_IMODE(facts.st_mode)


@needs_root
def test_a_proxys_secrets_belong_to_its_account_and_wrong_owners_are_corrected(on_aws: Agent, aws: Aws) -> None:
    on_aws.write("/etc/passwd", "root:x:0:0::/root:/bin/sh\nteleport:x:4321:4322::/:/bin/false\n")
    on_aws.write("/etc/group", "root:x:0:\nteleport:x:4322:\n")
    on_aws.conf(CONFS["proxy"])
    assert on_aws.generate().status == 0
    assert _facts(on_aws, "/var/lib/teleport") == (4321, 4322, 0o700)
    publish(aws, "proxy")
    assert fetch(on_aws).status == 0
    assert _facts(on_aws, TOKEN_FILE) == (4321, 4322, 0o600)
    assert _facts(on_aws, PIN_FILE) == (4321, 4322, 0o644)
    os.chown(on_aws.path(TOKEN_FILE), 0, 0)
    on_aws.path(TOKEN_FILE).chmod(0o666)
    assert fetch(on_aws).status == 0
    assert _facts(on_aws, TOKEN_FILE) == (4321, 4322, 0o600)


def test_files_have_their_modes_with_any_umask(on_aws: Agent, aws: Aws) -> None:
    on_aws.conf(NODE)
    private = ("sh", "-c", 'umask 077; exec "$@"', "sh")
    assert on_aws.generate(prefix=private).status == 0
    publish(aws, "node")
    assert fetch(on_aws, prefix=("sh", "-c", 'umask 0; exec "$@"', "sh")).status == 0
    expected = {
        "/var/lib/teleport": 0o700,
        TOKEN_FILE: 0o600,
        PIN_FILE: 0o644,
        "/etc/systemd/system/teleport-node.service.d": 0o755,
        "/etc/systemd/system/teleport-node.service.d/50-teleport-bootstrap.conf": 0o644,
    }
    assert {path: _facts(on_aws, path)[2] for path in expected} == expected


@pytest.mark.parametrize("planted", ["symlink", "dangling symlink", "hard link", "fifo", "other file"])
@pytest.mark.parametrize("path", [TOKEN_FILE, PIN_FILE])
def test_planted_links_in_the_data_directory_change_nothing_outside_it(
    on_aws: Agent, aws: Aws, tmp_path: Path, path: str, planted: str
) -> None:
    publish(aws, "node")
    on_aws.conf(NODE)
    assert on_aws.generate().status == 0
    outside = tmp_path / "outside"
    outside.write_text("precious")
    place = on_aws.path(path)
    place.unlink()
    if planted == "symlink":
        place.symlink_to(outside)
    elif planted == "dangling symlink":
        place.symlink_to(tmp_path / "new")
    elif planted == "hard link":
        os.link(outside, place)
    elif planted == "fifo":
        os.mkfifo(place)
    else:
        place.write_text("x")
        place.chmod(0o666)
    before = outside.stat()

    done = fetch(on_aws, timeout=30)

    assert done.status == 0, done.errors
    after = outside.stat()
    for fact in ("st_mode", "st_uid", "st_gid", "st_mtime_ns", "st_ino"):
        assert getattr(before, fact) == getattr(after, fact), fact
    assert outside.read_text() == "precious"
    assert not (tmp_path / "new").exists()
    assert not place.is_symlink()
    assert place.read_text().strip() == (TOKEN if path == TOKEN_FILE else PIN)
    assert place.stat().st_nlink == 1
    assert leftovers(on_aws.root) == []


def test_a_data_directory_that_is_a_link_gets_nothing(waiting: Agent, aws: Aws, tmp_path: Path) -> None:
    publish(aws, "node")
    waiting.path("/var/lib/teleport").rmdir()
    target = tmp_path / "elsewhere"
    target.mkdir(mode=0o755)
    waiting.path("/var/lib/teleport").symlink_to(target)
    done = fetch(waiting)
    assert done.status == 10
    assert "symbolic link" in done.errors and "bind mount" in done.errors
    assert os.listdir(target) == []
    assert stat.S_IMODE(target.stat().st_mode) == 0o755


def test_a_link_that_an_operator_made_counts_as_systemd_and_teleport_see_it(waiting: Agent, tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    for path in (TOKEN_FILE, PIN_FILE):
        waiting.path(path).symlink_to(elsewhere)
    assert pending(waiting) == ["token", "ca-pin-hash"]
    elsewhere.write_text("something")
    assert pending(waiting) == []


@needs_strace
def test_no_secret_is_in_the_arguments_or_the_environment_of_any_program(
    on_aws: Agent, aws: Aws, tmp_path: Path
) -> None:
    publish(aws, "node")
    on_aws.conf(NODE)
    on_aws.install(version="17.5.1")
    trace = tmp_path / "trace"
    strace = ("strace", "-f", "-v", "-s", "10000", "-e", "trace=execve", "-o", str(trace))
    assert on_aws.generate(prefix=strace, timeout=120).status == 0
    seen = trace.read_text()
    on_aws.path(TOKEN_FILE).unlink()
    assert fetch(on_aws, prefix=strace, timeout=120).status == 0
    seen += trace.read_text()
    assert seen.count("configure") and seen.count('"version"') >= 2, "programs were run, or this proves nothing"
    assert TOKEN not in seen


# ---------------------------------------------------------------- a fleet that starts at once


def test_issue_16_row_6_waits_on_while_ssm_throttles_a_fleet(waiting: Agent, aws: Aws) -> None:
    publish(aws, "node")
    aws.requests.clear()
    aws.fail_always(answers.THROTTLED)
    process = waiting.start("fetch-secrets", "--wait", "1", "--publish-wait", "2")
    started = time.monotonic()
    try:
        _until_asked(aws, 5)
        assert time.monotonic() - started > 2.5, "it asks at growing intervals"
        aws.clear_faults()
        _, said = process.communicate(timeout=60)
    finally:
        process.kill()
    assert process.returncode == 0, said
    assert waiting.path(TOKEN_FILE).exists()
    assert len(aws.requests) == 6
    assert b"waiting up to 7" in said and b"ThrottlingException" in said


def test_issue_16_row_6_asks_first_at_its_turn_in_a_fleet(waiting: Agent, aws: Aws) -> None:
    publish(aws, "node")
    waiting.conf(f"{NODE}TELEPORT_FETCH_SPREAD_SECONDS=3600\n")
    aws.requests.clear()
    process = waiting.start("fetch-secrets", "--publish-wait", "2")
    assert process.stderr is not None
    said = process.stderr.readline()
    process.kill()
    process.communicate()
    assert re.search(rb"asking SSM in [0-9]+ s, at the turn of this host", said)
    assert aws.requests == []
    assert fetch(waiting).status == 0, "an operator's own call does not wait for a turn"
