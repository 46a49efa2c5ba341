"""Paths that belong to one instance and so to no image, each with a message; the first rule that matches counts."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator

from teleport_bootstrap import paths, roles, unit_table
from teleport_bootstrap.change import directory_swap
from teleport_bootstrap.finding import ERROR, NOTE, Finding
from teleport_bootstrap.host import directory
from teleport_bootstrap.inspection.image_files import Image
from teleport_bootstrap.records import dataclass

# The severity of what a running machine keeps writing: an error only in an image that does not run.
_AT_REST = "at rest"


@dataclass(frozen=True)
class Rule:
    """`message` says why a path that matches one of `patterns` should not be there if `test` is true for it."""

    message: str
    test: Callable[[Image, str], bool]
    patterns: tuple[str, ...]
    severity: str = ERROR

    def findings(self, image: Image) -> Iterator[Finding]:
        """Yield a finding for each matching path of the image; raises OSError."""
        severity = self.severity if self.severity != _AT_REST else NOTE if image.root.is_live else ERROR
        for pattern in self.patterns:
            for path in image.matching(pattern):
                if self.test(image, path):
                    yield image.finding(path, self.message, severity=severity)


_SSH_KEYS = ("id_rsa", "id_ecdsa", "id_ed25519", "id_dsa", "id_ecdsa_sk", "id_ed25519_sk", "identity")
_PUBLIC = ("authorized_keys", "authorized_keys2", "known_hosts", "config")


def _is_link(image: Image, path: str) -> bool:
    return os.path.islink(image.locate(path))


def _is_filled_file(image: Image, path: str) -> bool:
    return not _is_link(image, path) and image.is_filled(path)


def _is_data(image: Image, path: str) -> bool:
    return os.path.basename(path) not in directory_swap.VOLUMES_OWN or _is_copy(image, path)


def _is_copy(image: Image, path: str) -> bool:
    return not image.is_empty_directory(path)


def _is_not_overrides(_: Image, path: str) -> bool:
    return path != paths.OVERRIDES


def _is_private_key(image: Image, path: str) -> bool:
    name = os.path.basename(path)
    if name in _PUBLIC or not image.is_filled(path):
        return False
    return name in _SSH_KEYS or "PRIVATE KEY" in (image.text(path) or "")


def _below(folder: str, *names: str) -> tuple[str, ...]:
    return tuple(f"{folder}/{name}" for name in names)


def _copies_of(path: str) -> tuple[str, ...]:
    """Return patterns of names derived from that of `path`: copies, and leftovers of interrupted commands."""
    folder, name = os.path.split(path)
    ends = ("[.~]*", *(f"-{word}*" for word in ("bak", "back", "copy", "new", "old", "orig", "sav")))
    return _below(folder, *(f"{dot}{name}{end}" for dot in ("", ".") for end in ends))


# Messages by pattern: what should not be in an image at all, and directories that should have no files at any depth.
_EXISTING = {
    f"{paths.DATA}/host_uuid": "the identity of one host: instances with the same one are one node to the cluster",
    f"{paths.DATA}/proc": "the identity of a host that has joined a cluster",
    paths.BACKEND: "the state of a cluster, including its certificate authorities",
    paths.TOKEN: "a join token",
    paths.REGISTRATION_SECRET: "a registration secret, with which one host joins",
    paths.CA_PIN: "the CA pins of one cluster",
    paths.LICENSE: "a license",
    paths.PRIVATE_KEY: "a private key",
    paths.CERTIFICATE: "the certificate of one domain",
    f"{paths.DATA}/log": "audit events and recordings",
    "/var/lib/tbot/*": "the identity of a bot",
    paths.CONF: "the conf of one instance, which user-data writes",
    paths.TELEPORT_YAML: "Teleport's configuration for one instance, which `generate` would not replace",
    paths.LETSENCRYPT_MARKER: "a marker of one instance",
    **dict.fromkeys(roles.MARKER_PATHS, "the role marker of one instance"),
    f"{paths.STATE}/*": "teleport-bootstrap's state of one instance",
    f"{paths.BACKUPS}/*": "backups of one instance, with its secrets",
    **dict.fromkeys(unit_table.DROP_INS, "a drop-in that `generate` wrote for one instance"),
    "/etc/ssh/ssh_host_*key*": "an SSH host key that every instance would have; sshd generates a new one",
    "/var/lib/systemd/credential.secret": "the key that systemd encrypts credentials with",
    "/var/lib/NetworkManager/secret_key": "the key that NetworkManager derives identities from",
    "/etc/krb5.keytab": "the keys of one machine in a Kerberos realm",
}
_FOLDERS = {
    # certbot's settings may stay.
    **dict.fromkeys(
        _below(paths.LETSENCRYPT, "live", "archive", "accounts", "renewal", "keys", "csr"),
        "Let's Encrypt's account, certificates or keys of one cluster",
    ),
    paths.LETSENCRYPT_WORK: "certbot's state of one cluster",
    "/etc/dropbear": "SSH host keys of dropbear",
    "/etc/wireguard": "keys of WireGuard",
    "/etc/credstore": "credentials for services",
    "/etc/credstore.encrypted": "credentials for services, which only this machine can decrypt",
    "/var/lib/amazon/ssm/Vault": "keys with which one machine is registered with SSM",
}
_COPIES = {
    paths.DATA: "a copy of Teleport's data, left by a reset, a restore or a person",
    paths.TELEPORT_YAML: "a copy of Teleport's configuration for one instance",
    paths.CONF_DIRECTORY: "a copy of the conf of one instance",
    paths.LETSENCRYPT: "a copy of certificates",
}
_CREDENTIALS = (
    *(".aws", ".netrc", ".tsh", ".docker/config.json", ".git-credentials", ".gnupg/private-keys-v1.d", ".pgpass"),
    *(".my.cnf", ".kube/config", ".azure", ".config/gcloud", ".config/gh/hosts.yml", ".config/rclone/rclone.conf"),
    *(".vault-token", ".terraform.d/credentials.tfrc.json", ".pypirc", ".boto", ".s3cfg", ".local/share/keyrings"),
)
_HISTORIES = (
    *(".bash_history", ".zsh_history", ".zhistory", ".sh_history", ".ash_history", ".history", ".python_history"),
    *(".lesshst", ".viminfo", ".psql_history", ".sqlite_history", ".mysql_history", ".node_repl_history"),
    *(".rediscli_history", ".local/share/fish/fish_history"),
)
# systemd writes one at shutdown, so an image that was built on a running machine has it again.
_RANDOM_SEEDS = (
    *("/var/lib/systemd/random-seed", "/var/lib/urandom/random-seed", "/var/lib/misc/random-seed"),
    *("/boot/efi/loader/random-seed", "/efi/loader/random-seed", "/boot/loader/random-seed"),
)
_LEASES = ("/var/lib/dhcp", "/var/lib/dhclient", "/var/lib/dhcpcd", "/var/lib/NetworkManager")
_KEYS_FOR_LOGIN = (
    "/etc/ssh/authorized_keys",
    "/etc/ssh/authorized_keys.d",
    "~/.ssh/authorized_keys",
    "~/.ssh/authorized_keys2",
)
_CHANGED = (paths.CONF_DIRECTORY, paths.OVERRIDES, os.path.dirname(paths.TELEPORT_YAML))
_LEFTOVERS = (directory.STAGED, directory.KEPT)

RULES = (
    Rule("a link instead of Teleport's data directory", _is_link, (paths.DATA,)),
    *(Rule(message, Image.exists, (path,)) for path, message in _EXISTING.items()),
    *(Rule(message, Image.has_files, (path,)) for path, message in _FOLDERS.items()),
    Rule("left in its data directory by Teleport", _is_data, (f"{paths.DATA}/*",)),
    Rule(
        "left by an interrupted change",
        Image.exists,
        tuple(f"{each}/*{end}" for each in _CHANGED for end in _LEFTOVERS),
    ),
    Rule("a copy of a conf, or another file of one instance", _is_not_overrides, (f"{paths.CONF_DIRECTORY}/*",)),
    *(Rule(message, _is_copy, _copies_of(path)) for path, message in _COPIES.items()),
    # A link is harmless: systemd follows none here.
    Rule(
        "an identity that all instances would share: at the first boot, systemd takes it for /etc/machine-id",
        _is_filled_file,
        ("/var/lib/dbus/machine-id",),
    ),
    # Written by older versions of udev.
    Rule("the network interfaces of one machine", Image.is_filled, ("/etc/udev/rules.d/70-persistent-net.rules",)),
    Rule("a random seed that all instances would share", Image.exists, _RANDOM_SEEDS, _AT_REST),
    Rule("the address of one machine", Image.is_filled, tuple(f"{each}/*lease*" for each in _LEASES), _AT_REST),
    Rule("the SSM agent's state of one instance", Image.exists, _below("/var/lib/amazon/ssm", "i-*", "mi-*"), _AT_REST),
    Rule("cloud-init's log, which holds the output of user-data", Image.is_filled, ("/var/log/cloud-init*",), _AT_REST),
    Rule("keys that would give access to every instance", Image.is_filled, _KEYS_FOR_LOGIN),
    Rule("a user's private key", _is_private_key, ("~/.ssh/*",)),
    Rule("hosts that a user connected to", Image.is_filled, ("~/.ssh/known_hosts",), NOTE),
    Rule("a user's credentials", Image.is_filled, _below("~", *_CREDENTIALS)),
    Rule("a history of a user's input", Image.is_filled, _below("~", *_HISTORIES)),
)
