"""What each shell offers with its generated completion."""

from __future__ import annotations

import argparse
import os
import pty
import select
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import Callable

import pytest

from teleport_bootstrap.cli import layout, main
from teleport_bootstrap.conf import variables
from teleport_bootstrap.manual import completion

CHECKOUT = Path(__file__).resolve().parents[2]
PROGRAM = main.parser()
COMMANDS = dict(layout.commands(PROGRAM))
ENVIRONMENT = {"PATH": "/usr/bin:/bin", "TERM": "dumb", "LC_ALL": "C.UTF-8"}

Offer = Callable[..., "list[str]"]


def _generated(shell: str) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "teleport_bootstrap.manual", shell],
        cwd=CHECKOUT,
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout


def _bash(script: Path, line: list[str], folder: Path) -> list[str]:
    """Call the function as bash does, for which --option=value is three words."""
    words: list[str] = []
    for word in line:
        name, equals, value = word.partition("=")
        words += [name, equals, value] if equals and name.startswith("--") else [word]
    program = (
        'source "$1"; shift; complete -p teleport-bootstrap >/dev/null || exit 9\n'
        'COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _teleport_bootstrap 2>&1\n'
        'printf "%s\\n" "${COMPREPLY[@]}"\n'
    )
    done = subprocess.run(
        ["bash", "--norc", "-c", program, "bash", str(script), *words],
        cwd=folder, env=ENVIRONMENT, capture_output=True, text=True, check=True,
    )  # fmt: skip
    return sorted(filter(None, done.stdout.splitlines()))


