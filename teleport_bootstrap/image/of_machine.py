"""What the machine on which an image was built leaves in it: its keys and identity, and traces of the people."""

from __future__ import annotations

import os
import shlex
from collections.abc import Iterator

from teleport_bootstrap.host import directory, root
from teleport_bootstrap.image import findings
from teleport_bootstrap.image.findings import Finding

_MACHINE_ID = "/etc/machine-id"
_MACHINE_KEYS = {
    "/var/lib/systemd/credential.secret": "the key that systemd encrypts credentials with",
    "/var/lib/NetworkManager/secret_key": "the key that NetworkManager derives identities from",
    "/etc/krb5.keytab": "the keys of one machine in a Kerberos realm",
}
_KEY_FOLDERS = {
    "/etc/dropbear": "SSH host keys of dropbear",
    "/etc/wireguard": "keys of WireGuard",
    "/etc/credstore": "credentials for services",
    "/etc/credstore.encrypted": "credentials for services, which this machine alone can read",
    "/var/lib/amazon/ssm/Vault": "keys with which one machine is registered with SSM",
}
# By udev of old: the network interfaces of one machine, by their addresses.
_INTERFACES = "/etc/udev/rules.d/70-persistent-net.rules"
# systemd writes one when it shuts down, so that an image that was built on a running machine has it again.
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
_KEYS_OF_ALL = ("/etc/ssh/authorized_keys", "/etc/ssh/authorized_keys.d")
# Enough for an image; a directory of more people is somewhere else.
_MOST_HOMES = 1000


def identity(where: root.Root) -> Iterator[Finding]:
    """Keys and names that make a machine this one machine."""
    for name in findings.names(where, "/etc/ssh"):
        if name.startswith("ssh_host_") and "key" in name:
            path = findings.shown(where, f"/etc/ssh/{name}")
            yield Finding(
                path, "an SSH host key: every instance would have it; sshd makes new ones", findings.remove(path)
            )
    yield from _machine_id(where)
    for key, what in _MACHINE_KEYS.items():
        if findings.is_there(where, key):
            yield Finding(findings.shown(where, key), what, findings.remove(findings.shown(where, key)))
    for folder, what in _KEY_FOLDERS.items():
        if findings.has_files(where, folder):
            yield Finding(findings.shown(where, folder), what, findings.remove(findings.shown(where, folder)))
    if findings.is_filled(where, _INTERFACES):
        path = findings.shown(where, _INTERFACES)
        yield Finding(path, "the network interfaces of one machine", findings.remove(path))
    for seed in _RANDOM_SEEDS:
        if findings.is_there(where, seed):
            path = findings.shown(where, seed)
            yield Finding(path, "a random seed that all instances would share", findings.remove(path), _at_rest(where))
    for folder in _LEASES:
        for name in findings.names(where, folder):
            if "lease" in name and findings.is_filled(where, f"{folder}/{name}"):
                path = findings.shown(where, f"{folder}/{name}")
                yield Finding(path, "the address of one machine", findings.remove(path), _at_rest(where))


def first_boot(where: root.Root) -> Iterator[Finding]:
    """What tells cloud-init that the first boot is over, and an agent which instance it runs on."""
    for name in _CLOUD:
        if findings.is_filled(where, f"/var/lib/cloud/{name}"):
            yield Finding(
                findings.shown(where, f"/var/lib/cloud/{name}"),
                "what cloud-init keeps of one instance: user-data would not be run again",
                "cloud-init clean --logs"
                if where.is_live
                else findings.remove(findings.shown(where, f"/var/lib/cloud/{name}")),
            )
    for name in findings.names(where, "/var/lib/amazon/ssm"):
        if name.startswith(("i-", "mi-")):
            path = findings.shown(where, f"/var/lib/amazon/ssm/{name}")
            yield Finding(path, "state of the SSM agent of one instance", findings.remove(path), _at_rest(where))


