"""What the machine on which an image was built leaves in it: its keys and identity, and traces of the people."""

from __future__ import annotations

import os
import shlex
from collections.abc import Iterator

from teleport_bootstrap import escaping, paths
from teleport_bootstrap.host import directory
from teleport_bootstrap.inspection import image_files
from teleport_bootstrap.inspection.image_files import Finding

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


def identity(root: paths.Root) -> Iterator[Finding]:
    """Keys and names that make a machine this one machine."""
    for name in image_files.names(root, "/etc/ssh"):
        if name.startswith("ssh_host_") and "key" in name:
            path = image_files.shown(root, f"/etc/ssh/{name}")
            yield Finding(
                path, "an SSH host key: every instance would have it; sshd makes new ones", image_files.remove(path)
            )
    yield from _machine_id(root)
    for key, what in _MACHINE_KEYS.items():
        if image_files.is_there(root, key):
            yield Finding(image_files.shown(root, key), what, image_files.remove(image_files.shown(root, key)))
    for folder, what in _KEY_FOLDERS.items():
        if image_files.has_files(root, folder):
            yield Finding(image_files.shown(root, folder), what, image_files.remove(image_files.shown(root, folder)))
    if image_files.is_filled(root, _INTERFACES):
        path = image_files.shown(root, _INTERFACES)
        yield Finding(path, "the network interfaces of one machine", image_files.remove(path))
    for seed in _RANDOM_SEEDS:
        if image_files.is_there(root, seed):
            path = image_files.shown(root, seed)
            yield Finding(
                path, "a random seed that all instances would share", image_files.remove(path), _at_rest(root)
            )
    for folder in _LEASES:
        for name in image_files.names(root, folder):
            if "lease" in name and image_files.is_filled(root, f"{folder}/{name}"):
                path = image_files.shown(root, f"{folder}/{name}")
                yield Finding(path, "the address of one machine", image_files.remove(path), _at_rest(root))


def first_boot(root: paths.Root) -> Iterator[Finding]:
    """What tells cloud-init that the first boot is over, and an agent which instance it runs on."""
    for name in _CLOUD:
        if image_files.is_filled(root, f"/var/lib/cloud/{name}"):
            yield Finding(
                image_files.shown(root, f"/var/lib/cloud/{name}"),
                "what cloud-init keeps of one instance: user-data would not be run again",
                "cloud-init clean --logs"
                if root.is_live
                else image_files.remove(image_files.shown(root, f"/var/lib/cloud/{name}")),
            )
    for name in image_files.names(root, "/var/lib/amazon/ssm"):
        if name.startswith(("i-", "mi-")):
            path = image_files.shown(root, f"/var/lib/amazon/ssm/{name}")
            yield Finding(path, "state of the SSM agent of one instance", image_files.remove(path), _at_rest(root))


def people(root: paths.Root) -> Iterator[Finding]:
    """Keys and passwords that let people in, and what they left in their homes."""
    yield from _passwords(root)
    for folder in _KEYS_OF_ALL:
        if image_files.is_filled(root, folder):
            path = image_files.shown(root, folder)
            yield Finding(path, "keys that would let somebody into every instance", image_files.remove(path))
    for home in _homes(root):
        for name in ("authorized_keys", "authorized_keys2"):
            path = f"{home}/.ssh/{name}"
            if image_files.is_filled(root, path):
                yield Finding(
                    image_files.shown(root, path),
                    "keys that would let somebody into every instance",
                    image_files.remove(image_files.shown(root, path)),
                )
        yield from _private_keys(root, f"{home}/.ssh")
        known = f"{home}/.ssh/known_hosts"
        if image_files.is_filled(root, known):
            path = image_files.shown(root, known)
            yield Finding(path, "the hosts that somebody has spoken to", image_files.remove(path), blocks=False)
        for name in _CREDENTIALS:
            path = f"{home}/{name}"
            if image_files.is_filled(root, path):
                yield Finding(
                    image_files.shown(root, path),
                    "somebody's credentials",
                    image_files.remove(image_files.shown(root, path)),
                )
        for name in _HISTORIES:
            path = f"{home}/{name}"
            if image_files.is_filled(root, path):
                yield Finding(
                    image_files.shown(root, path),
                    "what somebody has typed",
                    image_files.remove(image_files.shown(root, path)),
                )


