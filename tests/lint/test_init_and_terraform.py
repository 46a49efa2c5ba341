"""What `init` writes for Terraform is what the modules take, and they make the conf that `init` has shown."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest

from teleport_bootstrap.launch import answers, confs, files, terraform, words
from tests.lint.test_terraform import conf_of
from tests.terraform_module.evaluate import evaluate_text

# Of the module alone: its KMS key, who waits for the instance, and what a choice of its own says.
OWN = ("TELEPORT_SSM_KMS_KEY_ID", "TELEPORT_SIGNAL", "TELEPORT_DRAIN_HOOK")
PLACES = {
    "vpc": "vpc-0123456789abcdef0",
    "balancer_subnets": "subnet-0123456789abcdef0,subnet-0123456789abcdef1",
    "instance_subnet": "subnet-0123456789abcdef2",
    "instance_subnets": "subnet-0123456789abcdef2,subnet-0123456789abcdef3",
    "image_name": "teleport-*",
}


def cases() -> Iterator[Any]:
    for setup in (words.STARTER, words.HA):
        for certificate in (words.ACM, words.LETSENCRYPT):
            for edition in (words.COMMUNITY, words.ENTERPRISE):
                given = {"setup": setup, "certificate": certificate, "edition": edition, "tool": words.TERRAFORM}
                if certificate == words.LETSENCRYPT:
                    given["email"] = "ops@acmeinc.com"
                yield pytest.param(given, id=f"{setup}-{certificate}-{edition}")


@pytest.mark.parametrize("given", list(cases()))
def test_the_module_takes_what_init_writes_and_makes_the_same_conf(given: dict[str, str]) -> None:
    asked = {**given, **PLACES, "domain": "teleport.acmeinc.com", "region": "eu-west-1"}
    unused = "instance_subnets" if given["setup"] == words.STARTER else "instance_subnet"
    del asked[unused]
    text = "".join(f"{name}: {json.dumps(value)}\n" for name, value in asked.items())
    complete = answers.read(text.encode(), "answers.yaml").answers
    written = files.make(complete)
    found = evaluate_text(terraform.module(complete), written[terraform.FILE])
    assert found.refused_variables() == found.failed_conditions() == []
    assert set(terraform.variables(complete)) <= set(found.variables())
    needed = {name for name, body in found.variables().items() if "default" not in body}
    assert needed <= set(terraform.variables(complete))
    ours = sorted((_settings(conf_of(each)) for each in found.user_data().values()), key=str)
    theirs = [written[f"{confs.folder(role)}/teleport.conf"] for role in confs.roles(complete)]
    assert ours == sorted(map(_settings, theirs), key=str)


def _settings(conf: str) -> dict[str, str]:
    found = dict(re.findall(r"^(\w+)=[\"']?([^\"'\n]*)[\"']?$", conf, re.MULTILINE))
    return {name: value for name, value in sorted(found.items()) if value and name not in OWN}
