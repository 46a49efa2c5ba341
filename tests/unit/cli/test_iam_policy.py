"""`iam-policy` on a laptop: what it needs to know, and what it says."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from teleport_bootstrap.cli import main
from tests.unit.permissions.test_policy import AUTH, NODE


@pytest.fixture
def conf(tmp_path: Path) -> Path:
    path = tmp_path / "conf"
    path.write_text(NODE)
    return path


def run(conf: Path, *options: str) -> int:
    return main.run(["iam-policy", "--conf", str(conf), "--teleport-version", "18.1.0", *options])


def test_json_needs_region_and_account(conf: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(conf, "--account", "123456789012") == 2
    assert "--region" in capsys.readouterr().err
    assert run(conf, "--region", "eu-west-1") == 2
    assert "--account" in capsys.readouterr().err
    assert run(conf, "--region", "eu-west-1", "--account", "123456789012") == 0
    policy = json.loads(capsys.readouterr().out)
    assert policy["Version"] == "2012-10-17" and len(policy["Statement"]) == 1


@pytest.mark.parametrize("form", ["terraform", "cloudformation"])
def test_other_forms_need_neither(conf: Path, form: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(conf, "--as", form) == 0
    assert "tokens/node" in capsys.readouterr().out


def test_role_replaces_the_one_of_the_conf(conf: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(conf, "--as", "terraform", "--role", "proxy") == 2
    assert "TELEPORT_S3_BUCKET" in capsys.readouterr().err
    conf.write_text(f"{NODE}USE_ACM=true\n")
    assert run(conf, "--as", "terraform", "--role", "proxy") == 0
    assert "tokens/proxy" in capsys.readouterr().out
    assert run(conf, "--as", "terraform", "--role", "auth") == 2
    said = capsys.readouterr().err
    assert "TELEPORT_DYNAMO_TABLE_NAME" in said and "has no effect" not in said


def test_explain_names_the_call_and_the_conditions(conf: Path, capsys: pytest.CaptureFixture[str]) -> None:
    conf.write_text(AUTH)
    assert run(conf, "--as", "terraform", "--explain", "--parameters-key", "alias/teleport") == 0
    shown = capsys.readouterr().out
    assert "kms:Encrypt" in shown and "kms:ViaService" in shown and "alias/teleport" in shown
    assert "${AWS::AccountId}" in shown and "\\x00" not in shown


def test_says_what_the_policy_leaves_open(conf: Path, capsys: pytest.CaptureFixture[str]) -> None:
    conf.write_text(AUTH)
    everything = ("--region", "eu-west-1", "--account", "123456789012")
    assert run(conf, *everything) == 0
    said = capsys.readouterr().err
    assert "--hosted-zone" in said and "--backups" in said
    assert run(conf, *everything, "--hosted-zone", "Z1", "--backups", "s3://backups/teleport") == 0
    said = capsys.readouterr().err
    assert "--hosted-zone" not in said and "--backups" not in said


def test_the_group_of_lifecycle_hooks_can_be_named(conf: Path, capsys: pytest.CaptureFixture[str]) -> None:
    conf.write_text(f"{conf.read_text()}TELEPORT_DRAIN_HOOK=end\n")
    everything = ("--region", "eu-west-1", "--account", "123456789012")
    assert run(conf, *everything) == 0
    printed = capsys.readouterr()
    assert ":autoScalingGroupName/*" in printed.out and "--auto-scaling-group names the one" in printed.err
    assert run(conf, *everything, "--auto-scaling-group", "proxies (eu)/1") == 0
    printed = capsys.readouterr()
    assert ":autoScalingGroupName/proxies (eu)/1" in printed.out and "--auto-scaling-group" not in printed.err
    for wrong in ("*", "a:b", "", "x" * 256, "${aws:username}"):
        assert run(conf, *everything, "--auto-scaling-group", wrong) == 2
        assert "not the name of an auto scaling group" in capsys.readouterr().err


def test_json_envelope_holds_the_policy_and_the_reasons(conf: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(conf, "--format", "json", "--region", "eu-west-1", "--account", "123456789012") == 0
    data = json.loads(capsys.readouterr().out)
    assert data["role"] == "node" and data["form"] == "json"
    assert json.loads(data["content"])["Statement"][0]["Action"] == "ssm:GetParameters"
    assert {each["action"] for each in data["needs"]} == {"ssm:GetParameters"}
