"""The planner: from the conf, the instance and the Teleport build to a Plan."""

from __future__ import annotations

from collections.abc import Sequence

import teleport_bootstrap
from teleport_bootstrap import errors, paths
from teleport_bootstrap.conf import conf_file
from teleport_bootstrap.ec2 import facts
from teleport_bootstrap.finding import errors_in
from teleport_bootstrap.plan import (
    activation,
    document,
    document_checks,
    overrides,
    plan_inputs,
    plan_model,
    provenance,
    teleport_build,
    yaml_text,
)


def plan(
    conf: conf_file.Conf,
    instance: facts.Facts,
    build: teleport_build.TeleportBuild,
    override_files: Sequence[overrides.Override] = (),
) -> plan_model.Plan:
    """Return what `instance` should become according to `conf` and the overrides, for the Teleport in `build`.

    Does no input or output. Raises ConfInvalid for values that do not fit together, TeleportUnsupported where the
    build cannot do it, OverrideInvalid for override files that are wrong, DocumentInvalid for a result that Teleport
    would refuse, each with all findings; and RenderMismatch where the file would not say what was planned.
    """
    activated = activation.plan(conf, build)
    inputs = plan_inputs.Inputs(conf, activated.deployment, instance, build)
    merged = overrides.merge(document.build(inputs), override_files)
    tree = document.with_auth_service_last(merged.tree)
    findings = document_checks.check(tree, build=build, deployment=activated.deployment, removed=merged.removed)
    refused = errors_in(findings)
    if refused:
        raise errors.DocumentInvalid(refused)
    wanted = provenance.document(tree)
    names = tuple(paths.on_instance(file.path) for file in override_files)
    place = activated.deployment.place
    runs_as_root = place.user == "root"
    return plan_model.Plan(
        activation=activated,
        document=wanted,
        tree=tree,
        teleport_yaml=plan_model.PlannedFile(
            paths.TELEPORT_YAML,
            yaml_text.teleport_yaml(wanted, header(conf, instance, build), names),
            mode=0o600 if runs_as_root else 0o640,
            owner="root",
            group=place.group,
        ),
        notes=(
            *activated.notes,
            *instance.notes,
            *merged.notes,
            *(str(finding) for finding in findings if not finding.is_error),
        ),
        override_files=names,
        removed=merged.removed,
    )


def header(conf: conf_file.Conf, instance: facts.Facts, build: teleport_build.TeleportBuild) -> dict[str, str]:
    """Return what the head of the file says about its origin."""
    return {
        "program": f"teleport-bootstrap {teleport_bootstrap.__version__}",
        "conf": paths.on_instance(conf.path),
        "instance": instance.instance_id,
        "teleport": f"Teleport {build.major}" if build.assumed else f"Teleport {build.version}",
    }
