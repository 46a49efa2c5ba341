"""`./dev` explains itself, and the commands and links in the documents exist."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

CHECKOUT = Path(__file__).resolve().parents[2]
DOCUMENTS = [CHECKOUT / "README.md", *sorted((CHECKOUT / "docs").glob("*.md"))]


def run_dev(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Run ./dev from another directory."""
    return subprocess.run([CHECKOUT / "dev", *arguments], cwd="/", capture_output=True, text=True, check=False)


def test_dev_alone_prints_its_commands() -> None:
    done = run_dev()
    assert (done.returncode, done.stderr) == (0, "")
    assert "usage: ./dev COMMAND" in done.stdout


def test_an_unknown_command_is_a_usage_error() -> None:
    done = run_dev("tset")
    assert (done.returncode, done.stdout) == (2, "")
    assert "usage: ./dev COMMAND" in done.stderr


@pytest.mark.parametrize("arguments", [(), ("/nonexistent",), ("nonexistent",), ("-k", "reload")])
def test_without_binaries_the_real_teleport_is_skipped_in_one_line(arguments: tuple[str, ...]) -> None:
    done = run_dev("real-teleport", *arguments)
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (0, "", 1), done.stderr
    assert "skipping real-teleport" in done.stderr


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_documents_name_only_commands_that_dev_has(document: Path) -> None:
    usage = run_dev("help").stdout
    for command in re.findall(r"\./dev ([a-z]+)", document.read_text()):
        assert re.search(rf"^  {command}\b", usage, re.MULTILINE), command


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_links_between_documents_have_a_target(document: Path) -> None:
    for target in re.findall(r"\]\((?!https?:)([^)#]+)", document.read_text()):
        assert (document.parent / target).exists(), target
