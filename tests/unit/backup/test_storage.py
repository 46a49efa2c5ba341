"""What teleport.yaml says of where the cluster's state is."""

from __future__ import annotations

from typing import Any

import pytest

from teleport_bootstrap.backup import storage


def document(**section: Any) -> dict[str, Any]:
    return {"teleport": {"storage": section}}


def test_finds_tables_and_bucket() -> None:
    found = storage.from_document(
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
    assert found.sessions == "s3://bucket/records"


@pytest.mark.parametrize("section", [{}, {"teleport": None}, {"teleport": {"storage": "x"}}, document(type="")])
def test_storage_is_on_this_host_by_default(section: dict[str, Any]) -> None:
    assert storage.from_document(section) == storage.Storage("dir")
    assert storage.directories(section) == ("/var/lib/teleport",)


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
def test_finds_each_data_directory_once(teleport: dict[str, Any], expected: tuple[str, ...]) -> None:
    assert storage.directories({"teleport": teleport}) == expected


def test_is_in_compares_whole_components() -> None:
    assert storage.is_in("/a/b", "/a")
    assert storage.is_in("/a", "/a")
    assert storage.is_in("/a", "/")
    assert not storage.is_in("/ab", "/a")
