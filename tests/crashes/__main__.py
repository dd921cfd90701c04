"""``python -m tests.crashes``: kill every verb and hook at points of its work, and tell what became of them.

By default each kind of point is tried once, over REST, and over ZAPI those that are others there; ``--all`` tries
every point of every scenario over both APIs.
"""

from __future__ import annotations

import argparse
import logging
import os
import signal
import sys
import tempfile
import time
import traceback
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path

from tests.crashes.judge import Verdict, try_out
from tests.crashes.points import MOMENTS, Crash, recorded, representatives
from tests.sweep import command
from tests.sweep.judge import LETTERS, WRONG
from tests.sweep.labs import Labs
from tests.sweep.run import CleanRunFailed, at_a_time
from tests.sweep.scenarios import Scenario
from tests.testbed import product
from tests.testbed.node import Node

# A lab waits for its filer and its node in turn.
JOBS = 2 * (os.cpu_count() or 1)


def _arguments(arguments: Sequence[str]) -> argparse.Namespace:
    parser = command.parser(
        "tests.crashes", "kill -9 at the points of every verb and hook.", case="VERB / POINT N / MOMENT", jobs=JOBS
    )
    parser.add_argument("--points", action="store_true", help="only tell which points there are")
    return parser.parse_args(arguments)


class Crashes:
    """Scenarios and crashes, ``jobs`` of them at a time in as many labs."""

    def __init__(self, labs: Labs, jobs: int) -> None:
        self._labs = labs
        self._jobs = jobs

    def record(self, scenarios: Sequence[Scenario]) -> list[Crash]:
        """Every crash of each scenario."""
        return [crash for found in at_a_time(self._jobs, self._record, scenarios) for crash in found]

    def _record(self, scenario: Scenario) -> list[Crash]:
        with self._labs.lab(scenario) as lab:
            return recorded(scenario, lab)

    def run(self, crashes: Sequence[Crash]) -> list[Verdict]:
        """The verdicts, in the crashes' order; what is wrong is told at once."""
        verdicts = []
        for verdict in at_a_time(self._jobs, self._try, crashes):
            verdicts.append(verdict)
            if verdict.problems:
                print("\n      ".join([f"WRONG {verdict.crash}", *verdict.problems]), flush=True)
        return verdicts

    def _try(self, crash: Crash) -> Verdict:
        try:
            with self._labs.lab(crash.scenario) as lab:
                return try_out(crash, lab)
        except Exception:
            return Verdict(crash, WRONG, (f"could not be tried: {traceback.format_exc()}",))


def _table(verdicts: Iterable[Verdict]) -> str:
    """A row a verb and point, a letter for what became of it at each moment."""
    rows: dict[tuple[str, str], dict[str, str]] = {}
    for verdict in verdicts:
        crash = verdict.crash
        row = rows.setdefault((crash.scenario.name, crash.point), {})
        row[crash.moment] = LETTERS[verdict.outcome]
    head = [f"outcomes: {', '.join(f'{letter} {outcome}' for outcome, letter in LETTERS.items())}"]
    head += [f"{'killed':85}" + "".join(f" {moment:6}" for moment in MOMENTS)]
    lines = [
        f"{name:26} {point:58}" + "".join(f" {row.get(moment, '.'):6}" for moment in MOMENTS)
        for (name, point), row in rows.items()
    ]
    return "\n".join([*head, *lines])


def _counts(verdicts: Sequence[Verdict]) -> str:
    outcomes = Counter(verdict.outcome for verdict in verdicts)
    return ", ".join(f"{outcome} {times}" for outcome, times in outcomes.items())


def _record(verdict: Verdict) -> dict[str, object]:
    return {"crash": str(verdict.crash), "outcome": verdict.outcome, "problems": verdict.problems}


def _swept(options: argparse.Namespace, labs: Labs) -> list[Verdict]:
    """The verdicts over all APIs, and their tables."""
    verdicts: list[Verdict] = []
    kinds: set[object] = set()
    for api in [options.api] if options.api else command.APIS:
        Node.api = api
        sweep = Crashes(labs, options.jobs)
        crashes = sweep.record(command.scenarios(options.only, api))
        chosen = crashes if options.all else representatives(crashes, kinds)
        wanted = [crash for crash in chosen if options.only in str(crash)]
        print(f"over {api}: {len(crashes)} crashes, {len(wanted)} of them tried", flush=True)
        if options.points:
            print(*wanted, sep="\n")
            continue
        found = sweep.run(wanted)
        print(f"{_table(found)}\n\nover {api}: {_counts(found)}\n", flush=True)
        verdicts += found
    return verdicts


def main(arguments: Sequence[str]) -> int:
    """Sweep; returns the exit status."""
    options = _arguments(arguments)
    logging.getLogger("dataontap").addHandler(logging.NullHandler())  # the admin's client tries again, too
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("crashes: stopped"))
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="dataontap-crashes.") as place:
        directory = Path(place)
        try:
            with Labs(directory, product.install(directory / "product"), options.jobs) as labs:
                verdicts = _swept(options, labs)
        except CleanRunFailed as error:
            print(f"crashes: without any crash: {error}", file=sys.stderr)
            return 1
    if options.json:
        command.save(options.json, [_record(verdict) for verdict in verdicts])
    wrong = sum(1 for verdict in verdicts if verdict.problems)
    print(f"{len(verdicts)} crashes in {time.monotonic() - began:.0f} s; {wrong} wrong")
    return 1 if wrong or (not verdicts and not options.points) else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
