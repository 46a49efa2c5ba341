#!/bin/sh
# moto's CloudFormation, given a list of which one item depends on a condition.
#
# Guess: an item that is AWS::NoValue is left out of its list, as AWS::NoValue leaves out a property, which moto does.
# Seen (moto 5.2.5, boto3 1.44.5): it stays in the list as None, and create_stack ends with an AttributeError of the code
#        that makes the security group. As the value of a property it is left out. On AWS it is left out of both
#        (CloudFormation user guide, pseudo parameters).
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/python" -m pip -q --disable-pip-version-check install 'moto[cloudformation,ec2]==5.2.5' boto3==1.44.5
seen=$(AWS_ACCESS_KEY_ID=x AWS_SECRET_ACCESS_KEY=x AWS_DEFAULT_REGION=eu-west-1 "$folder/venv/bin/python" -W ignore - <<'END'
import json

import boto3
from moto import mock_aws

RULE = {"IpProtocol": "tcp", "FromPort": 443, "ToPort": 443, "CidrIp": "10.0.0.0/8"}
CHOICE = {"Fn::If": ["IsOpen", RULE, {"Ref": "AWS::NoValue"}]}

def made(rules):
    template = {
        "Conditions": {"IsOpen": {"Fn::Equals": ["yes", "no"]}},
        "Resources": {
            "Group": {
                "Type": "AWS::EC2::SecurityGroup",
                "Properties": {"GroupDescription": "example", "SecurityGroupIngress": rules},
            }
        },
    }
    try:
        boto3.client("cloudformation").create_stack(StackName="example", TemplateBody=json.dumps(template))
    except Exception as error:
        return type(error).__name__
    groups = boto3.client("ec2").describe_security_groups(Filters=[{"Name": "description", "Values": ["example"]}])
    return len(groups["SecurityGroups"][0]["IpPermissions"])

for name, rules in (("a property", {"Fn::If": ["IsOpen", [RULE], {"Ref": "AWS::NoValue"}]}), ("an item", [RULE, CHOICE])):
    with mock_aws():
        print(f"{name}: {made(rules)}")
END
)
echo "$seen"
if [ "$seen" = "a property: 0
an item: AttributeError" ]; then
    echo "as described above"
else
    echo "this differs from what is described above"
    exit 1
fi
