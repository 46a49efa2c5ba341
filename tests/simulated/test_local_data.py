"""Whether a host holds data, where that cannot be read: what stands there is told from a disk that fails."""

from __future__ import annotations

import errno
import os
from pathlib import Path
from typing import Any

import pytest

from teleport_bootstrap import errors, paths
from teleport_bootstrap.restore import local_data

DATA = paths.DATA.lstrip("/")


def failing(monkeypatch: pytest.MonkeyPatch, call: str, place: str, number: int) -> None:
    """Let `call` fail for `place`, a path or a name, as a disk does."""
    real = getattr(os, call)

    def called(target: Any, *arguments: Any, **more: Any) -> Any:
        path = os.readlink(f"/proc/self/fd/{target}") if isinstance(target, int) else str(target)
        if path.endswith(place):
            raise OSError(number, os.strerror(number), path)
        return real(target, *arguments, **more)

    monkeypatch.setattr(os, call, called)


@pytest.mark.parametrize("number", [errno.EIO, errno.ENOMEM, errno.EMFILE, errno.ESTALE])
@pytest.mark.parametrize(
    ("call", "place"),
    [("open", DATA), ("listdir", DATA), ("open", "backend"), ("listdir", "backend"), ("open", "log")],
)
def test_a_failing_disk_does_not_count_as_data_of_this_host(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, call: str, place: str, number: int
) -> None:
    for each in ("backend", "log"):
        (tmp_path / DATA / each).mkdir(parents=True)
    failing(monkeypatch, call, place, number)
    with pytest.raises(errors.FileTrouble, match="it is not known whether it holds data") as caught:
        local_data.describe(paths.Root(str(tmp_path)))
    assert caught.value.exit_status == errors.FILES


@pytest.mark.parametrize("place", [DATA, f"{DATA}/backend"])
def test_what_has_the_place_of_a_directory_counts_as_data(tmp_path: Path, place: str) -> None:
    (tmp_path / place).parent.mkdir(parents=True, exist_ok=True)
    (tmp_path / place).symlink_to("/nowhere")
    described = local_data.describe(paths.Root(str(tmp_path)))
    assert any("cannot be read" in each for each in described)
