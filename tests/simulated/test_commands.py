"""The command line: options on either side of the command, JSON everywhere, exit statuses, no network without need."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests import answers
from tests.simulated.agent import CHECKOUT, GUIDE, TOKEN, Agent, Ended, needs_strace, shows_no_secret, tree
from tests.simulated_ec2 import imds as emulator

FACTS = """\
local-ipv4: 10.0.0.12
public-ipv4: 203.0.113.12
local-hostname: ip-10-0-0-12.ec2.internal
instance-id: i-0123456789abcdef0
region: us-east-1
tags: {Name: yes, "Cost Center": 0123}
"""
AGENT = (
    f"TELEPORT_ROLE=agent\nTELEPORT_PROXY_SERVER_LB=proxy.example.com\nTELEPORT_JOIN_TOKEN={TOKEN}\n"
    "TELEPORT_AGENT_SSH_ENABLED=true\nTELEPORT_TAG_LABELS='Name,Cost Center'\n"
)
COMMANDS = ("generate", "validate", "render", "plan", "metadata", "status")


@pytest.fixture
def agent(tmp_path: Path) -> Agent:
    """A root without anything, and no service that would answer."""
    root = tmp_path / "root"
    root.mkdir()
    return Agent(root)


@pytest.fixture
def files(tmp_path: Path) -> tuple[str, ...]:
    """Options that name a conf and the facts of an instance, outside of any root."""
    (tmp_path / "conf").write_text(AGENT)
    (tmp_path / "facts.yaml").write_text(FACTS)
    return (
        "--conf",
        str(tmp_path / "conf"),
        "--metadata",
        str(tmp_path / "facts.yaml"),
        "--teleport-version",
        "17.5.1",
    )


def error(ended: Ended) -> dict[str, Any]:
    """The error that a run with --format json printed; nothing else is on its standard output."""
    assert list(ended.data) == ["version", "command", "exit_status", "error", "findings"]
    assert ended.data["error"]["message"] in ended.errors
    result: dict[str, Any] = ended.data["error"]
    return result


# ---------------------------------------------------------------- usage


@pytest.mark.parametrize(
    "arguments",
    [
        (),
        ("regenerate",),
        ("generate", "now"),
        ("generate", "--wait", "soon"),
        ("generate", "--wait", "-1"),
        ("generate", "--wait", "nan"),
        ("generate", "--conf", "x"),
        ("--format", "xml", "generate"),
        ("generate", "--log-level", "loud"),
        ("metadata",),
        ("metadata", "user-data"),
        ("plan", "--teleport-version", "seventeen"),
        ("render", "--conf", "/does/not/exist"),
        ("validate", "/does/not/exist"),
        ("generate", "--form", "json"),
    ],
    ids=" ".join,
)
def test_a_usage_error_ends_with_2_and_says_what_to_do(agent: Agent, arguments: tuple[str, ...]) -> None:
    before = tree(agent.root)
    agent.conf(GUIDE)
    done = agent.run(*arguments)
    assert done.status == 2, done.said
    assert done.output == ""
    assert done.errors.startswith("teleport-bootstrap: ")
    assert "Traceback" not in done.errors
    assert before == {name: entry for name, entry in tree(agent.root).items() if name != "etc/teleport.d/conf"}


@pytest.mark.parametrize("arguments", [("--help",), *((command, "--help") for command in COMMANDS)], ids=" ".join)
def test_help_shows_an_example(agent: Agent, arguments: tuple[str, ...]) -> None:
    done = agent.run(*arguments)
    assert done.status == 0 and done.errors == ""
    assert "usage: teleport-bootstrap" in done.output
    assert "Example: teleport-bootstrap" in done.output or "Exit status:" in done.output


def test_the_version(agent: Agent) -> None:
    done = agent.run("--version")
    assert done.status == 0
    assert done.output.startswith("teleport-bootstrap 0.")


def test_a_missing_root_directory_is_not_created(agent: Agent, tmp_path: Path) -> None:
    agent.root = tmp_path / "absent"
    done = subprocess.run(
        agent.command("generate"), env=agent.environment(), cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.returncode == 2 and str(agent.root) in done.stderr
    assert not agent.root.exists()


def test_global_options_are_accepted_before_and_after_the_command(agent: Agent, tmp_path: Path) -> None:
    agent.conf(GUIDE)
    plain = [sys.executable, "-m", "teleport_bootstrap"]
    outputs = set()
    for arguments in (
        ["--root", str(agent.root), "--format", "json", "--log-level", "error", "validate"],
        ["validate", "--root", str(agent.root), "--format", "json", "--log-level", "error"],
        ["--format", "text", "validate", f"--root={agent.root}", "--format=json"],
        ["--root", "/nowhere", "validate", "--format", "json", "--root", str(agent.root)],
    ):
        done = subprocess.run(
            [*plain, *arguments], env=agent.environment(), cwd=tmp_path, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr
        outputs.add(done.stdout)
    assert len(outputs) == 1
    assert json.loads(outputs.pop())["valid"] is True


@pytest.mark.parametrize(
    ("arguments", "status", "code"),
    [
        (("--format", "json", "regenerate"), 2, "usage"),
        (("regenerate", "--format=json"), 2, "usage"),
        (("validate", "--format", "json"), 2, "conf-missing"),
        (("--format", "json", "generate"), 2, "conf-missing"),
        (("render", "--format", "json"), 2, "conf-missing"),
        (("metadata", "local-ipv4", "--format", "json"), 3, "metadata-unreachable"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else str(value),
)
def test_errors_are_json_too(agent: Agent, arguments: tuple[str, ...], status: int, code: str) -> None:
    done = agent.run(*arguments)
    assert done.status == status
    shown = error(done)
    assert shown["code"] == code
    assert shown["remedy"]


def test_every_problem_of_a_conf_is_in_the_json_error(agent: Agent) -> None:
    agent.conf("TELEPORT_ROLE=prxy\nTELEPORT_EXTERNAL_PORT=0\n")
    done = agent.run("generate", "--format", "json")
    assert error(done)["code"] == "conf-invalid"
    assert [(each["line"], each["severity"]) for each in done.data["findings"][:2]] == [(1, "error"), (2, "error")]


@pytest.mark.parametrize("command", COMMANDS)
def test_each_command_prints_one_json_value(agent: Agent, imds: emulator.Server, command: str) -> None:
    agent.imds = imds.url
    agent.conf(GUIDE)
    done = agent.run(command, *(["local-ipv4"] if command == "metadata" else []), "--format", "json")
    assert done.status in (0, 9), done.errors
    assert isinstance(done.data, dict)
    assert done.output.endswith("}\n")


# ---------------------------------------------------------------- validate


def test_validate_lists_every_assignment_and_every_problem(agent: Agent) -> None:
    agent.conf(
        "# the instance\nTELEPORT_ROLE=auth\nTELEPORT_ROLE=proxy\nTELEPORT_DNS_NAME=a.example.com\n"
        f"TELEPORT_JOIN_TOKEN={TOKEN}\nOTHER='a b'\nTELEPORT_EXTERNAL_PORT=99999\n"
    )
    done = agent.run("validate", "--format", "json")
    assert done.status == 2
    assert done.data["valid"] is False and done.data["error"] is None
    assert done.data["assignments"] == [
        {"name": "TELEPORT_ROLE", "value": "auth", "line": 2},
        {"name": "TELEPORT_ROLE", "value": "proxy", "line": 3},
        {"name": "TELEPORT_DNS_NAME", "value": "a.example.com", "line": 4},
        {"name": "TELEPORT_JOIN_TOKEN", "value": "********", "line": 5},
        {"name": "OTHER", "value": "a b", "line": 6},
        {"name": "TELEPORT_EXTERNAL_PORT", "value": "99999", "line": 7},
    ]
    problem, *missing = answers.found(done.data, "error")
    assert {each["code"] for each in missing} == {"conf-missing-variable"}
    assert (problem["severity"], problem["code"]) == ("error", "conf-value")
    assert problem["subject"] == "TELEPORT_EXTERNAL_PORT"
    assert problem["file"].endswith("/etc/teleport.d/conf")
    assert (problem["line"], problem["column"]) == (7, 1)
    assert "TELEPORT_EXTERNAL_PORT" in problem["message"]
    warnings = {warning["line"]: warning for warning in answers.found(done.data, "warning")}
    assert "no effect" in warnings[2]["message"]
    assert "TELEPORT_DOMAIN_NAME" in warnings[4]["message"] + warnings[4]["remedy"]
    assert {(each["severity"], each["code"]) for each in warnings.values()} == {("warning", "conf-no-effect")}
    assert all(isinstance(each["column"], int) for each in warnings.values())
    shows_no_secret(done)


def test_validate_lists_no_assignments_after_a_syntax_error(agent: Agent, tmp_path: Path) -> None:
    planted = tmp_path / "planted"
    agent.conf(f"TELEPORT_NODENAME=a\nTELEPORT_NODENAME=$(touch {planted})\nTELEPORT_ROLE=`id`\n")
    done = agent.run("validate", "--format", "json")
    assert done.status == 2
    assert done.data["assignments"] == []
    assert [(problem["code"], problem["line"]) for problem in answers.found(done.data, "error")] == [
        ("conf-grammar", 2),
        ("conf-grammar", 3),
    ]
    assert done.data["findings"][0]["column"] == len("TELEPORT_NODENAME=") + 1
    assert not planted.exists()


SECRET_SPELLINGS = [
    "TELEPORT_JOIN_TOKEN='{} with a blank'",
    "TELEPORT_JOIN_TOKEN='{}",
    "TELEPORT_JOIN_TOKEN=$(echo {})",
    "TELEPORT_JOIN_TOKN={}",
    "TELEPORT_JOIN_TOEKN={}",
    "teleport_join_token={}",
    "T={}\nTELEPORT_JOIN_TOKEN=$T\nTELEPORT_EXTERNAL_PORT=$T",
    "TELEPORT_JOIN_TOKEN={} another-{}",
    "TELEPORT_JOIN_TOKEN = {}",
    "TELEPORT_JOIN_TOKEN: {}",
    "TELEPORT_JOIN_TOKEN+={}",
    "TELEPORT_JOIN_TOKEN=“{}”",
    "TELEPORT_JOIN_TOKEN={}; id",
]


@pytest.mark.parametrize("spelling", SECRET_SPELLINGS)
def test_no_command_shows_a_token_even_if_it_is_misspelled(agent: Agent, spelling: str) -> None:
    agent.conf("TELEPORT_ROLE=agent\n" + spelling.replace("{}", TOKEN) + "\n")
    for arguments in (("validate",), ("validate", "--format", "json"), ("generate", "--log-level", "debug")):
        done = agent.run(*arguments)
        assert done.status == 2, done.said
        shows_no_secret(done)


def test_validate_reports_missing_variables_without_a_line(agent: Agent) -> None:
    agent.conf("TELEPORT_ROLE=node\n")
    done = agent.run("validate", "--format", "json")
    assert done.status == 2
    assert {problem["line"] for problem in answers.found(done.data, "error")} == {None}
    assert any("TELEPORT_AUTH_SERVER_LB" in problem["message"] for problem in answers.found(done.data, "error"))


def test_validate_reads_a_file_or_standard_input_and_changes_nothing(agent: Agent, tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.write_text(GUIDE)
    before = tree(agent.root)
    for arguments, stdin in (((str(other),), None), (("-",), GUIDE.encode())):
        done = agent.run("validate", *arguments, "--format", "json", stdin=stdin)
        assert done.status == 0, done.said
        assert [each["name"] for each in done.data["assignments"]] == [
            "USE_ACM",
            "TELEPORT_DOMAIN_NAME",
            "TELEPORT_EXTERNAL_HOSTNAME",
            "TELEPORT_EXTERNAL_PORT",
            "TELEPORT_AUTH_SERVER_LB",
        ]
    assert tree(agent.root) == before
    assert not agent.path("/var").exists()
    assert agent.run("validate", "-", stdin=b"A=\xff\n").status == 2
    assert agent.run("validate", "-", stdin=b"DEBUG=true\n").status == 0


def test_validate_as_text_can_be_followed_by_an_editor(agent: Agent) -> None:
    conf = agent.conf("TELEPORT_ROLE=prxy\n")
    done = agent.run("validate")
    assert done.output.startswith(f"error: {conf}:1:")


def test_validate_for_a_fips_build(agent: Agent) -> None:
    agent.conf(GUIDE)
    assert agent.run("validate").status == 0
    done = agent.run("validate", "--fips")
    assert done.status == 2 and "TELEPORT_AUTH_TYPE" in done.output


@pytest.mark.parametrize("command", ["validate", "render"])
def test_a_too_large_file_is_refused_and_not_truncated(agent: Agent, tmp_path: Path, command: str) -> None:
    large = tmp_path / "large"
    large.write_text("# nothing\n" * 450_000)
    done = agent.run(command, *(["--conf"] if command == "render" else []), str(large))
    assert done.status == 6 and "larger than 4 MiB" in done.errors


# ---------------------------------------------------------------- render and plan


def test_render_prints_the_file_and_plan_the_whole_plan(agent: Agent, files: tuple[str, ...]) -> None:
    rendered = agent.run("render", *files)
    assert rendered.status == 0, rendered.errors
    planned = agent.run("plan", *files, "--format", "json")
    assert planned.status == 0, planned.errors
    document = yaml.safe_load(rendered.output)
    assert document == planned.data["teleport_yaml"]
    assert document == agent.run("render", *files, "--format=json").data["teleport_yaml"]
    assert document["ssh_service"]["labels"] == {"Name": "yes", "Cost_Center": "0123"}
    by_path = {each["path"]: each for each in planned.data["files"]}
    assert by_path["/etc/teleport.yaml"]["content"] == rendered.output
    assert (by_path["/etc/teleport.yaml"]["mode"], by_path["/etc/teleport.yaml"]["owner"]) == ("0600", "root")
    assert by_path["/etc/teleport.d/role.agent"] == {
        "path": "/etc/teleport.d/role.agent",
        "mode": "0644",
        "owner": "root",
        "group": "root",
        "content": "agent\n",
    }
    (secret,) = planned.data["secrets"]
    assert secret["path"] == "/var/lib/teleport/token" and secret["variable"] == "TELEPORT_JOIN_TOKEN"
    assert "content" not in secret and "value" not in secret
    assert planned.data["markers"] == ["role.agent"]
    assert set(planned.data["systemd"]) == {"enable", "disable", "start", "stop"}
    assert planned.data["systemd"]["start"] == ["teleport.service"]
    shows_no_secret(rendered)
    shows_no_secret(planned)
    shows_no_secret(agent.run("plan", *files))
    assert tree(agent.root) == {}


def test_generate_does_what_plan_shows(agent: Agent, imds: emulator.Server) -> None:
    agent.imds = imds.url
    agent.conf(GUIDE)
    planned = agent.run("plan", "--format", "json")
    assert planned.status == 0, planned.errors
    assert agent.generate().status == 0
    # Beside it, generate keeps a record of what it did.
    records = ("/var/lib/teleport-bootstrap/generations/", "/var/lib/teleport-bootstrap/current.json")
    found = {f"/{name}" for name in tree(agent.root)}
    written = {name for name in found if not name.startswith(records)} - {"/etc/teleport.d/conf"}
    assert written == {each["path"] for each in planned.data["files"]} | {"/var/lib/teleport-bootstrap/metadata.json"}
    for each in planned.data["files"]:
        path = agent.path(each["path"])
        assert path.read_text() == each["content"]
        assert f"{path.stat().st_mode & 0o7777:04o}" == each["mode"]
    assert not any(agent.path(path).exists() for path in planned.data["absent"])


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("local-ipv4: 10.0.0.12\n", ["local-hostname", "instance-id", "region"]),
        (FACTS + "more: 1\n", ["more"]),
        (FACTS.replace("10.0.0.12", "ten"), ["local-ipv4"]),
        ("- a\n", ["mapping"]),
        ("a: [\n", ["facts.yaml:"]),
        ("", ["facts.yaml"]),
    ],
)
def test_invalid_facts_are_a_usage_error(
    agent: Agent, files: tuple[str, ...], tmp_path: Path, text: str, words: list[str]
) -> None:
    (tmp_path / "facts.yaml").write_text(text)
    done = agent.run("render", *files)
    assert done.status == 2
    for word in words:
        assert word in done.errors


@needs_strace
@pytest.mark.parametrize("command", ["plan", "render", "validate"])
def test_no_network_is_used_with_conf_and_metadata(
    agent: Agent, files: tuple[str, ...], tmp_path: Path, command: str
) -> None:
    trace = tmp_path / "trace"
    arguments = (files[1],) if command == "validate" else files
    done = agent.run(command, *arguments, prefix=("strace", "-f", "-o", str(trace), "-e", "trace=network,execve"))
    assert done.status == 0, done.errors
    calls = [line.split(None, 1)[1] for line in trace.read_text().splitlines() if "(" in line]
    assert [call for call in calls if not call.startswith(("execve(", "+++", "---"))] == []
    assert len([call for call in calls if call.startswith("execve(")]) == 1


@pytest.mark.parametrize("command", ["plan", "render", "validate", "status", "--help"])
def test_offline_commands_import_no_network_client(agent: Agent, files: tuple[str, ...], command: str) -> None:
    arguments = {"plan": files, "render": files, "validate": (files[1],)}.get(command, ())
    done = subprocess.run(
        [
            sys.executable,
            "-X",
            "importtime",
            "-m",
            "teleport_bootstrap",
            "--root",
            str(agent.root),
            command,
            *arguments,
        ],
        env=agent.environment(),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode in (0, 9), done.stderr
    imported = {line.rpartition("|")[2].strip() for line in done.stderr.splitlines() if line.startswith("import time")}
    assert "teleport_bootstrap" in imported
    heavy = {"botocore", "requests", "urllib3", "boto3"}
    if command in ("validate", "--help"):
        heavy |= {"jinja2"}
    assert not heavy & imported


# ---------------------------------------------------------------- metadata


def test_metadata_prints_the_value_and_remembers_it(agent: Agent, imds: emulator.Server) -> None:
    agent.imds = imds.url
    assert agent.run("metadata", "local-ipv4").output == "10.0.0.12\n"
    found = agent.run("metadata", "public-ipv4", "--format", "json").data
    assert (found["item"], found["value"]) == ("public-ipv4", "203.0.113.12")
    imds.service.update({"meta-data": {"local-ipv4": "10.0.0.99"}})
    assert agent.run("metadata", "local-ipv4").output == "10.0.0.99\n"
    imds.stop()
    done = agent.run("metadata", "local-ipv4")
    assert (done.status, done.output) == (0, "10.0.0.99\n")
    assert "last known" in done.errors
    assert agent.run("metadata", "public-ipv4").output == "203.0.113.12\n"
    assert agent.path("/var/lib/teleport-bootstrap/metadata.json").stat().st_mode & 0o777 == 0o600


def test_metadata_prints_nothing_where_no_value_was_ever_known(agent: Agent) -> None:
    done = agent.run("metadata", "local-ipv4")
    assert done.status == 3
    assert done.output == ""


@pytest.mark.parametrize("fault", ["html", "error_500", "error_403", "reset"])
def test_metadata_prints_the_last_known_value_if_the_service_fails(
    agent: Agent, imds: emulator.Server, fault: str
) -> None:
    agent.imds = imds.url
    assert agent.run("metadata", "instance-type").output == "t3.small\n"
    imds.service.set_faults(**{fault: True})
    done = agent.run("metadata", "instance-type")
    assert (done.status, done.output) == (0, "t3.small\n")


def test_an_address_that_the_instance_has_lost_is_forgotten(agent: Agent, imds: emulator.Server) -> None:
    agent.imds = imds.url
    assert agent.run("metadata", "public-ipv4").output == "203.0.113.12\n"
    imds.service.update({"meta-data": {"public-ipv4": None}})
    done = agent.run("metadata", "public-ipv4")
    assert (done.status, done.output) == (0, "")
    imds.stop()
    done = agent.run("metadata", "public-ipv4")
    assert done.output == ""


@pytest.mark.parametrize(
    "item",
    [
        "iam/security-credentials/",
        "iam/security-credentials/teleport-role",
        "iam",
        "user-data",
        "../user-data",
        "tags/instance/Name",
        "local-ipv4/../iam",
        "",
    ],
)
def test_metadata_never_prints_sensitive_items(agent: Agent, imds: emulator.Server, item: str) -> None:
    imds.service.update({"user-data": f"TELEPORT_JOIN_TOKEN={TOKEN}", "tags": {"Name": "x"}})
    agent.imds = imds.url
    done = agent.run("metadata", item)
    assert done.status == 2
    assert done.output == ""
    assert imds.service.requests == []
    shows_no_secret(done)


def test_generate_fills_the_cache_of_metadata(agent: Agent, imds: emulator.Server) -> None:
    agent.imds = imds.url
    agent.conf(GUIDE)
    assert agent.generate().status == 0
    imds.stop()
    assert agent.run("metadata", "local-ipv4").output == "10.0.0.12\n"
    assert agent.run("metadata", "public-ipv4").output == "203.0.113.12\n"


def test_a_damaged_cache_counts_as_empty(agent: Agent, imds: emulator.Server) -> None:
    agent.imds = imds.url
    for text in ("", "[]", "{", '{"local-ipv4": 5}', "\x00"):
        agent.write("/var/lib/teleport-bootstrap/metadata.json", text)
        assert agent.run("metadata", "local-ipv4").output == "10.0.0.12\n"


# ---------------------------------------------------------------- status


def test_status_reports_what_keeps_teleport_from_running(agent: Agent, imds: emulator.Server) -> None:
    agent.imds = imds.url
    done = agent.run("status", "--format", "json")
    assert done.status == 9
    assert done.data["conf"]["state"] == "absent" and done.data["has_teleport_yaml"] is False
    assert any("teleport-bootstrap generate" in line for line in done.wrong)
    agent.conf(GUIDE)
    agent.install(version="17.5.1")
    assert agent.generate().status == 0
    done = agent.run("status", "--format", "json")
    assert done.data["markers"] == ["role.all-acm"]
    assert (done.data["role"], done.data["unit"]["name"]) == ("all-in-one", "teleport-acm.service")
    assert done.data["teleport"]["version"] == "17.5.1"
    assert done.wrong == [] and done.status == 0
    agent.conf("TELEPORT_ROLE=prxy\n")
    done = agent.run("status", "--format", "json")
    assert done.status == 15 and done.data["conf"]["state"] == "invalid"
    agent.write("/etc/teleport.d/role.node", "node\n")
    assert any("one role marker" in line for line in agent.run("status", "--format", "json").wrong)


# ---------------------------------------------------------------- output that goes nowhere


@pytest.mark.parametrize("arguments", [("--help",), ("--version",), ("render",)], ids=lambda value: value[0])
@pytest.mark.parametrize("output", ["| head -n 0", ">&-", "2>&-", ">&- 2>&-"])
def test_a_closed_output_pipe_is_not_an_error(
    agent: Agent, files: tuple[str, ...], arguments: tuple[str, ...], output: str
) -> None:
    more = files if arguments == ("render",) else ()
    script = f'set -o pipefail; "$@" {output}'
    done = subprocess.run(
        ["bash", "-c", script, "bash", *agent.command(*arguments, *more)],
        env=agent.environment(),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "Traceback" not in done.stderr and "Exception" not in done.stderr


def test_an_error_keeps_its_status_with_a_closed_output_pipe(agent: Agent) -> None:
    for output in (">&- 2>&-", "2>&-", ">&-"):
        done = subprocess.run(
            ["bash", "-c", f'"$@" {output}', "bash", *agent.command("generate", "--format", "json")],
            env=agent.environment(),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 2, (output, done.stderr)
        assert "Traceback" not in done.stderr
        if output == "2>&-":
            assert "error" in json.loads(done.stdout)


def test_a_full_output_device_is_reported(agent: Agent, files: tuple[str, ...]) -> None:
    with open("/dev/full", "w") as full:
        done = subprocess.run(
            agent.command("render", *files),
            env=agent.environment(),
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )
    assert done.returncode == 6
    assert "standard output" in done.stderr and "No space left" in done.stderr and "Traceback" not in done.stderr


@pytest.mark.parametrize(
    "locale",
    [
        {"LC_ALL": "C"},
        {"LC_ALL": "POSIX", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"},
        {"PYTHONIOENCODING": "latin-1"},
    ],
)
def test_output_is_utf_8_in_every_locale(
    agent: Agent, files: tuple[str, ...], tmp_path: Path, locale: dict[str, str]
) -> None:
    (tmp_path / "conf").write_text(AGENT + "TELEPORT_SSH_LABELS='team: größe 😀'\n", encoding="utf-8")
    agent.environ = locale
    for arguments in (("render", *files), ("plan", *files, "--format", "json"), ("plan", *files)):
        done = agent.run(*arguments)
        assert done.status == 0, done.errors
        assert "größe 😀" in done.output


def test_standard_input_may_be_closed(agent: Agent, imds: emulator.Server) -> None:
    agent.imds = imds.url
    agent.conf(GUIDE)
    done = subprocess.run(
        ["bash", "-c", '"$@" <&-', "bash", *agent.command("generate")],
        env=agent.environment(),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr


def test_the_module_runs_where_the_checkout_is_not_the_working_directory(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "teleport_bootstrap", "--version"],
        env={"PATH": os.environ["PATH"], "PYTHONPATH": str(CHECKOUT)},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0
