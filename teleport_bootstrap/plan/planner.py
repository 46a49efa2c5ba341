"""The planner: from the conf, the instance and the Teleport build to a Plan."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence

import teleport_bootstrap
from teleport_bootstrap import errors, paths, records
from teleport_bootstrap.conf import conf_file, deployment
from teleport_bootstrap.conf.resource import Resource
from teleport_bootstrap.ec2 import facts
from teleport_bootstrap.finding import Finding, errors_in, note
from teleport_bootstrap.hints import Any
from teleport_bootstrap.plan import (
    activation,
    document,
    overrides,
    plan_inputs,
    plan_model,
    provenance,
    requirements,
    resources,
    secret_mask,
    teleport_build,
    yaml_text,
)
from teleport_bootstrap.plan.checks import (
    addresses,
    authentication,
    joining,
    other_services,
    process,
    proxy,
    shape,
    storage,
)
from teleport_bootstrap.plan.checks import resources as resource_checks
from teleport_bootstrap.plan.checks.context import Context

# The code of a theme's findings, and what checks it, in the order of the report.
_CHECKS = {
    "document-shape": shape.check,
    "document-joining": joining.check,
    "document-address": addresses.check,
    "document-listener": addresses.check_ports,
    "document-proxy": proxy.check,
    "document-authentication": authentication.check,
    "document-auth": authentication.check_auth_service,
    "document-storage": storage.check,
    "document-process": process.check,
    "document-service": other_services.check,
    "document-label": resource_checks.check_labels,
    "document-agent": resource_checks.check_agent,
    "document-role": shape.check_role,
}


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
    settled = settle(conf, instance, build, override_files)
    names = tuple(paths.on_instance(file.path) for file in override_files)
    wanted = provenance.document(settled.tree)
    place = settled.activation.deployment.place
    return plan_model.Plan(
        activation=settled.activation,
        document=wanted,
        tree=settled.tree,
        teleport_yaml=plan_model.PlannedFile(
            paths.TELEPORT_YAML,
            yaml_text.teleport_yaml(wanted, header(conf, instance, build), names),
            mode=0o600 if place.user == "root" else 0o640,
            owner="root",
            group=place.group,
        ),
        notes=settled.notes,
        override_files=names,
        removed=settled.removed,
    )


@records.dataclass(frozen=True)
class Settled:
    """What a plan says before its file is written: all that can be wrong with a conf has been found by then."""

    activation: plan_model.Activation
    tree: dict[str, Any]
    notes: tuple[str, ...]
    removed: tuple[overrides.Removed, ...]


def settle(
    conf: conf_file.Conf,
    instance: facts.Facts,
    build: teleport_build.TeleportBuild,
    override_files: Sequence[overrides.Override] = (),
) -> Settled:
    """Return the document for `plan`; raises what that raises, but for RenderMismatch."""
    activated, left_out, merged = _merged(conf, instance, build, override_files)
    # Last, because tools append more settings of auth_service to the end of the file.
    tree = dict(sorted(merged.tree.items(), key=lambda item: item[0] == "auth_service"))
    wanted = provenance.document(tree)
    findings = _judged(functools.partial(Context, tree, wanted, build, activated.deployment, merged.removed))
    refused = errors_in(findings)
    if refused:
        raise errors.DocumentInvalid(refused)
    notes = (
        *activated.notes,
        *resources.notes(left_out),
        *instance.notes,
        *merged.notes,
        *(note(finding) for finding in findings if not finding.is_error),
    )
    secrets = secret_mask.secrets_of(wanted)
    return Settled(activated, tree, tuple(secret_mask.in_message(each, secrets) for each in notes), merged.removed)


def _faults_in_document(inputs: plan_inputs.Inputs) -> dict[Resource, list[Finding]]:
    """Return the resources that Teleport would refuse as the conf describes them, with what is wrong with each."""
    tree = document.build(inputs)
    judged = _judged(functools.partial(Context, tree, provenance.document(tree), inputs.build, inputs.deployment, ()))
    return resources.faults_in_document(errors_in(judged), inputs.served)


def unjudged(
    conf: conf_file.Conf,
    instance: facts.Facts,
    build: teleport_build.TeleportBuild,
    override_files: Sequence[overrides.Override] = (),
) -> dict[str, Any]:
    """Return the document that `plan` would judge; raises as it does, but for DocumentInvalid and RenderMismatch."""
    found: dict[str, Any] = provenance.document(_merged(conf, instance, build, override_files)[2].tree)
    return found


def _merged(
    conf: conf_file.Conf,
    instance: facts.Facts,
    build: teleport_build.TeleportBuild,
    override_files: Sequence[overrides.Override],
) -> tuple[plan_model.Activation, dict[Resource, list[Finding]], overrides.Merged]:
    """Return the activation, the resources that are left out with their faults, and the document, not judged yet."""
    activated = activation.on_network(activation.plan(conf, build), is_ipv6_only=instance.is_ipv6_only)
    inputs = plan_inputs.Inputs(conf, activated.deployment, instance, build)
    left_out = requirements.left_out(conf, fips=build.fips)
    if resources.keeps_ssh(activated.deployment):
        inputs = records.replace(inputs, left_out=frozenset(left_out))
        left_out = {**left_out, **_faults_in_document(inputs)}
        inputs = records.replace(inputs, left_out=frozenset(left_out))
    merged = overrides.merge(document.build(inputs), override_files)
    return activated, left_out, merged


def judge(
    tree: dict[str, Any], build: teleport_build.TeleportBuild, wanted: deployment.Deployment
) -> tuple[Finding, ...]:
    """Return what is wrong with a document that was not planned, for a host that is `wanted` to be this."""
    return _judged(functools.partial(Context, tree, provenance.document(tree), build, wanted, ()))


def header(conf: conf_file.Conf, instance: facts.Facts, build: teleport_build.TeleportBuild) -> dict[str, str]:
    """Return what the head of the file says about its origin."""
    return {
        "program": f"teleport-bootstrap {teleport_bootstrap.__version__}",
        "conf": paths.on_instance(conf.path),
        "instance": instance.instance_id,
        "teleport": f"Teleport {build.major}" if build.assumed else f"Teleport {build.version}",
    }


def _judged(context: Callable[[str], Context]) -> tuple[Finding, ...]:
    """Return everything that is wrong with a document, errors before warnings, each theme in its order.

    Where the sections themselves are not mappings, nothing else can be judged, and only that is returned.
    """
    broken = tuple(shape.sections(context("document-shape")))
    if broken:
        return broken
    secrets = secret_mask.secrets_of(context("").document)
    found = [_without_secrets(finding, secrets) for code, check in _CHECKS.items() for finding in check(context(code))]
    return tuple(sorted(found, key=lambda finding: not finding.is_error))


def _without_secrets(finding: Finding, secrets: Sequence[str]) -> Finding:
    """Return `finding` without the `secrets` of the document, which it may quote."""
    message, remedy = (secret_mask.in_message(text, secrets) for text in (finding.message, finding.remedy))
    return records.replace(finding, message=message, remedy=remedy)
