"""Files that a document names and that cannot exist."""

from __future__ import annotations

from pathlib import Path

import pytest

from teleport_bootstrap import errors
from teleport_bootstrap import paths as all_paths
from teleport_bootstrap.change import needed_files
from teleport_bootstrap.conf import conf_file
from teleport_bootstrap.host import regular_file
from teleport_bootstrap.plan import overrides, planner, teleport_build
from tests.unit.plan.planning import INSTANCE

PROXY = (
    "TELEPORT_ROLE=proxy\nTELEPORT_DOMAIN_NAME=example.com\nTELEPORT_AUTH_SERVER_LB=auth.example.com\n"
    "USE_LETSENCRYPT=false\n"
)
# As YAML writes them in double quotes.
IMPOSSIBLE = ["/a\\0b", "/" + "a" * 5000, "/" + "a/" * 3000]


@pytest.mark.parametrize("name", IMPOSSIBLE, ids=lambda name: name[:8])
def test_a_name_that_no_file_can_have_is_missing_and_not_a_failure(name: str, tmp_path: Path) -> None:
    """Found by the fuzzer, issue 14: a null byte or half a character in a path of an override ended generate."""
    override = f'proxy_service:\n  https_keypairs: [{{cert_file: "{name}", key_file: "/k"}}]\n'
    conf = conf_file.load(PROXY.encode(), "conf")
    build = teleport_build.of_version("17.5.1", fips=False)
    plan = planner.plan(conf, INSTANCE, build, [overrides.Override("a.yaml", override.encode())])
    with pytest.raises(errors.NeededFileMissing) as caught:
        needed_files.require_named(all_paths.Root(str(tmp_path)), plan, build)
    assert caught.value.message.count("is missing") == 2
    assert needed_files.describe_blocking(all_paths.Root(str(tmp_path)), plan) == ()


@pytest.mark.parametrize("name", ["/a\0b", "/a\ud800b", b"/a\0b"], ids=ascii)
def test_such_a_file_is_missing_where_it_is_read(name: str) -> None:
    with pytest.raises(FileNotFoundError):
        regular_file.read(name)
