"""What the pages show is what works: confs, policies, files and commands that need no booted instance.

tests/documents.py explains the words by which a block says what it is; tests/boot/test_a_day.py runs the others.
"""

from __future__ import annotations

import ast
import configparser
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import hcl2
import pytest
import yaml

from tests import documents, packages
from tests.documents import CHECKOUT, Block
from tests.lint import test_layers as layers
from tests.simulated import auth_server
from tests.simulated.agent import Agent
from tests.simulated_ec2 import Aws
from tests.stand_in import install_aws, install_tctl

FACTS = CHECKOUT / "tests" / "cases" / "metadata.yaml"
GUIDE = "docs/guide.md"
RENDER = ("--metadata", str(FACTS), "--teleport-version", "18.7.0")

EVERY = [block for page in documents.pages() for block in documents.every_block(page)]
USER_DATA = [block for block in EVERY if block.word == "user-data"]
CONFS = [block for block in EVERY if block.word == "conf"]


@pytest.fixture
def agent(tmp_path: Path) -> Agent:
    root = tmp_path / "root"
    root.mkdir()
    return Agent(root)


def typed(block: Block, directory: Path, environ: dict[str, str], text: str = "") -> str:
    """Run a block, or `text` in its place, with bash in a directory, up to the first failure; return what it prints."""
    done = subprocess.run(
        ["bash", "-euc", text or block.text],
        cwd=directory,
        env={"HOME": str(directory), "PATH": "/usr/sbin:/usr/bin:/sbin:/bin", **environ},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, f"{block.place} ended with {done.returncode}\n{done.stdout}{done.stderr}"
    return done.stdout


def with_command(directory: Path, *environ: tuple[str, str]) -> dict[str, str]:
    """Put `teleport-bootstrap` and `python3` of this checkout into a directory; return what finds them."""
    directory.mkdir(parents=True, exist_ok=True)
    for name, call in (("teleport-bootstrap", " -m teleport_bootstrap"), ("python3", "")):
        (directory / name).write_text(f'#!/bin/sh\nexec "{sys.executable}"{call} "$@"\n')
        (directory / name).chmod(0o755)
    return {"PATH": f"{directory}:/usr/sbin:/usr/bin:/sbin:/bin", "PYTHONPATH": str(CHECKOUT), **dict(environ)}


# ---------------------------------------------------------------- confs


def conf_of(user_data: Block, scratch: Path) -> str:
    """Run a script of user-data; return the conf that it writes."""
    target = scratch / "conf-of-user-data"
    assert "/etc/teleport.d/conf" in user_data.text
    typed(user_data, scratch, {}, user_data.text.replace("/etc/teleport.d/conf", str(target)))
    return target.read_text()


def base(block: Block, scratch: Path) -> str:
    """The conf that the lines of `block` are for, by its name."""
    if block.name == "parameter":  # docs/joining.md: an agent without the join method of the guide
        agent = conf_of(documents.block(GUIDE, "user-data", "agent"), scratch)
        return "".join(
            line for line in agent.splitlines(True) if not line.startswith(("TELEPORT_JOIN", "TELEPORT_ROLE"))
        )
    if block.name == "bound-keypair":
        return conf_of(documents.block(GUIDE, "user-data", "node"), scratch)
    if block.name == "agent-kubernetes":  # in place of the variables for databases, as the guide says
        agent = conf_of(documents.block(GUIDE, "user-data", "agent"), scratch)
        return "".join(line for line in agent.splitlines(True) if "_DB_" not in line)
    page = block.page if any(each.page == block.page for each in USER_DATA) else GUIDE
    return conf_of(documents.block(page, "user-data", block.name), scratch)


def assert_valid(agent: Agent, text: str, place: str) -> None:
    """The conf is valid, and a teleport.yaml comes of it; the only warnings are of what Teleport needs on the host."""
    conf = agent.write("/conf", text)
    checked = agent.run("validate", str(conf), "--format", "json")
    assert checked.status == 0, f"{place}: {checked.said}"
    of_host = ("document-agent", "document-service")
    serious = [each for each in checked.data["findings"] if each["severity"] != "note" and each["code"] not in of_host]
    assert serious == [], f"{place}: {checked.said}"
    rendered = agent.run("render", "--conf", str(conf), *RENDER)
    assert rendered.status == 0, f"{place}: {rendered.said}"
    assert yaml.safe_load(rendered.output)["version"] == "v3"


@pytest.mark.parametrize("block", USER_DATA, ids=lambda block: block.place)
def test_issue_15_row_12_user_data_writes_a_valid_conf(agent: Agent, tmp_path: Path, block: Block) -> None:
    assert_valid(agent, conf_of(block, tmp_path), block.place)


@pytest.mark.parametrize("block", CONFS, ids=lambda block: block.place)
def test_issue_15_row_12_lines_of_a_conf_are_valid_where_they_belong(
    agent: Agent, tmp_path: Path, block: Block
) -> None:
    assert_valid(agent, base(block, tmp_path) + block.text, block.place)


def test_a_conf_with_a_mistake_is_found(agent: Agent, tmp_path: Path) -> None:
    guide = conf_of(documents.block(GUIDE, "user-data", "instance"), tmp_path)
    with pytest.raises(AssertionError, match="the place"):
        assert_valid(agent, guide.replace("USE_ACM", "USE_ACN"), "the place")


def test_issue_15_row_12_the_example_of_the_reference_is_validated(agent: Agent, tmp_path: Path) -> None:
    """With the example that the page goes on to explain as ./conf."""
    page = "docs/conf-reference.md"
    (tmp_path / "conf").write_text(documents.block(page, "checked", "grammar").text)
    found = typed(documents.block(page, "simulated", "validate"), tmp_path, with_command(tmp_path / "bin"))
    assert found.strip()


# ---------------------------------------------------------------- policies

# By name of the block: its page, and the user-data of the guide whose conf the policy is for.
POLICIES = {
    "policy-node": (GUIDE, "node"),
    "policy-auth": ("docs/tokens.md", "auth"),
    "policy-backup": ("docs/backup-stores.md", "auth"),
}


@pytest.mark.parametrize("name", POLICIES)
def test_issue_15_row_12_the_policies_of_the_pages_are_what_the_command_prints(tmp_path: Path, name: str) -> None:
    page, user_data = POLICIES[name]
    (tmp_path / "conf").write_text(conf_of(documents.block(GUIDE, "user-data", user_data), tmp_path))
    printed = typed(documents.block(page, "simulated", name), tmp_path, with_command(tmp_path / "bin"))
    assert printed == documents.block(page, "checked", name).text


# ---------------------------------------------------------------- files


def test_issue_15_row_12_the_override_is_merged_as_the_page_says(agent: Agent, tmp_path: Path) -> None:
    block = documents.block("docs/overrides.md", "checked", "override")
    (tmp_path / "overrides").mkdir()
    (tmp_path / "overrides" / "10-proxy.yaml").write_text(block.text)
    (tmp_path / "conf").write_text(conf_of(documents.block(GUIDE, "user-data", "instance"), tmp_path))
    shutil.copy(FACTS, tmp_path / "instance.yaml")
    # The line of the page, with the release that a laptop has to name.
    line = "teleport-bootstrap render --conf ./conf --metadata ./instance.yaml --overrides ./overrides"
    assert line in documents.text(block.page)
    environ = with_command(tmp_path / "bin")
    document = yaml.safe_load(typed(block, tmp_path, environ, f"{line} --teleport-version 18.7.0"))
    assert document["proxy_service"]["proxy_protocol"] == "on"
    assert "trust_x_forwarded_for" not in document["proxy_service"]
    assert [each["name"] for each in document["ssh_service"]["commands"]] == ["kernel"]


def test_issue_15_row_12_certbots_settings_are_read_by_botocore(tmp_path: Path) -> None:
    page = "docs/certificates.md"
    unit = documents.block(page, "checked", "drop-in").text
    name = re.search(r"Environment=AWS_CONFIG_FILE=(\S+)", unit)
    settings = documents.block(page, "checked", "aws-config").text
    assert name is not None and settings.startswith(f"# {name[1]}\n")
    (tmp_path / "config").write_text(settings)
    said = typed(
        documents.block(page, "checked", "aws-config"),
        tmp_path,
        {**with_command(tmp_path / "bin"), "AWS_CONFIG_FILE": str(tmp_path / "config")},
        'python3 -c "import botocore.session; print(botocore.session.Session().get_scoped_config())"',
    )
    read = ast.literal_eval(said)
    assert read["role_arn"].startswith("arn:aws:iam::") and read["credential_source"] == "Ec2InstanceMetadata"
    assert configparser.ConfigParser(interpolation=None).read_string(unit) is None
    for service in ("teleport-get-cert.service", "teleport-renew-cert.service"):
        assert service in documents.text(page) and (CHECKOUT / "systemd" / service).exists()


def test_issue_15_row_12_each_unit_that_calls_aws_reads_the_settings_of_the_outbound_proxy() -> None:
    block = documents.block(GUIDE, "checked", "outbound-proxy")
    given = dict(line.split("=", 1) for line in block.text.splitlines())
    assert set(given) == {"HTTPS_PROXY", "NO_PROXY", "AWS_CA_BUNDLE"}
    for name in ("generate-config", "fetch-secrets", "ssm-publish-tokens", "backup", "restore", "get-cert"):
        unit = (CHECKOUT / "systemd" / f"teleport-{name}.service").read_text("utf-8")
        assert "EnvironmentFile=-/etc/default/teleport-bootstrap" in unit, name


def test_issue_15_row_12_the_token_resource_is_one_that_tctl_takes(tmp_path: Path) -> None:
    block = documents.block("docs/tokens.md", "checked", "token")
    install_tctl(tmp_path / "bin", data=str(tmp_path))
    (tmp_path / "nodes.yaml").write_text(block.text)
    assert "`tctl create -f nodes.yaml`" in documents.text(block.page)
    typed(block, tmp_path, {"PATH": f"{tmp_path}/bin:/usr/bin:/bin"}, "tctl create -f nodes.yaml")
    assert "iam-node" in json.loads((tmp_path / "tctl-resources.json").read_text())


def test_issue_15_row_12_a_declaration_is_one_of_the_table() -> None:
    """All of it that the page shows, argument for argument."""
    block = documents.block("docs/contributing.md", "checked", "declaration")
    shown = ast.parse(block.text).body[0]
    table = ast.parse((CHECKOUT / "teleport_bootstrap" / "conf" / "table.py").read_text("utf-8"))
    assert isinstance(shown, ast.Assign)
    name = ast.unparse(shown.targets[0])
    real = next(each for each in table.body if isinstance(each, ast.Assign) and ast.unparse(each.targets[0]) == name)
    assert ast.unparse(shown.value) == ast.unparse(real.value)


def test_issue_15_row_12_the_rooms_of_the_page_are_those_that_the_linter_knows() -> None:
    block = documents.block("docs/contributing.md", "checked", "layers")
    order = [name.strip() for name in block.text.replace("\n", " ").split(">")]
    assert tuple(order[:-1]) == layers.ROOMS
    for module in order[-1].split(","):
        assert (CHECKOUT / "teleport_bootstrap" / f"{module.strip()}.py").exists(), module


def test_issue_15_row_12_the_lines_of_the_manifest_are_those_of_an_archive(agent: Agent) -> None:
    """Each line that the page shows has the keys of one that `backup` writes."""
    agent.install()
    agent.conf("TELEPORT_DOMAIN_NAME=teleport.example.com\n")
    agent.write("/etc/teleport.yaml", "version: v3\n")
    agent.write("/var/lib/teleport/host_uuid", "6f1f0d0a-5a33-4c0e-9a5e-4f6a2b1c9d11")
    os.mkfifo(agent.path("/var/lib/teleport/debug.sock"))
    done = agent.run("backup", str(agent.path("/backups")), "--format", "json", "--wait", "1")
    assert done.status == 0, done.said
    unpacked = subprocess.run(
        ["tar", "-xOf", done.data["archive"], "teleport-backup/manifest.jsonl"],
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    real = [json.loads(line) for line in unpacked.splitlines()]
    shown = [
        json.loads(line) for line in documents.block("docs/backup-format.md", "checked", "manifest").text.splitlines()
    ]
    kinds = {frozenset(line) for line in real}
    for line in shown:
        if "header" in line:
            assert line["format"] == real[0]["format"] and set(line["header"]) <= set(real[0]["header"])
        elif "missing" in line:
            assert frozenset(line) - {"missing"} in kinds
        else:
            assert frozenset(line) in kinds, line


# ---------------------------------------------------------------- commands


def test_issue_15_row_12_the_license_goes_to_where_auth_servers_look(tmp_path: Path, aws: Aws) -> None:
    block = documents.block(GUIDE, "simulated", "license")
    install_aws(tmp_path / "bin")
    (tmp_path / "license.pem").write_text("THE LICENSE")
    typed(block, tmp_path, {"PATH": f"{tmp_path}/bin:/usr/bin:/bin", "AWS_ENDPOINT_URL": aws.url})
    name = "/teleport/teleport.acmeinc.com/license"
    found = aws.client("ssm").get_parameter(Name=name, WithDecryption=True)["Parameter"]
    assert (found["Value"], found["Type"]) == ("THE LICENSE", "SecureString")


def test_issue_15_row_12_the_item_of_the_lock_is_deleted(tmp_path: Path, aws: Aws) -> None:
    block = documents.block("docs/tokens.md", "simulated", "lock")
    install_aws(tmp_path / "bin")
    auth_server.make_table(aws)
    table = aws.client("dynamodb")
    table.put_item(TableName=auth_server.LOCKS, Item={"Lock": {"S": "/auth/servers"}, "Expires": {"S": "1"}})
    environ = {"PATH": f"{tmp_path}/bin:/usr/bin:/bin", "AWS_ENDPOINT_URL": aws.url}
    typed(block, tmp_path, environ, block.text.replace("LOCKS-TABLE", auth_server.LOCKS))
    assert table.scan(TableName=auth_server.LOCKS)["Count"] == 0


def test_issue_15_row_12_a_table_is_restored_from_its_backup(tmp_path: Path, aws: Aws) -> None:
    block = documents.block("docs/backup.md", "simulated", "restore-table")
    install_aws(tmp_path / "bin")
    auth_server.make_table(aws)
    client = aws.client("dynamodb")
    backup = client.create_backup(TableName=auth_server.LOCKS, BackupName="tables")["BackupDetails"]["BackupArn"]
    environ = {"PATH": f"{tmp_path}/bin:/usr/bin:/bin", "AWS_ENDPOINT_URL": aws.url}
    typed(block, tmp_path, environ, block.text.replace("ARN", backup).replace("NEW-NAME", "again"))
    assert "again" in client.list_tables()["TableNames"]


def test_the_stand_in_for_awss_command_line_refuses_what_aws_does_not_have(tmp_path: Path, aws: Aws) -> None:
    program = install_aws(tmp_path / "bin")
    environ = {**os.environ, "AWS_ENDPOINT_URL": aws.url}
    for words in (("ssm", "set-parameter"), ("ssm", "put-parameter", "--names", "x")):
        done = subprocess.run([program, *words], env=environ, capture_output=True, text=True, check=False)
        assert done.returncode != 0 and "has no" in done.stderr


def test_issue_15_row_12_generated_texts_are_generated(tmp_path: Path) -> None:
    block = documents.block("docs/contributing.md", "simulated", "generated")
    (tmp_path / "docs").mkdir()
    typed(block, tmp_path, with_command(tmp_path / "bin"))
    made = sorted(path.name for path in (tmp_path / "docs").iterdir())
    assert len(made) >= 4
    for name in made:
        assert (tmp_path / "docs" / name).read_text() == (CHECKOUT / "docs" / name).read_text()


# A stand-in notes each call; what Packer would say of them is judged below, by the template itself.
NOTING = """\
#!/bin/sh
for word; do printf '%s\\037' "$word"; done >>"$NOTES"
printf '\\n' >>"$NOTES"
case $0 in *curl) echo "{digest}  teleport.tar.gz" ;; esac
"""


def variables() -> dict[str, dict[str, Any]]:
    with (CHECKOUT / "packaging" / "packer" / "variables.pkr.hcl").open(encoding="utf-8") as file:
        return {name.strip('"'): body for each in hcl2.load(file)["variable"] for name, body in each.items()}


def test_issue_15_row_12_the_packer_command_fits_the_template_and_the_package(tmp_path: Path) -> None:
    block = documents.block("docs/image-building.md", "simulated", "packer")
    digest = "5e" * 32
    for name in ("packer", "curl"):
        program = tmp_path / "bin" / name
        program.parent.mkdir(exist_ok=True)
        program.write_text(NOTING.replace("{digest}", digest))
        program.chmod(0o755)
    (tmp_path / "packaging").symlink_to(CHECKOUT / "packaging")
    built = packages.build(CHECKOUT, tmp_path / "dist")
    assert built.status == 0, built.said

    typed(block, tmp_path, {"PATH": f"{tmp_path}/bin:/usr/bin:/bin", "NOTES": str(tmp_path / "notes")})

    calls = [line.split("\037")[:-1] for line in (tmp_path / "notes").read_text().splitlines()]
    (url,) = (words[-1] for words in calls if words[0].startswith("-fsS"))
    packer = [words for words in calls if words[0] in ("init", "validate", "build")]
    assert [words[0] for words in packer] == ["init", "validate", "build"]
    assert {words[-1] for words in packer} == {"packaging/packer"}
    given = dict(word.split("=", 1) for before, word in zip(packer[2], packer[2][1:]) if before == "-var")
    declared = variables()
    assert set(given) <= set(declared)
    assert {name for name, body in declared.items() if "default" not in body} <= set(given)
    assert (tmp_path / given["package"]).is_file(), f"`./dev package` builds {sorted((tmp_path / 'dist').iterdir())}"
    assert given["teleport_sha256"] == digest
    site = declared["download_url"]["default"].strip('"')
    assert url == f"{site}/teleport-v{given['teleport_version']}-linux-amd64-bin.tar.gz.sha256"
