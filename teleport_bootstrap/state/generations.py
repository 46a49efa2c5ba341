"""The last states that were applied to this machine: enough to show, compare and restore them.

Of the secrets that are fetched, a generation names the file and where the content comes from. Those that an operator
wrote into an override are in its teleport.yaml alone, and its manifest holds none.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os

import teleport_bootstrap
from teleport_bootstrap import errors, json_data, paths, regex
from teleport_bootstrap.conf import conf_file
from teleport_bootstrap.hints import Any
from teleport_bootstrap.host import caller, clock, directory, tree, trust
from teleport_bootstrap.plan import plan_model, secret_mask, teleport_build, yaml_reading
from teleport_bootstrap.records import dataclass, fields, replace
from teleport_bootstrap.state import state_file

KEEP = 10

_MANIFEST = "manifest.json"
_UNKNOWN = "its generation cannot be compared or restored"

# What is saved and not applied yet, and what is being removed: directories called .NUMBER.new and .NUMBER.old.
_STAGED = "new"
_REMOVED = "old"
_HIDDEN = regex.compile(r"\.([0-9]+)\.(new|old)")


@dataclass(frozen=True)
class Generation(plan_model.Applicable):
    """One applied state. `made_at` is ISO 8601 in UTC; `conf` its assignments, with masks for secrets.

    `conf_sha256` is the digest of the conf's bytes, `conf_meaning_sha256` of its values, None where an earlier version
    of this agent made the generation.
    """

    number: int
    made_at: str
    made_by: str
    reason: str
    agent_version: str
    teleport_version: str
    role: str
    conf: str
    conf_sha256: str
    document: dict[str, Any]
    teleport_yaml: plan_model.PlannedFile
    conf_meaning_sha256: str | None = None

    @property
    def teleport_yaml_sha256(self) -> str:
        """The digest of the file as it was written."""
        return digest(self.teleport_yaml.content.encode())

    @property
    def fips(self) -> bool:
        """Whether it was made for a FIPS build."""
        flags = (each.content.partition("=")[2].split() for each in self.files if each.path == paths.UNIT_ENVIRONMENT)
        return any("--fips" in words for words in flags)


def digest(content: bytes) -> str:
    """Return the SHA-256 of `content` in hexadecimal."""
    return hashlib.sha256(content).hexdigest()


def make(
    root: paths.Root, plan: plan_model.Plan, build: teleport_build.TeleportBuild, *, made_by: str, reason: str
) -> Generation:
    """Return the next generation, for `plan`; `made_by` is the command, `reason` what it was run for."""
    wanted = plan.activation
    data = trust.read(root, paths.CONF) or b""
    inspected = conf_file.inspect(data)
    return Generation(
        number=max([0, *numbers(root)]) + 1,
        made_at=clock.iso(),
        made_by=f"{made_by} by {caller.who()}",
        reason=reason,
        agent_version=teleport_bootstrap.__version__,
        teleport_version=build.version,
        role=wanted.deployment.role.value,
        conf="".join(f"{each.name}={each.value}\n" for each in inspected.variables),
        conf_sha256=digest(data),
        conf_meaning_sha256=None if inspected.conf is None else inspected.conf.meaning_sha256,
        document=plan.document,
        teleport_yaml=plan.teleport_yaml,
        **{each.name: getattr(wanted, each.name) for each in fields(plan_model.Applicable)},
    )


def conf_digest(root: paths.Root) -> str | None:
    """Return the digest of the conf as it is now, None without one; raises as `trust.read` does."""
    data = trust.read(root, paths.CONF)
    return None if data is None else digest(data)


def is_of(generation: Generation, data: bytes) -> bool:
    """Whether `data` is the conf of `generation`, or another one that says the same."""
    if digest(data) == generation.conf_sha256:
        return True
    conf = None if generation.conf_meaning_sha256 is None else conf_file.inspect(data).conf
    return conf is not None and conf.meaning_sha256 == generation.conf_meaning_sha256


def says_the_same(one: Generation, other: Generation) -> bool:
    """Whether two generations describe the same state; when and by whom they were made does not matter."""
    made = {"number": one.number, "made_at": one.made_at, "made_by": one.made_by, "reason": one.reason}
    return one == replace(other, **made)  # type: ignore[arg-type]


def numbers(root: paths.Root) -> list[int]:
    """Return the numbers of the generations that are kept, the oldest first."""
    try:
        names = os.listdir(root.path(paths.GENERATIONS))
    except OSError:
        return []
    return sorted(int(name) for name in names if name.isascii() and name.isdigit())


def load(root: paths.Root, number: int) -> Generation:
    """Return generation `number`. Raises GenerationMissing where it is not kept, or cannot be read."""
    try:
        # A run that was killed just before it could publish what it had applied leaves it staged.
        found = _read(root, str(number)) or _read(root, f".{number}.{_STAGED}")
    except errors.FileTrouble as error:
        raise errors.GenerationMissing(
            f"generation {number} cannot be read: {error.message}",
            hint="`teleport-bootstrap history` lists the others.",
        ) from None
    if found is None:
        kept = ", ".join(str(each) for each in numbers(root)) or "none"
        raise errors.GenerationMissing(
            f"generation {number} does not exist; these do: {kept}", hint="`teleport-bootstrap history` lists them."
        )
    return found


def save(root: paths.Root, generation: Generation) -> None:
    """Write `generation` to the disk before it is applied; `settle` lists it afterwards. Raises FileTrouble."""
    parent = root.path(paths.GENERATIONS)
    staged = _staged(root, generation.number)
    try:
        directory.make(parent, 0o700)
        _discard(staged)
        os.mkdir(staged, mode=0o700)
        with contextlib.closing(directory.Directory(staged)) as opened:
            opened.create(_MANIFEST, _manifest("").content(_described(generation)), mode=0o600, uid=-1, gid=-1)
            content = generation.teleport_yaml.content.encode()
            opened.create("teleport.yaml", content, mode=0o600, uid=-1, gid=-1)
            opened.sync()
        directory.sync(parent)
    except OSError as error:
        _discard(staged)
        raise errors.FileTrouble(
            f"generation {generation.number} cannot be kept in {parent}: {error.strerror}",
            hint="Nothing was changed. Look at the disk's space and mount options.",
        ) from None


def withdraw(root: paths.Root, number: int) -> None:
    """Unlist generation `number`, which is applied and about to be undone: gone as soon as it is not current."""
    _rename(root, _directory(root, number), _staged(root, number))


def settle(root: paths.Root, current: int | None) -> None:
    """List the saved generation that is `current`, and remove others that a failed or killed run left."""
    try:
        names = os.listdir(root.path(paths.GENERATIONS))
    except OSError:
        return
    for name in names:
        match = _HIDDEN.fullmatch(name)
        if match is None:
            continue
        if match[2] == _STAGED and int(match[1]) == current and not os.path.exists(_directory(root, current)):
            _rename(root, _staged(root, current), _directory(root, current))
        else:
            _discard(root.path(f"{paths.GENERATIONS}/{name}"))


def prune(root: paths.Root, *, current: int) -> None:
    """Remove the oldest generations beyond KEEP, never the one that is current."""
    for number in numbers(root)[:-KEEP]:
        if number != current:
            # Unlisted first, and on the disk: a half removed generation cannot be restored.
            removed = root.path(f"{paths.GENERATIONS}/.{number}.{_REMOVED}")
            _rename(root, _directory(root, number), removed)
            _discard(removed)


def _discard(path: str) -> None:
    """Where this fails, the next run does it."""
    with contextlib.suppress(OSError):
        tree.remove(path)


def _rename(root: paths.Root, old: str, new: str) -> None:
    """Where this fails, the next run does it."""
    with contextlib.suppress(OSError):
        os.rename(old, new)
        directory.sync(root.path(paths.GENERATIONS))


def _directory(root: paths.Root, number: int) -> str:
    return root.path(f"{paths.GENERATIONS}/{number}")


def _staged(root: paths.Root, number: int) -> str:
    return root.path(f"{paths.GENERATIONS}/.{number}.{_STAGED}")


def _manifest(name: str) -> state_file.StateFile[dict[str, Any]]:
    return state_file.StateFile(f"{paths.GENERATIONS}/{name}/{_MANIFEST}", dict[str, Any], unknown=_UNKNOWN)


def _described(generation: Generation) -> dict[str, Any]:
    """Return what the manifest of `generation` says: what a secret is in only the file beside it says."""
    found: dict[str, Any] = state_file.encode(generation)
    if secret_mask.holds_secret(generation.teleport_yaml.content):
        del found["document"], found["teleport_yaml"]["content"]
        found["teleport_yaml"]["sha256"] = generation.teleport_yaml_sha256
    return found


def _read(root: paths.Root, name: str) -> Generation | None:
    """Return the generation in the directory `name`, None without a manifest. Raises FileTrouble."""
    found = _manifest(name).read(root)
    if found is None:
        return None
    try:
        if "document" not in found:
            found = _completed(found, directory.content(root, f"{paths.GENERATIONS}/{name}/teleport.yaml") or b"")
        generation: Generation = state_file.decode(Generation, found)
        return generation
    except (ValueError, KeyError, TypeError):
        shown = root.path(f"{paths.GENERATIONS}/{name}/{_MANIFEST}")
        raise errors.FileTrouble(f"{shown} is damaged, so {_UNKNOWN}", hint="Remove the file.") from None


def _completed(found: dict[str, Any], content: bytes) -> dict[str, Any]:
    """Return what a manifest says together with its teleport.yaml. Raises ValueError where that has changed."""
    described = dict(found["teleport_yaml"])
    if described.pop("sha256") != digest(content):
        raise ValueError("another teleport.yaml")
    text = content.decode()
    document = json_data.parsed(json.dumps(yaml_reading.parse(text)))
    return {**found, "document": document, "teleport_yaml": {**described, "content": text}}
