"""Issue 15, the terminal, point 1: the line of a file that is shown below a problem holds no secret."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Optional

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from teleport_bootstrap.cli import quotation
from teleport_bootstrap.conf import conf_file, variables
from teleport_bootstrap.finding import ERROR, Finding, Place
from teleport_bootstrap.host.typesetting import Source

SECRET = "hush-7c1e"
VALUES = (
    *(f"{SECRET} {SECRET}", f'"{SECRET}', f"'{SECRET}", f"$({SECRET})", f"{SECRET};{SECRET}", f"a`{SECRET}`"),
    *(f"${{{SECRET}", f"({SECRET})", f"{SECRET} #x", f"<{SECRET}"),
)
# Names and beginnings of lines that a person may write before a secret.
BEGINNINGS = (
    *("TELEPORT_JOIN_TOKEN=", "export TELEPORT_JOIN_TOKEN=", "  TELEPORT_JOIN_TOKEN =", "TELEPORT_JOIN_TOKEN: "),
    *("TELEPORT_JOIN_TOKN=", "TELEPORT_JOINTOKEN=", "JOIN_TOKEN=", "token: ", "OTHER=", "", "TELEPORT_JOIN_TOKEN "),
    *("TELEPORT_JOIN_TOKEN+=", "readonly TELEPORT_JOIN_TOKEN=", "MY_PASSWORD=", "AWS_SECRET_ACCESS_KEY="),
    *("# TELEPORT_JOIN_TOKEN=", "TELEPORT_NODENAME=web TELEPORT_JOIN_TOKEN=", "echo TELEPORT_JOIN_TOKEN="),
)


def quoted(path: Path, line: Optional[int], column: Optional[int] = None) -> Optional[Source]:
    return quotation.source_line(Finding(ERROR, "x", "x", "x", "", Place(str(path), line, column)))


@pytest.mark.parametrize("value", VALUES)
@pytest.mark.parametrize("beginning", BEGINNINGS)
def test_issue_15_terminal_1_no_line_of_a_conf_shows_a_secret(tmp_path: Path, beginning: str, value: str) -> None:
    path = tmp_path / "conf"
    path.write_text(f"USE_ACM=true\n{beginning}{value}\n{SECRET}\n")
    for column in range(1, len(beginning + value) + 2):
        for line in (2, 3):
            shown = quoted(path, line, column)
            assert shown is None or SECRET not in shown.text
    for found in conf_file.inspect(path.read_bytes(), str(path)).errors:
        shown = quotation.source_line(found)
        assert shown is None or SECRET not in shown.text


@pytest.mark.parametrize("name", sorted(variables.BY_NAME))
def test_issue_15_terminal_1_the_value_of_each_variable_is_shown_unless_it_is_secret(tmp_path: Path, name: str) -> None:
    path = tmp_path / "conf"
    path.write_text(f"{name}=word here\n")
    shown = quoted(path, 1, len(name) + 7)
    assert shown is not None
    if variables.BY_NAME[name].secret:
        assert shown.text == f"{name}=********" and shown.caret == len(name) + 1
    else:
        assert (shown.text, shown.caret) == (f"{name}=word here", len(name) + 6)


@pytest.mark.parametrize(
    "text",
    [
        f"teleport:\n  auth_token: {SECRET}: {SECRET}\n",
        f"teleport:\n  auth_token: [{SECRET}\n",
        f"teleport:\n  auth_token: {SECRET}\n  auth_token: {SECRET}\n",
        f"auth_service:\n  tokens:\n  - node:{SECRET}\n  - node: '{SECRET}\n",
        f"db_service:\n  databases:\n  - uri: 'mongodb://u:{SECRET}@h\n",
    ],
)
def test_issue_15_terminal_1_no_line_of_an_override_shows_a_secret(tmp_path: Path, text: str) -> None:
    path = tmp_path / "10.yaml"
    path.write_text(text)
    for line in range(1, text.count("\n") + 1):
        for column in (None, 1, 5, 20):
            shown = quoted(path, line, column)
            assert shown is None or SECRET not in shown.text


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60)
@given(
    st.binary(max_size=200), st.integers(0, 9), st.none() | st.integers(-2, 300), st.sampled_from(("conf", "a.yaml"))
)
def test_issue_15_terminal_1_whatever_a_file_holds_what_is_shown_is_one_safe_line(
    tmp_path: Path, data: bytes, line: int, column: Optional[int], name: str
) -> None:
    (tmp_path / name).write_bytes(data)
    shown = quoted(tmp_path / name, line, column)
    if shown is not None:
        assert shown.text.isprintable() and (shown.caret is None or 0 <= shown.caret <= len(shown.text))


@pytest.mark.parametrize("text", ["a" * 60_000, "a=" * 30_000, "USE_ACM=" + "b" * 60_000, "# " + "a." * 30_000])
def test_a_long_line_is_quoted_in_no_time(tmp_path: Path, text: str) -> None:
    (tmp_path / "conf").write_text(text)
    began = time.process_time()
    quoted(tmp_path / "conf", 1, 5)
    assert time.process_time() - began < 2


def test_issue_15_terminal_1_what_is_not_a_file_is_not_quoted(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "conf").write_text("USE_ACM=x\n")
    for name in ("pipe", "missing", "."):
        assert quoted(tmp_path / name, 1) is None
    for line in (None, 0, 3):
        assert quoted(tmp_path / "conf", line) is None
    assert quoted(tmp_path / "conf", 1) == Source(1, "USE_ACM=x", None)
