"""`status --format prometheus`: the numbers of a host, the format, the file, and the rules and the dashboard for them.

promtool reads all of it as Prometheus does.
"""

from __future__ import annotations

import configparser
import json
import os
import re
import shutil
import stat
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
import yaml

from teleport_bootstrap import errors, paths, records
from teleport_bootstrap.checks import certificate_files, host_facts
from teleport_bootstrap.host import clock, probe, systemd
from teleport_bootstrap.operations import exposition, metrics
from teleport_bootstrap.state import jobs
from tests import documents
from tests.documents import CHECKOUT
from tests.simulated.agent import GUIDE, PIN, TOKEN, Agent, shows_no_secret, tree
from tests.simulated_ec2 import Aws
from tests.simulated_ec2 import imds as emulator

MONITORING = CHECKOUT / "packaging" / "monitoring"
PROMTOOL = shutil.which("promtool", path=f"{Path(sys.executable).parent}:{os.environ.get('PATH', '')}")
needs_promtool = pytest.mark.skipif(PROMTOOL is None, reason="promtool is not installed")
NODE = "TELEPORT_ROLE=node\nTELEPORT_CLUSTER_NAME=cluster-1\nTELEPORT_AUTH_SERVER_LB=auth.example.com\n"
P = metrics.PREFIX

_VALUE = r'"(?:[^"\\\n]|\\[\\"n])*"'
_SAMPLE = re.compile(
    rf"(?P<name>[a-z_]+)(?:\{{(?P<labels>[a-z_]+={_VALUE}(?:,[a-z_]+={_VALUE})*)\}})? (?P<value>-?[0-9.e+]+)"
)
_LABEL = re.compile(rf"([a-z_]+)=({_VALUE})")
_UNESCAPED = {"\\\\": "\\", '\\"': '"', "\\n": "\n"}


@pytest.fixture
def agent(tmp_path: Path, imds: emulator.Server) -> Agent:
    """The guide's instance with a Teleport, applied as generation 1."""
    root = tmp_path / "root"
    root.mkdir()
    agent = Agent(root, imds=imds.url)
    agent.install(version="17.5.1")
    agent.conf(GUIDE)
    done = agent.generate()
    assert done.status == 0, done.errors
    return agent


