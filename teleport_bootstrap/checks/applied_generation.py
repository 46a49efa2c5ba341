"""The conf and the files of this host are as they were when the current generation was applied."""

from __future__ import annotations

import os
from collections.abc import Iterator

from teleport_bootstrap import errors, paths
from teleport_bootstrap.checks.host_facts import HostFacts
from teleport_bootstrap.finding import WARNING, Finding
from teleport_bootstrap.host import directory, trust
from teleport_bootstrap.plan import instance_facts
from teleport_bootstrap.records import replace
from teleport_bootstrap.state import current, generations, manual_edits

# The code of the one finding that is not about a difference.
UNCONFIRMED = "generation-unconfirmed"
_APPLY = "run `teleport-bootstrap reconfigure` to apply it"
_WRITE_AGAIN = "write it again, then run `teleport-bootstrap reconfigure`"
_COMPARE = (
    "correct it, then run `teleport-bootstrap reconfigure`; with `--dry-run`, that shows what the conf would change"
)
_REPAIR = "run `teleport-bootstrap reconfigure` to repair it"


def check(host: HostFacts) -> Iterator[Finding]:
    """Report a generation that is not confirmed, and a conf and files that differ from it."""
    if host.current is None or host.generation is None:
        return
    yield from _confirmation(host.current, host.generation)
    yield from _conf(host, host.current, host.generation)
    yield from _files(host.root, host.current, host.generation)


def _confirmation(now: current.Current, generation: generations.Generation) -> Iterator[Finding]:
    if now.confirmed:
        return
    undo = ", or `teleport-bootstrap restore --undo` to go back" if generation.made_by.startswith("restore ") else ""
    yield Finding(
        WARNING,
        UNCONFIRMED,
        f"generation {now.generation}",
        f"generation {now.generation} has not been confirmed healthy",
        f"run `teleport-bootstrap reconfigure` to check it{undo}",
    )


def _conf(host: HostFacts, now: current.Current, generation: generations.Generation) -> Iterator[Finding]:
    path = host.root.path(paths.CONF)
    if host.conf.problems:
        # Nothing reads it before the next boot or change: this host works as it is.
        yield from (replace(each, severity=WARNING) for each in host.conf.problems)
        message = f"{path} is invalid, so generation {now.generation} stays applied, and the next boot reports an error"
        remedy = "correct the lines above, then run `teleport-bootstrap validate` and `teleport-bootstrap reconfigure`"
        yield Finding(WARNING, "conf-invalid", path, message, remedy)
        return
    try:
        data = trust.read(host.root, paths.CONF)
    except errors.BootstrapError:
        return  # among what is unreadable already
    if data is None:
        yield Finding(WARNING, "conf-deleted", path, f"{path} has been deleted", _WRITE_AGAIN)
    elif generations.digest(data) == now.rejected_conf_sha256:
        message = current.not_followed(host.root, now.generation, now.rejected_because)
        yield Finding(WARNING, "conf-not-followed", path, message, _COMPARE)
    elif not current.counts_as_applied(now, generation, data):
        yield Finding(WARNING, "conf-edited", path, f"{path} has been edited since it was applied", _APPLY)


def _next_step(root: paths.Root, now: current.Current) -> str:
    """Return what to do about an edited teleport.yaml."""
    discard = "`teleport-bootstrap reconfigure --discard-edits` to drop it"
    broken = manual_edits.unreadable(root)
    if broken:
        return f"correct it ({broken}), or run {discard}"
    data = directory.content(root, paths.TELEPORT_YAML) or b""
    if now.adopted_sha256 == generations.digest(data) and os.path.lexists(root.path(instance_facts.ADOPTED)):
        return "it is adopted: run `teleport-bootstrap reconfigure` to record it as applied"
    return f"run `teleport-bootstrap adopt` to keep the edit, or {discard}"


def _files(root: paths.Root, now: current.Current, generation: generations.Generation) -> Iterator[Finding]:
    content = manual_edits.text(root, paths.TELEPORT_YAML)
    if content not in (None, generation.teleport_yaml.content):
        path = root.path(paths.TELEPORT_YAML)
        message = f"{path} has been edited since it was applied"
        yield Finding(WARNING, "teleport-yaml-edited", path, message, _next_step(root, now))
    for each in generation.files:
        path, content = root.path(each.path), manual_edits.text(root, each.path)
        if content is None:
            yield Finding(WARNING, "file-missing", path, f"{path} is missing", _REPAIR)
        elif content != each.content:
            yield Finding(WARNING, "file-changed", path, f"{path} is not what was applied", _REPAIR)
    for path in generation.absent:
        if manual_edits.text(root, path) is not None:
            shown = root.path(path)
            remedy = "run `teleport-bootstrap reconfigure` to remove it"
            yield Finding(WARNING, "file-unexpected", shown, f"{shown} should not exist", remedy)
