"""Who runs this command, as far as this host knows: a person who signed in, or a unit of systemd."""

from __future__ import annotations

import os
import pwd
import re

from teleport_bootstrap import regex
from teleport_bootstrap.host import systemd

_NAME = regex.compile(r"[A-Za-z0-9_][A-Za-z0-9_.@+-]{0,63}", re.ASCII)
# What /proc/self/loginuid holds where no one signed in, as in a unit.
_NO_ONE = 2**32 - 1


def who() -> str:
    """Return the person who signed in and how, else the unit that runs this command, else its account.

    The kernel keeps who signed in, whatever account the person has become since. Where it does not know, as in some
    containers, the person behind sudo is who sudo says.
    """
    signed_in, sudo = _signed_in(), os.environ.get("SUDO_USER", "")
    by_sudo = sudo if _NAME.fullmatch(sudo) else ""
    if signed_in:
        return f"{signed_in} with sudo" if by_sudo else signed_in
    if by_sudo:
        return f"{by_sudo} with sudo"
    unit = next((each for each in sorted(systemd.units_around()) if each.endswith(".service")), "")
    return unit if _NAME.fullmatch(unit) and not unit.startswith("user@") else _name_of(os.geteuid())


def _signed_in() -> str:
    try:
        with open("/proc/self/loginuid", encoding="ascii") as file:
            uid = int(file.read(20))
    except (OSError, ValueError):
        return ""
    return "" if uid == _NO_ONE else _name_of(uid)


def _name_of(uid: int) -> str:
    try:
        name = pwd.getpwuid(uid).pw_name
    except (KeyError, OverflowError):
        name = ""
    return name if _NAME.fullmatch(name) else f"user {uid}"
