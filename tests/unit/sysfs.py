"""A node with a SAN, made of files: what the kernel would show in sysfs, and what multipath would do about it.

The names and contents are those of a Debian 12 guest with LIO as the filer (Linux 6.1, multipath-tools 0.9.4).
"""

from __future__ import annotations

import fcntl
import json
import os
import shutil
from functools import partial
from pathlib import Path
from typing import Any

from dataontap import inquiry
from dataontap.deadline import Deadline
from dataontap.errors import CommandError
from dataontap.host.bring_up import BringUp
from dataontap.host.identity import Proof
from dataontap.host.lun import Answer
from dataontap.host.multipath import Multipath
from dataontap.host.node import Limits, Node
from dataontap.host.run import brief
from dataontap.host.sysfs import SECTOR, Kernel, Nexus, Sysfs
from dataontap.host.take_down import TearDown
from dataontap.host.udev import Names
from tests.unit.clock import Clock, QuietEvents

HOSTS = (2, 3)
# Devices that every machine has lend their numbers to the maps.
LENDERS = ("/dev/null", "/dev/zero", "/dev/full", "/dev/random")
NEXUSES = [Nexus(host, 0, 0) for host in HOSTS]


class FakeKernel(Kernel):
    """Writing to sysfs has the effect that the kernel would give it, in whatever process."""

    def __init__(self, node: FakeNode) -> None:
        super().__init__()
        self._node = node

    def scan(self, nexus: Nexus, lun: int) -> None:
        self._may(f"scan {nexus}")
        self._node.scanned(nexus, lun)

    def delete(self, name: str) -> None:
        self._may(f"delete {name}")
        self._node.deleted(name)

    def rescan(self, name: str) -> None:
        self._may(f"rescan {name}")
        self._node.rescanned(name)

    def _may(self, what: str) -> None:
        if what in self._node.broken:
            raise OSError(5, "Input/output error")

    def announce(self, name: str) -> None:
        self._node.note("announced", name)
        self._node.name_maps()


