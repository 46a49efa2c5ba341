"""`teleport-bootstrap seal`: check that an image holds nothing that belongs to one instance; fail otherwise."""

from __future__ import annotations

import argparse

from teleport_bootstrap import errors
from teleport_bootstrap.cli import options, result
from teleport_bootstrap.finding import errors_in
from teleport_bootstrap.host import output
from teleport_bootstrap.inspection import image

EXAMPLE = "teleport-bootstrap seal --root /mnt/image"
OPTIONS = ()


def run(arguments: argparse.Namespace) -> result.Result:
    """Check the image; raises ImageNotSealed if there are errors."""
    root = options.root(arguments)
    found = image.findings(root)
    notes = [each for each in found if not each.is_error]
    for each in notes:
        output.remark(str(each))
    if len(notes) != len(found):
        raise errors.ImageNotSealed(
            f"{root.directory} is not ready to become an image: it holds files that belong to one instance",
            errors_in(found),
        )
    return result.Result(
        f"{root.directory} holds nothing that belongs to one instance", {"sealed": True}, findings=notes
    )
