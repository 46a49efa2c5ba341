"""Regular expressions that are compiled at their first use."""

from __future__ import annotations

import importlib
import re
from pathlib import Path

import pytest

from teleport_bootstrap import regex


def test_does_what_a_compiled_one_does() -> None:
    ours, theirs = (compile(r"(?P<word>a+)b", re.IGNORECASE) for compile in (regex.compile, re.compile))
    text = "xxAab aab"
    for act in (
        lambda each: each.search(text)["word"],
        lambda each: each.sub("-", text),
        lambda each: each.findall(text),
        lambda each: [found.span() for found in each.finditer(text)],
        lambda each: each.fullmatch("ab").groupdict(),
        lambda each: each.match(text),
        lambda each: each.split(text),
        lambda each: each.subn("", text, 1),
        lambda each: (each.pattern, each.flags, each.groups, dict(each.groupindex)),
    ):
        assert act(ours) == act(theirs)


def test_is_compiled_once_and_only_when_it_is_used(monkeypatch: pytest.MonkeyPatch) -> None:
    compiled = []
    compile = re.compile
    monkeypatch.setattr(re, "compile", lambda *given: compiled.append(given) or compile(*given))
    pattern = regex.compile(b"a+", re.DOTALL)
    assert compiled == []
    assert pattern.match(b"aa") and pattern.search(b"ba") and pattern.fullmatch(b"b") is None
    assert compiled == [(b"a+", re.DOTALL)]


def test_an_invalid_one_fails_when_it_is_used() -> None:
    pattern = regex.compile("(")
    for _ in range(2):
        with pytest.raises(re.error):
            pattern.match("")


def test_has_nothing_else() -> None:
    with pytest.raises(AttributeError, match="unknown"):
        regex.compile("a").unknown  # type: ignore[attr-defined]  # noqa: B018
    assert repr(regex.compile("a", re.ASCII)) == f"regex.compile('a', {re.ASCII!r})"


def test_each_of_the_package_is_valid() -> None:
    """Those at the top of a module used to be compiled by any test that imports it."""
    count = 0
    for path in sorted(Path(regex.__file__).parent.rglob("*.py")):
        if path.name.endswith(("__main__.py", "_child.py")):  # programs
            continue
        name = ".".join(("teleport_bootstrap", *path.relative_to(Path(regex.__file__).parent).with_suffix("").parts))
        for value in vars(importlib.import_module(name.replace(".__init__", ""))).values():
            for each in value if isinstance(value, (tuple, list)) else [value]:
                if isinstance(each, regex._Later):
                    assert each.pattern
                    count += 1
    assert count > 100
