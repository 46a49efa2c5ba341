"""What `init` writes from answers: every choice gives confs, policies and values that work, and the same ones again."""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator

import pytest
import yaml

from teleport_bootstrap import errors
from teleport_bootstrap.cli import sources
from teleport_bootstrap.conf import conf_file
from teleport_bootstrap.launch import answers, cloudformation, confs, files, questions, terraform, words
from teleport_bootstrap.permissions import policy
from teleport_bootstrap.plan import planner, requirements, teleport_build
from teleport_bootstrap.roles import Role
from teleport_bootstrap.user_data import conf_of

GIVEN = {"domain": "teleport.acmeinc.com", "region": "eu-west-1"}
# What only some choices ask for.
MORE = {"email": "ops@acmeinc.com", "account": "123456789012", "hosted_zone": "Z0123456789ABC"}


def complete(**given: str) -> questions.Answers:
    """Return the answers with defaults, as a file with these gives them."""
    text = "".join(f"{name}: {json.dumps(value)}\n" for name, value in {**GIVEN, **given}.items())
    return answers.read(text.encode(), "answers.yaml").answers


def choices() -> Iterator[dict[str, str]]:
    """Yield every combination that can be chosen; saml and oidc are alike."""
    for setup, certificate, storage, sign_in, edition, tool in itertools.product(
        (words.STARTER, words.HA),
        (words.ACM, words.LETSENCRYPT),
        (words.DISK, words.DYNAMODB),
        ("local", "github", "saml"),
        (words.COMMUNITY, words.ENTERPRISE),
        (words.CLOUDFORMATION, words.TERRAFORM, words.MANUAL),
    ):
        does_not_matter = (setup == words.HA and storage == words.DYNAMODB) or (
            sign_in == "saml" and edition == words.ENTERPRISE
        )
        does_not_fit = certificate == words.LETSENCRYPT and (
            tool == words.CLOUDFORMATION
            or (tool == words.TERRAFORM and (setup, storage) == (words.STARTER, words.DISK))
        )
        if not (does_not_matter or does_not_fit):
            yield {
                **{"setup": setup, "certificate": certificate, "storage": storage},
                **{"sign_in": sign_in, "edition": edition, "tool": tool},
            }


CHOICES = [pytest.param(each, id="-".join(each.values())) for each in choices()]


@pytest.mark.parametrize("chosen", CHOICES)
def test_issue_19_point_6_every_choice_gives_confs_that_work(chosen: dict[str, str]) -> None:
    found = complete(**MORE, **chosen)
    contents = files.make(found)
    for role in confs.roles(found):
        folder = confs.folder(role)
        conf = requirements.load(contents[f"{folder}/teleport.conf"].encode(), "teleport.conf")
        assert requirements.check(conf) == ()
        assert conf.warnings == (), "each line has an effect"
        plan = planner.plan(conf, sources.ANY_INSTANCE, teleport_build.NEWEST)
        assert plan.activation.deployment.role is role
        assert [each for each in plan.notes if "no effect" in each] == []
        written = conf_of.read(contents[f"{folder}/user-data.sh"].encode(), "user-data.sh")
        assert written.findings == ()
        assert conf_file.load(written.data).meaning_sha256 == conf.meaning_sha256
    assert set(contents) <= files.possible()
    assert list(contents)[-1] == "NEXT-STEPS.md"


@pytest.mark.parametrize("chosen", CHOICES)
def test_issue_19_point_6_the_same_answers_give_the_same_bytes(chosen: dict[str, str]) -> None:
    contents = files.make(complete(**MORE, **chosen))
    again = answers.read(contents["answers.yaml"].encode(), "answers.yaml")
    assert again.warnings == ()
    assert files.make(again.answers) == contents


@pytest.mark.parametrize("chosen", CHOICES)
def test_issue_19_point_6_the_policy_of_each_kind_of_instance_is_in_the_form_of_its_tool(
    chosen: dict[str, str],
) -> None:
    contents = files.make(complete(**MORE, **chosen))
    policies = {path: text for path, text in contents.items() if "policy" in path}
    assert len(policies) == len(confs.ROLES[chosen["setup"]])
    for path, text in policies.items():
        if chosen["tool"] == words.MANUAL:
            assert path.endswith("/policy.json")
            document = json.loads(text)
            assert document["Version"] == policy.VERSION
            assert ":eu-west-1:123456789012:" in text or document["Statement"] == [] or "s3" in text
        elif chosen["tool"] == words.CLOUDFORMATION:
            assert path.endswith("/policy.template.json")
            assert "123456789012" not in text
            (resource,) = json.loads(text)["Resources"].values()
            assert resource["Properties"]["Roles"] == [{"Ref": "RoleName"}]
        else:
            assert path.endswith("/policy.tf") and 'data "aws_iam_policy_document"' in text


