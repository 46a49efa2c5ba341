"""An auth server on an instance that EC2 knows, with the security groups and the policies that it needs."""

from __future__ import annotations

import json
import re
import shlex
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from botocore import xform_name

from tests.simulated.doctor import surroundings
from tests.simulated.iam import role_policies
from tests.simulated_ec2 import Aws
from tests.simulated_ec2 import imds as emulator
from tests.simulated_ec2.aws import ACCOUNT, REGION

CLUSTER = "teleport.example.com"
ROLE = "teleport-role"
ROLE_POLICY = "teleport"
VPC = "10.0.0.0/16"
KEY = f"arn:aws:kms:{REGION}:{ACCOUNT}:key/11111111-2222-3333-4444-555555555555"
CONF = (
    f"TELEPORT_ROLE=auth\nTELEPORT_DOMAIN_NAME={CLUSTER}\nUSE_LETSENCRYPT=false\n"
    "TELEPORT_AUTH_SERVER_LB=auth.example.com\nTELEPORT_DYNAMO_TABLE_NAME=state-1\n"
    "TELEPORT_DYNAMO_EVENTS_TABLE_NAME=events-1\nTELEPORT_S3_BUCKET=bucket-1\nTELEPORT_LOCKS_TABLE_NAME=locks-1\n"
    f"TELEPORT_SSM_KMS_KEY_ID={KEY}\nTELEPORT_TAG_LABELS=env\n"
)
# The groups that this account is for.
GROUPS = ("--only", "instance", "--only", "permissions")


@dataclass(frozen=True)
class Instance:
    """The host, the ids of its instance and of its security group, and what IAM says of its role."""

    around: surroundings.Surroundings
    number: str
    group: str
    simulation: role_policies.Simulation

    @property
    def aws(self) -> Aws:
        return self.around.aws

    @property
    def imds(self) -> emulator.Service:
        return self.around.imds.service

    def results(self) -> dict[str, str]:
        return self.around.results(*GROUPS)

    def allow(self, *permissions: dict[str, Any], revoke: bool = False) -> None:
        """Let in, or with `revoke` no longer let in, by these rules of the group."""
        client = self.aws.client("ec2")
        change = client.revoke_security_group_ingress if revoke else client.authorize_security_group_ingress
        change(GroupId=self.group, IpPermissions=list(permissions))

    def statements(self) -> list[dict[str, Any]]:
        """Return the statements of the role's policy."""
        found = self.aws.client("iam").get_role_policy(RoleName=ROLE, PolicyName=ROLE_POLICY)["PolicyDocument"]
        listed: list[dict[str, Any]] = found["Statement"]
        return listed

    def set_policy(self, statements: list[dict[str, Any]]) -> None:
        """Give the role exactly these."""
        document = role_policies.document(statements)
        self.aws.client("iam").put_role_policy(RoleName=ROLE, PolicyName=ROLE_POLICY, PolicyDocument=document)

    def carry_out(self, remedy: str) -> None:
        """Run the commands of AWS's command line that a remedy has."""
        commands = [each for text in re.findall("`([^`]*)`", remedy) for each in text.split(" && ")]
        ran = [run(self.aws, each) for each in commands if each.startswith("aws ")]
        assert ran, remedy


def rule(port: int, network: str, last: int | None = None) -> dict[str, Any]:
    """Return the rule of a security group that lets a network in."""
    ends = {"FromPort": port, "ToPort": port if last is None else last}
    return {"IpProtocol": "tcp", **ends, "IpRanges": [{"CidrIp": network}]}


def run(aws: Aws, command: str) -> Any:
    """Run one command of AWS's command line; JSON stands for lists and structures, or `Key=x,Value=y`."""
    _, service, operation, *words = shlex.split(command)
    given: dict[str, str] = {}
    while words:
        name = words.pop(0)
        given[name.removeprefix("--")] = words.pop(0)
    client = aws.client(service, given.pop("region", REGION))
    method = operation.replace("-", "_")
    model = client.meta.service_model.operation_model(client.meta.method_to_api_mapping[method])
    members = {xform_name(name, "-"): (name, shape) for name, shape in model.input_shape.members.items()}
    assert set(given) <= set(members), f"{set(given) - set(members)} in {command}"
    return getattr(client, method)(
        **{members[option][0]: _value(members[option][1].type_name, text) for option, text in given.items()}
    )


def _value(kind: str, text: str) -> Any:
    if kind == "list" and not text.startswith("["):
        return [dict(each.split("=", 1) for each in text.split(","))] if "=" in text else [text]
    return json.loads(text) if kind in ("list", "structure") else int(text) if kind == "integer" else text


def make(directory: Path, imds: emulator.Server, aws: Aws) -> Instance:
    _make_role(aws)
    ec2 = aws.client("ec2")
    vpc = ec2.create_vpc(CidrBlock=VPC)["Vpc"]["VpcId"]
    group = ec2.create_security_group(GroupName="teleport-auth", Description="auth", VpcId=vpc)["GroupId"]
    subnet = ec2.create_subnet(VpcId=vpc, CidrBlock="10.0.0.0/24")["Subnet"]["SubnetId"]
    image = ec2.describe_images(Owners=["amazon"])["Images"][0]["ImageId"]
    options = {"HttpTokens": "required", "HttpPutResponseHopLimit": 2}
    number = ec2.run_instances(
        ImageId=image, MinCount=1, MaxCount=1, SecurityGroupIds=[group], SubnetId=subnet, MetadataOptions=options
    )["Instances"][0]["InstanceId"]
    meta = {"instance-id": number, "network": {"interfaces": {"macs": {emulator.MAC: {"vpc-ipv4-cidr-block": VPC}}}}}
    imds.service.update({"meta-data": meta, "tags": {"env": "prod"}, "credentials": session(aws, number)})
    agent = surroundings.host(directory, imds, aws, CONF)
    done = agent.generate()
    assert done.status == 0, done.said
    simulation = role_policies.Simulation(aws)
    aws.instead["iam:SimulatePrincipalPolicy"] = simulation.answer
    made = Instance(surroundings.Surroundings(agent, imds, aws), number, group, simulation)
    made.allow(rule(3025, VPC))
    policy = agent.run(
        "iam-policy", "--part", "ours", "--part", "teleport", "--part", "certificates", "--part", "backup"
    )
    assert policy.status == 0, policy.errors
    made.set_policy(json.loads(policy.output)["Statement"])
    return made


def _make_role(aws: Aws) -> None:
    trust = role_policies.document(
        [{"Effect": "Allow", "Principal": {"Service": "ec2.amazonaws.com"}, "Action": "sts:AssumeRole"}]
    )
    aws.client("iam").create_role(RoleName=ROLE, Path="/teleport/", AssumeRolePolicyDocument=trust)


def session(aws: Aws, name: str) -> dict[str, str]:
    """Return credentials of the role for a session of this name, as EC2 gives them to an instance."""
    arn = f"arn:aws:iam::{ACCOUNT}:role/teleport/{ROLE}"
    given = aws.client("sts").assume_role(RoleArn=arn, RoleSessionName=name)["Credentials"]
    return {
        "AccessKeyId": given["AccessKeyId"],
        "SecretAccessKey": given["SecretAccessKey"],
        "Token": given["SessionToken"],
    }
