"""Overrides and --explain, as an operator uses them: the real command over a scratch root."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.simulated_ec2 import imds as emulator

CHECKOUT = Path(__file__).resolve().parents[2]
METADATA = """\
local-ipv4: 10.0.0.12
local-hostname: ip-10-0-0-12.ec2.internal
instance-id: i-0123456789abcdef0
region: us-east-1
"""
CONF = "TELEPORT_DOMAIN_NAME=example.com\n"


class Instance:
    """A scratch root with a conf, and the command on it."""

    def __init__(self, root: Path, **environ: str) -> None:
        self.root = root
        self.environ = environ
        self.overrides = root / "etc/teleport.d/teleport.yaml.d"
        self.overrides.mkdir(parents=True, mode=0o755)
        self.write("etc/teleport.d/conf", CONF)
        self.metadata = root / "metadata.yaml"
        self.metadata.write_text(METADATA)

    def write(self, path: str, text: str) -> Path:
        file = self.root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
        file.chmod(0o644)
        return file

    def override(self, name: str, text: str) -> Path:
        return self.write(f"etc/teleport.d/teleport.yaml.d/{name}", text)

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "teleport_bootstrap", *arguments, "--root", str(self.root)],
            env={"PATH": os.environ["PATH"], "PYTHONPATH": str(CHECKOUT), **self.environ},
            cwd=self.root,
            capture_output=True,
            text=True,
            check=False,
        )

    def render(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return self.run("render", "--metadata", str(self.metadata), "--teleport-version", "17.5.1", *arguments)

    def document(self, *arguments: str) -> dict[str, Any]:
        done = self.render(*arguments)
        assert done.returncode == 0, done.stderr
        return yaml.safe_load(done.stdout)


@pytest.fixture
def instance(tmp_path: Path) -> Instance:
    return Instance(tmp_path)


@pytest.fixture
def on_ec2(tmp_path: Path, imds: emulator.Server) -> Instance:
    return Instance(tmp_path, AWS_EC2_METADATA_SERVICE_ENDPOINT=imds.url)


def files(root: Path) -> list[str]:
    return sorted(str(path.relative_to(root)) for path in root.rglob("*") if path.is_file())


def test_the_instances_own_overrides_are_merged_in_lexical_order(instance: Instance) -> None:
    instance.override("20-b.yaml", 'proxy_service:\n  proxy_protocol: "off"\n')
    instance.override("10-a.yaml", 'proxy_service:\n  proxy_protocol: "on"\n  kube_public_addr: null\n')
    proxy = instance.document()["proxy_service"]
    assert proxy["proxy_protocol"] == "off"
    assert "kube_public_addr" not in proxy


def test_a_tab_and_a_duplicate_key_are_refused_with_file_and_line(instance: Instance) -> None:
    tab = instance.override("10-tab.yaml", "proxy_service:\n\tproxy_protocol: 'on'\n")
    twice = instance.override("20-twice.yaml", "ssh_service: {}\nssh_service: {}\n")
    done = instance.render("--format", "json")
    assert done.returncode == 2
    assert f"{tab}:2:1: a tab where YAML allows only spaces" in done.stderr
    assert f"{twice}:2:1: duplicate key 'ssh_service'" in done.stderr
    told = json.loads(done.stdout)
    assert told["error"]["code"] == "override-invalid"
    assert [(each["file"], each["line"]) for each in told["findings"]] == [(str(tab), 2), (str(twice), 2)]


def test_another_conf_does_not_get_the_overrides_of_this_instance(instance: Instance) -> None:
    instance.override("10.yaml", "ssh_service:\n  labels: {from: here}\n")
    other = instance.write("other/conf", CONF)
    assert "labels" not in instance.document("--conf", str(other))["ssh_service"]
    instance.write("other/d/10.yaml", "ssh_service:\n  labels: {from: there}\n")
    chosen = instance.document("--conf", str(other), "--overrides", str(instance.root / "other/d"))
    assert chosen["ssh_service"]["labels"] == {"from": "there"}


def test_a_missing_directory_is_a_usage_error(instance: Instance) -> None:
    done = instance.render("--overrides", "nowhere")
    assert done.returncode == 2
    assert "nowhere cannot be read" in done.stderr


def test_files_of_editors_are_ignored_and_a_misnamed_file_is_reported(instance: Instance) -> None:
    for name in ("10-a.yaml~", ".10-a.yaml.swp", ".hidden.yaml"):
        instance.override(name, "not: [yaml\n")
    instance.override("10-a.yml", "not: [yaml\n")
    done = instance.render()
    assert done.returncode == 0
    assert "10-a.yml is not read" in done.stderr
    assert done.stderr.count("is not read") == 1


@pytest.mark.parametrize("changed", ["file", "directory", "parent"])
def test_overrides_that_others_could_write_are_refused(instance: Instance, changed: str) -> None:
    """Fault 23: who could write to /etc/teleport.d became root through the next generate."""
    file = instance.override("10.yaml", "ssh_service: {labels: {a: b}}\n")
    place = {"file": file, "directory": instance.overrides, "parent": instance.overrides.parent}[changed]
    place.chmod(0o777)
    done = instance.render()
    assert done.returncode == 6
    assert f"{place} is writable by others than root" in done.stderr
    assert f"chmod go-w {place}" in done.stderr


def test_an_override_that_is_a_link_is_refused(instance: Instance) -> None:
    target = instance.write("elsewhere.yaml", "ssh_service: {labels: {a: b}}\n")
    (instance.overrides / "10.yaml").symlink_to(target)
    done = instance.render()
    assert done.returncode == 6
    assert "10.yaml is a symbolic link" in done.stderr


def test_explain_names_the_place_of_each_value(instance: Instance) -> None:
    file = instance.override(
        "10.yaml", "ssh_service:\n  labels: {zip: 0123}\nproxy_service:\n  kube_public_addr: null\n"
    )
    done = instance.render("--explain")
    assert done.returncode == 0, done.stderr
    lines = {line.partition(" ")[0]: line for line in done.stdout.splitlines()}
    assert "= 0123 " in lines["ssh_service.labels.zip"]
    assert lines["ssh_service.labels.zip"].endswith(f"# override {file}:2")
    assert lines["auth_service.cluster_name"].endswith(
        f"# TELEPORT_DOMAIN_NAME at {instance.root}/etc/teleport.d/conf:1"
    )
    assert lines["teleport.advertise_ip"].endswith("# instance metadata local-ipv4")
    assert lines["proxy_service.kube_public_addr"].endswith(f"# override {file}:4")
    values = json.loads(instance.render("--explain", "--format", "json").stdout)["values"]
    entries = {entry["path"]: entry for entry in values}
    assert entries["ssh_service.labels.zip"]["value"] == "0123"
    assert entries["ssh_service.labels.zip"]["origins"] == [
        {"source": f"override {file}:2", "file": str(file), "line": 2, "column": 12}
    ]
    assert entries["proxy_service.kube_public_addr"]["removed"] is True


def test_generate_writes_the_merged_document(on_ec2: Instance) -> None:
    on_ec2.override("10.yaml", 'proxy_service:\n  proxy_protocol: "on"\n  ssh_public_addr: null\n')
    done = on_ec2.run("generate", "--teleport-version", "17.5.1")
    assert done.returncode == 0, done.stderr
    text = (on_ec2.root / "etc/teleport.yaml").read_text()
    proxy = yaml.safe_load(text)["proxy_service"]
    assert proxy["proxy_protocol"] == "on"
    assert "ssh_public_addr" not in proxy
    assert "10.yaml" in text.partition("version:")[0]


@pytest.mark.parametrize(
    ("text", "status", "said"),
    [
        ("proxy_service:\n\ta: b\n", 2, "10.yaml:2:1: a tab"),
        ("teleport: {data_dir: /data}\n", 2, "10.yaml:1:12: this changes teleport.data_dir"),
        ("proxy_service: {mysql_public_addr: 'a:1'}\n", 2, "refuses this key without mysql_listen_addr"),
        (
            "proxy_service:\n  https_keypairs:\n    - cert_file: /etc/ssl/x.pem\n      key_file: /etc/ssl/x.key\n",
            6,
            "/etc/ssl/x.pem is missing: the proxy does not start without its certificate and key "
            "(proxy_service.https_keypairs[0].cert_file, from override ",
        ),
    ],
)
def test_generate_changes_nothing_if_an_override_is_invalid(
    on_ec2: Instance, text: str, status: int, said: str
) -> None:
    on_ec2.override("10.yaml", text)
    before = files(on_ec2.root)
    done = on_ec2.run("generate", "--teleport-version", "17.5.1")
    assert (done.returncode, said in done.stderr) == (status, True), done.stderr
    assert [path for path in files(on_ec2.root) if not path.endswith("/lock")] == before


@pytest.mark.parametrize(
    ("override", "said"),
    [
        ("teleport: {ca_pin: [/etc/pins]}\n", "/etc/pins is empty: Teleport reads its pins at every start"),
        ("teleport: {ca_pin: [/etc/ssl]}\n", "/etc/ssl is a directory: Teleport reads its pins at every start"),
        (
            "db_service: {enabled: 'yes', databases: [{name: d, protocol: postgres, uri: 'h:1', "
            "tls: {ca_cert_file: /etc/ssl/x}}]}\n",
            "/etc/ssl/x holds no certificate in PEM: Teleport trusts the database by it",
        ),
        ("auth_service: {tokens: ['node:/etc/missing']}\n", "/etc/missing is missing: it holds a static token"),
        (
            "metrics_service: {enabled: 'yes', listen_addr: '127.0.0.1:3081', mtls: true, "
            "keypairs: [{key_file: /etc/pins, cert_file: /etc/pins}], ca_certs: [/etc/ca]}\n",
            "/etc/ca is missing: Teleport uses it for TLS",
        ),
    ],
)
def test_rows_m_and_n_a_file_that_teleport_cannot_use_is_named(on_ec2: Instance, override: str, said: str) -> None:
    on_ec2.write("etc/pins", "")
    on_ec2.write("etc/ssl/x", "")
    on_ec2.override("10.yaml", override)
    done = on_ec2.run("generate", "--teleport-version", "17.5.1")
    assert (done.returncode, said in done.stderr) == (6, True), done.stderr


def test_rows_m_and_n_the_line_of_the_conf_is_named(on_ec2: Instance) -> None:
    on_ec2.write(
        "etc/teleport.d/conf",
        "TELEPORT_ROLE=agent\nTELEPORT_PROXY_SERVER_LB=p.example.com\nTELEPORT_JOIN_TOKEN=t\n"
        "TELEPORT_AGENT_DB_ENABLED=true\nTELEPORT_AGENT_DB_NAME=orders\n"
        "TELEPORT_AGENT_DB_PROTOCOL=postgresql\nTELEPORT_AGENT_DB_URI=db.example.com\n",
    ).chmod(0o600)
    done = on_ec2.run("generate", "--teleport-version", "12.0.0")
    assert done.returncode == 2
    conf = f"{on_ec2.root}/etc/teleport.d/conf"
    assert (
        f"{conf}:6: db_service.databases[0].protocol: Teleport does not accept postgresql (did you mean" in done.stderr
    )
    assert f"{conf}:7: db_service.databases[0].uri: db.example.com is not an address with a port" in done.stderr
    assert not (on_ec2.root / "etc/teleport.yaml").exists()


def test_an_existing_key_pair_is_used(on_ec2: Instance) -> None:
    on_ec2.write("etc/ssl/x.pem", "c")
    on_ec2.write("etc/ssl/x.key", "k")
    on_ec2.override(
        "10.yaml", "proxy_service: {https_keypairs: [{cert_file: /etc/ssl/x.pem, key_file: /etc/ssl/x.key}]}\n"
    )
    assert on_ec2.run("generate", "--teleport-version", "17.5.1").returncode == 0


def test_an_invalid_override_is_reported_before_the_network_is_used(tmp_path: Path) -> None:
    offline = Instance(tmp_path, AWS_EC2_METADATA_SERVICE_ENDPOINT="http://127.0.0.1:9")
    offline.override("10.yaml", "a: 1\na: 2\n")
    done = offline.run("generate", "--wait", "30")
    assert done.returncode == 2
    assert "duplicate key" in done.stderr
