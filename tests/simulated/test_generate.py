"""generate: the real command in a scratch root, with a metadata service and AWS on loopback."""

from __future__ import annotations

import fcntl
import json
import os
import time
from pathlib import Path

import pytest
import yaml

from tests.simulated.agent import (
    GUIDE,
    LICENSE,
    NOWHERE,
    PIN,
    TOKEN,
    Agent,
    Ended,
    contents,
    leftovers,
    needs_root,
    shows_no_secret,
    tree,
)
from tests.simulated_ec2 import Aws
from tests.simulated_ec2 import aws as aws_answers
from tests.simulated_ec2 import imds as emulator

LICENSED = "TELEPORT_CLUSTER_NAME=cluster-1\nTELEPORT_LICENSE_PATH=1\n"
AGENT = (
    f"TELEPORT_ROLE=agent\nTELEPORT_PROXY_SERVER_LB=proxy.example.com\nTELEPORT_JOIN_TOKEN={TOKEN}\n"
    "TELEPORT_AGENT_SSH_ENABLED=true\n"
)
NODE = "TELEPORT_ROLE=node\nTELEPORT_CLUSTER_NAME=cluster-1\nTELEPORT_AUTH_SERVER_LB=auth.example.com\n"
PARAMETER = "/teleport/cluster-1/license"


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


def failed(ended: Ended, status: int, *words: str) -> None:
    """It ended with `status` and said each of `words` in its one error, without a traceback or a secret."""
    assert ended.status == status, ended.errors
    assert ended.errors.count("teleport-bootstrap: ") == 1
    assert "Traceback" not in ended.errors and "internal error" not in ended.errors
    for word in words:
        assert word in ended.errors
    shows_no_secret(ended)


def untouched(agent: Agent, before: dict[str, object]) -> None:
    assert tree(agent.root) == before


# ---------------------------------------------------------------- what it makes


def test_the_guide_word_for_word(agent: Agent) -> None:
    agent.conf(GUIDE)
    agent.install(version="17.5.1")
    done = agent.generate()
    assert done.status == 0, done.errors
    document = yaml.safe_load(agent.teleport_yaml.read_text())
    assert document["proxy_service"]["public_addr"] == "teleport.acmeinc.com:443"
    assert document["auth_service"]["public_addr"] == "teleport-nlb.acmeinc.com:3025"
    assert document["proxy_service"]["web_listen_addr"] == "0.0.0.0:3080"
    assert document["proxy_service"]["tunnel_listen_addr"] == "0.0.0.0:3024"
    assert document["proxy_service"]["trust_x_forwarded_for"] is True
    labels = {label["name"]: label["command"] for label in document["ssh_service"]["commands"]}
    assert list(labels) == ["arch", "kernel", "uptime", "internal", "external"]
    assert labels["internal"] == ["teleport-bootstrap", "metadata", "local-ipv4"]
    assert not any("curl" in command for command in labels.values())
    assert document["teleport"]["nodename"] == "ip-10-0-0-12-ec2-internal"
    assert agent.path("/var/lib/teleport-bootstrap/unit.env").read_text() == "TELEPORT_START_FLAGS=--insecure-no-tls\n"
    assert agent.path("/etc/teleport.d/role.all-acm").read_text() == "all-acm\n"
    assert sorted(os.listdir(agent.path("/etc/teleport.d"))) == ["conf", "role.all-acm"]
    assert leftovers(agent.root) == []


def test_the_license_comes_from_ssm_into_a_file_that_only_its_owner_reads(on_aws: Agent, aws: Aws) -> None:
    aws.put_parameters({PARAMETER: LICENSE})
    on_aws.conf(LICENSED)
    done = on_aws.generate()
    assert done.status == 0, done.errors
    license_file = on_aws.path("/var/lib/teleport/license.pem")
    assert license_file.read_text() == LICENSE
    assert license_file.stat().st_mode & 0o777 == 0o600
    assert license_file.parent.stat().st_mode & 0o777 == 0o700
    assert on_aws.teleport_yaml.stat().st_mode & 0o777 == 0o600
    assert on_aws.path("/var/lib/teleport-bootstrap").stat().st_mode & 0o777 == 0o700
    assert [request.operation for request in aws.requests] == ["GetParameters"]
    shows_no_secret(done)


