"""What `doctor` asks of AWS besides what the other parts may do anyway. All of it reads."""

from __future__ import annotations

from collections.abc import Iterator

from teleport_bootstrap.conf import conf_file
from teleport_bootstrap.permissions import instance_checks
from teleport_bootstrap.permissions.need import Need
from teleport_bootstrap.permissions.scope import Scope
from teleport_bootstrap.plan import plan_model


def needs(conf: conf_file.Conf, activated: plan_model.Activation, scope: Scope) -> Iterator[Need]:  # noqa: ARG001
    """Yield what the checks of the role call."""
    yield from instance_checks.needs(scope)
