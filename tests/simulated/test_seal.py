"""`seal` fails for any single file that belongs to one instance, and names a remedy for each."""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
from pathlib import Path
from typing import Callable

import pytest

from teleport_bootstrap import roles, unit_table
from tests.simulated.agent import GUIDE, Agent, contents, needs_root
from tests.simulated_ec2 import imds as emulator

GENERATE = "/etc/systemd/system/multi-user.target.wants/teleport-generate-config.service"


# root without the capabilities that override the modes of files.
UNPRIVILEGED = ("setpriv", "--bounding-set=-dac_override,-dac_read_search", "--inh-caps=-all")


@pytest.fixture
def image(tmp_path: Path) -> Agent:
    """A clean image: a system with the package installed, and nothing of one instance."""
    root = tmp_path / "image"
    root.mkdir()
    made = Agent(root)
    made.write(
        "/etc/passwd", "root:x:0:0::/root:/bin/bash\nadmin:x:1000:1000::/srv/admin:/bin/sh\nnobody:x:9:9::/:/bin/no\n"
    )
    made.write("/etc/machine-id", "")
    made.write("/root/.bashrc", "alias ll='ls -l'\n")
    made.write("/root/.ssh/authorized_keys", "")
    made.write("/srv/admin/.profile", "")
    made.write("/etc/ssh/sshd_config", "PasswordAuthentication no\n")
    made.write("/etc/letsencrypt/cli.ini", "max-log-backups = 0\n")
    made.write("/etc/teleport.d/teleport.yaml.d/10-fleet.yaml", "teleport:\n  log:\n    severity: DEBUG\n")
    made.write("/etc/default/teleport", "GOMAXPROCS=2\n")
    made.write("/usr/lib/systemd/system/teleport.service", "[Unit]\n")
    made.write("/etc/systemd/system/multi-user.target.wants/ssh.service", "")
    for folder in ("/var/lib/teleport", "/var/lib/teleport-bootstrap", "/var/lib/cloud/instances", "/var/log/journal"):
        made.path(folder).mkdir(parents=True)
    made.path(GENERATE).symlink_to("/usr/lib/systemd/system/teleport-generate-config.service")
    return made


def file(path: str, text: str = "x") -> Callable[[Agent], str]:
    return lambda image: str(image.write(path, text))


def link(path: str, to: str) -> Callable[[Agent], str]:
    def plant(image: Agent) -> str:
        image.path(path).parent.mkdir(parents=True, exist_ok=True)
        image.path(path).unlink(missing_ok=True)
        image.path(path).symlink_to(to)
        return str(image.path(path))

    return plant


def _moved(image: Agent) -> str:
    image.path("/var/lib/teleport").rmdir()
    image.path("/var/lib/teleport").symlink_to("/srv/data")
    return ""


def _named_token(image: Agent) -> str:
    image.write("/etc/teleport.d/teleport.yaml.d/30.yaml", "teleport:\n  auth_token: /etc/fleet-token\n")
    return str(image.write("/etc/fleet-token", "abcdef"))


def _linked(folder: str, to: str, name: str) -> Callable[[Agent], str]:
    """Make a directory of the image a link; an absolute one means a path in the image, not on the checking machine."""

    def plant(image: Agent) -> str:
        shutil.rmtree(image.path(folder), ignore_errors=True)
        image.path(folder).parent.mkdir(parents=True, exist_ok=True)
        image.path(folder).symlink_to(to)
        image.write(os.path.normpath(os.path.join(os.path.dirname(folder), to, name)), "x")
        return ""

    return plant