def _fish(script: Path, line: list[str], folder: Path) -> list[str]:
    done = subprocess.run(
        ["fish", "--no-config", "-c", 'source $argv[1]; complete -C "$argv[2]"', str(script), " ".join(line)],
        cwd=folder, env={**ENVIRONMENT, "HOME": str(folder)}, capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert done.stderr == ""
    return sorted(each.partition("\t")[0] for each in done.stdout.splitlines())


def _zsh(script: Path, line: list[str], folder: Path) -> list[str]:
    """Type the line and a completion key into a new zsh, and have it write its offers to a file."""
    offered = folder / ".offered"
    offered.write_text("")
    setup = folder / ".setup"
    setup.write_text(
        "PS1=''; unsetopt zle_bracketed_paste prompt_sp 2>/dev/null\n"
        f"fpath=({script.parent} $fpath); autoload -Uz compinit; compinit -D -u\n"
        "compadd() {\n"
        '  local -a hits; builtin compadd -O hits "$@"\n'
        f"  (( $#hits )) && print -rl -- $hits >>{offered}\n"
        '  builtin compadd "$@"\n}\n'
        f"ended() {{ print -r done >>{offered} }}\n"
        "zle -C offer complete-word offer_all\n"
        "offer_all() { _main_complete; ended; compstate[insert]=''; compstate[list]='' }\n"
        "bindkey '^T' offer\n"
        "print READY\n"
    )
    pid, terminal = pty.fork()
    if pid == 0:
        os.chdir(folder)
        os.execvpe("zsh", ["zsh", "-f", "-i"], {**ENVIRONMENT, "HOME": str(folder)})
    try:
        os.write(terminal, f"source {setup}\n".encode())
        _read(terminal, lambda said: b"READY\r\n" in said)
        os.write(terminal, " ".join(line).encode() + b"\x14")
        said = _read(terminal, lambda _: "done\n" in offered.read_text())
        assert b"not found" not in said and b"error" not in said, said
    finally:
        os.kill(pid, 9)
        os.waitpid(pid, 0)
        os.close(terminal)
    return sorted({each for each in offered.read_text().splitlines() if each != "done"})


def _read(terminal: int, until: Callable[[bytes], bool]) -> bytes:
    said = b""
    deadline = time.monotonic() + 30
    while not until(said):
        assert time.monotonic() < deadline, said
        if select.select([terminal], [], [], 0.05)[0]:
            said += os.read(terminal, 65536)
    return said


SHELLS = {"bash": _bash, "zsh": _zsh, "fish": _fish}


@pytest.fixture(scope="module", params=SHELLS)
def offer(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Offer:
    """A function that returns what a shell offers for the given words, of which the last is unfinished."""
    if shutil.which(request.param) is None:
        pytest.skip(f"{request.param} is not installed")
    folder = tmp_path_factory.mktemp(request.param)
    script = folder / "_teleport-bootstrap"
    script.write_text(_generated(request.param))
    work = folder / "work"
    (work / "a folder").mkdir(parents=True)
    (work / "a conf").write_text("")
    return lambda *words: SHELLS[request.param](script, ["teleport-bootstrap", *words], work)


def _without_options(words: tuple[str, ...], offered: list[str]) -> list[str]:
    """Return what is offered, without the options that zsh offers where no argument can follow."""
    return offered if words[-1].startswith("-") else [each for each in offered if not each.startswith("-")]


def test_every_command(offer: Offer) -> None:
    assert offer("") == sorted(main.COMMANDS)


def test_an_unfinished_command(offer: Offer) -> None:
    assert offer("reconf") == ["reconfigure"]
    assert offer("no-such") == []


def _options(*parsers: argparse.ArgumentParser) -> list[str]:
    """Return the options of `parsers`, and those of every command, which are hidden below it."""
    found = (action.option_strings for parser in (*parsers, PROGRAM) for action in parser._actions)
    return sorted({options[-1] for options in found if options} - {"--version"})


@pytest.mark.parametrize("name", COMMANDS)
def test_every_option_and_subcommand_of_every_command(offer: Offer, name: str) -> None:
    below = dict(layout.commands(COMMANDS[name]))
    implied = [below[each] for each in below if each == completion.DEFAULTS.get(name)]
    assert offer(name, "--") == _options(COMMANDS[name], *implied)
    if below:
        assert offer(name, "") == sorted(below)
        first = next(iter(below))
        assert offer(name, first, "--") == _options(below[first])


def test_conf_variables(offer: Offer) -> None:
    assert offer("variables", "TELEPORT_AGENT_K") == [each for each in sorted(variables.BY_NAME) if "AGENT_K" in each]
    assert offer("variables", "USE_ACM", "") == sorted(variables.BY_NAME)


@pytest.mark.parametrize(
    ("words", "values"),
    [
        (("--format", ""), ["json", "prometheus", "text"]),
        (("status", "--format", "j"), ["json"]),
        (("status", "--log-level", "w"), ["warning"]),
        (("metadata", "local-i"), ["local-ipv4"]),
        (("backup", "--kee"), ["--keep"]),
        (("metadata", "local-ipv4", ""), []),
        (("--format", "json", "--root", "/", "variables", "--role", "a"), ["agent", "all-in-one", "auth"]),
        (("generate", "--wait", ""), []),
    ],
    ids=str,
)
def test_values(offer: Offer, words: tuple[str, ...], values: list[str]) -> None:
    assert _without_options(words, offer(*words)) == values


def test_a_value_after_an_equals_sign(offer: Offer) -> None:
    found = offer("status", "--format=j")
    assert found in (["json"], ["--format=json"])


def test_files_and_directories_with_blanks_in_their_names(offer: Offer) -> None:
    def names(*words: str) -> list[str]:
        return sorted({each.replace("\\ ", " ").rstrip("/") for each in offer(*words)})

    assert names("validate", "a") == ["a conf", "a folder"]
    assert names("render", "--conf", "a") == ["a conf", "a folder"]
    assert names("status", "--root", "a") == ["a folder"]
    assert _without_options(("",), offer("render", "")) == []


def test_issue_15_terminal_6_generations_and_archives_of_this_host_are_completed(offer: Offer, tmp_path: Path) -> None:
    for number in (1, 2, 12):
        (tmp_path / f"var/lib/teleport-bootstrap/generations/{number}").mkdir(parents=True)
    (tmp_path / "var/lib/teleport-bootstrap/generations/.3.staged").mkdir()
    backups = tmp_path / "var/backups/teleport"
    backups.mkdir(parents=True)
    archive = backups / "teleport-acme_host_20261122T115743Z.tar.zst"
    archive.write_text("")
    (backups / f"{archive.name}.verified").write_text("")
    root = ("--root", str(tmp_path))

    def offered(*words: str) -> list[str]:
        return _without_options(words, offer(*root, *words))

    assert offered("rollback", "") == ["1", "12", "2"]
    assert offered("rollback", "1") == ["1", "12"]
    for words in (("restore",), ("backup", "verify")):
        assert str(archive) in offered(*words, "")
        assert offered(*words, f"{backups}/teleport-a")[0].endswith(archive.name)
    # Elsewhere there is nothing to offer, and no shell complains of it.
    assert _without_options(("",), offer("--root", str(tmp_path / "var"), "rollback", "")) == []
