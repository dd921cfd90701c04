"""``python -m tests.vm [--protocol iscsi|fc|both] [SCENARIO...]``: scenarios, each in guests of its own.

Ends with the hazard table: what the first implementation's way did, what ours did, by which test.
"""

from __future__ import annotations

import argparse
import shutil
import signal
import sys
import tempfile
import threading
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import BinaryIO
from xml.etree import ElementTree

from tests.vm.guest import Guest, prepare
from tests.vm.image import image
from tests.vm.san import SANS

FC_CABLES = 2  # to each node
AT_A_TIME = 2  # guests that are busy; each has a processor's worth of work
FILER_ADDRESSES = ("10.77.1.1/24", "10.77.2.1/24")
NO_LOGIN = "on Linux 6.12 a target's FCoE port in VN2VN mode gets no port id, and no other port can log in to it"


@dataclass(frozen=True)
class Boot:
    """One scenario: a module of ``scenarios``, or of its folder ``nodes`` where there are guests beside its own,
    which are named ``nodes``; and its seconds at most.

    ``release`` is Debian's in the guests, this machine's if it is "". The nodes speak ``api`` to the filer, and
    reach its LUNs by ``protocol``, which is never ``not_over``: see NO_LOGIN.
    """

    module: str
    nodes: tuple[str, ...] = ()
    limit: float = 2400
    alone: bool = False  # because it measures, or has so much to do at once
    release: str = ""
    api: str = "rest"
    protocol: str = "iscsi"
    not_over: str = ""

    @property
    def name(self) -> str:
        """What it is called for."""
        return f"{self.module}-{self.release}" if self.release else self.module

    @property
    def report(self) -> str:
        """The name of its files."""
        return f"{self.name}-{self.protocol}"

    @property
    def tests(self) -> str:
        """Its file."""
        return f"tests/vm/scenarios/{'nodes/' if self.nodes else ''}test_{self.module}.py"


BOOTS = (
    Boot("moves", ("node1", "node2"), limit=7200),
    Boot("fencing", ("node1", "node2"), limit=3600),
    Boot("nodes", ("node1", "node2"), limit=3600, alone=True),
    Boot("hazards"),
    Boot("life"),
    Boot("life", release="trixie", api="zapi", not_over="fc"),
    Boot("paths"),
    Boot("figures", limit=4800, alone=True),
)


class Run:
    """One run of scenarios; what each says goes to our output when it is done, at once where it ``is_one``."""

    def __init__(self, directory: Path, reports: Path, *, only: str, is_one: bool) -> None:
        self._directory = directory
        self._reports = reports
        self._only = only
        self._is_one = is_one
        self._guests: list[Guest] = []
        self._printing = threading.Lock()

    def carry_out(self, boot: Boot) -> bool:
        """Whether all of the scenario's tests passed."""
        began = time.monotonic()
        said = b""
        if self._is_one:
            status = self._boot(boot, sys.stdout.buffer)
        else:
            with tempfile.TemporaryFile(dir=self._directory) as output:
                status = self._boot(boot, output)
                output.seek(0)
                said = output.read()
        report = self._directory / boot.report / "report.xml"
        if report.exists():
            report.replace(self._reports / f"{boot.report}.xml")
        with self._printing:
            sys.stdout.buffer.write(said)
            print(f"-- {boot.report}: status {status} after {time.monotonic() - began:.0f} s", flush=True)
        return status == 0

    def _boot(self, boot: Boot, output: BinaryIO) -> int:
        options = ["-v", "-s", "--tb=short", "-p", "no:cacheprovider", "-o", "junit_family=xunit1"]
        options += ["--api", boot.api, "--protocol", boot.protocol, "-k", self._only]
        command = ["python3", "-m", "pytest", *options, "--junitxml=/out/report.xml", boot.tests]
        cables = FC_CABLES if boot.protocol == "fc" else 0
        links = [(self._link(boot, name, "filer"), address) for name, address in zip(boot.nodes, FILER_ADDRESSES)]
        links += [(self._link(boot, name, "filer", cable), "") for name in boot.nodes for cable in range(cables)]
        name = "filer" if boot.nodes else "node1"
        cpus = AT_A_TIME if boot.alone else 1
        guests = [Guest(command, self._out(boot.report), name=name, links=links, memory=1536, cpus=cpus)]
        for number, node in enumerate(boot.nodes, 1):
            serve = ["python3", "-m", "tests.vm.machine"]
            links = [(self._link(boot, node, "node"), f"10.77.{number}.2/24")]
            links += [(self._link(boot, node, "node", cable), "") for cable in range(cables)]
            out = self._out(f"{boot.report}-{node}")
            guests.append(Guest(serve, out, name=node, links=links, reboots=True, cpus=cpus))
        self._guests += guests
        booted = image(boot.release)
        try:
            for guest in guests:
                guest.start(booted, output)
            return guests[0].wait(boot.limit)
        finally:
            for guest in guests:
                guest.stop()

    def _out(self, name: str) -> Path:
        out = self._directory / name
        shutil.copytree(self._directory / "prepared", out / "prepared")
        return out

    def _link(self, boot: Boot, node: str, end: str, cable: int | None = None) -> str:
        """One end of a cable between a node and the filer: a datagram socket in our directory for each end.

        The first one is the network's, ``cable`` one of Fibre Channel's.
        """
        other = "filer" if end == "node" else "node"
        which = "" if cable is None else f".{cable}"
        here, there = (self._directory / f"{boot.report}-{node}{which}.{one}" for one in (end, other))
        return f"dgram,local.type=unix,local.path={here},remote.type=unix,remote.path={there}"

    def stop(self) -> None:
        """Cut all guests' power."""
        for guest in self._guests:
            guest.stop()


