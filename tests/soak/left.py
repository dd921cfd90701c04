"""What is left of a soak when nothing runs any more: files, locks, processes, connections."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Collection, Iterator
from pathlib import Path

from tests.simulator.process import Simulator
from tests.soak.node import FleetNode
from tests.testbed.node import soon

# Caches, and the lock that stays (see ``state.locks``).
_STAY = frozenset({"svm", "noted-svm", "kind", "igroup", "igroup-uuid", "reporting", "scan.lock"})
_ESTABLISHED = "01"


def files(node: FleetNode, here: Collection[str], luns: Collection[str]) -> Iterator[str]:
    """Files in /run that nothing needs.

    Needed are caches, what is kept of the devices ``here``, and notes of clones among the ``luns``.
    """
    needed = {"attached": here, "lock": here, "closed": here, "cloning": luns}
    run = Path(node.run)
    for file in sorted(run.rglob("*")):
        kind, *name = file.relative_to(run).parts
        if file.is_dir() or kind in _STAY and not file.name.startswith("."):
            continue
        if name[0] not in needed.get(kind, ()):
            yield f"{node.name}: {file.relative_to(run)}"


def held_locks(node: FleetNode) -> Iterator[str]:
    """Locks that a process has."""
    for file in [*Path(node.run).glob("lock/*"), *Path(node.run).glob("*.lock")]:
        with file.open("rb") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                yield f"{node.name}: the lock {file.name} is held"


def processes(simulator: Simulator) -> list[str]:
    """Children of this process other than the simulator."""
    children = Path(f"/proc/self/task/{os.getpid()}/children").read_text(encoding="ascii").split()
    return [f"process {pid}" for pid in children if int(pid) != simulator.pid]


def connections(simulator: Simulator) -> list[str]:
    """Connections that the simulator still has, after a moment."""
    found: list[str] = []

    def none() -> bool:
        found[:] = _connections(simulator.port)
        return not found

    soon(none)
    return found


def _connections(port: int) -> Iterator[str]:
    for line in Path("/proc/net/tcp").read_text(encoding="ascii").splitlines()[1:]:
        _, local, remote, state, *_ = line.split()
        if state == _ESTABLISHED and local.endswith(f":{port:04X}"):
            yield f"a connection from {remote}"
