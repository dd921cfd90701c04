"""The levels of test, run one after the other: ``python -m tests.levels [LEVEL...]``, by default all that need no
machine to themselves.

Ends with what each took and one line that counts: tools count one each, test levels as many as they have tests.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import Callable, NamedTuple
from xml.etree import ElementTree

from tests.testbed.node import no_mount_point_left

ROOT = Path(__file__).resolve().parents[1]
TOOLS = Path(sys.executable).parent
CORES = os.cpu_count() or 1
Count = Counter[str]


class Level(NamedTuple):
    """What runs it, and what it is."""

    run: Callable[[], Count]
    about: str
    by_default: bool = True


def run(*command: str) -> int:
    """Run a tool in the repository, its output as it comes. It ends in good order when we are told to."""
    child = subprocess.Popen([str(TOOLS / command[0]), *command[1:]], cwd=ROOT)
    try:
        return child.wait()
    except BaseException:
        child.terminate()
        child.wait()
        raise


def check() -> Count:
    """Linters and the type checker."""
    tools = (
        ("ruff", "format", "--check", "--quiet", "."),
        ("ruff", "check", "--quiet", "."),
        ("mypy",),
        ("lint-imports",),
    )
    count: Count = Counter()
    for tool in tools:
        status = run(*tool)
        count["failed" if status else "passed"] += 1
        print(f"{' '.join(tool)}: {'failed' if status else 'fine'}", flush=True)
    return count


def tests(folder: str, *options: str) -> Callable[[], Count]:
    """A folder's tests."""

    def run_them() -> Count:
        with tempfile.TemporaryDirectory() as directory:
            report = Path(directory, "report.xml")
            places = (f"--junitxml={report}", f"--basetemp={directory}/tests")  # gone with the directory
            status = run("pytest", *places, *options, f"tests/{folder}")
            count = counted(report) if report.exists() else Counter(failed=1)
        if status and not count["failed"]:
            count["failed"] += 1
        return count

    return run_them


def counted(report: Path) -> Count:
    """The totals in pytest's XML report."""
    count: Count = Counter()
    for suite in ElementTree.parse(report).getroot().iter("testsuite"):
        number = {name: int(suite.get(name, "0")) for name in ("tests", "failures", "errors", "skipped")}
        count["failed"] += number["failures"] + number["errors"]
        count["skipped"] += number["skipped"]
        count["passed"] += number["tests"] - number["failures"] - number["errors"] - number["skipped"]
    return count


def bench() -> Count:
    """What each verb costs, and what it may: a verdict counts as a test does."""
    report = ROOT / ".bench/latest.json"
    report.unlink(missing_ok=True)
    status = run("python", "-m", "tests.bench", "--json", str(report))
    verdicts = json.loads(report.read_text(encoding="utf-8"))["verdicts"] if report.exists() else {}
    count = Counter("failed" if problem else "passed" for problem in verdicts.values())
    if status and not count["failed"]:
        count["failed"] += 1
    return count


def sweep(module: str, *options: str) -> Callable[[], Count]:
    """Faults at the verbs' calls, crashes, or verbs at the same time: a verdict counts as a test does."""

    def sweep_them() -> Count:
        report = ROOT / f".{module}/latest.json"
        report.unlink(missing_ok=True)
        status = run("python", "-m", f"tests.{module}", *options, "--json", str(report))
        verdicts = json.loads(report.read_text(encoding="utf-8")) if report.exists() else []
        count = Counter("failed" if verdict["problems"] else "passed" for verdict in verdicts)
        if status and not count["failed"]:
            count["failed"] += 1
        return count

    return sweep_them


def vm() -> Count:
    """The scenarios in guests; their tests run there, and their reports come out."""
    with tempfile.TemporaryDirectory() as directory:
        status = run("python", "-m", "tests.vm", "--protocol", "both", "--reports", directory)
        count: Count = sum((counted(report) for report in Path(directory).glob("*.xml")), Counter())
    if status and not count["failed"]:
        count["failed"] += 1
    return count


def module(*command: str) -> Callable[[], Count]:
    """A module of the tests. It counts as one test, and says more itself."""

    def run_it() -> Count:
        return Counter(failed=1) if run("python", "-m", *command) else Counter(passed=1)

    return run_it


