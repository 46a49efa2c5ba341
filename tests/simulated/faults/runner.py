"""Find the calls of commands, run cases, and judge what came of them."""

from __future__ import annotations

import fcntl
import json
import pickle
import re
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Optional

from teleport_bootstrap import errors
from teleport_bootstrap.backup.stores import names
from tests.simulated.faults import cases, commands, files, network, programs, state
from tests.simulated.faults.cases import FILES, NETWORK, PROGRAMS, Case
from tests.simulated.faults.commands import Command
from tests.simulated.faults.names import without_chance
from tests.simulated.faults.network import Place
from tests.simulated.faults.world import MOST_OUTPUT_BYTES, Measured, World

LATE = 1.1
# How long a run may take beyond its deadline and what it takes without a fault, on a machine with other work.
GRACE_SECONDS = 2.0
_DEFECTS = re.compile(rb"Traceback \(most recent|internal error|Fatal Python error|Exception ignored")
_CONTROL = re.compile(rb"[\x00-\x08\x0b-\x1f\x7f]|\xe2\x80\xae")

# How a job ended, and the last values of metadata: what was done counts also where these cannot be noted.
_NOTES = ("var/lib/teleport-bootstrap/jobs", "var/lib/teleport-bootstrap/metadata.json")


@dataclass
class Baseline:
    """What a command does undisturbed: its status and time, the host and AWS before, after, and after a second run."""

    status: int
    seconds: float
    traced_seconds: float
    before: state.State
    after: state.State
    again: state.State
    aws_before: dict[str, str]
    aws_after: dict[str, str]
    exchanges: list[Place]
    runs: list[Place]
    calls: list[files.Call]
    true: dict[str, str]
    problems: list[str]
    leaks: frozenset[str]


@dataclass
class Result:
    """What came of a case. `late` is the time beyond the usual one, as a part of the deadline."""

    case: Case
    status: Optional[int]
    seconds: float
    late: float
    peak_mib: float
    outcome: str
    problems: list[str] = field(default_factory=list)
    said: str = ""

    def data(self) -> dict[str, Any]:
        return {"name": self.case.name, **asdict(self), "case": self.case.data()}


