"""Which generation this machine is in, and which conf it does not follow."""

from __future__ import annotations

from collections.abc import Iterator

from teleport_bootstrap import errors, log, paths
from teleport_bootstrap.conf import conf_file
from teleport_bootstrap.records import dataclass, replace
from teleport_bootstrap.state import generations, state_file

logger = log.Logger(__name__)


@dataclass(frozen=True)
class Current:
    """The generation that was applied last.

    `confirmed` is false until Teleport was seen healthy with it. Until then, `previous` is the last confirmed
    generation before it, and `data_aside` the directory that `reconfigure --reset-data` moved Teleport's data to.

    `rejected_conf_sha256` is the digest of a conf that boots and `generate` do not follow until it is edited: Teleport
    was unhealthy with it, or an operator has rolled back from it. `rejected_because` says which.

    `same_conf_sha256` and `same_conf_meaning_sha256` are the digests, of the bytes and of the values, of another conf
    than the generation's with which `reconfigure` found nothing to change: it counts as applied.

    `adopted_sha256` is the digest of an edited teleport.yaml that `adopt` has made an override of.
    """

    generation: int
    confirmed: bool = True
    rejected_conf_sha256: str | None = None
    rejected_because: str = ""
    previous: int | None = None
    data_aside: str | None = None
    same_conf_sha256: str | None = None
    same_conf_meaning_sha256: str | None = None
    adopted_sha256: str | None = None


# What of a generation `history` shows.
_SHOWN = (
    *("made_at", "made_by", "reason", "role", "unit", "teleport_version", "agent_version"),
    *("teleport_yaml_sha256", "conf_sha256"),
)

FILE: state_file.StateFile[Current] = state_file.StateFile(
    paths.CURRENT,
    Current,
    unknown="the current generation is unknown",
    hint="Look at `teleport-bootstrap history`, and go to the right one with `teleport-bootstrap rollback N`.",
)


def settle(root: paths.Root) -> None:
    """Bring the list of generations in line with the current one, after a run that was killed."""
    try:
        now = FILE.read(root)
    except errors.FileTrouble:
        return  # the next command that needs it reports that
    generations.settle(root, None if now is None else now.generation)


def confirm(root: paths.Root) -> None:
    """Record that Teleport was seen healthy with the current generation. Raises FileTrouble."""
    now = FILE.read_or_warn(root)
    if now is not None and not now.confirmed:
        FILE.write(root, replace(now, confirmed=True, previous=None, data_aside=None))
        generations.prune(root, current=now.generation)


def generation(root: paths.Root) -> generations.Generation | None:
    """Return the current generation, None without one.

    Raises FileTrouble where `FILE` is damaged, and GenerationMissing where the generation cannot be read.
    """
    now = FILE.read(root)
    return None if now is None else generations.load(root, now.generation)


def known_generation(root: paths.Root, now: Current | None) -> generations.Generation | None:
    """Return the generation that `now` names, None where it is not kept or cannot be read."""
    try:
        return None if now is None else generations.load(root, now.generation)
    except errors.GenerationMissing:
        return None


def history(root: paths.Root) -> Iterator[tuple[dict[str, object], generations.Generation | None]]:
    """Yield what `history` shows of each generation, newest first, and the generation; None where it is damaged."""
    now = FILE.read_or_warn(root)
    for number in reversed(generations.numbers(root)):
        row: dict[str, object] = {"generation": number, "current": now is not None and now.generation == number}
        try:
            each = generations.load(root, number)
        except errors.GenerationMissing as error:
            yield {**row, **dict.fromkeys(_SHOWN), "unreadable_because": error.message}, None
        else:
            yield {**row, **{name: getattr(each, name) for name in _SHOWN}, "unreadable_because": None}, each


def counts_as_applied(now: Current, generation: generations.Generation, data: bytes) -> bool:
    """Whether `data`, a conf, asks for nothing else than the current `generation`, as far as that is known."""
    if generations.digest(data) == now.same_conf_sha256 or generations.is_of(generation, data):
        return True
    conf = None if now.same_conf_meaning_sha256 is None else conf_file.inspect(data).conf
    return conf is not None and conf.meaning_sha256 == now.same_conf_meaning_sha256


def record_as_applied(root: paths.Root, conf: conf_file.Conf) -> bool:
    """Record that `conf` asks for nothing else than what is current, and return whether that was news.

    Call this under the lock only, with a conf for which everything was planned. Raises FileTrouble.
    """
    now = FILE.read(root)
    found = known_generation(root, now)
    if now is None or found is None:
        return False
    is_rejected = now.rejected_conf_sha256 == conf.sha256
    known = (conf.sha256, conf.meaning_sha256)
    in_generation = (found.conf_sha256, found.conf_meaning_sha256)
    in_record = (now.same_conf_sha256, now.same_conf_meaning_sha256)
    is_known = any(one == other for each in (in_generation, in_record) for one, other in zip(known, each))
    if is_known and not is_rejected:
        return False
    record = replace(now, same_conf_sha256=conf.sha256, same_conf_meaning_sha256=conf.meaning_sha256)
    FILE.write(root, replace(record, rejected_conf_sha256=None, rejected_because="") if is_rejected else record)
    return True


def not_followed(root: paths.Root, generation: int, because: str) -> str:
    """Return what it means that the conf is not followed: the one text about it."""
    return (
        f"{root.path(paths.CONF)} is not followed ({because}): boots and `generate` keep generation {generation} until "
        "the conf is edited; `teleport-bootstrap reconfigure` applies the conf as it is"
    )


def note_not_followed(root: paths.Root) -> tuple[str, ...]:
    """Return a note that the conf is not followed, none where it is; raises as `trust.read` does."""
    found = instead_of_conf(root)
    return () if found is None else (not_followed(root, found[0].number, found[1]),)


def instead_of_conf(root: paths.Root) -> tuple[generations.Generation, str] | None:
    """Return the generation to keep instead of following the conf, and why; None where the conf is followed.

    A conf is not followed if Teleport was unhealthy with it, or an operator has rolled back from it.

    Raises as `trust.read` does where the conf cannot be read.
    """
    now = FILE.read_or_warn(root)
    if now is None or now.rejected_conf_sha256 is None or now.rejected_conf_sha256 != generations.conf_digest(root):
        return None
    try:
        return generations.load(root, now.generation), now.rejected_because
    except errors.GenerationMissing as error:
        logger.warning("%s", error.message)
        return None
