"""The systemd units of this package: the one table of their names, of who needs them, and of what the manual says.

The units that run Teleport itself are part of the table of roles.
"""

from __future__ import annotations

from teleport_bootstrap import paths, roles
from teleport_bootstrap.records import dataclass
from teleport_bootstrap.roles import Role


@dataclass(frozen=True)
class Unit:
    """A service, and the timer of the same name that starts it.

    `roles` are those whose hosts enable the timer; with `needs_letsencrypt`, only where Let's Encrypt is used, and with
    `needs_lifecycle`, where a hook of an auto scaling group waits for this host. A timer without roles is left to the
    operator.
    """

    name: str
    help: str
    roles: tuple[Role, ...] = ()
    needs_letsencrypt: bool = False
    needs_lifecycle: bool = False
    has_timer: bool = True

    @property
    def service(self) -> str:
        """The name of the service."""
        return f"{self.name}.service"

    @property
    def timer(self) -> str:
        """The name of the timer."""
        return f"{self.name}.timer"

    def is_needed(self, role: Role, *, letsencrypt: bool, lifecycle: bool) -> bool:
        """Whether a host of this role enables the timer."""
        is_used = (letsencrypt or not self.needs_letsencrypt) and (lifecycle or not self.needs_lifecycle)
        return role in self.roles and is_used


GENERATE = Unit(
    "teleport-generate-config", "Runs `teleport-bootstrap generate` at each boot, after user-data.", has_timer=False
)
RESTORE = Unit("teleport-restore", "Restores `TELEPORT_RESTORE_FROM` before the first start.", has_timer=False)
FETCH_SECRETS = Unit(
    "teleport-fetch-secrets",
    "Proxies, nodes and some agents: fetches join token and CA pins from SSM, hourly, and until they are there.",
    (Role.PROXY, Role.NODE),
)
PUBLISH_TOKENS = Unit(
    "teleport-ssm-publish-tokens", "Auth servers: puts new join tokens and the CA pins into SSM, hourly.", (Role.AUTH,)
)
GET_CERTIFICATE = Unit(
    "teleport-get-cert",
    "Auth servers and all-in-one with Let's Encrypt: obtains the first certificate; checks hourly that there is one.",
    (Role.ALL, Role.AUTH),
    needs_letsencrypt=True,
)
RENEW_CERTIFICATE = Unit(
    "teleport-renew-cert",
    "Auth servers and all-in-one with Let's Encrypt: checks hourly whether the certificate is due for renewal.",
    (Role.ALL, Role.AUTH),
    needs_letsencrypt=True,
)
CHECK_CERTIFICATE = Unit(
    "teleport-check-cert",
    "Proxies and all-in-one with Let's Encrypt: installs the newest certificate, hourly, and until there is one.",
    (Role.ALL, Role.PROXY),
    needs_letsencrypt=True,
)
SIGNAL = Unit(
    "teleport-signal",
    "With `TELEPORT_SIGNAL`: signals to a stack or an auto scaling group whether Teleport is healthy. With "
    "`TELEPORT_DRAIN_HOOK`: drains an instance that its group terminates. For hooks, the timer looks every minute.",
    tuple(Role),
    needs_lifecycle=True,
)
BACKUP = Unit("teleport-backup", "Makes a backup every day, if you enable the timer.")
METRICS = Unit("teleport-metrics", "Writes numbers for monitoring every minute, if you enable the timer.")

TABLE = tuple(each for each in tuple(globals().values()) if isinstance(each, Unit))

# The timers that are enabled by role; a unit that is not installed is left out when the plan is applied.
TIMERS = tuple(unit.timer for unit in TABLE if unit.roles)

# The services that run Teleport; a host enables one of them.
TELEPORT_SERVICES = tuple(dict.fromkeys(place.unit for place in roles.PLACES))

# Where distributions run certbot by themselves (Debian, Amazon Linux, snap): every auth server would renew on its own,
# past the lock and the bucket, and the authority issues the same certificate five times a week only.
CERTBOTS_TIMERS = ("certbot.timer", "certbot-renew.timer", "snap.certbot.renew.timer")

# Teleport's own updater. Our packages hold both units back on a host with a role marker, each by this drop-in: the
# updater asks systemd for teleport.service only, and would replace another role's program without restarting it.
UPDATERS_SERVICE = "teleport-update.service"
UPDATERS_UNITS = (UPDATERS_SERVICE, "teleport-update.timer")
HOLDS_UPDATER = "50-teleport-bootstrap.conf"


def drop_in(unit: str) -> str:
    """Return the path of the drop-in that a plan may need for `unit`."""
    return f"{paths.SYSTEMD}/{unit}.d/50-teleport-bootstrap.conf"


DROP_INS = tuple(map(drop_in, TELEPORT_SERVICES))
