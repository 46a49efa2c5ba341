"""teleport-bootstrap.conf(5)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from teleport_bootstrap import paths
from teleport_bootstrap.conf import reference, variables
from teleport_bootstrap.conf.variable import Variable
from teleport_bootstrap.manual import roff

_GRAMMAR = (
    "The file looks like a shell script of assignments, and means what bash would make of it, but it is read as data: "
    "nothing in it is ever run. What bash would run, or expand in another way than shown here, is refused with its "
    "line and column, all problems at once.",
    "In single quotes everything is literal. In double quotes a backslash makes the next of dollar, backtick, quote "
    "and backslash literal; outside quotes it does so with any character. `$NAME` and `${NAME}` stand for what an "
    "earlier line sets; variables of the environment do not count. A backslash at the end of a line joins the next one "
    "to it. Where a name is set twice, the last one counts. An empty value is the same as none, except for "
    "`TELEPORT_COMMAND_LABELS`.",
    "Names beginning with `TELEPORT_`, `USE_` or `EC2_` that are not listed below are ignored with a warning. Other "
    "names are yours.",
)


def page() -> str:
    """Return the page, ending with a line feed."""
    return "\n".join(_lines()) + "\n"


def _lines() -> Iterator[str]:
    yield '.\\" Made by `python3 -m teleport_bootstrap.manual man5`; change it there.'
    yield roff.heading("teleport-bootstrap.conf", 5, "Teleport on AWS")
    yield from roff.AS_IT_IS
    yield roff.section("NAME")
    yield "teleport\\-bootstrap.conf \\- what a Teleport instance on EC2 should be"
    yield roff.section("SYNOPSIS")
    yield f"\\fI{roff.typed(paths.CONF)}\\fR"
    yield roff.section("DESCRIPTION")
    yield roff.prose("User-data writes this file, and `teleport-bootstrap`(8) makes Teleport's configuration from it.")
    for paragraph in _GRAMMAR:
        yield ".PP"
        yield roff.prose(paragraph)
    for group in variables.GROUPS:
        yield roff.section(group.title.upper())
        yield roff.prose(group.introduction.split("\n\n|")[0])
        yield from map(_variable, group.variables)
    yield roff.section("EXAMPLES")
    yield roff.prose("An all-in-one instance behind an ACM load balancer:")
    yield roff.example(
        [
            'USE_ACM="true"',
            'TELEPORT_DOMAIN_NAME="teleport.example.com"',
            'TELEPORT_EXTERNAL_HOSTNAME="teleport.example.com"',
            'TELEPORT_EXTERNAL_PORT="443"',
            'TELEPORT_AUTH_SERVER_LB="teleport-nlb.example.com"',
        ]
    )
    yield ".PP"
    yield roff.prose("Check a conf before it is live:")
    yield roff.example(["teleport-bootstrap validate ./conf"])
    yield roff.section("SEE ALSO")
    yield ".BR teleport\\-bootstrap (8)"


def _variable(variable: Variable[Any]) -> str:
    facts = [f"{name}: {fact}." for name, fact in reference.facts(variable)]
    return roff.entry(roff.bold(variable.name), *variable.help.split("\n\n"), " ".join(facts))