def logs(root: paths.Root) -> Iterator[Finding]:
    """Logs of the building itself; a machine that runs goes on writing them, so they do not block there."""
    if image_files.has_files(root, paths.JOURNAL):
        path = image_files.shown(root, paths.JOURNAL)
        yield Finding(
            path, "the journal of the machine that built the image", f"{image_files.remove(path)}/*", _at_rest(root)
        )
    for name in image_files.names(root, "/var/log"):
        path = f"/var/log/{name}"
        if name.startswith("cloud-init") and image_files.is_filled(root, path):
            shown = image_files.shown(root, path)
            yield Finding(
                shown, "cloud-init's log, user-data's output in it", image_files.remove(shown), _at_rest(root)
            )


def _at_rest(root: paths.Root) -> bool:
    """Whether what is removed stays away: in an image that does not run while it is judged."""
    return not root.is_live


def _private_keys(root: paths.Root, folder: str) -> Iterator[Finding]:
    for name in image_files.names(root, folder):
        path = f"{folder}/{name}"
        if name in _PUBLIC or not image_files.is_filled(root, path):
            continue
        content = image_files.read(root, path)
        if name in _SSH_KEYS or (content is not None and _PRIVATE_KEY in content):
            yield Finding(
                image_files.shown(root, path),
                "somebody's private key",
                image_files.remove(image_files.shown(root, path)),
            )


def _passwords(root: paths.Root) -> Iterator[Finding]:
    for line in (image_files.read(root, "/etc/shadow") or b"").decode("utf-8", "replace").splitlines():
        name, _, rest = line.partition(":")
        # Of a locked account the password begins with ! or *, and is no password then.
        if rest.startswith(("$", "_")):
            yield Finding(
                f"{image_files.shown(root, '/etc/shadow')} ({escaping.one_line(name)})",
                "a password that would let somebody into every instance",
                f"passwd{'' if root.is_live else f' --root {shlex.quote(root.directory)}'} -l {shlex.quote(name)}",
            )


def _machine_id(root: paths.Root) -> Iterator[Finding]:
    path = image_files.shown(root, _MACHINE_ID)
    if image_files.is_there(root, _MACHINE_ID):
        found = directory.read(root, _MACHINE_ID)
        if found is None or found.content.strip() not in (b"", b"uninitialized"):
            yield Finding(
                path,
                "an identity that all instances would share; an empty file gets one",
                f"truncate --size=0 {shlex.quote(path)}",
            )
    second = image_files.shown(root, "/var/lib/dbus/machine-id")
    if not os.path.islink(second) and image_files.is_filled(root, "/var/lib/dbus/machine-id"):
        yield Finding(second, "a copy of the machine's identity", image_files.remove(second))


def _homes(root: paths.Root) -> list[str]:
    """Return where people have their homes: as /etc/passwd says, and whatever is in /home and /root."""
    homes = ["/root", *(f"/home/{name}" for name in image_files.names(root, "/home"))]
    for line in (image_files.read(root, "/etc/passwd") or b"").decode("utf-8", "replace").splitlines():
        fields = line.split(":")
        if len(fields) > 5 and fields[5].startswith("/") and "\0" not in fields[5]:
            homes.append(os.path.normpath(fields[5]))
    found = dict.fromkeys(image_files.real(root, home) for home in homes)
    return [home for home in found if home != "/" and image_files.is_directory(image_files.shown(root, home))][
        :_MOST_HOMES
    ]
