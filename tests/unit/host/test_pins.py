"""Which texts are CA pins."""

from __future__ import annotations

import pytest

from teleport_bootstrap.host import tctl

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
def test_pins_are_read_one_on_each_line_without_blanks(text: str, expected: tuple[str, ...]) -> None:
    assert tctl.pins_in(text) == expected


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
def test_any_other_text_is_not_a_list_of_pins(text: str) -> None:
    assert tctl.pins_in(text) == ()
