"""`teleport-bootstrap first-admin`: create the first administrator, and print the link for the password once."""

from __future__ import annotations

import argparse

from teleport_bootstrap import display, errors
from teleport_bootstrap.cli import options, result
from teleport_bootstrap.cluster import users
from teleport_bootstrap.host import streams
from teleport_bootstrap.operations import first_admin

EXAMPLE = "teleport-bootstrap first-admin alice --logins ec2-user"
OPTIONS = (
    options.option("name", "the name to sign in with", metavar="NAME"),
    options.option("--logins", "accounts of hosts that this user may log in to, with commas", metavar="A,B"),
    options.option("--roles", f"roles of Teleport; default: {','.join(users.ADMINISTRATOR_ROLES)}", metavar="A,B"),
    options.flag("--yes", "also where the cluster has other users already"),
    options.duration("--wait", 30.0, "how long to wait for Teleport to answer"),
)


def run(arguments: argparse.Namespace) -> result.Result:
    """Create the user, and print the link: the one secret that a command prints without being asked for secrets.

    It is what the command is for, and Teleport gives it out only once. It goes to standard output alone, and not to
    the journal.
    """
    root = options.root(arguments)
    wish = first_admin.Wish(
        users.name(arguments.name),
        users.ADMINISTRATOR_ROLES if arguments.roles is None else users.roles(arguments.roles),
        () if arguments.logins is None else users.logins(arguments.logins),
        besides_others=arguments.yes,
    )
    if streams.result_is_logged():
        raise errors.UsageError(
            "standard output is the journal, which would keep the link for the password",
            hint="Run it at a terminal, or redirect its output to a file that only you can read.",
        )
    done = first_admin.run(root, wish, wait_seconds=arguments.wait)
    data = {
        "user": wish.name,
        "roles": list(wish.roles),
        "logins": list(wish.logins),
        "link": done.link.reveal(),
        "expires_at": done.expires,
        "notes": list(done.notes),
    }
    return result.Result(
        _text(done),
        data,
        with_secrets=True,
        change=done.summary(),
        if_lost=f"`tctl users reset {wish.name}` prints another link",
    )


def _text(done: first_admin.Outcome) -> str:
    """Return the text, in which nothing but the link is shown as it is."""
    until = f", until {done.expires}" if done.expires else ", within an hour"
    before = [f"{done.summary()}", f"Open this link to set the password{until}. It is not printed again:"]
    notes = [f"note: {each}" for each in done.notes]
    link = f"  {done.link.reveal()}"
    return "\n".join([*map(display.line, before), "", link, "", *map(display.line, notes)]).rstrip("\n")
