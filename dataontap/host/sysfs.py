"""What the kernel knows of this node's SCSI disks and multipath maps, read from sysfs. Opens no device.

It is what the kernel *remembers*: identities here are caches, and lie after a LUN was exchanged. ``inquiry`` asks.
"""

from __future__ import annotations

import os
import re
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

SECTOR = 512  # sysfs counts block devices' sizes in these, whatever their own sector size is
RUNNING = "running"
_PAGE = 4096

_ADDRESS = re.compile(r"([0-9]+):([0-9]+):([0-9]+):([0-9]+)")
_NAA = re.compile(r"naa\.([0-9a-f]{32})")
_MULTIPATH = re.compile(r"mpath-3([0-9a-f]{32})")


@dataclass(frozen=True, order=True)
class Nexus:
    """Where one of this node's initiator ports sees a target: what the kernel calls host:channel:target."""

    host: int
    channel: int
    target: int

    def __str__(self) -> str:
        return f"{self.host}:{self.channel}:{self.target}"


@dataclass(frozen=True)
class ScsiPath:
    """A SCSI disk: one way to a LUN. ``lun`` is as the kernel counts, addressing method included.

    ``name`` is the block device's (sda). ``naa`` is the identity that the kernel has cached, if it is one.
    """

    name: str
    nexus: Nexus
    lun: int
    naa: str | None

    @property
    def device(self) -> str:
        """Its device node."""
        return f"/dev/{self.name}"


@dataclass(frozen=True)
class Map:
    """A multipath map: ``name`` is the block device's (dm-0), ``title`` the one that multipath knows it by."""

    name: str
    title: str
    naa: str
    paths: tuple[str, ...]

    @property
    def device(self) -> str:
        """Its device node. Its number is soon another map's: for looking at, never for keeping."""
        return f"/dev/{self.name}"


