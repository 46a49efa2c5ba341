"""What AWS takes and what no linter checks: texts of security groups, and the lengths of names and policies.

Of both ways to make a cluster, with the longest names that they take. Sources: EC2 API reference, CreateSecurityGroup
and IpRange; IAM user guide, "IAM and AWS STS quotas".
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from tests.templates import policies, setups, template
from tests.terraform_module import evaluate as terraform

# An apostrophe is not among them: EC2 refuses the rule, and the stack is rolled back.
TEXT = re.compile(r"[a-zA-Z0-9. _\-:/()#,@\[\]+=&;{}!$*]{1,255}")
MOST_INLINE = 10240
LONG = {"cluster": "c" * 63, "bucket": "b" * 63}
# The longest names of regions, and those of partitions.
PLACES = (
    {**template.PSEUDO, "AWS::Region": "ap-southeast-1"},
    template.CHINA,
    {**template.PSEUDO, "AWS::Region": "us-gov-west-1", "AWS::Partition": "aws-us-gov"},
)


def _long(setup: setups.Setup) -> Iterator[template.Filled]:
    for place, parameters in itertools.product(PLACES, setup.every()):
        pseudo = {**place, "AWS::StackName": "s" * 128}
        names = {"ClusterName": LONG["cluster"]}
        if "BucketName" in {**setup.required, **parameters}:
            names["BucketName"] = LONG["bucket"]
        given = {**setup.required, **parameters, **names}
        things = {name: _arn(name, place) for name in setup.things}
        yield template.Filled(template.load(setup.path), given, things, pseudo)


def _arn(name: str, place: Mapping[str, str]) -> str:
    """Return an ARN of the KMS key or of a target group, which has 32 characters and an id, in the place."""
    service = "kms" if name == "Key.Arn" else "elasticloadbalancing"
    where = f"arn:{place['AWS::Partition']}:{service}:{place['AWS::Region']}:{place['AWS::AccountId']}"
    id_ = setups.KEY.rpartition(":")[2] if service == "kms" else f"targetgroup/{'t' * 32}/{'0' * 16}"
    return f"{where}:{id_}"


def _described(kind: str, node: Any) -> Iterator[str]:
    """Yield the descriptions of a security group and of its rules."""
    if not kind.startswith("AWS::EC2::SecurityGroup"):
        return
    for name in ("GroupDescription", "Description"):
        if name in node:
            yield node[name]
    for name in ("SecurityGroupIngress", "SecurityGroupEgress"):
        yield from (each["Description"] for each in node.get(name, ()))


@pytest.mark.parametrize("setup", setups.SETUPS, ids=lambda setup: setup.path.stem)
def test_ec2_takes_the_texts_of_the_templates(setup: setups.Setup) -> None:
    for filled in _long(setup):
        texts = [text for about in filled.resources.values() for text in _described(about["Type"], about["Properties"])]
        assert len(texts) > 8
        assert [each for each in texts if not TEXT.fullmatch(each)] == []


@pytest.mark.parametrize("module", terraform.MODULES)
def test_ec2_takes_the_texts_of_the_modules(module: str) -> None:
    found = terraform.evaluate(module, use_acm=True, cluster_name=LONG["cluster"])
    texts = [
        block["description"]
        for kind, _, block in found.resources()
        if kind == "aws_security_group" or kind.startswith("aws_vpc_security_group_")
    ]
    assert len(texts) > 8
    assert [each for each in texts if not TEXT.fullmatch(each)] == []


@pytest.mark.parametrize("setup", setups.SETUPS, ids=lambda setup: setup.path.stem)
def test_policies_of_the_templates_fit_with_the_longest_names(setup: setups.Setup) -> None:
    for filled in _long(setup):
        for name, about in filled.resources.items():
            if about["Type"] == "AWS::IAM::Role":
                documents = [each["PolicyDocument"] for each in about["Properties"]["Policies"]]
                assert sum(len(policies.compact(each)) for each in documents) <= MOST_INLINE, name


@pytest.mark.parametrize("setup", setups.SETUPS, ids=lambda setup: setup.path.stem)
def test_roles_of_the_templates_are_for_ec2_of_their_partition(setup: setups.Setup) -> None:
    filled = setup.filled_in(template.CHINA)
    trusts = [
        each["Properties"]["AssumeRolePolicyDocument"]["Statement"][0]["Principal"]
        for each in filled.resources.values()
        if each["Type"] == "AWS::IAM::Role"
    ]
    assert trusts and all(each == {"Service": "ec2.amazonaws.com.cn"} for each in trusts)


@pytest.mark.parametrize("module", terraform.MODULES)
def test_roles_of_the_modules_are_for_ec2_of_their_partition(module: str) -> None:
    documents = terraform.evaluate(module, use_acm=True, region=terraform.CHINA).blocks("aws_iam_policy_document")
    trusts = [each["statement"]["principals"] for name, each in documents.items() if name.endswith(".assume")]
    assert trusts and all(each["identifiers"] == ["ec2.amazonaws.com.cn"] for each in trusts)


def test_nothing_asks_for_the_name_of_the_auth_servers_before_it_exists() -> None:
    """A resolver keeps the answer that there is none for 15 minutes, as long as an instance has to become healthy."""
    group = template.load(template.HA)["Resources"]["AuthGroup"]
    assert {"AuthRecord", "AuthListener"} <= set(group["DependsOn"])
    module = (terraform.FOLDER / "ha" / "main.tf").read_text()
    for role in ("proxy", "node"):
        block = module.partition(f'module "{role}" {{')[2].partition("\n}\n")[0]
        assert "depends_on = [module.names, aws_lb_listener.auth]" in block
    assert "module.names.aws_route53_record.auth" in terraform.evaluate("ha", use_acm=True).blocks("aws_route53_record")
