"""Making a generation of a plan, and the conf's text without its secrets."""

from __future__ import annotations

import dataclasses
import datetime
import os

import teleport_bootstrap
from teleport_bootstrap import paths
from teleport_bootstrap.conf import conf_file
from teleport_bootstrap.host import trust
from teleport_bootstrap.plan import plan_model, teleport_build
from teleport_bootstrap.state import generations


def make(
    root: paths.Root, plan: plan_model.Plan, build: teleport_build.TeleportBuild, *, made_by: str, reason: str
) -> generations.Generation:
    """Return the next generation, for `plan`; `made_by` is the command, `reason` what it was run for."""
    wanted = plan.activation
    data = trust.read(root, paths.CONF) or b""
    return generations.Generation(
        number=max([0, *generations.numbers(root)]) + 1,
        made_at=datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="seconds"),
        made_by=f"{made_by} by {_who()}",
        reason=reason,
        agent_version=teleport_bootstrap.__version__,
        teleport_version=build.version,
        role=wanted.deployment.role.value,
        conf=shown_conf(data),
        conf_sha256=generations.digest(data),
        document=plan.document,
        teleport_yaml=plan.teleport_yaml,
        **{field.name: getattr(wanted, field.name) for field in dataclasses.fields(plan_model.Applicable)},
    )


def shown_conf(data: bytes) -> str:
    """Return the assignments of a conf, one a line, with a mask for each secret and without its comments."""
    return "".join(f"{each.name}={each.value}\n" for each in conf_file.inspect(data).variables)


def conf_digest(root: paths.Root) -> str | None:
    """Return the digest of the conf as it is now, None without one; raises as `trust.read` does."""
    data = trust.read(root, paths.CONF)
    return None if data is None else generations.digest(data)


def _who() -> str:
    """Return who is at work: the person behind sudo, otherwise the account."""
    return os.environ.get("SUDO_USER") or f"user {os.getuid()}"
