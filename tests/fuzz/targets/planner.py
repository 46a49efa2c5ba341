"""The whole way from conf, facts and overrides to teleport.yaml and back: the file says the plan, and reads as such."""

from __future__ import annotations

from teleport_bootstrap.conf import conf_file
from teleport_bootstrap.plan import (
    adoption,
    comparison,
    overrides,
    planner,
    provenance,
    secret_mask,
    teleport_build,
    yaml_reading,
)
from tests.fuzz.oracle import catalogue, holds, plain, same
from tests.unit.plan.planning import INSTANCE

LONGEST = 2048
BUILDS = [teleport_build.of_version(each, fips=False) for each in ("17.5.1", "13.2.0", "18.7.0")]


def check(data: bytes) -> None:
    """Take what precedes the first line `%%` for the conf, and the rest for overrides."""
    conf, *files = data.split(b"\n%%\n")[:3]
    build = BUILDS[len(conf) % len(BUILDS)]
    with catalogue():
        loaded = conf_file.load(conf, "/etc/teleport.d/conf")
        given = [
            overrides.Override(f"/etc/teleport.d/teleport.yaml.d/{at}.yaml", text) for at, text in enumerate(files)
        ]
        plan = planner.plan(loaded, INSTANCE, build, given)
        text = plan.teleport_yaml.content
        same(yaml_reading.parse(text), plan.document)
        as_teleport = yaml_reading.parse_as_teleport(text)
        same(adoption.meaning(comparison.as_read(as_teleport)), adoption.meaning(comparison.as_read(plan.document)))
        same(provenance.document(plan.tree), plan.document)
        for note in plan.notes:
            plain(note)
        shown = secret_mask.masked(text)
        for secret in secret_mask.secrets_in(text):
            # A short word may stand elsewhere in the file, for another reason.
            holds(len(secret) < 12 or secret not in shown, (secret, shown))
