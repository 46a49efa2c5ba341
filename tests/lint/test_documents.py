"""Every command of the documents is run by a test: no block of a page is without one, but for a few with a reason."""

from __future__ import annotations

import ast
import functools
import re
import shlex
import subprocess

import pytest

from tests import documents, inline_commands
from tests.documents import CHECKOUT, REASONS, WORDS, Block
from tests.simulated import test_examples

BLOCKS = [block for page in documents.pages() for block in documents.every_block(page)]
ELSEWHERE = [block for block in BLOCKS if block.word == "elsewhere"]

# Blocks that no test runs; each more needs an argument as good as that of its reason.
MOST_ELSEWHERE = 5


def test_issue_15_row_12_no_block_of_a_page_is_without_a_test_or_a_reason() -> None:
    """Here only that each says which; that its test takes it is below."""
    unlabelled = [block.place for block in BLOCKS if block.word not in WORDS]
    assert unlabelled == [], f"say one of {', '.join(WORDS)} after the language: tests/documents.py explains them"
    assert len(BLOCKS) > 70


@pytest.mark.parametrize("page", documents.pages())
def test_commands_and_files_are_in_blocks_with_a_fence(page: str) -> None:
    """Indented lines have no place for a word, and no test would find them."""
    lines = ["", *documents.without_blocks(page).splitlines()]
    in_list = False
    for before, line in zip(lines, lines[1:]):
        if re.match(r"\s*(?:[-*]|\d+\.) ", line):
            in_list = True
        elif line and not line.startswith(" "):
            in_list = False
        assert in_list or not (line.startswith("    ") and not before.strip()), f"{page}: {line}"
    text = documents.text(page)
    assert text.count("```") == 2 * sum(1 for _ in documents.every_block(page)), f"{page}: a fence without its other"


@pytest.mark.parametrize("block", [block for block in BLOCKS if block.word != "elsewhere"], ids=lambda each: each.place)
def test_issue_15_row_12_the_test_of_a_block_names_it(block: Block) -> None:
    module = documents.test_of(block)
    said = strings(module)
    whole = "documents.pages()" in (CHECKOUT / "tests" / module).read_text("utf-8") and not block.name
    generic = block.word in ("user-data", "conf")
    assert whole or generic or block.page in said, f"tests/{module} does not take {block.place}"
    if block.name and not generic:
        assert block.name in said, f"tests/{module} does not take the block {block.name} of {block.place}"


@functools.cache
def strings(module: str) -> frozenset[str]:
    """The strings of a module of tests/."""
    tree = ast.parse((CHECKOUT / "tests" / module).read_text("utf-8"))
    return frozenset(
        each.value for each in ast.walk(tree) if isinstance(each, ast.Constant) and type(each.value) is str
    )


def test_issue_15_row_12_every_command_in_the_prose_is_typed_by_a_test_or_has_a_reason() -> None:
    typed_in_blocks, said = inline_commands.in_blocks(), test_examples.examples()
    tables = {**inline_commands.LOOKS, **inline_commands.TESTED, **inline_commands.UNTRIED}
    found = inline_commands.every()
    assert len(found) > 50
    # `teleport-bootstrap reconfigure` in the prose is not typed with a block of `reconfigure --dry-run`.
    in_a_block = {each for each in found if re.search(rf"{re.escape(each)}(?! [-\w])", typed_in_blocks)}
    missing = {each: pages for each, pages in found.items() if each not in {*tables, *in_a_block, *said}}
    assert missing == {}, "say in tests/inline_commands.py which test types it"
    assert sorted(set(tables) - set(found)) == [], "no page has these any more"


@pytest.mark.parametrize("command", inline_commands.TESTED)
def test_the_test_of_a_command_in_the_prose_types_it(command: str) -> None:
    module, words = inline_commands.TESTED[command]
    assert words in (CHECKOUT / "tests" / module).read_text("utf-8"), f"tests/{module} does not type {command}"