def test_issue_19_point_6_no_answer_is_a_secret_and_no_file_asks_for_one() -> None:
    for chosen in choices():
        for content in files.make(complete(**MORE, **chosen)).values():
            assert "TELEPORT_JOIN_TOKEN" not in content and "PRIVATE KEY" not in content
    named = " ".join(f"{each.name} {each.prompt}" for each in questions.QUESTIONS).lower()
    assert not any(word in named for word in ("password", "token", "secret", "key"))


def test_the_names_in_aws_are_those_of_the_templates() -> None:
    found = complete(setup="ha", cluster="main")
    conf = conf_file.load(confs.conf(found, Role.AUTH).encode())
    values = {name: setting.value for name, setting in conf.settings.items()}
    assert values["TELEPORT_DYNAMO_TABLE_NAME"] == "main"
    assert values["TELEPORT_DYNAMO_EVENTS_TABLE_NAME"] == "main-events"
    assert values["TELEPORT_LOCKS_TABLE_NAME"] == "main-locks"
    assert values["TELEPORT_AUTH_SERVER_LB"] == "auth.teleport.acmeinc.com"
    assert values["TELEPORT_S3_BUCKET"] == "main-data"


def test_the_parameters_of_the_template_have_what_was_answered_and_leave_the_rest_open() -> None:
    found = complete(
        setup="ha", sign_in="saml", vpc="vpc-0123456789abcdef0", balancer_subnets="subnet-12345678, subnet-87654321"
    )
    entries = json.loads(cloudformation.text(found))
    given = {each["ParameterKey"]: each["ParameterValue"] for each in entries}
    assert given["BalancerSubnetIds"] == "subnet-12345678,subnet-87654321"
    assert (given["VpcId"], given["AuthType"], given["License"]) == ("vpc-0123456789abcdef0", "saml", "true")
    assert set(cloudformation.missing(found)) == {"HostedZoneId", "InstanceSubnetIds", "ImageId"}
    assert not set(given) & set(cloudformation.missing(found))
    assert all(
        f"`{name}` ({parameter})" in files.make(found)["NEXT-STEPS.md"]
        for parameter, name in cloudformation.missing(found).items()
    )


def test_the_variables_of_the_module_have_their_types() -> None:
    found = complete(setup="ha", tool="terraform", balancer_subnets="subnet-12345678,subnet-87654321")
    assert terraform.variables(found)["balancer_subnet_ids"] == ["subnet-12345678", "subnet-87654321"]
    assert terraform.variables(found)["use_acm"] is True
    text = terraform.text(found)
    assert "route53_zone" in text and '"acmeinc.com"' in text


# ---------------------------------------------------------------- the file of answers


def problems(text: str) -> list[str]:
    with pytest.raises(errors.AnswersInvalid) as raised:
        answers.read(text.encode(), "a.yaml")
    return [str(each) for each in raised.value.findings]


