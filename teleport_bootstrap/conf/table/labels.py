"""Labels that any instance with SSH access can carry."""

from __future__ import annotations

from teleport_bootstrap.conf import kinds
from teleport_bootstrap.conf.variable import AGENT, ALL_IN_ONE, EVERY_ROLE, NODE, Group, Variable

COMMAND_LABELS = ("arch", "kernel", "uptime", "internal", "external")

TELEPORT_COMMAND_LABELS = Variable(
    name="TELEPORT_COMMAND_LABELS",
    kind=kinds.chosen_words(*COMMAND_LABELS),
    roles=(ALL_IN_ONE, NODE, AGENT),
    default="all five",
    help="Which of the labels that Teleport refreshes every hour are there. Empty means none of them.",
    since="0.1",
    empty_is_value=True,
)
TELEPORT_SSH_LABELS = Variable(
    name="TELEPORT_SSH_LABELS",
    kind=kinds.LABELS,
    roles=(ALL_IN_ONE, NODE, AGENT),
    help="Fixed labels of the SSH service.",
    since="0.1",
)
TELEPORT_TAG_LABELS = Variable(
    name="TELEPORT_TAG_LABELS",
    kind=kinds.TAG_KEYS,
    roles=EVERY_ROLE,
    help="EC2 tags of the instance that become labels.",
    since="0.1",
)

GROUP = Group(
    "Labels",
    "Labels are written `key: value|key: value`. Blanks around `|` and after `:` do not matter; a pair splits at its "
    "first colon followed by a blank, else at its first colon; a value wholly in quotes loses them. Values are always "
    "strings: `yes`, `0123` and `1.10` stay as written.",
    (TELEPORT_COMMAND_LABELS, TELEPORT_SSH_LABELS, TELEPORT_TAG_LABELS),
)
