"""A machine of the model as the product's own code sees it, in a process.

Only what it reads sysfs for, queries paths for and starts programs for is replaced.
"""

from __future__ import annotations

import os
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Callable

from dataontap import inquiry
from dataontap.host.children import Key
from dataontap.host.lun import Answer
from dataontap.host.node import Node
from dataontap.host.sysfs import RUNNING, Block, Kernel, Map, Nexus, ScsiPath, Sysfs
from dataontap.host.udev import Names
from tests.interleavings.baton import NOTHING, Process, Step
from tests.interleavings.machine import MAJOR, Disk, Machine, naa_of

NEXUS = Nexus(2, 0, 0)


@dataclass(frozen=True)
class ModelBlock(Block):
    """A disk or a map of the model."""

    machine: Machine

    @property
    def state(self) -> str:
        return RUNNING if self.name in self.machine.disks else ""

    @property
    def naa(self) -> str | None:
        disk = self.machine.disks.get(self.name)
        return disk.naa if disk else None

    @property
    def wwid(self) -> str | None:
        dm = self.machine.dms.get(self.name)
        return dm.title if dm else None

    @property
    def map(self) -> Map | None:
        dm = self.machine.dms.get(self.name)
        return Map(dm.name, dm.title, dm.naa, tuple(p.name for p in self.machine.paths(dm))) if dm else None

    @property
    def is_partition_map(self) -> bool:
        return False

    @property
    def size(self) -> int | None:
        found = self.machine.disks.get(self.name) or self.machine.dms.get(self.name)
        return found.size if found else None

    @property
    def is_write_protected(self) -> bool:
        return False

    @property
    def holders(self) -> list[str]:
        naa = self.naa
        return [dm.name for dm in self.machine.dms.values() if naa == dm.naa]

    @property
    def numbers(self) -> list[tuple[int, int]]:
        found = self.machine.disks.get(self.name) or self.machine.dms.get(self.name)
        return [(MAJOR, found.minor)] if found else []


class ModelSysfs(Sysfs):
    """The model as sysfs shows it."""

    def __init__(self, machine: Machine) -> None:
        super().__init__()
        self._machine = machine

    def block(self, name: str) -> Block:
        blocks = self._machine.blocks
        if name not in blocks:
            blocks[name] = ModelBlock(Path(name), self._machine)
        return blocks[name]

    def numbered(self, number: int) -> Block | None:
        found = (self.block(name) for name in (*self._machine.disks, *self._machine.dms))
        return next((one for one in found if (os.major(number), os.minor(number)) in one.numbers), None)

    def path_at(self, nexus: Nexus, lun: int) -> ScsiPath | None:
        return next((path for path in self._paths() if (path.nexus, path.lun) == (nexus, lun)), None)

    def identity_at(self, nexus: Nexus, lun: int) -> str | None:
        path = self.path_at(nexus, lun)
        return path.naa if path else None

    def paths_of(self, naas: Collection[str]) -> list[ScsiPath]:
        return [path for path in self._paths() if path.naa in naas]

    def _paths(self) -> list[ScsiPath]:
        return [ScsiPath(disk.name, NEXUS, disk.number, disk.naa) for disk in self._machine.disks.values()]

    def luns(self) -> set[int]:
        return {disk.number for disk in self._machine.disks.values()}

    def maps_of(self, naas: Collection[str]) -> list[Map]:
        found = (self.map(dm.name) for dm in self._machine.dms.values() if dm.naa in naas)
        return [one for one in found if one]

    def maps_on(self, path: str) -> list[Map]:
        return self.maps_of([self.block(path).naa or ""])


# What a look at the fabric depends on; and what decides who can write.
SEEN = frozenset({"maps", "groups"})
WRITERS = frozenset({"writers"})