def test_issue_16_point_4_a_first_boot_takes_one_token_and_asks_for_nothing_twice(
    on_aws: Agent, aws: Aws, imds: emulator.Server
) -> None:
    aws.put_parameters({"/teleport/cluster-1/tokens/node": TOKEN})
    aws.put_parameters({"/teleport/cluster-1/ca-pin-hash": PIN}, kind="String")
    on_aws.conf(NODE)
    # Without an endpoint in the environment, the agent decides by the instance's addresses which one of SSM to ask.
    on_aws.environ = {"AWS_ENDPOINT_URL": "", "AWS_ENDPOINT_URL_SSM": aws.url}
    done = on_aws.generate()
    assert done.status == 0, done.errors
    assert on_aws.path("/var/lib/teleport/token").read_text().strip() == TOKEN
    assert len(imds.service.puts()) == 1
    asked = [request.path for request in imds.service.gets()]
    assert len(asked) == len(set(asked)), asked
    assert [request.operation for request in aws.requests] == ["GetParameters"]


def test_an_agent_s_token_is_in_its_file_only_and_the_conf_becomes_private(agent: Agent) -> None:
    conf = agent.conf(AGENT)
    done = agent.generate()
    assert done.status == 0, done.errors
    token = agent.path("/var/lib/teleport/token")
    assert token.read_text().strip() == TOKEN
    assert token.stat().st_mode & 0o777 == 0o600
    assert conf.stat().st_mode & 0o777 == 0o600
    holding = [name for name, entry in tree(agent.root).items() if entry.content and TOKEN.encode() in entry.content]
    assert sorted(holding) == ["etc/teleport.d/conf", "var/lib/teleport/token"]
    shows_no_secret(done)
    assert done.status == agent.generate("--log-level", "debug").status
    shows_no_secret(agent.generate("--log-level", "debug", "--format", "json"))


def test_a_conf_without_a_secret_keeps_its_mode(agent: Agent) -> None:
    conf = agent.conf(GUIDE)
    assert agent.generate().status == 0
    assert conf.stat().st_mode & 0o777 == 0o644


def test_nothing_that_holds_a_secret_can_be_read_by_others(on_aws: Agent, aws: Aws) -> None:
    aws.put_parameters({PARAMETER: LICENSE, "/teleport/cluster-1/tokens/node": TOKEN})
    aws.put_parameters({"/teleport/cluster-1/ca-pin-hash": PIN}, kind="String")
    for text in (LICENSED, NODE):
        on_aws.conf(text)
        on_aws.teleport_yaml.unlink(missing_ok=True)
        assert on_aws.generate().status == 0
        for name, entry in tree(on_aws.root).items():
            if any(secret.encode() in (entry.content or b"") for secret in (TOKEN, "PLANTED-LICENSE-7c1e")):
                assert entry.mode & 0o077 == 0, name
    assert on_aws.path("/var/lib/teleport/ca-pin-hash").read_text() == f"{PIN}\n"
    assert on_aws.path("/var/lib/teleport/ca-pin-hash").stat().st_mode & 0o777 == 0o644


@needs_root
def test_files_belong_to_whom_the_unit_runs_as(on_aws: Agent, aws: Aws) -> None:
    aws.put_parameters({"/teleport/cluster-1/tokens/proxy": TOKEN})
    aws.put_parameters({"/teleport/cluster-1/ca-pin-hash": PIN}, kind="String")
    on_aws.write("/etc/passwd", "root:x:0:0::/root:/bin/sh\nteleport:x:4321:4322::/:/bin/false\n")
    on_aws.write("/etc/group", "root:x:0:\nteleport:x:4322:\n")
    on_aws.conf(NODE.replace("node", "proxy") + "TELEPORT_DOMAIN_NAME=example.com\nUSE_ACM=true\n")
    done = on_aws.generate()
    assert done.status == 0, done.errors

    def owner(path: str) -> tuple[int, int, int]:
        facts = on_aws.path(path).stat()
        return facts.st_uid, facts.st_gid, facts.st_mode & 0o777

    assert owner("/var/lib/teleport") == (4321, 4322, 0o700)
    assert owner("/var/lib/teleport/token") == (4321, 4322, 0o600)
    assert owner("/var/lib/teleport/ca-pin-hash") == (4321, 4322, 0o644)
    assert owner("/etc/teleport.yaml") == (0, 4322, 0o640)
    assert owner("/etc/teleport.d/role.proxy-acm") == (0, 0, 0o644)
    assert owner("/var/lib/teleport-bootstrap/unit.env") == (0, 0, 0o600)


@needs_root
def test_an_account_that_is_not_there_is_named_before_anything_is_written(agent: Agent) -> None:
    agent.write("/etc/passwd", "root:x:0:0::/root:/bin/sh\n")
    agent.write("/etc/group", "root:x:0:\n")
    agent.conf(NODE.replace("node", "proxy") + "TELEPORT_DOMAIN_NAME=example.com\nUSE_ACM=true\n")
    before = tree(agent.root)
    failed(agent.give_up_soon(), 6, "no user teleport", "useradd")
    untouched(agent, before)


