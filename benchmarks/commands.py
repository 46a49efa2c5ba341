"""Commands that run often, or for which a person waits, beside what no Python program of their kind does without."""

from __future__ import annotations

from benchmarks import measuring
from benchmarks.builds import CHECKOUT
from benchmarks.measuring import Failed, Side
from benchmarks.row import Row
from benchmarks.setting import TELEPORT_VERSION, Setting

GROUP = "commands"
COMMAND = f"./dev bench --only {GROUP}"

METADATA = "`metadata local-ipv4`, a label that each node reads hourly, against `import requests`"
VALIDATE = "`validate` of the guide's conf against the bare interpreter"
RENDER = "`render` of the guide's conf against the bare interpreter"
STATUS = "`status` against `import requests`"
NAMES = (METADATA, VALIDATE, RENDER, STATUS)

_FACTS = """\
local-ipv4: 10.0.0.12
public-ipv4: 203.0.113.12
local-hostname: ip-10-0-0-12.ec2.internal
instance-id: i-0123456789abcdef0
region: us-east-1
"""
# In a root directory without a Teleport, `status` ends with this: broken.
_NOT_HEALTHY = 9


def rows(setting: Setting) -> list[Row]:
    """Measure them; raises measuring.Failed."""
    guide = (CHECKOUT / "tests/simulated_ec2/guide.conf").read_text(encoding="utf-8")
    root = setting.root("guide", guide)
    conf, facts = root / "etc/teleport.d/conf", setting.scratch / "facts.yaml"
    facts.write_text(_FACTS, encoding="utf-8")
    _generate(setting, str(root))
    importing, bare = setting.python("import requests"), setting.python("pass")
    sources = ("--conf", str(conf), "--metadata", str(facts), "--teleport-version", TELEPORT_VERSION)
    return [
        _row(setting, METADATA, setting.agent("--root", str(root), "metadata", "local-ipv4"), importing, 1.15),
        _row(setting, VALIDATE, setting.agent("validate", str(conf)), bare, 5.0),
        _row(setting, RENDER, setting.agent("render", *sources), bare, 8.0),
        _row(setting, STATUS, setting.agent("--root", str(root), "status", status=_NOT_HEALTHY), importing, 0.9),
    ]


def _generate(setting: Setting, root: str) -> None:
    """Generate once, with the build of this checkout: what `metadata` and `status` read."""
    side = setting.agent("--root", root, "generate", "--teleport-version", TELEPORT_VERSION)["this"]
    try:
        setting.runner.run(side)
    except Failed as failed:
        raise Failed(f"nothing to run the commands on: {failed}") from None


def _row(setting: Setting, name: str, ours: dict[str, Side], other: Side, target: float) -> Row:
    figures = measuring.in_turn(setting.runner, {**ours, "other": other}, setting.rounds)
    return Row(
        name,
        figures.milliseconds("this"),
        figures.milliseconds("other"),
        figures.ratio("this", "other"),
        target,
        "ms",
        COMMAND,
        before=figures.ratio("before", "other") if "before" in figures else None,
        spread=figures.spread("this", "other"),
    )
