#!/bin/sh
# moto's CloudFormation, and a parameter that is a list.
#
# Guess: the default of a CommaDelimitedList becomes a list like a value that is given, and the blanks around its members
#        are trimmed, as CloudFormation's guide says of both.
# Seen (moto 5.2.5, boto3 1.44.5): a value that is given is split, with its blanks. A default stays one text, so that
#        Fn::Join puts the delimiter between its characters. It is the same for lists of ids, such as those of subnets.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/python" -m pip -q --disable-pip-version-check install 'moto[cloudformation,ssm]==5.2.5' boto3==1.44.5
seen=$(AWS_ACCESS_KEY_ID=x AWS_SECRET_ACCESS_KEY=x AWS_DEFAULT_REGION=eu-west-1 "$folder/venv/bin/python" -W ignore - <<'END'
import json

import boto3
from moto import mock_aws

TEMPLATE = {
    "Parameters": {"Zones": {"Type": "CommaDelimitedList", "Default": "a, b"}},
    "Resources": {
        "Parameter": {
            "Type": "AWS::SSM::Parameter",
            "Properties": {"Type": "String", "Name": "zones", "Value": {"Fn::Join": ["|", {"Ref": "Zones"}]}},
        }
    },
}

for name, given in (("default", []), ("given", [{"ParameterKey": "Zones", "ParameterValue": "a, b"}])):
    with mock_aws():
        boto3.client("cloudformation").create_stack(
            StackName="example", TemplateBody=json.dumps(TEMPLATE), Parameters=given
        )
        print(f"{name}: {boto3.client('ssm').get_parameter(Name='zones')['Parameter']['Value']}")
END
)
echo "$seen"
if [ "$seen" = "default: a|,| |b
given: a| b" ]; then
    echo "as described above"
else
    echo "this differs from what is described above"
    exit 1
fi
