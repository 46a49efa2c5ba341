"""`teleport-bootstrap iam-policy`: print the smallest IAM policy that works for a conf."""

from __future__ import annotations

import argparse
import json
import os
from collections.abc import Iterator, Sequence

from teleport_bootstrap import display, errors, log, records, roles
from teleport_bootstrap.backup.stores import destination
from teleport_bootstrap.cli import backup_place, options, result, sources
from teleport_bootstrap.conf import conf_file, variables
from teleport_bootstrap.conf.setting import Setting
from teleport_bootstrap.ec2 import credentials
from teleport_bootstrap.instance import gather
from teleport_bootstrap.permissions import policy, scope, written
from teleport_bootstrap.permissions.need import PARTS, WORKING_PARTS, Condition, Need
from teleport_bootstrap.plan import activation, plan_model

EXAMPLE = "teleport-bootstrap iam-policy --conf ./conf --as terraform"

logger = log.Logger(__name__)

# It is run by hand. A boot, during which the metadata service may come late, does not run it.
_WAIT_SECONDS = 3.0

OPTIONS = (
    options.one_of(
        options.option("--conf", "the conf to read; default: /etc/teleport.d/conf", metavar="FILE"), options.USER_DATA
    ),
    options.option(
        "--role",
        "for all-in-one, auth, proxy, node or agent",
        metavar="ROLE",
        choices=[role.value for role in roles.Role],
    ),
    options.option("--part", "what this part calls; default: all but doctor", action="append", choices=PARTS),
    options.option(
        "--as",
        "json, terraform or cloudformation; default: json",
        metavar="FORM",
        choices=written.FORMS,
        default=written.JSON,
        dest="form",
    ),
    options.flag("--explain", "print each action with the call that needs it"),
    options.option("--account", "the AWS account; default: that of this instance", metavar="ID"),
    options.option("--region", "the region; default: as in the conf, or here", metavar="NAME"),
    options.option("--backups", "where backups go; default: as this host's timer", metavar="DESTINATION"),
    options.option("--parameters-key", "KMS key of the parameters; default: AWS's own", metavar="KEY"),
    options.option("--bucket-key", "the KMS key of the buckets; default: S3's own", metavar="KEY"),
    options.option("--hosted-zone", "the domain's zone in Route 53, for Let's Encrypt", metavar="ID"),
    options.option("--auto-scaling-group", "the group of lifecycle hooks; default: any", metavar="NAME"),
    options.option("--teleport-version", "default: the installed one", metavar="X.Y.Z"),
)


def run(arguments: argparse.Namespace) -> result.Result:
    """Print the policy; notes go to the log."""
    root = options.root(arguments)
    conf = _conf(arguments)
    build = gather.build(root, gather.NamedBuild(arguments.teleport_version), conf)
    activated = activation.plan(conf, build)
    found_scope = _scope(arguments, conf)
    around = policy.Surroundings(
        parameters_key=arguments.parameters_key or conf.value(variables.TELEPORT_SSM_KMS_KEY_ID),
        bucket_key=arguments.bucket_key,
        zone=arguments.hosted_zone,
        backups=_backups(arguments),
        group=arguments.auto_scaling_group,
    )
    needs = policy.needs(policy.Subject(conf, activated, build, around), found_scope, arguments.part or WORKING_PARTS)
    statements = policy.statements(needs)
    notes = tuple(_notes(arguments, activated, around, statements))
    for note in notes:
        logger.warning("%s", note)
    role = activated.deployment.role.value
    text = written.text(arguments.form, statements, f"teleport-{role}")
    data = {"role": role, "form": arguments.form, "content": text, "needs": [_data(each) for each in needs]}
    return result.Result(_explained(needs) if arguments.explain else display.Block(text), data)


def _conf(arguments: argparse.Namespace) -> conf_file.Conf:
    """Return the conf; with --role, as if it named that role."""
    conf = sources.load(options.root(arguments), arguments, is_whole=True)
    gather.log_warnings(conf)
    if arguments.role is None:
        return conf
    variable = variables.TELEPORT_ROLE
    value = next(value for value, role in roles.BY_CONF_VALUE.items() if role.value == arguments.role)
    named = Setting(variable, variable.parse(value), conf.line(variable) or 1, 1)
    return records.replace(conf, settings={**conf.settings, variable.name: named})


