"""How an upload is cut into parts."""

from __future__ import annotations

from teleport_bootstrap.aws import s3_upload

GIB = 1024**3
TIB = 1024**4


def test_ten_thousand_parts_hold_the_largest_object() -> None:
    assert sum(map(s3_upload.part_bytes, range(1, s3_upload.PARTS + 1))) >= 5 * TIB


def test_each_part_has_a_size_that_s3_accepts() -> None:
    sizes = list(map(s3_upload.part_bytes, range(1, s3_upload.PARTS + 1)))
    assert sizes == sorted(sizes)
    assert sizes[0] >= 5 * 1024**2
    assert sizes[-1] <= 5 * GIB


def test_parts_stay_small_as_long_as_archives_are_usual() -> None:
    sent, number = 0, 0
    while sent < 100 * GIB:
        number += 1
        sent += s3_upload.part_bytes(number)
    assert s3_upload.part_bytes(number) <= 64 * 1024**2
    assert s3_upload.part_bytes(1000) == 8 * 1024**2