# What is planted, and the path that the finding names where it differs.
PLANTS: dict[str, tuple[Callable[[Agent], str], str]] = {
    **{
        path: (file(path), "")
        for path in (
            *(f"/var/lib/teleport/{name}" for name in ("host_uuid", "token", "ca-pin-hash", "license.pem", "unknown")),
            *("/etc/teleport.d/conf", "/etc/teleport.yaml", "/etc/teleport.d/use-letsencrypt", *roles.MARKER_PATHS),
            *("/etc/.teleport.yaml.x.teleport-bootstrap-new", "/etc/teleport.d/conf.y.teleport-bootstrap-old"),
            *unit_table.DROP_INS,
            "/var/backups/teleport/backup.tar",
            *("/etc/ssh/ssh_host_ed25519_key", "/etc/ssh/ssh_host_rsa_key.pub", "/var/lib/systemd/credential.secret"),
            *("/root/.ssh/authorized_keys", "/srv/admin/.ssh/authorized_keys", "/home/left/.ssh/authorized_keys2"),
            *("/root/.ssh/id_ed25519", "/root/.bash_history", "/srv/admin/.zsh_history", "/root/.python_history"),
            *("/root/.netrc", "/srv/admin/.git-credentials"),
        )
    },
    "proc": (file("/var/lib/teleport/proc/sqlite.db"), "/var/lib/teleport/proc"),
    "backend": (file("/var/lib/teleport/backend/sqlite.db"), "/var/lib/teleport/backend"),
    "generations": (
        file("/var/lib/teleport-bootstrap/generations/1/manifest.json"),
        "/var/lib/teleport-bootstrap/generations",
    ),
    "metadata": (file("/var/lib/teleport-bootstrap/metadata.json"), ""),
    "unit.env": (file("/var/lib/teleport-bootstrap/unit.env"), ""),
    "jobs": (file("/var/lib/teleport-bootstrap/jobs/backup.json"), "/var/lib/teleport-bootstrap/jobs"),
    "journals": (file("/var/lib/teleport-bootstrap/change.json"), ""),
    "certificates": (file("/etc/letsencrypt/archive/x/privkey1.pem"), "/etc/letsencrypt/archive"),
    "links to certificates": (link("/etc/letsencrypt/live/x/cert.pem", "../../gone"), "/etc/letsencrypt/live"),
    "acme account": (file("/etc/letsencrypt/accounts/a/private_key.json"), "/etc/letsencrypt/accounts"),
    "machine-id": (file("/etc/machine-id", "5e" * 16), ""),
    "a linked machine-id": (link("/etc/machine-id", "/etc/hostname"), ""),
    "dbus machine-id": (file("/var/lib/dbus/machine-id", "5e" * 16), ""),
    "cloud-init's instance": (link("/var/lib/cloud/instance", "instances/i-1"), ""),
    "cloud-init's instances": (file("/var/lib/cloud/instances/i-1/user-data.txt"), "/var/lib/cloud/instances"),
    "cloud-init's semaphores": (file("/var/lib/cloud/sem/config_scripts_per_once.once"), "/var/lib/cloud/sem"),
    "an enabled Teleport": (
        link("/etc/systemd/system/multi-user.target.wants/teleport.service", "/usr/lib/systemd/system/x.service"),
        "",
    ),
    "an enabled timer": (
        link("/etc/systemd/system/timers.target.wants/teleport-fetch-secrets.timer", "/nowhere"),
        "",
    ),
    "a secret in an override": (
        file("/etc/teleport.d/teleport.yaml.d/20.yaml", "teleport:\n  auth_token: abcdef\n"),
        "",
    ),
    "a secret in the environment": (file("/etc/default/teleport", "GITHUB_TOKEN=abcdef\n"), ""),
    "cloud credentials": (file("/root/.aws/credentials"), "/root/.aws"),
    "a linked data directory": (_moved, "/var/lib/teleport"),
    "data put aside": (file("/var/lib/teleport.reset-20260101/host_uuid"), "/var/lib/teleport.reset-20260101"),
    "data of a restore": (file("/var/lib/.teleport.restore.x/host_uuid"), "/var/lib/.teleport.restore.x"),
    "a copy of teleport.yaml": (file("/etc/teleport.yaml.bak"), ""),
    "a copy of the conf's directory": (file("/etc/teleport.d-old/conf"), "/etc/teleport.d-old"),
    "a copy of the conf": (file("/etc/teleport.d/conf.bak"), ""),
    "certificates put aside": (file("/etc/letsencrypt.old/live/x/privkey.pem"), "/etc/letsencrypt.old"),
    "certbot's backups": (file("/var/lib/letsencrypt/backups/1/x"), "/var/lib/letsencrypt"),
    "versions in SSM": (
        file("/var/lib/teleport-bootstrap/published/versions.json"),
        "/var/lib/teleport-bootstrap/published",
    ),
    "what was restored": (file("/var/lib/teleport-bootstrap/restored.json"), ""),
    "a bot": (file("/var/lib/tbot/identity"), ""),
    "a bot's token": (file("/etc/tbot.yaml", "onboarding:\n  token: abcdef\n"), ""),
    "the updater's settings": (file("/opt/teleport/default/update.yaml", "kind: update_config\n"), ""),
    "the settings of another installation of the updater": (file("/opt/teleport/east/update.yaml"), ""),
    "a version that the updater left": (
        file("/opt/teleport/default/versions/18.1.0_ent/bin/teleport"),
        "/opt/teleport/default/versions/18.1.0_ent",
    ),
    "a password in an override's URL": (
        file("/etc/teleport.d/teleport.yaml.d/30.yaml", "teleport:\n  storage:\n    uri: postgres://u:secr3t@h\n"),
        "",
    ),
    "a file of a token that an override names": (_named_token, "/etc/fleet-token"),
    "a secret in a drop-in": (
        file("/etc/systemd/system/teleport.service.d/x.conf", '[Service]\nEnvironment="A=1" "DB_PASSWORD=abc"\n'),
        "",
    ),
    "a token in a drop-in's command": (
        file("/etc/systemd/system/teleport-node.service.d/x.conf", "[Service]\nExecStart=teleport start --token ab1\n"),
        "",
    ),
    "a private key of another name": (file("/root/.ssh/deploy", "-----BEGIN OPENSSH PRIVATE KEY-----\n"), ""),
    "a password": (file("/etc/shadow", "root:*:1::::::\nadmin:$6$salt$hash:19000::::::\n"), "/etc/shadow (admin)"),
    "network interfaces": (file("/etc/udev/rules.d/70-persistent-net.rules"), ""),
    "a Kerberos key": (file("/etc/krb5.keytab"), ""),
    "credentials of services": (file("/etc/credstore/db"), "/etc/credstore"),
    "keys of dropbear": (file("/etc/dropbear/dropbear_rsa_host_key"), "/etc/dropbear"),
    "registration with SSM": (file("/var/lib/amazon/ssm/Vault/Store/x"), "/var/lib/amazon/ssm/Vault"),
    "a kubeconfig": (file("/srv/admin/.kube/config"), ""),
    "a lease": (file("/var/lib/dhcp/dhclient.eth0.leases"), ""),
    "a journal": (file("/var/log/journal/5e/system.journal"), "/var/log/journal"),
    "a log of cloud-init": (file("/var/log/cloud-init-output.log"), ""),
    "a random seed": (file("/var/lib/systemd/random-seed"), ""),
    "the SSM agent's instance": (file("/var/lib/amazon/ssm/i-0123/x"), "/var/lib/amazon/ssm/i-0123"),
    "host keys behind a link": (_linked("/etc/ssh", "/data/ssh", "ssh_host_rsa_key"), "/data/ssh/ssh_host_rsa_key"),
    "homes behind a link": (_linked("/home", "../data/home", "a/.netrc"), "/data/home/a/.netrc"),
    "keys behind a link": (
        _linked("/srv/admin/.ssh", "/data/keys", "authorized_keys"),
        "/data/keys/authorized_keys",
    ),
}  # fmt: skip


