"""`install-check`: what becomes of a host whose Teleport was installed by other means, before anything is changed."""

from __future__ import annotations

import os
import shlex
from collections.abc import Iterator

from teleport_bootstrap import errors, paths, roles, unit_table
from teleport_bootstrap.ec2 import facts
from teleport_bootstrap.finding import ERROR, WARNING, Finding, Place
from teleport_bootstrap.hints import Any
from teleport_bootstrap.host import regular_file, systemd, teleport
from teleport_bootstrap.instance import gather, managed_updates
from teleport_bootstrap.launch import existing
from teleport_bootstrap.plan import (
    adoption,
    comparison,
    overrides,
    planner,
    provenance,
    requirements,
    secret_mask,
    teleport_build,
    yaml_reading,
)
from teleport_bootstrap.records import dataclass

# Of that name in Teleport's own packages, and here the unit of an all-in-one without ACM and of an agent.
PACKAGES_UNIT = roles.place(roles.Role.ALL, acm=False).unit
# What a unit of this agent gives, too; anything else on the command line would be lost with it.
_OURS = ("--config", "--pid-file", "--diag-addr", "--fips", "--insecure-no-tls")


@dataclass(frozen=True)
class Running:
    """Teleport's own unit: whether it runs, its main process, 0 for none, and the arguments of that."""

    is_active: bool = False
    main_pid: int = 0
    arguments: tuple[str, ...] = ()


@dataclass(frozen=True)
class Report:
    """What was found, and what to do. `overridden` are the paths in teleport.yaml that `adopt` would keep.

    `unit` is that of the role that the conf proposes; `restart` says why Teleport has to be restarted for it, empty
    where it goes on. `is_configured` says that this agent is in charge already.
    """

    version: str | None
    running: Running
    teleport_yaml: str
    data_directory: str
    proposal: existing.Proposal | None
    overridden: tuple[str, ...]
    unit: str | None
    restart: str
    is_configured: bool
    findings: tuple[Finding, ...]
    steps: tuple[str, ...]

    @property
    def can_be_adopted(self) -> bool:
        """Whether nothing stands against it."""
        return self.proposal is not None and not any(each.is_error for each in self.findings)


def run(root: paths.Root, example: facts.Facts) -> Report:
    """Read the host, and nothing else; `example` stands for an instance, of which nothing is asked.

    Raises FileTrouble where teleport.yaml is missing or cannot be read, and what reading Teleport's version raises.
    """
    build = gather.build(root, gather.NamedBuild())
    running = _running(root)
    shown = _config(root, running)
    document, problems = _document(shown)
    is_configured = os.path.lexists(root.path(paths.CONF))
    found = [*problems, *_about_unit(running), *_about_others(root)]
    if document is None:
        return Report(
            *(build.version, running, shown, paths.DATA, None, (), None, "", is_configured),
            findings=tuple(found),
            steps=(),
        )
    proposal = existing.propose(document)
    kept, wrong = _overridden(proposal, document, example, build)
    found += wrong
    if not teleport.find(root):
        found.append(Finding(ERROR, "teleport-missing", "teleport", "no Teleport is installed", "install it first"))
    found += _about_storage(document, proposal, shown)
    data = provenance.value_at(document, ("teleport", "data_dir")) or paths.DATA
    if data != paths.DATA:
        what = f"Teleport's data is in {data}, and this agent keeps tokens in {paths.DATA} and backs that up"
        remedy = f"stop Teleport, move the directory to {paths.DATA}, and remove data_dir from {shown}"
        found.append(Finding(ERROR, "data-directory", shown, what, remedy))
    place = roles.place(proposal.role, acm=False)
    restart = _restart(place.unit, running)
    return Report(
        *(build.version, running, shown, str(data), proposal, kept, place.unit, restart, is_configured),
        findings=tuple(found),
        steps=_steps(proposal, place.unit, restart),
    )


def _running(root: paths.Root) -> Running:
    if not systemd.is_running(root):
        return Running()
    state = systemd.states([PACKAGES_UNIT])[PACKAGES_UNIT]
    if state.active not in ("active", "reloading") or not state.main_pid:
        return Running()
    return Running(True, state.main_pid, _arguments(state.main_pid))


def _arguments(process: int) -> tuple[str, ...]:
    try:
        with open(f"/proc/{process}/cmdline", "rb") as file:
            words = file.read(64 * 1024).split(b"\0")
    except OSError:
        return ()
    return tuple(word.decode("utf-8", "replace") for word in words if word)


def _config(root: paths.Root, running: Running) -> str:
    """Return the teleport.yaml that the running Teleport was started with, or the usual one."""
    words = running.arguments
    for number, word in enumerate(words):
        if word in ("-c", "--config") and number + 1 < len(words):
            return words[number + 1]
        if word.startswith("--config="):
            return word.partition("=")[2]
    return root.path(paths.TELEPORT_YAML)


