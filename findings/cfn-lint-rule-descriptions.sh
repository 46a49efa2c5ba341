#!/bin/sh
# cfn-lint, and what EC2 takes as the description of a security group and of its rules.
#
# Guess: EC2 gives one set of characters for both (API reference, CreateSecurityGroup and IpRange), so cfn-lint, which
#        knows it for a group, holds it against a rule as well.
# Seen (cfn-lint 1.58.0): an apostrophe in GroupDescription is E3031. An apostrophe and a > in the Description of a rule
#        are not reported, neither in the list of the group nor in a rule of its own (AWS::EC2::SecurityGroupIngress). EC2
#        refuses them while the stack is made, after minutes.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/python" -m pip -q --disable-pip-version-check install cfn-lint==1.58.0
cat >"$folder/template.yaml" <<'END'
AWSTemplateFormatVersion: "2010-09-09"
Resources:
  Group:
    Type: AWS::EC2::SecurityGroup
    Properties:
      GroupDescription: the proxy's group
      VpcId: vpc-0123456789abcdef0
      SecurityGroupIngress:
        - {IpProtocol: tcp, FromPort: 443, ToPort: 443, CidrIp: 10.0.0.0/8, Description: users -> the proxy's port}
  Rule:
    Type: AWS::EC2::SecurityGroupIngress
    Properties:
      GroupId: !Ref Group
      IpProtocol: tcp
      FromPort: 443
      ToPort: 443
      CidrIp: 192.168.0.0/16
      Description: users -> the proxy's port
END
seen=$("$folder/venv/bin/cfn-lint" --regions eu-west-1 --format parseable "$folder/template.yaml" | cut -d: -f2,3,6) || true
echo "reported, as line:column:rule: $seen"
if [ "$seen" = "6:7:E3031" ]; then
    echo "as described above"
else
    echo "this differs from what is described above"
    exit 1
fi
