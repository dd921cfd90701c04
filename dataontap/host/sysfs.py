"""What the kernel knows of this node's block devices, read from sysfs, and what it is told there. Opens no device.

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
_MULTIPATH = "mpath-"
_WWID = re.compile(r"3([0-9a-f]{32})")
_PARTITION_MAP = re.compile(r"part[0-9]+-mpath-")


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


@dataclass(frozen=True)
class Map:
    """A multipath map: ``name`` is the block device's (dm-0), ``title`` the one that multipath knows it by."""

    name: str
    title: str
    naa: str
    paths: tuple[str, ...]


@dataclass(frozen=True)
class Block:
    """A block device, or a partition, with its ``folder`` in sysfs. Nothing is known of one that is gone."""

    folder: Path

    @property
    def name(self) -> str:
        """The kernel's name for it. A map's is soon another map's: for looking at, never for keeping."""
        return self.folder.name

    @property
    def state(self) -> str:
        """A SCSI disk's state; whatever is not ``running`` had better not be asked anything. "" if it is gone."""
        return read(self.folder / "device/state")

    @property
    def naa(self) -> str | None:
        """The identity that the kernel has cached for a SCSI disk, if it is one."""
        return _naa(self.folder / "device")

    @property
    def wwid(self) -> str | None:
        """The name by which multipath made it of a LUN's paths, if it is a multipath map."""
        uuid = read(self.folder / "dm/uuid")
        return uuid[len(_MULTIPATH) :] if uuid.startswith(_MULTIPATH) else None

    @property
    def map(self) -> Map | None:
        """It, if it is a multipath map of a LUN with an NAA identity. Partitions and logical volumes are none."""
        naa = _WWID.fullmatch(self.wwid or "")
        if naa is None:
            return None
        return Map(self.name, read(self.folder / "dm/name"), naa[1], tuple(_names(self.folder / "slaves")))

    @property
    def is_partition_map(self) -> bool:
        """Whether it is what kpartx makes of a map's partition; multipath takes it away with the map."""
        return _PARTITION_MAP.match(read(self.folder / "dm/uuid")) is not None

    @property
    def size(self) -> int | None:
        """What the kernel takes for its size, in bytes; None if it is gone."""
        text = read(self.folder / "size")
        return int(text) * SECTOR if text.isdecimal() else None

    @property
    def is_write_protected(self) -> bool:
        """Whether the kernel takes it for write-protected: a disk, since its last scan or rescan."""
        return read(self.folder / "ro") == "1"

    @property
    def holders(self) -> list[str]:
        """What is built upon it or one of its partitions: the names of dm, md and the like."""
        return sorted({name for part in self._parts() for name in _names(part / "holders")})

    @property
    def number(self) -> tuple[int, int] | None:
        """Its major and minor number; None if it is gone."""
        return next(iter(self.numbers), None)

    @property
    def numbers(self) -> list[tuple[int, int]]:
        """Its number and those of the partitions that the kernel sees on it; none if it is gone."""
        found = [read(part / "dev").partition(":") for part in self._parts()]
        return [(int(major), int(minor)) for major, colon, minor in found if colon]

    def _parts(self) -> list[Path]:
        """It and its partitions."""
        return [self.folder, *(entry for entry in _entries(self.folder) if (entry / "partition").exists())]


class Kernel:
    """What the kernel is told, in the sysfs at ``root``. Each may hang, and raises OSError."""

    def __init__(self, root: str = "/sys") -> None:
        self._root = Path(root)

    def scan(self, nexus: Nexus, lun: int) -> None:
        """Let the kernel look for one LUN at ``nexus``. Returns when it has."""
        scan = self._root / f"class/scsi_host/host{nexus.host}/scan"
        _write(scan, f"{nexus.channel} {nexus.target} {lun}")

    def delete(self, name: str) -> None:
        """Let the kernel forget a SCSI disk; one that is gone already is fine."""
        try:
            _write(self._root / "block" / name / "device/delete", "1")
        except FileNotFoundError:
            return

    def rescan(self, name: str) -> None:
        """Let the kernel read a SCSI disk's size, identity and write protection anew."""
        _write(self._root / "block" / name / "device/rescan", "1")

    def announce(self, name: str) -> None:
        """Let udev look at a block device anew."""
        _write(self._root / "block" / name / "uevent", "change")


