#!/usr/bin/python3
"""The SAN of one node: loop devices over the contents of the LUNs that the simulator has mapped for it.

``attach`` makes this node see what is mapped to its igroup, or to any igroup that its initiator is in, as a rescan
would: a loop device and a link for each LUN, grown ones followed, unmapped ones dropped.  ``detach`` drops one
volume here, ``clear`` everything.  Each node has its own links and so its own loop devices.  Runs from any
directory.

What belongs to the node is written down beside its links *before* a loop device is set up, so that a fabric
killed at any moment is put right by the next one; and a loop device is taken down only if it still has the
file written down.
"""

from __future__ import annotations

import argparse
import contextlib
import fcntl
import json
import os
import sys
from collections.abc import Iterable, Iterator
from dataclasses import asdict
from pathlib import Path

if __name__ == "__main__":
    # Not this directory, whose modules are no top-level ones, but the repository.
    sys.path[0] = str(Path(__file__).resolve().parents[2])

from tests.simulator import journal
from tests.simulator.loopdevice import Disk, FabricError, free_device, losetup
from tests.simulator.model import Igroup, Lun

ATTEMPTS = 50


class Node:
    """What one node sees.  Its links are ``root/HOSTNAME/POOL/NAME``; all of it happens under the node's lock."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self._memory = self.root / ".fabric.json"
        self._lock = self.root / ".fabric.lock"
        self._disks: dict[str, Disk] = {}

    @contextlib.contextmanager
    def locked(self) -> Iterator[Node]:
        """Nobody else changes this node meanwhile."""
        while True:
            self.root.mkdir(parents=True, exist_ok=True)
            with self._lock.open("a") as lock:
                fcntl.flock(lock, fcntl.LOCK_EX)
                # clear() may have removed the file that we waited for.
                if not self._lock.exists() or not os.path.samestat(os.fstat(lock.fileno()), self._lock.stat()):
                    continue
                self._recall()
                yield self
                return

    def _recall(self) -> None:
        if self._memory.exists():
            disks = [Disk(**fields) for fields in json.loads(self._memory.read_text())]
            self._disks = {disk.link: disk for disk in disks}

    def _remember(self) -> None:
        fresh = self._memory.with_suffix(".new")
        fresh.write_text(json.dumps([asdict(disk) for disk in self._disks.values()]))
        fresh.replace(self._memory)

    def attach(self, luns: Iterable[Lun], state: Path, hostname: str) -> None:
        """See these LUNs, and nothing else of this filer."""
        wanted = {}
        for lun in luns:
            pool = f"{lun.volume}/{lun.qtree}" if lun.qtree else lun.volume
            link = str(self.root / hostname / pool / lun.name)
            wanted[link] = (lun.name, state.resolve() / "luns" / lun.uuid)
        for disk in list(self._disks.values()):
            if disk.hostname == hostname and (
                disk.link not in wanted or disk.file != str(wanted[disk.link][1]) or not disk.alive
            ):
                self._drop(disk)
        for link, (volume, file) in wanted.items():
            if link not in self._disks:
                self._set_up(hostname, volume, link, file)
            self._show(self._disks[link], file)

    def detach(self, hostname: str, volume: str) -> None:
        """Do not see this volume any more; nothing there is success."""
        for disk in list(self._disks.values()):
            if (disk.hostname, disk.volume) == (hostname, volume):
                self._drop(disk)

    def clear(self) -> None:
        """See nothing, and leave nothing behind."""
        for disk in list(self._disks.values()):
            self._drop(disk)
        self._memory.unlink(missing_ok=True)
        self._lock.unlink(missing_ok=True)
        with contextlib.suppress(OSError):  # not ours alone, then it stays
            self.root.rmdir()

    def _set_up(self, hostname: str, volume: str, link: str, file: Path) -> None:
        """A loop device of our own; others take free numbers, too, so try again."""
        complaint = ""
        for _ in range(ATTEMPTS):
            device = free_device()
            disk = Disk(hostname, volume, link, device, str(file))
            self._disks[link] = disk
            self._remember()
            complaint = losetup(device, str(file))
            if not complaint:
                return
            del self._disks[link]
            self._remember()
            if "busy" not in complaint:
                break
        raise FabricError(f"no loop device for {file}: {complaint}")

    def _show(self, disk: Disk, file: Path) -> None:
        """The device as large as the LUN, and its link in place all at once."""
        if disk.size != file.stat().st_size:
            complaint = losetup("--set-capacity", disk.device)
            if complaint:
                raise FabricError(f"{disk.device} cannot grow: {complaint}")
        link = Path(disk.link)
        if not link.is_symlink() or str(link.readlink()) != disk.device:
            link.parent.mkdir(parents=True, exist_ok=True)
            fresh = link.with_name(f".{link.name}.new")
            fresh.unlink(missing_ok=True)
            fresh.symlink_to(disk.device)
            fresh.replace(link)

    def _drop(self, disk: Disk) -> None:
        """Take link and loop device away; a device that is held open goes when it is let go."""
        link = Path(disk.link)
        if link.is_symlink() and str(link.readlink()) == disk.device:
            link.unlink()
        if disk.alive:
            complaint = losetup("--detach", disk.device)
            if complaint and disk.alive:
                raise FabricError(f"{disk.device} cannot be detached: {complaint}")
        del self._disks[disk.link]
        self._remember()
        for directory in link.parents:
            if directory == self.root or not directory.is_relative_to(self.root):
                break
            with contextlib.suppress(OSError):  # other links are in it
                directory.rmdir()


def _visible(options: argparse.Namespace) -> Iterator[Lun]:
    """The LUNs that are online and mapped to the igroup, or to one that the initiator is in."""
    tables = journal.read(options.state)
    groups = {
        group.key
        for group in tables[Igroup.kind].values()
        if isinstance(group, Igroup)
        and (group.name == options.igroup or options.initiator in group.initiators)
        and options.vserver in {None, group.vserver}
    }
    for lun in tables[Lun.kind].values():
        if isinstance(lun, Lun) and lun.online and any((lun.vserver, name) in groups for name in lun.maps):
            yield lun


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="The simulated SAN of one node.")
    verbs = parser.add_subparsers(dest="verb", required=True)
    attach = verbs.add_parser("attach", help="see what is mapped to the igroup or the initiator")
    attach.add_argument("--state", type=Path, required=True, help="the simulator's state directory")
    who = attach.add_mutually_exclusive_group(required=True)
    who.add_argument("--igroup")
    who.add_argument("--initiator")
    attach.add_argument("--vserver", help="only this vserver's LUNs")
    detach = verbs.add_parser("detach", help="do not see a volume any more")
    detach.add_argument("--volume", required=True, help="the last component of its LUN's path")
    clear = verbs.add_parser("clear", help="leave nothing behind")
    for verb in (attach, detach, clear):
        verb.add_argument("--links", type=Path, required=True, help="the directory of HOSTNAME/POOL/NAME links")
    for verb in (attach, detach):
        verb.add_argument("--hostname", required=True, help="the filer's, for the links")
    return parser.parse_args()


def main() -> None:
    """Do one verb; a failure is one line and exit status 1."""
    options = _arguments()
    try:
        with Node(options.links).locked() as node:
            if options.verb == "attach":
                node.attach(_visible(options), options.state, options.hostname)
            elif options.verb == "detach":
                node.detach(options.hostname, options.volume)
            else:
                node.clear()
    except (FabricError, OSError) as error:
        raise SystemExit(f"fabric: {options.verb}: {error}") from None


if __name__ == "__main__":
    main()
