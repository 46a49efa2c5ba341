"""Which units systemd left out of a boot, and the circle of units because of which it did."""

from __future__ import annotations

import pytest

from teleport_bootstrap import errors
from teleport_bootstrap.host import boot_order, process

AFTER = {
    "cloud-final.service": "sysinit.target multi-user.target",
    "multi-user.target": "basic.target theirs.service",
    "basic.target": "sysinit.target -.slice",
    "theirs.service": "sysinit.target cloud-final.service",
}


@pytest.fixture
def systemctl(monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """A systemctl that knows what each unit of AFTER starts after; returns what it is asked."""
    asked: list[list[str]] = []

    def run(argv: list[str], **_: object) -> process.Finished:
        asked.append(argv)
        units = argv[argv.index("--") + 1 :]
        return process.Finished(tuple(argv), 0, "\n\n".join(f"After={AFTER.get(each, '')}" for each in units), "")

    monkeypatch.setattr(process, "run", run)
    return asked


def test_issue_17_row_3_names_the_shortest_circle(systemctl: list[list[str]]) -> None:
    circle = boot_order.cycle("cloud-final.service")

    assert circle == ("cloud-final.service", "multi-user.target", "theirs.service")
    assert boot_order.described(circle) == (
        "cloud-final.service after multi-user.target after theirs.service after cloud-final.service"
    )
    assert len(systemctl) == 3


def test_issue_17_row_3_no_circle_ends(systemctl: list[list[str]]) -> None:
    assert boot_order.cycle("basic.target") == ()
    assert boot_order.described(()) == ""


def test_issue_17_row_3_systemd_that_does_not_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(process, "run", lambda argv, **_: process.Finished(tuple(argv), 1, "", "no"))
    assert boot_order.cycle("cloud-final.service") == ()
    assert not boot_order.had_cycle()
    with pytest.raises(errors.UnitTrouble):
        boot_order.left_out("cloud-init.target")


@pytest.mark.parametrize(
    ("printed", "said"), [("at 0\n", False), ("at 1 1\n", True), ("at 2 7 19\n", True), ("", False)]
)
def test_issue_17_row_3_what_systemd_remembers(monkeypatch: pytest.MonkeyPatch, printed: str, said: bool) -> None:
    monkeypatch.setattr(process, "run", lambda argv, **_: process.Finished(tuple(argv), 0, printed, ""))
    assert boot_order.had_cycle() is said


LEFT_OUT = {"LoadState": "loaded", "ActiveState": "inactive", "Job": "", "ConditionTimestampMonotonic": "0"}


@pytest.mark.parametrize(
    ("target", "unit", "found"),
    [
        ({"ActiveState": "active"}, {}, ("a.service",)),
        ({"ActiveState": "inactive", "Job": "17"}, {}, ("a.service",)),
        # The target does not belong to this boot, as where cloud-init has found no EC2.
        ({"ActiveState": "inactive"}, {}, ()),
        ({"ActiveState": "active"}, {"Job": "18"}, ()),
        ({"ActiveState": "active"}, {"ActiveState": "failed"}, ()),
        ({"ActiveState": "active"}, {"LoadState": "not-found"}, ()),
        # A condition of the unit has failed.
        ({"ActiveState": "active"}, {"ConditionTimestampMonotonic": "13940"}, ()),
    ],
)
def test_issue_17_row_3_a_unit_that_was_left_out(
    monkeypatch: pytest.MonkeyPatch, target: dict[str, str], unit: dict[str, str], found: tuple[str, ...]
) -> None:
    answers = iter([{"Job": "", "Wants": "a.service a.socket", **target}, {"Id": "a.service", **LEFT_OUT, **unit}])

    def run(argv: list[str], **_: object) -> process.Finished:
        return process.Finished(tuple(argv), 0, "\n".join(f"{a}={b}" for a, b in next(answers).items()), "")

    monkeypatch.setattr(process, "run", run)
    assert boot_order.left_out("a.target") == found