def test_a_clean_image_passes_and_is_left_as_it_is(image: Agent) -> None:
    before = contents(image.root)
    done = image.run("seal")
    assert (done.status, done.errors) == (0, "")
    assert "nothing that belongs to one instance" in done.output
    assert contents(image.root) == before


@pytest.mark.parametrize("plant", PLANTS)
def test_each_file_alone_makes_it_fail_and_is_named_with_its_remedy(image: Agent, plant: str) -> None:
    make, named = PLANTS[plant]
    path = make(image)
    shown = str(image.path(named)) if named else path
    before = contents(image.root)
    done = image.run("seal", "--format", "json")
    assert done.status == 18, done.said
    assert done.data["error"]["code"] == "image-not-sealed"
    assert [each["subject"] for each in done.data["findings"]] == [shown]
    assert shown in done.errors and done.data["findings"][0]["remedy"] in done.errors
    assert contents(image.root) == before, "seal changes nothing"

    words = shlex.split(done.data["findings"][0]["remedy"])
    if words[0] == "passwd":
        assert words[1:] == ["--root", str(image.root), "-l", "admin"]
        return
    if words[0] == "systemctl":
        assert words[1:] == [f"--root={image.root}", "disable", Path(path).name]
        return
    assert words[0] in ("rm", "truncate") and str(image.root) in words[-1]
    if plant != "a linked machine-id":
        subprocess.run(done.data["findings"][0]["remedy"], shell=True, check=True)
        assert image.run("seal").status == 0


@pytest.mark.parametrize("own", ["", "uninitialized\n", None])
def test_issue_17_row_10_an_id_that_systemd_would_take_for_each_instance(image: Agent, own: str | None) -> None:
    if own is None:
        image.path("/etc/machine-id").unlink()
    else:
        image.write("/etc/machine-id", own)
    assert image.run("seal").status == 0
    planted = image.write("/var/lib/dbus/machine-id", "5e" * 16 + "\n")

    done = image.run("seal", "--format", "json")

    assert done.status == 18
    (found,) = done.data["findings"]
    assert found["subject"] == str(planted) and "all instances would share" in found["message"]
    subprocess.run(found["remedy"], shell=True, check=True)
    link("/var/lib/dbus/machine-id", "/etc/machine-id")(image)
    assert image.run("seal").status == 0


