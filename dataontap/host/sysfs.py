"""The kernel's data of this node's block devices, read from sysfs, and commands written to sysfs. Opens no device.

sysfs has what the kernel *remembers*: an identity here is a cache, and wrong after a LUN was exchanged.
``inquiry`` queries the LUN itself.
"""

from __future__ import annotations

import os
import re
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

SECTOR = 512  # the unit of block devices' sizes in sysfs, independent of their own sector size
RUNNING = "running"
_PAGE = 4096

_ADDRESS = re.compile(r"([0-9]+):([0-9]+):([0-9]+):([0-9]+)")
_NUMBER = re.compile(r"([0-9]{1,9}):([0-9]{1,9})")
_NAA = re.compile(r"naa\.([0-9a-f]{32})")
_MULTIPATH = "mpath-"
_WWID = re.compile(r"3([0-9a-f]{32})")
_PARTITION_MAP = re.compile(r"part[0-9]+-mpath-")


@dataclass(frozen=True, order=True)
class Nexus:
    """A target as an initiator port of this node sees it: the kernel's host:channel:target."""

    host: int
    channel: int
    target: int

    def __str__(self) -> str:
        return f"{self.host}:{self.channel}:{self.target}"


@dataclass(frozen=True)
class ScsiPath:
    """A SCSI disk: a path to a LUN. ``lun`` is the kernel's number, which includes the addressing method.

    ``name`` is the block device's (sda). ``naa`` is the identity that the kernel has cached, if that is an NAA.
    """

    name: str
    nexus: Nexus
    lun: int
    naa: str | None


@dataclass(frozen=True)
class Map:
    """A multipath map: ``name`` is the block device's (dm-0), ``title`` is multipath's name for it."""

    name: str
    title: str
    naa: str
    paths: tuple[str, ...]


@dataclass(frozen=True)
class Block:
    """A block device, or a partition, with its ``folder`` in sysfs. A removed device has no data."""

    folder: Path

    @property
    def name(self) -> str:
        """The kernel's name for it. Do not store a map's name: the kernel soon uses it for another map."""
        return self.folder.name

    @property
    def state(self) -> str:
        """A SCSI disk's state; do not query a disk that is not ``running``. "" if the disk is removed."""
        return read(self.folder / "device/state")

    @property
    def naa(self) -> str | None:
        """The identity that the kernel has cached for a SCSI disk, if it has the NAA form."""
        return _naa(self.folder / "device")

    @property
    def wwid(self) -> str | None:
        """The WWID of a multipath map; None for other devices."""
        uuid = read(self.folder / "dm/uuid")
        return uuid[len(_MULTIPATH) :] if uuid.startswith(_MULTIPATH) else None

    @property
    def map(self) -> Map | None:
        """The multipath map, if this is the map of a LUN with an NAA identity; None for all other devices."""
        naa = _WWID.fullmatch(self.wwid or "")
        if naa is None:
            return None
        return Map(self.name, read(self.folder / "dm/name"), naa[1], tuple(_names(self.folder / "slaves")))

    @property
    def is_partition_map(self) -> bool:
        """Whether it is kpartx's map of a partition of a map; multipath removes it together with that map."""
        return _PARTITION_MAP.match(read(self.folder / "dm/uuid")) is not None

    @property
    def size(self) -> int | None:
        """The kernel's size of it, in bytes; None if it is removed."""
        text = read(self.folder / "size")
        return int(text) * SECTOR if text.isdecimal() else None

    @property
    def is_write_protected(self) -> bool:
        """Whether the kernel has it as write-protected; for a disk, since its last scan or rescan."""
        return read(self.folder / "ro") == "1"

    @property
    def holders(self) -> list[str]:
        """The names of the devices (dm, md and the like) that are built upon it or its partitions."""
        return sorted({name for part in self._parts() for name in _names(part / "holders")})

    @property
    def number(self) -> tuple[int, int] | None:
        """Its major and minor number; None if it is removed."""
        return next(iter(self.numbers), None)

    @property
    def numbers(self) -> list[tuple[int, int]]:
        """Its number and its partitions' numbers; empty if it is removed."""
        found = [_NUMBER.fullmatch(read(part / "dev")) for part in self._parts()]
        return [(int(number[1]), int(number[2])) for number in found if number]

    def _parts(self) -> list[Path]:
        """The folders of the device and of its partitions."""
        return [self.folder, *(entry for entry in _entries(self.folder) if (entry / "partition").exists())]


