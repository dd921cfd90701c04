"""Soak a fleet: ``python -m tests.soak [--seconds 600] [--nodes 50] [--each 40] [--seed N]``.

The seed is printed. It gives each volume the same life again; which verbs meet depends on the machine.
"""

from __future__ import annotations

import argparse
import importlib
import logging
import pkgutil
import random
import shutil
import signal
import sys
import tempfile
import time
from pathlib import Path

from tests.simulator.process import Simulator
from tests.soak import left
from tests.soak.fleet import Fleet

# A directory in memory, as a node's /run is.
_MEMORY = "/dev/shm"
_VERBS = ("create", "attach", "open", "setinfo", "grow", "snapshot", "close", "detach", "remove")
_EVENTS = ("failed", "killed", "unsure", "crashes", "armed", "faults", "reboots", "looks")


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.soak", description=__doc__)
    parser.add_argument("--seconds", type=float, default=600)
    parser.add_argument("--nodes", type=int, default=50)
    parser.add_argument("--each", type=int, default=40, help="volumes for each node")
    parser.add_argument("--seed", type=int, default=random.randrange(10**6))
    return parser.parse_args()


def _warm_up() -> None:
    """Import what verbs import: each of their processes has it then."""
    import dataontap

    for module in pkgutil.walk_packages(dataontap.__path__, "dataontap."):
        importlib.import_module(module.name)
    for name in ("http.client", "ssl", "lxml.etree", "six", "oslo_utils.strutils", "threading"):
        importlib.import_module(name)


def _leftovers(fleet: Fleet, simulator: Simulator) -> list[str]:
    found = [*left.processes(simulator), *left.connections(simulator)]
    luns = {name for volume in fleet.volumes for name in volume.luns}
    for node in fleet.nodes:
        here = {name for volume in fleet.volumes for name, nodes in volume.at.items() if node.name in nodes}
        found += [*left.files(node, here, luns), *left.held_locks(node)]
    return found


def main() -> int:
    """Soak; returns the exit status."""
    options = _arguments()
    print(f"seed {options.seed}: {options.nodes} nodes with {options.each} volumes each", flush=True)
    _warm_up()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # clean up
    logging.getLogger("dataontap").addHandler(logging.NullHandler())  # only the verbs' last lines matter
    logging.getLogger("dataontap").propagate = False
    directory = Path(tempfile.mkdtemp(prefix="soak", dir=_MEMORY))
    began = time.monotonic()
    try:
        with Simulator(directory / "filer", "--luns-per-volume", "8192") as simulator:
            fleet = Fleet(directory, simulator, options.seed, nodes=options.nodes, each=options.each)
            try:
                fleet.soak(options.seconds)
            finally:
                fleet.kill_all()
                fleet.truth.close()
            problems = fleet.problems or [f"left: {what}" for what in _leftovers(fleet, simulator)]
            requests = simulator.requests()
    finally:
        shutil.rmtree(directory)
    seconds = time.monotonic() - began
    verbs = sum(fleet.count[verb] for verb in _VERBS)
    luns = sum(len(volume.luns) for volume in fleet.volumes)
    print(" ".join(f"{verb} {fleet.count[verb]}" for verb in _VERBS))
    print(" ".join(f"{event} {fleet.count[event]}" for event in _EVENTS))
    print(f"{verbs} verbs in {seconds:.0f} s, {len(requests)} requests; {luns} LUNs at the end")
    for problem in problems[:50]:
        print("PROBLEM:", *fleet.tell(problem), sep="\n")
    print(f"{0 if problems else 1} passed, {1 if problems else 0} failed ({len(problems)} problems)")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
