"""teleport-bootstrap(8)."""

from __future__ import annotations

from collections.abc import Iterator

from teleport_bootstrap import errors
from teleport_bootstrap.manual import command_tree, roff, sections


def page() -> str:
    """Return the page, ending with a line feed."""
    return "\n".join(_lines()) + "\n"


def _lines() -> Iterator[str]:
    program = command_tree.program()
    name = program.words[0]
    yield '.\\" Made by `python3 -m teleport_bootstrap.manual man8`; change it there.'
    yield roff.heading(name, 8, "Teleport on AWS")
    yield from roff.AS_IT_IS
    yield roff.section("NAME")
    yield f"{roff.typed(name)} \\- turn a conf into a running Teleport on an EC2 instance"
    yield roff.section("SYNOPSIS")
    yield ".nf"
    for each in program.all_below():
        if not each.below:
            yield _usage(each)
    yield ".fi"
    yield roff.section("DESCRIPTION")
    yield roff.prose(
        "On an EC2 instance's first boot, `teleport-bootstrap generate` turns `/etc/teleport.d/conf`, which user-data "
        "writes, into an `/etc/teleport.yaml` that fits this very instance, and starts the one Teleport unit that goes "
        "with it. Afterwards it is the command to see what an instance is configured to be, to check a changed conf, "
        "to apply it, and to go back."
    )
    yield ".PP"
    yield roff.prose(
        "The conf is read, never executed. A failed run changes nothing: files are staged, checked and then swapped, "
        "and an interrupted one is put right by the next. What a person has edited in `teleport.yaml` is never "
        "overwritten silently. No secret is printed, logged or given to another program as an argument."
    )
    yield roff.section("OPTIONS OF EVERY COMMAND")
    yield roff.prose("They may stand before or behind the command.")
    yield from map(_option, program.options)
    yield roff.section("COMMANDS")
    for each in program.all_below():
        yield from _command(each)
    yield roff.section("EXIT STATUS")
    for status, meaning in errors.MEANINGS.items():
        yield roff.entry(roff.bold(str(status)), f"{meaning[:1].upper()}{meaning[1:]}.")
    yield roff.section("ERRORS")
    yield roff.prose(
        "Each error has a code, which `--format json` prints and the journal keeps. Find one with "
        "`journalctl TELEPORT_BOOTSTRAP_CODE=aws-denied`. The number behind it is the exit status."
    )
    for kind in errors.catalogue():
        yield roff.entry(f"{roff.bold(kind.code)} ({kind.exit_status})", *_paragraphs(kind.__doc__))
    yield roff.section("FILES")
    for paths, text in sections.FILES:
        yield roff.entry(", ".join(f"\\fI{roff.typed(each)}\\fR" for each in paths), text)
    yield roff.section("ENVIRONMENT")
    for names, text in sections.ENVIRONMENT:
        yield roff.entry(", ".join(map(roff.bold, names)), text)
    yield ".PP"
    yield roff.prose(sections.NOT_READ)
    yield roff.section("UNITS")
    for units, text in sections.UNITS:
        yield roff.entry(", ".join(map(roff.bold, units.split(", "))), text)
    yield roff.section("EXAMPLES")
    yield roff.prose("Check a conf on any machine, and see what it gives:")
    yield roff.example([f"{name} validate ./conf", f"{name} render --conf ./conf --metadata ./facts.yaml"])
    yield ".PP"
    yield roff.prose("Change a running instance: edit the conf, look, apply.")
    yield roff.example([f"{name} reconfigure --dry-run", f"{name} reconfigure"])
    yield roff.section("SEE ALSO")
    yield ".BR teleport\\-bootstrap.conf (5),"
    yield ".BR journalctl (1),"
    yield ".BR systemctl (1)"


def _usage(command: command_tree.Command) -> str:
    """The words to type in bold; what stands for a value in italics, and brackets as they are."""
    typed = " ".join(command.words)
    rest = command.usage[len(typed) :]
    words = []
    for word in rest.split():
        bare = word.strip("[]|.")
        form = roff.bold(bare) if bare.startswith("-") else roff.variable(bare) if bare else ""
        words.append(word.replace(bare, form) if bare else roff.typed(word))
    return " ".join([roff.bold(typed), *words])


def _command(command: command_tree.Command) -> Iterator[str]:
    yield roff.subsection(" ".join(command.words[1:]))
    yield roff.prose(command.description)
    yield from map(_option, (*command.arguments, *command.options))
    if command.example and not command.below:
        yield roff.example([command.example])


def _option(option: command_tree.Option) -> str:
    value = f" {roff.variable(option.value)}" if option.value else ""
    term = ", ".join(map(roff.bold, option.names)) + value if option.names else value.strip()
    return roff.entry(term, f"{option.help[:1].upper()}{option.help[1:]}.")


def _paragraphs(text: str | None) -> list[str]:
    return [each for each in (text or "").split("\n\n") if each.strip()]
