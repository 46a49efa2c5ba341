"""What the machine on which an image was built leaves in it: its keys and identity, and traces of the people."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator

from teleport_bootstrap.host import directory, root
from teleport_bootstrap.image import findings
from teleport_bootstrap.image.findings import Finding

_MACHINE_ID = "/etc/machine-id"
_MACHINE_KEYS = {
    "/var/lib/systemd/credential.secret": "the key that systemd encrypts credentials with",
    "/var/lib/NetworkManager/secret_key": "the key that NetworkManager derives identities from",
}
# systemd writes one when it shuts down, so that an image that was built on a running machine has it again.
_RANDOM_SEED = "/var/lib/systemd/random-seed"
_CLOUD = ("instance", "instances", "data", "sem")
_HISTORIES = (
    *(".bash_history", ".zsh_history", ".sh_history", ".ash_history", ".history", ".python_history", ".lesshst"),
    *(".viminfo", ".psql_history", ".sqlite_history", ".mysql_history", ".node_repl_history"),
)
_CREDENTIALS = (".aws", ".netrc", ".tsh", ".docker/config.json", ".git-credentials", ".gnupg/private-keys-v1.d")
_SSH_KEYS = ("id_rsa", "id_ecdsa", "id_ed25519", "id_dsa", "id_ecdsa_sk", "id_ed25519_sk")
# Enough for an image; a directory of more people is somewhere else.
_MOST_HOMES = 1000


def identity(where: root.Root) -> Iterator[Finding]:
    """Keys and names that make a machine this one machine."""
    for name in findings.names(where, "/etc/ssh"):
        if name.startswith("ssh_host_") and "key" in name:
            path = where.path(f"/etc/ssh/{name}")
            yield Finding(
                path, "an SSH host key: every instance would have it; sshd makes new ones", findings.remove(path)
            )
    yield from _machine_id(where)
    for key, what in _MACHINE_KEYS.items():
        if findings.is_there(where, key):
            yield Finding(where.path(key), what, findings.remove(where.path(key)))
    if findings.is_there(where, _RANDOM_SEED):
        path = where.path(_RANDOM_SEED)
        yield Finding(path, "a random seed that all instances would share", findings.remove(path), blocks=False)


def first_boot(where: root.Root) -> Iterator[Finding]:
    """What tells cloud-init that the first boot is over, and an agent which instance it runs on."""
    for name in _CLOUD:
        if findings.is_filled(where, f"/var/lib/cloud/{name}"):
            yield Finding(
                where.path(f"/var/lib/cloud/{name}"),
                "what cloud-init keeps of one instance: user-data would not be run again",
                "cloud-init clean --logs" if where.is_live else findings.remove(where.path(f"/var/lib/cloud/{name}")),
            )
    for name in findings.names(where, "/var/lib/amazon/ssm"):
        if name.startswith(("i-", "mi-")):
            path = where.path(f"/var/lib/amazon/ssm/{name}")
            yield Finding(path, "state of the SSM agent of one instance", findings.remove(path), blocks=False)


def people(where: root.Root) -> Iterator[Finding]:
    """Keys that let people in, and what they left in their homes."""
    for home in _homes(where):
        for name in ("authorized_keys", "authorized_keys2"):
            path = f"{home}/.ssh/{name}"
            if findings.is_filled(where, path):
                yield Finding(
                    where.path(path),
                    "keys that would let somebody into every instance",
                    findings.remove(where.path(path)),
                )
        for name in _SSH_KEYS:
            path = f"{home}/.ssh/{name}"
            if findings.is_there(where, path):
                yield Finding(where.path(path), "somebody's private key", findings.remove(where.path(path)))
        for name in _CREDENTIALS:
            path = f"{home}/{name}"
            if findings.is_filled(where, path):
                yield Finding(where.path(path), "somebody's credentials", findings.remove(where.path(path)))
        for name in _HISTORIES:
            path = f"{home}/{name}"
            if findings.is_filled(where, path):
                yield Finding(where.path(path), "what somebody has typed", findings.remove(where.path(path)))


def logs(where: root.Root) -> Iterator[Finding]:
    """Logs of the building itself; a machine that runs goes on writing them, so they do not block."""
    if findings.has_files(where, "/var/log/journal"):
        path = where.path("/var/log/journal")
        yield Finding(
            path, "the journal of the machine that built the image", f"{findings.remove(path)}/*", blocks=False
        )
    for name in findings.names(where, "/var/log"):
        path = f"/var/log/{name}"
        if name.startswith("cloud-init") and findings.is_filled(where, path):
            shown = where.path(path)
            yield Finding(shown, "cloud-init's log, user-data's output in it", findings.remove(shown), blocks=False)


def _machine_id(where: root.Root) -> Iterator[Finding]:
    path = where.path(_MACHINE_ID)
    if findings.is_there(where, _MACHINE_ID):
        found = directory.read(where, _MACHINE_ID)
        if found is None or found.content.strip() not in (b"", b"uninitialized"):
            yield Finding(
                path, "an identity that all instances would share; an empty file gets one", f"truncate --size=0 {path}"
            )
    second = where.path("/var/lib/dbus/machine-id")
    if not os.path.islink(second) and findings.is_filled(where, "/var/lib/dbus/machine-id"):
        yield Finding(second, "a copy of the machine's identity", findings.remove(second))


def _homes(where: root.Root) -> list[str]:
    """Return where people have their homes: as /etc/passwd says, and whatever is in /home and /root."""
    homes = ["/root", *(f"/home/{name}" for name in findings.names(where, "/home"))]
    passwd = directory.read(where, "/etc/passwd")
    for line in (passwd.content if passwd is not None else b"").decode("utf-8", "replace").splitlines():
        fields = line.split(":")
        if len(fields) > 5 and fields[5].startswith("/") and fields[5] != "/":
            homes.append(os.path.normpath(fields[5]))
    return [home for home in dict.fromkeys(homes) if _is_home(where, home)][:_MOST_HOMES]


def _is_home(where: root.Root, home: str) -> bool:
    try:
        return stat.S_ISDIR(os.lstat(where.path(home)).st_mode)
    except OSError:
        return False
