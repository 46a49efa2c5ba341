"""What a command prints, as text or as JSON, and how it ends."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from teleport_bootstrap import display, errors, json_data
from teleport_bootstrap.change import unit_action
from teleport_bootstrap.cli import answer
from teleport_bootstrap.finding import WARNING, Finding, Line
from teleport_bootstrap.hints import Any
from teleport_bootstrap.host import probe, terminal, typesetting
from teleport_bootstrap.records import dataclass


@dataclass(frozen=True)
class Result:
    """`text` is for people, `data` for programs, as `json_data.data` converts it to a mapping of fields.

    `findings` are for programs too; those of `data`, and its `notes`, are added to them. `status` is the exit status.
    The text is a line, several lines, or a `display.Block`; a block between lines is indented. Secrets are masked,
    unless the operator asked for a result `with_secrets`. `trouble` is reported like an error besides: something was
    done, but not all of it. `change` says in a line what was changed on this host, without secrets; empty for nothing.
    Some of that is `routine`, which the history does not keep. `if_lost` says what to do where the result could not be
    printed, for one that cannot be had again.
    """

    text: str | Sequence[str]
    data: Any
    status: int = errors.OK
    with_secrets: bool = False
    trouble: errors.BootstrapError | None = None
    findings: Sequence[Finding] = ()
    change: str = ""
    routine: bool = False
    if_lost: str = ""

    def answer(self, command: str | None) -> dict[str, Any]:
        """Return what is printed as JSON."""
        fields = json_data.data(self.data)
        found = [*self.findings, *fields.pop("findings", ()), *fields.pop("notes", ())]
        return answer.document(command, self.status, fields, findings=found, error=self.trouble)

    def output(
        self,
        form: str,
        screen: terminal.Screen | None = None,
        quote: typesetting.Quote = typesetting.no_quote,
        *,
        command: str | None = None,
    ) -> str:
        """Return what goes to standard output in the form `text` or `json`; `command` is the one that was run.

        On a `screen`, a text is laid out, and findings are shown with the line of their file that `quote` returns.
        """
        if form == "json":
            data = self.answer(command)
            return display.unmasked_json(data) if self.with_secrets else display.json(data)
        text = self.text
        if self.with_secrets and isinstance(text, str):
            text = display.Unmasked(text)
        shown = display.text(text) if screen is None else typesetting.text(text, screen, quote)
        return shown if shown.endswith("\n") or not shown else shown + "\n"


def lines(each: Iterable[str], notes: Iterable[str] = (), *, otherwise: str = "") -> list[str]:
    """Return the lines of a text and then `notes`, marked as such; `otherwise` where there are none."""
    return [*each, *map(_note, notes)] or [otherwise]


def _note(text: str) -> str:
    return Line("note: ", text.finding) if isinstance(text, Line) else f"note: {text}"


# For the health of a Teleport that reports nothing.
HEALTH_WORDS = ("waiting", "not-checked")


def health_word(report: str) -> str:
    """Return `report` for programs: `ready`, `waiting` where a unit waits for files, or `not-checked`."""
    waiting, not_checked = HEALTH_WORDS
    if not report:
        return not_checked
    return probe.READY if report == probe.READY else waiting


def warnings(messages: Iterable[str], code: str = "") -> tuple[Finding, ...]:
    """Return `messages` as findings, for programs."""
    return tuple(each.finding if isinstance(each, Line) else Finding(WARNING, code, "", each) for each in messages)


DANGER = "danger"

NOT_CHECKED = "health was not checked: systemd does not run here"


def closing(done: str, actions: Iterable[unit_action.UnitAction] = (), report: str | None = None) -> str:
    """Return the line that closes a change: what was `done`, what was asked of units, and how Teleport is with it.

    `report` is empty where Teleport was not asked, None where that does not matter.
    """
    parts = [*unit_action.lines(actions)]
    if report is not None:
        parts.append("Teleport is ready" if report == probe.READY else report or NOT_CHECKED)
    return f"{done}: {'; '.join(parts)}" if parts else done
