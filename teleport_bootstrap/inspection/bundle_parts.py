"""The parts of a support bundle, each a name and a text that is not masked yet."""

from __future__ import annotations

import contextlib
import heapq
import importlib
import json
import os
import platform
import re
import stat
from collections.abc import Callable, Iterator

import teleport_bootstrap
from teleport_bootstrap import errors, json_data, paths, regex, unit_table
from teleport_bootstrap.conf import slips, variables
from teleport_bootstrap.hints import Any
from teleport_bootstrap.host import clock, cloud_init, directory, journal, process, systemd, teleport, trust
from teleport_bootstrap.records import dataclass
from teleport_bootstrap.secret import MASK
from teleport_bootstrap.state import current, events, jobs

# Limits for the newest entries of each unit.
JOURNAL_BYTES = 2 * 1024 * 1024
JOURNAL_LINES = 20000
_JOURNAL_SECONDS = 30.0
# The limit for all units together: a journal that hangs for one hangs for all.
_JOURNALS_SECONDS = 90.0
_COMMAND_BYTES = 256 * 1024
_COMMAND_SECONDS = 15.0
_MOST_UNITS = 40
_MOST_NAMES = 500

_UNIT = regex.compile(r"teleport[\w@.-]*\.(?:service|timer)", re.ASCII)
_CERTBOT = "certbot.service"
_PROPERTIES = (
    "Id,LoadState,ActiveState,SubState,UnitFileState,Result,ExecMainStatus,ExecMainStartTimestamp,"
    "ExecMainExitTimestamp,NRestarts,ConditionResult,NeedDaemonReload,MemoryCurrent,TasksCurrent,FragmentPath,DropInPaths"
)
_ASSIGNMENT = regex.compile(r"(?P<lead>\s*#?\s*(?:export\s+)?(?P<name>[A-Za-z_]\w*)=)(?P<value>.*)", re.DOTALL)
_LIBRARIES = ("botocore", "jinja2", "requests", "urllib3", "yaml", "systemd")
_COMMANDS = {
    "system/kernel.txt": ("uname", "-a"),
    "system/systemd.txt": ("systemctl", "--version"),
    "system/disks.txt": ("df", "-h"),
    "system/inodes.txt": ("df", "-i"),
    "system/memory.txt": ("free", "-m"),
    "system/uptime.txt": ("uptime",),
    "system/clock.txt": ("timedatectl",),
    "system/addresses.txt": ("ip", "-brief", "address"),
    "system/listening.txt": ("ss", "-ltn"),
}


@dataclass(frozen=True)
class Part:
    """One file of the bundle; `trouble` says why it is missing or incomplete."""

    name: str
    text: str
    trouble: str = ""


def parts(root: paths.Root, *, days: float, status: Callable[[], Any]) -> Iterator[Part]:
    """Yield every part, also those that could not be collected; `days` limits the age of journal entries.

    `status` returns this host's status, and may raise BootstrapError.
    """
    yield _collected("status.json", lambda: _json(status()))
    yield _collected("history.json", lambda: _json(_history(root)))
    yield _collected("events.json", lambda: _json(events.read(root)))
    yield _collected("jobs.json", lambda: _json(jobs.read(root)))
    yield _collected("versions.json", lambda: _json(_versions(root)))
    yield _collected("files.txt", lambda: "".join(f"{line}\n" for line in _listing(root)))
    yield _collected("config/conf", lambda: masked_conf(_conf(root)))
    yield from _configuration(root)
    yield _file(root, "/usr/lib/os-release", "system/os-release.txt")
    if root.is_live:
        for name, command in _COMMANDS.items():
            yield _output(name, command)
    units = _units(root)
    if root.is_live and any(each.startswith("cloud-") for each in units):
        yield _output("system/cloud-init.txt", ("cloud-init", "status", "--long"))
    if systemd.is_running(root):
        yield _output("units/states.txt", ("systemctl", "show", f"--property={_PROPERTIES}", *units))
        yield _output("units/timers.txt", ("systemctl", "list-timers", "--all", "--no-pager"))
        yield _output("units/failed.txt", ("systemctl", "list-units", "--failed", "--no-pager"))
    until = clock.SYSTEM.monotonic() + _JOURNALS_SECONDS
    yield _journal(root, "journal/teleport-bootstrap.txt", [f"--identifier={journal.IDENTIFIER}"], days, until)
    for unit in units:
        if unit.endswith(".service"):
            yield _journal(root, f"journal/{unit}.txt", [f"--unit={unit}"], days, until)


def _collected(name: str, collect: Callable[[], str]) -> Part:
    try:
        return Part(name, collect())
    except errors.BootstrapError as error:
        return Part(name, "", error.message)
    except OSError as error:
        return Part(name, "", error.strerror or type(error).__name__)


def _json(data: Any) -> str:
    return json.dumps(json_data.data(data), indent=1, ensure_ascii=False, default=str) + "\n"


def _history(root: paths.Root) -> list[dict[str, object]]:
    rows = []
    for row, each in current.history(root):
        more = {} if each is None else {"files": [file.path for file in each.files], "gates": each.gates}
        rows.append({**row, **more})
    return rows


def _versions(root: paths.Root) -> dict[str, Any]:
    binary = teleport.find(root)
    version = teleport.version(binary) if binary is not None else None
    return {
        "teleport-bootstrap": teleport_bootstrap.__version__,
        "teleport": None if version is None else (version.output.strip() if version.ok else version.describe()),
        "teleport_path": binary,
        "kernel": platform.release(),
        "machine": platform.machine(),
        "python": platform.python_version(),
        "libraries": {name: _library(name) for name in _LIBRARIES},
    }


