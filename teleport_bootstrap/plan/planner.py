"""The one function that everything here serves: inputs in, a Plan out."""

from __future__ import annotations

import teleport_bootstrap
from teleport_bootstrap import paths
from teleport_bootstrap.conf import conf
from teleport_bootstrap.ec2 import facts
from teleport_bootstrap.plan import activation, document, inputs, model, render, sourced, teleport_build


def plan(settings: conf.Conf, instance: facts.Facts, build: teleport_build.TeleportBuild) -> model.Plan:
    """Return what `instance` should become according to `settings`, for the Teleport in `build`.

    Does no input or output. Raises ConfInvalid with all that does not fit together, TeleportUnsupported where the
    build cannot do it, and RenderMismatch where the file would not say what was planned.
    """
    activated = activation.plan(settings, build)
    given = inputs.Inputs(settings, activated.deployment, instance, build)
    tree = document.build(given)
    wanted = sourced.document(tree)
    place = activated.deployment.place
    runs_as_root = place.user == "root"
    text = render.templated(wanted, header(settings, instance, build))
    return model.Plan(
        activation=activated,
        document=wanted,
        tree=tree,
        teleport_yaml=model.PlannedFile(
            paths.TELEPORT_YAML,
            text,
            mode=0o600 if runs_as_root else 0o640,
            owner="root",
            group=place.group,
        ),
        notes=(*activated.notes, *instance.notes),
    )


def header(settings: conf.Conf, instance: facts.Facts, build: teleport_build.TeleportBuild) -> dict[str, str]:
    """Return what the head of the file says of its origin."""
    return {
        "program": f"teleport-bootstrap {teleport_bootstrap.__version__}",
        "conf": settings.path,
        "instance": instance.instance_id,
        "teleport": f"Teleport {build.major}" if build.assumed else f"Teleport {build.version}",
    }
