"""The pages in docs/ speak of commands, options, files and actions that exist."""

from __future__ import annotations

import argparse
import json
import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from teleport_bootstrap.cli import layout, main
from teleport_bootstrap.conf import conf_file, variables
from teleport_bootstrap.plan import requirements

CHECKOUT = Path(__file__).resolve().parents[3]
PAGES = [*sorted((CHECKOUT / "docs").glob("*.md")), CHECKOUT / "README.md", CHECKOUT / "CHANGELOG.md"]
IDS = [page.name for page in PAGES]
GUIDE = (CHECKOUT / "docs" / "guide.md").read_text("utf-8")

PARSER = main.parser()
_FENCE = re.compile(r"^```(\w*)[^\n`]*\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_CONF = re.compile(r"cat >/etc/teleport\.d/conf <<'EOF'\n(.*?)^EOF$", re.MULTILINE | re.DOTALL)


def commands(text: str) -> Iterator[str]:
    """Every line to type, and every piece of code, that calls the program."""
    without = _FENCE.sub("", text)
    pieces = [" ".join(each.split()) for each in re.findall(r"`([^`]+)`", without)]
    pieces += re.findall(r"^    (\S.*)$", without, re.MULTILINE)
    for language, body in _FENCE.findall(text):
        if language in ("sh", "bash"):
            pieces += body.replace("\\\n", " ").splitlines()
    for piece in pieces:
        # In a table a bar has a backslash before it; here it ends the command as any bar does.
        found = re.search(r"^(?:sudo )?(teleport-bootstrap(?: [^|>&;]*)?)", piece.replace("\\|", "|"))
        if found:
            yield found[1].strip()


def unknown(command: str) -> str:
    """What of a command does not exist; a value that stands for others, such as ARCHIVE, is not judged."""
    words = shlex.split(command.replace("…", "").replace("...", ""), comments=True)[1:]
    parser: argparse.ArgumentParser = PARSER
    for word in words:
        below = dict(layout.commands(parser))
        if word.startswith("-"):
            options = {option for action in parser._actions for option in action.option_strings}
            implied = dict(layout.commands(parser)).get("create")
            if implied is not None:
                options |= {option for action in implied._actions for option in action.option_strings}
            if word.partition("=")[0] not in options:
                return f"{word} in `{command}`"
        elif word in below:
            parser = below[word]
        elif below and parser is PARSER and not word.isupper():
            return f"{word} in `{command}`"
    return ""


def test_finds_commands_in_documents() -> None:
    assert "teleport-bootstrap reconfigure --yes" in list(commands(GUIDE))
    assert unknown("teleport-bootstrap reconfigure --no-such") and unknown("teleport-bootstrap regenerate")
    assert not unknown("teleport-bootstrap backup s3://b/p --keep 7")


@pytest.mark.parametrize("page", PAGES, ids=IDS)
def test_every_command_and_option_exists(page: Path) -> None:
    said = re.compile(r"[a-z-]+ (as|is|does|package|itself|needs)\b")
    found = [unknown(each) for each in commands(page.read_text("utf-8")) if not said.match(each)]
    assert [each for each in found if each] == []


@pytest.mark.parametrize("page", PAGES, ids=IDS)
def test_every_link_has_a_target(page: Path) -> None:
    text = page.read_text("utf-8")
    for target in re.findall(r"\]\(([^)#:]*(?:#[\w-]+)?)\)", _FENCE.sub("", text)):
        name, _, anchor = target.partition("#")
        path = (page.parent / name) if name else page
        assert path.exists(), target
        if anchor:
            headings = re.findall("^#+ (.*)$", path.read_text("utf-8"), re.MULTILINE)
            anchors = {re.sub(r"[^\w -]", "", each).strip().lower().replace(" ", "-") for each in headings}
            assert anchor in anchors, target


@pytest.mark.parametrize("page", PAGES, ids=IDS)
def test_every_variable_of_the_conf_exists(page: Path) -> None:
    text = page.read_text("utf-8")
    named = set(re.findall(r"\b((?:TELEPORT|USE)_[A-Z0-9_]*[A-Z0-9])\b", text))
    ours = {
        "TELEPORT_BOOTSTRAP_CACHE",
        "TELEPORT_BOOTSTRAP_CODE",
        "TELEPORT_BOOTSTRAP_EVERY_CALL",
        "TELEPORT_START_FLAGS",
    }
    ours |= {"TELEPORT_BOOTSTRAP_EVERY_RELEASE", "TELEPORT_BOOTSTRAP_HINT", "USE_ONE_OF"}
    assert sorted(each for each in named - ours if "BOOTSTRAP" not in each and variables.find(each) is None) == []


@pytest.mark.parametrize("text", _CONF.findall(GUIDE), ids=lambda text: text.split()[0])
def test_every_conf_of_the_guide_is_valid(text: str) -> None:
    inspection = conf_file.inspect(text.encode())
    assert inspection.errors == () and inspection.warnings == ()
    assert inspection.conf is not None
    assert requirements.check(inspection.conf, fips=False) == ()


def test_the_guide_has_a_conf_for_every_role() -> None:
    roles = {re.search("TELEPORT_ROLE=(.*)", text) for text in _CONF.findall(GUIDE)}
    assert {each[1] if each else "" for each in roles} == {"", "auth", "proxy", "node", "agent"}


def actions_of(policy: dict[str, Any]) -> set[str]:
    listed = [each["Action"] for each in policy["Statement"]]
    return {action for each in listed for action in ([each] if isinstance(each, str) else each)}


def called(*files: str) -> set[str]:
    """The IAM actions that modules below teleport_bootstrap/ name, such as `s3:GetObject`."""
    found = set()
    for name in files:
        text = (CHECKOUT / "teleport_bootstrap" / name).read_text("utf-8")
        found |= set(re.findall(r'"((?:ssm|s3|dynamodb|ec2|kms|route53):[A-Z]\w+)"', text))
    assert found, files
    return found


LOCK = called("cluster/lock_item.py")
OWN_KEY = {"kms:GenerateDataKey", "kms:Decrypt"}
# What each policy of the guide allows: what the code for it calls, and what AWS takes besides or certbot calls.
POLICIES = {
    "Proxies and nodes": called("aws/ssm.py") - {"ssm:PutParameter"} | {"kms:Decrypt"},
    "Auth servers": called("aws/ssm.py") | LOCK | {"kms:Encrypt"},
    "Let's Encrypt": LOCK
    | {"s3:ListBucket", "s3:GetObject", "s3:PutObject"}
    | {"route53:ListHostedZones", "route53:GetChange", "route53:ChangeResourceRecordSets"}
    | OWN_KEY,
    "Backups": called("aws/s3.py", "aws/s3_upload.py", "aws/s3_download.py", "aws/dynamodb.py") | OWN_KEY,
    "Tags as labels": called("aws/account.py") | {"ec2:DescribeInstances"},
}


def policies() -> list[tuple[str, dict[str, Any]]]:
    """The policies of the guide, each with the first words above it."""
    found = []
    for match in re.finditer(r"^```json checked:policy\n(.*?)^```$", GUIDE, re.MULTILINE | re.DOTALL):
        titles = re.findall(r"^\*\*([^*]+)\*\*", GUIDE[: match.start()], re.MULTILINE)
        found.append((titles[-1], json.loads(match[1])))
    return found


@pytest.mark.parametrize("feature", POLICIES)
def test_each_policy_allows_what_its_feature_calls_and_no_more(feature: str) -> None:
    policy = next(policy for title, policy in policies() if title.startswith(feature))
    assert actions_of(policy) == POLICIES[feature]


def test_policies_are_complete_and_name_resources() -> None:
    assert len(policies()) == len(POLICIES) + 1, "and the one for Teleport itself"
    for _, policy in policies():
        assert policy["Version"] == "2012-10-17"
        assert not [each for each in actions_of(policy) if "*" in each]
        for statement in policy["Statement"]:
            assert statement["Effect"] == "Allow"
            # These actions know no resources.
            free = {"route53:ListHostedZones", "route53:GetChange", "ec2:DescribeTags", "ec2:DescribeInstances"}
            assert statement["Resource"] != "*" or actions_of({"Statement": [statement]}) <= free


def test_every_action_that_the_code_names_is_in_a_policy() -> None:
    named = set()
    for path in (CHECKOUT / "teleport_bootstrap").rglob("*.py"):
        named |= set(re.findall(r'"((?:ssm|s3|dynamodb|ec2|kms|route53):[A-Z]\w+)"', path.read_text("utf-8")))
    assert len(named) > 8
    assert named - {action for _, policy in policies() for action in actions_of(policy)} == set()