def promtool(*arguments: str, given: str = "", directory: Path = MONITORING) -> str:
    assert PROMTOOL is not None
    done = subprocess.run(
        [PROMTOOL, *arguments], input=given, cwd=directory, capture_output=True, text=True, check=False, timeout=60
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


def samples(text: str) -> dict[str, dict[tuple[tuple[str, str], ...], float]]:
    """Read the format: each metric with its samples, after checking its lines and their order."""
    found: dict[str, dict[tuple[tuple[str, str], ...], float]] = {}
    name = ""
    assert text.endswith("\n")
    for line in text.splitlines():
        if line.startswith("# HELP "):
            name = line.split()[2]
            assert name not in found and len(line.split()) > 3
            found[name] = {}
        elif line.startswith("# TYPE "):
            assert line == f"# TYPE {name} gauge" and not found[name]
        else:
            sample = _SAMPLE.fullmatch(line)
            assert sample is not None and sample["name"] == name, line
            labels = tuple(
                (key, re.sub(r"\\.", lambda each: _UNESCAPED[each[0]], value[1:-1]))
                for key, value in _LABEL.findall(sample["labels"] or "")
            )
            assert list(labels) == sorted(labels) and labels not in found[name], line
            found[name][labels] = float(sample["value"])
    assert all(found.values())
    return found


def values(text: str, name: str) -> dict[str, float]:
    """The samples of a metric with one label, by its value; of one without labels, by an empty text."""
    return {labels[0][1] if labels else "": value for labels, value in samples(text)[f"{P}{name}"].items()}


# ---------------------------------------------------------------- the numbers


def test_issue_18_point_5_an_unchanged_host(agent: Agent) -> None:
    before = tree(agent.root)
    done = agent.run("status", "--format", "prometheus")
    assert done.status == 0 and done.errors == "", done.said
    text = done.output
    assert values(text, "state") == {"healthy": 0, "drifted": 0, "recovering": 0, "broken": 0, "unknown": 1}
    assert values(text, "findings") == {"error": 0, "warning": 0, "note": 0}
    assert (values(text, "drifted"), values(text, "applied_generation")) == ({"": 0}, {"": 1})
    assert values(text, "applied_generation_confirmed") == {"": 1}
    assert abs(values(text, "collected_timestamp_seconds")[""] - time.time()) < 60
    assert abs(values(text, "applied_generation_timestamp_seconds")[""] - time.time()) < 600
    found = samples(text)
    assert [dict(each) for each in found[f"{P}teleport_info"]] == [
        {"edition": "community", "fips": "false", "version": "17.5.1"}
    ]
    (info,) = (dict(each) for each in found[f"{P}info"])
    assert (info["role"], info["cluster"]) == ("all-in-one", "teleport.acmeinc.com")
    assert f"{P}teleport_ready" not in found, "systemd does not run here, and Teleport was not asked"
    assert tree(agent.root) == before


def test_issue_18_point_5_drift_and_breakage_are_numbers_and_no_failure(agent: Agent) -> None:
    agent.teleport_yaml.write_text(agent.teleport_yaml.read_text() + "# mine\n")
    done = agent.run("status", "--format", "prometheus")
    assert done.status == 0 and values(done.output, "drifted") == {"": 1}
    assert values(done.output, "state")["drifted"] == 1 and values(done.output, "findings")["warning"] == 1
    agent.write("/etc/teleport.d/role.node", "node\n")
    broken = agent.run("status", "--format", "prometheus")
    assert broken.status == 0 and values(broken.output, "state")["broken"] == 1
    agent.write("/var/lib/teleport-bootstrap/current.json", '{"generation": 1, "confirmed": false}', 0o600)
    agent.path("/etc/teleport.d/role.node").unlink()
    agent.conf(GUIDE)
    agent.teleport_yaml.write_text(agent.teleport_yaml.read_text().replace("# mine\n", ""))
    unconfirmed = agent.run("status", "--format", "prometheus").output
    assert values(unconfirmed, "applied_generation_confirmed") == {"": 0} and values(unconfirmed, "drifted") == {"": 0}


def test_issue_18_point_5_tokens_and_pins_have_ages_and_no_secret_is_shown(
    tmp_path: Path, imds: emulator.Server, aws: Aws
) -> None:
    aws.put_parameters({"/teleport/cluster-1/tokens/node": TOKEN, "/teleport/cluster-1/ca-pin-hash": PIN})
    root = tmp_path / "root"
    root.mkdir()
    agent = Agent(root, imds=imds.url, aws=aws.url)
    agent.install(version="17.5.1")
    agent.conf(NODE)
    assert agent.generate().status == 0
    done = agent.run("status", "--format", "prometheus")
    shows_no_secret(done)
    assert PIN not in done.said
    ages = {dict(each)["path"]: value for each, value in samples(done.output)[f"{P}secret_age_seconds"].items()}
    assert 0 <= ages["/var/lib/teleport/token"] < 120 and 0 <= ages["/var/lib/teleport/ca-pin-hash"] < 120
    written = samples(done.output)[f"{P}secret_written_timestamp_seconds"]
    parameters = {dict(each)["path"]: dict(each)["parameter"] for each in written}
    assert parameters["/var/lib/teleport/token"] == "/teleport/cluster-1/tokens/node"
    assert all(0 <= time.time() - each < 120 for each in written.values())
    assert values(done.output, "pending_files") == {"": 0}
    agent.path("/var/lib/teleport/token").unlink()
    assert values(agent.run("status", "--format", "prometheus").output, "pending_files") == {"": 1}


def running(agent: Agent, **changed: Any) -> str:
    """The numbers of the same host, as if systemd ran there."""
    host = host_facts.read(paths.Root(str(agent.root)))
    active = systemd.State(active="active", enablement="enabled", sub="running", started=host.now - 60)
    units = {host.unit or "": active}
    return exposition.text(metrics._of_host(records.replace(host, units=units, **changed)))


def test_issue_18_point_5_a_running_host(agent: Agent) -> None:
    now = time.time()
    iso = clock.iso
    text = running(
        agent,
        readiness=probe.READY,
        now=now,
        timers={
            "teleport-backup.timer": systemd.State(active="active", enablement="enabled"),
            "teleport-ssm-publish-tokens.timer": systemd.State(active="inactive", enablement="enabled"),
        },
        jobs=(
            jobs.Job(jobs.PUBLISH_TOKENS, iso(now - 60), iso(now - 7200), jobs.FAILED, "no"),
            jobs.Job(jobs.BACKUP, iso(now - 900), iso(now - 800), jobs.SUCCEEDED, "yes"),
            # Of another role.
            jobs.Job(jobs.CERTIFICATE_RENEW, iso(now - 900), None, jobs.FAILED, "left over"),
        ),
        certificates=(
            certificate_files.Certificate("/a.pem", iso(now + 864000)),
            certificate_files.Certificate("/b.pem", iso(now - 60)),
            certificate_files.Certificate("/c.pem", None, "the file does not exist"),
        ),
    )
    assert values(text, "teleport_running") == values(text, "teleport_ready") == {"": 1}
    assert abs(values(text, "teleport_start_timestamp_seconds")[""] - (now - 60)) < 5
    assert values(text, "timer_active") == {"teleport-backup.timer": 1, "teleport-ssm-publish-tokens.timer": 0}
    assert values(text, "job_succeeded") == {"publish-tokens": 0, "backup": 1}
    successes = values(text, "job_last_success_timestamp_seconds")
    assert abs(successes["publish-tokens"] - (now - 7200)) < 2 and abs(successes["backup"] - (now - 800)) < 2
    assert abs(values(text, "backup_last_verified_timestamp_seconds")[""] - (now - 800)) < 2
    left = values(text, "certificate_remaining_seconds")
    assert abs(left["/a.pem"] - 864000) < 2 and -62 <= left["/b.pem"] <= -58 and "/c.pem" not in left
    assert values(text, "certificate_renewal_late") == {"/a.pem": 1, "/b.pem": 1}
    assert values(text, "certificate_unreadable") == {"/a.pem": 0, "/b.pem": 0, "/c.pem": 1}
    degraded = running(agent, readiness=probe.STARTING)
    assert values(degraded, "teleport_ready") == {"": 0} and values(degraded, "state")["broken"] == 1


def test_issue_18_point_5_an_empty_host_and_one_without_rights(tmp_path: Path) -> None:
    agent = Agent(tmp_path)
    done = agent.run("status", "--format", "prometheus")
    assert done.status == 0 and values(done.output, "state")["broken"] == 1
    assert f"{P}applied_generation" not in samples(done.output) and f"{P}drifted" not in samples(done.output)


def test_issue_18_point_5_damaged_records_leave_a_number_out(agent: Agent) -> None:
    job = jobs.Job(jobs.BACKUP, "yesterday", "yesterday", jobs.SUCCEEDED, "x")
    timers = {"teleport-backup.timer": systemd.State(active="active", enablement="enabled")}
    found = samples(running(agent, jobs=(), timers=timers))
    assert f"{P}job_last_run_timestamp_seconds" not in found
    assert metrics._moment(job.last_run) is None


# ---------------------------------------------------------------- the format


HOSTILE = ('a"b', "a\\b", "a\nb", "\udcff", "\x1b[31m", "ä😀", "\\", '\\"', "", "\u202e", "a" * 5000)


@pytest.mark.parametrize("value", HOSTILE)
def test_issue_18_point_5_labels_are_escaped(value: str) -> None:
    metric = exposition.Metric(f"{P}x", 'a\\b\nc "d"', (exposition.Sample(1.5, {"path": value, "a": "1"}),))
    text = exposition.text([metric])
    text.encode("utf-8")
    assert text.splitlines()[0] == f'# HELP {P}x a\\\\b\\nc "d"'
    ((labels, number),) = samples(text)[f"{P}x"].items()
    assert number == 1.5 and dict(labels)["a"] == "1"
    if value.isprintable() and len(value) < 1000:
        assert dict(labels)["path"] == value
    if PROMTOOL is not None:
        promtool("check", "metrics", given=text)


@needs_promtool
def test_issue_18_point_5_promtool_has_no_complaint(agent: Agent) -> None:
    assert promtool("check", "metrics", given=agent.run("status", "--format", "prometheus").output) == ""
    timers = {"teleport-backup.timer": systemd.State(active="active", enablement="enabled")}
    iso = clock.iso()
    job = jobs.Job(jobs.BACKUP, iso, iso, jobs.SUCCEEDED, "x")
    certificate = certificate_files.Certificate("/a.pem", clock.iso(time.time() + 9))
    text = running(agent, readiness=probe.READY, timers=timers, jobs=(job,), certificates=(certificate,))
    assert promtool("check", "metrics", given=text) == ""


# ---------------------------------------------------------------- the file


def test_issue_18_point_5_the_file_is_replaced_as_one_step(agent: Agent, tmp_path: Path) -> None:
    folder = tmp_path / "collector"
    folder.mkdir(mode=0o755)
    path = folder / "teleport-bootstrap.prom"
    path.write_text("old")
    (folder / "other.prom").write_text("x 1\n")
    (folder / ".teleport-bootstrap.prom.0123.teleport-bootstrap-new").write_text("of a run that was killed")
    number = path.stat().st_ino
    done = agent.run("status", "--format", "prometheus", "--output", str(path))
    assert (done.status, done.output, done.errors) == (0, "", ""), done.said
    assert path.stat().st_ino != number and stat.S_IMODE(path.stat().st_mode) == 0o644
    assert values(path.read_text(), "applied_generation") == {"": 1}
    assert sorted(each.name for each in folder.iterdir()) == ["other.prom", path.name]


def test_issue_18_point_5_a_file_that_cannot_be_written(agent: Agent, tmp_path: Path) -> None:
    done = agent.run("status", "--format", "prometheus", "--output", str(tmp_path / "none" / "x.prom"))
    assert done.status == errors.FILES and "x.prom cannot be written" in done.errors, done.said
    (tmp_path / "x.prom").mkdir()
    done = agent.run("status", "--format", "prometheus", "--output", str(tmp_path / "x.prom"))
    assert done.status == errors.FILES, done.said
    assert [each.name for each in tmp_path.iterdir() if each.name.startswith(".x")] == []


def test_issue_18_point_5_a_device_is_not_replaced_by_the_file(tmp_path: Path) -> None:
    pipe, link = tmp_path / "pipe", tmp_path / "link"
    os.mkfifo(pipe)
    link.symlink_to("/dev/null")
    for path, what in ((pipe, "a named pipe"), (link, "a symbolic link"), (tmp_path, "a directory")):
        done = Agent(tmp_path).run("status", "--format", "prometheus", "--output", str(path))
        assert done.status == errors.FILES and f"{path} is {what}" in done.errors, done.said
    assert stat.S_ISFIFO(os.lstat(pipe).st_mode) and link.is_symlink()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("status", "--output", "x"), "--output is for numbers"),
        (("status", "--format", "json", "--output", "x"), "--output is for numbers"),
        (("status", "--format", "prometheus", "--watch"), "--watch is for a terminal"),
        (("--format", "prometheus", "validate"), "`validate` has no output with --format prometheus"),
        (("validate", "--format", "prometheus"), "must be one of text, json"),
    ],
)
def test_issue_18_point_5_what_does_not_go_together(agent: Agent, arguments: tuple[str, ...], said: str) -> None:
    done = agent.run(*arguments)
    assert done.status == errors.CONF_OR_USAGE and said in done.errors, done.said


