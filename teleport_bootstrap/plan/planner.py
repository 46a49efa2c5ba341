"""The one function that everything here serves: inputs in, a Plan out."""

from __future__ import annotations

from collections.abc import Sequence

import teleport_bootstrap
from teleport_bootstrap import errors, paths
from teleport_bootstrap.conf import conf
from teleport_bootstrap.ec2 import facts
from teleport_bootstrap.plan import (
    activation,
    document,
    inputs,
    judgement,
    model,
    overrides,
    render,
    sourced,
    teleport_build,
)


def plan(
    settings: conf.Conf,
    instance: facts.Facts,
    build: teleport_build.TeleportBuild,
    override_files: Sequence[overrides.Override] = (),
) -> model.Plan:
    """Return what `instance` should become according to `settings` and the overrides, for the Teleport in `build`.

    Does no input or output. Raises ConfInvalid with all that does not fit together, TeleportUnsupported where the
    build cannot do it, OverrideInvalid with all that is wrong with the override files, DocumentInvalid with all that
    Teleport would refuse of the result, and RenderMismatch where the file would not say what was planned.
    """
    activated = activation.plan(settings, build)
    given = inputs.Inputs(settings, activated.deployment, instance, build)
    merged = overrides.merge(document.build(given), override_files)
    findings = judgement.check(merged.tree, build=build, deployment=activated.deployment, removed=merged.removed)
    refused = [finding for finding in findings if not finding.warning]
    if refused:
        raise errors.DocumentInvalid(
            tuple(finding.describe() for finding in refused), tuple(finding.data() for finding in refused)
        )
    wanted = sourced.document(merged.tree)
    names = tuple(paths.on_instance(file.path) for file in override_files)
    place = activated.deployment.place
    runs_as_root = place.user == "root"
    head = header(settings, instance, build)
    text = render.dumped(wanted, head, names) if names else render.templated(wanted, head)
    return model.Plan(
        activation=activated,
        document=wanted,
        tree=merged.tree,
        teleport_yaml=model.PlannedFile(
            paths.TELEPORT_YAML,
            text,
            mode=0o600 if runs_as_root else 0o640,
            owner="root",
            group=place.group,
        ),
        notes=(
            *activated.notes,
            *instance.notes,
            *merged.notes,
            *(finding.describe() for finding in findings if finding.warning),
        ),
        override_files=names,
        removed=merged.removed,
    )


def header(settings: conf.Conf, instance: facts.Facts, build: teleport_build.TeleportBuild) -> dict[str, str]:
    """Return what the head of the file says of its origin."""
    return {
        "program": f"teleport-bootstrap {teleport_bootstrap.__version__}",
        "conf": paths.on_instance(settings.path),
        "instance": instance.instance_id,
        "teleport": f"Teleport {build.major}" if build.assumed else f"Teleport {build.version}",
    }
