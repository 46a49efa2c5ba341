"""The IAM policy of each kind of instance: exactly what its conf needs."""

from __future__ import annotations

from teleport_bootstrap import paths
from teleport_bootstrap.backup.stores import destination
from teleport_bootstrap.conf import conf_file
from teleport_bootstrap.launch import words
from teleport_bootstrap.launch.questions import Answers
from teleport_bootstrap.permissions import policy, scope, written
from teleport_bootstrap.plan import activation, teleport_build

# Which form of a policy goes with which tool, and how its file is called.
FORMS = {
    words.CLOUDFORMATION: (written.CLOUDFORMATION, "policy.template.json"),
    words.TERRAFORM: (written.TERRAFORM, "policy.tf"),
    words.MANUAL: (written.JSON, "policy.json"),
}
BACKUPS = "backups"


def backup_place(answers: Answers) -> str:
    """Return where backups go, empty where the set-up has no bucket."""
    return f"s3://{answers['bucket']}/{BACKUPS}" if "bucket" in answers else ""


def text(answers: Answers, conf: conf_file.Conf) -> str:
    """Return the policy for instances with `conf`, in the form of the tool."""
    form, _ = FORMS[answers["tool"]]
    activated = activation.plan(conf, teleport_build.NEWEST)
    # Terraform and CloudFormation fill in their own region and account.
    is_for_tool = answers["tool"] != words.MANUAL
    place = scope.Scope(None, None) if is_for_tool else scope.Scope(answers["region"], answers["account"])
    around = policy.Surroundings(
        zone=answers.get("hosted_zone") or None,
        backups=_backups(answers) if activated.deployment.role.runs_auth else None,
    )
    needs = policy.needs(policy.Subject(conf, activated, teleport_build.NEWEST, around), place)
    return written.text(form, policy.statements(needs), f"teleport-{activated.deployment.role.value}")


def _backups(answers: Answers) -> destination.Destination | None:
    place = backup_place(answers)
    return destination.parse(place, paths.Root("/")) if place else None