def test_issue_18_point_5_the_option_may_be_before_the_command(agent: Agent) -> None:
    done = agent.run("--format", "prometheus", "status")
    assert done.status == 0 and values(done.output, "applied_generation") == {"": 1}, done.said


# ---------------------------------------------------------------- the rules and the dashboard


def rules() -> list[dict[str, Any]]:
    (group,) = yaml.safe_load((MONITORING / "alerts.yml").read_text())["groups"]
    return list(group["rules"])


def exported() -> set[str]:
    """The names of all metrics, as the documentation lists them."""
    page = (CHECKOUT / "docs" / "monitoring.md").read_text()
    return set(re.findall(rf"^\| `({P}[a-z_]+)", page, re.MULTILINE))


@needs_promtool
def test_issue_18_point_5_the_alerts_fire_when_they_should() -> None:
    assert "SUCCESS" in promtool("check", "rules", "alerts.yml")
    assert "SUCCESS" in promtool("test", "rules", "alerts-test.yml")


def test_issue_18_point_5_every_alert_has_a_case_that_fires_and_one_that_does_not() -> None:
    tests = yaml.safe_load((MONITORING / "alerts-test.yml").read_text())["tests"]
    cases = [case for test in tests for case in test["alert_rule_test"]]
    alerts = {rule["alert"] for rule in rules()}
    assert {case["alertname"] for case in cases if case.get("exp_alerts")} == alerts
    assert {case["alertname"] for case in cases if not case.get("exp_alerts")} == alerts