class ModelKernel(Kernel):
    """Commands to the model, by a process."""

    def __init__(self, machine: Machine, process: Process) -> None:
        super().__init__()
        self._machine = machine
        self._process = process

    def scan(self, nexus: Nexus, lun: int) -> None:
        self._process.take(Step(f"scan {lun}", SEEN, WRITERS))
        self._machine.scan(lun)
        self._process.changed()

    def delete(self, name: str) -> None:
        self._process.locally(f"delete {name}")
        self._machine.delete(name)

    def rescan(self, name: str) -> None:
        self._process.take(Step(f"rescan {name}", SEEN | {"luns"}, NOTHING))
        disk = self._machine.disks.get(name)
        lun = self._machine.answers(disk) if disk else None
        if disk and lun:
            self._machine.disks[name] = Disk(name, disk.number, disk.naa, lun.size, disk.minor)
        self._process.changed()

    def announce(self, name: str) -> None:
        self._process.locally(f"announce {name}")
        self._machine.link()


@dataclass(frozen=True)
class ModelNode(Node):
    """The product's view of the model, in a process: no child process looks, and no program tells who holds."""

    # Always given.
    machine: Machine = None  # type: ignore[assignment]
    process: Process = None  # type: ignore[assignment]

    def find_device(self, path_format: str, *, hostname: str, pool: str, name: str) -> str | None:
        """The exact name only: here no rules of an admin give others."""
        path = path_format.format(hostname=hostname, pool=pool, name=name)
        return path if os.path.lexists(path) else None

    def ask(self, paths: Collection[str], seconds: float | None = None) -> dict[str, Answer]:
        if paths:
            self.process.take(Step(f"query {' '.join(sorted(paths))}", SEEN | {"luns"}, NOTHING))
        return {path: self._answer(path) for path in paths}

    def _answer(self, path: str) -> Answer:
        disk = self.machine.disks.get(path)
        if disk is None:
            return Answer(inquiry.DEAD, "removed")
        lun = self.machine.answers(disk)
        return Answer(inquiry.NAA, naa_of(lun), lun.size) if lun else Answer(inquiry.NO_LUN, "sense 5/25/00")

    def each(self, works: Mapping[Key, Callable[[], None]], seconds: float) -> dict[Key, str]:
        for work in works.values():
            work()
        return {}

    def openers(self, device: str, *, ignoring: str | None = None) -> list[str]:
        dm = self.machine.dms.get(self.block(device).name)
        return ["process 1 (qemu-system-x86)"] if dm and dm.held else []

    def claims(self, device: str) -> list[str]:
        return []


class ModelNames(Names):
    """Names for devices, given by a process."""

    def __init__(self, machine: Machine, process: Process) -> None:
        super().__init__(f"{machine.root}/udev", f"{machine.root}/dev")
        self._process = process

    def give(self, naa: str, path: str, *, multipath: bool) -> None:
        self._process.locally("give the name")
        super().give(naa, path, multipath=multipath)

    def take(self, naa: str) -> None:
        self._process.locally("take the name")
        super().take(naa)


def tools(machine: Machine, process: Process) -> Callable[..., str]:
    """The multipath tools, started by a process."""

    def run(*argv: str, timeout: float) -> str:
        words = argv[1:3] if argv[0] != "dmsetup" else (argv[0], argv[-1])
        if argv[:2] == ("multipath", "-f"):
            process.locally(f"multipath -f {argv[2][-4:]}")
            machine.flush(argv[2])
        elif words[-1] in {"disablequeueing", "fail_if_no_path", "restorequeueing", "queue_if_no_path"} or (
            words[0] in {"disablequeueing", "restorequeueing"}
        ):
            process.locally(f"{words[0]}")
            on = "restore" in words[0] or words[-1] == "queue_if_no_path"
            for dm in machine.dms.values():
                if dm.title in argv:
                    dm.queues = on
        elif argv[:3] == ("multipathd", "resize", "map"):
            for dm in machine.dms.values():
                if dm.title == argv[3]:
                    dm.size = max(path.size for path in machine.paths(dm))
            return "ok\n"
        elif argv[-1] == "%Q":
            return "on\n"
        return ""

    return run
