"""What a real Teleport accepts and refuses when it starts, against the list that the checks of this project follow.

The list was measured with Teleport 12. Each of its entries is measured again with the given binaries. With another
major, an entry that fails shows what has changed: then `plan/` has to learn the version, as the documents say.
"""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.real_teleport import binaries

_LIST = Path(__file__).parents[1] / "unit/plan/teleport_12_start.yaml"
CASES: list[dict[str, Any]] = yaml.safe_load(_LIST.read_text("utf-8"))

# Some services fail only after half a minute, when what they wait for does not come.
LATE_SECONDS = 15

# As for the certificates of RDS, in a network of which nothing leads out.
_UNREACHABLE = "Original Error: *url.Error Get"


def all_in_one(scratch: Path) -> dict[str, Any]:
    """The file into which the entries of the list are merged."""
    more = {
        "teleport": {"storage": {"type": "dir", "path": str(scratch / "data/backend")}},
        "auth_service": {"authentication": {"second_factor": "otp"}},
        "proxy_service": {"public_addr": None},
    }
    return merged(binaries.all_in_one(scratch), more)


def merged(document: Any, patch: Any) -> Any:
    """Merge as an override file is merged: None removes a key."""
    if not isinstance(patch, dict) or not isinstance(document, dict):
        return copy.deepcopy(patch)
    found = {**document, **{key: merged(document.get(key, {}), value) for key, value in patch.items()}}
    return {key: value for key, value in found.items() if not (key in patch and patch[key] is None)}


@pytest.mark.parametrize("case", CASES, ids=[case["name"] for case in CASES])
def test_starts_or_ends_as_listed(tmp_path: Path, case: dict[str, Any]) -> None:
    if case.get("depends_on") in ("edition", "host", "kernel"):
        pytest.skip(f"this depends on the {case['depends_on']}")
    settle = LATE_SECONDS if case["start"] == "refused" else 2
    ended = binaries.start(merged(all_in_one(tmp_path), case["override"]), tmp_path, settle=settle)
    if case["start"] == "accepted" and _UNREACHABLE in ended.said:
        return  # the file is accepted, and what Teleport downloads for it cannot be reached from here
    assert ended.gone == (case["start"] == "refused"), f"{case.get('because', '')}\n{ended.said[-3000:]}"
