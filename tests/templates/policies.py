"""The policies of the templates' roles, made of what `teleport-bootstrap iam-policy` grants for the conf of each.

A template has two lines between which they stand: `#@ policies LAUNCH_TEMPLATE`, `#@ end`. What a switch of the
template adds to a conf's needs is a policy of its own, under the switch's condition.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Mapping
from typing import Any

import yaml

from teleport_bootstrap import records
from teleport_bootstrap.backup.stores import destination
from teleport_bootstrap.conf import conf_file
from teleport_bootstrap.paths import Root
from teleport_bootstrap.permissions import policy, scope, written
from teleport_bootstrap.permissions.need import DOCTOR, WORKING_PARTS, Need
from teleport_bootstrap.plan import activation, requirements, teleport_build
from tests.templates import setups, template
from tests.templates.setups import Setup

BEGIN, END = "#@ policies ", "#@ end"
MADE_BY = "# Made from the conf by `./dev templates`."
# The parts of `iam-policy`, by the name of the policy that has them.
PARTS: Mapping[str, Collection[str]] = {"teleport": WORKING_PARTS, "doctor": (DOCTOR,)}


def written_into(setup: Setup) -> str:
    """Return the text of the template with its policies renewed."""
    lines = []
    is_made = False
    for line in setup.path.read_text().split("\n"):
        word = line.strip()
        if word == END:
            is_made = False
        if not is_made:
            lines.append(line)
        if word.startswith(BEGIN):
            is_made = True
            indentation = line[: len(line) - len(word)]
            lines += [f"{indentation}{each}" for each in _lines(setup, word[len(BEGIN) :])]
    return "\n".join(lines)


def parsed(text: str) -> Any:
    """Return a policy from its JSON."""
    return json.loads(text)


def compact(value: Any) -> str:
    """Return a policy, or a part of one, as IAM counts its characters."""
    return json.dumps(value, separators=(",", ":"), sort_keys=True)


def backups(setup: Setup, parameters: Mapping[str, str], launch_template: str) -> str | None:
    """Return where the backups of an instance go, None for its own disk.

    A backup of an auth server has the keys of the cluster, so that other instances do not get at them.
    """
    bucket = {**setup.required, **parameters}.get("BucketName") if launch_template in setup.backed_up else None
    return f"s3://{bucket}/backups" if bucket else None


def needs(setup: Setup, parameters: Mapping[str, str], launch_template: str, parts: Collection[str]) -> list[Need]:
    """Return what `iam-policy` finds that instances of the launch template need."""
    text = setups.conf_text(setup.filled(**parameters), launch_template)
    conf = requirements.load(text.encode(), launch_template)
    build = teleport_build.ASSUMED
    place = backups(setup, parameters, launch_template)
    found = _needs(conf, build, setup, place, parts)
    return [each for each in (_narrowed(setup, launch_template, one) for one in found) if each.resources]


def _needs(
    conf: conf_file.Conf,
    build: teleport_build.TeleportBuild,
    setup: Setup,
    place: str | None,
    parts: Collection[str],
) -> Iterator[Need]:
    around = policy.Surroundings(
        parameters_key=None if setup.key is None else setups.KEY,
        bucket_key=None if setup.key is None else setups.KEY,
        backups=None if place is None else destination.parse(place, Root("/")),
    )
    subject = policy.Subject(conf, activation.plan(conf, build), build, around)
    yield from policy.needs(subject, scope.Scope(None, None), parts)


def _narrowed(setup: Setup, launch_template: str, need: Need) -> Need:
    resources = (narrow for each in need.resources for narrow in setup.narrowed(launch_template, need.action, each))
    return records.replace(need, resources=tuple(resources))


def _lines(setup: Setup, launch_template: str) -> Iterator[str]:
    yield MADE_BY
    for name, parts in PARTS.items():
        yield from _policy(setup, name, needs(setup, {}, launch_template, parts), None)
        for switch in setup.switches:
            before = set(needs(setup, switch.off, launch_template, parts))
            more = [each for each in needs(setup, switch.on, launch_template, parts) if each not in before]
            if more:
                yield from _policy(setup, f"{name}-{switch.name}", more, switch.condition)


def _policy(setup: Setup, name: str, found: list[Need], condition: str | None) -> Iterator[str]:
    if not found:
        return
    text = written.text(written.CLOUDFORMATION, policy.statements(found), name)
    ((_, resource),) = json.loads(text)["Resources"].items()
    document = _referring(setup, resource["Properties"]["PolicyDocument"])
    for each in document["Statement"]:
        # The names of statements count among the characters that a role may have, and long names of things need them.
        del each["Sid"]
    about: Any = {"PolicyName": name, "PolicyDocument": document}
    if condition is not None:
        about = _Tagged("!If", [condition, about, _Tagged("!Ref", "AWS::NoValue")])
    yield from yaml.dump([about], Dumper=_Dumper, sort_keys=False, default_flow_style=None, width=110).splitlines()


class _Tagged:
    """A function of CloudFormation in its short form."""

    def __init__(self, tag: str, value: Any) -> None:
        self.tag, self.value = tag, value


def _referring(setup: Setup, value: Any) -> Any:
    """Return a part of a policy that refers to parameters and key of the template where it has values of `setups`."""
    if isinstance(value, dict):
        if value.keys() == {"Fn::Sub"}:
            return _text(setup, value["Fn::Sub"])
        return {key: _referring(setup, each) for key, each in value.items()}
    if isinstance(value, list):
        return [_referring(setup, each) for each in value]
    return _text(setup, value)


def _text(setup: Setup, text: str) -> Any:
    for name, thing in setup.things.items():
        if text == thing:
            return _Tagged("!GetAtt" if "." in name else "!Ref", name)
    names = ((setups.CLUSTER, "ClusterName"), (setups.BUCKET, "BucketName"))
    for value, name in (*names, (template.PSEUDO["AWS::StackName"], "AWS::StackName")):
        text = text.replace(value, f"${{{name}}}")
    return _Tagged("!Sub", text) if "${" in text else text


class _Dumper(yaml.SafeDumper):
    def increase_indent(self, flow: bool = False, indentless: bool = False) -> Any:
        """Indent lists, too."""
        return super().increase_indent(flow, False)

    def ignore_aliases(self, data: Any) -> bool:
        """Write everything in full: CloudFormation takes no aliases in some places."""
        return True


def _represent(dumper: yaml.SafeDumper, tagged: _Tagged) -> yaml.Node:
    if isinstance(tagged.value, list):
        return dumper.represent_sequence(tagged.tag, tagged.value)
    style = "'" if tagged.tag == "!Sub" else None
    return dumper.represent_scalar(tagged.tag, tagged.value, style=style)


_Dumper.add_representer(_Tagged, _represent)