def test_issue_15_row_12_the_list_of_what_is_not_run_is_short_and_argued() -> None:
    assert {block.name for block in ELSEWHERE} == set(REASONS), "a reason that is not given, or not needed"
    assert len(ELSEWHERE) <= MOST_ELSEWHERE, [block.place for block in ELSEWHERE]
    page = documents.text("docs/contributing.md")
    for reason in REASONS:
        assert f"`elsewhere:{reason}`" in page, f"docs/contributing.md does not explain {reason}"


def test_issue_15_point_8_the_readme_is_short_and_has_a_picture_and_real_output() -> None:
    text = documents.text("README.md")
    assert text.count("\n") <= 90
    assert re.search(r"!\[[^]]+\]\(docs/[\w-]+\.svg\)", text)
    assert {block.name for block in documents.blocks("README.md", "shown")} == {"demo", "status"}
    for part in ("## Try it", "## Build an image", "## Operate an instance", "## What was tested, and what was not"):
        assert part in text


# ---- what is checked of blocks that are not run


def typed(block: Block) -> list[list[str]]:
    """The commands of a block, each as its words."""
    joined = block.text.replace("\\\n", " ")
    return [words for words in (shlex.split(line, comments=True) for line in joined.splitlines()) if words]


@pytest.mark.parametrize("block", [block for block in ELSEWHERE if block.name == "hours"], ids=lambda each: each.place)
def test_commands_that_take_hours_have_the_options_that_exist(block: Block) -> None:
    for words in typed(block):
        assert words[0] == "./dev"
        usage = subprocess.run([CHECKOUT / "dev", "help"], capture_output=True, text=True, check=True).stdout
        assert f"\n  {words[1]} " in usage, words
        if words[1] == "fuzz":
            from tests.fuzz import __main__ as fuzz  # noqa: PLC0415  # it imports all that is fuzzed

            fuzz.parser().parse_args(words[2:])
        else:
            paths = [word for word in words[2:] if "/" in word]
            assert all((CHECKOUT / path).exists() for path in paths), words


def test_the_versions_in_the_names_of_packages_are_ours() -> None:
    from teleport_bootstrap import __version__  # noqa: PLC0415

    for page in documents.pages():
        for name, version in re.findall(r"teleport-bootstrap([-_])(\d+\.\d+\.\d+)(?=-1)", documents.text(page)):
            assert version == __version__, f"{page}: teleport-bootstrap{name}{version}"


# ---- how what is shown is compared

PRINTED = """\
Healthy. All-in-one, up 3 h 2 min, last verified backup 2 h ago.

SIZE      MADE                 PLACE
12.3 MB   2026-11-22 11:57:43  /var/backups/a_20261122T115743Z.tar.zst
main pid: 4711
the end
"""


@pytest.mark.parametrize(
    "shown",
    [
        PRINTED,
        PRINTED.replace("3 h 2 min", "9 s").replace("12.3 MB  ", "6 kB").replace("4711", "12"),
        PRINTED.replace("2026-11-22 11:57:43", "2031-01-02 00:00:00").replace("20261122T115743Z", "20310102T000000Z"),
        "Healthy. All-in-one, up 1 s, last verified backup 1 d ago.\n…\nthe end\n",
        "…\nmain pid: 1\n…\n",
        "…\nSIZE MADE PLACE\n…\nthe end\n",
    ],
)
def test_times_sizes_and_the_width_of_columns_do_not_count(shown: str) -> None:
    documents.assert_shown(shown, PRINTED, "a page")


@pytest.mark.parametrize(
    "shown",
    [
        PRINTED.replace("Healthy", "Drifted"),
        PRINTED.replace("the end\n", ""),
        PRINTED.replace("main pid: 4711\n", ""),
        PRINTED + "more\n",
        "Healthy. All-in-one, up 1 s, last verified backup 1 d ago.\n",
        "…\nmain pid: 1\n",
        "SIZE MADE PLACE\n…\n",
        "…\nthe end\nmain pid: 1\n…\n",
        "…\nmain pid: 1\n…\nSIZE MADE PLACE\n…\n",
    ],
)
def test_another_word_a_missing_line_and_another_order_are_found(shown: str) -> None:
    with pytest.raises(AssertionError, match="a page"):
        documents.assert_shown(shown, PRINTED, "a page")
