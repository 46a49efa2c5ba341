"""What teleport.yaml says of where the cluster's state is."""

from __future__ import annotations

from typing import Any

import pytest

from teleport_bootstrap.backup import storage


def document(**section: Any) -> dict[str, Any]:
    return {"teleport": {"storage": section}}


def test_tables_and_bucket_are_told() -> None:
    found = storage.of(
        document(
            type="dynamodb",
            region="eu-west-1",
            table_name="state",
            audit_events_uri=["dynamodb://events?x=y", "stdout://"],
            audit_sessions_uri="s3://bucket/records?region=eu-west-1",
        )
    )
    assert found.tables == ("state", "events")
    assert (found.type, found.region) == ("dynamodb", "eu-west-1")
    assert (found.sessions, found.bucket) == ("s3://bucket/records", "bucket")


@pytest.mark.parametrize("given", [{}, {"teleport": None}, {"teleport": {"storage": "x"}}, document(type="")])
def test_without_a_word_it_is_on_this_host(given: dict[str, Any]) -> None:
    assert storage.of(given) == storage.Storage("dir")
    assert storage.directories(given) == ("/var/lib/teleport",)


@pytest.mark.parametrize(
    ("teleport", "expected"),
    [
        ({"storage": {"type": "dir", "path": "/var/lib/teleport/backend"}}, ("/var/lib/teleport",)),
        ({"storage": {"type": "sqlite", "path": "/srv/state/"}}, ("/var/lib/teleport", "/srv/state")),
        ({"storage": {"type": "dynamodb", "path": "/srv/state"}}, ("/var/lib/teleport",)),
        ({"data_dir": "/srv/a", "storage": {"path": "/srv/a/b"}}, ("/var/lib/teleport", "/srv/a")),
        ({"data_dir": "/srv/a/b", "storage": {"path": "/srv/a"}}, ("/var/lib/teleport", "/srv/a")),
        ({"data_dir": "//srv//a/../c"}, ("/var/lib/teleport", "/srv/c")),
        ({"data_dir": "/var/lib"}, ("/var/lib",)),
        ({"data_dir": "relative"}, ("/var/lib/teleport",)),
        ({"data_dir": "/"}, ("/var/lib/teleport",)),
    ],
)
def test_every_place_of_data_is_told_once(teleport: dict[str, Any], expected: tuple[str, ...]) -> None:
    assert storage.directories({"teleport": teleport}) == expected


def test_a_place_is_in_itself_and_not_in_what_only_begins_alike() -> None:
    assert storage.is_in("/a/b", "/a")
    assert storage.is_in("/a", "/a")
    assert storage.is_in("/a", "/")
    assert not storage.is_in("/ab", "/a")
