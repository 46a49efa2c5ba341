"""What a conf says about signals, be the rest of it valid or not."""

from __future__ import annotations

import pytest

from teleport_bootstrap import errors
from teleport_bootstrap.conf import conf_file, signal_setting
from teleport_bootstrap.conf.signal_setting import DrainSetting, SignalSetting
from teleport_bootstrap.conf.signal_target import SignalTarget

HOOK = SignalTarget("lifecycle", hook="launch")


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("", None),
        ("TELEPORT_SIGNAL=\n", None),
        ("TELEPORT_SIGNAL=lifecycle:launch\nTELEPORT_SIGNAL=\n", None),
        ("TELEPORT_SIGNAL_SECONDS=5\n", None),
        ("TELEPORT_SIGNAL=lifecycle:launch\n", SignalSetting(HOOK, 900.0, "conf:1")),
        ("TELEPORT_ROLE=what\nTELEPORT_SIGNAL=lifecycle:launch\n", SignalSetting(HOOK, 900.0, "conf:2")),
        ("$(date)\nTELEPORT_SIGNAL=lifecycle:launch\nif x; then\n", SignalSetting(HOOK, 900.0, "conf:2")),
        ("H=launch\nTELEPORT_SIGNAL=lifecycle:$H\nTELEPORT_SIGNAL_SECONDS=1\n", SignalSetting(HOOK, 1.0, "conf:2")),
    ],
)
def test_finds_the_setting(text: str, found: SignalSetting | None) -> None:
    assert signal_setting.Reader(text.encode(), "conf").signal() == found


@pytest.mark.parametrize("line", ["TELEPORT_SIGNAL=hook", "TELEPORT_SIGNAL_SECONDS=4000", "TELEPORT_SIGNAL_SECONDS=0"])
def test_says_what_is_wrong_with_the_setting_alone(line: str) -> None:
    text = f"TELEPORT_ROLE=what\nTELEPORT_SIGNAL=lifecycle\n{line}\n"
    with pytest.raises(errors.ConfInvalid) as caught:
        signal_setting.Reader(text.encode(), "conf").signal()
    assert [each.subject for each in caught.value.findings] == [line.partition("=")[0]]


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("TELEPORT_SIGNAL_SECONDS", "Teleport is never healthy at once"),
        ("TELEPORT_DRAIN_SECONDS", "systemd would wait for the sessions without a limit"),
    ],
)
def test_no_time_at_all_is_refused_with_the_line_and_the_reason(name: str, why: str) -> None:
    text = f"TELEPORT_SIGNAL=lifecycle\nTELEPORT_DRAIN_HOOK=end\n{name}=00\n"
    (found,) = [str(each) for each in conf_file.inspect(text.encode(), "conf").errors if each.subject == name]
    assert found.startswith("conf:3:") and why in found


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("TELEPORT_SIGNAL=lifecycle\n", None),
        ("TELEPORT_DRAIN_HOOK=end\nif x; then\n", DrainSetting("end", 600.0)),
        ("TELEPORT_DRAIN_HOOK=end\nTELEPORT_DRAIN_SECONDS=60\n", DrainSetting("end", 60.0)),
    ],
)
def test_finds_the_hook_for_terminations(text: str, found: DrainSetting | None) -> None:
    assert signal_setting.Reader(text.encode(), "conf").drain() == found
