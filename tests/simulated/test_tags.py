"""The instance's tags: through the metadata service, else through ec2:DescribeTags."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pytest

from teleport_bootstrap.aws.account import Aws as InstanceAws
from teleport_bootstrap.ec2 import facts
from teleport_bootstrap.ec2.imds import Imds
from tests.simulated_ec2 import Aws
from tests.simulated_ec2 import aws as simulated
from tests.simulated_ec2 import imds as emulator

INSTANCE = "i-0123456789abcdef0"


def read(imds: emulator.Server, aws: Aws, *keys: str, describe: bool = True) -> facts.Facts:
    environ = {"AWS_EC2_METADATA_SERVICE_ENDPOINT": imds.url, "AWS_ENDPOINT_URL": aws.url}
    agent = Imds.from_environment(environ, deadline_seconds=3)

    def describe_tags(region: str, instance_id: str, wanted: Sequence[str]) -> Mapping[str, str]:
        instance = InstanceAws.of_instance(agent, region, environ, wait_seconds=3)
        return instance.instance_tags(instance_id, wanted)

    return facts.read(agent, region=None, tag_keys=keys, describe_tags=describe_tags if describe else None)


@pytest.fixture
def tagged(aws: Aws) -> Aws:
    """An instance in EC2 with tags, whose id the metadata service gets."""
    made = aws.client("ec2").run_instances(ImageId="ami-12345678", MinCount=1, MaxCount=1)["Instances"][0]["InstanceId"]
    wanted = [
        {"Key": "cost center", "Value": "42"},
        {"Key": "team/owner", "Value": "sre"},
        {"Key": "Name", "Value": "a"},
    ]
    aws.client("ec2").create_tags(Resources=[made], Tags=wanted)
    aws.instance_id = made  # type: ignore[attr-defined]
    return aws


def test_tags_come_from_the_metadata_service_and_ec2_is_not_asked(imds: emulator.Server, aws: Aws) -> None:
    imds.service.update({"tags": {"Name": "teleport", "env": "prod: yes", "a:b=c@d": "x", "other": "y"}})
    found = read(imds, aws, "env", "Name", "a:b=c@d")
    assert found.tags == {"env": "prod: yes", "Name": "teleport", "a:b=c@d": "x"}
    assert list(found.tags) == ["env", "Name", "a:b=c@d"]
    assert found.notes == ()
    assert aws.requests == []


def test_no_tags_are_asked_for_when_none_are_wanted(imds: emulator.Server, aws: Aws) -> None:
    imds.service.update({"tags": {"Name": "teleport"}})
    assert read(imds, aws).tags == {}
    assert not [request for request in imds.service.gets() if "tags" in request.path]


def test_a_missing_tag_is_a_note_that_names_it(imds: emulator.Server, aws: Aws) -> None:
    imds.service.update({"tags": {"Name": "teleport"}})
    found = read(imds, aws, "Name", "team")
    assert found.tags == {"Name": "teleport"}
    (note,) = found.notes
    assert "has no tag 'team'" in note


def test_keys_that_metadata_cannot_show_come_from_ec2(imds: emulator.Server, tagged: Aws) -> None:
    imds.service.update({"tags": {"Name": "from metadata"}, "meta-data": {"instance-id": tagged.instance_id}})  # type: ignore[attr-defined]
    found = read(imds, tagged, "cost center", "Name", "team/owner")
    assert found.tags == {"cost center": "42", "Name": "from metadata", "team/owner": "sre"}
    assert found.notes == ()
    assert [request.operation for request in tagged.requests] == ["DescribeTags"]


def test_all_keys_come_from_ec2_when_metadata_shows_no_tags(imds: emulator.Server, tagged: Aws) -> None:
    imds.service.update({"meta-data": {"instance-id": tagged.instance_id}})  # type: ignore[attr-defined]
    assert read(imds, tagged, "Name", "cost center").tags == {"Name": "a", "cost center": "42"}


def test_a_key_is_not_a_pattern(imds: emulator.Server, tagged: Aws) -> None:
    imds.service.update({"meta-data": {"instance-id": tagged.instance_id}})  # type: ignore[attr-defined]
    found = read(imds, tagged, "cost*", "N?me")
    assert found.tags == {}
    assert "'cost*', 'N?me'" in found.notes[0]
    assert read(imds, tagged, "cost*", "Name").tags == {"Name": "a"}


def test_a_denial_is_a_note_with_the_permission_that_is_missing(imds: emulator.Server, aws: Aws) -> None:
    imds.service.update({"tags": {"Name": "teleport"}})
    aws.fail(simulated.Answer("UnauthorizedOperation", "You are not authorized to perform this operation.", status=403))
    found = read(imds, aws, "Name", "cost center")
    assert found.tags == {"Name": "teleport"}
    (note,) = found.notes
    assert "'cost center'" in note
    assert "ec2:DescribeTags on * in the policy of the instance role" in note


def test_an_unreachable_ec2_api_is_a_note_and_not_an_error(imds: emulator.Server, aws: Aws) -> None:
    aws.fail_always(simulated.RESETTING)
    found = read(imds, aws, "Name")
    (note,) = found.notes
    assert "waited for ec2:DescribeTags" in note
    assert "--instance-metadata-tags enabled" in note
    assert found.local_ipv4 == "10.0.0.12"


def test_without_a_role_a_tag_is_a_note_and_not_an_error(imds: emulator.Server, aws: Aws) -> None:
    imds.service.update({"role": None})
    (note,) = read(imds, aws, "Name").notes
    assert "no role" in note


def test_without_any_way_to_ask_ec2_the_note_says_how_to_allow_tags(imds: emulator.Server, aws: Aws) -> None:
    (note,) = read(imds, aws, "Name", describe=False).notes
    assert f"modify-instance-metadata-options --instance-id {INSTANCE} --instance-metadata-tags enabled" in note


@pytest.mark.parametrize("key", [".", "..", "_index", "a/../../user-data", "é", "?"])
def test_a_key_never_becomes_another_path(imds: emulator.Server, aws: Aws, key: str) -> None:
    imds.service.update({"tags": {"Name": "teleport", key: "listed"}, "user-data": "secret"})
    assert read(imds, aws, key, describe=False).tags == {}
    asked = [request.path for request in imds.service.gets() if "tags" in request.path or "user-data" in request.path]
    assert asked == ["/latest/meta-data/tags/instance/"]