# ---------------------------------------------------------------- which Teleport


@pytest.mark.parametrize("place", ["/usr/local/bin/teleport", "/usr/bin/teleport", "/opt/teleport/system/bin/teleport"])
def test_the_document_follows_the_installed_teleport(agent: Agent, place: str) -> None:
    agent.conf(GUIDE)
    agent.install(place, version="13.4.0")
    assert agent.generate().status == 0
    document = yaml.safe_load(agent.teleport_yaml.read_text())
    assert document["auth_service"]["authentication"]["second_factor"] == "on"
    assert "trust_x_forwarded_for" not in document["proxy_service"]
    assert "Teleport 13.4.0" in agent.teleport_yaml.read_text()


def test_the_version_given_wins_over_the_installed_one(agent: Agent) -> None:
    agent.conf(GUIDE)
    agent.install(version="17.5.1")
    assert agent.generate("--teleport-version", "16.1.0").status == 0
    document = yaml.safe_load(agent.teleport_yaml.read_text())
    assert document["auth_service"]["authentication"]["second_factor"] == "on"


def test_a_fips_build_is_noticed(agent: Agent) -> None:
    agent.conf(GUIDE + "\nTELEPORT_AUTH_TYPE=saml\n")
    agent.install(version="17.5.1", fips=True, edition="enterprise")
    assert agent.generate().status == 0
    assert "local_auth: false" in agent.teleport_yaml.read_text()
    environment = agent.path("/var/lib/teleport-bootstrap/unit.env").read_text()
    assert environment == "TELEPORT_START_FLAGS=--fips --insecure-no-tls\n"


def test_what_teleport_refuses_is_not_written(agent: Agent) -> None:
    agent.conf(GUIDE)
    agent.install(version="17.5.1", refuse="the stars are wrong")
    before = tree(agent.root)
    done = agent.generate()
    failed(done, 5, "the stars are wrong", str(agent.teleport_yaml), "Nothing was written")
    assert ".teleport-bootstrap-new" not in done.errors
    untouched(agent, before)


@pytest.mark.parametrize(
    ("switches", "text", "words"),
    [({"version": "11.3.2"}, GUIDE, ["11.3.2", "too old"])],
)
def test_a_teleport_that_cannot_do_it_is_said_plainly(agent: Agent, switches, text: str, words: list[str]) -> None:
    agent.conf(text)
    agent.install(**{"version": "17.5.1", **switches})
    before = tree(agent.root)
    failed(agent.generate(), 5, *words)
    untouched(agent, before)


def test_row_14_a_community_build_boots_without_the_license_that_the_conf_names(agent: Agent) -> None:
    """No parameter is asked for: AWS does not answer here."""
    agent.conf(LICENSED)
    agent.install(version="17.5.1", edition="community")
    done = agent.generate()
    assert done.status == 0, done.said
    assert "TELEPORT_LICENSE_PATH at" in done.said and "conf:2 has no effect" in done.said
    assert "license_file" not in agent.teleport_yaml.read_text()


@pytest.mark.parametrize(("edition", "status"), [("community", 0), ("enterprise", 6)])
def test_row_14_a_missing_license_of_an_override_stops_an_enterprise_build_only(
    agent: Agent, edition: str, status: int
) -> None:
    agent.conf(GUIDE)
    agent.install(version="17.5.1", edition=edition)
    agent.write("/etc/teleport.d/teleport.yaml.d/10.yaml", "auth_service: {license_file: /etc/ours.pem}\n")
    done = agent.generate()
    assert done.status == status, done.said
    assert "/etc/ours.pem is missing" in done.said


def test_fips_on_another_build_is_said_plainly(agent: Agent) -> None:
    agent.conf(GUIDE)
    agent.install(version="17.5.1")
    failed(agent.generate("--fips"), 5, "not a FIPS build")


@pytest.mark.parametrize("script", ["exit 1", "echo hello", "kill -9 $$", "echo Teleport v99 >&2; exit 3"])
def test_a_teleport_that_does_not_say_its_version_is_an_error(agent: Agent, script: str) -> None:
    agent.conf(GUIDE)
    agent.write("/usr/local/bin/teleport", f"#!/bin/sh\n{script}\n", 0o755)
    before = tree(agent.root)
    failed(agent.generate(), 5, "version", "--teleport-version")
    untouched(agent, before)


# ---------------------------------------------------------------- what can go wrong around it


