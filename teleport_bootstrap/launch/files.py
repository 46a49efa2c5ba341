"""All files that are written from the answers, by their paths in the directory."""

from __future__ import annotations

from teleport_bootstrap.conf import conf_file
from teleport_bootstrap.launch import answers as answers_file
from teleport_bootstrap.launch import cloudformation, confs, next_steps, policies, terraform, words
from teleport_bootstrap.launch.questions import Answers
from teleport_bootstrap.plan import requirements
from teleport_bootstrap.roles import Role

ANSWERS = "answers.yaml"
NEXT_STEPS = "NEXT-STEPS.md"
# As the hooks for pre-commit look for them.
CONF, USER_DATA = "teleport.conf", "user-data.sh"


def make(answers: Answers) -> dict[str, str]:
    """Return the content of each file, what to do next at the end. Raises ConfInvalid where a conf cannot work."""
    found = {ANSWERS: answers_file.text(answers)}
    for role in confs.roles(answers):
        folder = confs.folder(role)
        found[f"{folder}/{CONF}"] = confs.conf(answers, role)
        found[f"{folder}/{USER_DATA}"] = confs.user_data(answers, role)
        found[f"{folder}/{policies.FORMS[answers['tool']][1]}"] = policies.text(answers, _checked(answers, role))
    if answers["tool"] == words.CLOUDFORMATION:
        found[cloudformation.FILE] = cloudformation.text(answers)
    elif answers["tool"] == words.TERRAFORM:
        found[terraform.FILE] = terraform.text(answers)
    found[NEXT_STEPS] = next_steps.text(answers)
    return found


def possible() -> frozenset[str]:
    """Return the paths of all files that some answers give."""
    of_roles = {
        f"{confs.folder(role)}/{name}"
        for roles in confs.ROLES.values()
        for role in roles
        for name in (CONF, USER_DATA, *(name for _, name in policies.FORMS.values()))
    }
    return frozenset({*of_roles, ANSWERS, NEXT_STEPS, cloudformation.FILE, terraform.FILE})


def _checked(answers: Answers, role: Role) -> conf_file.Conf:
    return requirements.load(confs.conf(answers, role).encode(), f"{confs.folder(role)}/{CONF}")
