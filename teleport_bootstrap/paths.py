"""Where things are on an instance: the names that user-data, Terraform and operators rely on."""

from __future__ import annotations

import os

from teleport_bootstrap.records import dataclass

CONF_DIRECTORY = "/etc/teleport.d"
CONF = "/etc/teleport.d/conf"
OVERRIDES = "/etc/teleport.d/teleport.yaml.d"
LETSENCRYPT_MARKER = "/etc/teleport.d/use-letsencrypt"
TELEPORT_YAML = "/etc/teleport.yaml"
TELEPORT_DEFAULTS = "/etc/default/teleport"
DEFAULTS = "/etc/default/teleport-bootstrap"
BACKUPS = "/var/backups/teleport"  # by default
JOURNAL = "/var/log/journal"
JOURNAL_SOCKET = "/run/systemd/journal/socket"

# Teleport's: what it needs to join, its license, the certificate that its web port serves with, its own state on a
# disk, and the identity that it gets by joining. Its units write the PID file.
DATA = "/var/lib/teleport"
TOKEN = "/var/lib/teleport/token"  # noqa: S105 - the name of a file
# With the join method bound_keypair.
REGISTRATION_SECRET = "/var/lib/teleport/registration-secret"  # noqa: S105 - the name of a file
CA_PIN = "/var/lib/teleport/ca-pin-hash"
LICENSE = "/var/lib/teleport/license.pem"
CERTIFICATE = "/var/lib/teleport/fullchain.pem"
PRIVATE_KEY = "/var/lib/teleport/privkey.pem"
BACKEND = "/var/lib/teleport/backend"
HOST_UUID = "/var/lib/teleport/host_uuid"
IDENTITY = "/var/lib/teleport/proc/sqlite.db"
# What a host needs until it has joined, and no longer.
JOIN_SECRETS = (TOKEN, REGISTRATION_SECRET)
PID_FILE = "/run/teleport/teleport.pid"
# Where `teleport`, `tctl` and `tsh` are, in the order in which they are looked for.
TELEPORT_BINARIES = ("/usr/local/bin", "/usr/bin", "/opt/teleport/system/bin")

# Teleport's own updater: its folder, one folder of settings and versions for each installation in it, and the settings
# of the only one that concerns Teleport's units here.
UPDATER = "/opt/teleport"
UPDATER_SETTINGS = "/opt/teleport/default/update.yaml"

# Where systemd looks for units, the first one found counts; and where an administrator's units and drop-ins are.
SYSTEMD = "/etc/systemd/system"
UNIT_DIRECTORIES = (
    SYSTEMD,
    "/run/systemd/system",
    "/usr/local/lib/systemd/system",
    "/usr/lib/systemd/system",
    "/lib/systemd/system",
)

# Left by the build of an image whose Teleport is a FIPS build. Not in /etc/teleport.d, which moves between images.
FIPS_MARKER = "/usr/share/teleport-bootstrap/fips"

# cloud-init's: how its stages ended in this boot, and what it and user-data printed.
CLOUD_INIT_STATUS = "/run/cloud-init/status.json"
CLOUD_INIT_OUTPUT = "/var/log/cloud-init-output.log"

# certbot's.
LETSENCRYPT = "/etc/letsencrypt"
LETSENCRYPT_LIVE = "/etc/letsencrypt/live"
LETSENCRYPT_WORK = "/var/lib/letsencrypt"
LETSENCRYPT_LOGS = "/var/log/letsencrypt"

# This program's.
STATE = "/var/lib/teleport-bootstrap"
UNIT_ENVIRONMENT = "/var/lib/teleport-bootstrap/unit.env"
# The last values that instance metadata gave, for labels while it does not answer.
METADATA_CACHE = "/var/lib/teleport-bootstrap/metadata.json"
# How each periodic job last ended, one file each.
JOBS = "/var/lib/teleport-bootstrap/jobs"
# Which launch of this instance was signaled last.
SIGNALED = "/var/lib/teleport-bootstrap/signals/launch.json"
# In which state of its group this instance was seen last; of a state that ends its service, that it was drained.
SEEN_IN_GROUP = "/var/lib/teleport-bootstrap/signals/group.json"
# Which versions of the parameters in SSM this host has published.
PUBLISHED = "/var/lib/teleport-bootstrap/published/versions.json"
# That the cluster has a user, once that was seen on this auth server.
USERS_SEEN = "/var/lib/teleport-bootstrap/users/seen.json"
# The journal of a change that is under way.
CHANGE_JOURNAL = "/var/lib/teleport-bootstrap/change.json"
# What was applied, one directory each, and which of them is current.
GENERATIONS = "/var/lib/teleport-bootstrap/generations"
CURRENT = "/var/lib/teleport-bootstrap/current.json"
# What was done on this host, by whom and with which result: the newest only. It has a directory of its own, since
# commands remove what others have staged in the one above while they hold another lock.
EVENTS = "/var/lib/teleport-bootstrap/events/events.json"
# What the last restore replaced, for its undo; what was restored, and the conf of that.
RESTORE_UNDO = "/var/lib/teleport-bootstrap/undo.json"
RESTORED = "/var/lib/teleport-bootstrap/restored.json"
RESTORED_CONF = "/var/lib/teleport-bootstrap/restored-conf"
# Exists until the running Teleport serves with the certificate that was installed last.
CERTIFICATE_NOTE = "/var/lib/teleport-bootstrap/certificate-not-taken-up"


def on_instance(path: str) -> str:
    """Return a path in /etc/teleport.d as the instance sees it, whatever root it was read under; others as they are."""
    start = path.rfind(f"{CONF_DIRECTORY}/")
    return path if start == -1 else path[start:]


@dataclass(frozen=True)
class Root:
    """Where `/` is: an instance's own, an image under construction, or a test's scratch directory."""

    directory: str = "/"

    def path(self, absolute: str) -> str:
        """Return where `absolute`, a path as the instance will see it, is on this machine."""
        if not absolute.startswith("/"):
            raise ValueError(f"not an absolute path: {absolute}")
        return absolute if self.is_live else os.path.join(self.directory, absolute.lstrip("/"))

    @property
    def is_live(self) -> bool:
        """Whether this is the running system itself, whose units can be started."""
        return os.path.realpath(self.directory) == "/"
