"""One action that an instance needs: on which resources, under which conditions, and for which call."""

from __future__ import annotations

from teleport_bootstrap.records import dataclass

# The parts of an instance that call AWS, as the command line names them.
OURS, CERTIFICATES, BACKUP, TELEPORT, DOCTOR = "ours", "certificates", "backup", "teleport", "doctor"
PARTS = (OURS, CERTIFICATES, BACKUP, TELEPORT, DOCTOR)
# What an instance needs to work. What `doctor` looks at besides, it may look at only where it is wanted.
WORKING_PARTS = (OURS, CERTIFICATES, BACKUP, TELEPORT)

# For the actions that IAM cannot limit to a resource.
ANY = ("*",)


@dataclass(frozen=True)
class Condition:
    """A condition of IAM: the operator, such as `StringEquals`, the key, such as `kms:ViaService`, and the values."""

    operator: str
    key: str
    values: tuple[str, ...]


@dataclass(frozen=True)
class Need:
    """The `action`, such as `ssm:GetParameters`, on `resources` (ARNs), where `conditions` hold.

    `part` is one of PARTS. `call` says which step makes the request, for people.
    """

    part: str
    action: str
    resources: tuple[str, ...]
    call: str
    conditions: tuple[Condition, ...] = ()