@pytest.mark.parametrize(
    ("answer", "status", "words"),
    [
        (aws_answers.denied(), 4, ["ssm:GetParameters", PARAMETER]),
        (aws_answers.THROTTLED, 4, ["GetParameters", "throttling"]),
        (aws_answers.RESETTING, 4, ["127.0.0.1"]),
        (aws_answers.BROKEN, 4, ["ssm"]),
        (aws_answers.PAGE, 4, ["ssm"]),
        (aws_answers.wrong_clock(7200), 4, ["clock"]),
    ],
    ids=["denied", "throttled", "reset", "broken", "a page", "wrong clock"],
)
def test_ssm_fails(on_aws: Agent, aws: Aws, answer: aws_answers.Answer, status: int, words: list[str]) -> None:
    aws.put_parameters({PARAMETER: LICENSE})
    aws.fail_always(answer)
    on_aws.conf(LICENSED)
    before = tree(on_aws.root)
    done = on_aws.give_up_soon()
    failed(done, status)
    for word in words:
        assert word.lower() in done.errors.lower()
    untouched(on_aws, before)


def test_ssm_is_down(agent: Agent) -> None:
    agent.conf(LICENSED)
    before = tree(agent.root)
    failed(agent.give_up_soon(), 4, NOWHERE)
    untouched(agent, before)


def test_a_parameter_that_is_missing_is_named_with_how_to_put_it(on_aws: Agent) -> None:
    on_aws.conf(LICENSED)
    before = tree(on_aws.root)
    failed(on_aws.generate(), 4, PARAMETER, "us-east-1", "put-parameter")
    untouched(on_aws, before)


@pytest.mark.parametrize("value", [" ", "\n", " \n\t "], ids=["blank", "newline", "blanks"])
def test_an_empty_license_is_refused(on_aws: Agent, aws: Aws, value: str) -> None:
    aws.put_parameters({PARAMETER: value})
    on_aws.conf(LICENSED)
    before = tree(on_aws.root)
    failed(on_aws.generate(), 4, PARAMETER, "white space")
    untouched(on_aws, before)


@pytest.mark.parametrize("failure", ["down", "empty", "denied"])
def test_a_good_license_survives_all_that_ssm_can_do(on_aws: Agent, aws: Aws, failure: str) -> None:
    aws.put_parameters({PARAMETER: LICENSE})
    on_aws.conf(LICENSED)
    assert on_aws.generate().status == 0
    license_file = on_aws.path("/var/lib/teleport/license.pem")
    before = license_file.stat()
    on_aws.teleport_yaml.unlink()
    if failure == "down":
        on_aws.aws = NOWHERE
    elif failure == "empty":
        aws.put_parameters({PARAMETER: "\n"})
    else:
        aws.fail_always(aws_answers.denied())
    done = on_aws.give_up_soon()
    assert done.status == 0, done.errors
    assert "keeping the existing files" in done.said
    assert license_file.read_text() == LICENSE
    assert license_file.stat().st_ino == before.st_ino
    assert on_aws.teleport_yaml.exists()


def test_imds_is_down(agent: Agent) -> None:
    agent.imds = NOWHERE
    agent.conf(GUIDE)
    before = tree(agent.root)
    failed(agent.give_up_soon(), 3, NOWHERE, "metadata")
    untouched(agent, before)


def test_imds_is_late(agent: Agent) -> None:
    late = emulator.Server(late_seconds=2.0)
    late.start()
    agent.imds = late.url
    agent.conf(GUIDE)
    try:
        started = time.monotonic()
        done = agent.run("generate", "--wait", "20")
        assert done.status == 0, done.errors
        assert time.monotonic() - started >= 2.0
        assert yaml.safe_load(agent.teleport_yaml.read_text())["teleport"]["advertise_ip"] == "10.0.0.12"
    finally:
        late.stop()


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        ({"error_403": True}, ["403", "metadata"]),
        ({"html": True}, ["metadata"]),
        ({"reset": True}, ["metadata"]),
        ({"error_500": True}, ["metadata"]),
    ],
    ids=["403", "a page", "reset", "500"],
)
def test_imds_fails(agent: Agent, imds: emulator.Server, fault: dict[str, object], words: list[str]) -> None:
    imds.service.set_faults(**fault)
    agent.conf(GUIDE)
    before = tree(agent.root)
    failed(agent.give_up_soon(), 3, *words)
    untouched(agent, before)


def test_a_proxy_in_the_environment_is_not_asked(agent: Agent) -> None:
    agent.environ = {"http_proxy": NOWHERE, "HTTP_PROXY": NOWHERE, "https_proxy": NOWHERE}
    agent.conf(GUIDE)
    assert agent.generate().status == 0