class FakeNode:
    """The node. ``target`` is what the filer shows it: LUN number -> (identity, bytes), by host where they differ.

    State is in files, because children of the process under test change it.
    """

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.sysfs = directory / "sys"
        self.dev = directory / "dev"
        self.served = True  # multipathd runs
        self.blacklists = False  # and wants no map
        self.has_rules = True  # our rules are in udev's directory
        # Whether maps queue: as configured (in multipathd's words), now, and when multipathd looked last.
        self.no_path_retry = "on"
        self.queues = self.queued = True
        self._may_queue = True
        # How many times more multipathd does not make a map anew, and how many times in vain: see Proof._reload.
        self.reload_refusals = self.reloads_in_vain = 0
        # What the kernel cannot do: "scan 2:0:0", "delete sdc5", "rescan sdc5".
        self.broken: set[str] = set()
        for folder in ("class/scsi_disk", "class/scsi_device", "block"):
            (self.sysfs / folder).mkdir(parents=True)
        self.dev.mkdir()
        self.clock = Clock()
        self.deadline = Deadline(60, clock=self.clock)
        self.limits = Limits()
        self.wants_maps = True

    # The filer's side

    def show(self, lun: int, naa: str, size: int, hosts: tuple[int, ...] = HOSTS) -> None:
        """Let the target have a LUN at this number, seen by way of these hosts."""
        target = self._target()
        for host in hosts:
            target[f"{host}:{lun}"] = [naa, size]
        self._keep(target)

    def hide(self, lun: int, hosts: tuple[int, ...] = HOSTS) -> None:
        """Let it be gone."""
        target = self._target()
        for host in hosts:
            del target[f"{host}:{lun}"]
        self._keep(target)

    def protect(self, lun: int, protected: bool, hosts: tuple[int, ...] = HOSTS) -> None:
        """Let the target take no writes to a LUN, or take them again; nobody is told."""
        for host in hosts:
            file = self.directory / f"protected-{host}:{lun}"
            file.touch() if protected else file.unlink()

    def _target(self) -> dict[str, Any]:
        file = self.directory / "target.json"
        return json.loads(file.read_text()) if file.exists() else {}

    def _keep(self, target: dict[str, Any]) -> None:
        (self.directory / "target.json").write_text(json.dumps(target))

    # The kernel's side

    def scanned(self, nexus: Nexus, lun: int) -> None:
        with open(self.directory / "lock", "w") as lock:  # the kernel has its own
            fcntl.flock(lock, fcntl.LOCK_EX)
            self._scanned(nexus, lun)

    def _scanned(self, nexus: Nexus, lun: int) -> None:
        self.note("scanned", f"{nexus}:{lun}")
        found = self._target().get(f"{nexus.host}:{lun}")
        disk = self.sysfs / f"class/scsi_disk/{nexus}:{lun}"
        if found is None or disk.exists():
            return
        naa, size = found
        name = f"sd{chr(ord('a') + nexus.host)}{lun}"
        device = self.sysfs / f"devices/{nexus}:{lun}"
        (device / "block" / name / "holders").mkdir(parents=True)
        (device / "block" / name / "device").symlink_to(device)
        (device / "block" / name / "size").write_text(f"{size // SECTOR}\n")
        (device / "block" / name / "dev").write_text(f"8:{16 * nexus.host + lun}\n")
        self._learn_protection(name)
        (device / "state").write_text("running\n")
        (device / "wwid").write_text(f"naa.{naa}\n")
        disk.mkdir()
        (disk / "device").symlink_to(device)
        generic = self.sysfs / f"class/scsi_device/{nexus}:{lun}"
        generic.mkdir()
        (generic / "device").symlink_to(device)
        (self.sysfs / "block" / name).symlink_to(device / "block" / name)
        if self.served and self.wants_maps and not self.blacklists:
            self._map(naa, name, size)

    def _map(self, naa: str, path: str, size: int) -> None:
        """What multipathd does about a new path."""
        names = sorted(entry.name for entry in (self.sysfs / "block").glob("dm-*"))
        at = next((name for name in names if self._uuid(name) == naa), f"dm-{len(names)}")
        folder = self.sysfs / "block" / at
        if not folder.exists():
            (folder / "dm").mkdir(parents=True)
            (folder / "slaves").mkdir()
            (folder / "holders").mkdir()
            (folder / "dm/uuid").write_text(f"mpath-3{naa}\n")
            (folder / "dm/name").write_text(f"3{naa}\n")
            (folder / "size").write_text(f"{size // SECTOR}\n")
            number = Path(LENDERS[int(at[3:])]).stat().st_rdev
            (folder / "dev").write_text(f"{os.major(number)}:{os.minor(number)}\n")
        (folder / "slaves" / path).mkdir()
        self._reload(folder)
        (self.sysfs / "block" / path / "holders" / at).mkdir()
        self.name_maps()

    def _reload(self, folder: Path) -> None:
        """What a map becomes of its paths: read-only if one can be opened for reading only, running or not."""
        protected = any(
            (self.sysfs / "block" / slave.name / "ro").read_text() == "1\n"
            for slave in (folder / "slaves").iterdir()
        )
        (folder / "ro").write_text(f"{int(protected)}\n")

    def _uuid(self, name: str) -> str:
        return (self.sysfs / "block" / name / "dm/uuid").read_text().strip().replace("mpath-3", "")

    def deleted(self, name: str) -> None:
        self.note("deleted", name)
        for slave in (self.sysfs / "block").glob(f"dm-*/slaves/{name}"):
            slave.rmdir()
        link = self.sysfs / "block" / name
        device = link.resolve().parents[1]
        for folder in ("scsi_disk", "scsi_device"):
            shutil.rmtree(self.sysfs / "class" / folder / device.name)
        link.unlink()
        shutil.rmtree(device)

    def rescanned(self, name: str) -> None:
        self.note("rescanned", name)
        found = self._at(name)
        if found is not None:
            (self.sysfs / "block" / name / "size").write_text(f"{found[1] // SECTOR}\n")
            self._learn_protection(name)

    def _learn_protection(self, name: str) -> None:
        """What the kernel does when it reads a disk's write protection. Its map is not told."""
        (device,) = (self.sysfs / "devices").glob(f"*/block/{name}")
        host, _, _, lun = device.parents[1].name.split(":")
        protected = (self.directory / f"protected-{host}:{lun}").exists()
        (device / "ro").write_text(f"{int(protected)}\n")

    def _at(self, name: str) -> tuple[str, int] | None:
        """What the target has where a path leads."""
        address = (self.sysfs / "block" / name).resolve().parents[1].name
        host, _, _, lun = address.split(":")
        naa, size = self._target().get(f"{host}:{lun}", (None, 0))
        return (naa, size) if naa else None

    def ask(self, path: str) -> Answer:
        """What a path's LUN says now."""
        found = self._at(path)
        return Answer(inquiry.NAA, *found) if found else Answer(inquiry.NO_LUN, "sense 5/25/00")

    # udev's side

    def name_maps(self) -> None:
        """Make the links that the rules would make."""
        for file in (self.directory / "udev").glob("mpath-3*") if self.has_rules else ():
            link = self.dev / file.read_text().strip().partition("=")[2]
            for folder in (self.sysfs / "block").glob("dm-*"):
                if self._uuid(folder.name) == file.name[len("mpath-3") :]:
                    link.parent.mkdir(parents=True, exist_ok=True)
                    if link.is_symlink():
                        link.unlink()
                    elif link.exists():
                        continue  # udev leaves a file where it is
                    link.symlink_to(LENDERS[int(folder.name[3:])])

    # multipath's side

    def run(self, *argv: str, timeout: float) -> str:
        """The multipath tools."""
        self.note("ran", " ".join(argv))
        if argv[:2] == ("multipath", "-f"):
            self._flush(argv[2])
        if argv[:3] == ("multipathd", "resize", "map"):
            return self._resize(*argv)
        if argv[0] == "multipathd" and not self.served:
            raise CommandError(f"{brief(argv)} failed with status 1: no answer")
        if argv[:3] == ("multipathd", "reload", "map"):
            if self.reload_refusals:
                self.reload_refusals -= 1
                raise CommandError(f"{brief(argv)} failed with status 1: fail")
            if self.reloads_in_vain:
                self.reloads_in_vain -= 1
            else:
                self._reload(*self._maps(argv[3]))
            return "ok\n"
        return self._queueing(*argv)

    def _maps(self, title: str) -> list[Path]:
        found = (self.sysfs / "block").glob("dm-*")
        return [folder for folder in found if (folder / "dm/name").read_text().strip() == title]

    def _flush(self, title: str) -> None:
        for folder in self._maps(title):
            if (folder / "in-use").exists():
                raise CommandError("multipath -f failed with status 1: map in use")
            for slave in (folder / "slaves").iterdir():
                (self.sysfs / "block" / slave.name / "holders" / folder.name).rmdir()
            shutil.rmtree(folder)

    def _resize(self, *argv: str) -> str:
        for folder in (self.sysfs / "block").glob("dm-*"):
            sizes = [
                (self.sysfs / "block" / slave.name / "size").read_text()
                for slave in sorted((folder / "slaves").iterdir())
            ]
            if sizes[0] == (folder / "size").read_text():
                continue
            if len(set(sizes)) > 1:
                raise CommandError(f"{brief(argv)} failed with status 1: fail")
            (folder / "size").write_text(sizes[0])
        return "ok\n"

    def _queueing(self, *argv: str) -> str:
        """multipathd 0.9.4 acts by what it saw last, and looks at a map every 20 s at most: not in these tests."""
        if argv[1] in ("disablequeueing", "restorequeueing"):
            self._may_queue = argv[1] == "restorequeueing"
            wanted = self._shall_queue != "off"
            if self.queued != wanted:
                self.queues = wanted
        elif argv[-2:] == ("format", "%Q"):
            return f"{self._shall_queue}\n"
        elif argv[:2] == ("dmsetup", "message"):
            self.queues = argv[-1] == "queue_if_no_path"
        return ""

    @property
    def _shall_queue(self) -> str:
        return self.no_path_retry if self._may_queue else "off"

    # What happened

    def note(self, what: str, of: str) -> None:
        with (self.directory / "happened").open("a") as file:
            file.write(f"{what} {of}\n")

    def happened(self, what: str) -> list[str]:
        """What was scanned, deleted, rescanned, announced or ran, in order."""
        file = self.directory / "happened"
        lines = file.read_text().splitlines() if file.exists() else []
        return [line.partition(" ")[2] for line in lines if line.startswith(f"{what} ")]

    def devices(self) -> list[str]:
        """All block devices that are here."""
        return sorted(entry.name for entry in (self.sysfs / "block").iterdir())

    # The code under test, on this node

    @property
    def node(self) -> Node:
        return Node(
            Sysfs(str(self.sysfs)),
            FakeKernel(self),
            Multipath(self.run, self.deadline, str(self.directory / "wwids")),
            Names(str(self.directory / "udev"), str(self.dev)),
            self.deadline,
            wants_maps=self.wants_maps,
            limits=self.limits,
            ask_one=self.ask,
            events=partial(QuietEvents, clock=self.clock),
        )

    @property
    def proof(self) -> Proof:
        return Proof(self.node)

    @property
    def teardown(self) -> TearDown:
        return TearDown(self.node)

    @property
    def bring_up(self) -> BringUp:
        return BringUp(self.node, self.proof, self.teardown)
