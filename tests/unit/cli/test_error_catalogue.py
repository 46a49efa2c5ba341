"""The catalogue of errors: what automation relies on, and what the manual is made from."""

from __future__ import annotations

import re

import pytest

from teleport_bootstrap import errors
from teleport_bootstrap.cli import main

CATALOGUE = list(errors.catalogue())

# What scripts may already test for. New kinds are added; none of these ever changes.
PUBLISHED = {
    "usage": 2,
    "conf-missing": 2,
    "conf-invalid": 2,
    "metadata-file-invalid": 2,
    "metadata-unreachable": 3,
    "metadata-disabled": 3,
    "metadata-invalid": 3,
    "metadata-absent": 3,
    "credentials-missing": 4,
    "aws-denied": 4,
    "aws-throttled": 4,
    "aws-unreachable": 4,
    "aws-failed": 4,
    "clock-wrong": 4,
    "parameter-missing": 4,
    "parameter-empty": 4,
    "teleport-unsupported": 5,
    "teleport-refused": 5,
    "teleport-unknown": 5,
    "untrusted-path": 6,
    "file-trouble": 6,
    "account-missing": 6,
    "lock-busy": 7,
    "unit-trouble": 8,
    "render-mismatch": 1,
}


def test_published_codes_keep_their_exit_status() -> None:
    found = {kind.code: kind.exit_status for kind in CATALOGUE}
    assert {code: found.get(code) for code in PUBLISHED} == PUBLISHED


@pytest.mark.parametrize("kind", CATALOGUE, ids=lambda kind: kind.__name__)
def test_each_kind_has_a_code_a_status_and_an_entry_for_the_manual(kind: type[errors.BootstrapError]) -> None:
    assert re.fullmatch("[a-z]+(-[a-z]+)*", kind.code)
    assert kind.code != "internal-error"
    assert kind.exit_status in errors.MEANINGS and kind.exit_status != errors.OK
    assert kind.__doc__ and kind.__doc__.strip().endswith(".")
    assert re.fullmatch("[0-9a-f]{32}", kind.message_id())


def test_no_two_kinds_share_a_code_or_a_message_id() -> None:
    assert len({kind.code for kind in CATALOGUE}) == len(CATALOGUE)
    assert len({kind.message_id() for kind in CATALOGUE}) == len(CATALOGUE)


def test_message_ids_are_the_same_on_every_machine() -> None:
    assert errors.ConfMissing.message_id() == "674f1e6d57ce58a9a0f355f2b622f96a"


def test_every_exit_status_has_its_meaning_in_the_manual() -> None:
    assert {kind.exit_status for kind in CATALOGUE} <= set(errors.MEANINGS)
    statuses = {value for name, value in vars(errors).items() if name.isupper() and isinstance(value, int)}
    assert statuses == set(errors.MEANINGS)


def test_an_unexpected_exception_shows_its_type_and_place_but_not_its_text(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def explode(arguments: object) -> None:
        raise RuntimeError("-".join(("planted", "token", "93af")))

    monkeypatch.setattr("teleport_bootstrap.cli.validate.run", explode)
    assert main.run(["validate", "--log-level", "debug", "--format", "json"]) == 1
    shown = capsys.readouterr()
    assert "planted-token-93af" not in shown.out + shown.err
    assert "RuntimeError" in shown.err and "test_error_catalogue.py" in shown.err
    assert "internal-error" in shown.out


def test_an_interrupt_ends_with_its_own_status(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def interrupt(arguments: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("teleport_bootstrap.cli.validate.run", interrupt)
    assert main.run(["validate"]) == 130
    assert "interrupted" in capsys.readouterr().err
