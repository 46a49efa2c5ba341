"""Assembles the scripts that run when a package is installed or removed, from shared parts and unit names."""

from __future__ import annotations

import re

import content


def script(source: content.Source, path: str) -> str:
    """Return the script at `path`, in which packaging/scripts/NAME.sh replaces each line `#INCLUDE NAME#`.

    Raises Missing.
    """

    def included(found: re.Match[str]) -> str:
        return source.read(f"packaging/scripts/{found[1]}.sh").decode().replace("# shellcheck shell=sh\n", "")

    text = re.sub(r"^#INCLUDE (\w+)#\n", included, source.read(path).decode(), flags=re.MULTILINE)
    others = [unit for unit in content.unit_names(source) if unit != content.OUTRANKING]
    for name, value in (
        ("@UNITS@", " ".join(content.with_install(source))),
        ("@HELPERS@", " ".join(content.helpers(source))),
        ("@OTHERS@", " ".join(others)),
    ):
        text = text.replace(name, value)
    return text
