"""Whether an image is free of everything that belongs to one instance."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from teleport_bootstrap import escaping, paths
from teleport_bootstrap.finding import ERROR, Finding, Place
from teleport_bootstrap.inspection import image_machine, image_teleport
from teleport_bootstrap.inspection.image_files import Image

_CHECKS: tuple[Callable[[Image], Iterator[Finding]], ...] = (
    image_teleport.data,
    image_teleport.configuration,
    image_teleport.state,
    image_teleport.units,
    image_teleport.certificates,
    image_machine.identity,
    image_machine.first_boot,
    image_machine.accounts,
    image_machine.logs,
)


def findings(root: paths.Root) -> tuple[Finding, ...]:
    """Return one finding for each path that an image should not hold, and an error for each that cannot be read."""
    found: dict[str, Finding] = {}
    image = Image(root)
    for check in _CHECKS:
        try:
            for each in check(image):
                found.setdefault(each.subject, each)
        except OSError as error:
            path = str(error.filename or root.directory)
            message = f"cannot be read: {error.strerror}"
            place = Place(escaping.one_line(path))
            found.setdefault(path, Finding(ERROR, "image-unreadable", path, message, "run seal as root", place))
    return tuple(found.values())
