"""`init`: asks at a terminal or reads a file of answers, and writes what the other commands accept; nothing before."""

from __future__ import annotations

import os
import re
import stat
import subprocess
from pathlib import Path

import pytest

from teleport_bootstrap import errors
from teleport_bootstrap.launch import answers as answers_file
from teleport_bootstrap.launch import confs, questions
from tests import documents
from tests.simulated import on_terminal
from tests.simulated.agent import Agent, Ended, needs_strace, tree
from tests.simulated_ec2 import Aws
from tests.stand_in import install_aws

STARTER = "domain: teleport.acmeinc.com\nregion: eu-west-1\n"
HA = f"{STARTER}setup: ha\nsign_in: saml\n"
LETSENCRYPT = f"{STARTER}certificate: letsencrypt\nemail: ops@acmeinc.com\ntool: manual\naccount: 123456789012\n"
ANSWERS = {"starter": STARTER, "ha": HA, "letsencrypt": LETSENCRYPT, "terraform": f"{HA}tool: terraform\n"}

# As the page lists them: what goes together is in one row.
PAGE_ORDER = [
    *(
        "setup",
        "domain",
        "cluster",
        "region",
        "certificate",
        "email",
        "storage",
        "bucket",
        "sign_in",
        "edition",
        "tool",
    ),
    *("account", "hosted_zone", "zone", "vpc", "balancer_subnets", "instance_subnet", "instance_subnets", "image"),
    "image_name",
]
COMMAND = re.compile(r"^(?:sudo )?(teleport-bootstrap [^\n]+)$", re.MULTILINE)


@pytest.fixture
def agent(tmp_path: Path) -> Agent:
    """A laptop: no Teleport, no metadata, no AWS."""
    root = tmp_path / "root"
    root.mkdir()
    return Agent(root)


def init(agent: Agent, answers: str, *options: str) -> Ended:
    agent.write("/answers.yaml", answers)
    return agent.run("init", "cluster", "--answers", "answers.yaml", *options)


def contents(place: Path) -> dict[str, str]:
    return {str(path.relative_to(place)): path.read_text() for path in sorted(place.rglob("*")) if path.is_file()}


@pytest.mark.parametrize("name", ANSWERS)
def test_issue_19_point_6_what_it_writes_passes_validate_and_plan(agent: Agent, name: str) -> None:
    done = init(agent, ANSWERS[name])
    assert done.status == 0, done.said
    folders = [path.parent for path in sorted(agent.path("/cluster").rglob("user-data.sh"))]
    assert len(folders) == (1 if name in ("starter", "letsencrypt") else 3)
    for folder in folders:
        user_data, conf = str(folder / "user-data.sh"), str(folder / "teleport.conf")
        for command in (("validate", "--user-data", user_data), ("validate", conf)):
            checked = agent.run(*command, "--format", "json")
            assert (checked.status, checked.wrong, checked.warnings) == (0, [], []), checked.said
        planned = agent.run("plan", "--user-data", user_data, "--format", "json")
        assert planned.status == 0, planned.said
        assert planned.data["role"] in (folder.name, "all-in-one")


@pytest.mark.parametrize("name", ANSWERS)
def test_issue_19_point_6_its_own_commands_in_the_next_steps_work(agent: Agent, name: str) -> None:
    """Those for a laptop are run as they stand; those for an instance are in tests/boot."""
    init(agent, ANSWERS[name])
    text = agent.path("/cluster/NEXT-STEPS.md").read_text()
    here = [each for each in COMMAND.findall(text) if f"sudo {each}" not in text]
    assert len(here) >= 3
    agent.root = agent.path("/cluster")
    for command in here:
        done = agent.run(*command.split()[1:])
        assert done.status == 0, f"{command}: {done.said}"
    on_instance = [each for each in COMMAND.findall(text) if f"sudo {each}" in text]
    assert [each.split()[1] for each in on_instance][:3] == ["status", "doctor", "first-admin"]


