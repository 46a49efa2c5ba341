"""Each folder of tests/cases is a conf and what has to come of it; its README says how to add one.

`./dev test unit -k cases --rewrite-cases` writes what the code gives now, for a review of the difference.
"""

from __future__ import annotations

import argparse
import shlex
from pathlib import Path

import pytest

from teleport_bootstrap import errors
from teleport_bootstrap.conf import conf_file, variables
from teleport_bootstrap.ec2 import facts
from teleport_bootstrap.plan import overrides, planner, requirements, teleport_build, yaml_reading, yaml_text

CASES = Path(__file__).parents[1] / "cases"
NAMES = sorted(path.name for path in CASES.iterdir() if path.is_dir())

DOCUMENT, NOTES, ERRORS = "teleport.yaml", "notes.txt", "errors.txt"


def outcome(case: Path) -> dict[str, str]:
    """Return what the code makes of `case`: the content of each file that says what is expected."""
    options = _options(case)
    build = teleport_build.of_version(options.teleport_version, fips=options.fips)
    own_metadata = case / "metadata.yaml"
    metadata = own_metadata if own_metadata.exists() else CASES / "metadata.yaml"
    files = [
        overrides.Override(f"overrides/{path.name}", path.read_bytes())
        for path in sorted((case / "overrides").glob("*.yaml"))
    ]
    try:
        conf = conf_file.load((case / "conf").read_bytes(), "conf")
        overrides.check(files)
        instance = facts.from_yaml(metadata.read_text(), "metadata.yaml", region=conf.value(variables.EC2_REGION))
        plan = planner.plan(conf, instance, build, files)
    except errors.BootstrapError as error:
        return {ERRORS: f"exit status {error.exit_status}\n{error.message}\n"}
    assert requirements.check(conf, fips=build.fips) == (), "what can be rendered is valid"
    notes = [*map(str, conf.warnings), *plan.notes]
    return {
        DOCUMENT: yaml_text.body(plan.document),
        **({NOTES: "".join(f"{note}\n" for note in notes)} if notes else {}),
    }


def _options(case: Path) -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    parser.add_argument("--teleport-version", default="18.7.0")
    parser.add_argument("--fips", action="store_true")
    file = case / "options"
    return parser.parse_args(shlex.split(file.read_text(), comments=True) if file.exists() else [])


def expected(case: Path) -> dict[str, str]:
    return {name: (case / name).read_text() for name in (DOCUMENT, NOTES, ERRORS) if (case / name).exists()}


@pytest.mark.parametrize("name", NAMES)
def test_cases(name: str, request: pytest.FixtureRequest) -> None:
    case = CASES / name
    found = outcome(case)
    if request.config.getoption("--rewrite-cases"):
        for file in (DOCUMENT, NOTES, ERRORS):
            (case / file).unlink(missing_ok=True)
        for file, content in found.items():
            (case / file).write_text(content)
    wanted = expected(case)
    assert sorted(found) == sorted(wanted), found
    for file, content in wanted.items():
        if file == DOCUMENT:
            # By its meaning, so that a case can be written in any order and with comments.
            assert yaml_reading.parse(found[file]) == yaml_reading.parse(content)
        else:
            assert found[file] == content


def test_cases_have_only_files_that_are_read() -> None:
    known = {"conf", "metadata.yaml", "options", "overrides", DOCUMENT, NOTES, ERRORS}
    unknown = [str(path) for name in NAMES for path in (CASES / name).iterdir() if path.name not in known]
    assert unknown == []
    assert [name for name in NAMES if not (CASES / name / "conf").exists()] == []


@pytest.mark.parametrize("deployment", ["starter", "auth", "proxy"])
def test_cases_hold_every_combination_of_certificates_and_tls_routing(deployment: str) -> None:
    """No combination of the switches is without a case."""
    switches = ("USE_LETSENCRYPT", "USE_ACM", "USE_TLS_ROUTING")
    combinations = set()
    for name in NAMES:
        if name.startswith(f"{deployment}-certificates-"):
            conf = conf_file.inspect((CASES / name / "conf").read_bytes(), "conf")
            values = {each.name: each.value for each in conf.variables}
            combinations.add(tuple(values[switch] for switch in switches))
    assert len(combinations) == 8