def test_neither_conf_nor_teleport_yaml(agent: Agent) -> None:
    before = tree(agent.root)
    failed(agent.generate(), 2, "/etc/teleport.d/conf", "user-data")
    untouched(agent, before)
    agent.path("/etc/teleport.d").rmdir()
    failed(agent.generate(), 2, "/etc/teleport.d/conf")


def test_a_conf_that_would_run_something_runs_nothing(agent: Agent, tmp_path: Path) -> None:
    planted = tmp_path / "planted"
    spellings = [f"$(touch {planted})", f"`touch {planted}`", f'"$(touch {planted})"', f"<(touch {planted})"]
    agent.conf("".join(f"TELEPORT_NODENAME={spelling}\n" for spelling in spellings) + f"touch {planted}\n")
    before = tree(agent.root)
    done = agent.generate()
    failed(done, 2, "5 problems")
    for line in range(1, 6):
        assert f"conf:{line}:" in done.errors
    assert not planted.exists()
    untouched(agent, before)


def test_a_mistyped_role_is_refused_before_anybody_waits_for_the_network(agent: Agent) -> None:
    agent.imds = NOWHERE
    agent.conf("TELEPORT_ROLE=prxy\n")
    before = tree(agent.root)
    started = time.monotonic()
    ended = agent.generate("--wait", "60")
    failed(ended, 2, "conf:1:", "TELEPORT_ROLE", "did you mean proxy")
    assert time.monotonic() - started < 30 and "waiting" not in ended.errors
    untouched(agent, before)


def test_reports_two_problems_at_once(agent: Agent) -> None:
    agent.conf("TELEPORT_EXTERNAL_PORT=99999\nTELEPORT_ROLE=prxy\n")
    failed(agent.generate(), 2, "conf:1:", "conf:2:", "2 problems")


# ---------------------------------------------------------------- who may write the conf


@pytest.mark.parametrize("mode", [0o664, 0o646, 0o666])
def test_a_conf_that_others_can_write_is_refused(agent: Agent, mode: int) -> None:
    conf = agent.conf(GUIDE)
    conf.chmod(mode)
    before = tree(agent.root)
    failed(agent.generate(), 6, str(conf), "chown root:root", "chmod go-w")
    untouched(agent, before)


@pytest.mark.parametrize("mode", [0o775, 0o757, 0o777])
def test_a_conf_directory_that_others_can_write_is_refused(agent: Agent, mode: int) -> None:
    folder = agent.conf(GUIDE).parent
    folder.chmod(mode)
    before = tree(agent.root)
    failed(agent.generate(), 6, str(folder), "chown root:root")
    untouched(agent, before)


@needs_root
@pytest.mark.parametrize("whose", ["conf", "directory"])
def test_refuses_a_conf_that_another_account_owns(agent: Agent, whose: str) -> None:
    conf = agent.conf(GUIDE)
    path = conf if whose == "conf" else conf.parent
    os.chown(path, 65534, 65534)
    before = tree(agent.root)
    failed(agent.generate(), 6, str(path), "65534", "chown root:root")
    untouched(agent, before)


@pytest.mark.parametrize("whose", ["conf", "directory"])
def test_a_conf_behind_a_symbolic_link_is_refused(agent: Agent, tmp_path: Path, whose: str) -> None:
    conf = agent.conf(GUIDE)
    path = conf if whose == "conf" else conf.parent
    path.rename(tmp_path / "elsewhere")
    path.symlink_to(tmp_path / "elsewhere")
    failed(agent.generate(), 6, str(path), "symbolic link")
    assert not agent.teleport_yaml.exists()


@pytest.mark.parametrize("kind", ["directory", "fifo"])
def test_refuses_a_conf_that_is_not_a_regular_file_at_once(agent: Agent, kind: str) -> None:
    conf = agent.path("/etc/teleport.d/conf")
    conf.mkdir() if kind == "directory" else os.mkfifo(conf, 0o600)
    failed(agent.generate(timeout=20), 6, str(conf))


# ---------------------------------------------------------------- hostile ground