def test_lists_everything_at_once(image: Agent) -> None:
    for plant in ("proc", "machine-id", "an enabled timer", "certificates"):
        PLANTS[plant][0](image)
    done = image.run("seal", "--format", "json")
    assert len(done.data["findings"]) == 4


def test_known_hosts_are_only_a_note(image: Agent) -> None:
    image.write("/root/.ssh/known_hosts", "x")
    done = image.run("seal", "--format", "json")
    assert done.status == 0
    assert len(done.notes) == 1 and "note: " in done.errors


def test_row_9_the_version_that_the_updater_installed_and_linked_is_only_a_note(image: Agent) -> None:
    image.write("/opt/teleport/default/versions/18.2.0/bin/teleport", "x")
    image.write("/opt/teleport/system/bin/teleport", "x")
    link("/usr/local/bin/teleport", "/opt/teleport/default/versions/18.2.0/bin/teleport")(image)
    done = image.run("seal", "--format", "json")
    assert done.status == 0, done.said
    (note,) = done.notes
    assert "/opt/teleport/default/versions/18.2.0" in str(note) and "installed by Teleport's updater" in str(note)


@pytest.mark.parametrize("folder", ["/etc/ssh", "/home", "/var/lib/teleport-bootstrap", "/srv/admin/.ssh"])
def test_a_circle_of_links_makes_it_fail(image: Agent, folder: str) -> None:
    shutil.rmtree(image.path(folder), ignore_errors=True)
    image.path(folder).symlink_to(folder)
    done = image.run("seal")
    assert done.status == 18 and "cannot be read" in done.errors


@needs_root
def test_an_unreadable_directory_makes_it_fail(image: Agent) -> None:
    for folder in ("/var/lib/teleport-bootstrap", "/root/.ssh", "/etc/teleport.d", "/home/left"):
        image.path(folder).mkdir(parents=True, exist_ok=True)
        image.path(folder).chmod(0)
        try:
            done = image.run("seal", prefix=UNPRIVILEGED)
        finally:
            image.path(folder).chmod(0o755)
        assert done.status == 18 and "cannot be read: Permission denied" in done.errors, (folder, done.said)


@needs_root
def test_does_not_hang_on_named_pipes(image: Agent) -> None:
    for path in ("/etc/shadow", "/etc/default/teleport", "/root/.ssh/x", "/etc/teleport.d/teleport.yaml.d/5.yaml"):
        image.path(path).unlink(missing_ok=True)
        image.path(path).parent.mkdir(parents=True, exist_ok=True)
        os.mkfifo(image.path(path))
    assert image.run("seal", timeout=30).status == 18


def test_a_disabled_generator_is_only_a_note(image: Agent) -> None:
    image.path(GENERATE).unlink()
    done = image.run("seal")
    assert done.status == 0 and "would not configure themselves" in done.errors


def test_finds_everything_that_generate_writes(image: Agent) -> None:
    """Runs a real `generate` in the tree first."""
    image.write("/etc/group", "root:x:0:\n")
    before = contents(image.root)
    image.conf(GUIDE)
    image.install()
    server = emulator.Server()
    server.start()
    try:
        image.imds = server.url
        assert image.generate().status == 0
    finally:
        server.stop()
    found = [each["subject"] for each in image.run("seal", "--format", "json").data["findings"]]
    made = {f"{image.root}/{name}" for name in set(contents(image.root)) - set(before)}
    left = {
        path
        for path in made
        if not any(path == each or path.startswith(f"{each}/") for each in found)
        and not path.startswith(f"{image.root}/usr/local/bin/")
    }
    assert left == set()


def test_file_names_cannot_forge_lines_or_control_a_terminal(image: Agent) -> None:
    image.write("/var/lib/teleport/a\nb: fine\x1b[2J", "x")
    image.write("/var/lib/teleport/$(touch x) ;'", "x")
    done = image.run("seal")
    assert done.status == 18
    assert "\nb: fine" not in done.errors and "\x1b" not in done.errors
    assert "a\\nb: fine" in done.errors


@needs_root
def test_links_do_not_lead_out_of_the_image(image: Agent, tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    (outside / ".ssh").mkdir(parents=True)
    (outside / ".ssh" / "authorized_keys").write_text("ssh-ed25519 AAAA")
    os.symlink(outside, image.path("/srv/admin/.ssh"))
    os.symlink(outside, image.path("/home"))
    assert str(outside) not in image.run("seal").said
