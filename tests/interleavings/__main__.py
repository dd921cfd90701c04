"""``python -m tests.interleavings``: search the interleavings of verbs on several nodes for a broken promise.

By default all pairs of verbs on two nodes without a fault, and those in a state where both have the device with
one fault; ``--all`` tries the rest. ``--mutations`` takes fixes out of the product to see that they are found. The
numbers of runs are compared with counts.json; ``--renew`` writes it.
"""

from __future__ import annotations

import argparse
import json
import logging
import multiprocessing
import os
import signal
import sys
import tempfile
import time
from collections.abc import Sequence
from multiprocessing.queues import SimpleQueue
from pathlib import Path
from typing import ClassVar

from tests.interleavings import scenarios, table
from tests.interleavings.explore import Result, explore
from tests.interleavings.grounds import GROUNDS, Ground
from tests.interleavings.mutations import MUTATIONS, found_by
from tests.interleavings.scenarios import Scenario
from tests.interleavings.search import Violation

COUNTS = Path(__file__).with_name("counts.json")
MEMORY = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None  # the nodes' files take a sixth of the time less


def _arguments(arguments: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.interleavings", description="Verbs at the same time.")
    parser.add_argument("--all", action="store_true", help="the rest: faults in other states, jobs, three nodes")
    parser.add_argument("--mutations", action="store_true", help="take fixes out, too, and see that each is found")
    parser.add_argument("--only", default="", metavar="TEXT", help="scenarios with this in their names")
    parser.add_argument("--renew", action="store_true", help="write the counts of runs to counts.json")
    parser.add_argument("--each", action="store_true", help="show the runs of each scenario, as they are done")
    parser.add_argument("--json", type=Path, metavar="FILE", help="where every verdict goes")
    return parser.parse_args(arguments)


def searched(chosen: Sequence[Scenario], directory: Path, *, each: bool) -> list[Result]:
    """Search these scenarios, in as many processes as there are cores. What is wrong is told at once.

    With ``each`` the number of runs is told, too. The threads of a search take turns: it needs a single core, and
    takes a quarter less time if it stays on that.
    """
    context = multiprocessing.get_context("fork")
    cores = context.SimpleQueue()
    for core in (usable := os.sched_getaffinity(0)):
        cores.put(core)
    with context.Pool(len(usable), _begin, (chosen, directory, each, cores)) as pool:
        found = pool.map(_search, range(len(chosen)), chunksize=1)
    return [
        Result(scenario, runs, unavailable, seconds, [(fault, Violation(what, [])) for fault, what in wrong])
        for scenario, (runs, unavailable, seconds, wrong) in zip(chosen, found)
    ]


class Worker:
    """What a process of ``searched`` works with. A class, because a pool's processes have no other memory."""

    chosen: ClassVar[Sequence[Scenario]]
    directory: ClassVar[Path]
    each: ClassVar[bool]
    grounds: ClassVar[dict[str, Ground]] = {}


def _begin(chosen: Sequence[Scenario], directory: Path, each: bool, cores: SimpleQueue[int]) -> None:
    os.sched_setaffinity(0, {cores.get()})
    Worker.chosen, Worker.directory, Worker.each = chosen, directory / str(os.getpid()), each
    signal.signal(signal.SIGTERM, signal.SIG_DFL)


def _search(number: int) -> tuple[int, int, float, list[tuple[str, str]]]:
    """Runs, runs that end without the LUN, seconds, and the violations, each with its fault.

    Not a Result, because scenarios cannot be sent.
    """
    scenario = Worker.chosen[number]
    if scenario.ground not in Worker.grounds:
        place = Worker.directory / scenario.ground.replace(" ", "-")
        Worker.grounds[scenario.ground] = GROUNDS[scenario.ground](place)
    result = explore(Worker.grounds[scenario.ground], scenario)
    if Worker.each:
        print(f"{result.runs:6} {result.seconds:5.1f} s {scenario}", flush=True)
    for fault, violation in result.violations:
        print(f"{table.of_trace(scenario, fault, violation)}\n", flush=True)
    wrong = [(fault, violation.what) for fault, violation in result.violations]
    return result.runs, result.unavailable, result.seconds, wrong


def _differences(results: Sequence[Result], *, new: bool) -> dict[str, str]:
    """Where the numbers of runs are not those in counts.json; ``new``: scenarios may be missing there."""
    expected: dict[str, int] = json.loads(COUNTS.read_text(encoding="utf-8"))
    found = {str(result.scenario): result.runs for result in results if not result.violations}
    known = {name: runs for name, runs in found.items() if name in expected or not new}
    wrong = {name: runs for name, runs in known.items() if runs != expected.get(name)}
    return {name: f"{runs} runs, {expected.get(name)} in {COUNTS.name}" for name, runs in wrong.items()}


def mutated(chosen: str) -> dict[str, str]:
    """What finds each mutation; "" if nothing does."""
    found = {}
    for mutation in (one for one in MUTATIONS if chosen in one.name):
        with tempfile.TemporaryDirectory(prefix="dataontap-mutation.") as directory:
            found[mutation.name] = found_by(mutation, Path(directory))
        print(f"mutation {mutation.name}\n    found by: {found[mutation.name] or 'NOTHING'}", flush=True)
    return found


def _renew(results: Sequence[Result]) -> None:
    expected = json.loads(COUNTS.read_text(encoding="utf-8"))
    expected.update({str(result.scenario): result.runs for result in results})
    COUNTS.write_text(json.dumps(dict(sorted(expected.items())), indent=0) + "\n", encoding="utf-8")


def main(arguments: Sequence[str]) -> int:
    """Search; returns the exit status."""
    options = _arguments(arguments)
    log = logging.getLogger("dataontap")
    log.addHandler(logging.NullHandler())
    log.propagate = False
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("interleavings: stopped"))
    began = time.monotonic()
    chosen = scenarios.by_name() if options.all else scenarios.by_default()
    chosen = [scenario for scenario in chosen if options.only in str(scenario)]
    with tempfile.TemporaryDirectory(prefix="dataontap-interleavings.", dir=MEMORY) as directory:
        results = searched(chosen, Path(directory), each=options.each)
    if options.renew:
        _renew(results)
    problems = {str(one.scenario): [violation.what for _, violation in one.violations] for one in results}
    for name, told in _differences(results, new=options.all).items():
        print(f"{name}: {told}")
        problems[name].append(told)
    print(
        f"{table.of_results(results)}\n"
        f"{sum(result.runs for result in results)} runs of {len(results)} scenarios in"
        f" {time.monotonic() - began:.0f} s ({sum(os.times()[:4]):.0f} s of a core)"
    )
    if options.mutations:
        problems.update({name: [] if found else ["not found"] for name, found in mutated(options.only).items()})
    if options.json:
        options.json.parent.mkdir(parents=True, exist_ok=True)
        verdicts = [{"name": name, "problems": found} for name, found in problems.items()]
        options.json.write_text(json.dumps(verdicts, indent=1) + "\n", encoding="utf-8")
    wrong = sum(map(bool, problems.values()))
    print(f"{wrong} of {len(problems)} are wrong")
    return 1 if wrong or not problems else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
