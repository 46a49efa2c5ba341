"""Labels: written in the conf, taken from EC2 tags, or the output of a command."""

from __future__ import annotations

import re
from typing import Any

from teleport_bootstrap.conf import variables
from teleport_bootstrap.plan import plan_inputs, provenance

# Teleport refuses any other character in a label's key (see IsValidLabelKey in its api/types).
KEY = re.compile(r"[a-zA-Z/.0-9_:*-]+", re.ASCII)
_NOT_IN_KEY = re.compile(r"[^a-zA-Z/.0-9_:*-]", re.ASCII)

PERIOD = "1h0m0s"

LabelVariable = variables.Variable[tuple[tuple[str, str], ...]]


def static(inputs: plan_inputs.Inputs, *written: LabelVariable) -> dict[str, provenance.Sourced[str]]:
    """Return the labels of the variables in `written`, and those from EC2 tags, which the conf overrules."""
    found = tags(inputs)
    for variable in written:
        pairs = inputs.get(variable)
        for key, value in pairs.value if pairs is not None else ():
            found[key] = provenance.Sourced(value, pairs.origins if pairs is not None else ())
    return found


def tags(inputs: plan_inputs.Inputs) -> dict[str, provenance.Sourced[str]]:
    """Return a label for each EC2 tag that TELEPORT_TAG_LABELS names and the instance has."""
    wanted = inputs.get(variables.TELEPORT_TAG_LABELS)
    found = {}
    for tag in wanted.value if wanted is not None else ():
        if tag in inputs.facts.tags:
            found[key_of_tag(tag)] = provenance.from_metadata(f"tag {tag}", inputs.facts.tags[tag])
    return found


def key_of_tag(tag: str) -> str:
    """Return the label key for an EC2 tag key: each character that no label key may have becomes an underscore."""
    return _NOT_IN_KEY.sub("_", tag)


def commands(inputs: plan_inputs.Inputs) -> list[dict[str, Any]]:
    """Return the command labels that TELEPORT_COMMAND_LABELS asks for, by default all that can have a value here."""
    chosen = inputs.certain(variables.TELEPORT_COMMAND_LABELS)
    return [
        {
            "name": provenance.Sourced(name, chosen.origins),
            "command": list(variables.COMMAND_LABELS[name]),
            "period": PERIOD,
        }
        for name in chosen.value
        # Without a public address the command would have nothing to print.
        if name != "external" or inputs.facts.public_ipv4 is not None
    ]
