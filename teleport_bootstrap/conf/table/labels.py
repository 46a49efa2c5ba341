"""Labels that any instance with SSH access can carry."""

from __future__ import annotations

from teleport_bootstrap.conf import kinds
from teleport_bootstrap.conf.variable import EVERY_ROLE, Variable
from teleport_bootstrap.roles import Role

TITLE = "Labels"
INTRODUCTION = (
    "Labels are written `key: value|key: value`. Blanks around `|` and after `:` do not matter; a pair splits at its "
    "first colon followed by a blank, else at its first colon; quotes around a whole value are removed. Values are "
    "always strings: `yes`, `0123` and `1.10` stay as written."
)

# Each label that a command gives, and the command, which Teleport runs every hour. The addresses are read with IMDSv2,
# and the architecture not with `uname -p`, which prints "unknown" on Debian.
COMMAND_LABELS: dict[str, tuple[str, ...]] = {
    "arch": ("uname", "-m"),
    "kernel": ("uname", "-r"),
    "uptime": ("uptime", "-p"),
    "internal": ("teleport-bootstrap", "metadata", "local-ipv4"),
    "external": ("teleport-bootstrap", "metadata", "public-ipv4"),
}

TELEPORT_COMMAND_LABELS = Variable(
    "TELEPORT_COMMAND_LABELS",
    kinds.chosen_words(*COMMAND_LABELS),
    (Role.ALL, Role.NODE, Role.AGENT),
    "The labels whose values come from commands, which Teleport runs every hour. Empty means none of them.",
    default=tuple(COMMAND_LABELS),
    since="0.1",
    empty_is_value=True,
)
TELEPORT_SSH_LABELS = Variable(
    "TELEPORT_SSH_LABELS",
    kinds.LABELS,
    (Role.ALL, Role.NODE, Role.AGENT),
    "Fixed labels of the SSH service.",
    since="0.1",
)
TELEPORT_TAG_LABELS = Variable(
    "TELEPORT_TAG_LABELS", kinds.TAG_KEYS, EVERY_ROLE, "EC2 tags of the instance that become labels.", since="0.1"
)
