"""`generate`, which stands between a boot and Teleport, beside the shell scripts of the public images."""

from __future__ import annotations

import shutil
from pathlib import Path

from benchmarks import aws_cli, measuring
from benchmarks.measuring import Figures, Side
from benchmarks.row import Row
from benchmarks.setting import TELEPORT_VERSION, Setting

GROUP = "generate"
COMMAND = f"./dev bench --only {GROUP}"

AUTH = "`generate`, auth server with a license, against the images' scripts"
AUTH_V2 = "the same, against scripts with version 2 of the AWS command line"
NODE = "`generate`, node with token and CA pin, against the images' scripts"
NODE_V2 = "the same for the node, against scripts with version 2"
IMPORTS = "`generate`, auth server, against `import requests, jinja2, yaml`"
MEMORY = "peak memory of this `generate`, beside that of these imports"
NAMES = (AUTH, AUTH_V2, NODE, NODE_V2, IMPORTS, MEMORY)

_CONFS = {
    "auth": """\
TELEPORT_ROLE=auth
EC2_REGION=us-east-1
TELEPORT_CLUSTER_NAME=teleport.example.com
TELEPORT_DOMAIN_NAME=teleport.example.com
TELEPORT_AUTH_SERVER_LB=auth.example.com
TELEPORT_DYNAMO_TABLE_NAME=teleport-state
TELEPORT_DYNAMO_EVENTS_TABLE_NAME=teleport-events
TELEPORT_LOCKS_TABLE_NAME=teleport-locks
TELEPORT_S3_BUCKET=teleport-recordings
TELEPORT_LICENSE_PATH=license.pem
USE_ACM=true
""",
    "node": """\
TELEPORT_ROLE=node
EC2_REGION=us-east-1
TELEPORT_CLUSTER_NAME=teleport.example.com
TELEPORT_AUTH_SERVER_LB=auth.example.com
""",
}
_PARAMETERS = {
    "license": "-----BEGIN CERTIFICATE-----\n" + "c2ltdWxhdGVk" * 200 + "\n-----END CERTIFICATE-----\n",
    "tokens/node": "0123456789abcdef0123456789abcdef",
}
_PIN = {"ca-pin-hash": "sha256:" + "5d" * 32}
_SCRIPT = Path(__file__).with_name("images_way.sh")


def rows(setting: Setting) -> list[Row]:
    """Measure both roles; raises measuring.Failed."""
    for kind, parameters in (("SecureString", _PARAMETERS), ("String", _PIN)):
        named = {f"/teleport/teleport.example.com/{name}": value for name, value in parameters.items()}
        setting.ec2.aws.put_parameters(named, kind=kind)
    auth, node = (_measure(setting, role) for role in ("auth", "node"))
    found = [
        *_against_scripts(AUTH, AUTH_V2, auth, target=0.42),
        *_against_scripts(NODE, NODE_V2, node, target=0.22),
        _row(IMPORTS, auth, "imports", target=1.4),
    ]
    memory = auth.mebibytes("before") if "before" in auth else None
    found.append(
        Row(
            MEMORY,
            auth.mebibytes("this"),
            auth.mebibytes("imports"),
            None,
            36.0,
            "MiB",
            COMMAND,
            before=memory,
            word="beside",
        )
    )
    return found


def _measure(setting: Setting, role: str) -> Figures:
    sides = {}
    programs = {"version 1": aws_cli.version_1(), "version 2": aws_cli.version_2()}
    root = setting.scratch / role
    for name, side in setting.agent(
        *("--root", str(root), "generate", "--teleport-version", TELEPORT_VERSION),
        prepare=lambda: _new_root(setting, role),
    ).items():
        sides[name] = side
    for name, program in programs.items():
        if program is not None:
            sides[name] = _scripts(setting, role, root, program)
    sides["imports"] = setting.python("import requests, jinja2, yaml")
    return measuring.in_turn(setting.runner, sides, setting.rounds)


def _scripts(setting: Setting, role: str, root: Path, program: str) -> Side:
    environ = setting.environ(
        ROOT=str(root),
        UNIT=str(root / "etc/systemd/system/teleport.service"),
        METADATA_URL=setting.ec2.imds.url,
        AWS_URL=setting.ec2.aws.url,
        AWS_PROGRAM=program,
    )
    bash = shutil.which("bash") or "/bin/bash"
    return Side((bash, str(_SCRIPT)), environ, lambda: _new_root(setting, role))


def _new_root(setting: Setting, role: str) -> None:
    root = setting.root(role, _CONFS[role])
    unit = root / "etc/systemd/system/teleport.service"
    unit.parent.mkdir(parents=True)
    unit.write_text("[Service]\nExecStart=/usr/local/bin/teleport start\n", encoding="utf-8")


def _against_scripts(name: str, name_of_version_2: str, figures: Figures, *, target: float) -> list[Row]:
    found = [_row(name, figures, "version 1", target=target)]
    if "version 2" in figures:
        found.append(_row(name_of_version_2, figures, "version 2", target=None))
    return found


def _row(name: str, figures: Figures, other: str, *, target: float | None) -> Row:
    before = figures.ratio("before", other) if "before" in figures else None
    return Row(
        name,
        figures.milliseconds("this"),
        figures.milliseconds(other),
        figures.ratio("this", other),
        target,
        "ms",
        COMMAND,
        before=before,
        spread=figures.spread("this", other),
    )
