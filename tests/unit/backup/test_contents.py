"""What a backup contains, and which configurations it rejects."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from teleport_bootstrap import errors, paths
from teleport_bootstrap.archive.interface import Instead, Leave, Take, Tree
from teleport_bootstrap.backup import contents
from teleport_bootstrap.paths import Root


@pytest.fixture
def root(tmp_path: Path) -> Root:
    for name in ("etc/teleport.d", "var/lib/teleport", "etc/systemd/system"):
        (tmp_path / name).mkdir(parents=True)
    (tmp_path / "etc/teleport.yaml").write_text("version: v3\n")
    return Root(str(tmp_path))


def write(root: Root, path: str, text: str = "") -> None:
    os.makedirs(os.path.dirname(root.path(path)), exist_ok=True)
    Path(root.path(path)).write_text(text)


def chosen(root: Root, tree: Tree, path: str) -> object:
    return tree.choose(path, os.lstat(root.path(path)))


def test_includes_drop_ins_of_teleport_units_only(root: Root) -> None:
    for name in ("teleport.service.d", "teleport-auth.service.d", "sshd.service.d"):
        write(root, f"/etc/systemd/system/{name}/a.conf")
        write(root, f"/etc/systemd/system/{name}/a.conf.bak")
    trees = {tree.path: tree for tree in contents.layout(root, {}).small}
    assert "/etc/systemd/system/sshd.service.d" not in trees
    tree = trees["/etc/systemd/system/teleport-auth.service.d"]
    assert isinstance(chosen(root, tree, f"{tree.path}/a.conf"), Take)
    assert isinstance(chosen(root, tree, f"{tree.path}/a.conf.bak"), Leave)


@pytest.mark.parametrize("path", ["/etc/teleport.d", "/var/lib/teleport", "/etc/letsencrypt", "/etc/default/teleport"])
def test_refuses_a_link_in_place_of_a_directory(root: Root, path: str) -> None:
    target = root.path(path)
    os.makedirs(os.path.dirname(target), exist_ok=True)
    if os.path.isdir(target):
        os.rename(target, f"{target}.moved")
    os.symlink("/elsewhere", target)
    with pytest.raises(errors.FileTrouble, match="is a symbolic link") as caught:
        contents.layout(root, {})
    assert target in caught.value.message
    assert "mount --bind /elsewhere" in caught.value.hint


def test_trees_never_overlap(root: Root) -> None:
    for path in ("/etc/teleport.d/key", "/var/lib/teleport/key", "/srv/key", "/srv/data/key"):
        write(root, path)
    found = contents.layout(
        root,
        {
            "teleport": {"data_dir": "/srv/data"},
            "proxy_service": {
                "https_keypairs": [
                    {"key_file": "/etc/teleport.d/key", "cert_file": "/var/lib/teleport/key"},
                    {"key_file": "/srv/key", "cert_file": "/srv/./key"},
                    {"key_file": "/srv/data/key", "cert_file": "/srv/data/absent"},
                ]
            },
        },
    )
    assert found.named == ("/srv/key",)
    assert found.data == ("/var/lib/teleport", "/srv/data")
    assert found.notes == ()


def test_notes_a_named_file_that_is_missing(root: Root) -> None:
    os.makedirs(root.path("/srv/directory"))
    os.symlink("/outside/of/it", root.path("/srv/out"))
    keys = {"a_file": "/srv/none", "b_file": "/srv/directory", "c_file": "/srv/out"}
    found = contents.layout(root, {"x": keys})
    assert found.named == ()
    assert [note.partition(",")[0] for note in found.notes] == list(keys.values())


def test_archives_the_agents_state_as_it_was_read(root: Root) -> None:
    for number in (1, 2):
        write(root, f"{paths.GENERATIONS}/{number}/manifest.json", "{}")
    write(root, f"{paths.GENERATIONS}/.3.new/manifest.json", "{}")
    write(root, paths.CURRENT, "before")
    for name in ("lock", "metadata.json", "change.json", "jobs/backup.json"):
        write(root, f"{paths.STATE}/{name}")
    state = contents.State(root)
    state.read()
    write(root, f"{paths.GENERATIONS}/3/manifest.json", "{}")
    write(root, paths.CURRENT, "after")
    tree = state.tree
    for name in (".3.new", "3", "3/manifest.json"):
        assert isinstance(chosen(root, tree, f"{paths.GENERATIONS}/{name}"), Leave), name
    for name in ("lock", "metadata.json", "change.json", "jobs"):
        assert isinstance(chosen(root, tree, f"{paths.STATE}/{name}"), Leave), name
    for name in ("", "/1", "/2/manifest.json"):
        assert isinstance(chosen(root, tree, f"{paths.GENERATIONS}{name}"), Take), name
    found = chosen(root, tree, paths.CURRENT)
    assert isinstance(found, Instead)
    with os.fdopen(found.open(), "rb") as content:
        assert content.read() == b"before"


def test_leaves_out_unfinished_files(root: Root) -> None:
    trees = {tree.path: tree for tree in contents.layout(root, {}).small}
    for name, kind in (
        (".conf.0123456789abcdef.teleport-bootstrap-new", Leave),
        (".conf.0123456789abcdef.teleport-bootstrap-old", Leave),
        (".hidden", Take),
        ("conf", Take),
    ):
        write(root, f"/etc/teleport.d/{name}")
        assert isinstance(chosen(root, trees["/etc/teleport.d"], f"/etc/teleport.d/{name}"), kind), name


def test_a_directory_that_others_can_change_is_hostile(root: Root) -> None:
    def hostile() -> bool:
        return next(tree.hostile for tree in contents.layout(root, {}).small if tree.path == "/etc/teleport.d")

    assert not hostile()
    os.chmod(root.path("/etc/teleport.d"), 0o775)
    assert hostile()
