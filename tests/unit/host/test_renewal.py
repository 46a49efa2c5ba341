"""When a certificate is said to be late, for the lifetimes that issuers have; certbot 5.8.0 decides when it renews."""

from __future__ import annotations

import pytest

from teleport_bootstrap.host import renewal

DAY = 24 * 3600.0


@pytest.mark.parametrize(
    ("lifetime", "renewed", "late"),
    [
        # In days: the lifetime, what is left when certbot renews, and below what the certificate is late.
        (90, 30, 14),
        (64, 64 / 3, 64 / 6),
        (45, 15, 7.5),
        (10, 10 / 3, 10 / 6),
        (6, 3, 1.5),
        # Of ACM, and of a company's authority.
        (395, 60, 14),
        (3650, 60, 14),
    ],
)
def test_late_follows_the_lifetime_and_comes_after_the_renewal(lifetime: float, renewed: float, late: float) -> None:
    ends = lifetime * DAY
    assert not renewal.is_late(ends - renewed * DAY, 0.0, ends)
    assert not renewal.is_late(ends - late * DAY, 0.0, ends)
    assert renewal.is_late(ends - late * DAY + 1, 0.0, ends) and renewal.is_late(ends + 1, 0.0, ends)


def test_without_its_beginning_two_weeks_count() -> None:
    ends = 90 * DAY
    assert not renewal.is_late(ends - 14 * DAY, None, ends) and renewal.is_late(ends - 14 * DAY + 1, None, ends)
