"""The Plan: everything that generate will do to a machine, as one value."""

from __future__ import annotations

from teleport_bootstrap import paths, roles
from teleport_bootstrap.conf import deployment
from teleport_bootstrap.hints import Any
from teleport_bootstrap.plan import overrides, provenance
from teleport_bootstrap.records import dataclass


@dataclass(frozen=True)
class PlannedFile:
    """A file to write: its path, content, mode and owner. The content is never a secret."""

    path: str
    content: str
    mode: int
    owner: str = "root"
    group: str = "root"


@dataclass(frozen=True)
class PlannedDirectory:
    """A directory to create, with its mode and owner."""

    path: str
    mode: int
    owner: str = "root"
    group: str = "root"


def directories(place: roles.Place) -> tuple[PlannedDirectory, ...]:
    """Return Teleport's data directory and the one for state of this program, for the role at `place`."""
    data = PlannedDirectory(paths.DATA, 0o700, place.user, place.group)
    return (data, PlannedDirectory(paths.STATE, 0o700))


@dataclass(frozen=True)
class SecretFile:
    """A file whose content comes from the SSM parameter `parameter` or the conf variable `variable`, not from the plan.

    If it `may_be_pending`, an instance may start before the file exists: generate applies the rest, and the unit waits.
    """

    path: str
    mode: int
    owner: str
    group: str
    parameter: str | None = None
    variable: str | None = None
    may_be_pending: bool = False


@dataclass(frozen=True)
class Units:
    """The units to disable, stop, enable and start, in this order."""

    enable: tuple[str, ...] = ()
    disable: tuple[str, ...] = ()
    start: tuple[str, ...] = ()
    stop: tuple[str, ...] = ()


@dataclass(frozen=True)
class Applicable:
    """What can be applied to a machine: a planned activation, or a generation that was applied before.

    `unit` is Teleport's unit for the role. `files` are the role marker, the unit's environment and the like; `absent`
    are the files that must not exist, such as the markers of every other role. `gates` are the files that Teleport's
    unit waits for.
    """

    unit: str
    files: tuple[PlannedFile, ...]
    absent: tuple[str, ...]
    directories: tuple[PlannedDirectory, ...]
    secrets: tuple[SecretFile, ...]
    units: Units
    gates: tuple[str, ...]


@dataclass(frozen=True)
class Activation(Applicable):
    """The part of a plan that follows from the conf and the Teleport build alone, without the instance's metadata."""

    deployment: deployment.Deployment
    notes: tuple[str, ...]

    @property
    def markers(self) -> tuple[str, ...]:
        """The names of the marker files in /etc/teleport.d, for example role.all-acm."""
        return tuple(
            planned.path.rpartition("/")[2]
            for planned in self.files
            if planned.path.startswith(f"{paths.CONF_DIRECTORY}/")
        )


@dataclass(frozen=True)
class Plan:
    """The activation, and the teleport.yaml for it.

    `document` is what Teleport will read, `tree` the same with the origin of each value, `teleport_yaml` the file.
    `override_files` were merged into it, in this order; `removed` are the keys that they deleted.
    """

    activation: Activation
    document: dict[str, Any]
    tree: provenance.Tree
    teleport_yaml: PlannedFile
    notes: tuple[str, ...] = ()
    override_files: tuple[str, ...] = ()
    removed: tuple[overrides.Removed, ...] = ()

    @property
    def files(self) -> tuple[PlannedFile, ...]:
        """Every file that is written and holds no secret."""
        return (self.teleport_yaml, *self.activation.files)