class Runner:
    """Runs cases in a world, on hosts that are prepared below `shared`, a directory for several runners."""

    def __init__(self, world: World, shared: Path) -> None:
        self.world = world
        self.shared = shared
        self._baselines: dict[str, Baseline] = {}
        shared.mkdir(parents=True, exist_ok=True)

    def prepared(self, command: Command) -> Path:
        """Return where the host of `command` is, which is made if it is not there."""
        folder = self.shared / re.sub(r"[^a-z0-9]+", "-", command.name.lower()).strip("-")
        with (self.shared / f"{folder.name}.preparing").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if not (folder / "true.json").exists():
                self.world.prepare(command, folder)
        return folder

    def baseline(self, command: Command) -> Baseline:
        """Return what the command does undisturbed, which is measured once for all runners."""
        if command.name not in self._baselines:
            kept = self.prepared(command).with_suffix(".baseline")
            with kept.with_suffix(".lock").open("w") as lock:
                fcntl.flock(lock, fcntl.LOCK_EX)
                if not kept.exists():
                    kept.write_bytes(pickle.dumps(self._measure(command)))
            self._baselines[command.name] = pickle.loads(kept.read_bytes())
        return self._baselines[command.name]

    def _measure(self, command: Command) -> Baseline:
        world, prepared = self.world, self.prepared(command)
        problems: list[str] = []
        limit = command.program_seconds + 60
        world.reset(command, prepared)
        world.run(command, limit)  # the first compiles modules
        world.reset(command, prepared)
        traced = world.run(command, limit) if command.live else world.traced(command, limit)
        calls = [] if command.live else files.calls(world.trace.read_text(errors="replace"), world.root)
        world.reset(command, prepared)
        before, aws_before = state.of_host(world.root, command.vary, command.without), world.aws_state()
        known = leaks(b"", world.root)
        usual = world.run(command, limit)
        # The first exchange with each service comes first.
        exchanges = [each for relay in world.relays.values() for each in relay.exchanges]
        runs = world.programs(command, prepared).runs()
        after, aws_after = state.of_host(world.root, command.vary, command.without), world.aws_state()
        shown = leaks(usual.said, world.root)
        problems += [f"leak: {each}" for each in sorted(shown - known)]
        problems += [f"leftover: {each}" for each in state.leftovers(world.root)]
        world.begin(command, prepared)
        world.run(command, limit)
        world.programs(command, prepared).end()
        if usual.status is None or usual.status in (1, 2) or _DEFECTS.search(usual.said):
            problems.append(f"status: {usual.status}: {usual.errors.decode(errors='replace')[-300:]}")
        return Baseline(
            status=-1 if usual.status is None else usual.status,
            seconds=usual.seconds,
            traced_seconds=traced.seconds,
            before=before,
            after=after,
            again=state.of_host(world.root, command.vary, command.without),
            aws_before=aws_before,
            aws_after=aws_after,
            exchanges=exchanges,
            runs=runs,
            calls=calls,
            true=json.loads((prepared / "true.json").read_text()),
            problems=problems,
            leaks=known | shown,
        )

    def cases(self, command: Command, *, every: bool = False) -> list[Case]:
        """Return all cases of `command`: each call that an undisturbed run makes, with each fault of it."""
        found = self.baseline(command)
        return [
            *cases.of_exchanges(command.name, found.exchanges, every=every),
            *cases.of_programs(command.name, found.runs, found.true, every=every),
            # A system call of a live one would have names of another root.
            *(() if command.live else cases.of_calls(command.name, found.calls, every=every)),
        ]

    def run(self, case: Case) -> Result:
        """Run `case`. One that is found to be late is run again, as the machine may have other work."""
        result = self._run(case)
        if any(each.startswith("late") for each in result.problems):
            again = self._run(case)
            return again if again.late < result.late else result
        return result

    def _run(self, case: Case) -> Result:
        command = commands.BY_NAME[case.command]
        usual, prepared, world = self.baseline(command), self.prepared(command), self.world
        deadline = command.program_seconds if case.kind == PROGRAMS else command.seconds
        limit = 3 * deadline + 60
        if case.kind == FILES:
            measured = self._spoil_call(command, case, limit)
            if measured is None:
                return Result(case, None, 0.0, 0.0, 0.0, "not reached")
        else:
            plan: Any = network.Plan(case.place, case.fault, case.mode, case.is_first)
            if case.kind == PROGRAMS:
                plan = programs.Plan(case.place, case.fault, case.mode)
            world.reset(command, prepared, plan)
            measured = world.run(command, limit)
        ours = world.programs(command, prepared)
        spoiled = (
            case.kind == FILES
            or (case.kind == PROGRAMS and (ours.was_spoiled() or case.fault in programs.GONE))
            or (case.kind == NETWORK and bool(world.relay(case.place).times_spoiled))
        )
        ours.end()
        if not spoiled:
            return Result(case, measured.status, measured.seconds, 0.0, measured.peak_mib, "not reached")
        took = usual.traced_seconds if case.kind == FILES else usual.seconds
        late = max(0.0, measured.seconds - took - GRACE_SECONDS) / deadline
        result = Result(case, measured.status, measured.seconds, late, measured.peak_mib, "")
        self._judge_run(command, usual, result, measured)
        self._judge_state(command, usual, result)
        if result.problems:
            result.said = measured.errors[-600:].decode(errors="replace")
        return result

    def _spoil_call(self, command: Command, case: Case, limit: float) -> Optional[Measured]:
        """Run with a system call spoiled; None where it was another call each time that had its number."""
        number = case.number
        for attempt in range(files.TRIES):
            self.world.reset(command, self.prepared(command))
            call = files.Call(case.place, case.call, number, changes=False)
            measured = self.world.traced(command, limit, inject=files.injection(call, case.fault), name=case.call)
            if files.was_hit(self.world.trace.read_text(errors="replace"), call, self.world.root):
                return measured
            if attempt == 1:
                # In this world it may come at another time: look again.
                self.world.reset(command, self.prepared(command))
                self.world.traced(command, limit, name=case.call)
                found = files.calls(self.world.trace.read_text(errors="replace"), self.world.root)
                number = next((each.number for each in found if each.place == case.place), number)
        return None

    # ---- what is wrong

    def _judge_run(self, command: Command, usual: Baseline, result: Result, measured: Measured) -> None:
        case, problems, said = result.case, result.problems, measured.said
        killed = case.kind == FILES and case.fault == files.KILLED
        may = {NETWORK: command.services, PROGRAMS: command.programs, FILES: command.files}[case.kind]
        expected = {usual.status} if case.must_succeed else {usual.status, *may}
        if measured.status is None:
            problems.append("late: it did not end, and was killed")
        elif not killed and measured.status not in expected:
            problems.append(f"status: {measured.status}, and not {' or '.join(map(str, sorted(expected)))}")
        if _DEFECTS.search(said):
            problems.append("defect: a traceback or an internal error")
        if result.late > LATE:
            problems.append(f"late: {measured.seconds:.1f} s")
        if measured.peak_mib > command.most_mib:
            problems.append(f"memory: {measured.peak_mib:.0f} MiB")
        if len(measured.output) > MOST_OUTPUT_BYTES or len(measured.errors) > MOST_OUTPUT_BYTES:
            problems.append(f"output: more than {MOST_OUTPUT_BYTES} bytes")
        if _CONTROL.search(said):
            problems.append("escape: control characters in what it prints")
        strayed = [each for relay in self.world.relays.values() for each in relay.strayed]
        if strayed:
            problems.append(f"stray: a redirect was followed: {strayed[0][:60]!r}")
        # What was staged is there until the next run where the command was killed.
        hidden = ("teleport-bootstrap-new", "teleport-bootstrap-old", "/generations/.") if killed else ()
        found = sorted(leaks(said, self.world.root) - usual.leaks)
        problems += [f"leak: {each}" for each in found if not any(part in each for part in hidden)]

    def _judge_state(self, command: Command, usual: Baseline, result: Result) -> None:
        """Say what became of the host and of AWS: nothing lost, and old or new, or so after the next run."""
        case, world, problems = result.case, self.world, result.problems
        found = state.of_host(world.root, command.vary, command.without)
        problems += [f"loss: {each}" for each in lost(usual.before, usual.after, found)]
        problems += self._lost_in_aws(usual)
        left = state.leftovers(world.root)
        killed = case.kind == FILES and case.fault == files.KILLED
        if found in (usual.after, usual.again) and not left:
            result.outcome = "new"
            return
        succeeded = result.status == usual.status and not killed
        missing = _but_notes(state.differing(found, usual.after))
        if succeeded and case.kind == FILES and missing and found != usual.before and not left:
            problems.append(f"state: success, but not all is done: {missing[:4]}")
        if found == usual.before and not left:
            result.outcome = "old"
            if succeeded and _but_notes(state.differing(found, usual.after)) and case.kind == FILES:
                problems.append("state: success, and nothing is done")
            return
        prepared = self.prepared(command)
        world.begin(command, prepared)
        again = world.run(command, command.program_seconds + 60)
        world.programs(command, prepared).end()
        without = command.without
        if result.status == errors.INCOMPLETE:
            # An incomplete backup remains beside the next one, and is marked as such.
            without = (*without, names.INCOMPLETE)
        repaired = state.of_host(world.root, command.vary, without)
        left = state.leftovers(world.root)
        problems += [f"leftover: {each}, after the next run too" for each in left]
        if repaired in (usual.after, usual.again):
            result.outcome = "new after the next run"
        elif case.is_plausible or succeeded:
            result.outcome = "other"
        else:
            result.outcome = "other"
            differ = min((state.differing(repaired, each) for each in (usual.after, usual.again)), key=len)
            problems.append(f"state: not as usual after the next run (status {again.status}): {differ[:4]}")

    def _lost_in_aws(self, usual: Baseline) -> list[str]:
        if not usual.aws_before:
            return []
        now = self.world.aws_state()
        missing = [name for name in usual.aws_before if name not in now and name in usual.aws_after]
        return [f"loss: {name}" for name in missing]


def leaks(said: bytes, root: Path) -> frozenset[str]:
    """Return a line for each secret in what was printed, or in a file that is not for secrets."""
    return frozenset(map(without_chance, commands.CANARIES.leaks(said, root=root)))


def _but_notes(names: list[str]) -> list[str]:
    only_notes = {"var/lib/teleport-bootstrap"} if len(names) <= 2 else set()  # the directory of the first note
    return [each for each in names if not each.startswith(_NOTES) and each not in only_notes]


def lost(before: state.State, after: state.State, found: state.State) -> Iterable[str]:
    """Return the files that are neither what they were nor what they should have become."""
    for name, facts in before.items():
        expected = [facts, after.get(name)]
        if found.get(name) not in expected and name.startswith(("var/lib/teleport/", "etc/", "var/backups/")):
            yield name