def test_issue_19_point_6_the_license_and_the_instances_are_found_by_the_commands_of_the_next_steps(
    agent: Agent, aws: Aws
) -> None:
    """Those that AWS's command line has as calls; `deploy` and a session are more than one."""
    init(agent, f"{HA}tool: manual\naccount: 123456789012\n")
    text = agent.path("/cluster/NEXT-STEPS.md").read_text()
    install_aws(agent.path("/bin"))
    agent.write("/license.pem", "THE LICENSE")
    calls = [
        each for block in re.findall("```sh\n(.*?)```", text, re.DOTALL) for each in re.split(r"\n(?=aws )", block)
    ]
    typed = [each for each in calls if each.startswith(("aws ssm put-parameter", "aws ec2 describe-instances"))]
    assert len(typed) == 2
    for each in typed:
        done = subprocess.run(
            ["bash", "-ec", each.partition("\naws ssm start-session")[0]],
            cwd=agent.root,
            env={"PATH": f"{agent.path('/bin')}:/usr/bin:/bin", "AWS_ENDPOINT_URL": aws.url},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, f"{each}\n{done.stderr}"
    ssm = aws.client("ssm", "eu-west-1")
    found = ssm.get_parameter(Name="/teleport/teleport.acmeinc.com/license", WithDecryption=True)["Parameter"]
    assert found["Value"] == "THE LICENSE"


def test_issue_19_point_6_json_has_the_answers_and_the_files(agent: Agent) -> None:
    done = init(agent, HA, "--format", "json")
    assert done.status == 0, done.said
    assert done.data["written"] and done.data["answers"]["cluster"] == "teleport.acmeinc.com"
    assert {each["change"] for each in done.data["files"]} == {"new"}
    assert {each["path"] for each in done.data["files"]} == set(contents(agent.path("/cluster")))


def test_issue_19_point_6_the_same_answers_leave_all_files_as_they_are(agent: Agent) -> None:
    init(agent, HA)
    before = tree(agent.path("/cluster"))
    done = agent.run("init", "cluster", "--answers", "cluster/answers.yaml", "--format", "json")
    assert done.status == 0, done.said
    assert {each["change"] for each in done.data["files"]} == {"unchanged"}
    assert tree(agent.path("/cluster")) == before


def test_issue_19_point_6_a_file_that_differs_is_kept_and_shown_until_force(agent: Agent) -> None:
    init(agent, HA)
    conf = agent.path("/cluster/auth/teleport.conf")
    conf.write_text(conf.read_text() + "DEBUG=true\n")
    before = tree(agent.path("/cluster"))
    done = init(agent, HA)
    assert done.status == errors.UNCONFIRMED
    assert "-DEBUG=true" in done.output and "--force" in done.said and "auth/teleport.conf" in done.errors
    assert tree(agent.path("/cluster")) == before, "nothing was written"
    refused = init(agent, HA, "--format", "json")
    assert not refused.data["written"] and refused.data["error"]["code"] == "confirmation-needed"
    (changed,) = (each for each in refused.data["files"] if each["change"] == "changed")
    assert changed["path"] == "auth/teleport.conf" and "-DEBUG=true" in changed["diff"]

    assert init(agent, HA, "--force").status == 0
    assert "DEBUG" not in conf.read_text()


def test_issue_19_point_6_files_of_other_answers_are_named(agent: Agent) -> None:
    init(agent, HA)
    done = init(agent, STARTER, "--force", "--format", "json")
    assert done.status == 0, done.said
    assert any("cluster/auth/teleport.conf is of other answers" in each for each in done.notes)
    assert agent.path("/cluster/auth/teleport.conf").exists()


def test_a_stack_adds_the_policy_for_cloudformation_to_a_role(agent: Agent, aws: Aws) -> None:
    init(agent, HA)
    iam, cloudformation = aws.client("iam", "eu-west-1"), aws.client("cloudformation", "eu-west-1")
    iam.create_role(RoleName="servers", AssumeRolePolicyDocument="{}")
    cloudformation.create_stack(
        StackName="policy",
        TemplateBody=agent.path("/cluster/auth/policy.template.json").read_text(),
        Parameters=[{"ParameterKey": "RoleName", "ParameterValue": "servers"}],
        Capabilities=["CAPABILITY_IAM"],
    )
    found = iam.get_role_policy(RoleName="servers", PolicyName="teleport-auth")["PolicyDocument"]
    arns = [each for statement in found["Statement"] for each in statement["Resource"]]
    assert "arn:aws:ssm:eu-west-1:123456789012:parameter/teleport/teleport.acmeinc.com/ca-pin-hash" in arns


def test_modes_are_the_same_with_every_umask(agent: Agent) -> None:
    agent.write("/answers.yaml", HA)
    done = agent.run("init", "cluster", "--answers", "answers.yaml", prefix=("sh", "-c", 'umask 077; exec "$@"', "sh"))
    assert done.status == 0, done.said
    modes = {stat.S_IMODE(path.stat().st_mode) for path in agent.path("/cluster").rglob("*") if path.is_file()}
    assert modes == {0o644}


@needs_strace
def test_issue_19_point_6_it_needs_no_network(agent: Agent) -> None:
    agent.write("/answers.yaml", HA)
    trace = agent.root / "trace"
    prefix = ("strace", "-f", "-o", str(trace), "-e", "%net")
    done = agent.run("init", "cluster", "--answers", "answers.yaml", prefix=prefix)
    assert done.status == 0, done.said
    assert "AF_INET" not in trace.read_text()


@pytest.mark.parametrize("what", ["a link", "a directory", "a pipe"])
def test_what_is_not_a_file_is_not_replaced(agent: Agent, what: str) -> None:
    place = agent.path("/cluster/NEXT-STEPS.md")
    place.parent.mkdir()
    if what == "a link":
        place.symlink_to(agent.write("/elsewhere", "kept"))
    elif what == "a pipe":
        os.mkfifo(place)
    else:
        place.mkdir()
    done = init(agent, STARTER, "--force")
    assert done.status == errors.FILES, done.said
    assert "NEXT-STEPS.md" in done.said and not agent.path("/cluster/answers.yaml").exists()


@pytest.mark.parametrize("what", ["a symbolic link", "a file"])
def test_what_stands_in_place_of_a_folder_is_not_followed(agent: Agent, what: str) -> None:
    elsewhere = agent.path("/elsewhere")
    elsewhere.mkdir()
    place = agent.path("/cluster/instance")
    place.parent.mkdir()
    if what == "a file":
        place.write_text("kept")
    else:
        place.symlink_to(elsewhere)
    done = init(agent, STARTER, "--force")
    assert done.status == errors.FILES, done.said
    assert f"cluster/instance is not a directory but {what}" in done.said
    assert os.listdir(place.parent) == ["instance"] and not os.listdir(elsewhere)


def test_the_directory_itself_may_be_a_link(agent: Agent) -> None:
    agent.path("/elsewhere").mkdir()
    agent.path("/cluster").symlink_to("elsewhere")
    assert init(agent, STARTER).status == 0
    assert agent.path("/elsewhere/instance/teleport.conf").exists()


def test_an_empty_name_is_not_the_current_directory(agent: Agent) -> None:
    agent.write("/answers.yaml", STARTER)
    done = agent.run("init", "", "--answers", "answers.yaml")
    assert done.status == errors.CONF_OR_USAGE and "DIRECTORY is empty" in done.said
    assert os.listdir(agent.root) == ["answers.yaml"]


def test_a_wrong_file_of_answers_writes_nothing(agent: Agent) -> None:
    done = init(agent, f"{STARTER}setup: big\nregoin: x\n")
    assert done.status == errors.CONF_OR_USAGE
    assert "answers.yaml:3:1: setup cannot be" in done.errors and "answers.yaml:4:1: regoin" in done.errors
    assert not agent.path("/cluster").exists()


def test_without_a_terminal_it_asks_for_a_file(agent: Agent) -> None:
    for more in ((), ("--format", "json")):
        done = agent.run("init", *more, stdin=b"ha\n")
        assert done.status == errors.CONF_OR_USAGE and "--answers FILE" in done.said
    assert not list(agent.root.iterdir())


def test_answers_from_standard_input(agent: Agent) -> None:
    done = agent.run("init", "cluster", "--answers", "-", stdin=STARTER.encode())
    assert done.status == 0, done.said


# ---------------------------------------------------------------- the page


def test_issue_19_point_6_the_page_has_every_question_and_its_example_works(agent: Agent) -> None:
    page = "docs/init.md"
    rows = [
        line.split("|")[1] for line in documents.text(page).split("\n## ")[1].splitlines() if line.startswith("| `")
    ]
    assert [name for row in rows for name in re.findall("`(\\w+)`", row)] == PAGE_ORDER
    assert sorted(PAGE_ORDER) == sorted(questions.BY_NAME)
    agent.write("/answers.yaml", documents.block(page, "checked", "answers").text)
    for line in documents.block(page, "simulated", "init").text.splitlines():
        done = agent.run(*line.split()[1:])
        assert done.status == 0, done.said


# ---------------------------------------------------------------- at a terminal

PROMPTS = {
    "One instance": "ha\n",
    "The domain under": "teleport.acmeinc.com\n",
    "The name of the cluster": "\n",
    "The AWS region": "eu-west-1\n",
    "The certificate": "\n",
    "The S3 bucket": "\n",
    "How people sign in": "github\n",
    "The edition": "enterprise\n",
    "What creates": "\n",
    "The id of the domain": "\n",
    "The VPC": "vpc-0123456789abcdef0\n",
    "Public subnets": "\n",
    "Private subnets": "\n",
    "The AMI": "ami-0123456789abcdef0\n",
}


def test_issue_19_point_6_a_conversation_gives_what_its_file_of_answers_gives_again(agent: Agent) -> None:
    def talk(session: on_terminal.Session) -> None:
        for prompt, typed in PROMPTS.items():
            session.wait_for(prompt)
            session.type(typed)

    (command,) = documents.block("docs/init.md", "simulated", "asked").text.splitlines()
    shown = on_terminal.run(agent, *command.split()[1:], meanwhile=talk)
    assert shown.status == 0, shown.text
    found = contents(agent.path("/teleport"))
    read = answers_file.read(found["answers.yaml"].encode(), "answers.yaml").answers
    assert (read["edition"], read["image"], read["hosted_zone"]) == ("enterprise", "ami-0123456789abcdef0", "")
    done = agent.run("init", "again", "--answers", "teleport/answers.yaml")
    assert done.status == 0, done.said
    assert contents(agent.path("/again")) == found


def test_issue_19_point_6_a_wrong_answer_is_asked_again_with_the_reason(agent: Agent) -> None:
    def talk(session: on_terminal.Session) -> None:
        session.wait_for("One instance")
        session.type("two\n")
        session.wait_for('This cannot be "two"')
        session.wait_for("One instance", times=2)
        session.type("?\n")
        session.wait_for("starter is one instance that does everything")
        session.wait_for("One instance", times=3)
        session.type("\n")
        session.wait_for("The domain under")
        session.type("https://teleport.acmeinc.com\n")
        session.wait_for("write the name alone")
        session.wait_for("The domain under", times=2)
        session.type("\n")
        session.wait_for("an answer is needed here")
        session.wait_for("The domain under", times=3)
        session.type("\x03")

    shown = on_terminal.run(agent, "init", "cluster", meanwhile=talk, columns=200)
    assert shown.status == errors.INTERRUPTED
    assert not agent.path("/cluster").exists()


@pytest.mark.parametrize(("typed", "status"), [("\x03", errors.INTERRUPTED), ("\x04", errors.CONF_OR_USAGE)])
@pytest.mark.parametrize("after", [1, len(PROMPTS) - 1])
def test_issue_19_point_6_control_c_and_the_end_of_the_input_write_nothing(
    agent: Agent, typed: str, status: int, after: int
) -> None:
    def talk(session: on_terminal.Session) -> None:
        for prompt, answer in list(PROMPTS.items())[:after]:
            session.wait_for(prompt)
            session.type(answer)
        session.wait_for(list(PROMPTS)[after])
        session.type(typed)

    shown = on_terminal.run(agent, "init", "cluster", meanwhile=talk)
    assert shown.status == status, shown.text
    assert not agent.path("/cluster").exists()


def test_issue_19_point_6_a_second_conversation_proposes_the_answers_of_the_first(agent: Agent) -> None:
    init(agent, f"{HA}vpc: vpc-0123456789abcdef0\n")
    asked = list(answers_file.read(agent.path("/cluster/answers.yaml").read_bytes(), "a").answers)

    def talk(session: on_terminal.Session) -> None:
        for number in range(1, len(asked) + 1):
            session.wait_for(": ", times=number)
            session.type("\n")

    shown = on_terminal.run(agent, "init", "cluster", meanwhile=talk, columns=200)
    assert shown.status == 0, shown.text
    assert "[vpc-0123456789abcdef0]" in shown.text
    assert "wrote" not in shown.text and "unchanged: cluster/answers.yaml" in shown.text


@pytest.mark.parametrize(
    ("environ", "proposed"),
    [
        (
            {"AWS_REGION": "eu-north-1", "AWS_DEFAULT_REGION": "us-east-1"},
            "The AWS region, such as eu-west-1 [eu-north-1]:",
        ),
        ({"AWS_DEFAULT_REGION": "us-east-1"}, "The AWS region, such as eu-west-1 [us-east-1]:"),
        ({"AWS_REGION": "at home"}, "The AWS region, such as eu-west-1:"),
    ],
)
def test_issue_19_point_6_the_region_of_the_environment_is_proposed(
    agent: Agent, environ: dict[str, str], proposed: str
) -> None:
    def talk(session: on_terminal.Session) -> None:
        for prompt, answer in list(PROMPTS.items())[:3]:
            session.wait_for(prompt)
            session.type(answer)
        session.wait_for(proposed)
        session.type("\x03")

    agent.environ.update(environ)
    assert on_terminal.run(agent, "init", "cluster", meanwhile=talk).status == errors.INTERRUPTED


def test_every_role_of_a_setup_has_its_folder(agent: Agent) -> None:
    init(agent, HA)
    folders = {path.name for path in agent.path("/cluster").iterdir() if path.is_dir()}
    assert folders == {confs.folder(role) for role in confs.ROLES["ha"]}
