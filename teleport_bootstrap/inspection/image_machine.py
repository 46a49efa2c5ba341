"""What the machine that built an image leaves in it: its keys and identity, and traces of the people who used it."""

from __future__ import annotations

import os
import shlex
from collections.abc import Iterator
from dataclasses import replace

from teleport_bootstrap import escaping, paths
from teleport_bootstrap.finding import NOTE, Finding, Place
from teleport_bootstrap.inspection.image_files import Image

_MACHINE_ID = "/etc/machine-id"
_DBUS_MACHINE_ID = "/var/lib/dbus/machine-id"
_MACHINE_KEYS = {
    "/var/lib/systemd/credential.secret": "the key that systemd encrypts credentials with",
    "/var/lib/NetworkManager/secret_key": "the key that NetworkManager derives identities from",
    "/etc/krb5.keytab": "the keys of one machine in a Kerberos realm",
}
_KEY_FOLDERS = {
    "/etc/dropbear": "SSH host keys of dropbear",
    "/etc/wireguard": "keys of WireGuard",
    "/etc/credstore": "credentials for services",
    "/etc/credstore.encrypted": "credentials for services, which only this machine can decrypt",
    "/var/lib/amazon/ssm/Vault": "keys with which one machine is registered with SSM",
}
# Written by older versions of udev.
_INTERFACES = "/etc/udev/rules.d/70-persistent-net.rules"
# systemd writes one at shutdown, so an image that was built on a running machine has it again.
_RANDOM_SEEDS = (
    *("/var/lib/systemd/random-seed", "/var/lib/urandom/random-seed", "/var/lib/misc/random-seed"),
    *("/boot/efi/loader/random-seed", "/efi/loader/random-seed", "/boot/loader/random-seed"),
)
_LEASES = ("/var/lib/dhcp", "/var/lib/dhclient", "/var/lib/dhcpcd", "/var/lib/NetworkManager")
_CLOUD = ("instance", "instances", "data", "sem")
_HISTORIES = (
    *(".bash_history", ".zsh_history", ".zhistory", ".sh_history", ".ash_history", ".history", ".python_history"),
    *(".lesshst", ".viminfo", ".psql_history", ".sqlite_history", ".mysql_history", ".node_repl_history"),
    *(".rediscli_history", ".local/share/fish/fish_history"),
)
_CREDENTIALS = (
    *(".aws", ".netrc", ".tsh", ".docker/config.json", ".git-credentials", ".gnupg/private-keys-v1.d", ".pgpass"),
    *(".my.cnf", ".kube/config", ".azure", ".config/gcloud", ".config/gh/hosts.yml", ".config/rclone/rclone.conf"),
    *(".vault-token", ".terraform.d/credentials.tfrc.json", ".pypirc", ".boto", ".s3cfg", ".local/share/keyrings"),
)
_SSH_KEYS = ("id_rsa", "id_ecdsa", "id_ed25519", "id_dsa", "id_ecdsa_sk", "id_ed25519_sk", "identity")
_PRIVATE_KEY = b"PRIVATE KEY"
_PUBLIC = ("authorized_keys", "authorized_keys2", "known_hosts", "config")
_KEYS_FOR_ALL_ACCOUNTS = ("/etc/ssh/authorized_keys", "/etc/ssh/authorized_keys.d")
# Enough for an image.
_MOST_HOMES = 1000


def identity(image: Image) -> Iterator[Finding]:
    """Keys and names that identify one machine."""
    for name in image.names("/etc/ssh"):
        if name.startswith("ssh_host_") and "key" in name:
            message = "an SSH host key that every instance would have; sshd generates a new one"
            yield image.finding(f"/etc/ssh/{name}", message)
    yield from _machine_id(image)
    yield from image.existing(_MACHINE_KEYS)
    for folder, message in _KEY_FOLDERS.items():
        if image.has_files(folder):
            yield image.finding(folder, message)
    yield from image.filled([_INTERFACES], "the network interfaces of one machine")
    for finding in image.existing(dict.fromkeys(_RANDOM_SEEDS, "a random seed that all instances would share")):
        yield replace(finding, severity=image.severity_at_rest)
    for folder in _LEASES:
        leases = [f"{folder}/{name}" for name in image.names(folder) if "lease" in name]
        yield from image.filled(leases, "the address of one machine", severity=image.severity_at_rest)


