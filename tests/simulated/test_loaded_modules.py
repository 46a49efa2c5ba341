"""Which modules each command loads, against a list: what a command does not use, it does not wait for.

The list names every module of this package that runs, and every other that one of these asks for; what that needs in
turn is its own. Python 3.14 begins with fewer modules: `io`, and in some lists `array`, are there for it. To renew a
list, look at what comes in, and at whether the command could do without:

    TELEPORT_BOOTSTRAP_RENEW=1 .venv/bin/python -m pytest tests/simulated/test_loaded_modules.py
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.simulated.agent import CHECKOUT, GUIDE, LICENSE, PIN, TOKEN, Agent
from tests.simulated_ec2 import Aws
from tests.simulated_ec2 import imds as emulator

LIST = Path(__file__).with_name("loaded_modules.json")
RENEW = "TELEPORT_BOOTSTRAP_RENEW" in os.environ

NODE = 'TELEPORT_ROLE=node\nTELEPORT_CLUSTER_NAME=cluster-1\nTELEPORT_AUTH_SERVER_LB="auth.example.com"\n'
METADATA = "local-ipv4: 10.0.0.12\nlocal-hostname: ip-10-0-0-12.ec2.internal\ninstance-id: i-1\nregion: us-east-1\n"
OWN = "teleport_bootstrap"

# Runs the command that its arguments say, and writes each module that ran, and the first one that asked for it.
PROGRAM = """
import atexit, json, os, sys
checkout, report = sys.argv[1:3]
sys.argv[:] = ["teleport-bootstrap", *sys.argv[3:]]
sys.path.insert(0, checkout)
asked, before = {}, set(sys.modules)

def asker():
    frame = sys._getframe(2)
    while frame.f_back is not None and frame.f_globals.get("__name__", "").startswith(
        ("importlib", "_frozen_importlib", "teleport_bootstrap.lazy_imports")
    ):
        frame = frame.f_back
    return frame.f_globals.get("__name__", "")

class Watch:
    @staticmethod
    def find_spec(name, path=None, target=None):
        asked.setdefault(name, asker())

from teleport_bootstrap import lazy_imports
run = lazy_imports._run

def watched(module):
    name = type(sys).__getattribute__(module, "__name__")
    if name in lazy_imports._pending and not lazy_imports._pending[name].has_begun:
        asked[name] = asker()
    return run(module)

lazy_imports._run = watched
sys.meta_path.insert(0, Watch)

@atexit.register
def write():
    ran = [name for name in sys.modules if name not in before and name not in lazy_imports._pending]
    with open(report, "w") as file:
        json.dump({name: asked.get(name, "") for name in ran}, file)

from teleport_bootstrap.cli import entry
entry.main()
"""


def loaded(agent: Agent, tmp_path: Path, *arguments: str) -> dict[str, str]:
    """Return the modules that count, each with the first one that asked for it."""
    report = tmp_path / "report"
    done = subprocess.run(
        [sys.executable, "-IB", "-c", PROGRAM, str(CHECKOUT), str(report), "--root", str(agent.root), *arguments],
        env=agent.environment(),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode in (0, 9), done.stderr
    found = json.loads(report.read_text())
    return {
        name: by
        for name, by in found.items()
        if name.startswith(OWN) or (by.startswith(OWN) and not name.startswith("_"))
    }


def check(name: str, found: dict[str, str]) -> None:
    """Compare with the list, or renew it."""
    known: dict[str, list[str]] = json.loads(LIST.read_text()) if LIST.exists() else {}
    if RENEW:
        known[name] = sorted(found)
        LIST.write_text(json.dumps(dict(sorted(known.items())), indent=1) + "\n")
        return
    more = [f"{each}, which {found[each]} uses" for each in sorted(found) if each not in known[name]]
    assert not more, f"`{name}` loads more modules than tests/simulated/loaded_modules.json allows: {'; '.join(more)}"


@pytest.fixture
def agent(tmp_path: Path) -> Agent:
    """The command in an empty scratch root."""
    root = tmp_path / "root"
    root.mkdir()
    return Agent(root)


@pytest.fixture
def host(agent: Agent, imds: emulator.Server, aws: Aws) -> Agent:
    """A node, with all that it needs in AWS."""
    agent.imds, agent.aws = imds.url, aws.url
    prefix = "/teleport/cluster-1"
    aws.put_parameters({f"{prefix}/tokens/node": TOKEN, f"{prefix}/ca-pin-hash": PIN, f"{prefix}/license": LICENSE})
    agent.install()
    agent.conf(NODE)
    return agent


def test_issue_16_start_generate_loads_what_it_uses(host: Agent, tmp_path: Path) -> None:
    check("generate", loaded(host, tmp_path, "generate", "--wait", "20"))
    check("generate again", loaded(host, tmp_path, "generate", "--wait", "20"))


def test_issue_16_start_metadata_loads_what_it_uses(host: Agent, tmp_path: Path) -> None:
    check("metadata", loaded(host, tmp_path, "metadata", "local-ipv4"))


def test_issue_16_start_status_loads_what_it_uses(host: Agent, tmp_path: Path) -> None:
    host.run("generate")
    check("status", loaded(host, tmp_path, "status"))


@pytest.mark.parametrize("command", ["validate", "render", "plan", "variables", "history", "--help"])
def test_issue_16_start_a_command_without_network_loads_what_it_uses(
    agent: Agent, tmp_path: Path, command: str
) -> None:
    conf, metadata = tmp_path / "conf", tmp_path / "metadata.yaml"
    conf.write_text(GUIDE)
    metadata.write_text(METADATA)
    more = {
        "validate": [str(conf)],
        "render": ["--conf", str(conf), "--metadata", str(metadata), "--teleport-version", "17.5.1"],
        "plan": ["--conf", str(conf), "--metadata", str(metadata), "--teleport-version", "17.5.1"],
    }
    found = loaded(agent, tmp_path, command, *more.get(command, []))
    check(command, found)
    tops = {name.partition(".")[0] for name in found}
    assert not tops & {"botocore", "dataclasses", "inspect", "jinja2", "requests", "ssl", "typing", "urllib3"}
    assert "yaml" not in tops or command in ("render", "plan")


def test_what_comes_in_is_named_with_what_asks_for_it() -> None:
    if not RENEW:
        with pytest.raises(AssertionError, match=r"`metadata` loads more .*: gone, which teleport_bootstrap.x uses"):
            check("metadata", {"gone": "teleport_bootstrap.x"})
