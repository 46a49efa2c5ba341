"""`collect-logs` collects what helps a supporter, and no secret in any form."""

from __future__ import annotations

import base64
import gzip
import json
import os
import re
import shutil
import stat
import tarfile
from pathlib import Path
from urllib.parse import quote

import pytest

from tests import answers
from tests.simulated.agent import CHECKOUT, Agent, Ended, needs_root, tree

TOKEN = "pl4nted/t0ken+93af=x"
LICENSE_LINES = ("PLANTEDLICENSE7c1ePayloadLineOne", "tail0f0nE")
STATIC = "static-0ne-8842"
CLIENT_SECRET = "oidc cl!ent secret 55"
COMMENTED = "commented0ut-2231"
DATABASE = "dbPassw0rd-6610"
PIECE = "piece0f-a-token-17"
ENVIRONMENT = "env1ronment-9921"
SHORT = "q7z"
KEY_LINES = tuple(f"MIIEvQIBADANBgkqhkiG9w0BAQEFAASCBKcwggSjAgEAAoIBAQ{number:02d}Kzp9QmXcV7T4" for number in range(6))
KEY_TAIL = "Zt8uR1w="
FOREIGN_KEY_LINES = tuple(
    f"b3BlbnNzaC1rZXktdjEAAAAABG5vbmUAAAAEbm9uZQAAAAAAAAABAAAAMwAAA{number}" for number in range(3)
)
FOREIGN_TAIL = "f0re1gn=="
JWT = "eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJwbGFudGVkIn0.c2lnbmF0dXJlcGxhbnRlZA"
ACCESS_KEY = "ASIAPLANTED000000001"
SECRET_KEY = "wJalrXUtnFEMIK7MDENGbPxRfiCYPLANTEDKEY01"
SESSION = "IQoJb3JpZ2luX2VjEPLANTED" + "Ab9" * 60
HEX = "c0ffee" * 6
INVITE = "4c6a1b" * 5
PASSWORD = "hunter2planted"

URL_PASSWORD = "0racle-passw"
OLD_TOKEN = "t0ken-of-before"
RESTORED_TOKEN = "t0ken-of-another"
UNIT_PASSWORD = "un1t-pass-7"

SECRETS = (
    *(URL_PASSWORD, OLD_TOKEN, RESTORED_TOKEN, UNIT_PASSWORD),
    *(TOKEN, *LICENSE_LINES, STATIC, CLIENT_SECRET, COMMENTED, DATABASE, PIECE, ENVIRONMENT, *KEY_LINES, KEY_TAIL),
    *(*FOREIGN_KEY_LINES, FOREIGN_TAIL, JWT, ACCESS_KEY, SECRET_KEY, SESSION, HEX, INVITE, PASSWORD),
)  # fmt: skip

LICENSE = "-----BEGIN CERTIFICATE-----\n" + "\n".join(LICENSE_LINES) + "\n-----END CERTIFICATE-----\n"
KEY = "-----BEGIN PRIVATE KEY-----\n" + "\n".join((*KEY_LINES, KEY_TAIL)) + "\n-----END PRIVATE KEY-----\n"
FOREIGN_KEY = (
    "-----BEGIN OPENSSH PRIVATE KEY-----\n"
    + "\n".join((*FOREIGN_KEY_LINES, FOREIGN_TAIL))
    + "\n-----END OPENSSH PRIVATE KEY-----"
)

CONF = f"""\
# join with {PIECE}
PART='{PIECE}'
TELEPORT_ROLE=agent
TELEPORT_PROXY_SERVER_LB=proxy.example.com
TELEPORT_JOIN_TOKEN="$PART"
#TELEPORT_JOIN_TOKEN={COMMENTED}
TELEPORT_AGENT_DB_ENABLED=true
TELEPORT_AGENT_DB_NAME=orders
TELEPORT_AGENT_DB_PROTOCOL=postgres
TELEPORT_AGENT_DB_URI="db.example.com:5432"
TELEPORT_AGENT_DB_DESCRIPTION="postgres://admin:{DATABASE}@db.example.com"
MY_OWN=half
"""
TELEPORT_YAML = f"""\
version: v3
teleport:
  nodename: kept-in-the-bundle
  auth_token: /etc/other-token
auth_service:
  tokens:
    - "proxy,node:{STATIC}"
  # auth_token: {COMMENTED}
db_service:
  databases:
    - uri: oracle://scott:{URL_PASSWORD}@db.example.com
proxy_service:
  https_keypairs:
    - key_file: /etc/own/key.pem
      cert_file: /etc/own/cert.pem
"""
OVERRIDE = f"""\
auth_service:
  authentication:
    client_secret: "{CLIENT_SECRET}"
"""


