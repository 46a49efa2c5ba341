"""What archives are called, and which of them go."""

from __future__ import annotations

import datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from teleport_bootstrap import errors
from teleport_bootstrap.backup.stores import names
from teleport_bootstrap.backup.stores.store import Stored, to_remove

MOMENT = datetime.datetime(2026, 11, 22, 11, 57, 43, tzinfo=datetime.timezone.utc)
MOMENTS = st.integers(10**9, 7 * 10**9).map(
    lambda seconds: datetime.datetime.fromtimestamp(seconds, datetime.timezone(datetime.timedelta(hours=-7)))
)


def test_a_name_has_cluster_host_and_time_in_utc() -> None:
    east = datetime.timezone(datetime.timedelta(hours=5, minutes=30))
    assert (
        names.name("acme.example.com", "ip-10-0-1-5", MOMENT.astimezone(east), "zstd")
        == "teleport-acme.example.com_ip-10-0-1-5_20261122T115743Z.tar.zst"
    )
    assert names.name("a", "b", MOMENT, "gzip").endswith(".tar.gz")


@given(st.text(), st.text(), MOMENTS, st.sampled_from(["zstd", "gzip"]))
def test_any_cluster_and_host_give_a_safe_name_that_can_be_parsed(
    cluster: str, host: str, made: datetime.datetime, compression: str
) -> None:
    name = names.name(cluster, host, made, compression)
    assert set(name) <= set("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-")
    assert len(name.encode()) + len(names.VERIFIED) + 60 <= 255
    assert name.startswith(names.start(cluster, host))
    said = names.parse(name)
    assert said is not None
    assert (said.series, said.compression) == ((names.safe(cluster), names.safe(host)), compression)
    assert said.made == made


@given(st.tuples(st.text(), st.text()), st.tuples(st.text(), st.text()))
def test_no_two_hosts_share_a_prefix(one: tuple[str, str], other: tuple[str, str]) -> None:
    if one != other:
        assert not names.start(*one).startswith(names.start(*other))


@pytest.mark.parametrize(
    ("one", "other"), [(("a", "b-c"), ("a-b", "c")), (("a b", "c"), ("a-b", "c")), (("", "a"), (".", "a"))]
)
def test_similar_hosts_have_different_names(one: tuple[str, str], other: tuple[str, str]) -> None:
    assert names.start(*one) != names.start(*other)


@given(MOMENTS, MOMENTS)
def test_the_order_of_the_names_is_the_order_in_time(one: datetime.datetime, other: datetime.datetime) -> None:
    first, second = (names.name("acme", "a", moment, "zstd") for moment in (one, other))
    assert (first < second) == (one < other)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "teleport-acme_a_20261122T115743Z.tar",
        "teleport-acme_a_20261122T115743Z.tar.zst.verified",
        ".teleport-acme_a_20261122T115743Z.tar.zst",
        "teleport-acme_a_20261322T115743Z.tar.zst",
        "teleport-acme_a_20261122T115743.tar.zst",
        "teleport-acme_a_b_20261122T115743Z.tar.zst",
        "teleport-a/c_a_20261122T115743Z.tar.zst",
        "teleport-acme_a_20261122T115743Z.tar.zst\n",
        "teleport-acme_a_\u0662\u0660261122T115743Z.tar.zst",
        "teleport-acme-a-20261122T115743Z.tar.zst",
    ],
)
def test_does_not_parse_other_names(text: str) -> None:
    assert names.parse(text) is None


def stored(verified: list[bool], host: str = "a") -> list[Stored]:
    """Return archives of as many days, the oldest first."""
    return [
        Stored(names.name("acme", host, MOMENT + datetime.timedelta(days=day), "zstd"), f"/{day}", 1, good)
        for day, good in enumerate(verified)
    ]


ARCHIVES = st.lists(st.booleans(), max_size=30).map(stored)


@given(ARCHIVES, st.integers(1, 10))
def test_keeps_the_newest_verified_archives_and_no_more(found: list[Stored], keep: int) -> None:
    gone = to_remove(reversed(found), keep)
    good = [each for each in found if each.verified]
    assert [each for each in good if each not in gone] == good[-keep:]
    assert list(gone) == [each for each in found if each in gone]


@given(ARCHIVES, st.integers(1, 10))
def test_removes_an_unverified_archive_only_after_enough_newer_verified_ones(found: list[Stored], keep: int) -> None:
    gone = to_remove(found, keep)
    for number, each in enumerate(found):
        newer = sum(other.verified for other in found[number + 1 :])
        assert (each in gone) == (newer >= keep)


@given(ARCHIVES, st.integers(1, 10), st.data())
def test_a_damaged_archive_never_replaces_a_verified_one(found: list[Stored], keep: int, data: st.DataObject) -> None:
    if not found:
        return
    damaged = data.draw(st.integers(0, len(found) - 1))
    after = [Stored(each.name, each.place, 1, each.verified and number != damaged) for number, each in enumerate(found)]
    before = {each.name for each in to_remove(found, keep)}
    assert {each.name for each in to_remove(after, keep)} <= before


@given(ARCHIVES, st.integers(1, 10), st.data())
def test_spared_archives_stay_and_count(found: list[Stored], keep: int, data: st.DataObject) -> None:
    spared = {each.name for each in found if data.draw(st.booleans())}
    gone = {each.name for each in to_remove(found, keep, spared=spared)}
    assert gone == {each.name for each in to_remove(found, keep)} - spared


@given(ARCHIVES, st.integers(1, 10))
def test_a_second_run_removes_nothing_more(found: list[Stored], keep: int) -> None:
    left = [each for each in found if each not in to_remove(found, keep)]
    assert to_remove(left, keep) == ()


@pytest.mark.parametrize("keep", [0, -1])
def test_keeping_none_is_refused(keep: int) -> None:
    with pytest.raises(errors.UsageError):
        to_remove(stored([True]), keep)
