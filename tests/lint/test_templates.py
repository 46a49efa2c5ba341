"""The templates of CloudFormation: valid in every partition, in order for people, and with policies that equal ours."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from teleport_bootstrap import errors
from teleport_bootstrap.conf import variables
from teleport_bootstrap.permissions import policy
from teleport_bootstrap.plan import requirements
from teleport_bootstrap.user_data import parts
from tests import documents
from tests.simulated.agent import CHECKOUT, Agent
from tests.templates import lint, policies, setups, tables, template
from tests.templates.setups import SETUPS, Setup

EVERY = pytest.mark.parametrize("setup", SETUPS, ids=lambda setup: setup.path.stem)
# What keeps state or what explains it: it stays when the stack is deleted.
LASTING = {"AWS::DynamoDB::Table", "AWS::S3::Bucket", "AWS::S3::BucketPolicy", "AWS::KMS::Key"}
LAUNCHING = ("AWS::EC2::Instance", "AWS::AutoScaling::AutoScalingGroup")
# The default of TELEPORT_SIGNAL_SECONDS.
WAITS_SECONDS = 900
# Of IAM's quotas: the inline policies of one role together, without white space.
MOST_INLINE = 10240


@EVERY
def test_cfn_lint_finds_nothing(setup: Setup) -> None:
    assert lint.findings(setup.path, lint.PARTITIONS) == ""


def test_cfn_lint_finds_what_is_wrong(tmp_path: Path) -> None:
    wrong = tmp_path / "starter.yaml"
    wrong.write_text(setups.STARTER.path.read_text().replace("KeyType: RANGE", "KeyType: SORT"))
    assert "E3002:'RANGE' was expected" in lint.findings(wrong, lint.PARTITIONS[:1])


# ---------------------------------------------------------------- for people


@EVERY
def test_every_parameter_is_described_labeled_grouped_and_limited(setup: Setup) -> None:
    found = template.load(setup.path)
    about = found["Metadata"]["AWS::CloudFormation::Interface"]
    grouped = [name for each in about["ParameterGroups"] for name in each["Parameters"]]
    assert sorted(grouped) == sorted(found["Parameters"]) == sorted(about["ParameterLabels"])
    for name, parameter in found["Parameters"].items():
        assert parameter["Description"].endswith("."), name
        if parameter["Type"] == "String":
            assert "AllowedValues" in parameter or {"AllowedPattern", "ConstraintDescription"} <= parameter.keys(), name
        elif parameter["Type"] == "Number":
            assert {"MinValue", "MaxValue"} <= parameter.keys(), name


@EVERY
def test_what_keeps_state_stays_when_the_stack_is_deleted(setup: Setup) -> None:
    for name, about in template.load(setup.path)["Resources"].items():
        kept = (about.get("DeletionPolicy"), about.get("UpdateReplacePolicy"))
        assert kept == (("RetainExceptOnCreate", "Retain") if about["Type"] in LASTING else (None, None)), name


@EVERY
def test_instances_require_version_2_of_the_metadata_service_and_encrypted_disks(setup: Setup) -> None:
    filled = setup.filled()
    names = list(template.launch_templates(template.load(setup.path)))
    assert names
    for name in names:
        data = filled.resources[name]["Properties"]["LaunchTemplateData"]
        options = {"HttpEndpoint": "enabled", "HttpTokens": "required", "InstanceMetadataTags": "enabled"}
        assert options.items() <= data["MetadataOptions"].items()
        assert [each["Ebs"]["Encrypted"] for each in data["BlockDeviceMappings"]] == [True]


def test_the_tables_of_parameters_are_up_to_date() -> None:
    assert tables.written() == tables.PAGE.read_text(), "run `./dev templates`"


@EVERY
def test_a_stack_waits_longer_for_the_signal_of_each_instance_than_the_agent_for_teleport(setup: Setup) -> None:
    found = template.load(setup.path)["Resources"]
    waiting = {name: about for name, about in found.items() if about["Type"] in LAUNCHING}
    assert len(waiting) == len(list(template.launch_templates(template.load(setup.path))))
    for name, about in waiting.items():
        launch_template = about["Properties"]["LaunchTemplate"]["LaunchTemplateId"]["Ref"]
        conf = requirements.load(setups.conf_text(setup.filled(), launch_template).encode(), name)
        target = conf.value(variables.TELEPORT_SIGNAL)
        assert target is not None
        assert (target.stack, target.resource) == (template.PSEUDO["AWS::StackName"], name)
        assert conf.value(variables.TELEPORT_SIGNAL_SECONDS) is None
        signal = about["CreationPolicy"]["ResourceSignal"]
        assert _minutes(signal["Timeout"]) * 60 > WAITS_SECONDS
        if about["Type"] == "AWS::EC2::Instance":
            assert signal["Count"] == 1
            continue
        rolling = about["UpdatePolicy"]["AutoScalingRollingUpdate"]
        number = about["Properties"]["DesiredCapacity"]
        assert (rolling["MaxBatchSize"], rolling["WaitOnResourceSignals"]) == (1, True)
        assert rolling["MinInstancesInService"] == signal["Count"] == about["Properties"]["MinSize"] == number
        # Room for the new one.
        (hook,) = about["Properties"]["LifecycleHookSpecificationList"]
        assert hook["LifecycleHookName"] == conf.value(variables.TELEPORT_DRAIN_HOOK)
        assert hook["LifecycleTransition"] == "autoscaling:EC2_INSTANCE_TERMINATING"
        group = setup.filled(NodeInstances="1").value(about["Properties"]["AutoScalingGroupName"])
        assert group == setup.groups[launch_template][0]
        assert int(about["Properties"]["MaxSize"]) > template.load(setup.path)["Parameters"][number["Ref"]]["MaxValue"]
        assert _minutes(rolling["PauseTime"]) * 60 > WAITS_SECONDS


def _minutes(duration: str) -> int:
    found = re.fullmatch(r"PT([0-9]+)M", duration)
    assert found is not None
    return int(found[1])


# ---------------------------------------------------------------- the conf


@EVERY
def test_the_conf_of_every_set_up_is_valid(setup: Setup, tmp_path: Path) -> None:
    for launch_template, parameters in _every_conf(setup):
        conf = setups.conf_text(setup.filled(**parameters), launch_template)
        done = Agent(tmp_path).run("validate", "-", "--format", "json", stdin=conf.encode())
        assert done.status == 0, (parameters, done.said)
        assert [each for each in done.data["findings"] if each["severity"] != "note"] == [], parameters


# What people type, with what S3, DNS and ACM refuse.
NAMES = {
    "ClusterName": ("a..b", "1.2", "123", "1e5", "true", "null", "0x1", "a" * 63, "...", "a-", "Example"),
    "BucketName": (
        "a..b",
        "192.168.1.1",
        "xn--a",
        "a-s3alias",
        "sthree-x",
        "a--ol-s3",
        "1.2.3",
        "a.b-c",
        "a" * 63,
        "B.c",
    ),
    "DomainName": (
        "example.com",
        "example.com.",
        "Example.com",
        "xn--bcher-kva.example",
        "1.2.3.4",
        "localhost",
        "a_b.cd",
    ),
}


@EVERY
def test_an_instance_takes_each_name_that_the_template_takes(setup: Setup) -> None:
    """Otherwise its stack fails after a quarter of an hour."""
    parameters = template.load(setup.path)["Parameters"]
    on = setup.switches[-1].on
    taken = []
    for parameter, names in NAMES.items():
        for name in names:
            if re.fullmatch(parameters[parameter]["AllowedPattern"], name):
                filled = setup.filled(**{**on, parameter: name})
                for launch_template in template.launch_templates(template.load(setup.path)):
                    requirements.load(setups.conf_text(filled, launch_template).encode(), launch_template)
                taken.append(name)
    assert taken == [
        *("a..b", "1.2", "123", "1e5", "true", "null", "0x1", "a" * 63),
        *("1.2.3", "a.b-c", "a" * 63),
        *("example.com", "xn--bcher-kva.example"),
    ]


def test_the_templates_themselves_are_valid_user_data(tmp_path: Path) -> None:
    checked = set()
    for line in documents.block("docs/cloudformation.md", "simulated", "check").text.splitlines():
        *command, named = line.split()[1:]
        # A template is longer than user-data may be, and what is in it is not.
        path = CHECKOUT / named.partition("#")[0]
        assert path.stat().st_size > parts.LONGEST
        done = Agent(tmp_path).run(*command, str(CHECKOUT / named), "--format", "json")
        assert done.status == 0, done.said
        # What stands for the parameters gives rise to no advice about the template.
        assert {each["severity"] for each in done.data["findings"]} == {"warning"}
        checked.add((path, named.partition("#")[2] or "LaunchTemplate"))
    assert checked == {
        (setup.path, name) for setup in SETUPS for name in template.launch_templates(template.load(setup.path))
    }


# ---------------------------------------------------------------- the policies


@EVERY
def test_the_policies_in_the_templates_are_up_to_date(setup: Setup) -> None:
    assert policies.written_into(setup) == setup.path.read_text(), "run `./dev templates`"


@EVERY
def test_a_role_may_do_what_iam_policy_prints_for_its_conf_and_nothing_else(setup: Setup, tmp_path: Path) -> None:
    for launch_template, parameters in _every_conf(setup):
        _judge_role(setup, template.PSEUDO, launch_template, parameters, tmp_path)


@EVERY
def test_a_role_in_china_may_do_the_same_with_its_hosts(setup: Setup, tmp_path: Path) -> None:
    *_, everything = setup.every()
    for name in template.launch_templates(template.load(setup.path)):
        _judge_role(setup, template.CHINA, name, everything, tmp_path)


def _judge_role(
    setup: Setup, place: Mapping[str, str], launch_template: str, parameters: dict[str, str], scratch: Path
) -> None:
    documents = _inline(setup.filled_in(place, **parameters), launch_template)
    written = sum(len(policies.compact(each)) for each in documents.values())
    assert written < MOST_INLINE, (launch_template, parameters)
    assert documents.pop("session-manager")
    for name in policies.PARTS:
        own = [each for key, each in documents.items() if key.partition("-")[0] == name]
        if place is not template.CHINA:
            _leave_hosts_of_china_out(own)
        expected = _printed(Agent(scratch), setup, place, launch_template, parameters, name)
        narrowed = {
            (action, narrow, conditions)
            for action, resource, conditions in _allowed([expected])
            for narrow in setup.narrowed(launch_template, action, resource)
        }
        assert _allowed(own) == narrowed, (launch_template, parameters, name)
    assert {each.partition("-")[0] for each in documents} <= set(policies.PARTS)


def _leave_hosts_of_china_out(documents: list[Any]) -> None:
    """Remove from each condition the host that no service has elsewhere, and which every policy must have."""
    for document in documents:
        for each in document["Statement"]:
            tested = each.get("Condition", {}).get("StringEquals", {})
            if "kms:ViaService" in tested:
                (tested["kms:ViaService"], other) = tested["kms:ViaService"]
                assert other == f"{tested['kms:ViaService']}.cn"


def _every_conf(setup: Setup) -> Iterator[tuple[str, dict[str, str]]]:
    for parameters in setup.every():
        for name in template.launch_templates(template.load(setup.path)):
            yield name, parameters


def _inline(filled: template.Filled, launch_template: str) -> dict[str, Any]:
    """Return the policies of the role that instances of the launch template have, by their names."""
    resources = filled.resources
    profile = resources[launch_template]["Properties"]["LaunchTemplateData"]["IamInstanceProfile"]["Arn"]
    (role,) = resources[profile.partition(".")[0]]["Properties"]["Roles"]
    properties = resources[role]["Properties"]
    assert "ManagedPolicyArns" not in properties
    return {each["PolicyName"]: each["PolicyDocument"] for each in properties["Policies"]}


def _printed(
    agent: Agent,
    setup: Setup,
    place: Mapping[str, str],
    launch_template: str,
    parameters: dict[str, str],
    name: str,
) -> Any:
    """Return what `iam-policy` prints for the conf, for the account and the region of the place."""
    conf = setups.conf_text(setup.filled(**parameters), launch_template)
    options = ["--conf", "-", "--account", place["AWS::AccountId"], "--region", place["AWS::Region"]]
    bucket = policies.backups(setup, parameters, launch_template)
    options += [] if bucket is None else ["--backups", bucket]
    options += [] if setup.key is None else ["--bucket-key", setups.KEY, "--parameters-key", setups.KEY]
    options += ["--part", "doctor"] if name == "doctor" else []
    done = agent.run("iam-policy", "--format", "json", *options, stdin=conf.encode())
    if done.status == errors.CONF_OR_USAGE:
        raise AssertionError(done.said)
    return policies.parsed(done.data["content"])


def _allowed(documents: list[Any]) -> set[tuple[str, str, str]]:
    """Return what the policies allow: each action on each resource, with its conditions."""
    return {
        (action, resource, policies.compact(each.get("Condition", {})))
        for document in documents
        for each in document["Statement"]
        for action in _list(each["Action"])
        for resource in _list(each["Resource"])
        if (each["Effect"], document["Version"]) == ("Allow", policy.VERSION)
    }


def _list(value: Any) -> list[str]:
    return value if isinstance(value, list) else [value]
