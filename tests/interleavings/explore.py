"""Runs the search of a scenario: without a fault, or with each fault that its scripts can meet."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial

from dataontap.errors import DataOntapError
from tests.interleavings.baton import Fault, Process, Step
from tests.interleavings.grounds import Ground
from tests.interleavings.judge import Judge
from tests.interleavings.kernel import SEEN, WRITERS
from tests.interleavings.machine import naa_of
from tests.interleavings.place import Place
from tests.interleavings.scenarios import Scenario, Script, faults_of
from tests.interleavings.search import Search, Violation
from tests.interleavings.verbs import VERBS
from tests.unit.volume import PATH


@dataclass
class Result:
    """What a scenario's searches came to."""

    scenario: Scenario
    runs: int = 0
    unavailable: int = 0
    seconds: float = 0.0  # of a core
    violations: list[tuple[str, Violation]] = field(default_factory=list)  # with the fault


def explore(ground: Ground, scenario: Scenario) -> Result:
    """Search it, with each fault if the scenario has faults."""
    result = Result(scenario)
    began = time.process_time()
    occasions = _add(result, ground, []).occasions  # up to its fault a run is as one without
    for who, kind in ((who, kind) for who in range(len(scenario.scripts)) for kind in scenario.faults):
        for nth in range(1, occasions[who, kind] + 1):
            _add(result, ground, faults_of(scenario, who, kind, nth))
    result.seconds = time.process_time() - began
    return result


def _add(result: Result, ground: Ground, faults: Sequence[Fault | None]) -> Search:
    """Search with these faults, and add what that came to."""
    search, judge = prepare(ground, result.scenario, faults)
    search.run()
    result.runs += search.runs
    result.unavailable += judge.unavailable
    told = ", ".join(f"{script}: {fault}" for script, fault in zip(result.scenario.scripts, faults) if fault)
    result.violations += [(told, violation) for violation in search.violations[:1]]
    return search


def prepare(ground: Ground, scenario: Scenario, faults: Sequence[Fault | None]) -> tuple[Search, Judge]:
    """A search that has not begun. ``faults`` befall the scripts, in their order."""
    place = ground.place
    judge = Judge(place, ground.followers, ground.known)
    many = [node for script in scenario.scripts for node in script.nodes]

    def begin() -> list[Process]:
        place.restore(ground.starts[scenario.start])
        judge.begin()
        processes = []
        for number, script in enumerate(scenario.scripts):
            name = f"{number + 1} on {script.node}"
            fault = faults[number] if number < len(faults) else None
            process = Process(name, script.node, partial(_run, place, judge, script), fault)
            process.shares_node = any(many.count(node) > 1 for node in script.nodes)
            processes.append(process)
        if any(fault and fault.kind.startswith("late") for fault in faults):
            processes.append(Process("the filer", "", place.late.deliver, is_late=True))
        return processes

    return Search(begin, judge.check, judge.end, scenario.bound), judge


def _run(place: Place, judge: Judge, script: Script, process: Process) -> None:
    for action in script.actions:
        verb, _, node = action.partition("@")
        process.node = node or script.node
        if verb in _GUESTS:
            process.take(Step(f"the guest: {verb}", SEEN, WRITERS))
            _GUESTS[verb](place, process.node)
            judge.guests_changed()
            continue
        process.verb = verb
        judge.verb_begins(process, verb)
        failure: DataOntapError | None = None
        try:
            VERBS[verb](place.provider(process))
        except DataOntapError as error:
            failure = error
        process.told.append(f"{action}: {failure or 'done'}")
        what = judge.verb_ends(process, verb, failure)
        if what:
            raise AssertionError(what)
        if failure is not None:
            return


def _start(place: Place, node: str) -> None:
    lun = place.lun(PATH)
    if lun is not None:
        place.seats[node].machine.hold(naa_of(lun))


def _stop(place: Place, node: str) -> None:
    place.seats[node].machine.release()


def _move(place: Place, node: str) -> None:
    """The guest goes on here: it ends where it ran, and never writes there any more."""
    for seat in place.seats.values():
        seat.machine.release()
    _start(place, node)


_GUESTS = {"start": _start, "stop": _stop, "move": _move}
