"""The metadata values that this instance last had."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from teleport_bootstrap.ec2 import facts
from teleport_bootstrap.paths import Root
from teleport_bootstrap.state import metadata_cache

INSTANCE = facts.Facts("10.0.0.12", "ip-10-0-0-12.ec2.internal", "i-0123456789abcdef0", "us-east-1")


@pytest.fixture
def root(tmp_path: Path) -> Root:
    (tmp_path / "var/lib/teleport-bootstrap").mkdir(parents=True)
    return Root(str(tmp_path))


def test_nothing_is_known_at_first(root: Root, tmp_path: Path) -> None:
    assert metadata_cache.read(root) == {}
    assert metadata_cache.read(Root(str(tmp_path / "absent"))) == {}


def test_what_is_kept_is_read_again_until_it_is_gone(root: Root) -> None:
    metadata_cache.keep(root, "local-ipv4", "10.0.0.12")
    metadata_cache.keep(root, "public-ipv4", "203.0.113.12")
    assert metadata_cache.read(root) == {"local-ipv4": "10.0.0.12", "public-ipv4": "203.0.113.12"}
    metadata_cache.keep(root, "public-ipv4", None)
    assert metadata_cache.read(root) == {"local-ipv4": "10.0.0.12"}


def test_a_public_address_that_is_not_there_is_not_kept() -> None:
    assert "public-ipv4" not in metadata_cache.from_facts(INSTANCE)
    assert metadata_cache.from_facts(INSTANCE)["region"] == "us-east-1"


@pytest.mark.parametrize("content", ["", "{", "[]", "null", '{"local-ipv4": ["a"]}', "\ufffd\x00"])
def test_a_broken_cache_is_as_good_as_none(root: Root, content: str) -> None:
    Path(root.path("/var/lib/teleport-bootstrap/metadata.json")).write_text(content)
    assert metadata_cache.read(root) == {}
    metadata_cache.keep(root, "local-ipv4", "10.0.0.12")
    assert metadata_cache.read(root) == {"local-ipv4": "10.0.0.12"}


def test_a_cache_that_is_a_link_is_neither_read_nor_written_through(root: Root, tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.write_text(json.dumps({"local-ipv4": "192.0.2.1"}))
    Path(root.path("/var/lib/teleport-bootstrap/metadata.json")).symlink_to(outside)
    assert metadata_cache.read(root) == {}
    metadata_cache.keep(root, "local-ipv4", "10.0.0.12")
    assert json.loads(outside.read_text()) == {"local-ipv4": "192.0.2.1"}
    assert metadata_cache.read(root) == {"local-ipv4": "10.0.0.12"}


def test_where_nothing_can_be_kept_nothing_is_said(tmp_path: Path) -> None:
    (tmp_path / "var").write_text("no directory")
    metadata_cache.keep(Root(str(tmp_path)), "local-ipv4", "10.0.0.12")
    assert (tmp_path / "var").read_text() == "no directory"
