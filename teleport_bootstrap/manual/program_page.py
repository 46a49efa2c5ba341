"""teleport-bootstrap(8)."""

from __future__ import annotations

import argparse
from collections.abc import Iterator

from teleport_bootstrap import errors
from teleport_bootstrap.cli import layout, main
from teleport_bootstrap.manual import roff, sections


def page() -> str:
    """Return the page, ending with a line feed."""
    return "\n".join(_lines()) + "\n"


def _lines() -> Iterator[str]:
    program = main.parser()
    name = program.prog
    yield from roff.heading(name, 8)
    yield roff.section("NAME")
    yield f"{roff.typed(name)} \\- turn a conf into a running Teleport on an EC2 instance"
    yield roff.section("SYNOPSIS")
    yield ".nf"
    yield from (_usage(each) for each in commands(program) if not _has_commands(each))
    yield ".fi"
    yield roff.section("DESCRIPTION")
    yield roff.prose(
        "At the first boot of an EC2 instance, `teleport-bootstrap generate` turns `/etc/teleport.d/conf`, which "
        "user-data writes, into the `/etc/teleport.yaml` of this instance, and starts the Teleport unit of its role. "
        "Afterwards the command inspects the instance, checks and applies a changed conf, rolls back, and makes and "
        "restores backups."
    )
    yield roff.paragraph(
        "The conf is parsed, never executed. A failed run changes nothing: files are staged, checked and then swapped, "
        "and the next run recovers an interrupted one. Manual edits of `teleport.yaml` are never silently "
        "overwritten. No secret is printed, logged or passed to another program as an argument."
    )
    yield roff.section("OPTIONS OF EVERY COMMAND")
    yield roff.prose("They may be placed before or after the command.")
    yield from _options(program)
    yield roff.section("COMMANDS")
    for each in commands(program):
        yield from _command(each)
    yield roff.section("EXIT STATUS")
    for status, meaning in errors.MEANINGS.items():
        yield roff.entry(roff.bold(str(status)), f"{meaning[:1].upper()}{meaning[1:]}.")
    yield roff.section("ERRORS")
    yield roff.prose(
        "Each error has a code, which `--format json` prints and the journal stores. Find one with "
        "`journalctl TELEPORT_BOOTSTRAP_CODE=aws-denied`. The number after the code is the exit status."
    )
    for kind in errors.catalogue():
        yield roff.entry(f"{roff.bold(kind.code)} ({kind.exit_status})", *(kind.__doc__ or "").split("\n\n"))
    yield roff.section("FILES")
    for paths, text in sections.FILES:
        yield roff.entry(", ".join(map(roff.variable, paths)), text)
    yield roff.section("ENVIRONMENT")
    for names, text in sections.ENVIRONMENT:
        yield roff.entry(", ".join(map(roff.bold, names)), text)
    yield roff.paragraph(sections.NOT_READ)
    yield roff.section("UNITS")
    for units, text in sections.UNITS:
        yield roff.entry(", ".join(map(roff.bold, units.split(", "))), text)
    yield roff.section("EXAMPLES")
    yield roff.prose("Check a conf on any machine, and print the teleport.yaml that it results in:")
    yield roff.example(f"{name} validate ./conf", f"{name} render --conf ./conf --metadata ./facts.yaml")
    yield roff.paragraph("Change a running instance: edit the conf, check the difference, apply it.")
    yield roff.example(f"{name} reconfigure --dry-run", f"{name} reconfigure")
    yield roff.section("SEE ALSO")
    yield ".BR teleport\\-bootstrap.conf (5),"
    yield ".BR journalctl (1),"
    yield ".BR systemctl (1)"


def commands(parser: argparse.ArgumentParser) -> Iterator[argparse.ArgumentParser]:
    """Yield the parser of every command below `parser`, each before those of its own commands."""
    for _, below in layout.commands(parser):
        yield below
        yield from commands(below)


def _has_commands(parser: argparse.ArgumentParser) -> bool:
    return any(True for _ in layout.commands(parser))


def _usage(command: argparse.ArgumentParser) -> str:
    """Return the usage line with literal words in bold and placeholders in italics."""
    usage = " ".join(command.format_usage().split()).partition(f"usage: {command.prog}")[2]
    words = []
    for word in usage.split():
        bare = word.strip("[]|.")
        form = roff.bold(bare) if bare.startswith("-") else roff.variable(bare) if bare else ""
        words.append(word.replace(bare, form) if bare else roff.typed(word))
    return " ".join([roff.bold(command.prog), *words])


def _command(command: argparse.ArgumentParser) -> Iterator[str]:
    yield roff.subsection(command.prog.partition(" ")[2])
    yield roff.prose(command.description or "")
    yield from _options(command)
    example = command.format_help().rpartition("Example: ")[2].strip()
    if example and not _has_commands(command):
        yield roff.example(example)


def _options(parser: argparse.ArgumentParser) -> Iterator[str]:
    """Yield an entry for each argument, then one for each option; those of every command are hidden below it."""
    hidden = (argparse._HelpAction, argparse._SubParsersAction)
    shown = [each for each in parser._actions if each.help != argparse.SUPPRESS and not isinstance(each, hidden)]
    for action in sorted(shown, key=lambda each: bool(each.option_strings)):
        value = layout.value_name(action)
        explained = parser._get_formatter()._expand_help(action)
        names = ", ".join(map(roff.bold, action.option_strings))
        term = f"{names} {roff.variable(value) if value else ''}".strip()
        yield roff.entry(term, f"{explained[:1].upper()}{explained[1:]}.")
