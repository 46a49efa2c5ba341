"""The pages in docs/ speak of commands, options, files and actions that exist."""

from __future__ import annotations

import argparse
import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import pytest

from teleport_bootstrap.cli import layout, main
from teleport_bootstrap.conf import conf_file, variables
from teleport_bootstrap.plan import requirements

CHECKOUT = Path(__file__).resolve().parents[3]
PAGES = [*sorted((CHECKOUT / "docs").glob("*.md")), CHECKOUT / "README.md", CHECKOUT / "CHANGELOG.md"]
IDS = [page.name for page in PAGES]
GUIDE = (CHECKOUT / "docs" / "guide.md").read_text("utf-8")

PARSER = main.parser()
_FENCE = re.compile(r"^```(\w*)[^\n`]*\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_CONF = re.compile(r"cat >/etc/teleport\.d/conf <<'EOF'\n(.*?)^EOF$", re.MULTILINE | re.DOTALL)


def commands(text: str) -> Iterator[str]:
    """Every line to type, and every piece of code, that calls the program."""
    without = _FENCE.sub("", text)
    pieces = [" ".join(each.split()) for each in re.findall(r"`([^`]+)`", without)]
    pieces += re.findall(r"^    (\S.*)$", without, re.MULTILINE)
    for language, body in _FENCE.findall(text):
        if language in ("sh", "bash"):
            pieces += body.replace("\\\n", " ").splitlines()
    for piece in pieces:
        # In a table a bar has a backslash before it; here it ends the command as any bar does.
        found = re.search(r"^(?:sudo )?(teleport-bootstrap(?: [^|>&;]*)?)", piece.replace("\\|", "|"))
        if found:
            yield found[1].strip()


def unknown(command: str) -> str:
    """What of a command does not exist; a value that stands for others, such as ARCHIVE, is not judged."""
    words = shlex.split(command.replace("…", "").replace("...", ""), comments=True)[1:]
    parser: argparse.ArgumentParser = PARSER
    for word in words:
        below = dict(layout.commands(parser))
        if word.startswith("-"):
            options = {option for action in parser._actions for option in action.option_strings}
            implied = dict(layout.commands(parser)).get("create")
            if implied is not None:
                options |= {option for action in implied._actions for option in action.option_strings}
            if word.partition("=")[0] not in options:
                return f"{word} in `{command}`"
        elif word in below:
            parser = below[word]
        elif below and parser is PARSER and not word.isupper():
            return f"{word} in `{command}`"
    return ""


def test_finds_commands_in_documents() -> None:
    assert "teleport-bootstrap reconfigure --yes" in list(commands(GUIDE))
    assert unknown("teleport-bootstrap reconfigure --no-such") and unknown("teleport-bootstrap regenerate")
    assert not unknown("teleport-bootstrap backup s3://b/p --keep 7")


@pytest.mark.parametrize("page", PAGES, ids=IDS)
def test_every_command_and_option_exists(page: Path) -> None:
    said = re.compile(r"[a-z-]+ (as|is|does|package|itself|needs)\b")
    found = [unknown(each) for each in commands(page.read_text("utf-8")) if not said.match(each)]
    assert [each for each in found if each] == []


@pytest.mark.parametrize("page", PAGES, ids=IDS)
def test_every_link_has_a_target(page: Path) -> None:
    text = page.read_text("utf-8")
    for target in re.findall(r"\]\(([^)#:]*(?:#[\w-]+)?)\)", _FENCE.sub("", text)):
        name, _, anchor = target.partition("#")
        path = (page.parent / name) if name else page
        assert path.exists(), target
        if anchor:
            headings = re.findall("^#+ (.*)$", path.read_text("utf-8"), re.MULTILINE)
            anchors = {re.sub(r"[^\w -]", "", each).strip().lower().replace(" ", "-") for each in headings}
            assert anchor in anchors, target


@pytest.mark.parametrize("page", PAGES, ids=IDS)
def test_every_variable_of_the_conf_exists(page: Path) -> None:
    text = page.read_text("utf-8")
    named = set(re.findall(r"\b((?:TELEPORT|USE)_[A-Z0-9_]*[A-Z0-9])\b", text))
    ours = {
        "TELEPORT_BOOTSTRAP_CACHE",
        "TELEPORT_BOOTSTRAP_CODE",
        "TELEPORT_BOOTSTRAP_EVERY_CALL",
        "TELEPORT_START_FLAGS",
    }
    ours |= {"TELEPORT_BOOTSTRAP_EVERY_RELEASE", "TELEPORT_BOOTSTRAP_HINT", "USE_ONE_OF"}
    assert sorted(each for each in named - ours if "BOOTSTRAP" not in each and variables.find(each) is None) == []


@pytest.mark.parametrize("text", _CONF.findall(GUIDE), ids=lambda text: text.split()[0])
def test_every_conf_of_the_guide_is_valid(text: str) -> None:
    inspection = conf_file.inspect(text.encode())
    assert inspection.errors == () and inspection.warnings == ()
    assert inspection.conf is not None
    assert requirements.check(inspection.conf, fips=False) == ()


def test_the_guide_has_a_conf_for_every_role() -> None:
    roles = {re.search("TELEPORT_ROLE=(.*)", text) for text in _CONF.findall(GUIDE)}
    assert {each[1] if each else "" for each in roles} == {"", "auth", "proxy", "node", "agent"}
