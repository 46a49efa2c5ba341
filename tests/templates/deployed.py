"""A template deployed into moto's CloudFormation, and what that leaves out done by the calls that AWS would make.

What moto 5.2.5 does not do, each with what is done instead, from the values in the template:

| of the template | moto's CloudFormation | here |
|---|---|---|
| an item of a list that is AWS::NoValue | stays, as null | left out before |
| LaunchTemplate of AWS::EC2::Instance | not read | its data given as properties |
| Type, LoadBalancerAttributes of a balancer | not read: each is an ALB | set; network ones made, with listeners |
| CanonicalHostedZoneID, and records that have it | not known | made |
| Targets of a target group | not read | registered |
| TimeToLiveSpecification, PointInTimeRecoverySpecification | not read | set |
| VersioningConfiguration, PublicAccessBlockConfiguration, LifecycleConfiguration of a bucket | not read | set |
| AWS::S3::BucketPolicy | not known | set |
| Tags of a KMS key | end in an error, since KMS names their members otherwise | left out |
| MetadataOptions of a launch template | not given to instances | set |
| AWS::EC2::SecurityGroupEgress, AWS::CloudWatch::Alarm, AWS::CertificateManager::Certificate | not known | left out |
| LifecycleHookSpecificationList of a group | not read | put |
| Rules, CreationPolicy, UpdatePolicy | not read | left out |
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from tests.simulated_ec2 import Aws
from tests.simulated_ec2.aws import ACCOUNT, REGION
from tests.templates import template
from tests.templates.setups import Setup

STACK = "teleport"
_PSEUDO = {**template.PSEUDO, "AWS::Region": REGION, "AWS::AccountId": ACCOUNT, "AWS::StackName": STACK}
_NETWORK_BALANCER = "network"


@dataclass
class Deployed:
    """The stack. `ids` are physical ids by logical ones; `names` the names that lead to balancers, with theirs."""

    aws: Aws
    parameters: Mapping[str, str]
    ids: dict[str, str]
    filled: template.Filled
    instances: dict[str, str] = field(default_factory=dict)
    names: dict[str, str] = field(default_factory=dict)

    def role(self, launch_template: str) -> str:
        """Return the name of the role that instances of the launch template have."""
        data = self.filled.resources[launch_template]["Properties"]["LaunchTemplateData"]
        (role,) = self.filled.resources[data["IamInstanceProfile"]["Arn"].partition(".")[0]]["Properties"]["Roles"]
        return str(role)


def account(aws: Aws, domain: str) -> dict[str, str]:
    """Make what a template takes for given, and return the parameters for it."""
    ec2 = aws.client("ec2")
    subnets = ec2.describe_subnets()["Subnets"]
    zone = aws.client("route53").create_hosted_zone(Name=domain.partition(".")[2], CallerReference=domain)
    found: dict[str, str] = {
        "VpcId": subnets[0]["VpcId"],
        "BalancerSubnetIds": ",".join(each["SubnetId"] for each in subnets[:2]),
        "InstanceSubnetId": subnets[2]["SubnetId"],
        "InstanceSubnetIds": ",".join(each["SubnetId"] for each in subnets[2:4]),
        "ImageId": ec2.describe_images()["Images"][0]["ImageId"],
        "HostedZoneId": zone["HostedZone"]["Id"].rpartition("/")[2],
        "CertificateArn": aws.client("acm").request_certificate(DomainName=domain)["CertificateArn"],
    }
    return found


def deploy(aws: Aws, setup: Setup, parameters: Mapping[str, str]) -> Deployed:
    """Deploy the template with these parameters, which beside `account` are those of a person."""
    text = template.load(setup.path)
    given = {name: value for name, value in parameters.items() if name in text["Parameters"]}
    client = aws.client("cloudformation")
    client.create_stack(
        StackName=STACK,
        TemplateBody=json.dumps(_for_moto(text, template.Filled(text, given, pseudo=_PSEUDO))),
        Parameters=[{"ParameterKey": name, "ParameterValue": value} for name, value in given.items()],
        Capabilities=["CAPABILITY_IAM"],
    )
    (stack,) = client.describe_stacks(StackName=STACK)["Stacks"]
    assert stack["StackStatus"] == "CREATE_COMPLETE"
    found = client.list_stack_resources(StackName=STACK)["StackResourceSummaries"]
    # What moto does not know is in its list without a name.
    ids = {each["LogicalResourceId"]: each["PhysicalResourceId"] for each in found if each["LogicalResourceId"]}
    made = Deployed(aws, given, ids, template.Filled(text, given, _things(aws, text, ids), _PSEUDO))
    _complete(made, text)
    return made


def _for_moto(text: dict[str, Any], filled: template.Filled) -> dict[str, Any]:
    found: dict[str, Any] = _without_nothing(text, filled)
    resources = found["Resources"]
    networks = {
        name
        for name, about in resources.items()
        if about["Type"].endswith("::LoadBalancer") and about["Properties"]["Type"] == _NETWORK_BALANCER
    }
    for name, about in list(resources.items()):
        properties = about["Properties"]
        of_network = name in networks or properties.get("LoadBalancerArn", {}).get("Ref") in networks
        if of_network or "AliasTarget" in properties:
            del resources[name]
        elif about["Type"] == "AWS::KMS::Key":
            del properties["Tags"]
        elif about["Type"] == "AWS::EC2::Instance":
            launched = resources[properties["LaunchTemplate"]["LaunchTemplateId"]["Ref"]]
            data = launched["Properties"]["LaunchTemplateData"]
            (interface,) = data["NetworkInterfaces"]
            properties.update({key: data[key] for key in ("ImageId", "InstanceType")}, SubnetId=interface["SubnetId"])
    found.pop("Outputs")
    return found


def _without_nothing(value: Any, filled: template.Filled) -> Any:
    if isinstance(value, list):
        kept = [each for each in value if not _is_nothing(each, filled)]
        return [_without_nothing(each, filled) for each in kept]
    if isinstance(value, dict):
        if value.keys() == {"Fn::If"}:
            name, positive, negative = value["Fn::If"]
            return _without_nothing(positive if filled.conditions[name] else negative, filled)
        return {name: _without_nothing(each, filled) for name, each in value.items()}
    return value


def _is_nothing(value: Any, filled: template.Filled) -> bool:
    return isinstance(value, dict) and value.keys() == {"Fn::If"} and filled.value(value) is None


def _things(aws: Aws, text: dict[str, Any], ids: dict[str, str]) -> dict[str, str]:
    """Return what references to the resources of the stack become."""
    found = dict(ids)
    for name, physical in ids.items():
        kind = text["Resources"][name]["Type"]
        if kind == "AWS::EC2::SecurityGroup":
            found[f"{name}.GroupId"] = physical
        elif kind == "AWS::S3::Bucket":
            found[f"{name}.Arn"] = f"arn:aws:s3:::{physical}"
        elif kind == "AWS::KMS::Key":
            found[f"{name}.Arn"] = f"arn:aws:kms:{REGION}:{ACCOUNT}:key/{physical}"
    return found


def _complete(made: Deployed, text: dict[str, Any]) -> None:
    steps = {
        "AWS::EC2::Instance": _instance,
        "AWS::AutoScaling::AutoScalingGroup": _group,
        "AWS::DynamoDB::Table": _table,
        "AWS::S3::Bucket": _bucket,
        "AWS::S3::BucketPolicy": _bucket_policy,
        "AWS::ElasticLoadBalancingV2::LoadBalancer": _balancer,
        "AWS::ElasticLoadBalancingV2::Listener": _listener,
        "AWS::ElasticLoadBalancingV2::TargetGroup": _targets,
        "AWS::Route53::RecordSet": _record,
    }
    # In this order, since records and listeners name balancers.
    for kind, step in steps.items():
        for name, about in made.filled.resources.items():
            if about["Type"] == kind:
                step(made, name, about["Properties"])
    assert text["Resources"].keys() >= made.ids.keys()


def _instance(made: Deployed, name: str, properties: dict[str, Any]) -> None:
    launch_template = next(
        each for each, number in made.ids.items() if number == properties["LaunchTemplate"]["LaunchTemplateId"]
    )
    made.instances[launch_template] = made.ids[name]
    _launched(made, launch_template)


def _group(made: Deployed, name: str, properties: dict[str, Any]) -> None:
    launch_template = next(
        each for each, number in made.ids.items() if number == properties["LaunchTemplate"]["LaunchTemplateId"]
    )
    (group,) = made.aws.client("autoscaling").describe_auto_scaling_groups(AutoScalingGroupNames=[made.ids[name]])[
        "AutoScalingGroups"
    ]
    assert len(group["Instances"]) == int(properties["MinSize"])
    for hook in properties["LifecycleHookSpecificationList"]:
        made.aws.client("autoscaling").put_lifecycle_hook(AutoScalingGroupName=made.ids[name], **hook)
    if group["Instances"]:
        made.instances[launch_template] = group["Instances"][0]["InstanceId"]
        _launched(made, launch_template)


def _launched(made: Deployed, launch_template: str) -> None:
    """Set what moto does not take from the launch template."""
    ec2 = made.aws.client("ec2")
    data = made.filled.resources[launch_template]["Properties"]["LaunchTemplateData"]
    number = made.instances[launch_template]
    ec2.modify_instance_metadata_options(InstanceId=number, **data["MetadataOptions"])
    ec2.modify_instance_attribute(InstanceId=number, Groups=data["NetworkInterfaces"][0]["Groups"])


def _table(made: Deployed, name: str, properties: dict[str, Any]) -> None:
    client = made.aws.client("dynamodb")
    for operation, option in (
        (client.update_time_to_live, "TimeToLiveSpecification"),
        (client.update_continuous_backups, "PointInTimeRecoverySpecification"),
    ):
        if option in properties:
            operation(TableName=made.ids[name], **{option: properties[option]})


def _bucket(made: Deployed, name: str, properties: dict[str, Any]) -> None:
    client, bucket = made.aws.client("s3"), made.ids[name]
    client.put_bucket_versioning(Bucket=bucket, VersioningConfiguration=properties["VersioningConfiguration"])
    block = properties["PublicAccessBlockConfiguration"]
    client.put_public_access_block(Bucket=bucket, PublicAccessBlockConfiguration=block)
    rules = [
        {"ID": each["Id"], "Filter": {}, **{key: value for key, value in each.items() if key != "Id"}}
        for each in properties["LifecycleConfiguration"]["Rules"]
    ]
    client.put_bucket_lifecycle_configuration(Bucket=bucket, LifecycleConfiguration={"Rules": rules})


def _bucket_policy(made: Deployed, _: str, properties: dict[str, Any]) -> None:
    policy = json.dumps(properties["PolicyDocument"])
    made.aws.client("s3").put_bucket_policy(Bucket=properties["Bucket"], Policy=policy)


def _balancer(made: Deployed, name: str, properties: dict[str, Any]) -> None:
    client = made.aws.client("elbv2")
    if name not in made.ids:
        options = {key: properties[key] for key in ("Type", "Scheme", "Subnets", "SecurityGroups")}
        found = client.create_load_balancer(Name=f"{STACK}-{name}", **options)["LoadBalancers"][0]
        made.ids[name] = found["LoadBalancerArn"]
    else:
        found = client.describe_load_balancers(LoadBalancerArns=[made.ids[name]])["LoadBalancers"][0]
    client.modify_load_balancer_attributes(
        LoadBalancerArn=made.ids[name], Attributes=properties["LoadBalancerAttributes"]
    )
    made.filled.things.update(
        {
            name: made.ids[name],
            f"{name}.DNSName": found["DNSName"],
            f"{name}.CanonicalHostedZoneID": found["CanonicalHostedZoneId"],
        }
    )


def _listener(made: Deployed, name: str, _: dict[str, Any]) -> None:
    if name not in made.ids:
        found = made.aws.client("elbv2").create_listener(**made.filled.resources[name]["Properties"])
        made.ids[name] = found["Listeners"][0]["ListenerArn"]


def _targets(made: Deployed, name: str, properties: dict[str, Any]) -> None:
    client, group = made.aws.client("elbv2"), made.ids[name]
    if properties.get("Targets"):
        client.register_targets(TargetGroupArn=group, Targets=properties["Targets"])
    if properties.get("TargetGroupAttributes"):
        client.modify_target_group_attributes(TargetGroupArn=group, Attributes=properties["TargetGroupAttributes"])


def _record(made: Deployed, _: str, properties: dict[str, Any]) -> None:
    record = {key: value for key, value in properties.items() if key != "HostedZoneId"}
    alias = {"EvaluateTargetHealth": False, **properties["AliasTarget"]}
    change = {"Action": "CREATE", "ResourceRecordSet": {**record, "AliasTarget": alias}}
    made.aws.client("route53").change_resource_record_sets(
        HostedZoneId=properties["HostedZoneId"], ChangeBatch={"Changes": [change]}
    )
    made.names[properties["Name"]] = properties["AliasTarget"]["DNSName"]
