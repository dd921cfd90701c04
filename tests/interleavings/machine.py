"""A model of a node: its devices, what the filer shows it, and the guest that has a device open.

It does what the kernel, multipathd and udev were seen to do (Linux 6.1, multipath-tools 0.9.4). A LUN has one path
here, and a multipath map upon it. A map stays, with what was queued in it, as long as a guest has it open, and a
path that comes later joins it: then what was queued is written.
"""

from __future__ import annotations

import os
import stat
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from dataontap.errors import CommandError

if TYPE_CHECKING:
    from dataontap.host.sysfs import Block
    from tests.simulator.filer import Filer
    from tests.simulator.model import Lun

MAJOR = 4001  # no driver has it: these devices are never opened


@dataclass(frozen=True)
class Disk:
    """A path: ``number`` is the LUN id where it leads."""

    name: str
    number: int
    naa: str
    size: int
    minor: int


@dataclass
class Dm:
    """A multipath map. ``was_fenced``: another node took the LUN while a guest had it open here."""

    name: str
    naa: str
    size: int
    minor: int
    queues: bool = True
    held: bool = False  # a guest has it open
    runs: bool = False  # and writes to it
    was_fenced: bool = False

    @property
    def title(self) -> str:
        return f"3{self.naa}"


def naa_of(lun: Lun) -> str:
    """The LUN's identity."""
    return "600a0980" + lun.serial.encode().hex()


@dataclass
class Machine:
    """A node: its devices, and its files below ``root``. ``initiator`` is its name for the SAN."""

    name: str
    root: Path
    filer: Filer
    initiator: str
    disks: dict[str, Disk] = field(default_factory=dict)
    dms: dict[str, Dm] = field(default_factory=dict)  # by name
    recorded: dict[str, str] = field(default_factory=dict)  # volume -> the identity in its record
    made: int = 0  # devices, so that no number is given twice
    blocks: dict[str, Block] = field(default_factory=dict)  # as sysfs shows them

    # What it sees of the filer

    def visible(self) -> dict[int, Lun]:
        """The LUNs that the filer shows to this node, by LUN id."""
        groups = [one.name for one in self.filer.igroups.values() if self.initiator in one.initiators]
        seen: dict[int, Lun] = {}
        for lun in self.filer.luns.values():
            seen.update({lun.maps[group]: lun for group in groups if group in lun.maps})
        return seen

    def answers(self, disk: Disk) -> Lun | None:
        """The LUN that answers where a path leads."""
        return self.visible().get(disk.number)

    def paths(self, dm: Dm) -> list[Disk]:
        """The map's paths."""
        return [disk for disk in self.disks.values() if disk.naa == dm.naa]

    def is_alive(self, dm: Dm) -> bool:
        """Whether a write to the map reaches its LUN."""
        seen = self.visible()
        return any(disk.number in seen and naa_of(seen[disk.number]) == dm.naa for disk in self.paths(dm))

    def dm(self, naa: str) -> Dm | None:
        """The LUN's map."""
        return next((dm for dm in self.dms.values() if dm.naa == naa), None)

    # What the kernel, multipathd and udev do

    def scan(self, number: int) -> None:
        """Look for a LUN at this id. A new path of a LUN that has a map joins that map."""
        lun = self.visible().get(number)
        if lun is None or any(disk.number == number for disk in self.disks.values()):
            return
        self.made += 1
        self.disks[f"sd{self.made}"] = Disk(f"sd{self.made}", number, naa_of(lun), lun.size, self.made)
        if self.dm(naa_of(lun)) is None:  # multipathd makes a map of a new path only
            self.made += 1
            self.dms[f"dm-{self.made}"] = Dm(f"dm-{self.made}", naa_of(lun), lun.size, self.made)
        self.link()

    def delete(self, name: str) -> None:
        """A path goes."""
        self.disks.pop(name, None)

    def flush(self, title: str) -> None:
        """A map goes, unless it is held."""
        for dm in [dm for dm in self.dms.values() if dm.title == title]:
            if dm.held:
                raise CommandError("multipath -f failed with status 1: map in use")
            del self.dms[dm.name]
        self.link()

    def link(self) -> None:
        """Let the names lead to what they are given to."""
        wanted = {}
        for dm in self.dms.values():
            file = self.root / f"udev/mpath-3{dm.naa}"
            if file.exists():
                wanted[self.root / "dev" / file.read_text().strip().partition("=")[2]] = dm.minor
        for path in self.links():
            if wanted.get(path) != os.minor(path.lstat().st_rdev):
                path.unlink()
        for path, minor in wanted.items():
            if not path.exists():
                path.parent.mkdir(parents=True, exist_ok=True)
                os.mknod(path, stat.S_IFBLK | 0o600, os.makedev(MAJOR, minor))

    def links(self) -> list[Path]:
        """The names there are."""
        return [path for path in (self.root / "dev").glob("*/*/*") if stat.S_ISBLK(path.lstat().st_mode)]

    # What a guest does

    def hold(self, naa: str, *, runs: bool = True) -> None:
        """A guest opens the LUN's device, and writes to it if it ``runs``."""
        dm = self.dm(naa)
        if dm is not None:
            dm.held, dm.runs = True, runs

    def release(self) -> None:
        """All guests end."""
        for dm in self.dms.values():
            dm.held = dm.runs = dm.was_fenced = False
