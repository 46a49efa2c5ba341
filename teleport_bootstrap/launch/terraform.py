"""The variables of the Terraform modules `starter` and `ha`, in packaging/terraform, as a `terraform.tfvars`."""

from __future__ import annotations

import json

from teleport_bootstrap.hints import Any
from teleport_bootstrap.launch import questions, words
from teleport_bootstrap.launch.questions import Answers

FILE = "terraform.tfvars"

# Which answer is the value of which variable, in both modules or in one.
_OF_BOTH = {
    "region": "region",
    "cluster_name": "cluster",
    "route53_zone": "zone",
    "route53_domain": "domain",
    "s3_bucket_name": "bucket",
    "email": "email",
    "teleport_auth_type": "sign_in",
    "vpc_id": "vpc",
    "balancer_subnet_ids": "balancer_subnets",
    "ami_name": "image_name",
}
_OF_ONE = {
    words.STARTER: {"instance_subnet_id": "instance_subnet", "state_store": "storage"},
    words.HA: {"instance_subnet_ids": "instance_subnets"},
}
LICENSE = "license.pem"
_LISTS = ("balancer_subnet_ids", "instance_subnet_ids")


def module(answers: Answers) -> str:
    """Return the name of the module."""
    return answers["setup"]


def variables(answers: Answers) -> dict[str, Any]:
    """Return the variables that the answers decide, as text, flag or list; others have a default, or are `missing`."""
    named = {**_OF_BOTH, **_OF_ONE[answers["setup"]]}
    found: dict[str, Any] = {variable: answers[name] for variable, name in named.items() if answers.get(name)}
    for variable in _LISTS:
        if variable in found:
            found[variable] = [each.strip(" ") for each in found[variable].split(",")]
    found["use_acm"] = answers["certificate"] == words.ACM
    if answers["setup"] == words.STARTER:  # where a certificate of Teleport's own is the third choice
        found["use_letsencrypt"] = not found["use_acm"]
    if questions.is_enterprise(answers):
        # The module does not read it; NEXT-STEPS.md puts it into SSM.
        found["license_path"] = LICENSE
    return found


def missing(answers: Answers) -> dict[str, str]:
    """Return the variables whose answers were left for later, and the names of these answers."""
    named = {**_OF_BOTH, **_OF_ONE[answers["setup"]]}
    return {variable: name for variable, name in named.items() if answers.get(name) == ""}


def text(answers: Answers) -> str:
    """Return the file, ending with a line feed; its values are the same in JSON."""
    found = variables(answers)
    width = max(map(len, found))
    return "".join(f"{name:<{width}} = {json.dumps(value)}\n" for name, value in found.items())
