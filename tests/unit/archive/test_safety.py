"""The order of members, and what may not be below what: the short way for neighbours refuses what the long one does."""

from __future__ import annotations

from unittest import mock

from hypothesis import given
from hypothesis import strategies as st

from teleport_bootstrap.archive import interface, safety, tar
from tests.unit.archive import crafted

NAMES = st.sampled_from(["a", "b", "a.", "b\udcff", "\xe4", "\u4e2d", ".", "..", "", "b\0", "teleport-backup"])
PATHS = st.lists(NAMES, min_size=1, max_size=3).map("/".join)
MEMBERS = st.lists(st.tuples(PATHS, st.sampled_from(["file", "directory", "symlink"])), max_size=12)


def judged(members: list[tuple[str, str]]) -> list[str]:
    """What an archive of these members is refused for, after the members that are accepted."""
    order = safety.Order(interface.Limits(entries=8))
    found = []
    for path, kind in members:
        entry = interface.Entry(path, kind, 0o644, 0, 0, "", "", 0, 5 if kind == "file" else 0)
        try:
            order.check(tar.Member(entry._replace(link="x" if kind == "symlink" else "")))
        except tar.Refused as refused:
            return [*found, refused.path, refused.text, str(order.tops)]
        found.append(path)
    return [*found, str(order.totals), str(sorted(order.tops))]


def in_order(members: list[tuple[str, str]]) -> list[tuple[str, str]]:
    return sorted(members, key=lambda each: [part.encode("utf-8", "surrogateescape") for part in each[0].split("/")])


@given(MEMBERS, st.booleans())
def test_a_neighbour_is_judged_like_any_other_member(members: list[tuple[str, str]], is_sorted: bool) -> None:
    if is_sorted:
        members = list(dict(in_order(members)).items())
    quick = judged(members)
    with mock.patch.object(safety.Order, "_beside", lambda _self, _path: None):
        assert judged(members) == quick


def test_neighbours_take_the_short_way() -> None:
    order = safety.Order(interface.Limits())
    with mock.patch.object(safety.Order, "_follow", wraps=order._follow) as followed:
        for name in ("d", "d/a", "d/b", "d/c"):
            order.check(crafted.head(name, b"5" if name == "d" else b"0").member)
    assert followed.call_count == 2
