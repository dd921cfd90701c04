"""``python -m tests.sweep``: try faults at the calls of every verb and hook, and tell what became of them.

By default it is done over REST and over ZAPI, and each fault is tried once for each verb and call, and more often
only where its outcome depends on more (choice.py); ``--all`` tries every fault at every call, and checks that by
default nothing is overlooked.
"""

from __future__ import annotations

import argparse
import logging
import os
import signal
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from tests.simulator.faults import is_rest
from tests.sweep import choice, command, table
from tests.sweep.judge import Verdict
from tests.sweep.labs import Labs
from tests.sweep.run import CleanRunFailed, Sweep
from tests.testbed import product
from tests.testbed.node import Node

# Most labs wait for a deadline rather than work.
JOBS = 12 * (os.cpu_count() or 1)


def _arguments(arguments: Sequence[str]) -> argparse.Namespace:
    parser = command.parser(
        "tests.sweep", "Faults at the calls of every verb and hook.", case="VERB / CALL N / FAULT", jobs=JOBS
    )
    parser.add_argument("--calls", action="store_true", help="only tell which calls there are")
    return parser.parse_args(arguments)


def _told(verdict: Verdict) -> str:
    return "\n".join([f"WRONG {verdict.case}", *(f"      {problem}" for problem in verdict.problems)])


def _record(verdict: Verdict) -> dict[str, object]:
    return {
        "verb": verdict.case.scenario.name,
        "call": f"{verdict.case.api} {verdict.case.nth}",
        "fault": verdict.case.trial.name,
        "outcome": verdict.outcome,
        "seconds": round(verdict.seconds, 3),
        "message": verdict.message,
        "problems": verdict.problems,
    }


def _swept(options: argparse.Namespace, api: str, labs: Labs) -> list[Verdict]:
    """The verdicts over one API; what is wrong is told at once."""
    Node.api = api
    scenarios = command.scenarios(options.only, api)
    sweep = Sweep(labs, jobs=options.jobs)
    calls = sweep.record(scenarios)
    for name, made in calls.items():
        print(f"{name:22} {' > '.join(call for call, _ in made) or 'no call'}", flush=True)
    cases = [case for case in choice.every_case(scenarios, calls) if options.only in str(case)]
    cases = cases if options.all else choice.representatives(cases)
    verdicts = []
    for verdict in [] if options.calls else sweep.run(choice.spread(cases)):
        verdicts.append(verdict)
        if verdict.problems:
            print(_told(verdict), flush=True)
    return verdicts


def main(arguments: Sequence[str]) -> int:
    """Sweep; returns the exit status."""
    options = _arguments(arguments)
    logging.getLogger("dataontap").addHandler(logging.NullHandler())  # the admin's client tries again, too
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("sweep: stopped"))
    began = time.monotonic()
    verdicts: list[Verdict] = []
    with tempfile.TemporaryDirectory(prefix="dataontap-sweep.") as place:
        directory = Path(place)
        installed = product.install(directory / "product")
        try:
            with Labs(directory, installed, options.jobs) as labs:
                for api in [options.api] if options.api else command.APIS:
                    verdicts += _swept(options, api, labs)
        except CleanRunFailed as error:
            print(f"sweep: without any fault: {error}", file=sys.stderr)
            return 1
    if options.json:
        command.save(options.json, [_record(verdict) for verdict in verdicts])
    wrong = sum(1 for verdict in verdicts if verdict.problems)
    print(f"\n{table.matrix(verdicts)}\n")
    for api in command.APIS:
        over = [verdict for verdict in verdicts if is_rest(verdict.case.api) == (api == "rest")]
        if over:
            print(f"over {api}: {len(over)} cases\n{table.counts(over)}\n")
    slowest = max((verdict.seconds for verdict in verdicts), default=0.0)
    seconds = time.monotonic() - began
    overlooked = choice.overlooked(verdicts)
    for line in overlooked:
        print(f"OVERLOOKED by default: {line}")
    print(f"{len(verdicts)} cases in {seconds:.0f} s, the slowest run {slowest:.1f} s; {wrong} wrong")
    return 1 if wrong or overlooked or (not verdicts and not options.calls) else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