@needs_promtool
def test_issue_18_point_5_an_alert_that_says_something_else_fails_its_case(tmp_path: Path) -> None:
    """A test of the test: each rule with its threshold changed, on the cases in which it fires."""
    tests = yaml.safe_load((MONITORING / "alerts-test.yml").read_text())
    text = (MONITORING / "alerts.yml").read_text()
    for rule in rules():
        wrong = re.sub(rf"(alert: {rule['alert']}\n(?:.*\n)*?\s+expr: (?:>-\n\s+)?)", r"\1absent(up) == 5 or ", text)
        assert wrong != text
        (tmp_path / "alerts.yml").write_text(wrong.replace("absent(up) == 5 or ", "absent(up) == 5 and ", 1))
        assert PROMTOOL is not None
        chosen = []
        for test in tests["tests"]:
            cases = [each for each in test["alert_rule_test"] if each["alertname"] == rule["alert"]]
            if any(each.get("exp_alerts") for each in cases):
                chosen.append({**test, "alert_rule_test": cases})
        (tmp_path / "alerts-test.yml").write_text(yaml.safe_dump({**tests, "tests": chosen}))
        command = [PROMTOOL, "test", "rules", "alerts-test.yml"]
        done = subprocess.run(command, cwd=tmp_path, capture_output=True, check=False)
        (tmp_path / "alerts.yml").write_text(text)
        subprocess.run(command, cwd=tmp_path, capture_output=True, check=True)
        assert done.returncode != 0 and rule["alert"].encode() in done.stdout + done.stderr