def _library(name: str) -> str | None:
    try:
        module = importlib.import_module(name)
    except ImportError:
        return None
    return str(getattr(module, "__version__", "unknown version"))


def _listing(root: paths.Root) -> Iterator[str]:
    """Yield mode, link count, owner, size and name of each file in the configuration, data and state directories."""
    for folder in (paths.CONF_DIRECTORY, paths.OVERRIDES, paths.DATA, paths.STATE):
        yield f"{folder}:"
        try:
            with contextlib.closing(directory.Directory(root.path(folder))) as opened:
                for name in heapq.nsmallest(_MOST_NAMES, opened.names()):
                    facts = os.stat(name, dir_fd=opened.descriptor, follow_symlinks=False)
                    owner = f"{facts.st_uid}:{facts.st_gid}"
                    yield f"  {stat.filemode(facts.st_mode)} {facts.st_nlink} {owner:>11} {facts.st_size:>10} {name}"
        except OSError as error:
            yield f"  {error.strerror}"


def _conf(root: paths.Root) -> str:
    data = trust.read(root, paths.CONF)
    if data is None:
        raise errors.ConfMissing(f"{paths.CONF} is missing")
    return data.decode("utf-8", "replace")


def masked_conf(text: str) -> str:
    """Return `text` with every value masked except those of known variables that are not secret.

    A line that is not an assignment, such as the rest of a quoted value, may belong to a secret and is masked whole.
    """
    return "".join(f"{_masked_line(line)}\n" for line in text.splitlines())


def _masked_line(line: str) -> str:
    found = _ASSIGNMENT.fullmatch(line)
    if found is None:
        return line if not line.strip() or _is_comment_of_words(line) else MASK
    name = found["name"]
    if not found["value"].strip():
        return line
    harmless = variables.find(name) is not None and not slips.is_secret_name(name)
    # Another assignment, or a comment, may follow on the same line.
    if harmless and "=" not in found["value"]:
        value, mark, comment = found["value"].partition(" #")
        return line if not mark or _is_comment_of_words(f"#{comment}") else f"{found['lead']}{value} # {MASK}"
    return f"{found['lead']}{MASK}"


def _is_comment_of_words(line: str) -> bool:
    """Whether a comment consists of words; a token has digits, or is very long."""
    return line.lstrip().startswith("#") and not any(
        len(word) > 20 or any(each.isdigit() for each in word) for word in line.split()
    )


def _configuration(root: paths.Root) -> Iterator[Part]:
    """Yield the configuration files besides the conf."""
    for path in (paths.TELEPORT_YAML, paths.UNIT_ENVIRONMENT, paths.TELEPORT_DEFAULTS):
        yield _file(root, path, f"config{path}")
    for folder in (paths.OVERRIDES, *(f"{paths.SYSTEMD}/{unit}.d" for unit in unit_table.TELEPORT_SERVICES)):
        try:
            names = sorted(os.listdir(root.path(folder)))
        except FileNotFoundError:
            continue
        except OSError as error:
            yield Part(f"config{folder}", "", f"{folder} cannot be read: {error.strerror}")
            continue
        for name in names[:_MOST_NAMES]:
            # No path, no control characters.
            safe = re.sub(r"[^\w.-]", "_", name, flags=re.ASCII)[:100]
            yield _file(root, f"{folder}/{name}", f"config{folder}/{safe}")


def _file(root: paths.Root, path: str, name: str) -> Part:
    try:
        found = directory.read(root, path)
    except OSError as error:
        return Part(name, "", f"{path} cannot be read: {error.strerror}")
    if found is None:
        obstacle = directory.obstacle(root, path)
        return Part(name, "", f"{path} was not read: {obstacle}" if obstacle else f"{path} is missing")
    return Part(name, found.content.decode("utf-8", "replace"))


def _units(root: paths.Root) -> list[str]:
    """Return the installed units of Teleport, of this program, of cloud-init and of certbot."""
    names = {*unit_table.TELEPORT_SERVICES, *unit_table.TIMERS}
    for folder in paths.UNIT_DIRECTORIES:
        try:
            names.update(name for name in os.listdir(root.path(folder)) if _UNIT.fullmatch(name))
        except OSError:
            continue
    # Those of cloud-init have other names in each of its versions.
    chosen = (*sorted(names)[:_MOST_UNITS], *cloud_init.services(root)[:_MOST_UNITS], _CERTBOT)
    return [each for each in chosen if systemd.is_installed(root, each)]


def _output(name: str, command: tuple[str, ...]) -> Part:
    output = process.excerpt(command, most_bytes=_COMMAND_BYTES, timeout_seconds=_COMMAND_SECONDS)
    return Part(name, output.text, output.trouble or ("only the beginning" if output.cut else ""))


def _journal(root: paths.Root, name: str, chosen: list[str], days: float, until: float) -> Part:
    """Return the newest entries first; older versions of journalctl would otherwise return the oldest up to the limit.

    `until` is the deadline for all journals, on the monotonic clock.
    """
    left = min(_JOURNAL_SECONDS, until - clock.SYSTEM.monotonic())
    if left <= 0:
        return Part(name, "", "skipped, since reading the journals took too long")
    place = [] if root.is_live else [f"--directory={root.path(paths.JOURNAL)}"]
    output = process.excerpt(
        [
            *("journalctl", "--no-pager", "--quiet", "--output=short-iso", "--reverse"),
            *(f"--lines={JOURNAL_LINES}", f"--since=-{days * 24:.0f}h", *place, *chosen),
        ],
        most_bytes=JOURNAL_BYTES,
        timeout_seconds=left,
        # What was logged is evidence; `redaction` escapes it.
        is_plain=False,
    )
    return Part(name, output.text, output.trouble or ("only the newest entries" if output.cut else ""))
