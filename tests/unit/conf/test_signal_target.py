"""`TELEPORT_SIGNAL`: who is signaled."""

from __future__ import annotations

import pytest

from teleport_bootstrap.conf import variables
from teleport_bootstrap.conf.kinds import Unfit
from teleport_bootstrap.conf.signal_target import SignalTarget

ARN = "arn:aws:cloudformation:eu-west-1:123456789012:stack/teleport/0f4ae510-c386-11e7-b43f-503f23fb5536"


@pytest.mark.parametrize(
    ("text", "target"),
    [
        ("cloudformation", SignalTarget("cloudformation")),
        ("lifecycle", SignalTarget("lifecycle")),
        ("cloudformation:teleport/Group", SignalTarget("cloudformation", "teleport", "Group")),
        ("cloudformation:T-1/2", SignalTarget("cloudformation", "T-1", "2")),
        (f"cloudformation:{ARN}/Group", SignalTarget("cloudformation", ARN, "Group")),
        ("lifecycle:launch_1/a-B", SignalTarget("lifecycle", hook="launch_1/a-B")),
    ],
)
def test_reads_who_is_signaled(text: str, target: SignalTarget) -> None:
    assert variables.TELEPORT_SIGNAL.parse(text) == target


def test_an_arn_names_its_region() -> None:
    assert variables.TELEPORT_SIGNAL.parse(f"cloudformation:{ARN}/Group").region == "eu-west-1"
    assert variables.TELEPORT_SIGNAL.parse("cloudformation:eu-west-1/Group").region is None


@pytest.mark.parametrize(
    ("text", "part"),
    [
        ("cfn:teleport/Group", "cloudformation:STACK/RESOURCE"),
        ("CloudFormation:teleport/Group", "cloudformation:STACK/RESOURCE"),
        ("Lifecycle", "lifecycle:HOOK"),
        ("hook", "lifecycle:HOOK"),
        ("cloudformation:", "no resource"),
        ("cloudformation:teleport", "no resource"),
        (f"cloudformation:{ARN}", "no resource"),
        ("cloudformation:teleport/", "logical id"),
        ("cloudformation:teleport/Auth-Group", "logical id"),
        ("cloudformation:teleport/Group\n", "more than one line"),
        ("cloudformation:/Group", "neither the name nor the ARN"),
        ("cloudformation:1teleport/Group", "neither the name nor the ARN"),
        ("cloudformation:tele_port/Group", "neither the name nor the ARN"),
        ("cloudformation:a/b/Group", "neither the name nor the ARN"),
        (f"cloudformation:{ARN[:-1]}/Group", "neither the name nor the ARN"),
        (f"cloudformation:{'a' * 129}/Group", "neither the name nor the ARN"),
        (f"cloudformation:teleport/{'a' * 256}", "logical id"),
        ("lifecycle:", "no name of a lifecycle hook"),
        ("lifecycle:my hook", "without blanks"),
        ("lifecycle:höök", "lifecycle hook"),
        ("lifecycle:group:hook", "lifecycle hook"),
        (f"lifecycle:{'a' * 256}", "lifecycle hook"),
    ],
)
def test_says_what_is_wrong(text: str, part: str) -> None:
    with pytest.raises(Unfit) as caught:
        variables.TELEPORT_SIGNAL.parse(text)
    assert part in f"{caught.value.message}; {caught.value.hint}"