def _document(shown: str) -> tuple[dict[str, Any] | None, list[Finding]]:
    try:
        content = regular_file.read(shown, follow_links=True)
    except FileNotFoundError:
        raise errors.FileTrouble(
            f"there is no {shown}, so that there is nothing to adopt",
            hint=f"Write {paths.CONF} for a new host: `teleport-bootstrap variables --example agent` prints one.",
        ) from None
    except OSError as error:
        is_refused = isinstance(error, PermissionError)
        hint = "Run it as root." if is_refused else "Find out what put it there, and replace it by the right file."
        raise errors.FileTrouble(f"{shown} cannot be read: {error.strerror}", hint=hint) from None
    secret_mask.learn(content)
    reading = yaml_reading.read_as_teleport(content)
    if reading.problems or reading.root is None or not isinstance(reading.root.value, dict):
        first = reading.problems[0].message if reading.problems else "it is not a mapping of keys to values"
        place = Place(shown, reading.problems[0].line, reading.problems[0].column) if reading.problems else Place(shown)
        what = f"teleport.yaml cannot be read: {first}"
        return None, [Finding(ERROR, "teleport-yaml-unreadable", shown, what, "correct it first", place)]
    return adoption.meaning(reading.root.plain), []


def _about_storage(document: dict[str, Any], proposal: existing.Proposal, shown: str) -> Iterator[Finding]:
    """Yield a warning where the cluster's state is kept in something of which no variable tells."""
    kind = provenance.value_at(document, ("teleport", "storage", "type"))
    if not proposal.role.runs_auth or kind in (None, "dynamodb", "dir", "sqlite"):
        return
    what = f"the cluster's state is in {kind}, which stays so by the override, and which no backup of this agent has"
    remedy = "back it up with its own means"
    if proposal.role is roles.Role.AUTH:
        remedy += "; an auth server alone needs names of DynamoDB tables and a bucket, which then are not used for it"
    yield Finding(WARNING, "other-storage", shown, what, remedy)


def _about_unit(running: Running) -> Iterator[Finding]:
    options = [word for word in running.arguments if word.startswith("-") and word.partition("=")[0] not in _OURS]
    others = [word for word in options if word not in ("-c",)]
    if others:
        what = f"the running Teleport was started with {' '.join(map(shlex.quote, others))}, which a unit of this agent"
        yield Finding(
            WARNING, "command-line", PACKAGES_UNIT, f"{what} does not give", f"write it into {paths.TELEPORT_YAML}"
        )


def _about_others(root: paths.Root) -> Iterator[Finding]:
    updater = managed_updates.enabled(root)
    if updater is not None:
        yield updater
    for name in _other_units(root):
        what = f"{name} may run Teleport too, and does not belong to this agent"
        remedy = f"`systemctl disable --now {name}` if it does; both would want the same ports and data"
        yield Finding(WARNING, "other-unit", name, what, remedy)
    folder = root.path(f"{paths.SYSTEMD}/{PACKAGES_UNIT}.d")
    for name in sorted(os.listdir(folder)) if os.path.isdir(folder) else ():
        if name.endswith(".conf") and name != unit_table.drop_in(PACKAGES_UNIT).rpartition("/")[2]:
            what = f"{folder}/{name} changes {PACKAGES_UNIT}, and will change the unit of this agent too"
            yield Finding(WARNING, "drop-in", PACKAGES_UNIT, what, "check that it fits, or remove it")


def _other_units(root: paths.Root) -> list[str]:
    """Return the active units whose name begins with teleport, and that are not ours."""
    if not systemd.is_running(root):
        return []
    ours = {*unit_table.TELEPORT_SERVICES, *unit_table.UPDATERS_UNITS, *(each.service for each in unit_table.TABLE)}
    named = [each for each in systemd.unit_files("teleport*.service") if each not in ours and "@" not in each]
    return [name for name, state in systemd.states(named).items() if state.active == "active"]


def _overridden(
    proposal: existing.Proposal, document: dict[str, Any], example: facts.Facts, build: teleport_build.TeleportBuild
) -> tuple[tuple[str, ...], list[Finding]]:
    """Return the paths that an override would keep, and what is wrong with the result."""
    if proposal.to_fill:
        return (), []
    try:
        conf = requirements.load(proposal.text.encode(), "the proposed conf")
        base = adoption.meaning(planner.unjudged(conf, example, build))
        patch = comparison.merge_patch(base, document)
        file = overrides.Override(paths.TELEPORT_YAML, adoption.text_of(patch).encode())
        planner.settle(conf, example, build, (file,))
    except errors.BootstrapError as error:
        return (), list(error.as_findings())
    # What is true of the example instance alone is not an edit.
    kept = [provenance.dotted(path) for path, _ in _leaves(patch) if path != ("teleport", "advertise_ip")]
    return tuple(kept), []


def _leaves(patch: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:
    if isinstance(patch, dict) and patch:
        for key, value in patch.items():
            yield from _leaves(value, (*path, key))
    else:
        yield path, patch


def _restart(unit: str, running: Running) -> str:
    if not running.is_active or unit == PACKAGES_UNIT:
        return ""
    return f"{unit} runs this role, in place of {PACKAGES_UNIT}: changing over ends the sessions on this host"


def _steps(proposal: existing.Proposal, unit: str, restart: str) -> tuple[str, ...]:
    write = f"write the proposed conf to {paths.CONF}"
    if proposal.to_fill:
        write += f", with values in place of {existing.TO_FILL} for {', '.join(proposal.to_fill)}"
    adopt = "`teleport-bootstrap adopt` keeps what the conf does not say as an override"
    if not restart:
        return (
            write,
            adopt,
            f"`teleport-bootstrap generate` enables {unit}, whose Teleport goes on without a restart",
            f"at a time that suits you, `systemctl restart {unit}`: only then does Teleport answer health checks",
        )
    return (
        write,
        adopt,
        f"`systemctl disable --now {PACKAGES_UNIT}` ends the running Teleport",
        f"`teleport-bootstrap generate` starts {unit}",
    )
