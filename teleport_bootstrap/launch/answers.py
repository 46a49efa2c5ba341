"""The answers as a file: YAML with a name for each question, which gives the same answers when it is read again."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator

from teleport_bootstrap import errors
from teleport_bootstrap.conf.kinds import Unfit
from teleport_bootstrap.finding import ERROR, WARNING, Finding, Place
from teleport_bootstrap.launch import questions
from teleport_bootstrap.launch.questions import Answers
from teleport_bootstrap.plan import yaml_reading, yaml_text
from teleport_bootstrap.records import dataclass

_COLUMNS = 100
_HEAD = (
    "Answers for `teleport-bootstrap init --answers FILE`: the same answers give the same files.",
    "There is no secret among them: a license and tokens go into SSM.",
)


@dataclass(frozen=True)
class Reading:
    """What a file of answers says: the answers with defaults in the place of those that are missing, and warnings."""

    answers: Answers
    warnings: tuple[Finding, ...] = ()


def read(data: bytes, path: str) -> Reading:
    """Return the answers in `data`, the content of the file `path`. Raises AnswersInvalid with all problems."""
    reading = yaml_reading.read(data)
    if reading.problems:
        raise errors.AnswersInvalid(path, tuple(_unreadable(path, each) for each in reading.problems))
    root = reading.root
    if root is None or not isinstance(root.value, dict):
        problem = Finding(ERROR, "answers-invalid", "", "has no answers", "write them as `name: answer`", Place(path))
        raise errors.AnswersInvalid(path, (problem,))
    problems = [*_unknown(path, root)]
    typed: dict[str, str] = {}
    for name, located in root.value.items():
        if name in questions.BY_NAME:
            problems += _take(typed, path, name, located)
    answers: dict[str, str] = {}
    warnings: list[Finding] = []
    for question in questions.QUESTIONS:
        place = _place(path, root.value[question.name]) if question.name in root.value else Place(path)
        if not question.matters(answers):
            if typed.get(question.name):
                what = f"{question.name} does not matter with these answers, and is left out"
                warnings.append(Finding(WARNING, "answer-unused", question.name, what, "", place))
            continue
        if question.name in root.value and question.name not in typed:
            continue  # reported above
        try:
            answers[question.name] = _answer(question, typed.get(question.name), answers)
        except Unfit as unfit:
            if problems and question.name not in typed and callable(question.default):
                continue  # a default that comes of an answer that is not right
            what = f"{question.name} {unfit.message}"
            problems.append(Finding(ERROR, "answers-invalid", question.name, what, unfit.hint, place))
    if problems:
        raise errors.AnswersInvalid(path, tuple(sorted(problems, key=lambda each: (each.place or Place("")).line or 0)))
    return Reading(answers, tuple(warnings))


def text(answers: Answers) -> str:
    """Return the file, ending with a line feed."""
    lines = [f"# {each}" for each in _HEAD]
    for question in questions.QUESTIONS:
        if question.name in answers:
            lines += ["", *_comment(f"{question.prompt}. {question.about}")]
            lines.append(f"{question.name}: {yaml_text.emit(answers[question.name])}")
    return "\n".join(lines) + "\n"


def _answer(question: questions.Question, typed: str | None, answers: Answers) -> str:
    default = question.default_after(answers)
    if typed is None and default is None:
        raise Unfit("is missing", question.about)
    value = default or "" if typed is None else typed
    question.check(value, answers)
    return value


def _take(typed: dict[str, str], path: str, name: str, located: yaml_reading.Located) -> Iterator[Finding]:
    """Note the text of an answer. YAML takes a number of twelve digits for a number."""
    value = located.value
    if value is None and not located.written:
        typed[name] = ""
    elif isinstance(value, str) or (isinstance(value, int) and not isinstance(value, bool)):
        typed[name] = str(value)
    elif isinstance(value, list) and all(isinstance(each.value, str) for each in value):
        typed[name] = ",".join(each.value for each in value)
    else:
        what = f"{name} is not a text"
        yield Finding(ERROR, "answers-invalid", name, what, "write it in quotes", _place(path, located))


def _unknown(path: str, root: yaml_reading.Located) -> Iterator[Finding]:
    for name, located in root.value.items():
        if name not in questions.BY_NAME:
            what = f"{name} is not the name of a question"
            remedy = f"these are: {', '.join(questions.BY_NAME)}"
            yield Finding(ERROR, "answers-invalid", name, what, remedy, _place(path, located))


def _place(path: str, located: yaml_reading.Located) -> Place:
    return Place(path, located.line, located.column)


def _unreadable(path: str, problem: yaml_reading.Unreadable) -> Finding:
    place = Place(path, problem.line, problem.column)
    return Finding(ERROR, "answers-invalid", "", problem.message, problem.hint, place)


def _comment(said: str) -> Iterator[str]:
    wrapped = textwrap.wrap(said, _COLUMNS, break_on_hyphens=False, break_long_words=False)
    return (f"# {each}" for each in wrapped)
