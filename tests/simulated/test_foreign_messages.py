"""What other programs print is quoted as plain text."""

from __future__ import annotations

from pathlib import Path

from teleport_bootstrap.host import process, teleport

COLORED = (
    r"printf '\033]0;owned\007\033[31mERROR:\033[0m \033(Bno \302\233K\033[1;38;5;9mlicense\033[m\a\n' >&2; exit 3"
)


def test_row_k_a_quoted_message_has_no_colors() -> None:
    done = process.run(["sh", "-c", COLORED], most_bytes=65536, timeout_seconds=10)
    assert done.errors == "ERROR: no license\x07\n"
    assert done.describe().endswith(r"ended with status 3: ERROR: no license\x07")


def test_row_k_nor_has_what_teleport_says_of_a_configuration(tmp_path: Path) -> None:
    program = tmp_path / "teleport"
    program.write_text(f"#!/bin/sh\n{COLORED}\n", encoding="utf-8")
    program.chmod(0o755)
    said = teleport.refusal(str(program), "/etc/staged.yaml", "/etc/teleport.yaml")
    assert said == r"ERROR: no license\x07"
