"""Whether an image holds nothing that belongs to one instance."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from teleport_bootstrap import errors, escaping, paths
from teleport_bootstrap.inspection import image_machine, image_teleport
from teleport_bootstrap.inspection.image_files import Finding

_CHECKS: tuple[Callable[[paths.Root], Iterator[Finding]], ...] = (
    image_teleport.data,
    image_teleport.configuration,
    image_teleport.state,
    image_teleport.units,
    image_teleport.certificates,
    image_machine.identity,
    image_machine.first_boot,
    image_machine.people,
    image_machine.logs,
)


def judge(root: paths.Root) -> tuple[Finding, ...]:
    """Return everything that is found, each path once; what cannot be looked at is found wanting too."""
    found: dict[str, Finding] = {}
    for check in _CHECKS:
        try:
            for each in check(root):
                found.setdefault(each.path, each)
        except OSError as error:
            path = str(error.filename or root.directory)
            found.setdefault(path, Finding(path, f"cannot be looked at: {error.strerror}", "run seal as root"))
    return tuple(found.values())


def refusal(root: paths.Root, found: tuple[Finding, ...]) -> errors.ImageNotSealed:
    """Return the error for an image in which some of `found` blocks."""
    blocking = [each for each in found if each.blocks]
    return errors.ImageNotSealed(
        f"{root.directory} is not ready to become an image: what it holds belongs to one instance",
        tuple(escaping.one_line(f"{each.path}: {each.what}") + f"\n    {each.remedy}" for each in blocking),
        tuple({"path": each.path, "what": each.what, "remedy": each.remedy} for each in blocking),
    )
