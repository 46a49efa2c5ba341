"""What this version cannot do is refused, where doing nothing about it would do harm."""

from __future__ import annotations

from teleport_bootstrap.conf import conf
from teleport_bootstrap.plan import requirements


def test_a_restore_that_would_not_happen_is_refused_with_its_line() -> None:
    given = conf.load(b"USE_ACM=false\nTELEPORT_RESTORE_FROM=s3://bucket/backups/a.tar\n")

    problems = requirements.check(given)

    assert [(each.line, "TELEPORT_RESTORE_FROM" in each.message) for each in problems] == [(2, True)]
