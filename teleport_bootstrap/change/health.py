"""Wait until Teleport is healthy, or until it is clear that it will not be."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from teleport_bootstrap import errors, escaping, log, masking, paths
from teleport_bootstrap.change import needed_files, web_answer
from teleport_bootstrap.hints import Any
from teleport_bootstrap.host import clock as clocks
from teleport_bootstrap.host import directory, probe, systemd, teleport_process, underway
from teleport_bootstrap.plan import plan_model, services
from teleport_bootstrap.records import dataclass
from teleport_bootstrap.secret import looks_secret
from teleport_bootstrap.state import manual_edits

logger = log.Logger(__name__)

# As long as Teleport itself gives the successor of a reload. A real one took 2 to 5 s to start, and 2 to 3 s to reload.
DEADLINE_SECONDS = 120.0
POLL_SECONDS = 0.5
# /readyz can flap while Teleport starts: one good answer is not enough.
GOOD_ANSWERS = 3
# Teleport's units restart it without limit; one that has ended twice since it was asked for will go on doing so.
ENDS_TO_GIVE_UP = 2
# Much longer than systemd takes to start a unit, and a reloaded Teleport to start its successor.
GRACE_SECONDS = 5.0
# /readyz is good as soon as the first component has reported; a critical service that fails later ends the whole
# process. Within three seconds Teleport may also reload itself for new names, and is unready meanwhile.
WATCH_SECONDS = 10.0
# Nothing but /readyz speaks for services without a port to ask. What they load from elsewhere when they start, such as
# the authorities of cloud databases, fails after half a minute where a firewall drops the connection.
WATCH_BLIND_SECONDS = 40.0
_BLIND_SERVICES = ("db_service", "discovery_service", "kubernetes_service", "windows_desktop_service")

# Shorter strings may be words that a message needs; no join token is that short.
_SHORTEST_SECRET = 4


@dataclass(frozen=True)
class Verdict:
    """Whether Teleport is healthy, and what was seen last.

    With `pending`, its unit waits for files, which counts as healthy; `not_waited` says that nothing was seen because
    the unit starts later. `process_id` is the process that was looked at.
    """

    healthy: bool
    seen: str
    pending: bool = False
    not_waited: bool = False
    process_id: int | None = None


@dataclass(frozen=True)
class Subject:
    """What to look at: the unit, the document that Teleport reads, and whether its web port speaks plain HTTP.

    `wanted` says which files the unit waits for, None where that is unknown. `successor_of` is the process that a
    reload has to replace: it answers as before while its successor fails. `watch_seconds` is how long Teleport has to
    stay healthy.
    """

    unit: str
    document: Mapping[str, Any]
    plain_http: bool
    wanted: plan_model.Applicable | None = None
    successor_of: teleport_process.Predecessor | None = None
    watch_seconds: float = WATCH_SECONDS


def subject(
    root: paths.Root,
    unit: str,
    wanted: plan_model.Applicable | None,
    *,
    successor_of: teleport_process.Predecessor | None = None,
) -> Subject:
    """Return what to look at: Teleport in `unit`, with the configuration that is in place."""
    # Of a document that cannot be read, nothing is known but that Teleport should be ready.
    unknown = {"proxy_service": {"enabled": "no"}}
    document = manual_edits.document(manual_edits.text(root, paths.TELEPORT_YAML)) or unknown
    plain_http = "--insecure-no-tls" in (manual_edits.text(root, paths.UNIT_ENVIRONMENT) or "")
    return Subject(unit, document, plain_http, wanted, successor_of, _watch_seconds(document))


def _watch_seconds(document: Mapping[str, Any]) -> float:
    known = dict(document)
    is_blind = services.web_address(known) is None or any(services.runs(known, each) for each in _BLIND_SERVICES)
    return WATCH_BLIND_SECONDS if is_blind else WATCH_SECONDS


def wait(root: paths.Root, watched: Subject, *, seconds: float) -> Verdict:
    """Return as soon as Teleport is healthy and stays so, or cannot become healthy. Raises UnitTrouble.

    It may take `seconds` to become healthy. Then the same process has to stay healthy for as long as `watched` says;
    where it does not, that time begins again, but not after the `seconds`.
    """
    with underway.displayed(f"waiting for {watched.unit} to become healthy", seconds) as shown:
        return _wait(root, watched, shown, seconds=seconds)


def _wait(root: paths.Root, watched: Subject, shown: underway.Underway, *, seconds: float) -> Verdict:
    clock = clocks.SYSTEM
    restarts = _state(watched.unit).restarts
    began, good, good_since, last = clock.monotonic(), 0, 0.0, Verdict(False, "")
    logger.info("waiting for %s to become healthy, at most %.0f s", watched.unit, seconds)
    while True:
        state = _state(watched.unit)
        verdict = look(root, watched, state)
        passed = clock.monotonic() - began
        if not verdict.healthy or verdict.process_id != last.process_id:
            good, good_since = 0, passed
        good += verdict.healthy
        if verdict.pending or (good >= GOOD_ANSWERS and passed - good_since >= watched.watch_seconds):
            return verdict
        stays = f", to stay so for {underway.duration(watched.watch_seconds)}" if good >= GOOD_ANSWERS else ""
        shown.because(f"{verdict.seen}{stays}")
        if verdict.seen != last.seen and not verdict.healthy:
            logger.info("%s: %s", watched.unit, verdict.seen)
        if good == GOOD_ANSWERS:
            logger.info("%s is healthy; watching for %.0f s whether it stays so", watched.unit, watched.watch_seconds)
        last = verdict
        hopeless = _hopeless(watched, state, restarts, passed)
        if hopeless and not verdict.healthy:
            return Verdict(False, f"{verdict.seen}; {hopeless}")
        if passed >= seconds and not (good and good_since < seconds):
            return Verdict(False, f"{verdict.seen}, {seconds:.0f} s after it was asked to start")
        clock.sleep(POLL_SECONDS)


def _state(unit: str) -> systemd.State:
    """Return the state of `unit`. Raises UnitTrouble where systemd does not answer for GRACE_SECONDS.

    It does not while it executes itself again after an update.
    """
    began = clocks.SYSTEM.monotonic()
    while True:
        try:
            return systemd.states([unit])[unit]
        except errors.UnitTrouble as error:
            if clocks.SYSTEM.monotonic() - began >= GRACE_SECONDS:
                raise
            logger.info("%s", error.message)
            clocks.SYSTEM.sleep(POLL_SECONDS)


def look(root: paths.Root, watched: Subject, state: systemd.State) -> Verdict:
    """Return the health of Teleport right now, whose unit is in `state`."""
    if state.active == "inactive" and watched.wanted is not None and needed_files.pending(root, watched.wanted):
        return Verdict(True, "; ".join(map(str, needed_files.describe_pending(root, watched.wanted))), pending=True)
    if state.active not in ("active", "reloading"):
        return Verdict(False, f"the unit is {state.active} ({state.sub})")
    process_id = teleport_process.from_pid_file(root)
    trouble = _not_in_charge(watched, process_id, state) or _trouble(watched)
    return Verdict(False, trouble) if trouble else Verdict(True, "ready", process_id=process_id)


def _not_in_charge(watched: Subject, process_id: int | None, state: systemd.State) -> str:
    """Return why the process that the pid file names is not the one that answers, empty where it is."""
    old = watched.successor_of
    # The two share their ports: until the old process has let go of them, good answers may be its own.
    if old is not None and (process_id in (None, old.process_id) or not old.has_handed_over(process_id or 0)):
        return f"process {old.process_id} has not handed over to its successor"
    # Another process may answer on these ports; the unit's own Teleport writes its pid file when it has started.
    if process_id is None or watched.unit not in systemd.units_around(process_id):
        return f"process {state.main_pid} has not written its pid file"
    return "" if teleport_process.is_alive(process_id) else f"process {process_id} has ended"


def _trouble(watched: Subject) -> str:
    """Return what Teleport's own answers say is wrong, empty for nothing."""
    ready = probe.readiness()
    if ready != probe.READY:
        return f"Teleport is {ready}"
    return web_answer.ask(watched.document, plain_http=watched.plain_http).trouble