LEVELS = {
    "check": Level(check, "ruff, mypy --strict, import-linter"),
    "unit": Level(tests("unit", "-q", "-n", "logical"), "pure: no program, no socket, no waiting"),
    "contract": Level(
        # Many tests wait: what gives up after a time has to.
        tests("contract", "-q", "-n", str(2 * CORES + 1), "--dist", "worksteal"),
        "Ganeti's code, the scripts, a filer, block devices",
    ),
    "contract-zapi": Level(
        tests("contract", "-q", "-n", str(2 * CORES + 1), "--dist", "worksteal", "--api", "zapi"),
        "the contract level with nodes that speak ZAPI",
        by_default=False,  # what differs between the APIs is in "contract" for both of them
    ),
    "sweep": Level(sweep("sweep"), "every fault at every call that a verb or hook makes over REST, and over ZAPI"),
    "sweep-all": Level(
        sweep("sweep", "--all"),
        "every fault at every call of every verb and hook",
        by_default=False,  # most cases come to the outcome of one that "sweep" has tried
    ),
    "crashes": Level(sweep("crashes"), "kill -9 at each kind of point in the verbs' and hooks' work"),
    "crashes-all": Level(
        sweep("crashes", "--all"),
        "kill -9 at every point of every verb and hook",
        by_default=False,  # most points end as one of their kind that "crashes" has tried
    ),
    "interleavings": Level(sweep("interleavings"), "verbs on two nodes at the same time, in every order"),
    "interleavings-all": Level(
        sweep("interleavings", "--all", "--mutations"),
        "every pair of verbs with every fault, Ganeti's jobs, three nodes; fixes taken out are found",
        by_default=False,  # it takes many minutes
    ),
    "load": Level(
        tests("load", "-q", "-n", "2"),
        "200 clients at once; random verbs and faults against a model",
    ),
    "fuzz": Level(
        module("tests.fuzz", "3600"),
        "odd inputs at every boundary, for an hour",
        by_default=False,  # "unit" tries some of them at each run
    ),
    "soak": Level(
        module("tests.soak"),
        "a fleet of 50 nodes with 2000 volumes for ten minutes, under faults, takeovers and crashes",
        by_default=False,  # it keeps both cores busy for ten minutes
    ),
    "package": Level(
        tests(
            "package",
            "-q",
            "-n",
            "logical",
            "--ignore=tests/package/autopkgtest",  # a level of its own
        ),
        "the Debian package, in clean Debian roots",
    ),
    "autopkgtest": Level(
        tests("package/autopkgtest", "-q"),
        "debian/tests on the installed package, and README's demonstration, in clean Debian roots",
        by_default=False,  # it is the contract level again, once for each release
    ),
    "cluster": Level(
        tests("cluster", "-q", "-n", "2", "--dist", "loadgroup"),
        "real Ganeti clusters, with the package on them",
        by_default=False,  # it keeps both cores busy for a quarter of an hour
    ),
    "vm": Level(
        vm,
        "a real kernel's iSCSI, FC, multipath and udev, in guests",
        by_default=False,  # emulated, it wants both cores for itself
    ),
    "bench": Level(bench, "what each verb costs, against tests/bench/baseline.json"),
}


def main(names: list[str]) -> int:
    """Run these levels; returns the exit status."""
    unknown = [name for name in names if name not in LEVELS]
    if unknown:
        print(f"no such level: {', '.join(unknown)}; there are {', '.join(LEVELS)}", file=sys.stderr)
        return 2
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("levels: stopped"))
    total: Count = Counter()
    table = []
    for name in names or [name for name, level in LEVELS.items() if level.by_default]:
        level = LEVELS[name]
        print(f"== {name}: {level.about}", flush=True)
        began = time.monotonic()
        with no_mount_point_left():
            count = level.run()
        seconds = time.monotonic() - began
        table.append(f"stage {name:13} {seconds:7.1f} s {count['passed']:5} passed {count['failed']:3} failed")
        total += count
    print("\n".join(["", *table]))
    print(f"{total['passed']} passed, {total['failed']} failed, {total['skipped']} skipped")
    return 1 if total["failed"] else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
