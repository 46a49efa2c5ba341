"""Every target of the fuzzer: its corpus is replayed, then it gets two random seconds; hours are for `./dev fuzz`.

Issue 14: fuzzing with a coverage-guided fuzzer. All targets together take less than 90 seconds of one processor.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import IN_CI
from tests.fuzz import corpus, figures, process, target

SECONDS = 2
# In CI the same inputs each time, so that only a change can fail; a slow machine tries fewer of them.
MOST_IN_CI = 300

BROKEN = """
import dataclasses, sys
from tests.fuzz import child, target

def check(data):
    {fault}

load = target.load
target.load = lambda name: dataclasses.replace(load(name), check=check)
child.main(["escaping", "escaping", *sys.argv[1:]])
"""


@pytest.mark.parametrize("name", target.names())
def test_a_corpus_and_random_inputs_show_no_fault(name: str, tmp_path: Path) -> None:
    work = tmp_path / "work"
    shutil.copytree(corpus.directory(name), work)
    options = ["-seed=14", f"-runs={len(corpus.files(name)) + MOST_IN_CI}"] if IN_CI else []
    result = process.run(name, work, seconds=SECONDS, artifacts=tmp_path / "found-", options=options)
    if result.fault:
        found = Path(result.fault)
        content = found.read_bytes() if found.is_file() else b""
        pytest.fail(f"{result.fault}\n{content!r}\n{result.output}", pytrace=False)
    assert result.executions > len(corpus.files(name))


@pytest.mark.parametrize("fault", ["assert b'ab' not in data", "while b'b' in data: pass", "{}[data[:1] == b'a' or 1]"])
@pytest.mark.parametrize("plain", ["", "1"])
def test_a_fault_and_an_endless_loop_are_found_by_both_fuzzers(fault: str, plain: str, tmp_path: Path) -> None:
    (tmp_path / "seed").mkdir()
    (tmp_path / "seed" / "ab").write_bytes(b"ab")
    environment = {**os.environ, "PYTHONPATH": str(process.CHECKOUT), "TELEPORT_BOOTSTRAP_PLAIN_FUZZER": plain}
    if not plain:
        del environment["TELEPORT_BOOTSTRAP_PLAIN_FUZZER"]
    options = ["-max_total_time=5", "-timeout=1", f"-artifact_prefix={tmp_path}/found-", str(tmp_path / "seed")]
    done = subprocess.run(
        [sys.executable, "-c", BROKEN.format(fault=fault), *options],
        cwd=process.CHECKOUT,
        env=environment,
        capture_output=True,
        check=False,
    )
    assert done.returncode not in (0, 1, 2), done.stderr.decode(errors="replace")[-2000:]
    assert list(tmp_path.glob("found-*"))


LARGE = """
import pathlib, sys
from tests.fuzz import process

bytearray({size})
folder = pathlib.Path(sys.argv[1])
result = process.run("escaping", folder, seconds=1, artifacts=folder / "found-")
sys.exit(result.output if result.fault else 0)
"""


def test_memory_that_the_tests_took_does_not_count(tmp_path: Path) -> None:
    (tmp_path / "seed").write_bytes(b"a")
    large = LARGE.format(size=(process.MEGABYTES + 100) * 1024**2)
    done = subprocess.run(
        [sys.executable, "-c", large, str(tmp_path)], cwd=process.CHECKOUT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


def test_the_corpora_are_small_and_each_target_has_one() -> None:
    assert sorted(path.name for path in corpus.CORPORA.iterdir()) == target.names()
    files = [path for name in target.names() for path in corpus.files(name)]
    assert sum(path.stat().st_size for path in files) < 500 * 1024
    for path in files:
        assert path.name.removeprefix(corpus.FAULT) == corpus.name_of(path.read_bytes()), path


def test_the_figures_in_the_docs_are_of_all_targets() -> None:
    assert figures.rows() == target.names()
    text = figures.PAGE.read_text(encoding="utf-8")
    for name in target.names():
        assert f"| {target.load(name).thought} |" in text, name