def _scope(arguments: argparse.Namespace, conf: conf_file.Conf) -> scope.Scope:
    """Return region and account: as named, else of the conf, else of this instance for its own conf.

    Terraform and CloudFormation know theirs. Raises UsageError where nothing says it and IAM's JSON needs it.
    """
    region, account = arguments.region or conf.value(variables.EC2_REGION), arguments.account
    if _is_of_host(arguments) and (region is None or account is None):
        doors = gather.Doors(options.root(arguments), os.environ, _WAIT_SECONDS)
        region = region or gather.region_of(doors, conf)
        account = account or credentials.account(gather.metadata_service(doors))
    for option, value in (("--region", region), ("--account", account)):
        if value is None and arguments.form == written.JSON:
            raise errors.UsageError(
                f"the policy names resources by their {option[2:]}, which is not known here",
                hint=f"Give {option}; or write the policy --as terraform or cloudformation, which know it.",
            )
    return scope.Scope(region, account)


def _backups(arguments: argparse.Namespace) -> destination.Destination | None:
    root = options.root(arguments)
    if arguments.backups is not None:
        return destination.parse(arguments.backups, root)
    return backup_place.of_host(root).destination(root) if _is_of_host(arguments) else None


def _is_of_host(arguments: argparse.Namespace) -> bool:
    return arguments.conf is None and arguments.user_data is None


def _notes(
    arguments: argparse.Namespace,
    activated: plan_model.Activation,
    around: policy.Surroundings,
    statements: Sequence[policy.Statement],
) -> Iterator[str]:
    decided = activated.deployment
    wanted = arguments.part or WORKING_PARTS
    if decided.letsencrypt and decided.role.runs_auth and around.zone is None and "certificates" in wanted:
        yield "the policy allows the DNS record in every hosted zone that has the domain; --hosted-zone names the one"
    if around.group is None and any(":autoScalingGroupName/" in arn for each in statements for arn in each.resources):
        yield "the policy allows lifecycle actions of every auto scaling group; --auto-scaling-group names the one"
    if around.backups is None and "backup" in wanted:
        yield "the policy allows no backups in S3; --backups names the place"
    if any(variable.startswith("TELEPORT_AGENT_DB_AWS_") for variable in decided.assigned) and "teleport" in wanted:
        yield (
            "what Teleport needs to find and use databases in AWS is not in the policy: "
            "`teleport db configure aws print-iam` prints it"
        )
    length = len(json.dumps(policy.document(statements), separators=(",", ":")))
    if length > policy.LONGEST:
        yield (
            f"the policy has {length} characters, and IAM takes {policy.LONGEST} in a managed policy: "
            f"make one for each --part ({', '.join(PARTS)})"
        )


def _explained(needs: Sequence[Need]) -> list[str]:
    lines: list[str] = []
    for call in dict.fromkeys(each.call for each in needs):
        lines += ["", display.Heading(f"{call[:1].upper()}{call[1:]}")]
        for each in needs:
            if each.call == call:
                lines += [f"  {each.action}", *(f"      on {written.readable(arn)}" for arn in each.resources)]
                lines += [f"      where {_condition(condition)}" for condition in each.conditions]
    return lines[1:]


def _condition(condition: Condition) -> str:
    if condition.operator == "Null":
        return f"the request has {condition.key}"
    values = " or ".join(map(written.readable, condition.values))
    return f"{condition.key} is {'like ' if condition.operator == 'StringLike' else ''}{values}"


def _data(need: Need) -> dict[str, object]:
    return {
        "part": need.part,
        "action": need.action,
        "resources": list(map(written.readable, need.resources)),
        "call": need.call,
        "conditions": [
            {"operator": each.operator, "key": each.key, "values": list(map(written.readable, each.values))}
            for each in need.conditions
        ],
    }
