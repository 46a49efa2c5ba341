"""What `init` writes fits the templates and modules: names, rules, and the conf that comes of them is its own."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from teleport_bootstrap import errors
from teleport_bootstrap.conf import conf_file
from teleport_bootstrap.launch import cloudformation, confs, files, next_steps, terraform, words
from teleport_bootstrap.launch.questions import Answers
from teleport_bootstrap.roles import Role
from teleport_bootstrap.user_data import conf_of
from tests.lint.test_launch_limits import LONG, MOST_INLINE, PLACES
from tests.templates import lint, policies, setups, template
from tests.templates.setups import SETUPS, Setup
from tests.terraform_module import declared
from tests.terraform_module.evaluate import MODULES, evaluate_text
from tests.unit.launch.test_files import complete

NETWORK = {
    "vpc": "vpc-0123456789abcdef0",
    "balancer_subnets": "subnet-0123456789abcdef0, subnet-0123456789abcdef1",
    "instance_subnet": "subnet-0123456789abcdef2",
    "instance_subnets": "subnet-0123456789abcdef2, subnet-0123456789abcdef3",
    "hosted_zone": "Z0123456789ABCDEFGHIJ",
    "image": "ami-0123456789abcdef0",
    "image_name": "teleport-*",
}
# Of CloudFormation's quotas: bytes of a template in a request.
LONGEST_TEMPLATE = 51200
# What only a template or module knows or decides for itself.
THEIRS = {"TELEPORT_SIGNAL", "TELEPORT_DRAIN_HOOK", "TELEPORT_SSM_KMS_KEY_ID", "TELEPORT_LOCKS_TABLE_NAME"}
MORE: dict[str, dict[str, str]] = {
    "plain": {},
    "enterprise": {"edition": "enterprise", "sign_in": "github"},
    "dynamodb": {"storage": "dynamodb"},
}
CERTIFICATES: dict[str, dict[str, str]] = {
    words.ACM: {},
    words.LETSENCRYPT: {"certificate": words.LETSENCRYPT, "email": "ops@acmeinc.com"},
}


def answered(setup: str, tool: str, **more: str) -> Answers:
    return complete(setup=setup, tool=tool, **NETWORK, **more)


def meaning(text: str) -> dict[str, Any]:
    conf = conf_file.load(text.encode())
    return {name: setting.value for name, setting in conf.settings.items() if name not in THEIRS}


EVERY_SETUP = pytest.mark.parametrize("setup", SETUPS, ids=lambda setup: setup.path.stem)


@EVERY_SETUP
@pytest.mark.parametrize("more", MORE)
def test_issue_19_point_6_the_parameters_are_those_of_the_template_and_keep_its_rules(setup: Setup, more: str) -> None:
    found = answered(setup.path.stem, words.CLOUDFORMATION, **MORE[more])
    assert cloudformation.template(found) == setup.path.name
    declarations = template.load(setup.path)["Parameters"]
    given = cloudformation.parameters(found)
    assert set(given) <= set(declarations)
    assert {name for name, about in declarations.items() if "Default" not in about} <= set(given)
    for name, value in given.items():
        about = declarations[name]
        assert re.fullmatch(about.get("AllowedPattern", ".*"), value), (name, value)
        assert value in about.get("AllowedValues", [value]), (name, value)


@EVERY_SETUP
def test_issue_19_point_6_what_is_left_for_later_is_what_the_template_has_no_default_for(setup: Setup) -> None:
    found = complete(setup=setup.path.stem)
    declarations = template.load(setup.path)["Parameters"]
    needed = {name for name, about in declarations.items() if "Default" not in about}
    assert needed == set(cloudformation.missing(found)) | (needed & set(cloudformation.parameters(found)))


@EVERY_SETUP
def test_issue_19_point_6_a_template_that_is_too_long_for_a_request_goes_through_a_bucket(setup: Setup) -> None:
    found = answered(setup.path.stem, words.CLOUDFORMATION)
    is_long = setup.path.stat().st_size > LONGEST_TEMPLATE
    assert ("--s3-bucket UPLOADS" in next_steps.text(found)) == is_long
    assert f"--template-file {setup.path.name} " in next_steps.text(found)


@EVERY_SETUP
@pytest.mark.parametrize("more", MORE)
def test_issue_19_point_6_the_template_writes_the_confs_that_init_writes(setup: Setup, more: str) -> None:
    found = answered(setup.path.stem, words.CLOUDFORMATION, **MORE[more])
    filled = template.Filled(template.load(setup.path), cloudformation.parameters(found), setup.things)
    written = []
    for launch_template in template.launch_templates(template.load(setup.path)):
        text = setups.conf_text(filled, launch_template)
        written.append(meaning(text))
    ours = [meaning(confs.conf(found, role)) for role in confs.roles(found)]
    for each in ours:  # the template leaves it to the metadata, which says the region of the stack
        del each["EC2_REGION"]
    assert sorted(written, key=str) == sorted(ours, key=str)


@pytest.mark.parametrize("module", MODULES)
@pytest.mark.parametrize("certificate", CERTIFICATES)
@pytest.mark.parametrize("more", ["enterprise", "dynamodb"])
def test_issue_19_point_6_the_module_takes_the_variables_and_writes_the_same_confs(
    module: str, certificate: str, more: str
) -> None:
    found = answered(module, words.TERRAFORM, **MORE[more], **CERTIFICATES[certificate])
    given = terraform.variables(found)
    declarations = declared.variables(module)
    assert set(given) <= set(declarations)
    assert {name for name, body in declarations.items() if "default" not in body} <= set(given)
    for folder in (module, f"examples/{module}"):
        evaluated = evaluate_text(folder, terraform.text(found))
        assert evaluated.refused_variables() == evaluated.failed_conditions() == []
        if folder == module:
            made = {
                role: conf_of.read(text.encode(), "user-data").data.decode()
                for role, text in evaluated.user_data().items()
            }
    assert {role: meaning(text) for role, text in made.items()} == {
        role.value: meaning(confs.conf(found, role)) for role in confs.roles(found)
    }


@pytest.mark.parametrize("module", MODULES)
def test_issue_19_point_6_what_is_left_for_later_is_what_the_module_has_no_default_for(module: str) -> None:
    found = complete(setup=module, tool=words.TERRAFORM)
    needed = {name for name, body in declared.variables(module).items() if "default" not in body}
    assert needed == set(terraform.missing(found)) | (needed & set(terraform.variables(found)))


UNUSUAL: dict[str, dict[str, str]] = {
    "the domain itself is the zone": {"domain": "example.com"},
    "an international domain": {"domain": "xn--mnchen-3ya.xn--p1ai", "storage": "dynamodb"},
    "a long domain": {"domain": f"{'a' * 52}.example.com", "cluster": "main"},
    "a region of another partition": {"region": "eusc-de-east-1"},
    "a region of China": {"region": "cn-northwest-1"},
    "an unusual address": {
        "certificate": words.LETSENCRYPT,
        "email": "o'brien&co+teleport#1/x=?^_{|}~%!*@mail.xn--p1ai",
    },
}


@EVERY_SETUP
@pytest.mark.parametrize("given", UNUSUAL.values(), ids=list(UNUSUAL))
def test_what_init_takes_the_templates_and_modules_take(setup: Setup, given: dict[str, str]) -> None:
    found = answered(setup.path.stem, words.TERRAFORM, **given)
    evaluated = evaluate_text(setup.path.stem, terraform.text(found))
    assert evaluated.refused_variables() == evaluated.failed_conditions() == []
    if "certificate" not in given:
        declarations = template.load(setup.path)["Parameters"]
        for name, value in cloudformation.parameters(answered(setup.path.stem, words.CLOUDFORMATION, **given)).items():
            about = declarations[name]
            assert re.fullmatch(about.get("AllowedPattern", ".*"), value), (name, value)
            assert len(value) <= about.get("MaxLength", len(value)), (name, value)


WRONG: dict[str, dict[str, str]] = {
    "longer than a certificate's name": {"domain": f"{'a' * 53}.example.com", "cluster": "main"},
    "an end that domains do not have": {"domain": "teleport.1st"},
    "a reference": {"certificate": words.LETSENCRYPT, "email": "ops$EC2_REGION@example.com"},
    "a command": {"certificate": words.LETSENCRYPT, "email": "`id`@example.com"},
}


@pytest.mark.parametrize("given", WRONG.values(), ids=list(WRONG))
def test_a_wrong_answer_is_the_only_one_that_is_reported(given: dict[str, str]) -> None:
    with pytest.raises(errors.AnswersInvalid) as raised:
        answered(words.HA, words.TERRAFORM, **given)
    assert len(raised.value.findings) == 1


def test_the_conf_of_another_domain_is_another() -> None:
    first, second = (complete(domain=each) for each in ("a.example.com", "b.example.com"))
    assert meaning(confs.conf(first, Role.ALL)) != meaning(confs.conf(second, Role.ALL))


@pytest.mark.parametrize("place", PLACES, ids=lambda place: place["AWS::Partition"])
def test_the_policies_for_cloudformation_fit_into_a_role_with_the_longest_names(place: Mapping[str, str]) -> None:
    names = {"cluster": LONG["cluster"], "bucket": LONG["bucket"], "sign_in": "saml"}
    for path, text in files.make(answered(words.HA, words.CLOUDFORMATION, **names)).items():
        if path.endswith("/policy.template.json"):
            filled = template.Filled(json.loads(text), {"RoleName": "servers"}, pseudo=place)
            (resource,) = filled.resources.values()
            # IAM counts characters without white space; the type is an inline policy.
            assert len(policies.compact(resource["Properties"]["PolicyDocument"])) <= MOST_INLINE
            assert (resource["Type"], resource["Properties"]["Roles"]) == ("AWS::IAM::Policy", ["servers"])


def test_the_policies_for_cloudformation_are_templates_in_order(tmp_path: Path) -> None:
    path = tmp_path / "policy.template.json"
    path.write_text(files.make(answered(words.HA, words.CLOUDFORMATION))["auth/policy.template.json"])
    assert lint.findings(path, lint.PARTITIONS) == ""