def test_issue_18_point_5_the_drop_in_of_the_page_is_for_the_unit() -> None:
    unit, drop_in = configparser.ConfigParser(interpolation=None, strict=False), configparser.ConfigParser()
    unit.optionxform = drop_in.optionxform = str  # type: ignore[assignment,method-assign]
    unit.read_string((CHECKOUT / "systemd" / "teleport-metrics.service").read_text())
    drop_in.read_string(documents.block("docs/monitoring.md", "checked", "drop-in").text)
    name, _, path = drop_in["Service"]["Environment"].partition("=")
    assert f"--output ${{{name}}}" in unit["Service"]["ExecStart"]
    assert unit["Service"]["Environment"].startswith(f"{name}=/var/lib/prometheus/node-exporter/")
    assert os.path.dirname(path) == drop_in["Service"]["ReadWritePaths"] and path.endswith(".prom")


@needs_promtool
def test_issue_18_point_5_prometheus_reads_the_settings_of_the_page(tmp_path: Path) -> None:
    text = documents.block("docs/monitoring.md", "checked", "prometheus").text
    assert "/etc/prometheus/alerts.yml" in text
    (tmp_path / "prometheus.yml").write_text(text.replace("/etc/prometheus", str(MONITORING)))
    assert "SUCCESS" in promtool("check", "config", "prometheus.yml", directory=tmp_path)


def dashboard() -> dict[str, Any]:
    found: dict[str, Any] = json.loads((MONITORING / "dashboard.json").read_text())
    return found


def expressions() -> list[str]:
    return [target["expr"] for panel in dashboard()["panels"] for target in panel["targets"]]


@needs_promtool
def test_issue_18_point_5_promtool_reads_each_expression_of_the_dashboard(tmp_path: Path) -> None:
    groups = [
        {"record": f"panel:{number}", "expr": each.replace("$instance", ".*")}
        for number, each in enumerate(expressions())
    ]
    (tmp_path / "dashboard.yml").write_text(yaml.safe_dump({"groups": [{"name": "dashboard", "rules": groups}]}))
    assert "SUCCESS" in promtool("check", "rules", "dashboard.yml", directory=tmp_path)


def test_issue_18_point_5_the_panels_have_a_place_of_their_own() -> None:
    panels = dashboard()["panels"]
    assert len({panel["id"] for panel in panels}) == len(panels)
    taken = [
        (x, y)
        for panel in panels
        for x in range(panel["gridPos"]["x"], panel["gridPos"]["x"] + panel["gridPos"]["w"])
        for y in range(panel["gridPos"]["y"], panel["gridPos"]["y"] + panel["gridPos"]["h"])
    ]
    assert len(set(taken)) == len(taken) and max(x for x, _ in taken) == 23


def test_issue_18_point_5_rules_dashboard_and_page_name_metrics_that_exist(agent: Agent) -> None:
    source = Path(str(metrics.__file__)).read_text()
    made = {f"{P}{name}" for name in re.findall(r'_(?:one|metric)\(\s*"([a-z_]+)"', source)}
    assert made == exported(), "docs/monitoring.md lists the metrics"
    for text in (*(rule["expr"] for rule in rules()), *expressions()):
        assert set(re.findall(rf"{P}[a-z_]+", text)) <= made, text
    assert set(samples(agent.run("status", "--format", "prometheus").output)) <= made
