"""The commands in the prose of the pages, between backticks, and the test that types each of them.

One that is also in a block is typed with that. The day in the boot layer types those of LOOKS; others have a test of
their own, or a reason why there is none. docs/teleport-behaviour.md is left out: what it looks at is a real Teleport.
"""

from __future__ import annotations

import re

from tests import documents

PROGRAMS = {
    *("teleport-bootstrap", "teleport", "tctl", "tsh", "teleport-update", "systemctl", "journalctl", "timedatectl"),
    *("certbot", "aws", "packer", "apt-get", "dnf", "pipx", "python3", "openssl", "sqlite3", "curl"),
    *("tar", "cat", "chown", "fuser", "ls", "ps", "ss"),
}
LEFT_OUT = {"docs/teleport-behaviour.md"}

# What only looks: the day types it on a healthy all-in-one, where it ends with this status.
LOOKS = {
    "cat /var/log/cloud-init-output.log": 0,
    "journalctl -b": 0,
    "journalctl -b -u teleport-restore": 0,
    "journalctl -t teleport-bootstrap": 0,
    "journalctl -u teleport-auth": 0,
    "journalctl -u teleport-check-cert": 0,
    "journalctl -u teleport-get-cert": 0,
    "journalctl -u teleport-restore": 0,
    "journalctl -u teleport-ssm-publish-tokens": 0,
    "journalctl -u teleport-update": 0,
    "systemctl is-enabled teleport-generate-config.service": 0,
    "systemctl status teleport-auth": 3,  # the unit of another role
    "tctl status": 0,
    "teleport version": 0,
    "teleport-bootstrap backup verify": 0,  # the newest one
    "teleport-bootstrap collect-logs": 0,
    "teleport-bootstrap metadata instance-id": 0,
    "teleport-bootstrap plan": 0,
    "teleport-bootstrap render --show-secrets": 0,
    "teleport-bootstrap variables": 0,
}

# The module of tests/ that types a command, and has these words of it.
TESTED = {
    "aws elbv2 modify-load-balancer-attributes --load-balancer-arn ARN "
    "--attributes Key=idle_timeout.timeout_seconds,Value=350": (
        "simulated/doctor/test_balancers.py",
        "idle_timeout.timeout_seconds",
    ),
    "apt-get purge": ("boot/test_packages.py", "apt-get -q -y purge"),
    "pipx install 'git+https://git.acmeinc.com/platform/teleport-bootstrap@v0.1.0'": (
        "simulated/test_laptops.py",
        "pipx",
    ),
    "python3 -m teleport_bootstrap.manual": ("lint/test_manual_pages.py", "manual"),
    "python3 -m teleport_bootstrap.manual doctor": ("unit/doctor/test_table.py", "manual doctor"),
    "tctl create -f nodes.yaml": ("simulated/test_documents.py", "tctl create -f nodes.yaml"),
    "tctl create CONNECTOR.yaml": ("real_teleport/test_first_boot.py", "create"),
    "tctl users add": ("simulated/test_first_admin.py", '"users", "add"'),
    "teleport configure --test": ("simulated/test_restore.py", "configure"),
    "teleport-bootstrap certificate obtain": ("simulated/test_certificate.py", "obtain"),
    "teleport-bootstrap certificate renew": ("simulated/test_certificate.py", "renew"),
    "teleport-bootstrap signal --again": ("simulated/test_signal.py", "again=True"),
    "teleport-bootstrap publish-tokens": ("simulated/test_publish_tokens.py", "publish-tokens"),
    "teleport-bootstrap reconfigure --discard-edits": ("boot/test_reconfigure_edits.py", "--discard-edits"),
    "teleport-bootstrap reconfigure --reset-data": ("boot/test_reconfigure_edits.py", "--reset-data"),
    "teleport-bootstrap render --conf ./conf --metadata ./instance.yaml --overrides ./overrides": (
        "simulated/test_documents.py",
        "--overrides ./overrides",
    ),
    "teleport-bootstrap restore": ("boot/test_upgrade.py", '"restore", "--yes"'),
    "teleport-bootstrap status --format prometheus": (
        "simulated/test_metrics.py",
        '"status", "--format", "prometheus"',
    ),
    "teleport-bootstrap validate FILE": ("simulated/test_laptops.py", "check"),
    "teleport-update enable": ("boot/test_managed_updates.py", "enable"),
}

# No test types these.
UNTRIED = {
    "aws ssm update-service-setting --setting-id /ssm/parameter-store/high-throughput-enabled --setting-value true": (
        "changes the limits of an account, which has none when simulated"
    ),
    "aws ec2 get-console-output": "the console of a real instance; that of a booted machine is in boot/test_signal.py",
    "aws ec2 describe-instances": "the name of the call that shows MetadataOptions of a real instance",
    "cat >/etc/teleport.d/conf <<'EOF'": "a line of the user-data blocks",
    "certbot python3-certbot-dns-route53": "the names of two packages",
    "certbot revoke --cert-name DOMAIN": "certbot's own, at a real authority",
    "journalctl -b -u": "the option; the unit is what `status` names",
    "sqlite3 FILE .recover": "SQLite's own, for a database that nothing else can save",
    "systemctl edit teleport.service": "opens an editor",
    "systemctl enable --now": "the option; the unit is that of the old host",
    "systemctl reload": "the verb; the unit is that of the role",
    "systemctl show": "the verb",
    "systemctl status": "the verb",
    "tctl create -f": "the option",
    "tctl users reset teleport-admin": "Teleport's own, which the stand-in for tctl does not have",
    "teleport-bootstrap metadata": "without an item, as the labels of an old teleport.yaml name it",
    "teleport db configure aws print-iam": "Teleport's own, which the stand-in for it does not have",
    "teleport start": "the subcommand of the units' ExecStart",
    "teleport-update link-package": "called by Teleport's own packages",
}


def of(page: str) -> list[str]:
    """Return the commands in the prose of a page, without sudo; a program's name alone is none."""
    found = []
    for piece in re.findall(r"`([^`\n]+(?:\n[^`\n]+)?)`", documents.without_blocks(page)):
        command = " ".join(piece.split()).replace("\\|", "|").removeprefix("sudo ").partition(" | ")[0]
        words = command.split()
        if len(words) > 1 and words[0] in PROGRAMS and not re.search(r"\[|…|\.\.\.", command):
            found.append(command)
    return found


def every() -> dict[str, set[str]]:
    """Return each command with the pages that have it."""
    found: dict[str, set[str]] = {}
    for page in documents.pages():
        for command in of(page) if page not in LEFT_OUT else ():
            found.setdefault(command, set()).add(page)
    return found


def in_blocks() -> str:
    """Return all that a test types of blocks."""
    words = ("run", "simulated", "shown")
    return "\n".join(
        block.text for page in documents.pages() for block in documents.every_block(page) if block.word in words
    )
