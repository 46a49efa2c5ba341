"""adopt, killed or failing at each call that changes a file: the override is there as a whole, or not at all."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.simulated import kill_sweep
from tests.simulated.agent import GUIDE, Agent, needs_strace
from tests.simulated_ec2 import imds as emulator


@pytest.fixture
def prepared(tmp_path: Path, imds: emulator.Server) -> kill_sweep.Prepared:
    """A host with an adopted edit, on which teleport.yaml was edited again."""
    root = tmp_path / "root"
    root.mkdir()
    agent = Agent(root, imds=imds.url, environ={"PYTHONHASHSEED": "0"})
    agent.conf(GUIDE).chmod(0o600)
    assert agent.generate().status == 0
    text = agent.teleport_yaml.read_text()
    agent.teleport_yaml.write_text(text.replace("severity: INFO", "severity: DEBUG"))
    assert agent.run("adopt").status == 0
    agent.teleport_yaml.write_text(agent.teleport_yaml.read_text().replace("severity: DEBUG", "severity: WARN"))
    return kill_sweep.Prepared(agent, "adopt")


@needs_strace
def test_killed_at_any_call_the_override_is_the_old_one_or_the_new(prepared: kill_sweep.Prepared) -> None:
    assert prepared.before != prepared.after
    seen = set()
    for point in kill_sweep.sample(prepared.points):
        prepared.kill_at(point)
        recovered, over = prepared.recover()
        assert recovered in (prepared.before, prepared.after) and over == [], point
        seen.add("old" if recovered == prepared.before else "new")
        assert prepared.outcome_of(prepared.command) == prepared.after, point
        assert kill_sweep.leftovers(prepared.agent.root) == [], point
    assert seen == {"old", "new"}


@needs_strace
def test_failing_at_any_call_it_says_so_and_nothing_is_half_written(prepared: kill_sweep.Prepared) -> None:
    for point, trouble in prepared.failures():
        place = f"{trouble} at {point}"
        ended = prepared.fail_at(point, trouble)
        assert "Traceback" not in ended.errors and "unforeseen" not in ended.errors, place
        assert ended.status in (0, 6), (place, ended.errors)
        recovered, over = prepared.recover()
        assert recovered == (prepared.after if ended.status == 0 else prepared.before) and over == [], place