class Sysfs:
    """sysfs, at ``root``."""

    def __init__(self, root: str = "/sys") -> None:
        self._root = Path(root)

    def block(self, name: str) -> Block:
        """The block device of that name."""
        return Block(self._root / "block" / name)

    def numbered(self, number: int) -> Block | None:
        """The block device, or the partition, with that number; None if there is none."""
        folder = self._root / f"dev/block/{os.major(number)}:{os.minor(number)}"
        return Block(folder.resolve()) if folder.exists() else None

    def path_at(self, nexus: Nexus, lun: int) -> ScsiPath | None:
        """The SCSI disk at an address."""
        return self._path(self._root / f"class/scsi_disk/{nexus}:{lun}")

    def identity_at(self, nexus: Nexus, lun: int) -> str | None:
        """The identity of what is at an address and runs. A scan may return before that has its disk."""
        device = self._root / f"class/scsi_device/{nexus}:{lun}/device"
        return _naa(device) if read(device / "state") == RUNNING else None

    def paths_of(self, naas: Collection[str]) -> list[ScsiPath]:
        """The SCSI disks that the kernel takes for one of these LUNs."""
        wanted = {f"naa.{naa}" for naa in naas}
        disks = self._root / "class/scsi_disk"
        found = [disks / name for name in _names(disks) if read(f"{disks}/{name}/device/wwid") in wanted]
        return [path for path in map(self._path, found) if path]

    def luns(self) -> set[int]:
        """The LUNs, as the kernel counts, that it knows of whatever target, of whatever kind."""
        found = map(_ADDRESS.fullmatch, _names(self._root / "class/scsi_device"))
        return {int(address[4]) for address in found if address}

    def _path(self, disk: Path) -> ScsiPath | None:
        address = _ADDRESS.fullmatch(disk.name)
        blocks = _names(disk / "device/block")
        if address is None or len(blocks) != 1:
            return None
        host, channel, target, lun = map(int, address.groups())
        return ScsiPath(blocks[0], Nexus(host, channel, target), lun, _naa(disk / "device"))

    def maps_of(self, naas: Collection[str]) -> list[Map]:
        """The multipath maps of these LUNs; a LUN has one at most."""
        wanted = {f"{_MULTIPATH}3{naa}" for naa in naas}
        blocks = f"{self._root}/block"
        maps = [name for name in _names(blocks) if name.startswith("dm-")]
        found = [name for name in maps if read(f"{blocks}/{name}/dm/uuid") in wanted]
        return [one for one in map(self.map, found) if one]

    def maps_on(self, path: str) -> list[Map]:
        """The multipath maps that a SCSI disk is in; one at most, but for the moment of a change."""
        return [one for one in map(self.map, _names(self.block(path).folder / "holders")) if one]

    def map(self, name: str) -> Map | None:
        """See ``Block.map``."""
        return self.block(name).map


def _entries(folder: Path) -> list[Path]:
    return [folder / name for name in _names(folder)]


def _names(folder: str | Path) -> list[str]:
    try:
        return sorted(os.listdir(folder))  # noqa: PTH208 - no object for each of thousands
    except OSError:
        return []  # not there, or gone while we looked


def read(file: str | Path) -> str:
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
    found = _NAA.fullmatch(read(device / "wwid"))
    return found[1] if found else None


def _write(file: Path, text: str) -> None:
    # Not buffered: what the kernel says of it comes with the write, not with the close.
    descriptor = os.open(file, os.O_WRONLY | os.O_CLOEXEC)
    try:
        os.write(descriptor, text.encode())
    finally:
        os.close(descriptor)
