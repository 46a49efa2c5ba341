#!/bin/sh
# moto's Parameter Store encrypts with a KMS key that does not exist, and moto's KMS with one that is disabled.
#
# Guess: as moto has KMS too, PutParameter looks the key up, and answers InvalidKeyId as AWS does (SSM API reference,
#        PutParameter), so that a test finds a mistyped key.
# Seen (moto 5.2.5, boto3 1.44.5): the parameter is stored and read back decrypted with an alias that nothing has, which
#        moto's own KMS refuses with NotFoundException. A disabled key encrypts in both; AWS answers DisabledException.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/python" -m pip -q --disable-pip-version-check install 'moto[kms,ssm]==5.2.5' boto3==1.44.5
seen=$(AWS_ACCESS_KEY_ID=x AWS_SECRET_ACCESS_KEY=x AWS_DEFAULT_REGION=eu-west-1 "$folder/venv/bin/python" -W ignore - <<'END'
import boto3
from botocore.exceptions import ClientError
from moto import mock_aws

def of_kms(key):
    try:
        boto3.client("kms").encrypt(KeyId=key, Plaintext=b"secret")
    except ClientError as error:
        return error.response["Error"]["Code"]
    return "encrypted"

def of_ssm(key):
    ssm = boto3.client("ssm")
    try:
        ssm.put_parameter(Name="/token", Value="secret", Type="SecureString", KeyId=key, Overwrite=True)
    except ClientError as error:
        return error.response["Error"]["Code"]
    return ssm.get_parameter(Name="/token", WithDecryption=True)["Parameter"]["Value"]

with mock_aws():
    kms = boto3.client("kms")
    disabled = kms.create_key()["KeyMetadata"]["KeyId"]
    kms.disable_key(KeyId=disabled)
    for name, key in (("an unknown alias", "alias/unknown"), ("a disabled key", disabled)):
        print(f"{name}: KMS answers {of_kms(key)}, Parameter Store {of_ssm(key)}")
END
)
echo "$seen"
wanted="an unknown alias: KMS answers NotFoundException, Parameter Store secret
a disabled key: KMS answers encrypted, Parameter Store secret"
if [ "$seen" = "$wanted" ]; then
    echo "as described above"
else
    echo "this differs from what is described above"
    exit 1
fi
