"""Asks the questions of `init` at a terminal, each until its answer fits."""

from __future__ import annotations

import sys

from teleport_bootstrap import errors
from teleport_bootstrap.conf.kinds import Unfit
from teleport_bootstrap.host import output
from teleport_bootstrap.launch import questions
from teleport_bootstrap.launch.questions import Answers, Question

_NOTHING = "-"
_HELP = "?"
_INTRODUCTION = (
    "Enter takes the answer in brackets, ? explains a question, and - leaves an answer out.",
    "Nothing is written before the last answer; Ctrl-C ends this.",
)


def ask(earlier: Answers) -> dict[str, str]:
    """Return the answers; `earlier` ones are proposed where they still fit.

    Raises UsageError where the input ends before the last answer.
    """
    output.log_lines(_INTRODUCTION)
    answers: dict[str, str] = {}
    for question in questions.QUESTIONS:
        if question.matters(answers):
            answers[question.name] = _answer(question, answers, earlier)
    return answers


def _answer(question: Question, answers: Answers, earlier: Answers) -> str:
    proposed = _proposed(question, answers, earlier)
    while True:
        output.prompt(_words(question, proposed))
        typed = _line()
        if typed == _HELP:
            output.log_lines([f"  {question.about}"])
            continue
        value = (proposed or "") if typed == "" else "" if typed == _NOTHING else typed
        try:
            question.check(value, answers)
        except Unfit as unfit:
            output.log_lines([f"  This {unfit.message}" + (f" ({unfit.hint})" if unfit.hint else "")])
            continue
        return value


def _proposed(question: Question, answers: Answers, earlier: Answers) -> str | None:
    """Return the answer that Enter gives: an earlier one, or the default; None where there is none."""
    value = earlier.get(question.name)
    if value is not None:
        try:
            question.check(value, answers)
        except Unfit:
            pass
        else:
            return value
    return question.default_after(answers)


def _words(question: Question, proposed: str | None) -> str:
    """Return the question in a line, with the words to choose from, and what Enter gives."""
    choices = f" ({question.kind.name.replace('`', '')})" if question.kind.name.startswith("`") else ""
    return f"{question.prompt}{choices}" + (f" [{proposed}]" if proposed else "")


def _line() -> str:
    """Return what is typed, without blanks around it. Raises UsageError at the end of the input."""
    try:
        line = sys.stdin.readline()
    except (OSError, ValueError):  # the terminal is gone, or it is not text
        line = ""
    if not line:
        raise errors.UsageError(
            "the input ended before the last answer; nothing was written",
            hint="Run it again on a terminal, or give the answers in a file: --answers FILE.",
        )
    return line.strip()
