"""Whether this instance is to run a FIPS build of Teleport, by what people and images say about it.

`teleport version` alone cannot tell from Teleport 19 on. The public images are told apart by the ExecStart of their
teleport.service; the image build of this project leaves a marker.
"""

from __future__ import annotations

import os
import re

from teleport_bootstrap import errors, paths, regex, roles
from teleport_bootstrap.conf import conf_file, variables
from teleport_bootstrap.host import trust
from teleport_bootstrap.records import dataclass

_UNIT = f"{paths.SYSTEMD}/{roles.place(roles.Role.ALL, acm=False).unit}"
# The whole line, with those that a backslash at its end joins to it.
_EXEC_START = regex.compile(r"^[ \t]*ExecStart[ \t]*=((?:[^\n]*\\\n)*[^\n]*)$", re.MULTILINE)


@dataclass(frozen=True)
class Said:
    """The answer, None where nothing says anything; `where` begins a sentence about it."""

    is_fips: bool | None
    where: str = ""


def read(root: paths.Root, conf: conf_file.Conf | None, *, is_given: bool = False) -> Said:
    """Return the first answer of: --fips on the command line (`is_given`), the conf, the marker, the unit.

    Raises UsageError where the first two contradict each other.
    """
    setting = None if conf is None else conf.setting(variables.TELEPORT_FIPS)
    if conf is not None and setting is not None:
        place = f"{conf.path}:{setting.line}"
        if is_given and not setting.value:
            raise errors.UsageError(
                f"--fips is given, but TELEPORT_FIPS is false at {place}", hint="Omit one of the two."
            )
        return Said(setting.value, f"TELEPORT_FIPS is {str(setting.value).lower()} at {place}")
    if is_given:
        return Said(True, "--fips is given")
    if os.path.lexists(root.path(paths.FIPS_MARKER)):
        return Said(True, f"{root.path(paths.FIPS_MARKER)} says that this is a FIPS image")
    if _unit_starts_fips(root):
        return Said(True, f"ExecStart in {root.path(_UNIT)} says that this is a FIPS image")
    return Said(None)


def _unit_starts_fips(root: paths.Root) -> bool:
    try:
        content = trust.read(root, _UNIT)
    except errors.BootstrapError:
        return False  # a link to another unit, or a masked one
    return any("fips" in each.lower() for each in _EXEC_START.findall((content or b"").decode("utf-8", "replace")))
