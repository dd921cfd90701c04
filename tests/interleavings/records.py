"""The product's locks, records and caches of a machine: real files, written by a process of the model.

Each write is a step on the node, before which the process may be killed.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial

from dataontap.deadline import Deadline
from dataontap.state.cache import Cache
from dataontap.state.locks import Locks
from dataontap.state.records import Clones, Records
from tests.interleavings.baton import Process, Step
from tests.interleavings.kernel import SEEN
from tests.interleavings.machine import Dm, Machine


class ModelCache(Cache):
    """A cache in which a process writes."""

    process: Process

    def put(self, text: str) -> None:
        self.process.locally("cache")
        super().put(text)

    def age(self) -> None:
        self.process.locally("doubt the cache")
        super().age()


class ModelClones(Clones):
    """Notes of clones, written by a process."""

    def __init__(self, directory: str, process: Process) -> None:
        super().__init__(directory)
        self._process = process

    def begin(self, name: str, path: str) -> None:
        self._process.locally("note the clone")
        super().begin(name, path)

    def finish(self, name: str, path: str) -> None:
        self._process.locally("note the finished clone")
        super().finish(name, path)

    def drop(self, name: str) -> None:
        self._process.locally("drop the clone's note")
        super().drop(name)


class ModelRecords(Records):
    """Records of the model's devices, written by a process. The files are the product's."""

    def __init__(self, machine: Machine, process: Process, *, enabled: bool) -> None:
        directory = f"{machine.root}/run"
        super().__init__(
            {}, enabled=enabled, directory=directory, config_file=__file__, creator=lambda: process.name
        )
        self._machine = machine
        self._process = process
        self.clones = ModelClones(directory, process)

    def find(self, name: str, *, ask: bool = False) -> str | None:
        """As ``hotpath.proven``, whose query of the paths is the model's."""
        device = super().find(name, ask=ask)
        if device is None or (self.is_closed(name) and not ask):
            return device
        self._process.take(Step("query the recorded device", SEEN | {"luns"}))
        dm = self._machine.dm(self._machine.recorded.get(name, ""))
        lives = dm is not None and self._machine.is_alive(dm) and dm.size == self._size(dm)
        return device if lives else None

    def _size(self, dm: Dm) -> int | None:
        found = [self._machine.answers(disk) for disk in self._machine.paths(dm)]
        return next((lun.size for lun in found if lun), None)

    def identities(self, name: str) -> tuple[str, ...]:
        found = self._machine.recorded.get(name)
        return (found,) if found and self._recorded(name) else ()

    def keep(self, name: str, device: str, lun: str) -> None:
        self._process.locally("record the device")
        super().keep(name, device, lun)
        if not self._enabled:
            return
        minor = os.minor(os.stat(device).st_rdev)
        naas = [dm.naa for dm in self._machine.dms.values() if dm.minor == minor]
        self._machine.recorded.update(dict.fromkeys([name], *naas))

    def close(self, name: str) -> None:
        self._process.locally("mark as closed")
        super().close(name)

    def reopen(self, name: str) -> None:
        self._process.locally("mark as open")
        super().reopen(name)

    def begin(self, name: str) -> None:
        self._process.locally("mark as new")
        super().begin(name)

    def finish(self, name: str) -> None:
        self._process.locally("mark as finished")
        super().finish(name)

    def forget(self, name: str) -> None:
        self._process.locally("forget the device")
        super().forget(name)


class ModelLocks(Locks):
    """The product's locks, taken by a process. A lock that is held makes it wait until it is chosen again."""

    def __init__(self, deadline: Deadline, directory: str, process: Process) -> None:
        super().__init__(deadline, directory=directory, wait=self._await)
        self._process = process

    def _await(self, descriptor: int, seconds: float) -> bool:
        step = Step("wait for a lock", writes=frozenset({f"node {self._process.node}"}))
        self._process.take(step, partial(_lock, f"/proc/self/fd/{descriptor}"))
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True

    @contextmanager
    def volume(self, name: str) -> Iterator[None]:
        self._process.locally("lock the volume")
        with super().volume(name):
            yield

    @contextmanager
    def scan(self) -> Iterator[None]:
        self._process.locally("lock scans")
        with super().scan():
            yield


def _lock(path: str) -> bool:
    """Whether nothing holds the lock."""
    descriptor = os.open(path, os.O_RDWR | os.O_CLOEXEC)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    finally:
        os.close(descriptor)
    return True
