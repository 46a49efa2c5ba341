"""Labels: written in the conf, taken from EC2 tags, or the output of a command."""

from __future__ import annotations

import re
from typing import Any

from teleport_bootstrap.conf import variables
from teleport_bootstrap.plan import plan_inputs, provenance

# Teleport refuses any other character in a label's key (see IsValidLabelKey in its api/types).
KEY = re.compile(r"[a-zA-Z/.0-9_:*-]+", re.ASCII)
_NOT_IN_KEY = re.compile(r"[^a-zA-Z/.0-9_:*-]", re.ASCII)


def static(
    inputs: plan_inputs.Inputs, *written: variables.Variable[tuple[tuple[str, str], ...]]
) -> dict[str, provenance.Sourced[str]]:
    """Return the labels of the variables in `written`, and those from EC2 tags, which the conf overrules."""
    wanted = inputs.get(variables.TELEPORT_TAG_LABELS)
    present = [tag for tag in wanted.value if tag in inputs.facts.tags] if wanted is not None else []
    # Each character that no label key may have becomes an underscore.
    found = {
        _NOT_IN_KEY.sub("_", tag): provenance.from_metadata(f"tag {tag}", inputs.facts.tags[tag]) for tag in present
    }
    for pairs in filter(None, map(inputs.get, written)):
        found.update({key: provenance.Sourced(value, pairs.origins) for key, value in pairs.value})
    return found


def commands(inputs: plan_inputs.Inputs) -> list[dict[str, Any]]:
    """Return the command labels that TELEPORT_COMMAND_LABELS asks for, by default all that can have a value here."""
    chosen = inputs.certain(variables.TELEPORT_COMMAND_LABELS)
    return [
        {
            "name": provenance.Sourced(name, chosen.origins),
            "command": list(variables.COMMAND_LABELS[name]),
            "period": "1h0m0s",
        }
        for name in chosen.value
        # Without a public address the command would have nothing to print.
        if name != "external" or inputs.facts.public_ipv4 is not None
    ]
