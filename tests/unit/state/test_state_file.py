"""One JSON note on disk: what is read, what is refused, and how it is replaced."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

import pytest

from teleport_bootstrap import errors
from teleport_bootstrap.hints import Any
from teleport_bootstrap.paths import Root
from teleport_bootstrap.records import dataclass, field
from teleport_bootstrap.state import current, generations, restore_record, state_file


@dataclass(frozen=True)
class Part:
    name: str
    content: bytes | None = None


@dataclass(frozen=True)
class Whole:
    number: int
    parts: tuple[Part, ...] = ()
    named: Mapping[str, Part] = field(default_factory=dict)
    seconds: float = 0.0
    anything: dict[str, Any] = field(default_factory=dict)


PATH = "/var/lib/teleport-bootstrap/note.json"
FILE: state_file.StateFile[Whole] = state_file.StateFile(PATH, Whole, unknown="all is lost", hint="Look around.")
WHOLE = Whole(3, (Part("a", b"\x00\xff"), Part("b")), {"x": Part("c")}, 1.5, {"k": [1, None, {"z": "ü"}]})


@pytest.fixture
def root(tmp_path: Path) -> Root:
    return Root(str(tmp_path))


def note(root: Root, text: str | None = None) -> Path:
    path = Path(root.path(PATH))
    if text is not None:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return path


def test_what_is_written_is_read_again(root: Root) -> None:
    assert FILE.read(root) is None
    FILE.write(root, WHOLE)
    assert FILE.read(root) == WHOLE
    assert note(root).stat().st_mode & 0o777 == 0o600
    assert note(root).parent.stat().st_mode & 0o777 == 0o700
    FILE.remove(root)
    assert FILE.read(root) is None
    FILE.remove(root)


def test_half_a_character_is_kept(root: Root) -> None:
    """Found by the fuzzer, issue 14: such a note could not be written, with a UnicodeEncodeError."""
    whole = Whole(3, anything={"a\ud83d": ["\ud83d", "\ude00", "\ud83d\ude00", "\U0001f600"]})
    FILE.write(root, whole)
    assert FILE.read(root) == whole


def test_the_same_value_is_not_written_twice(root: Root) -> None:
    FILE.write(root, WHOLE)
    before = note(root).stat()
    FILE.write(root, WHOLE)
    assert note(root).stat() == before


def test_unknown_keys_are_ignored_and_missing_ones_get_their_defaults(root: Root) -> None:
    note(root, '{"number": 7, "from_a_newer_agent": {}, "parts": [{"name": "a", "more": 1}]}')
    assert FILE.read(root) == Whole(7, (Part("a"),))


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "[]",
        "null",
        "{}",
        '{"number": "7"}',
        '{"number": true}',
        '{"number": 7, "parts": {}}',
        '{"number": 7, "parts": [{}]}',
        '{"number": 7, "parts": [{"name": "a", "content": "?"}]}',
        '{"number": 7, "named": []}',
        "[" * 100_000,
        "\ufffd\x00",
    ],
)
def test_a_damaged_note_is_reported_with_its_own_hint(root: Root, text: str, caplog: pytest.LogCaptureFixture) -> None:
    note(root, text)
    with pytest.raises(errors.FileTrouble, match=r"note\.json is damaged, so all is lost") as caught:
        FILE.read(root)
    assert caught.value.hint == "Look around."
    assert FILE.read_or_warn(root) is None
    assert "note.json is damaged, so all is lost. Look around." in caplog.text


def test_a_link_is_neither_read_nor_written_through(root: Root, tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.write_text('{"number": 1}')
    note(root).parent.mkdir(parents=True)
    note(root).symlink_to(outside)
    assert FILE.read(root) is None
    FILE.write(root, WHOLE)
    assert outside.read_text() == '{"number": 1}'
    assert FILE.read(root) == WHOLE


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root")
def test_a_note_of_another_account_is_not_trusted(root: Root) -> None:
    os.chown(note(root, '{"number": 1}'), 4321, 4321)
    with pytest.raises(errors.FileTrouble, match="belongs to another account"):
        FILE.read(root)


def test_what_a_killed_writer_left_is_removed_and_other_files_stay(root: Root) -> None:
    FILE.write(root, WHOLE)
    folder = note(root).parent
    for name in (".note.json.0123.teleport-bootstrap-new", ".other.json.0123.teleport-bootstrap-new"):
        (folder / name).write_text("x")
    FILE.write(root, Whole(8))
    assert sorted(os.listdir(folder)) == [".other.json.0123.teleport-bootstrap-new", "note.json"]


@pytest.mark.parametrize("call", ["fsync", "rename"])
def test_a_failing_write_leaves_the_note_as_it_was(root: Root, call: str, monkeypatch: pytest.MonkeyPatch) -> None:
    FILE.write(root, WHOLE)

    def fail(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(os, call, fail)
        with pytest.raises(errors.FileTrouble, match="No space left on device"):
            FILE.write(root, Whole(8))
    assert FILE.read(root) == WHOLE
    assert os.listdir(note(root).parent) == ["note.json"]


def test_every_note_of_the_agent_can_be_decoded_on_this_python() -> None:
    for kind in (current.Current, restore_record.Restored, generations.Generation):
        with pytest.raises(ValueError, match="str where"):
            state_file.decode(kind, "x")
        state_file._hints(kind)
