"""When a certificate is valid, as openssl says it."""

from __future__ import annotations

import pytest

from teleport_bootstrap.checks import certificate_files


@pytest.mark.parametrize(
    ("said", "expires"),
    [
        ("notAfter=Nov  2 10:00:07 2026 GMT\n", "2026-11-02T10:00:07+00:00"),
        ("notAfter=Feb 29 23:59:59 2028 GMT", "2028-02-29T23:59:59+00:00"),
        ("notAfter=Jan  1 00:00:00 2050 GMT\n", "2050-01-01T00:00:00+00:00"),
    ],
)
def test_an_end_date(said: str, expires: str) -> None:
    begins = "notBefore=Aug  4 10:00:07 2026 GMT"
    assert certificate_files.parse_dates(f"{begins}\n{said}") == ("2026-08-04T10:00:07+00:00", expires)


@pytest.mark.parametrize(
    "said",
    [
        "",
        "notAfter=",
        "notAfter=Foo  2 10:00:07 2026 GMT",
        "notAfter=Feb 30 10:00:07 2026 GMT",
        "notAfter=Nov  2 10:00 2026 GMT",
        "notAfter=Nov  2 10:00:07 2026 CET",
        "Nov  2 10:00:07 2026 GMT",
    ],
)
def test_other_output_gives_no_date(said: str) -> None:
    begins = "notBefore=Aug  4 10:00:07 2026 GMT\n"
    for output in (said, begins + said, said + begins):
        with pytest.raises(ValueError):
            certificate_files.parse_dates(output)


def test_remaining_seconds() -> None:
    certificate = certificate_files.Certificate("/etc/c.pem", "1970-01-02T00:00:00+00:00")
    assert certificate.remaining_seconds(0) == 86400
    assert certificate.remaining_seconds(86401) == -1
    assert certificate_files.Certificate("/etc/c.pem", None, "why").remaining_seconds(0) is None
