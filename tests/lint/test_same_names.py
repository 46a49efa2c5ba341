"""CloudFormation and Terraform give everything the same names, so that one can take over from the other."""

from __future__ import annotations

import re
from typing import Any

import pytest

from tests.lint.test_terraform import ACM, conf_of
from tests.templates import setups, template
from tests.templates.setups import Setup
from tests.terraform_module import evaluate as terraform
from tests.terraform_module.evaluate import Evaluated, evaluate

# What says the same with both, by their names.
SAME = {
    "cluster_name": "ClusterName",
    "route53_domain": "DomainName",
    "s3_bucket_name": "BucketName",
    "teleport_auth_type": "AuthType",
    "certificate_arn": "CertificateArn",
    "vpc_id": "VpcId",
    "volume_size": "VolumeSize",
    "alarm_topic_arn": "AlarmTopicArn",
    "cluster_instance_type": "InstanceType",
    "instance_subnet_id": "InstanceSubnetId",
    "instance_subnet_ids": "InstanceSubnetIds",
    "balancer_subnet_ids": "BalancerSubnetIds",
    **{f"{role}_{of}": f"{role.capitalize()}{of.title().replace('_', '')}"
       for role in ("auth", "proxy", "node") for of in ("instance_type", "instances")},
}  # fmt: skip
NAMES = {"cluster_name": "teleport.example.com", "route53_domain": "teleport.example.com"}
MORE = {"route53_zone": "example.com", "s3_bucket_name": "acme-teleport", "add_wildcard_route53_record": True}
PARAMETERS = {
    "ClusterName": "teleport.example.com",
    "DomainName": "teleport.example.com",
    "BucketName": "acme-teleport",
    "ApplicationAccess": "true",
    "License": "true",
}
# Of one of them alone: the region, and who waits for an instance.
OWN = ("EC2_REGION", "TELEPORT_SIGNAL")

BOTH = pytest.mark.parametrize("setup", setups.SETUPS, ids=lambda setup: setup.path.stem)


def of_terraform(setup: Setup) -> Evaluated:
    return evaluate(setup.path.stem, **ACM, **NAMES, **MORE, license_path="/home/ops/license.pem")


def of_cloudformation(setup: Setup) -> template.Filled:
    store = {"StateStore": "dynamodb"} if setup.path.stem == "starter" else {}
    text = template.load(setup.path)
    keys = {"Key.Arn": terraform.KEY}
    return template.Filled(text, {**setup.required, **PARAMETERS, **store}, keys)


def _values(resources: dict[str, Any], kind: str, name: str) -> set[str]:
    return {about["Properties"][name] for about in resources.values() if about["Type"] == kind}


@BOTH
def test_tables_the_bucket_names_and_alarms_are_called_the_same(setup: Setup) -> None:
    ours, theirs = of_terraform(setup), of_cloudformation(setup).resources
    for kind, key, of_aws, property_name in (
        ("aws_dynamodb_table", "name", "AWS::DynamoDB::Table", "TableName"),
        ("aws_s3_bucket", "bucket", "AWS::S3::Bucket", "BucketName"),
        ("aws_route53_record", "name", "AWS::Route53::RecordSet", "Name"),
        ("aws_autoscaling_group", "name", "AWS::AutoScaling::AutoScalingGroup", "AutoScalingGroupName"),
        ("aws_cloudwatch_metric_alarm", "alarm_name", "AWS::CloudWatch::Alarm", "AlarmName"),
    ):
        found = {block[key] for address, block in ours.blocks(kind).items() if "validation" not in address}
        wanted = _values(theirs, of_aws, property_name)
        # One instance needs its lock with Let's Encrypt only, which the module has and the template has not.
        only_here = (
            {"teleport.example.com-locks"} if (setup.path.stem, kind) == ("starter", "aws_dynamodb_table") else set()
        )
        assert found - only_here == wanted, kind


@BOTH
def test_instances_have_the_same_conf(setup: Setup) -> None:
    filled = of_cloudformation(setup)
    theirs = [
        _settings(setups.conf_text(filled, name)) for name in template.launch_templates(template.load(setup.path))
    ]
    ours = [_settings(conf_of(each)) for each in of_terraform(setup).user_data().values()]
    assert sorted(ours, key=str) == sorted(theirs, key=str)


def _settings(conf: str) -> dict[str, str]:
    found = dict(re.findall(r"^(\w+)=[\"']?([^\"'\n]*)[\"']?$", conf, re.MULTILINE))
    return {name: value for name, value in sorted(found.items()) if value and name not in OWN}


@BOTH
def test_instances_have_the_same_tags(setup: Setup) -> None:
    theirs = set()
    for about in of_cloudformation(setup).resources.values():
        if about["Type"] == "AWS::EC2::LaunchTemplate":
            tags = about["Properties"]["LaunchTemplateData"]["TagSpecifications"][0]["Tags"]
            theirs.add(frozenset((each["Key"], each["Value"]) for each in tags))
    found = of_terraform(setup)
    ours = {frozenset(block["tags"].items()) for block in found.blocks("aws_instance").values()}
    for block in found.blocks("aws_launch_template").values():
        ours.add(frozenset(block["tag_specifications"][0]["tags"].items()))
    assert ours == theirs


@BOTH
def test_defaults_that_mean_the_same_are_the_same(setup: Setup) -> None:
    theirs = template.load(setup.path)["Parameters"]
    compared = 0
    for name, about in evaluate(setup.path.stem, **ACM).variables().items():
        parameter = theirs.get(SAME.get(name, ""))
        if parameter is not None and "default" in about and name != "s3_bucket_name":
            assert str(about["default"]) == str(parameter.get("Default", "")), name
            compared += 1
    assert compared >= 4
