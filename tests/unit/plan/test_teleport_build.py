"""The installed Teleport, by the output of `teleport version`."""

from __future__ import annotations

import pytest

from teleport_bootstrap import errors
from teleport_bootstrap.plan import teleport_build

PRINTED = {
    "Teleport v17.5.1 git:v17.5.1-0-gabcdef go1.23.4": ((17, 5, 1), "community", False),
    "Teleport v17.5.1 git:v17.5.1-0-gabcdef go1.23.4\n": ((17, 5, 1), "community", False),
    "Teleport Enterprise v16.4.0 git:v16.4.0-0-g1 go1.22.1": ((16, 4, 0), "enterprise", False),
    "Teleport Enterprise v17.5.1 git:v17.5.1-0-gabcdef go1.23.4 X:boringcrypto": ((17, 5, 1), "enterprise", True),
    "Teleport Enterprise v12.1.0 git:api/v12.1.0-0-g1 go1.18.3b7": ((12, 1, 0), "enterprise", True),
    "Teleport v18.0.0-alpha.1 git:v18.0.0-alpha.1-0-g1 go1.24": ((18, 0, 0), "community", False),
    "a line of a wrapper\nTeleport v13.0.2 git:x go1.20.4\nProxy version: 13.0.1\n": ((13, 0, 2), "community", False),
}


@pytest.mark.parametrize("text", PRINTED)
def test_output_of_teleport_version(text: str) -> None:
    version, edition, fips = PRINTED[text]
    build = teleport_build.parse_output(text)
    assert build is not None
    assert ((build.major, build.minor, build.patch), build.edition, build.fips) == (version, edition, fips)
    assert not build.assumed


@pytest.mark.parametrize("text", ["", "Teleport", "Teleport v17", "tsh v17.5.1", "teleport v17.5.1", "Teleport dev\n"])
def test_other_output_is_not_a_build(text: str) -> None:
    assert teleport_build.parse_output(text) is None


@pytest.mark.parametrize(
    ("text", "version"),
    [("17.5.1", (17, 5, 1)), ("v17.5.1", (17, 5, 1)), (" 18.0.0-rc.1 ", (18, 0, 0)), ("14.0.0+dev", (14, 0, 0))],
)
def test_versions_on_the_command_line(text: str, version: tuple[int, int, int]) -> None:
    build = teleport_build.of_version(text, fips=False)
    assert (build.major, build.minor, build.patch) == version


@pytest.mark.parametrize("text", ["", "17", "17.5", "17.5.1.2", "seventeen", "17.5.x", "١٧.٥.١", "17.5.1 18.0.0"])
def test_an_invalid_version_is_a_usage_error_with_an_example(text: str) -> None:
    with pytest.raises(errors.UsageError, match="not a Teleport version") as caught:
        teleport_build.of_version(text, fips=False)
    assert "17.5.1" in caught.value.hint
