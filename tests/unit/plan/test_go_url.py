"""Addresses as Go's standard library reads them."""

from __future__ import annotations

import string

import pytest

from teleport_bootstrap.plan import go_url

# Of ASCII, what net/url's `shouldEscape` and `validOptionalPort` leave in a host: RFC 3986, and `<>"` as in Firefox.
LEFT = frozenset(string.ascii_letters + string.digits + "-_.~!$&'()*+,;=:[]<>\"%")


@pytest.mark.parametrize("number", [*range(0x100), 0x2028, 0xD800, 0xDCFF, 0xFFFF, 0x10FFFF])
def test_a_host_has_the_characters_that_go_leaves_in_it(number: int) -> None:
    found = go_url._NOT_IN_A_HOST.search(f"a{chr(number)}b")
    assert (found is None) is (number >= 0x80 or chr(number) in LEFT)