class Sysfs:
    """sysfs, at ``root``."""

    def __init__(self, root: str = "/sys") -> None:
        self.root = Path(root)

    def path_at(self, nexus: Nexus, lun: int) -> ScsiPath | None:
        """The SCSI disk at an address."""
        return self._path(self.root / f"class/scsi_disk/{nexus}:{lun}")

    def identity_at(self, nexus: Nexus, lun: int) -> str | None:
        """The identity of what is at an address and runs. A scan may return before that has its disk."""
        device = self.root / f"class/scsi_device/{nexus}:{lun}/device"
        return _naa(device) if _read(device / "state") == RUNNING else None

    def paths_of(self, naas: Collection[str]) -> list[ScsiPath]:
        """The SCSI disks that the kernel takes for one of these LUNs."""
        wanted = {f"naa.{naa}" for naa in naas}
        disks = self.root / "class/scsi_disk"
        found = [disks / name for name in _names(disks) if _read(f"{disks}/{name}/device/wwid") in wanted]
        return [path for path in map(self._path, found) if path]

    def luns(self) -> set[int]:
        """The LUNs, as the kernel counts, that it knows of whatever target, of whatever kind."""
        found = (_ADDRESS.fullmatch(entry.name) for entry in _entries(self.root / "class/scsi_device"))
        return {int(address[4]) for address in found if address}

    def _path(self, disk: Path) -> ScsiPath | None:
        address = _ADDRESS.fullmatch(disk.name)
        blocks = _entries(disk / "device/block")
        if address is None or len(blocks) != 1:
            return None
        host, channel, target, lun = map(int, address.groups())
        return ScsiPath(blocks[0].name, Nexus(host, channel, target), lun, _naa(disk / "device"))

    def maps_of(self, naas: Collection[str]) -> list[Map]:
        """The multipath maps of these LUNs; a LUN has one at most."""
        wanted = {f"mpath-3{naa}" for naa in naas}
        blocks = f"{self.root}/block"
        maps = [name for name in _names(blocks) if name.startswith("dm-")]
        found = [name for name in maps if _read(f"{blocks}/{name}/dm/uuid") in wanted]
        return [one for one in map(self.map, found) if one]

    def maps_on(self, path: str) -> list[Map]:
        """The multipath maps that a SCSI disk is in; one at most, but for the moment of a change."""
        holders = [entry.name for entry in _entries(self.root / "block" / path / "holders")]
        return [one for one in map(self.map, holders) if one]

    def map(self, name: str) -> Map | None:
        """The block device ``name`` if it is a multipath map of a LUN with an NAA identity.

        Its partitions are none, nor are logical volumes.
        """
        folder = self.root / "block" / name
        uuid = _MULTIPATH.fullmatch(_read(folder / "dm/uuid"))
        if uuid is None:
            return None
        slaves = tuple(sorted(slave.name for slave in _entries(folder / "slaves")))
        return Map(name, _read(folder / "dm/name"), uuid[1], slaves)

    def is_partition_map(self, name: str) -> bool:
        """Whether it is what kpartx makes of a map's partition; multipath takes it away with the map."""
        return re.match("part[0-9]+-mpath-", _read(self.root / "block" / name / "dm/uuid")) is not None

    def state(self, name: str) -> str:
        """A SCSI disk's state; whatever is not ``running`` had better not be asked anything. "" if it is gone."""
        return _read(self.root / "block" / name / "device/state")

    def identity(self, name: str) -> str | None:
        """The identity that the kernel has cached for a SCSI disk, if it is one."""
        return _naa(self.root / "block" / name / "device")

    def size(self, name: str) -> int | None:
        """What the kernel takes for a block device's size, in bytes; None if it is gone."""
        text = _read(self.root / "block" / name / "size")
        return int(text) * SECTOR if text.isdecimal() else None

    def is_write_protected(self, name: str) -> bool:
        """Whether the kernel takes a block device for write-protected: a disk, since its last scan or rescan."""
        return _read(self.root / "block" / name / "ro") == "1"

    def holders(self, name: str) -> list[str]:
        """What is built upon a block device or one of its partitions: the names of dm, md and the like."""
        return sorted({holder.name for part in self._parts(name) for holder in _entries(part / "holders")})

    def number(self, name: str) -> tuple[int, int] | None:
        """A block device's major and minor number; None if it is gone."""
        return next(iter(self.numbers(name)), None)

    def numbers(self, name: str) -> list[tuple[int, int]]:
        """The numbers of a block device and of the partitions that the kernel sees on it; none if it is gone."""
        found = [_read(part / "dev").partition(":") for part in self._parts(name)]
        return [(int(major), int(minor)) for major, colon, minor in found if colon]

    def _parts(self, name: str) -> list[Path]:
        """A block device and its partitions."""
        folder = self.root / "block" / name
        return [folder, *(entry for entry in _entries(folder) if (entry / "partition").exists())]

    def scan(self, nexus: Nexus, lun: int) -> None:
        """Let the kernel look for one LUN at ``nexus``. Returns when it has; raises OSError."""
        scan = self.root / f"class/scsi_host/host{nexus.host}/scan"
        _write(scan, f"{nexus.channel} {nexus.target} {lun}")

    def delete(self, name: str) -> None:
        """Let the kernel forget a SCSI disk; one that is gone already is fine. Raises OSError."""
        try:
            _write(self.root / "block" / name / "device/delete", "1")
        except FileNotFoundError:
            return

    def rescan(self, name: str) -> None:
        """Let the kernel read a SCSI disk's size, identity and write protection anew. Raises OSError."""
        _write(self.root / "block" / name / "device/rescan", "1")

    def announce(self, name: str) -> None:
        """Let udev look at a block device anew. Raises OSError."""
        _write(self.root / "block" / name / "uevent", "change")


def _entries(folder: Path) -> list[Path]:
    return [folder / name for name in _names(folder)]


def _names(folder: str | Path) -> list[str]:
    try:
        return sorted(os.listdir(folder))  # noqa: PTH208 - no object for each of thousands
    except OSError:
        return []  # not there, or gone while we looked


def _read(file: str | Path) -> str:
    """What a file of sysfs says, a page at most. Of thousands of disks each is read, so it is read at once."""
    try:
        descriptor = os.open(file, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return ""  # not there, or gone while we looked
    try:
        return os.read(descriptor, _PAGE).decode("ascii", "replace").strip()
    except OSError:
        return ""  # gone meanwhile, or nothing to tell
    finally:
        os.close(descriptor)


def _naa(device: Path) -> str | None:
    found = _NAA.fullmatch(_read(device / "wwid"))
    return found[1] if found else None


def _write(file: Path, text: str) -> None:
    # Not buffered: what the kernel says of it comes with the write, not with the close.
    descriptor = os.open(file, os.O_WRONLY | os.O_CLOEXEC)
    try:
        os.write(descriptor, text.encode())
    finally:
        os.close(descriptor)