class Kernel:
    """Commands to the kernel, in the sysfs at ``root``. Each may hang, and raises OSError."""

    def __init__(self, root: str = "/sys") -> None:
        self._root = Path(root)

    def scan(self, nexus: Nexus, lun: int) -> None:
        """Let the kernel scan for a single LUN at ``nexus``. Returns when the scan has ended."""
        scan = self._root / f"class/scsi_host/host{nexus.host}/scan"
        _write(scan, f"{nexus.channel} {nexus.target} {lun}")

    def delete(self, name: str) -> None:
        """Delete a SCSI disk from the kernel; it is no error if the disk is removed already."""
        try:
            _write(self._root / "block" / name / "device/delete", "1")
        except FileNotFoundError:
            return

    def rescan(self, name: str) -> None:
        """Let the kernel read a SCSI disk's size, identity and write protection again."""
        _write(self._root / "block" / name / "device/rescan", "1")

    def announce(self, name: str) -> None:
        """Send udev a change event of a block device, so that it runs its rules again."""
        _write(self._root / "block" / name / "uevent", "change")


class Sysfs:
    """sysfs, at ``root``."""

    def __init__(self, root: str = "/sys") -> None:
        self._root = Path(root)

    def block(self, name: str) -> Block:
        """The block device ``name``."""
        return Block(self._root / "block" / name)

    def numbered(self, number: int) -> Block | None:
        """The block device or partition with this device number; None if there is none."""
        folder = self._root / f"dev/block/{os.major(number)}:{os.minor(number)}"
        return Block(folder.resolve()) if folder.exists() else None

    def path_at(self, nexus: Nexus, lun: int) -> ScsiPath | None:
        """The SCSI disk at a LUN's address."""
        return self._path(self._root / f"class/scsi_disk/{nexus}:{lun}")

    def identity_at(self, nexus: Nexus, lun: int) -> str | None:
        """The identity of a running SCSI device at an address. Its disk may appear after the scan has returned."""
        device = self._root / f"class/scsi_device/{nexus}:{lun}/device"
        return _naa(device) if read(device / "state") == RUNNING else None

    def paths_of(self, naas: Collection[str]) -> list[ScsiPath]:
        """The SCSI disks that the kernel has recorded as paths to these LUNs."""
        wanted = {f"naa.{naa}" for naa in naas}
        disks = self._root / "class/scsi_disk"
        found = [disks / name for name in _names(disks) if read(f"{disks}/{name}/device/wwid") in wanted]
        return [path for path in map(self._path, found) if path]

    def luns(self) -> set[int]:
        """The kernel's LUN numbers of all SCSI devices, of all targets and all kinds."""
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
        """The multipath maps of these LUNs; a LUN has at most one map."""
        wanted = {f"{_MULTIPATH}3{naa}" for naa in naas}
        blocks = f"{self._root}/block"
        maps = [name for name in _names(blocks) if name.startswith("dm-")]
        found = [name for name in maps if read(f"{blocks}/{name}/dm/uuid") in wanted]
        return [found_map for found_map in map(self.map, found) if found_map]

    def maps_on(self, path: str) -> list[Map]:
        """The multipath maps that contain a SCSI disk: at most one, except for a moment during a change."""
        return [above for above in map(self.map, _names(self.block(path).folder / "holders")) if above]

    def map(self, name: str) -> Map | None:
        """See ``Block.map``."""
        return self.block(name).map


def _entries(folder: Path) -> list[Path]:
    return [folder / name for name in _names(folder)]


def _names(folder: str | Path) -> list[str]:
    try:
        return sorted(os.listdir(folder))  # noqa: PTH208 - no object for each of thousands
    except OSError:
        return []  # does not exist, or was removed meanwhile


def read(file: str | Path) -> str:
    """The content of a file of sysfs, at most a page. A single read, because there may be thousands of disks."""
    try:
        descriptor = os.open(file, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return ""  # does not exist, or was removed meanwhile
    try:
        return os.read(descriptor, _PAGE).decode("ascii", "replace").strip()
    except OSError:
        return ""  # removed meanwhile, or the file has no content to read
    finally:
        os.close(descriptor)


def _naa(device: Path) -> str | None:
    found = _NAA.fullmatch(read(device / "wwid"))
    return found[1] if found else None


def _write(file: Path, text: str) -> None:
    # Not buffered: the kernel reports an error at the write, not at the close.
    descriptor = os.open(file, os.O_WRONLY | os.O_CLOEXEC)
    try:
        os.write(descriptor, text.encode())
    finally:
        os.close(descriptor)
