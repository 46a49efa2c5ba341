"""The section of docs/teleport-behaviour.md on what Teleport refuses at its start, made from the table of rules."""

from __future__ import annotations

from collections.abc import Iterator

from teleport_bootstrap.plan import words
from teleport_bootstrap.plan.checks import rules

TITLE = "## What Teleport refuses at its start"
_MADE = "<!-- Made by `python3 -m teleport_bootstrap.manual refusals`; change it there. -->"
_INTRODUCTION = f"""\
`teleport configure --test` is content with all of these, but for a few; the process ends when it starts. So
`teleport-bootstrap` judges the document before it writes anything, the values of the conf and those of overrides alike,
and names the line. Words are judged for the installed release. For a Teleport newer than {words.NEWEST_CHECKED}, a word
that the table does not have gives a warning.

505 configurations were measured on Teleport 12.0.0; they are in `tests/unit/plan/teleport_12_start.yaml`.
"""
_OWN_RULES = """\
### Rules of our own

Teleport starts with these, and `teleport-bootstrap` refuses them; the message says so.
"""
_WORDS = """\
### The words of each setting

`13` after a word means: known for certain from Teleport 13 on. In releases between the last that surely refuses it and
that one, it gives a warning.
"""


def page() -> str:
    """Return the section, with its title."""
    general = [each for each in rules.RULES if not _is_own(each)]
    own = [each for each in rules.RULES if _is_own(each)]
    return "\n".join(
        [
            TITLE,
            "",
            _MADE,
            "",
            _INTRODUCTION,
            *_table(general),
            "",
            _OWN_RULES,
            *_table(own),
            "",
            _WORDS,
            "| setting | words |",
            "|---|---|",
            *(f"| {_subjects(each)} | {_words(each.words)} |" for each in rules.RULES if each.words is not None),
            "",
        ]
    )


def _is_own(rule: rules.Rule) -> bool:
    return rule.known.startswith("a rule of teleport-bootstrap")


def _table(chosen: list[rules.Rule]) -> Iterator[str]:
    yield "| setting | refused | Teleport | known by |"
    yield "|---|---|---|---|"
    for rule in chosen:
        yield f"| {_subjects(rule)} | {rule.what} | {_majors(rule)} | {rule.known} |"


def _subjects(rule: rules.Rule) -> str:
    return ", ".join(f"`{each}`" for each in rule.subjects)


def _majors(rule: rules.Rule) -> str:
    if rule.until is None:
        return "all" if rule.since == rules.OLDEST else f"{rule.since} and newer"
    first = rule.since
    return str(first) if first == rule.until else f"{first} to {rule.until}"


def _words(table: words.Words | None) -> str:
    return ", ".join(_word(name, each) for name, each in (table.table if table is not None else {}).items())


def _word(name: str, word: words.Word) -> str:
    notes = []
    if word.doubt:
        notes.append("uncertain: " + word.doubt)
    elif word.known != words.ALWAYS:
        notes.append(".".join(str(part) for part in word.known[:2]).removesuffix(".0"))
    if word.removed:
        notes.append(f"up to {word.removed - 1}")
    if word.enterprise:
        notes.append("Enterprise")
    return f"`{name}`" + (f" ({', '.join(notes)})" if notes else "")
