"""What is taken for CA pins, and what never is."""

from __future__ import annotations

import pytest

from teleport_bootstrap.plan import pins

ONE = "sha256:" + "0a" * 32
TWO = "sha256:" + "f9" * 32


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (ONE, (ONE,)),
        (f"{ONE}\n", (ONE,)),
        (f"{ONE}\n{TWO}", (ONE, TWO)),
        (f"  {ONE}\r\n\r\n\t{TWO} \r\n", (ONE, TWO)),
    ],
)
def test_pins_are_found_one_a_line_whatever_blanks_are_around_them(text: str, expected: tuple[str, ...]) -> None:
    assert pins.listed(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "",
        " \n",
        "sha256:",
        ONE[:-1],
        ONE + "0",
        ONE.upper(),
        ONE.replace("0a", "0A"),  # Teleport compares text
        ONE.replace("sha256", "sha512"),
        ONE[7:],
        f"{ONE} {TWO}",
        f"{ONE},{TWO}",
        f"{ONE}\nand more",
        f"{ONE}\n<html></html>",
        ONE.replace("0a", "٠a"),
        "<html><body>sign in</body></html>",
    ],
)
def test_anything_else_is_no_list_of_pins(text: str) -> None:
    assert pins.listed(text) == ()
