"""Measure every verb, show the table, and judge it: ``python -m tests.bench [--json FILE] [--lives N] [--renew]``.

The scripts run as installed, on a node of the test-bed, with the simulated filer. All figures go to FILE, by
default .bench/latest.json in the repository, which git ignores. They are held to the fixed limits and to the
baseline, tests/bench/baseline.json; ``--renew`` writes a new baseline instead of comparing, if the limits hold.
On a machine that is busy with other things the ratios are too high: do not renew it there.

Figures that are known to be wrong by nature: time and memory include the programs that a verb runs, so attach of
an absent device, grow and detach have the test-bed's fabric (a Python program) in them; and a peak below some
10 MiB cannot be seen (see stopwatch.py).
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import sys
import tempfile
from contextlib import ExitStack
from dataclasses import asdict
from pathlib import Path

from tests.bench import attach, lives, rules
from tests.bench.figures import Counts, Figures, Times, table
from tests.bench.lives import Volumes
from tests.bench.relay import Relay
from tests.bench.timing import Stopwatch
from tests.simulator.process import Simulator
from tests.testbed import filer, product
from tests.testbed.node import Node
from tests.testbed.product import PYTHON, ROOT

BASELINE = ROOT / "tests/bench/baseline.json"
LATEST = ROOT / ".bench/latest.json"
Rows = dict[str, Figures]


def load(file: Path) -> Rows:
    """The figures in a file that ``save`` made."""
    rows = json.loads(file.read_text(encoding="utf-8"))["figures"]
    return {name: Figures(Counts(**row["counts"]), Times(**row["times"])) for name, row in rows.items()}


def save(file: Path, rows: Rows, machine: dict[str, object], **others: object) -> None:
    """Write figures, with where they come from."""
    content = {"machine": machine, **others, "figures": {name: asdict(row) for name, row in rows.items()}}
    file.parent.mkdir(exist_ok=True)
    file.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")


class Bench:
    """Nodes, each with a filer: one for each API to time, and one to count, by plain HTTP and through the relay.

    Bytes of HTTP are nearly the same each time and everywhere; TLS would add a handshake a connection, whose
    length is a matter of OpenSSL's version and of keys.
    """

    def __init__(self, stack: ExitStack) -> None:
        directory = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="dataontap-bench.")))
        installed = product.install(directory / "product")
        self.volumes = Volumes()

        def start(name: str, *options: str) -> Simulator:
            simulator = stack.enter_context(Simulator(directory / name, *options))
            with filer.admin(simulator, tls="--http" not in options) as admin:
                filer.make_igroup(admin, "ganeti", "iqn.1993-08.org.debian:01:node1")
            return simulator

        def stopwatch(simulator: Simulator, name: str, **options: object) -> Stopwatch:
            node = stack.enter_context(Node(directory / name, name, installed, simulator, **options))
            return stack.enter_context(Stopwatch(node, installed, options))

        self.timing = {api: stopwatch(start(f"filer-{api}"), f"node-{api}", API=api) for api in lives.APIS}
        self.counted = start("filer-counted", "--http")
        self.relay = stack.enter_context(Relay(self.counted.port))
        plain = {"TRANSPORT_TYPE": "http", "CA_FILE": None, "PORT": self.relay.port}
        self.counting = stopwatch(self.counted, "node-counted", **plain)

    def machine(self) -> dict[str, object]:
        """Where the figures come from."""
        node = self.timing["rest"]
        now = node.run(["/usr/bin/date", "+%F"], {}).stdout.strip()
        version = node.run([PYTHON, "-c", "import platform; print(platform.python_version())"], {})
        return {
            "date": now,
            "cores": os.cpu_count(),
            "python": version.stdout.strip(),
            "kernel": platform.release(),
            "architecture": platform.machine(),
        }

    def measure(self, baseline: Rows, number: int) -> Rows:
        """All figures; times that are above what they may be are measured once more, and the second ones count."""
        counts = lives.count(self.counting, self.volumes, self.counted, self.relay)
        rows = self._with_times(counts, number)
        slow = rules.slow(rows, baseline)
        if slow:
            print(f"{table(rows)}\n\nmeasuring the times once more, because of: {', '.join(slow)}\n", flush=True)
            rows = self._with_times(counts, number)
        return rows

    def _with_times(self, counts: dict[str, Counts], number: int) -> Rows:
        times = lives.time(self.timing, self.volumes, number)
        return {row: Figures(counts[row], times[row]) for row in counts}


def main(arguments: list[str]) -> int:
    """Measure and judge; returns the exit status."""
    parser = argparse.ArgumentParser(prog="tests.bench", description="measure every verb against the baseline")
    parser.add_argument("--json", type=Path, default=LATEST, help="where the figures go")
    parser.add_argument("--lives", type=int, default=lives.LIVES, help="how many volumes over each API to time")
    parser.add_argument("--renew", action="store_true", help="write a new baseline")
    options = parser.parse_args(arguments)
    baseline = {} if options.renew or not BASELINE.exists() else load(BASELINE)
    with ExitStack() as stack:
        bench = Bench(stack)
        rows = bench.measure(baseline, options.lives)
        verdicts = {**rules.limits(rows), **attach.checks(bench.timing["rest"], bench.volumes.new())}
        machine = bench.machine()
    if not options.renew:
        verdicts = {**rules.compare(rows, baseline), **verdicts}
    failed = any(verdicts.values())
    save(options.json, rows, machine, verdicts=verdicts)
    if options.renew and not failed:
        save(BASELINE, rows, machine)
    print(f"{table(rows)}\n\n{rules.STATED}")
    for name, problem in verdicts.items():
        print(f"{'FAILED' if problem else 'holds '}  {name}{problem and f': {problem}'}")
    print(f"figures: {options.json}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