def table(reports: Sequence[Path]) -> str:
    """The hazard table, from the tests' reports: each hazard once, with what came of it over each protocol."""
    found: dict[str, list[str]] = {}
    for report in reports:
        protocol = report.stem.rpartition("-")[2]
        for case in ElementTree.parse(report).getroot().iter("testcase"):
            for noted in case.iter("property"):
                if noted.get("name") == "hazard":
                    hazard, old, ours = str(noted.get("value")).split("\t")
                    lines = found.setdefault(f"{hazard}\n    test: {case.get('name')}", [])
                    lines += [f"{protocol:>9} old: {old}", f"{protocol:>8} ours: {ours}"]
    lines = [line for hazard, told in found.items() for line in (hazard, *told)]
    return "\n".join(["", "Hazards, and how a node fares:", *lines])


def main(arguments: Sequence[str]) -> int:
    """Run scenarios; returns the exit status."""
    parser = argparse.ArgumentParser(prog="python -m tests.vm", description="Run the scenarios in guests.")
    parser.add_argument("--reports", type=Path, help="where to leave JUnit reports, one a scenario")
    parser.add_argument("--only", default="", metavar="NAME", help="only tests with this in their names")
    parser.add_argument(
        "--protocol", choices=(*SANS, "both"), default="iscsi", help="by which the nodes reach the LUNs (iscsi)"
    )
    parser.add_argument("scenario", nargs="*", help=f"of {', '.join(boot.name for boot in BOOTS)}; default: all")
    options = parser.parse_args(arguments)
    protocols = [*SANS] if options.protocol == "both" else [options.protocol]
    wanted = [boot for boot in BOOTS if not options.scenario or boot.name in options.scenario]
    boots = [replace(boot, protocol=one) for boot in wanted for one in protocols if one != boot.not_over]
    for boot in wanted:
        if boot.not_over in protocols:
            print(f"-- {boot.name} over {boot.not_over}: not run: {NO_LOGIN}", flush=True)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("vm: stopped"))
    with tempfile.TemporaryDirectory(prefix="dataontap-vm.") as temporary:
        directory = Path(temporary)
        reports = (options.reports or directory).resolve()
        prepare(directory / "prepared")
        run = Run(directory, reports, only=options.only, is_one=len(boots) == 1)
        with ThreadPoolExecutor(AT_A_TIME) as pool:
            try:
                passed = [run.carry_out(boot) for boot in boots if boot.alone]
                passed += pool.map(run.carry_out, [boot for boot in boots if not boot.alone])
            except BaseException:
                pool.shutdown(wait=False, cancel_futures=True)
                run.stop()
                raise
        print(table([file for boot in boots if (file := reports / f"{boot.report}.xml").exists()]))
    return 0 if all(passed) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
