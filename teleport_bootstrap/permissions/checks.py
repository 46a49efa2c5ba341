"""What `doctor` asks of AWS besides what the other parts may do anyway. All of it reads."""

from __future__ import annotations

from collections.abc import Iterator

from teleport_bootstrap.conf import conf_file
from teleport_bootstrap.permissions import instance_checks, network_checks, signals, stored_data
from teleport_bootstrap.permissions.need import Need
from teleport_bootstrap.permissions.scope import Scope
from teleport_bootstrap.plan import plan_model


def needs(
    conf: conf_file.Conf,
    activated: plan_model.Activation,
    scope: Scope,
    *,
    parameters_key: str | None,
    bucket_key: str | None,
) -> Iterator[Need]:
    """Yield what the checks of the role call; the keys are those of the parameters and of the bucket."""
    yield from instance_checks.needs(scope)
    yield from stored_data.needs(conf, activated, scope, parameters_key=parameters_key, bucket_key=bucket_key)
    yield from network_checks.needs(conf, activated, scope)
    yield from signals.checks(conf, scope)