def first_boot(image: Image) -> Iterator[Finding]:
    """State from which cloud-init concludes that the first boot is over, and an agent which instance it runs on."""
    for name in _CLOUD:
        path = f"/var/lib/cloud/{name}"
        if image.is_filled(path):
            message = "cloud-init's state of one instance: user-data would not run again"
            yield image.finding(path, message, "cloud-init clean --logs" if image.root.is_live else None)
    for name in image.names("/var/lib/amazon/ssm"):
        if name.startswith(("i-", "mi-")):
            path = f"/var/lib/amazon/ssm/{name}"
            yield image.finding(path, "the SSM agent's state of one instance", severity=image.severity_at_rest)


def accounts(image: Image) -> Iterator[Finding]:
    """Keys and passwords that give access, and files that people left in their home directories."""
    yield from _passwords(image)
    keys = "keys that would give access to every instance"
    yield from image.filled(_KEYS_FOR_ALL_ACCOUNTS, keys)
    for home in _homes(image):
        yield from image.filled((f"{home}/.ssh/authorized_keys", f"{home}/.ssh/authorized_keys2"), keys)
        yield from _private_keys(image, f"{home}/.ssh")
        yield from image.filled([f"{home}/.ssh/known_hosts"], "hosts that a user connected to", severity=NOTE)
        yield from image.filled([f"{home}/{name}" for name in _CREDENTIALS], "a user's credentials")
        yield from image.filled([f"{home}/{name}" for name in _HISTORIES], "a history of a user's input")


def logs(image: Image) -> Iterator[Finding]:
    """Logs of the build itself; a running machine keeps writing them, so they are only notes there."""
    if image.has_files(paths.JOURNAL):
        found = image.finding(
            paths.JOURNAL, "the journal of the machine that built the image", severity=image.severity_at_rest
        )
        yield replace(found, remedy=f"{found.remedy}/*")
    cloud_init = [f"/var/log/{name}" for name in image.names("/var/log") if name.startswith("cloud-init")]
    message = "cloud-init's log, which holds the output of user-data"
    yield from image.filled(cloud_init, message, severity=image.severity_at_rest)


def _private_keys(image: Image, folder: str) -> Iterator[Finding]:
    for name in image.names(folder):
        path = f"{folder}/{name}"
        if name in _PUBLIC or not image.is_filled(path):
            continue
        if name in _SSH_KEYS or _PRIVATE_KEY in (image.read(path) or b""):
            yield image.finding(path, "a user's private key")


def _passwords(image: Image) -> Iterator[Finding]:
    for line in (image.text("/etc/shadow") or "").splitlines():
        name, _, rest = line.partition(":")
        # A locked account has ! or * in front of its password.
        if rest.startswith(("$", "_")):
            root = "" if image.root.is_live else f" --root {shlex.quote(image.root.directory)}"
            found = image.finding(
                "/etc/shadow",
                "a password that would give access to every instance",
                f"passwd{root} -l {shlex.quote(name)}",
            )
            subject = f"{found.subject} ({escaping.one_line(name)})"
            yield replace(found, subject=subject, place=Place(escaping.one_line(subject)))


def _machine_id(image: Image) -> Iterator[Finding]:
    if image.exists(_MACHINE_ID):
        # As it is on the disk: a link is an error, wherever it leads.
        content = None if os.path.islink(image.locate(_MACHINE_ID)) else image.read(_MACHINE_ID)
        if content is None or content.strip() not in (b"", b"uninitialized"):
            remedy = f"truncate --size=0 {shlex.quote(image.locate(_MACHINE_ID))}"
            message = "an identity that all instances would share; an empty file is filled at the first boot"
            yield image.finding(_MACHINE_ID, message, remedy)
    if not os.path.islink(image.locate(_DBUS_MACHINE_ID)):
        yield from image.filled([_DBUS_MACHINE_ID], "a copy of the machine's identity")


def _homes(image: Image) -> list[str]:
    """Return the home directories: those of /etc/passwd, everything in /home, and /root."""
    homes = ["/root", *(f"/home/{name}" for name in image.names("/home"))]
    for line in (image.text("/etc/passwd") or "").splitlines():
        fields = line.split(":")
        if len(fields) > 5 and fields[5].startswith("/") and "\0" not in fields[5]:
            homes.append(os.path.normpath(fields[5]))
    found = dict.fromkeys(map(image.resolve, homes))
    return [home for home in found if home != "/" and image.is_directory(home)][:_MOST_HOMES]
