"""teleport-bootstrap.conf(5)."""

from __future__ import annotations

from collections.abc import Iterator

from teleport_bootstrap import paths
from teleport_bootstrap.conf import reference, variables
from teleport_bootstrap.conf.variable import Variable
from teleport_bootstrap.hints import Any
from teleport_bootstrap.manual import roff

_GRAMMAR = (
    "The file looks like a shell script of assignments and means the same as in bash, but it is parsed as data: "
    "nothing in it is ever executed. Commands, and expansions other than those below, are errors. All errors are "
    "reported at once, with line and column.",
    "In single quotes everything is literal. In double quotes a backslash makes a dollar, backtick, quote or backslash "
    "after it literal; outside quotes it does so with any character. `$NAME` and `${NAME}` expand to the value that an "
    "earlier line sets; variables of the environment are ignored. A backslash at the end of a line joins it with the "
    "next one. If a name is set twice, the last value counts. An empty value is the same as none, except for "
    "`TELEPORT_COMMAND_LABELS`.",
    "Names beginning with `TELEPORT_`, `USE_` or `EC2_` that are not listed below are ignored with a warning. Other "
    "names are ignored and may be used freely.",
)


def page() -> str:
    """Return the page, ending with a line feed."""
    return "\n".join(_lines()) + "\n"


def _lines() -> Iterator[str]:
    yield from roff.heading("teleport-bootstrap.conf", 5)
    yield roff.section("NAME")
    yield "teleport\\-bootstrap.conf \\- the configuration of a Teleport instance on EC2"
    yield roff.section("SYNOPSIS")
    yield roff.variable(paths.CONF)
    yield roff.section("DESCRIPTION")
    yield roff.prose(
        "User-data writes this file, and `teleport-bootstrap`(8) generates Teleport's configuration from it."
    )
    yield from map(roff.paragraph, _GRAMMAR)
    for group in variables.GROUPS:
        yield roff.section(group.title.upper())
        yield roff.prose(group.introduction.split("\n\n|")[0])
        yield from map(_variable, group.variables)
    yield roff.section("EXAMPLES")
    yield roff.prose("An all-in-one instance behind an ACM load balancer:")
    yield roff.example(
        'USE_ACM="true"',
        'TELEPORT_DOMAIN_NAME="teleport.example.com"',
        'TELEPORT_EXTERNAL_HOSTNAME="teleport.example.com"',
        'TELEPORT_EXTERNAL_PORT="443"',
        'TELEPORT_AUTH_SERVER_LB="teleport-nlb.example.com"',
    )
    yield roff.paragraph("Check a conf before you apply it:")
    yield roff.example("teleport-bootstrap validate ./conf")
    yield roff.section("SEE ALSO")
    yield ".BR teleport\\-bootstrap (8)"


def _variable(variable: Variable[Any]) -> str:
    facts = [f"{name}: {fact}." for name, fact in reference.facts(variable)]
    return roff.entry(roff.bold(variable.name), *variable.help.split("\n\n"), " ".join(facts))
