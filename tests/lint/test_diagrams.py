"""The pictures of docs/deploy.md: who connects to whom in them is what the security groups allow."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

from teleport_bootstrap import paths, port_table
from tests.diagrams import draw, page, source
from tests.diagrams.source import Diagram
from tests.lint.test_terraform import ACM, LICENSE, conf_of
from tests.templates import setups
from tests.terraform_module import documents, public_examples
from tests.terraform_module.evaluate import Evaluated, evaluate
from tests.unit.plan import planning

CHECKOUT = Path(__file__).resolve().parents[2]
NAMES = source.NAMES
OUTSIDE = "outside"
_ROLES = {"instance": "all-in-one", "proxies": "proxy", "nodes": "node", "authservers": "auth"}

# The guide that this project answers: its headings, and one step that has none.
SECTIONS = """
Teleport on AWS FAQ
Teleport Introduction
AWS Services required to run Teleport in HA
EC2 / Autoscale
DynamoDB
S3
Route53
NLB: Network Load Balancer
IAM
IAM for Amazon S3
IAM for DynamoDB
ACM
AWS Systems Manager Parameter Store
Setting up a HA Teleport Cluster
Single OSS Teleport AMIs (Manual / GUI Setup)
Prerequisites
Step 1: Subscribe to Teleport Community Edition
Step 2: Build instance
Step 3: Create the Load Balancers
Step 4: Create Teleport user
Step 5: Finish
Reconfiguring/using a pre-existing instance
Deploying with CloudFormation
Deploying with Terraform
Installing Teleport to EC2 Server
Using Teleport with EKS
Upgrading
Running Teleport Enterprise on AWS
Running Teleport in HA on AWS
Teleport AWS Tips & Tricks
Generating labels from AWS tags
""".strip().splitlines()

Ways = dict[tuple[str, str], set[int]]


def shown(diagram: Diagram) -> Ways:
    """Return the ports of each way in the VPC, between boxes, as the picture has them; services are not in groups."""
    found: Ways = {}
    for link in diagram.links:
        if diagram.boxes[link.end].kind == "service":
            assert link.numbers() == {port_table.HTTPS}
            continue
        start = OUTSIDE if diagram.boxes[link.start].kind == OUTSIDE else link.start
        found.setdefault((start, link.end), set()).update(link.numbers())
    return found


_GROUPS = {
    "aws_security_group.web[0]": "web",
    "aws_security_group.proxy[0]": "clients",
    "aws_security_group.auth": "auth",
    "aws_security_group.instance": "instance",
    'aws_security_group.instances["proxy"]': "proxies",
    'aws_security_group.instances["node"]': "nodes",
    'aws_security_group.instances["auth"]': "authservers",
}


def allowed(found: Evaluated) -> Ways:
    """Return the ports of each way that the security groups of a module allow into a group."""
    boxes = {block["id"]: _GROUPS[address] for address, block in found.blocks("aws_security_group").items()}
    ways: Ways = {}
    for rule in found.blocks("aws_vpc_security_group_ingress_rule").values():
        start = OUTSIDE if "cidr_ipv4" in rule else boxes[rule["referenced_security_group_id"]]
        ways.setdefault((start, boxes[rule["security_group_id"]]), set()).add(rule["from_port"])
    return ways


@pytest.mark.parametrize("name", NAMES)
def test_each_way_is_one_that_the_security_groups_of_terraform_allow(name: str) -> None:
    assert shown(source.read(name)) == allowed(evaluate(name, **ACM))


@pytest.mark.parametrize("setup", setups.SETUPS, ids=lambda setup: setup.path.stem)
def test_each_port_is_one_that_the_security_groups_of_cloudformation_allow(setup: setups.Setup) -> None:
    from_outside, within = set(), set()
    for rule in _rules(setup.filled().resources):
        ports = set(range(int(rule["FromPort"]), int(rule["ToPort"]) + 1))
        (from_outside if "CidrIp" in rule else within).update(ports)
    ways = shown(source.read(setup.path.stem))
    assert from_outside == {port for (start, _), ports in ways.items() if start == OUTSIDE for port in ports}
    assert within == {port for (start, _), ports in ways.items() if start != OUTSIDE for port in ports}


def _rules(resources: dict[str, Any]) -> Iterator[dict[str, Any]]:
    for about in resources.values():
        if about["Type"] == "AWS::EC2::SecurityGroup":
            yield from about["Properties"].get("SecurityGroupIngress", [])
        elif about["Type"] == "AWS::EC2::SecurityGroupIngress":
            yield about["Properties"]


@pytest.mark.parametrize("name", NAMES)
def test_the_picture_is_up_to_date_well_formed_and_fits(name: str) -> None:
    diagram = source.read(name)
    text = (source.FOLDER / f"{name}.svg").read_text(encoding="utf-8")
    assert text == draw.draw(diagram), "run ./dev diagrams"
    assert ElementTree.fromstring(text).get("aria-label") == diagram.title
    assert list(diagram.problems()) == list(draw.too_wide(diagram)) == []
    assert set(diagram.words) == {port for link in diagram.links for port in link.ports}


def test_both_palettes_can_be_read() -> None:
    for palette in (draw.LIGHT, draw.DARK):
        for ground in ("page", "outside", "balancer", "host", "service"):
            for text in ("text", "weak"):
                assert _contrast(palette[text], palette[ground]) >= 4.5, (text, ground)


def _contrast(first: str, second: str) -> float:
    """Return the ratio of two colors as the Web Content Accessibility Guidelines define it."""
    lights = sorted(_luminance(each) + 0.05 for each in (first, second))
    return lights[1] / lights[0]


def _luminance(color: str) -> float:
    parts = [int(color[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    linear = [each / 12.92 if each <= 0.04045 else ((each + 0.055) / 1.055) ** 2.4 for each in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


@pytest.mark.parametrize("name", NAMES)
def test_files_and_units_in_the_picture_are_those_of_its_hosts(name: str) -> None:
    user_data = evaluate(name, **ACM, **LICENSE).user_data()
    for key, box in source.read(name).boxes.items():
        if box.kind != "host":
            continue
        plan = planning.plan(conf_of(user_data[_ROLES[key]]), version="18.1.0")
        text = " ".join(box.lines)
        named = set(re.findall(r"teleport-[a-z-]+\.(?:service|timer)", text))
        assert plan.activation.unit in named
        assert named <= {plan.activation.unit, *plan.activation.units.enable}
        for path in re.findall(r"/etc/[^\s:,]+", text):
            assert path.rstrip("/") in {paths.CONF, paths.TELEPORT_YAML, paths.OVERRIDES}
        secrets = {Path(each.path).name for each in plan.activation.secrets}
        written = {each for each in ("token", "ca-pin-hash", "license") if re.search(rf"\b{each}\b", text)}
        assert written == {each.removesuffix(".pem") for each in secrets}, key


def test_the_tables_of_the_page_are_up_to_date() -> None:
    assert page.written() == page.PAGE.read_text(encoding="utf-8"), "run ./dev diagrams"


def test_every_section_of_the_guide_is_in_the_table() -> None:
    text = page.PAGE.read_text(encoding="utf-8")
    rows = re.findall(
        r"^\| ([^|]+) \| [^|]+ \|$", text.split("## Where the sections of the guide are")[-1], re.MULTILINE
    )
    listed = [each for row in rows if row != "section of the guide" for each in row.split(", ")]
    assert listed == SECTIONS


def test_links_within_pages_lead_to_a_heading() -> None:
    for name, anchor in re.findall(r"\]\(([\w./-]*)#([\w-]+)\)", page.PAGE.read_text(encoding="utf-8")):
        target = page.PAGE.parent / name if name else page.PAGE
        headings = re.findall(r"^#+ (.+)$", target.read_text(encoding="utf-8"), re.MULTILINE)
        anchors = {re.sub(r"[^\w -]", "", each.lower()).replace(" ", "-") for each in headings}
        assert anchor in anchors, f"{name}#{anchor}"


def test_what_terraform_replaces_is_in_its_page() -> None:
    text = documents.README.read_text(encoding="utf-8")
    assert all(f"| `{name}` |" in text for name in public_examples.REPLACED)
