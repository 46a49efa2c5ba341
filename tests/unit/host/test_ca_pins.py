"""CA pins, as `tctl status` shows them."""

from __future__ import annotations

import pytest

from teleport_bootstrap import errors
from teleport_bootstrap.host import tctl

FIRST, SECOND = "sha256:" + "1a" * 32, "sha256:" + "2b" * 32

STATUS = f"""\
Cluster       cluster-1
Version       17.5.1
host CA       rotated Jan  2 15:04:05 UTC
user CA       never updated
jwt CA        never updated
CA pin        {FIRST}
"""


def test_one_pin_is_found() -> None:
    assert tctl.pins_from_status(STATUS) == (FIRST,)


@pytest.mark.parametrize(
    "more",
    [f"CA pin        {SECOND}\n", f"              {SECOND}\n", f"CA pins: {SECOND}\n", f"CA PIN\t{SECOND.upper()}\n"],
)
def test_all_pins_are_found_while_the_authority_is_rotated(more: str) -> None:
    assert tctl.pins_from_status(STATUS + more) == (FIRST, SECOND)


@pytest.mark.parametrize(
    "status",
    [
        f"Cluster: c\nCA pins:\n  {FIRST}\n  {SECOND}\n\nauthority  rotation\nhost       standby\n",
        f"CA pins: {FIRST}, {SECOND}\n",
        f"CA pins:{FIRST},{SECOND}\n",
        f"CA pins:  {FIRST}\n          {SECOND}\n\nhost CA   never updated\n",
        f"CA pins:\n- {FIRST}\n- {SECOND}\n",
        f"| CA pin | {FIRST} |\n| CA pin | {SECOND} |\n",
        f"CA pin\t{FIRST}\r\nCA pin\t{SECOND}\r\n",
    ],
)
def test_finds_pins_in_the_layout_of_every_release(status: str) -> None:
    assert tctl.pins_from_status(status) == (FIRST, SECOND)


def test_order_and_repetition_do_not_matter() -> None:
    assert tctl.pins_from_status(f"CA pin {SECOND}\nCA pin {FIRST}\nCA pin {SECOND}\n") == (FIRST, SECOND)


@pytest.mark.parametrize(
    "status",
    [
        "",
        "Cluster cluster-1\n",
        "CA pin\n",
        "CA pin        none\n",
        f"CA pins:\n  {FIRST}\n  sha256:1a2b\n",
        f"CA pins\n\n{FIRST}\n",
        "CA pin        sha256:1a2b\n",
        STATUS + "CA pin        $(reboot)\n",
        STATUS + f"CA pin        sha512:{'1a' * 32}\n",
        f"Note          {FIRST}\n",
    ],
)
def test_refuses_an_invalid_pin(status: str) -> None:
    with pytest.raises(errors.TctlFailed) as raised:
        tctl.pins_from_status(status)
    assert "CA pin" in raised.value.message and "reboot" not in raised.value.message


def test_the_parameter_holds_one_pin_per_line() -> None:
    assert "\n".join((FIRST, SECOND)) == f"{FIRST}\n{SECOND}"