VALID = "domain: teleport.acmeinc.com\nregion: eu-west-1\n"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "a.yaml: has no answers"),
        ("- a\n", "a.yaml: has no answers"),
        ("region: eu-west-1\n", "a.yaml: domain is missing"),
        ("domain: teleport.acmeinc.com\n", "a.yaml: region is missing"),
        (VALID + "setup: HA\n", 'a.yaml:3:1: setup cannot be "HA" (did you mean ha?'),
        (VALID + "certificate: none\n", 'a.yaml:3:1: certificate cannot be "none"'),
        ("domain: https://teleport.acmeinc.com\nregion: eu-west-1\n", "a.yaml:1:1: domain is a URL, not a DNS name"),
        ("domain: Teleport.acmeinc.com\nregion: eu-west-1\n", "a.yaml:1:1: domain has capital letters"),
        ("domain: teleport\nregion: eu-west-1\n", "a.yaml:1:1: domain has only one part"),
        ("domain: teleport.acmeinc.com\nregion: eu-west-1a\n", "a.yaml:2:1: region is an availability zone"),
        (VALID + "cluster: my_cluster\n", "a.yaml:3:1: cluster does not fit the tables"),
        (VALID + "certificate: letsencrypt\ntool: terraform\n", "a.yaml: email is missing"),
        (VALID + "certificate: letsencrypt\nemail: x\n", "a.yaml:4:1: email is not an e-mail address"),
        (
            VALID + "certificate: letsencrypt\nemail: a@b.com\ntool: cloudformation\n",
            "a.yaml:5:1: tool cannot be cloudformation with Let's Encrypt",
        ),
        (
            VALID + "certificate: letsencrypt\nemail: a@b.com\nstorage: disk\ntool: terraform\n",
            "a.yaml:6:1: tool cannot be terraform with Let's Encrypt and the storage disk",
        ),
        (VALID + "tool: manual\n", "a.yaml: account is missing"),
        (VALID + "tool: manual\naccount: 12345\n", "a.yaml:4:1: account is not an AWS account number"),
        (VALID + "tool: terraform\nzone: example.com\n", "a.yaml:4:1: zone does not hold teleport.acmeinc.com"),
        (VALID + "vpc: vpc-1\n", "a.yaml:3:1: vpc is not the id of a VPC"),
        (VALID + "balancer_subnets: subnet-12345678\n", "a.yaml:3:1: balancer_subnets names fewer than two"),
        (VALID + "balancer_subnets: [subnet-12345678, [x]]\n", "a.yaml:3:1: balancer_subnets is not a text"),
        (VALID + "balancer_subnets: {a: b}\n", "a.yaml:3:1: balancer_subnets is not a text"),
        (VALID + "set_up: ha\n", "a.yaml:3:1: set_up is not the name of a question"),
        (VALID + "setup: ha\nsetup: ha\n", "a.yaml:4:1: duplicate key 'setup'"),
        (VALID + "setup: [\n", "a.yaml:4:1: "),
        (VALID + "setup: ha\nbucket: Data\n", "a.yaml:4:1: bucket is not the name of an S3 bucket"),
        (VALID + "sign_in: ldap\n", 'a.yaml:3:1: sign_in cannot be "ldap"'),
    ],
)
def test_issue_19_point_6_a_wrong_answer_is_named_with_its_line_and_the_reason(text: str, message: str) -> None:
    assert any(each.startswith(message) for each in problems(text)), problems(text)


def test_all_wrong_answers_are_named_at_once() -> None:
    found = problems("domain: a b\nregion: nowhere\nsetup: both\n")
    assert [each.split(":")[1] for each in found] == ["1", "2", "3"]


def test_an_answer_that_does_not_matter_is_left_out_with_a_warning() -> None:
    reading = answers.read((VALID + "email: ops@acmeinc.com\n").encode(), "a.yaml")
    assert "email" not in reading.answers
    assert [str(each) for each in reading.warnings] == [
        "a.yaml:3:1: email does not matter with these answers, and is left out"
    ]


def test_numbers_and_lists_of_yaml_are_answers_too() -> None:
    text = VALID + "setup: ha\ntool: manual\naccount: 123456789012\n"
    assert answers.read(text.encode(), "a").answers["account"] == "123456789012"
    octal = VALID + "tool: manual\naccount: 012345670123\n"
    assert answers.read(octal.encode(), "a").answers["account"] == "012345670123"
    listed = VALID + "balancer_subnets: [subnet-12345678, subnet-87654321]\n"
    assert answers.read(listed.encode(), "a").answers["balancer_subnets"] == "subnet-12345678,subnet-87654321"


def test_the_file_explains_each_answer() -> None:
    text = answers.text(complete())
    assert yaml.safe_load(text)["setup"] == words.STARTER
    for question in questions.QUESTIONS:
        if f"\n{question.name}: " in text:
            before = text.partition(f"\n{question.name}: ")[0].rpartition("\n\n")[2]
            assert before.startswith("# ") and question.prompt.split()[0] in before


@pytest.mark.parametrize("domain", ["a.be", "t." + "x" * 50 + ".example.com", "teleport." + "y" * 40 + ".example.org"])
def test_the_proposed_names_fit_what_they_name(domain: str) -> None:
    for setup in (words.STARTER, words.HA):
        given = {"domain": domain, "setup": setup, "storage": words.DYNAMODB}
        if len(domain) > 63:
            given["cluster"] = "main"
        files.make(complete(**given))


def test_a_domain_that_is_too_long_for_a_cluster_needs_a_name_of_its_own() -> None:
    domain = "t." + "x" * 50 + ".example.com"
    assert any("cluster does not fit" in each for each in problems(f"domain: {domain}\nregion: eu-west-1\n"))


def test_without_a_template_the_next_steps_name_groups_and_targets() -> None:
    for certificate, setup in itertools.product((words.ACM, words.LETSENCRYPT), (words.STARTER, words.HA)):
        found = files.make(complete(setup=setup, certificate=certificate, tool=words.MANUAL, **MORE))["NEXT-STEPS.md"]
        assert "security groups" in found and "`SessionManager`" in found
        assert ("register-targets" in found) == (found.count("load balancer") > 1)
