"""How a bucket is set up, over real HTTP, in the simulated AWS."""

from __future__ import annotations

from typing import Any, Callable

import pytest
from botocore.credentials import Credentials

from teleport_bootstrap import errors
from teleport_bootstrap.aws import s3_configuration
from teleport_bootstrap.aws.account import Aws
from teleport_bootstrap.aws.s3 import Bucket
from tests.simulated_ec2 import Aws as SimulatedAws
from tests.simulated_ec2.aws import REGION, S3_DENIED, SLOW_DOWN, Answer

NAME = "acme-sessions"


@pytest.fixture
def here(aws: SimulatedAws) -> Aws:
    aws.client("s3").create_bucket(Bucket=NAME)
    return Aws(REGION, Credentials("AKIDEXAMPLE", "secret", "token"), {"AWS_ENDPOINT_URL": aws.url}, wait_seconds=20.0)


@pytest.fixture
def bucket(here: Aws) -> Bucket:
    return here.s3(NAME)


def test_issue_18_says_in_which_region_a_bucket_is(aws: SimulatedAws, here: Aws, bucket: Bucket) -> None:
    assert s3_configuration.region(bucket) == bucket.region == REGION
    aws.client("s3", "eu-west-1").create_bucket(
        Bucket="acme-elsewhere", CreateBucketConfiguration={"LocationConstraint": "eu-west-1"}
    )
    aws.bucket_regions["acme-elsewhere"] = "eu-west-1"
    elsewhere = here.s3("acme-elsewhere")
    assert s3_configuration.region(elsewhere) == elsewhere.region == "eu-west-1"
    assert s3_configuration.versioning(here.s3("acme-elsewhere")).status == ""
    assert s3_configuration.region(here.s3("acme-other")) is None


def test_issue_18_says_whether_a_bucket_keeps_versions(aws: SimulatedAws, bucket: Bucket) -> None:
    assert s3_configuration.versioning(bucket) == s3_configuration.Versioning("", mfa_delete=False)
    for status in ("Enabled", "Suspended"):
        aws.client("s3").put_bucket_versioning(Bucket=NAME, VersioningConfiguration={"Status": status})
        found = s3_configuration.versioning(bucket)
        assert (found.status, found.is_enabled) == (status, status == "Enabled")


def test_issue_18_says_how_a_bucket_encrypts(aws: SimulatedAws, bucket: Bucket) -> None:
    assert s3_configuration.encryption(bucket) is None
    default = {"SSEAlgorithm": "aws:kms", "KMSMasterKeyID": "arn:aws:kms:us-east-1:123456789012:key/1"}
    rule = {"ApplyServerSideEncryptionByDefault": default, "BucketKeyEnabled": True}
    aws.client("s3").put_bucket_encryption(Bucket=NAME, ServerSideEncryptionConfiguration={"Rules": [rule]})
    assert s3_configuration.encryption(bucket) == s3_configuration.Encryption(
        "aws:kms", default["KMSMasterKeyID"], bucket_key=True
    )


def test_issue_18_says_whether_a_bucket_can_be_public(aws: SimulatedAws, bucket: Bucket) -> None:
    assert s3_configuration.public_access_block(bucket) is None
    shut = {"BlockPublicAcls": True, "IgnorePublicAcls": True, "BlockPublicPolicy": True}
    for last in (False, True):
        aws.client("s3").put_public_access_block(
            Bucket=NAME, PublicAccessBlockConfiguration={**shut, "RestrictPublicBuckets": last}
        )
        found = s3_configuration.public_access_block(bucket)
        assert found is not None and found.block_policy and found.is_complete is last


def test_issue_18_says_whether_a_bucket_locks_objects(aws: SimulatedAws, here: Aws, bucket: Bucket) -> None:
    assert s3_configuration.object_lock(bucket) is None
    client = aws.client("s3")
    client.create_bucket(Bucket="acme-locked", ObjectLockEnabledForBucket=True)
    client.put_object_lock_configuration(
        Bucket="acme-locked",
        ObjectLockConfiguration={
            "ObjectLockEnabled": "Enabled",
            "Rule": {"DefaultRetention": {"Mode": "COMPLIANCE", "Days": 30}},
        },
    )
    found = s3_configuration.object_lock(here.s3("acme-locked"))
    assert found == s3_configuration.ObjectLock("COMPLIANCE", 30, None)