@pytest.mark.parametrize("planted", ["symlink", "dangling symlink", "hard link", "fifo", "other file"])
def test_what_is_planted_in_the_data_directory_changes_nothing_outside_it(
    on_aws: Agent, aws: Aws, tmp_path: Path, planted: str
) -> None:
    aws.put_parameters({PARAMETER: LICENSE})
    on_aws.conf(LICENSED)
    outside = tmp_path / "outside"
    outside.write_text("precious")
    outside.chmod(0o644)
    license_file = on_aws.path("/var/lib/teleport/license.pem")
    license_file.parent.mkdir(parents=True, mode=0o700)
    if planted == "symlink":
        license_file.symlink_to(outside)
    elif planted == "dangling symlink":
        license_file.symlink_to(tmp_path / "new")
    elif planted == "hard link":
        os.link(outside, license_file)
    elif planted == "fifo":
        os.mkfifo(license_file)
    else:
        license_file.write_text("x" * 10)
        license_file.chmod(0o666)
    before = outside.stat()
    done = on_aws.generate(timeout=30)
    assert done.status == 0, done.errors
    after = outside.stat()
    assert outside.read_text() == "precious"
    for fact in ("st_mode", "st_uid", "st_gid", "st_mtime_ns", "st_ino"):
        assert getattr(before, fact) == getattr(after, fact), fact
    assert not (tmp_path / "new").exists()
    assert not license_file.is_symlink()
    assert license_file.read_text() == LICENSE
    assert license_file.stat().st_nlink == 1
    assert license_file.stat().st_mode & 0o777 == 0o600
    assert leftovers(on_aws.root) == []


def test_a_directory_in_a_secret_s_place_is_refused_and_left_alone(on_aws: Agent, aws: Aws) -> None:
    aws.put_parameters({PARAMETER: LICENSE})
    on_aws.conf(LICENSED)
    planted = on_aws.write("/var/lib/teleport/license.pem/inside", "x")
    before = tree(on_aws.root)
    failed(on_aws.generate(), 6, str(planted.parent), "Nothing was changed")
    untouched(on_aws, before)


def test_a_data_directory_that_is_a_link_is_refused_and_its_target_left_alone(
    on_aws: Agent, aws: Aws, tmp_path: Path
) -> None:
    aws.put_parameters({PARAMETER: LICENSE})
    on_aws.conf(LICENSED)
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir(mode=0o755)
    data = on_aws.path("/var/lib/teleport")
    data.parent.mkdir(parents=True)
    data.symlink_to(elsewhere)
    before = tree(on_aws.root)
    failed(on_aws.generate(), 6, str(data), "symbolic link")
    untouched(on_aws, before)
    assert os.listdir(elsewhere) == []
    assert elsewhere.stat().st_mode & 0o777 == 0o755


def test_names_like_our_staged_files_neither_hold_it_up_nor_lead_it_outside(
    on_aws: Agent, aws: Aws, tmp_path: Path
) -> None:
    aws.put_parameters({PARAMETER: LICENSE})
    on_aws.conf(LICENSED)
    outside = tmp_path / "outside"
    outside.write_text("precious")
    data = on_aws.path("/var/lib/teleport")
    data.mkdir(parents=True, mode=0o700)
    (data / ".license.pem.0123456789abcdef.teleport-bootstrap-new").symlink_to(outside)
    os.link(outside, data / ".license.pem.1123456789abcdef.teleport-bootstrap-old")
    (data / ".license.pem.2123456789abcdef.teleport-bootstrap-new").mkdir()
    done = on_aws.generate()
    assert done.status == 0, done.errors
    assert outside.read_text() == "precious"
    assert outside.stat().st_nlink == 1
    assert leftovers(on_aws.root) == []


def test_a_failing_run_leaves_owner_and_mode_of_the_data_directory(agent: Agent) -> None:
    agent.conf(GUIDE)
    agent.install(version="17.5.1", refuse="no")
    data = agent.path("/var/lib/teleport")
    data.mkdir(parents=True)
    data.chmod(0o755)
    failed(agent.generate(), 5)
    assert data.stat().st_mode & 0o777 == 0o755
    agent.install(version="17.5.1")
    assert agent.generate().status == 0
    assert data.stat().st_mode & 0o777 == 0o700


# ---------------------------------------------------------------- again, and afterwards


def test_a_second_run_changes_nothing(on_aws: Agent, aws: Aws) -> None:
    aws.put_parameters({PARAMETER: LICENSE})
    for text in (LICENSED, AGENT):
        on_aws.conf(text)
        on_aws.teleport_yaml.unlink(missing_ok=True)
        assert on_aws.generate().status == 0
        before = tree(on_aws.root)
        done = on_aws.generate("--format", "json")
        assert done.status == 0
        untouched(on_aws, before)
        assert (done.data["result"], done.data["changed"], done.data["removed"]) == ("kept", [], [])


def test_the_same_conf_again_makes_the_same_file(agent: Agent) -> None:
    agent.conf(GUIDE)
    assert agent.generate().status == 0
    first = contents(agent.root)
    agent.teleport_yaml.unlink()
    assert agent.generate().status == 0
    assert contents(agent.root) == first


