"""What `timedatectl show` says of the clock, and what is to be done about it."""

from __future__ import annotations

import pytest

from teleport_bootstrap.doctor.local import synchronization

SHOWN = "Timezone=Etc/UTC\nLocalRTC=no\nCanNTP={can}\nNTP={ntp}\nNTPSynchronized={synchronized}\n"


@pytest.mark.parametrize(
    ("can", "ntp", "synchronized", "installed", "severity", "remedy"),
    [
        ("yes", "yes", "yes", ["chrony.service"], "note", ""),
        # Something else than systemd knows keeps it right.
        ("no", "no", "yes", [], "note", ""),
        ("yes", "no", "no", ["chrony.service"], "warning", "`systemctl enable --now chrony.service`"),
        ("yes", "yes", "no", ["chronyd.service"], "warning", "`journalctl -b -u chronyd.service`"),
        ("no", "no", "no", [], "warning", "`dnf install chrony`"),
    ],
)
def test_a_clock_that_nothing_keeps_right_is_a_warning(
    can: str, ntp: str, synchronized: str, installed: list[str], severity: str, remedy: str
) -> None:
    (found,) = synchronization.judge(SHOWN.format(can=can, ntp=ntp, synchronized=synchronized), installed)
    assert found.severity == severity
    assert remedy in found.remedy