def encoded(value: str) -> list[str]:
    """Forms of a secret that a log might hold; Base64 with any number of bytes before it."""
    data = value.encode()
    return [
        value,
        quote(value, safe=""),
        data.hex(),
        *(base64.b64encode(b"x" * before + data + b"yz").decode() for before in range(3)),
        base64.urlsafe_b64encode(data).decode(),
    ]


def inner(form: str, value: str, before: int) -> str:
    """The part of a Base64 text that depends on the value only."""
    return form[-(-before * 8 // 6) : (before + len(value)) * 8 // 6]


JOURNAL = "\n".join(
    [
        "2026-11-22T10:00:00+0000 host teleport[1]: serving, nodename kept-in-the-journal",
        *(f"2026-11-22T10:00:01+0000 host teleport[1]: saw {form}" for form in encoded(TOKEN)),
        *(f"2026-11-22T10:00:02+0000 host teleport[1]: {line}" for line in reversed((*KEY_LINES, KEY_TAIL))),
        # An unknown key with the newest line first, and another on a single line.
        *(f"2026-11-22T10:00:03+0000 host sshd[1]: {line}" for line in reversed(FOREIGN_KEY.splitlines())),
        f'2026-11-22T10:00:04+0000 host x[1]: {{"key":"{FOREIGN_KEY}"}}'.replace("\n", "\\n"),
        f"2026-11-22T10:00:05+0000 host x[1]: Authorization: Bearer {JWT}",
        f"2026-11-22T10:00:05+0000 host x[1]: {JWT}",
        f"2026-11-22T10:00:06+0000 host x[1]: using {ACCESS_KEY} and aws_secret_access_key = {SECRET_KEY}",
        f"2026-11-22T10:00:07+0000 host x[1]: session {SESSION}",
        f"2026-11-22T10:00:08+0000 host x[1]: provisioned the token named {HEX} today",
        f"2026-11-22T10:00:09+0000 host x[1]: https://teleport.example.com:443/web/newuser/{INVITE}",
        f'2026-11-22T10:00:10+0000 host x[1]: {{"password":"{PASSWORD}","user":"kept-user"}}',
        f"2026-11-22T10:00:10+0000 host x[1]: postgres://u:{PASSWORD}@db.example.com/x",
        f"2026-11-22T10:00:11+0000 host x[1]: {LICENSE_LINES[0]} {LICENSE_LINES[1]} {STATIC} {CLIENT_SECRET}",
        f"2026-11-22T10:00:12+0000 host x[1]: {DATABASE.join(('url://a:', '@b'))} {PIECE} {ENVIRONMENT}",
        f"2026-11-22T10:00:12+0000 host x[1]: alone {URL_PASSWORD} {OLD_TOKEN} {RESTORED_TOKEN} {UNIT_PASSWORD}",
        f"2026-11-22T10:00:13+0000 host x[1]: short {SHORT} but not {SHORT}4 nor a{SHORT}",
        "2026-11-22T10:00:14+0000 host x[1]: \x1b]0;owned\x07 \x1b[2J \x00 \u202e../../../etc/passwd",
        f"2026-11-22T10:00:15+0000 host x[1]: sha256:{'5e' * 32}",
        "",
    ]
)


@pytest.fixture
def agent(tmp_path: Path) -> Agent:
    """A host with a secret in every possible place."""
    root = tmp_path / "root"
    root.mkdir()
    made = Agent(root)
    made.write("/etc/teleport.d/conf", CONF, 0o600)
    made.write("/etc/teleport.d/teleport.yaml.d/10-oidc.yaml", OVERRIDE)
    made.write("/etc/teleport.yaml", TELEPORT_YAML, 0o600)
    made.write("/etc/other-token", f"{SHORT}\n")
    made.write("/etc/own/key.pem", KEY, 0o600)
    made.write("/etc/default/teleport", f"GITHUB_TOKEN='{ENVIRONMENT}'\nLEVEL=kept-level\n")
    made.write("/var/lib/teleport/token", f"{TOKEN}\n", 0o600)
    made.write("/var/lib/teleport/license.pem", LICENSE, 0o600)
    made.write("/var/lib/teleport/host_uuid", "11111111-2222-3333-4444-555555555555", 0o400)
    made.write("/etc/letsencrypt/archive/example.com/privkey1.pem", KEY, 0o600)
    made.write("/usr/lib/systemd/system/teleport.service", "[Unit]\n")
    made.write("/etc/systemd/system/teleport.service.d/own.conf", f"[Service]\nEnvironment=API_KEY={PASSWORD}\n")
    made.write(
        "/etc/systemd/system/teleport.service.d/two.conf", f'[Service]\nEnvironment="A=1" "DB_PASS={UNIT_PASSWORD}"\n'
    )
    made.write("/etc/teleport.d/conf.bak", f"TELEPORT_JOIN_TOKEN={OLD_TOKEN}\n", 0o600)
    made.write("/var/lib/teleport-bootstrap/restored-conf", f"TELEPORT_JOIN_TOKEN={RESTORED_TOKEN}\n", 0o600)
    programs(made, JOURNAL)
    return made


def programs(agent: Agent, journal: str) -> None:
    """Put a journalctl first in PATH that prints the same for each unit."""
    folder = agent.root.parent / "bin"
    folder.mkdir(exist_ok=True)
    said = agent.root.parent / "said"
    said.write_text(journal)
    program = folder / "journalctl"
    program.write_text(f'#!/bin/sh\necho "$@" >>{agent.root.parent}/asked\ncat {said}\n')
    program.chmod(0o755)
    agent.environ["PATH"] = f"{folder}:/usr/sbin:/usr/bin:/sbin:/bin"


def collect(agent: Agent, *options: str, **more: object) -> tuple[Ended, Path]:
    output = agent.root.parent / "bundle.tar.gz"
    done = agent.run("collect-logs", "--output", str(output), *options, **more)  # type: ignore[arg-type]
    return done, output


def contents(path: Path) -> dict[str, str]:
    """Each file of the bundle by its name without the leading folder."""
    with tarfile.open(path) as archive:
        found = {}
        for member in archive.getmembers():
            assert member.isreg() and not member.name.startswith(("/", ".")) and ".." not in member.name.split("/")
            assert (member.mode, member.uid) == (0o600, 0)
            file = archive.extractfile(member)
            assert file is not None
            found[member.name.partition("/")[2]] = file.read().decode()
        return found


def assert_no_secret(raw: str) -> None:
    for secret in SECRETS:
        assert secret not in raw, secret
    for before in range(3):
        assert inner(base64.b64encode(b"x" * before + TOKEN.encode() + b"yz").decode(), TOKEN, before)[3:-3] not in raw
    assert quote(TOKEN, safe="") not in raw and TOKEN.encode().hex() not in raw
    assert not re.search(rf"(?<!\w){SHORT}(?!\w)", raw)


def test_holds_no_planted_secret(agent: Agent) -> None:
    done, output = collect(agent)
    assert done.status == 0, done.errors
    assert_no_secret(gzip.decompress(output.read_bytes()).decode())
    assert_no_secret(done.said)


def test_holds_no_planted_secret_if_conf_and_teleport_yaml_are_malformed(agent: Agent) -> None:
    agent.write("/etc/teleport.d/conf", CONF + 'if true; then\nTELEPORT_JOIN_TOKEN="two\nlines0f-7781"\n', 0o600)
    agent.write("/etc/teleport.yaml", TELEPORT_YAML + f"\tbroken: [\n  auth_token: {HEX}\n", 0o600)
    done, output = collect(agent)
    assert done.status == 0, done.errors
    raw = gzip.decompress(output.read_bytes()).decode()
    assert_no_secret(raw)
    assert "lines0f-7781" not in raw


def test_holds_what_helps(agent: Agent) -> None:
    agent.install()
    _, output = collect(agent)
    found = contents(output)
    assert {
        *("MANIFEST.txt", "status.json", "history.json", "jobs.json", "versions.json", "files.txt", "config/conf"),
        *("config/etc/teleport.yaml", "config/etc/teleport.d/teleport.yaml.d/10-oidc.yaml"),
        *("config/etc/default/teleport", "config/etc/systemd/system/teleport.service.d/own.conf"),
        *("journal/teleport.service.txt", "journal/teleport-bootstrap.txt"),
    } <= set(found)
    assert "nodename: kept-in-the-bundle" in found["config/etc/teleport.yaml"]
    assert "TELEPORT_PROXY_SERVER_LB=proxy.example.com\n" in found["config/conf"]
    assert "kept-in-the-journal" in found["journal/teleport.service.txt"]
    assert f"sha256:{'5e' * 32}" in found["journal/teleport.service.txt"], "digests and pins are not secret"
    assert f"{SHORT}4 nor a{SHORT}" in found["journal/teleport.service.txt"], "a short secret is masked as a word only"
    assert "kept-user" in found["journal/teleport.service.txt"]
    assert "LEVEL=kept-level" in found["config/etc/default/teleport"]
    assert '"botocore"' in found["versions.json"] and "17." in found["versions.json"]
    for name in ("status.json", "history.json", "jobs.json", "versions.json"):
        json.loads(found[name])
    answers.check(found["status.json"], json.loads(found["status.json"])["exit_status"])
    assert "license.pem" in found["files.txt"], "that it is there, how large, and whose"


def test_holds_no_content_of_the_data_directory(agent: Agent) -> None:
    _, output = collect(agent)
    found = contents(output)
    assert "11111111-2222" not in "".join(found.values())
    assert not [name for name in found if "var/lib/teleport/" in name or "letsencrypt" in name]


def test_manifest_and_output_say_what_was_masked(agent: Agent) -> None:
    done, output = collect(agent, "--format", "json")
    manifest = contents(output)["MANIFEST.txt"]
    counts = {each["kind"]: each["count"] for each in done.data["masked"]}
    for kind, count in counts.items():
        assert re.search(rf"{count}  {re.escape(kind)}$", manifest, re.MULTILINE)
    kinds = set(counts)
    assert {"a secret of this host", "a private key", "a web token (JWT)", "an AWS credential"} <= kinds
    for entry in done.data["entries"]:
        assert f"  {entry['name']}" in manifest
    assert "Check its content before you send it" in manifest


def test_the_journal_is_limited_and_newest_first(agent: Agent) -> None:
    collect(agent, "--days", "2")
    asked = (agent.root.parent / "asked").read_text().splitlines()
    assert all("--since=-48h" in each and "--lines=" in each and "--reverse" in each for each in asked)
    assert any("--unit=teleport.service" in each for each in asked)


def test_an_endless_journal_is_cut_at_a_line(agent: Agent) -> None:
    program = agent.root.parent / "bin" / "journalctl"
    program.write_text(f"#!/bin/sh\nexec yes 'a line with {TOKEN} at its end'\n")
    done, output = collect(agent)
    assert done.status == 0
    found = contents(output)
    text = found["journal/teleport.service.txt"]
    assert len(text) < 3 * 1024 * 1024 and text.endswith(" at its end\n")
    assert "only the newest entries" in done.output
    assert_no_secret("".join(found.values()))


def test_holds_no_control_characters(agent: Agent) -> None:
    _, output = collect(agent)
    text = "".join(contents(output).values())
    assert not re.search("[\x00-\x08\x0b-\x1f\x7f\u202e]", text)
    assert "\\x1b]0;owned" in text


@pytest.mark.parametrize(
    "line",
    [
        "token" * 400_000,
        'token=\\"' * 250_000,
        "eyJ" + "a-eyJ" * 400_000,
        "-----BEGIN PRIVATE KEY-----" * 70_000,
        "token " + "a" * 2_000_000 + "g",
        "Aa1" * 600_000,
        "://" * 600_000,
    ],
    ids=lambda line: line[:20],
)
def test_hostile_lines_do_not_slow_it_down(agent: Agent, line: str) -> None:
    programs(agent, line + "\n")
    done, _ = collect(agent, timeout=80)
    assert done.status == 0


@needs_root
def test_does_not_hang_on_pipes_and_devices(agent: Agent) -> None:
    for path in (
        *("/etc/teleport.d/conf", "/etc/teleport.yaml", "/etc/default/teleport", "/var/lib/teleport/token"),
        *("/etc/teleport.d/conf.bak", "/etc/teleport.d/teleport.yaml.d/20.yaml", "/etc/own/key.pem"),
        "/etc/systemd/system/teleport.service.d/own.conf",
    ):
        agent.path(path).unlink(missing_ok=True)
        os.mkfifo(agent.path(path))
    os.mknod(agent.path("/etc/teleport.d/teleport.yaml.d/30.yaml"), 0o600 | stat.S_IFCHR, os.makedev(1, 5))
    done, output = collect(agent, timeout=60)
    assert done.status == 0, done.errors
    assert "not a regular file" in contents(output)["MANIFEST.txt"]


def test_the_output_directory_may_be_a_link(agent: Agent) -> None:
    (agent.root.parent / "folder").mkdir()
    (agent.root.parent / "linked").symlink_to("folder")
    done = agent.run("collect-logs", "--output", str(agent.root.parent / "linked" / "x.tar.gz"))
    assert done.status == 0, done.errors
    assert (agent.root.parent / "folder" / "x.tar.gz").is_file()


def test_reports_an_invalid_number_of_days(agent: Agent) -> None:
    for days in ("x", "nan", "-1", "0", "61", "inf"):
        done, _ = collect(agent, f"--days={days}")
        assert done.status == 2 and "a number of days up to 60" in done.errors


def test_does_not_follow_links_and_reports_unread_secrets(agent: Agent, tmp_path: Path) -> None:
    (tmp_path / "outside").write_text("outside-0f-the-root")
    for path in ("/etc/teleport.d/conf", "/etc/teleport.yaml", "/var/lib/teleport/token", "/etc/default/teleport"):
        agent.path(path).unlink()
        agent.path(path).symlink_to(tmp_path / "outside")
    (agent.path("/etc/teleport.d/teleport.yaml.d") / "20.yaml").symlink_to(tmp_path / "outside")
    os.link(tmp_path / "outside", agent.path("/var/lib/teleport/ca-pin-hash"))
    done, output = collect(agent)
    assert done.status == 0, done.errors
    assert "outside-0f-the-root" not in gzip.decompress(output.read_bytes()).decode()
    assert "WARNING" in done.output and "/var/lib/teleport/token" in done.output
    assert "symbolic link" in contents(output)["MANIFEST.txt"]


def test_only_root_can_read_it_whatever_the_umask(agent: Agent) -> None:
    done, output = collect(agent, prefix=("sh", "-c", 'umask 0; exec "$@"', "sh"))
    assert done.status == 0
    assert stat.S_IMODE(output.stat().st_mode) == 0o600

    shutil.rmtree(agent.path("/var/lib/teleport-bootstrap"))
    agent.run("collect-logs", prefix=("sh", "-c", 'umask 0; exec "$@"', "sh"))
    made = list(agent.path("/var/lib/teleport-bootstrap").glob("support-*.tar.gz"))
    assert [stat.S_IMODE(each.stat().st_mode) for each in made] == [0o600]
    assert stat.S_IMODE(made[0].parent.stat().st_mode) == 0o700


def test_changes_nothing_else(agent: Agent) -> None:
    before = tree(agent.root)
    collect(agent)
    assert tree(agent.root) == before


@pytest.mark.parametrize("there", ["file", "link", "dangling"])
def test_does_not_overwrite_existing_files(agent: Agent, there: str) -> None:
    output = agent.root.parent / "bundle.tar.gz"
    if there == "file":
        output.write_text("mine")
    else:
        output.symlink_to(agent.root.parent / ("said" if there == "link" else "nowhere"))
    done, _ = collect(agent)
    assert done.status == 2 and "already" in done.errors
    assert output.is_symlink() == (there != "file")
    assert (agent.root.parent / "said").read_text() == JOURNAL
    assert not (agent.root.parent / "nowhere").exists()


def test_a_missing_directory_is_reported_and_leaves_nothing(agent: Agent) -> None:
    done = agent.run("collect-logs", "--output", str(agent.root / "absent" / "x.tar.gz"))
    assert done.status == 6 and "absent" in done.errors
    assert not (agent.root / "absent").exists()


@needs_root
def test_a_full_disk_leaves_nothing_behind(agent: Agent, tmp_path: Path) -> None:
    place = tmp_path / "small"
    place.mkdir()
    os.system(f"mount -t tmpfs -o size=4k tmpfs {place}")
    try:
        (place / "full").write_bytes(bytes(4096))
        done = agent.run("collect-logs", "--output", str(place / "x.tar.gz"))
        assert done.status == 6 and "No space" in done.errors
        assert [each.name for each in place.iterdir()] == ["full"]
    finally:
        os.system(f"umount {place}")


def test_reports_what_an_empty_host_lacks(tmp_path: Path) -> None:
    (tmp_path / "root").mkdir()
    done, output = collect(Agent(tmp_path / "root"))
    assert done.status == 0
    assert "/etc/teleport.d/conf is missing" in contents(output)["MANIFEST.txt"]


def test_only_collect_logs_which_masks_them_uses_the_parts() -> None:
    users = [
        path.name
        for path in (CHECKOUT / "teleport_bootstrap").rglob("*.py")
        if "bundle_parts.parts" in path.read_text()
    ]
    assert users == ["collect_logs.py"]


def test_bundles_of_the_same_second_have_names_of_their_own(agent: Agent) -> None:
    places = [agent.run("collect-logs", "--format", "json").data["path"] for _ in range(3)]
    assert len(set(places)) == 3 and all(Path(each).exists() for each in places)