def test_an_existing_teleport_yaml_stays_while_the_rest_follows_the_conf_without_any_network(agent: Agent) -> None:
    agent.imds = NOWHERE
    agent.conf(GUIDE)
    agent.write("/etc/teleport.yaml", "# edited by hand\nversion: v3\n", 0o640)
    agent.write("/etc/teleport.d/role.all", "all\n")
    before = agent.teleport_yaml.stat()
    started = time.monotonic()
    done = agent.generate("--format", "json")
    assert time.monotonic() - started < 10, "it waits for no service"
    assert done.status == 0, done.errors
    assert agent.teleport_yaml.read_text() == "# edited by hand\nversion: v3\n"
    after = agent.teleport_yaml.stat()
    assert (before.st_ino, before.st_mtime_ns, before.st_mode) == (after.st_ino, after.st_mtime_ns, after.st_mode)
    assert done.data["result"] == "kept"
    assert done.data["removed"] == ["/etc/teleport.d/role.all"]
    assert any("left as it is; `teleport-bootstrap reconfigure` applies" in note for note in done.notes)
    assert sorted(os.listdir(agent.path("/etc/teleport.d"))) == ["conf", "role.all-acm"]
    unit_environment = agent.path("/var/lib/teleport-bootstrap/unit.env")
    assert unit_environment.read_text() == "TELEPORT_START_FLAGS=--insecure-no-tls\n"

    agent.conf("TELEPORT_DOMAIN_NAME=example.com\n")
    done = agent.generate()
    assert done.status == 0, done.errors
    assert f"removed {agent.path('/etc/teleport.d/role.all-acm')}" in done.output
    assert sorted(os.listdir(agent.path("/etc/teleport.d"))) == ["conf", "role.all"]
    assert unit_environment.read_text() == "TELEPORT_START_FLAGS=\n"
    assert agent.teleport_yaml.stat().st_mtime_ns == before.st_mtime_ns


def test_a_token_that_changes_in_the_conf_reaches_its_file_without_any_network(agent: Agent) -> None:
    agent.conf(AGENT)
    assert agent.generate().status == 0
    agent.imds = NOWHERE
    agent.conf(AGENT.replace(TOKEN, "another-token"))
    assert agent.generate().status == 0
    assert agent.path("/var/lib/teleport/token").read_text() == "another-token\n"


def test_fetches_or_reports_a_missing_license_beside_a_kept_teleport_yaml(on_aws: Agent, aws: Aws) -> None:
    on_aws.write("/etc/teleport.yaml", "version: v3\n")
    on_aws.conf(LICENSED)
    done = on_aws.generate()
    assert done.status == 0, done.errors
    assert "license.pem is missing" in done.said and PARAMETER in done.said
    aws.put_parameters({PARAMETER: LICENSE})
    assert on_aws.generate().status == 0
    assert on_aws.path("/var/lib/teleport/license.pem").read_text() == LICENSE


def test_a_broken_conf_beside_a_kept_teleport_yaml_is_an_error_and_changes_nothing(agent: Agent) -> None:
    agent.conf(GUIDE)
    assert agent.generate().status == 0
    agent.conf("TELEPORT_ROLE=prxy\n")
    before = tree(agent.root)
    failed(agent.generate(), 2, "conf:1:")
    untouched(agent, before)


def test_a_teleport_yaml_without_a_conf_is_left_alone(agent: Agent) -> None:
    agent.imds = NOWHERE
    agent.write("/etc/teleport.yaml", "version: v3\n")
    before = tree(agent.root)
    done = agent.generate("--format", "json")
    assert done.status == 0
    assert done.data["result"] == "hand-configured"
    assert "by hand" in done.notes[0]
    untouched(agent, before)


def test_a_node_whose_token_is_not_published_yet_is_configured_and_says_what_it_waits_for(on_aws: Agent) -> None:
    on_aws.conf(NODE)
    done = on_aws.generate()
    assert done.status == 0, done.errors
    assert on_aws.teleport_yaml.exists() and on_aws.path("/etc/teleport.d/role.node").exists()
    assert "/teleport/cluster-1/tokens/node" in done.said and "/teleport/cluster-1/ca-pin-hash" in done.said
    drop_in = on_aws.path("/etc/systemd/system/teleport-node.service.d/50-teleport-bootstrap.conf")
    assert "ConditionPathExists=/var/lib/teleport/ca-pin-hash" in drop_in.read_text()
    assert not on_aws.path("/var/lib/teleport/token").exists()


def test_debug_in_the_conf_is_debug_logging(agent: Agent) -> None:
    agent.conf(GUIDE)
    assert "changed /" not in agent.generate().errors
    agent.teleport_yaml.unlink()
    agent.conf(GUIDE + "\nDEBUG=true\n")
    assert "changed /" in agent.generate().errors


# ---------------------------------------------------------------- one at a time


