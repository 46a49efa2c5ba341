"""Whether an image holds nothing that belongs to one instance."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from teleport_bootstrap import errors
from teleport_bootstrap.host import root
from teleport_bootstrap.image import findings, of_machine, of_teleport
from teleport_bootstrap.image.findings import Finding

_CHECKS: tuple[Callable[[root.Root], Iterator[Finding]], ...] = (
    of_teleport.data,
    of_teleport.configuration,
    of_teleport.state,
    of_teleport.units,
    of_teleport.certificates,
    of_machine.identity,
    of_machine.first_boot,
    of_machine.people,
    of_machine.logs,
)


def judge(where: root.Root) -> tuple[Finding, ...]:
    """Return everything that is found, each path once; what cannot be looked at is found wanting too."""
    found: dict[str, Finding] = {}
    for check in _CHECKS:
        try:
            for each in check(where):
                found.setdefault(each.path, each)
        except OSError as error:
            path = str(error.filename or where.directory)
            found.setdefault(path, Finding(path, f"cannot be looked at: {error.strerror}", "run seal as root"))
    return tuple(found.values())


def refusal(where: root.Root, found: tuple[Finding, ...]) -> errors.ImageNotSealed:
    """Return the error for an image in which some of `found` blocks."""
    blocking = [each for each in found if each.blocks]
    return errors.ImageNotSealed(
        f"{where.directory} is not ready to become an image: what it holds belongs to one instance",
        tuple(findings.one_line(f"{each.path}: {each.what}") + f"\n    {each.remedy}" for each in blocking),
        tuple({"path": each.path, "what": each.what, "remedy": each.remedy} for each in blocking),
    )
