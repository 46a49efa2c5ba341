"""Prints a generated text: `python3 -m teleport_bootstrap.manual NAME`, with a name from the list below.

The environment variable SOURCE_DATE_EPOCH sets the date of the manual pages; the default is today.
"""

from __future__ import annotations

import sys

from teleport_bootstrap.manual import (
    completion,
    conf_page,
    doctor_page,
    errors_page,
    json_page,
    program_page,
    refusals_page,
)
from teleport_bootstrap.manual.answers import schema

TEXTS = {
    "man8": program_page.page,
    "man5": conf_page.page,
    "doctor": doctor_page.page,
    "errors": errors_page.page,
    "json": json_page.page,
    "answers-schema": schema.text,
    "refusals": refusals_page.page,
    "bash": completion.bash,
    "zsh": completion.zsh,
    "fish": completion.fish,
}

if __name__ == "__main__":
    if len(sys.argv) != 2 or sys.argv[1] not in TEXTS:
        sys.exit(f"usage: python3 -m teleport_bootstrap.manual {'|'.join(TEXTS)}")
    sys.stdout.reconfigure(encoding="utf-8")  # type: ignore[union-attr]
    sys.stdout.write(TEXTS[sys.argv[1]]())
