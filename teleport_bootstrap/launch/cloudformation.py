"""The parameters of the CloudFormation templates `starter.yaml` and `ha.yaml`, in packaging/cloudformation."""

from __future__ import annotations

import json

from teleport_bootstrap.launch import questions, words
from teleport_bootstrap.launch.questions import Answers

FILE = "parameters.json"

# Which answer is the value of which parameter, in both templates or in one.
_OF_BOTH = {
    "ClusterName": "cluster",
    "DomainName": "domain",
    "HostedZoneId": "hosted_zone",
    "VpcId": "vpc",
    "BalancerSubnetIds": "balancer_subnets",
    "ImageId": "image",
    "AuthType": "sign_in",
    "BucketName": "bucket",
}
_OF_ONE = {
    words.STARTER: {"InstanceSubnetId": "instance_subnet", "StateStore": "storage"},
    words.HA: {"InstanceSubnetIds": "instance_subnets"},
}


def template(answers: Answers) -> str:
    """Return the name of the template."""
    return f"{answers['setup']}.yaml"


def is_uploaded(answers: Answers) -> bool:
    """Whether the template is longer than the 51,200 bytes of a request, so that it goes through a bucket."""
    return answers["setup"] == words.HA


def parameters(answers: Answers) -> dict[str, str]:
    """Return the parameters that the answers decide; all others have a default, or are `missing`."""
    named = {**_OF_BOTH, **_OF_ONE[answers["setup"]]}
    found = {parameter: _without_blanks(answers.get(name, "")) for parameter, name in named.items()}
    found["License"] = "true" if questions.is_enterprise(answers) else "false"
    return {parameter: value for parameter, value in found.items() if value}


def missing(answers: Answers) -> dict[str, str]:
    """Return the parameters whose answers were left for later, and the names of these answers."""
    named = {**_OF_BOTH, **_OF_ONE[answers["setup"]]}
    return {parameter: name for parameter, name in named.items() if answers.get(name) == ""}


def text(answers: Answers) -> str:
    """Return the file for `deploy --parameter-overrides file://…` and `create-stack --parameters file://…`."""
    found = [{"ParameterKey": key, "ParameterValue": value} for key, value in parameters(answers).items()]
    return json.dumps(found, indent=2) + "\n"


def _without_blanks(value: str) -> str:
    return value.replace(" ", "")
