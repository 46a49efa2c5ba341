"""Which paths of an archive go where, and which no backup of ours holds."""

from __future__ import annotations

import re
from collections.abc import Sequence

from teleport_bootstrap import paths

# What is exchanged as a whole: what lies there now is put aside, all of it. The order is that of the exchange.
TREES = (paths.GENERATIONS, paths.LETSENCRYPT, paths.CONF_DIRECTORY, paths.DATA)

# Of these, only root's own files count: whoever can write to them decides what root does.
ROOTS_OWN = (paths.CONF_DIRECTORY, paths.GENERATIONS)

# A drop-in of one of Teleport's or our own units; what else is on this host stays beside it.
_DROP_IN = re.compile(rf"{paths.SYSTEMD}/teleport[a-z-]*\.(?:service|timer)\.d(?:/[^/]+\.conf)?")

# What is read before anything is decided; everything else is only unpacked.
READ = (
    paths.CONF_DIRECTORY,
    paths.TELEPORT_YAML,
    paths.TELEPORT_DEFAULTS,
    paths.SYSTEMD,
    paths.GENERATIONS,
    paths.CURRENT,
    paths.UNIT_ENVIRONMENT,
)

# How many files elsewhere teleport.yaml may name, and how large each may be: keys, certificates, licenses.
MOST_NAMED = 200
LARGEST_NAMED = 1024 * 1024

# Far more than conf, overrides and ten generations ever are.
MOST_READ = 64 * 1024 * 1024


def tree_of(path: str, trees: Sequence[str] = TREES) -> str | None:
    """Return which of `trees` the absolute `path` belongs to, None where it is in none of them."""
    return next((tree for tree in trees if path == tree or path.startswith(f"{tree}/")), None)


def is_drop_in(path: str) -> bool:
    """Whether `path` is a drop-in of one of our units, or the directory of its drop-ins."""
    return _DROP_IN.fullmatch(path) is not None


def is_ours(path: str) -> bool:
    """Whether `path` lies where Teleport and this agent keep what is theirs; a backup may hold other files, too."""
    return (
        tree_of(path) is not None
        or path in (paths.TELEPORT_YAML, paths.TELEPORT_DEFAULTS, paths.STATE)
        or path.startswith(f"{paths.STATE}/")
        or is_drop_in(path)
        # What leads there.
        or any(each.startswith(f"{path}/") for each in (*TREES, paths.TELEPORT_DEFAULTS, f"{paths.SYSTEMD}/x"))
    )


def is_systems(path: str) -> bool:
    """Whether `path` belongs to the system or to a person's session: no key, certificate or license lies there."""
    first, *rest = path.strip("/").split("/")
    if any(part.startswith(".") for part in (first, *rest)):
        return True
    if path.startswith(_FOR_CERTIFICATES):
        return False
    if first in ("etc", "var"):
        return _is_etcs(rest) if first == "etc" else _is_vars(rest)
    return not rest or _OF_ROOT.fullmatch(first) is not None


def _is_etcs(rest: Sequence[str]) -> bool:
    if len(rest) < 2:
        return not _is_plain(rest)
    # sudoers.d as sudoers, rc3.d as rc, ld.so.conf.d as ld
    return _OF_ETC.fullmatch(rest[0].split(".")[0].rstrip("0123456789-")) is not None


def _is_vars(rest: Sequence[str]) -> bool:
    if len(rest) < 3:
        return rest[:1] != ["lib"] or not _is_plain(rest[1:])
    return rest[0] not in ("lib", "opt", "local") or (rest[0] == "lib" and _OF_VAR_LIB.fullmatch(rest[1]) is not None)


def _is_plain(rest: Sequence[str]) -> bool:
    """Whether what lies in /etc itself is called like Teleport's, or as keys and certificates are."""
    return bool(rest) and (rest[0].startswith("teleport") or rest[0].endswith((".pem", ".key", ".crt", ".keytab")))


def is_place_for_data(path: str) -> bool:
    """Whether a teleport.yaml may have its data at `path`, so that all that is there is exchanged."""
    if path == paths.DATA:
        return True
    first, *rest = path.strip("/").split("/")
    if first in ("etc", "root") or path.startswith(_FOR_CERTIFICATES):
        return False
    if any(tree_of(path, (each,)) or tree_of(each, (path,)) for each in (*TREES, paths.STATE)):
        return False
    if not rest:
        # A volume of its own, such as /data.
        return not (_TOPS.fullmatch(first) or _OF_ROOT.fullmatch(first) or first.startswith("."))
    # What makes a home directory somebody's is in it.
    return not is_systems(f"{path}/x") and not (first == "home" and len(rest) < 2)


def is_bundle(path: str) -> bool:
    """Whether `path` is among the certificates that a distribution keeps up to date: those of this host count."""
    return path.startswith(_FOR_CERTIFICATES)


# Of what belongs to the system otherwise.
_FOR_CERTIFICATES = (
    *("/etc/ssl/certs/", "/etc/pki/tls/certs/", "/etc/pki/ca-trust/"),
    *("/usr/share/ca-certificates/", "/usr/local/share/ca-certificates/", "/usr/share/pki/"),
)

_OF_ROOT = re.compile("lib.*|bin|boot|dev|proc|run|sbin|sys|tmp|usr")
_TOPS = re.compile("etc|home|media|mnt|opt|root|srv|var")

# Whoever writes there decides what runs as root, who may sign in, or whom this host trusts.
_OF_ETC = re.compile(
    "alternatives|amazon|apparmor|apt|at|audisp|audit|bash_completion|binfmt|chrony|cloud|cron|crypttab|dbus|"
    "default|depmod|dhcp|dkms|dnf|dpkg|dracut|environment|firewalld|grub|gss|init|initramfs|initramfs-tools|"
    "iproute|iptables|kernel|ld|libaudit|logrotate|lvm|mdadm|modprobe|modules|netplan|network|networkd|"
    "NetworkManager|nftables|pam|perl|polkit|ppp|profile|python|rc|request-key|rpm|rsyslog|runit|security|"
    "selinux|skel|ssh|sudoers|sysconfig|sysctl|systemd|sysusers|tmpfiles|udev|udisks|update-motd|vim|X|xdg|"
    "xinetd|yum|zsh"
)

_OF_VAR_LIB = re.compile(
    "NetworkManager|alternatives|amazon|apt|cloud|dbus|dhclient|dhcp|dnf|dpkg|initramfs-tools|pam|polkit-1|"
    "private|rpm|selinux|snapd|sss|sudo|systemd|ucf|update-notifier|yum"
)


def is_read(path: str) -> bool:
    """Whether `path` is read before anything is decided."""
    return any(path == each or path.startswith(f"{each}/") for each in READ)
