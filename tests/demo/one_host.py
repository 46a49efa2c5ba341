"""The main job, to look at: a conf in; teleport.yaml, markers, files and unit actions out. `./dev demo [CONF]` runs it.

The real command runs against a simulated metadata service and simulated AWS APIs on loopback, with `--root` on a
scratch directory that is gone afterwards. No Teleport is needed.
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
import time
from pathlib import Path
from typing import Any, Optional

from tests.demo.scene import TELEPORT_VERSION, as_on_the_instance, caption, failure, show
from tests.demo.scene import run as agent
from tests.simulated_ec2 import SimulatedEc2

GUIDE = Path(__file__).parents[1] / "simulated_ec2" / "guide.conf"
REGION = "us-east-1"  # where the simulated instance is

# The accounts that the package makes, so that files in the scratch directory get their real owners.
PASSWD = "root:x:0:0::/root:/bin/bash\nteleport:x:990:990::/var/lib/teleport:/usr/sbin/nologin\n"
GROUP = "root:x:0:\nadm:x:4:\nteleport:x:990:\n"
ACCOUNTS = {0: "root", 4: "adm", 990: "teleport"}


def main(named: Optional[str]) -> int:
    """Show the demo for the conf that is `named`, by default the guide's; return the exit status."""
    began = time.monotonic()
    conf = Path(named) if named is not None else GUIDE
    try:
        text = conf.read_bytes()
    except OSError as error:
        print(f"{conf}: {error.strerror}", file=sys.stderr)
        return 2
    with tempfile.TemporaryDirectory(prefix="teleport-bootstrap-demo-") as scratch:
        root = Path(scratch)
        checked = agent(root, "validate", str(conf), "--format", "json")
        if checked.returncode != 0:
            caption("What is wrong with this conf: teleport-bootstrap validate")
            show(agent(root, "validate", str(conf)).stdout)
            return checked.returncode
        variables = json.loads(checked.stdout)["assignments"]
        caption("The conf, as user-data wrote it to /etc/teleport.d/conf")
        show(text.decode() if conf == GUIDE else assignments(variables))
        (root / "etc/teleport.d").mkdir(parents=True)
        (root / "etc/teleport.d/conf").write_bytes(text)
        (root / "etc/passwd").write_text(PASSWD)
        (root / "etc/group").write_text(GROUP)
        region = {each["name"]: each["value"] for each in variables}.get("EC2_REGION") or REGION
        status = demonstrate(root, region)
    if status == 0:
        caption(f"That took {time.monotonic() - began:.1f} seconds, and nothing of it is left. Next: ./dev demo ha")
    return status


def demonstrate(root: Path, region: str) -> int:
    """Run the agent on a simulated instance whose / is `root`, where the conf is already; return the exit status."""
    given = set(files_below(root))
    with SimulatedEc2() as ec2:
        planned = agent(root, "plan", "--teleport-version", TELEPORT_VERSION, "--format", "json", environ=ec2.environ)
        if planned.returncode != 0:
            return failure("plan", planned)
        plan = json.loads(planned.stdout)
        secrets = {each["parameter"]: simulated(each["parameter"]) for each in plan["secrets"] if each["parameter"]}
        if secrets:
            caption(f"SSM parameters of the simulated AWS in {region}, which this conf needs")
            show("\n".join(secrets))
            ec2.aws.put_parameters(secrets, region=region)
        began = time.monotonic()
        done = agent(root, "generate", "--teleport-version", TELEPORT_VERSION, environ=ec2.environ)
        seconds = time.monotonic() - began
        again = agent(root, "generate", "--teleport-version", TELEPORT_VERSION, environ=ec2.environ)

    caption(f"teleport-bootstrap generate, for Teleport {TELEPORT_VERSION}: {seconds:.1f} seconds")
    if done.returncode != 0:
        return failure("generate", done)
    show(as_on_the_instance(root, done.stdout))

    caption("/etc/teleport.yaml, as Teleport will read it")
    show(as_on_the_instance(root, (root / "etc/teleport.yaml").read_text()))

    caption("Markers in /etc/teleport.d, which the units look at: exactly one role")
    show("\n".join(plan["markers"]))

    caption("Files with their modes and owners; no secret is readable by others")
    show("\n".join(described(root, path) for path in files_below(root) if path not in given))
    if os.geteuid() != 0:
        show("(all of them are yours here: only root can give files to others)")

    caption("What systemd is asked for when the instance is a real one")
    show(units(plan["systemd"]))
    caption("The environment of that unit: /var/lib/teleport-bootstrap/unit.env")
    show((root / "var/lib/teleport-bootstrap/unit.env").read_text())

    caption("teleport-bootstrap generate again, as at every later boot")
    if again.returncode != 0:
        return failure("generate", again)
    show(as_on_the_instance(root, again.stdout))
    return 0


def simulated(parameter: str) -> str:
    """Return a value for the SSM parameter of this name, of the form that the real one has."""
    return f"sha256:{'5d' * 32}" if parameter.endswith("/ca-pin-hash") else f"a simulated {parameter.split('/')[3]}"


def assignments(variables: list[dict[str, Any]]) -> str:
    """Return the conf as the agent read it, with secrets masked."""
    return "\n".join(f"{each['name']}={each['value']}" for each in variables)


def files_below(root: Path) -> list[Path]:
    """Return every file below `root`, relative to it, in order."""
    return sorted(path.relative_to(root) for path in root.rglob("*") if not path.is_dir())


def described(root: Path, path: Path) -> str:
    """Return mode, owner, group and path of a file, as `ls -l` would."""
    status = (root / path).lstat()
    owner, group = (ACCOUNTS.get(number, str(number)) for number in (status.st_uid, status.st_gid))
    return f"{status.st_mode & 0o7777:04o}  {owner}:{group}  /{path}"


def units(wanted: dict[str, list[str]]) -> str:
    """Return the unit actions of a plan as the systemctl calls they stand for."""
    first = [f"systemctl {verb} {unit}" for verb in ("enable", "start") for unit in wanted[verb]]
    others = sorted({*wanted["disable"], *wanted["stop"]})
    return "\n".join([*first, "", "and, if they were enabled or running, disable and stop:", *others])
