"""A teleport.yaml that this program did not write holds no placeholder, fragment or contradiction."""

from __future__ import annotations

from collections.abc import Iterator

from teleport_bootstrap import paths
from teleport_bootstrap.checks.host_facts import HostFacts
from teleport_bootstrap.finding import Finding
from teleport_bootstrap.host import directory
from teleport_bootstrap.plan import manual_file, plan_model


def check(host: HostFacts) -> Iterator[Finding]:
    """Report what is wrong with a file that differs from what was applied."""
    content = directory.content(host.root, paths.TELEPORT_YAML)
    wanted = host.conf.wanted
    if content is None or host.build is None or not isinstance(wanted, plan_model.Activation):
        return
    if host.generation is not None and host.generation.teleport_yaml.content.encode() == content:
        return
    yield from manual_file.judge(content, host.root.path(paths.TELEPORT_YAML), host.build, wanted.deployment)
