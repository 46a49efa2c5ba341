"""What is left of a change when it, or its undoing, is interrupted, and what the next command makes of it."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from teleport_bootstrap import errors
from teleport_bootstrap.change import directory_swap, journal, session, transaction
from teleport_bootstrap.host import directory
from teleport_bootstrap.paths import Root
from teleport_bootstrap.state import current

DATA = "/var/lib/teleport"
KEPT = f"{DATA}.before-restore-1"
STAGED = f"{DATA}.restoring-1"


@pytest.fixture
def root(tmp_path: Path) -> Root:
    (tmp_path / "etc").mkdir()
    (tmp_path / "var/lib/teleport-bootstrap").mkdir(parents=True, mode=0o700)
    return Root(str(tmp_path))


def put(root: Root, path: str, text: str) -> None:
    place = Path(root.path(path))
    place.parent.mkdir(parents=True, exist_ok=True)
    place.write_text(text)


def read(root: Root, path: str) -> str:
    return Path(root.path(path)).read_text()


def half_undone(root: Root) -> journal.Journal:
    """A restore whose undo has moved the new data back, and then failed; Teleport has made new data since."""
    put(root, f"{KEPT}/host_uuid", "old")
    put(root, f"{STAGED}/host_uuid", "new")
    put(root, f"{DATA}/host_uuid", "made meanwhile")
    swap = directory_swap.Swap(DATA, STAGED, KEPT, had=True)
    noted = journal.Journal(committed=False, swaps=(swap,), scratch=(STAGED,), units=("teleport.service",))
    journal.FILE.write(root, noted)
    return noted


def test_what_was_made_over_a_half_undone_change_is_set_aside(root: Root, caplog: pytest.LogCaptureFixture) -> None:
    half_undone(root)
    journal.recover(root)
    assert read(root, f"{DATA}/host_uuid") == "old"
    (aside,) = Path(root.path("/var/lib")).glob("teleport.failed-*")
    assert (aside / "host_uuid").read_text() == "made meanwhile"
    assert str(aside) in caplog.text and "half undone" in caplog.text
    assert not os.path.lexists(root.path(STAGED)) and not os.path.lexists(root.path(KEPT))


def test_entries_made_in_a_mount_point_over_a_half_undone_change_are_set_aside(
    root: Root, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(directory, "_mounted", lambda: frozenset({os.path.realpath(root.path(DATA))}))
    kept = f"{DATA}/{directory_swap.INSIDE}before-restore-1/entries"
    put(root, f"{kept}/backend/db", "old")
    put(root, f"{DATA}/host_uuid", "old, returned already")
    put(root, f"{DATA}/backend/db", "made meanwhile")
    swap = directory_swap.Swap(DATA, None, kept, is_mount=True, had=True)
    journal.FILE.write(root, journal.Journal(committed=False, swaps=(swap,)))
    journal.recover(root)
    assert read(root, f"{DATA}/backend/db") == "old"
    assert read(root, f"{DATA}/host_uuid") == "old, returned already"
    (aside,) = Path(root.path(DATA)).glob(f"{directory_swap.INSIDE}failed-*")
    assert (aside / "entries/backend/db").read_text() == "made meanwhile"


def test_starts_nothing_while_a_change_is_half_undone(root: Root, caplog: pytest.LogCaptureFixture) -> None:
    noted = half_undone(root)
    session.start_stopped(root)
    assert journal.FILE.read(root) == noted
    assert "teleport.service stays stopped" in caplog.text


def test_units_stay_noted_until_they_are_started(root: Root) -> None:
    put(root, f"{DATA}/host_uuid", "old")
    with transaction.Transaction(root) as change:
        change.will_stop(["teleport.service"])
        change.swap([directory_swap.prepared(root, DATA, None, KEPT)])
        change.commit(start=["teleport.service", "a.timer"])
    noted = journal.FILE.read(root)
    assert noted == journal.Journal(committed=True, units=("teleport.service", "a.timer"))
    assert journal.recover(root) == noted == journal.FILE.read(root), "killed before it has started them"
    session.start_stopped(root)
    assert journal.FILE.read(root) is None


def test_a_change_of_one_file_notes_its_unit_too(root: Root) -> None:
    with transaction.Transaction(root) as change:
        change.write("/etc/teleport.yaml", b"new", mode=0o600, owner="root", group="root")
        assert change.commit(start=["teleport.service"]) == ("/etc/teleport.yaml",)
    assert journal.FILE.read(root) == journal.Journal(committed=True, units=("teleport.service",))
    assert read(root, "/etc/teleport.yaml") == "new"
    assert os.listdir(root.path("/etc")) == ["teleport.yaml"]


def test_units_of_an_undone_change_stay_noted_too(root: Root) -> None:
    put(root, f"{DATA}/host_uuid", "old")
    with pytest.raises(KeyError), transaction.Transaction(root) as change:
        change.will_stop(["teleport.service"])
        change.swap([directory_swap.prepared(root, DATA, None, KEPT)])
        raise KeyError
    assert read(root, f"{DATA}/host_uuid") == "old"
    assert journal.FILE.read(root) == journal.Journal(committed=True, units=("teleport.service",))


@pytest.mark.parametrize("kind", ["link", "second name", "large", "directory", "FIFO"])
def test_refuses_to_change_a_file_that_could_not_be_restored(root: Root, kind: str) -> None:
    put(root, "/etc/other", "other")
    place, other = Path(root.path("/etc/teleport.yaml")), Path(root.path("/etc/other"))
    if kind == "link":
        place.symlink_to(other)
    elif kind == "second name":
        os.link(other, place)
    elif kind == "large":
        place.write_bytes(b"#" * (4 * 1024 * 1024 + 1))
    elif kind == "directory":
        place.mkdir()
    else:
        os.mkfifo(place)
    before = place.lstat()
    with pytest.raises(errors.FileTrouble) as caught, transaction.Transaction(root) as change:
        change.write("/etc/teleport.yaml", b"new", mode=0o600, owner="root", group="root")
        change.previous("a change", {})
        change.commit()
    assert root.path("/etc/teleport.yaml") in caught.value.message and "restored" in caught.value.message
    assert place.lstat()[:7] == before[:7]
    assert sorted(os.listdir(root.path("/etc"))) == ["other", "teleport.yaml"]


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root")
def test_another_account_cannot_stop_a_change_by_a_link(root: Root) -> None:
    """Teleport's account owns its data directory; what it puts there in place of our file was not ours."""
    put(root, f"{DATA}/other", "other")
    os.chown(root.path(DATA), 1234, 1234)
    Path(root.path(f"{DATA}/token")).symlink_to("other")
    with transaction.Transaction(root) as change:
        change.write(f"{DATA}/token", b"new", mode=0o600, owner="root", group="root")
        previous = change.previous("a change", {})
        change.commit()
    assert previous.files == {f"{DATA}/token": None}
    assert (read(root, f"{DATA}/token"), read(root, f"{DATA}/other")) == ("new", "other")


def test_refuses_to_write_a_note_that_it_could_not_read(root: Root) -> None:
    state = current.Current(1, rejected_because="x" * (4 * 1024 * 1024))
    with pytest.raises(errors.FileTrouble, match="larger than"):
        current.FILE.write(root, state)
    assert current.FILE.read(root) is None
