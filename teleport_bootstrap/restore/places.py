"""Which paths of an archive go where, and which no backup of ours holds."""

from __future__ import annotations

import re
from collections.abc import Sequence

from teleport_bootstrap import paths

LETSENCRYPT = "/etc/letsencrypt"
DEFAULTS = "/etc/default/teleport"

# What is exchanged as a whole: what lies there now is put aside, all of it. The order is that of the exchange.
TREES = (paths.GENERATIONS, LETSENCRYPT, paths.CONF_DIRECTORY, paths.DATA)

# Of these, only root's own files count: whoever can write to them decides what root does.
ROOTS_OWN = (paths.CONF_DIRECTORY, paths.GENERATIONS)

# A drop-in of one of Teleport's or our own units; what else is on this host stays beside it.
_DROP_IN = re.compile(r"/etc/systemd/system/teleport[a-z-]*\.(?:service|timer)\.d(?:/[^/]+\.conf)?")

# What is read before anything is decided; everything else is only unpacked.
READ = (
    paths.CONF_DIRECTORY,
    paths.TELEPORT_YAML,
    DEFAULTS,
    "/etc/systemd/system",
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
        or path in (paths.TELEPORT_YAML, DEFAULTS, paths.STATE)
        or path.startswith(f"{paths.STATE}/")
        or is_drop_in(path)
        # What leads there.
        or any(each.startswith(f"{path}/") for each in (*TREES, DEFAULTS, "/etc/systemd/system/x"))
    )


def is_systems(path: str) -> bool:
    """Whether `path` belongs to the system: no key, certificate or license that teleport.yaml names lies there."""
    return path.startswith(_SYSTEMS)


# Directories end in a slash; the others begin several names, as /etc/passwd-.
_SYSTEMS = (
    *("/bin/", "/boot/", "/dev/", "/lib", "/proc/", "/run/", "/sbin/", "/sys/", "/usr/", "/var/run/"),
    *(
        "/etc/cron",
        "/etc/environment",
        "/etc/fstab",
        "/etc/group",
        "/etc/gshadow",
        "/etc/init",
        "/etc/ld.so",
        "/etc/pam",
    ),
    *("/etc/passwd", "/etc/profile", "/etc/shadow", "/etc/ssh/", "/etc/sudo", "/etc/systemd/", "/etc/udev/", "/root/."),
    *("/var/spool/cron", "/etc/rc", "/etc/apt/", "/etc/yum", "/etc/dnf", "/etc/bash", "/etc/modprobe", "/etc/modules"),
)


def is_read(path: str) -> bool:
    """Whether `path` is read before anything is decided."""
    return any(path == each or path.startswith(f"{each}/") for each in READ)