def test_issue_18_says_which_objects_a_bucket_moves_and_deletes(aws: SimulatedAws, bucket: Bucket) -> None:
    assert s3_configuration.lifecycle(bucket) == ()
    narrow = {"And": {"Prefix": "records/", "Tags": [{"Key": "a", "Value": "b"}]}}
    rules = [
        {"ID": "delete", "Status": "Enabled", "Filter": {"Prefix": ""}, "Expiration": {"Days": 365}},
        {
            "ID": "tidy",
            "Status": "Disabled",
            "Filter": narrow,
            "NoncurrentVersionExpiration": {"NoncurrentDays": 30},
            "AbortIncompleteMultipartUpload": {"DaysAfterInitiation": 7},
        },
        {
            "ID": "move",
            "Status": "Enabled",
            "Filter": {"Prefix": "records/"},
            "Transitions": [{"Days": 90, "StorageClass": "GLACIER"}],
        },
    ]
    aws.client("s3").put_bucket_lifecycle_configuration(Bucket=NAME, LifecycleConfiguration={"Rules": rules})
    delete, tidy, move = s3_configuration.lifecycle(bucket)
    assert (delete.rule_id, delete.enabled, delete.expires, delete.expires_days) == ("delete", True, True, 365)
    assert (delete.prefix, delete.has_filter) == ("", False)
    assert (tidy.enabled, tidy.prefix, tidy.has_filter, tidy.expires) == (False, "records/", True, False)
    assert (tidy.noncurrent_days, tidy.abort_days) == (30, 7)
    assert move.transitions == (s3_configuration.Transition("GLACIER", 90),) and not move.has_filter


QUESTIONS: dict[str, Callable[[Bucket], Any]] = {
    "s3:GetBucketVersioning": s3_configuration.versioning,
    "s3:GetEncryptionConfiguration": s3_configuration.encryption,
    "s3:GetBucketPublicAccessBlock": s3_configuration.public_access_block,
    "s3:GetBucketObjectLockConfiguration": s3_configuration.object_lock,
    "s3:GetLifecycleConfiguration": s3_configuration.lifecycle,
    "s3:ListBucket": s3_configuration.region,
}


@pytest.mark.parametrize("action", QUESTIONS)
def test_issue_18_a_denied_question_about_a_bucket_names_its_permission(
    aws: SimulatedAws, bucket: Bucket, action: str
) -> None:
    aws.fail(S3_DENIED)
    with pytest.raises(errors.AwsDenied) as caught:
        QUESTIONS[action](bucket)
    assert f"Allow {action} on arn:aws:s3:::{NAME} " in caught.value.hint


@pytest.mark.parametrize("action", QUESTIONS)
def test_issue_18_a_throttled_question_about_a_bucket_is_asked_again(
    aws: SimulatedAws, bucket: Bucket, action: str
) -> None:
    aws.fail(SLOW_DOWN)
    QUESTIONS[action](bucket)
    assert len(aws.requests) == 2


@pytest.mark.parametrize("action", [each for each in QUESTIONS if each != "s3:ListBucket"])
def test_issue_18_a_question_about_a_bucket_that_does_not_exist_says_so(here: Aws, action: str) -> None:
    with pytest.raises(errors.BucketUnusable, match="there is no S3 bucket acme-other"):
        QUESTIONS[action](here.s3("acme-other"))


@pytest.mark.parametrize("action", QUESTIONS)
@pytest.mark.parametrize("text", ["<html><body>Welcome</body></html>", "<html>", '{"a": 1}', ""])
def test_issue_18_a_page_of_a_proxy_about_a_bucket_is_not_an_answer(
    aws: SimulatedAws, here: Aws, action: str, text: str
) -> None:
    aws.fail_always(Answer(text=text, status=200))
    hasty = Aws(REGION, here.credentials, here.environ, wait_seconds=0.5)
    # botocore takes what is not XML for a failure of S3.
    with pytest.raises((errors.AwsUnreachable, errors.AwsFailed), match=r"did not come from AWS|kept failing"):
        QUESTIONS[action](hasty.s3(NAME))