def test_two_at_once_give_what_one_gives(agent: Agent) -> None:
    agent.conf(GUIDE)
    running = [agent.start("generate", "--format", "json") for _ in range(3)]
    outcomes = []
    for process in running:
        output, errors = process.communicate(timeout=60)
        assert process.returncode == 0, errors
        outcomes.append(json.loads(output)["result"])
    assert sorted(outcomes) == ["kept", "kept", "written"]
    assert leftovers(agent.root) == []


def test_who_holds_the_lock_for_too_long_is_named(agent: Agent) -> None:
    agent.conf(GUIDE)
    lock = agent.write("/var/lib/teleport-bootstrap/lock", "reconfigure (process 4711)", 0o600)
    before = tree(agent.root)
    with lock.open("r+") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        started = time.monotonic()
        failed(agent.give_up_soon(), 7, "reconfigure (process 4711)", "2 s")
        assert time.monotonic() - started >= 2
    untouched(agent, before)
    assert agent.generate().status == 0


def test_a_lock_that_a_dead_run_left_is_free(agent: Agent) -> None:
    agent.conf(GUIDE)
    agent.write("/var/lib/teleport-bootstrap/lock", "generate (process 1)", 0o600)
    assert agent.generate().status == 0


def test_a_lock_that_is_a_link_is_not_followed(agent: Agent, tmp_path: Path) -> None:
    agent.conf(GUIDE)
    lock = agent.path("/var/lib/teleport-bootstrap/lock")
    lock.parent.mkdir(parents=True)
    lock.symlink_to(tmp_path / "outside")
    failed(agent.generate(), 6, str(lock))
    assert not (tmp_path / "outside").exists()


@needs_root
def test_a_teleport_yaml_that_was_copied_here_becomes_readable_for_its_account(tmp_path: Path) -> None:
    """The guide's manual upgrade: root copies the file, and another account runs the auth server."""
    agent = Agent(tmp_path)
    agent.write("/etc/passwd", "root:x:0:0::/:/bin/sh\nteleport:x:987:986::/:/bin/false\n")
    agent.write("/etc/group", "root:x:0:\nteleport:x:986:\n")
    agent.conf(
        "TELEPORT_ROLE=auth\nTELEPORT_CLUSTER_NAME=c\nTELEPORT_AUTH_SERVER_LB=a.example.com\n"
        + "TELEPORT_DYNAMO_TABLE_NAME=table\nTELEPORT_DYNAMO_EVENTS_TABLE_NAME=events\nTELEPORT_S3_BUCKET=bucket\n"
        + "TELEPORT_LOCKS_TABLE_NAME=locks\nUSE_LETSENCRYPT=false\n"
    )
    copied = agent.write("/etc/teleport.yaml", "version: v3\n", 0o600)

    ended = agent.generate()

    assert ended.status == 0, ended.errors
    facts = copied.stat()
    assert (facts.st_uid, facts.st_gid, facts.st_mode & 0o7777) == (0, 986, 0o640)
    assert copied.read_text() == "version: v3\n"
    assert "986" not in ended.output and "group teleport" in ended.output


def test_an_empty_teleport_yaml_is_named(tmp_path: Path) -> None:
    agent = Agent(tmp_path)
    agent.conf(GUIDE)
    agent.write("/etc/teleport.yaml", "")

    ended = agent.generate()

    assert ended.status == 0 and "teleport.yaml is empty" in ended.output
    assert (tmp_path / "etc/teleport.yaml").read_text() == ""


@needs_root
def test_reports_a_missing_account_before_it_waits_for_anything(tmp_path: Path) -> None:
    agent = Agent(tmp_path, imds=NOWHERE)
    agent.write("/etc/passwd", "root:x:0:0::/:/bin/sh\n")
    agent.write("/etc/group", "root:x:0:\n")
    agent.conf(
        "TELEPORT_ROLE=proxy\nTELEPORT_DOMAIN_NAME=t.example.com\nTELEPORT_AUTH_SERVER_LB=a.example.com\nUSE_ACM=true\n"
    )

    ended = agent.generate()

    assert ended.status == 6 and "no user teleport" in ended.errors


def test_row_9_generate_reports_an_enabled_updater_of_teleport(agent: Agent) -> None:
    agent.conf(GUIDE)
    settings = "kind: update_config\nversion: v1\nspec: {{proxy: p.example.com, enabled: {}}}\n"
    agent.write("/opt/teleport/default/update.yaml", settings.format("true"))
    done = agent.generate()
    assert done.status == 0, done.errors
    assert "Teleport's updater is enabled" in done.said and "teleport-update disable" in done.said
    agent.write("/opt/teleport/default/update.yaml", settings.format("false"))
    assert "updater" not in agent.generate().said
