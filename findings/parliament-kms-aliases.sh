#!/bin/sh
# A linter of IAM policies does not know the condition key by which KMS lets a policy name a key's alias.
#
# Guess: the linter has the keys of AWS's service authorization reference, where kms:ResourceAliases works with kms:Decrypt.
# Seen (parliament 1.6.4): UNKNOWN_CONDITION_FOR_ACTION for kms:ResourceAliases, also with kms:Encrypt and
#        kms:GenerateDataKey; nothing for kms:ViaService. The reference was read into the package years before, and no
#        newer release has another one.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
# parliament imports pkg_resources, which setuptools 80 still has.
"$folder/venv/bin/python" -m pip -q --disable-pip-version-check install parliament==1.6.4 setuptools==80.9.0
seen=$("$folder/venv/bin/python" -W ignore - <<'END'
import json
import parliament

def findings(operator, key, value):
    statement = {"Effect": "Allow", "Action": ["kms:Decrypt", "kms:Encrypt", "kms:GenerateDataKey"],
                 "Resource": "arn:aws:kms:eu-west-1:123456789012:key/*", "Condition": {operator: {key: value}}}
    policy = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    return sorted({each.issue for each in parliament.analyze_policy_string(policy).findings})

print("kms:ViaService:", findings("StringEquals", "kms:ViaService", "ssm.eu-west-1.amazonaws.com"))
print("kms:ResourceAliases:", findings("ForAnyValue:StringEquals", "kms:ResourceAliases", "alias/teleport"))
END
)
echo "$seen"
wanted="kms:ViaService: []
kms:ResourceAliases: ['UNKNOWN_CONDITION_FOR_ACTION']"
if [ "$seen" = "$wanted" ]; then
    echo "as described above"
else
    echo "this differs from what is described above"
    exit 1
fi