def people(where: root.Root) -> Iterator[Finding]:
    """Keys and passwords that let people in, and what they left in their homes."""
    yield from _passwords(where)
    for folder in _KEYS_OF_ALL:
        if findings.is_filled(where, folder):
            path = findings.shown(where, folder)
            yield Finding(path, "keys that would let somebody into every instance", findings.remove(path))
    for home in _homes(where):
        for name in ("authorized_keys", "authorized_keys2"):
            path = f"{home}/.ssh/{name}"
            if findings.is_filled(where, path):
                yield Finding(
                    findings.shown(where, path),
                    "keys that would let somebody into every instance",
                    findings.remove(findings.shown(where, path)),
                )
        yield from _private_keys(where, f"{home}/.ssh")
        known = f"{home}/.ssh/known_hosts"
        if findings.is_filled(where, known):
            path = findings.shown(where, known)
            yield Finding(path, "the hosts that somebody has spoken to", findings.remove(path), blocks=False)
        for name in _CREDENTIALS:
            path = f"{home}/{name}"
            if findings.is_filled(where, path):
                yield Finding(
                    findings.shown(where, path), "somebody's credentials", findings.remove(findings.shown(where, path))
                )
        for name in _HISTORIES:
            path = f"{home}/{name}"
            if findings.is_filled(where, path):
                yield Finding(
                    findings.shown(where, path), "what somebody has typed", findings.remove(findings.shown(where, path))
                )


def logs(where: root.Root) -> Iterator[Finding]:
    """Logs of the building itself; a machine that runs goes on writing them, so they do not block there."""
    if findings.has_files(where, "/var/log/journal"):
        path = findings.shown(where, "/var/log/journal")
        yield Finding(
            path, "the journal of the machine that built the image", f"{findings.remove(path)}/*", _at_rest(where)
        )
    for name in findings.names(where, "/var/log"):
        path = f"/var/log/{name}"
        if name.startswith("cloud-init") and findings.is_filled(where, path):
            shown = findings.shown(where, path)
            yield Finding(shown, "cloud-init's log, user-data's output in it", findings.remove(shown), _at_rest(where))


def _at_rest(where: root.Root) -> bool:
    """Whether what is removed stays away: in an image that does not run while it is judged."""
    return not where.is_live


def _private_keys(where: root.Root, folder: str) -> Iterator[Finding]:
    for name in findings.names(where, folder):
        path = f"{folder}/{name}"
        if name in _PUBLIC or not findings.is_filled(where, path):
            continue
        content = findings.read(where, path)
        if name in _SSH_KEYS or (content is not None and _PRIVATE_KEY in content):
            yield Finding(
                findings.shown(where, path), "somebody's private key", findings.remove(findings.shown(where, path))
            )


def _passwords(where: root.Root) -> Iterator[Finding]:
    for line in (findings.read(where, "/etc/shadow") or b"").decode("utf-8", "replace").splitlines():
        name, _, rest = line.partition(":")
        # Of a locked account the password begins with ! or *, and is no password then.
        if rest.startswith(("$", "_")):
            yield Finding(
                f"{findings.shown(where, '/etc/shadow')} ({findings.one_line(name)})",
                "a password that would let somebody into every instance",
                f"passwd{'' if where.is_live else f' --root {shlex.quote(where.directory)}'} -l {shlex.quote(name)}",
            )


def _machine_id(where: root.Root) -> Iterator[Finding]:
    path = findings.shown(where, _MACHINE_ID)
    if findings.is_there(where, _MACHINE_ID):
        found = directory.read(where, _MACHINE_ID)
        if found is None or found.content.strip() not in (b"", b"uninitialized"):
            yield Finding(
                path,
                "an identity that all instances would share; an empty file gets one",
                f"truncate --size=0 {shlex.quote(path)}",
            )
    second = findings.shown(where, "/var/lib/dbus/machine-id")
    if not os.path.islink(second) and findings.is_filled(where, "/var/lib/dbus/machine-id"):
        yield Finding(second, "a copy of the machine's identity", findings.remove(second))


def _homes(where: root.Root) -> list[str]:
    """Return where people have their homes: as /etc/passwd says, and whatever is in /home and /root."""
    homes = ["/root", *(f"/home/{name}" for name in findings.names(where, "/home"))]
    for line in (findings.read(where, "/etc/passwd") or b"").decode("utf-8", "replace").splitlines():
        fields = line.split(":")
        if len(fields) > 5 and fields[5].startswith("/") and "\0" not in fields[5]:
            homes.append(os.path.normpath(fields[5]))
    found = dict.fromkeys(findings.real(where, home) for home in homes)
    return [home for home in found if home != "/" and findings.is_directory(findings.shown(where, home))][:_MOST_HOMES]