def _hopeless(watched: Subject, state: systemd.State, restarts_before: int, passed: float) -> str:
    """Return why waiting is useless, empty where it is not."""
    # Not at once: it may have failed earlier, with its new start still to come.
    if state.active == "failed" and passed >= GRACE_SECONDS:
        return "it will not be started again"
    if state.restarts - restarts_before >= ENDS_TO_GIVE_UP:
        return "it keeps ending"
    if (
        watched.successor_of is not None
        and passed >= GRACE_SECONDS
        and watched.unit in systemd.units_around(watched.successor_of.process_id)
        and not teleport_process.successors(watched.successor_of.process_id)
    ):
        return "the successor has ended"
    return ""


def last_lines(
    root: paths.Root,
    unit: str,
    *,
    since: float,
    secret_paths: Iterable[str],
    also: Iterable[bytes] = (),
    most: int = 12,
) -> str:
    """Return the last lines of `unit` since then (seconds since 1970), at most so many, with a mask for each secret.

    Secrets are what the files at `secret_paths` hold, what `also` holds, and what teleport.yaml says under a key that
    is named like a secret. Empty where there are no lines.
    """
    said = systemd.last_words(unit, since=since, lines=most) if systemd.is_running(root) else ""
    document = manual_edits.document(manual_edits.text(root, paths.TELEPORT_YAML))
    contents = [*also, *(directory.content(root, path) or b"" for path in secret_paths)]
    lines = [line.strip() for content in contents for line in content.decode("utf-8", "replace").splitlines()]
    known = [each for each in {*lines, *_inline(document)} if len(each) >= _SHORTEST_SECRET]
    return escaping.several_lines(masking.mask_foreign(masking.without(known, said)))


def _inline(value: Any, name: str = "") -> Iterator[str]:
    if isinstance(value, Mapping):
        for key, content in value.items():
            yield from _inline(content, str(key))
    elif isinstance(value, (list, tuple)):
        for each in value:
            yield from _inline(each, name)
    elif isinstance(value, str) and looks_secret(name) and not value.startswith("/"):
        yield value
