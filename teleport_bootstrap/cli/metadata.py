"""`teleport-bootstrap metadata`: print one item of instance metadata, for labels and scripts."""

from __future__ import annotations

import argparse
import os

from teleport_bootstrap import display, errors, log
from teleport_bootstrap.cli import options, result
from teleport_bootstrap.ec2 import imds, items
from teleport_bootstrap.state import metadata_cache

EXAMPLE = "teleport-bootstrap metadata local-ipv4"

# A label's command should end before its next run is due, and at its start Teleport waits for all of them.
WAIT_SECONDS = 3.0

logger = log.Logger(__name__)

OPTIONS = (options.option("item", "one of: " + ", ".join(items.PATHS), metavar="PATH", choices=tuple(items.PATHS)),)


def run(arguments: argparse.Namespace) -> result.Result:
    """Read, cache and print the item; standard output is empty where there is no value."""
    root = options.root(arguments)
    try:
        client = imds.Imds.from_environment(os.environ, root, deadline_seconds=WAIT_SECONDS)
        value = items.read(client, arguments.item)
    except errors.BootstrapError as error:
        value = metadata_cache.read(root).get(arguments.item)
        if value is None:
            raise
        logger.info("this is the last known value: %s", error.message)
    else:
        metadata_cache.keep(root, arguments.item, value)
        if value is None:
            logger.info("this instance has no %s", arguments.item)
    return result.Result(display.Block(value or ""), {"item": arguments.item, "value": value})
