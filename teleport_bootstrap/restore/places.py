"""Where each path of an archive is restored to, and which paths are refused."""

from __future__ import annotations

from collections.abc import Sequence

from teleport_bootstrap import paths, regex

# Directories that a restore replaces as a whole, setting the existing ones aside, in this order.
TREES = (paths.GENERATIONS, paths.LETSENCRYPT, paths.CONF_DIRECTORY, paths.DATA)

# In these, every file must belong to root, because an account that can write there controls what root does.
ROOTS_OWN = (paths.CONF_DIRECTORY, paths.GENERATIONS)

# A drop-in of a Teleport unit or of one of this agent's units; other drop-ins on this host stay.
_DROP_IN = regex.compile(rf"{paths.SYSTEMD}/teleport[a-z-]*\.(?:service|timer)\.d(?:/[^/]+\.conf)?")

# What is read to judge the archive; everything else is only unpacked.
READ = (
    paths.CONF_DIRECTORY,
    paths.TELEPORT_YAML,
    paths.TELEPORT_DEFAULTS,
    paths.SYSTEMD,
    paths.GENERATIONS,
    paths.CURRENT,
    paths.UNIT_ENVIRONMENT,
)

# How many files elsewhere teleport.yaml may name (keys, certificates, licenses), and their largest size.
MOST_NAMED = 200
LARGEST_NAMED = 1024 * 1024

# Far more than conf, overrides and ten generations ever are.
MOST_READ = 64 * 1024 * 1024


def tree_of(path: str, trees: Sequence[str] = TREES) -> str | None:
    """Return which of `trees` contains the absolute `path`, None if none does."""
    return next((tree for tree in trees if path == tree or path.startswith(f"{tree}/")), None)


def is_drop_in(path: str) -> bool:
    """Whether `path` is a drop-in of a Teleport unit, or the directory of its drop-ins."""
    return _DROP_IN.fullmatch(path) is not None


def is_standard(path: str) -> bool:
    """Whether `path` is a standard path of Teleport or this agent; a backup may also hold files elsewhere."""
    return (
        tree_of(path) is not None
        or path in (paths.TELEPORT_YAML, paths.TELEPORT_DEFAULTS, paths.STATE)
        or path.startswith(f"{paths.STATE}/")
        or is_drop_in(path)
        # The directories above them.
        or any(each.startswith(f"{path}/") for each in (*TREES, paths.TELEPORT_DEFAULTS, f"{paths.SYSTEMD}/x"))
    )


def is_system(path: str) -> bool:
    """Whether `path` belongs to the system or to a login session, so that no archive may write it."""
    first, *rest = path.strip("/").split("/")
    if any(part.startswith(".") for part in (first, *rest)):
        return True
    if path.startswith(FOR_CERTIFICATES):
        return False
    if first in ("etc", "var"):
        return _is_system_in_etc(rest) if first == "etc" else _is_system_in_var(rest)
    return not rest or _OF_ROOT.fullmatch(first) is not None


def _is_system_in_etc(rest: Sequence[str]) -> bool:
    if len(rest) < 2:
        return not _is_plain(rest)
    # sudoers.d as sudoers, rc3.d as rc, ld.so.conf.d as ld
    return _OF_ETC.fullmatch(rest[0].split(".")[0].rstrip("0123456789-")) is not None


def _is_system_in_var(rest: Sequence[str]) -> bool:
    if len(rest) < 3:
        return rest[:1] != ["lib"] or not _is_plain(rest[1:])
    return rest[0] not in ("lib", "opt", "local") or (rest[0] == "lib" and _OF_VAR_LIB.fullmatch(rest[1]) is not None)


def _is_plain(rest: Sequence[str]) -> bool:
    """Whether a file directly in /etc or /var/lib has a name of Teleport, a key or a certificate."""
    return bool(rest) and (rest[0].startswith("teleport") or rest[0].endswith((".pem", ".key", ".crt", ".keytab")))


def is_place_for_data(path: str) -> bool:
    """Whether a teleport.yaml may have its data at `path`, so that all that is there is exchanged."""
    if path == paths.DATA:
        return True
    first, *rest = path.strip("/").split("/")
    if first in ("etc", "root") or path.startswith(FOR_CERTIFICATES):
        return False
    if any(tree_of(path, (each,)) or tree_of(each, (path,)) for each in (*TREES, paths.STATE)):
        return False
    if not rest:
        # A volume of its own, such as /data.
        return not (_TOPS.fullmatch(first) or _OF_ROOT.fullmatch(first) or first.startswith("."))
    # A home directory itself is never replaced.
    return not is_system(f"{path}/x") and not (first == "home" and len(rest) < 2)


# Exceptions below directories of the system. Certificates there that exist here stay: the distribution keeps them.
FOR_CERTIFICATES = (
    *("/etc/ssl/certs/", "/etc/pki/tls/certs/", "/etc/pki/ca-trust/"),
    *("/usr/share/ca-certificates/", "/usr/local/share/ca-certificates/", "/usr/share/pki/"),
)

_OF_ROOT = regex.compile("lib.*|bin|boot|dev|proc|run|sbin|sys|tmp|usr")
_TOPS = regex.compile("etc|home|media|mnt|opt|root|srv|var")

# Files there control what runs as root, who may sign in, and whom this host trusts.
_OF_ETC = regex.compile(
    "alternatives|amazon|apparmor|apt|at|audisp|audit|bash_completion|binfmt|chrony|cloud|cron|crypttab|dbus|"
    "default|depmod|dhcp|dkms|dnf|dpkg|dracut|environment|firewalld|grub|gss|init|initramfs|initramfs-tools|"
    "iproute|iptables|kernel|ld|libaudit|logrotate|lvm|mdadm|modprobe|modules|netplan|network|networkd|"
    "NetworkManager|nftables|pam|perl|polkit|ppp|profile|python|rc|request-key|rpm|rsyslog|runit|security|"
    "selinux|skel|ssh|sudoers|sysconfig|sysctl|systemd|sysusers|tmpfiles|udev|udisks|update-motd|vim|X|xdg|"
    "xinetd|yum|zsh"
)

_OF_VAR_LIB = regex.compile(
    "NetworkManager|alternatives|amazon|apt|cloud|dbus|dhclient|dhcp|dnf|dpkg|initramfs-tools|pam|polkit-1|"
    "private|rpm|selinux|snapd|sss|sudo|systemd|ucf|update-notifier|yum"
)
