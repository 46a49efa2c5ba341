"""teleport-bootstrap(8)."""

from __future__ import annotations

import argparse
from collections.abc import Iterator

from teleport_bootstrap import errors, paths, unit_table
from teleport_bootstrap.cli import layout, main
from teleport_bootstrap.manual import roff

# Paths and what is there; related ones together. Tests compare these tables with the code.
_FILES: tuple[tuple[tuple[str, ...], str], ...] = (
    (
        (paths.CONF,),
        "The configuration of this instance; see `teleport-bootstrap.conf`(5). Only root may own and write to the file "
        "and its directory. Its mode is set to 0600 if it holds a secret.",
    ),
    (
        (f"{paths.OVERRIDES}/*.yaml",),
        "Settings of `teleport.yaml` without a variable in the conf: merged last, in the order of their names, as JSON "
        "Merge Patches.",
    ),
    ((paths.TELEPORT_YAML,), "Teleport's configuration. `generate` does not change an existing one."),
    (
        (f"{paths.CONF_DIRECTORY}/role.*", paths.LETSENCRYPT_MARKER),
        "Markers that the units' conditions check: one for the role, and one if Let's Encrypt is used.",
    ),
    (
        (paths.TELEPORT_DEFAULTS,),
        "Environment variables for Teleport. The operator owns this file; teleport-bootstrap never writes it.",
    ),
    (
        (paths.DEFAULTS,),
        "Environment variables for the units of this program: `HTTPS_PROXY`, `NO_PROXY` and `AWS_CA_BUNDLE` for calls "
        "to AWS, and `BACKUP_ARGUMENTS`. The operator owns this file.",
    ),
    ((paths.DATA,), "Teleport's data directory."),
    ((paths.BACKEND, paths.IDENTITY), "The cluster's state on a disk, and the identity that Teleport gets by joining."),
    ((paths.HOST_UUID,), "The name that Teleport gives to this host."),
    ((paths.PID_FILE,), "The process ID of the running Teleport."),
    ((paths.TOKEN, paths.CA_PIN, paths.LICENSE), "Join token, CA pins and license, from SSM or the conf."),
    ((paths.REGISTRATION_SECRET,), "The registration secret for the join method `bound_keypair`, from SSM."),
    ((paths.CERTIFICATE, paths.PRIVATE_KEY), "The proxy's certificate and key with Let's Encrypt."),
    ((paths.STATE,), "State of this program, for root only and not to be edited. `status` and `history` show it."),
    (
        (paths.LETSENCRYPT, paths.LETSENCRYPT_LIVE, paths.LETSENCRYPT_WORK, paths.LETSENCRYPT_LOGS),
        "certbot's configuration and certificates, its working files, and its logs.",
    ),
    (
        (paths.SYSTEMD,),
        "Drop-ins that let Teleport's units wait for a token, a pin or a certificate; others are not changed.",
    ),
    (
        (paths.UPDATER, paths.UPDATER_SETTINGS),
        "What Teleport's own updater installs, and its settings. It does not run on a host that this program "
        "configures, and `status` reports one that is enabled.",
    ),
    ((paths.FIPS_MARKER,), "Exists in images whose Teleport is a FIPS build."),
    (
        (paths.CLOUD_INIT_STATUS, paths.CLOUD_INIT_OUTPUT),
        "How user-data ended in this boot, and what it printed. Without a conf, `status` and the error quote that.",
    ),
    ((paths.JOURNAL_SOCKET,), "Where each command that changes this host sends its one line."),
    ((paths.JOURNAL,), "The journal, from which `collect-logs` takes the entries of Teleport and of this program."),
    ((paths.BACKUPS,), "The default directory of backups."),
    ((paths.UNIT_ENVIRONMENT,), "Command-line flags of Teleport's units."),
)

_ENVIRONMENT: tuple[tuple[tuple[str, ...], str], ...] = (
    (
        ("AWS_EC2_METADATA_SERVICE_ENDPOINT", "AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE"),
        "The instance metadata service: a URL, or `IPv4` or `IPv6`. Only version 2 of the service is used.",
    ),
    (("AWS_EC2_METADATA_DISABLED",), "`true` forbids the use of the instance metadata service."),
    (
        ("AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_SSM", "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS"),
        "Another endpoint for all AWS services, or for the service in the name; the last variable disables them.",
    ),
    (("AWS_USE_FIPS_ENDPOINT", "AWS_USE_DUALSTACK_ENDPOINT"), "`true` chooses AWS's FIPS or dual-stack endpoints."),
    (("AWS_CA_BUNDLE", "REQUESTS_CA_BUNDLE"), "A file of trusted certificate authorities for calls to AWS."),
    (
        ("AWS_CONFIG_FILE", "AWS_PROFILE"),
        "For certbot only, if the hosted zone is in another account: a file with a role to assume. "
        "AWS_DEFAULT_REGION and AWS_SHARED_CREDENTIALS_FILE are set for certbot, so that it finds no keys.",
    ),
    (("AWS_REGION", "AWS_DEFAULT_REGION"), "The region that `init` proposes. No other command reads them."),
    (("NO_COLOR",), "With any value, text on a terminal has no colors."),
    (
        ("TERM",),
        "The terminal. With `dumb`, text is printed as in a pipe: without colors, and one line for each thing.",
    ),
)

_NOT_READ = (
    "Credentials come from the instance's role alone. Access keys in the environment, `~/.aws`, proxy variables for "
    "the metadata service, and variables of the conf in the environment are not read."
)

_UNITS: tuple[tuple[str, str], ...] = (
    (
        ", ".join(unit_table.TELEPORT_SERVICES),
        "Teleport itself; the role decides which one is enabled. All-in-one and agents use the first, or the second "
        "with ACM.",
    ),
    *((f"{unit.service}, {unit.timer}" if unit.has_timer else unit.service, unit.help) for unit in unit_table.TABLE),
)


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
    for places, text in _FILES:
        yield roff.entry(", ".join(map(roff.variable, places)), text)
    yield roff.section("ENVIRONMENT")
    for names, text in _ENVIRONMENT:
        yield roff.entry(", ".join(map(roff.bold, names)), text)
    yield roff.paragraph(_NOT_READ)
    yield roff.section("UNITS")
    for units, text in _UNITS:
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
