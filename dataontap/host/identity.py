"""A device is proven to be a LUN: by what its paths say now, not by what the kernel remembers of them.

And it is of use only if it can be written to.
"""

from __future__ import annotations

import logging
from collections.abc import Collection
from functools import partial

from dataontap import inquiry
from dataontap.errors import CommandError, DeadlineError, DeviceError
from dataontap.host.lun import Wanted
from dataontap.host.node import Node
from dataontap.host.sysfs import RUNNING, Map

LOG = logging.getLogger(__name__)


class Proof:
    """Asks the paths of devices, and goes by sysfs where there is nothing to be asked."""

    def __init__(self, node: Node) -> None:
        self._node = node
        self._sysfs = node.sysfs
        self._multipath = node.multipath
        self._limits = node.limits

    def prove(self, device: str, wanted: Wanted) -> None:
        """Ask every path of a device who it is and how large; DeviceError unless it is the LUN, whole.

        A path that does not answer is a warning as long as another one does. A device that the kernel takes for
        smaller than its paths say is told its size first.
        """
        name = self._node.block(device).name
        self._prove_identity(name, wanted.naas, wanted.size)
        if self._sysfs.block(name).size != wanted.size:
            self._resize(name, wanted)

    def agrees(self, device: str, wanted: Wanted) -> bool:
        """Whether ``device`` shows all of the LUN as far as the kernel remembers; nothing is asked.

        Raises DeviceError where it is certainly another one: it is larger, or sysfs knows an identity of it that
        is not the LUN's. That is what it said once; only ``prove`` tells what it says now.
        """
        for naa in self._node.identities(device):
            if naa not in wanted.naas:
                raise DeviceError(f"the device of this name is another LUN's (NAA {naa}); look at multipath -ll")
        seen, size = self._node.size(device), wanted.size
        if seen > size:
            raise DeviceError(f"the device of this name is another one: it has {seen} bytes, the LUN has {size}")
        return seen == size

    def prove_alive(self, device: str) -> None:
        """Ask every path of a device whether it is what the kernel takes it for; DeviceError unless one is.

        A device without an identity (a loop device, say) has nobody to be asked.
        """
        naas = self._node.identities(device)
        if naas:
            self._prove_identity(self._node.block(device).name, naas, None)

    def has_dead_map(self, naas: Collection[str]) -> bool:
        """Whether there is a map of one of these LUNs of which no path leads to it."""
        return any(
            not any(answer.naa == found.naa for answer in self._node.ask(found.paths).values())
            for found in self._sysfs.maps_of(naas)
        )

    def _prove_identity(self, name: str, naas: Collection[str], size: int | None) -> None:
        found = self._sysfs.map(name)
        naa = found.naa if found else self._sysfs.block(name).naa
        if naa not in naas:
            raise DeviceError(f"{name} is another LUN's (3{naa}), see multipath -ll")
        if self._node.wants_maps and found is None:
            raise DeviceError(f"{name} is a single path of 3{naa}, and MULTIPATH is True; detach it first")
        paths = found.paths if found else (name,)
        alive = 0
        for path, answer in sorted(self._node.ask(paths).items()):
            if answer.kind == inquiry.DEAD:
                continue
            if answer.naa != naa:
                told = f"LUN 3{answer.naa}" if answer.naa else "no LUN"
                raise DeviceError(f"its path {path} leads to {told} by now: {self._held_by(name)}")
            if size is not None and answer.size != size:
                raise DeviceError(f"{path} has {answer.size} bytes, its LUN {size} according to the filer")
            alive += 1
        if not alive:
            raise DeviceError(f"none of the paths of 3{naa} answers, see multipath -ll 3{naa}")

    def require_writable(self, device: str) -> None:
        """DeviceError if a device is write-protected, also when its paths were rescanned and its map was reloaded.

        Both are done only where sysfs says so: the kernel reads a disk's write protection when it scans the disk,
        a map has that of the disks that it was made of, and neither notices when the filer takes writes again (to
        a mirror's destination that was broken off, say). Of a device that is no LUN's only sysfs is read.
        """
        name = self._node.block(device).name
        if not self._protected(name):
            return
        failed = self._rescan(self._running_paths(name), "reading the paths' write protection anew")
        protected = self._protected(name)
        found = self._sysfs.map(name)
        if found and protected == [name]:
            self._reload(found)
        elif protected:
            LOG.warning("write-protected: %s", ", ".join(protected))
            if failed:
                path, why = min(failed.items())
                raise DeviceError(f"write-protected, and a rescan of {path} failed: {why}")
            raise DeviceError(
                "write-protected: the filer refuses writes to this LUN;"
                " look there: volume type dp (snapmirror break), read-only LUN"
            )
        LOG.info("%s was write-protected, and is not any more", name)

    def warn_if_protected(self, device: str) -> None:
        """As ``require_writable``, for a device that may be in use: its instance must be able to stop and move."""
        try:
            self.require_writable(device)
        except (DeviceError, DeadlineError) as error:
            LOG.warning("%s: %s", device, error)

    def _protected(self, name: str) -> list[str]:
        """What is write-protected of a device and its paths, as far as the kernel knows.

        One path is enough, also where the map is not: a write that a target refuses for good is not tried on
        another path (blk_path_error(), Linux), and the instance sees an error. A path that is down does not count:
        what is known of it is old, and nobody can be asked.
        """
        names = dict.fromkeys((name, *self._running_paths(name)))
        return [one for one in names if self._sysfs.block(one).is_write_protected]

    def _running_paths(self, name: str) -> list[str]:
        """The SCSI disks that run of those that a device consists of, or is; a loop device, say, has none."""
        found = self._sysfs.map(name)
        paths = found.paths if found else (name,)
        return [path for path in paths if self._sysfs.block(path).state == RUNNING]

    def _reload(self, found: Map) -> None:
        """Let a map that is read-only be made anew of paths that are not; DeviceError if it stays so.

        multipathd notes that a map's paths came write-protected. As long as it does, it makes the map read-only,
        and says ok. It forgets that when a path's event has made it reload the map, again in vain (seen, 0.9.4;
        ev_add_path(), uev_update_path()). So a reload may be too early: then the next path's event does it, or, if
        there is none, another reload.
        """
        down = [path for path in found.paths if self._sysfs.block(path).is_write_protected]
        if down:  # the map cannot be made of it but read-only, and nobody can ask it
            told = f"because of {', '.join(down)}, which is down; try again when all paths are back"
            raise DeviceError(f"write-protected: its paths are not, but its map is, {told}")
        problems: list[str | None] = []

        def reloaded() -> bool:
            problems.append(self._multipath.reload(found.title))
            return problems[-1] is None

        def writable() -> bool:
            return not self._sysfs.block(found.name).is_write_protected

        with self._node.events([found.naa]) as events:
            for _ in range(2):
                seconds = self._node.seconds(self._limits.other_paths, "the map to be made anew")
                if events.until(reloaded, seconds) and events.until(writable, seconds):
                    return
        LOG.warning("%s", problems[-1] or f"{found.title} was reloaded and is read-only again")
        raise DeviceError(
            f"write-protected: its paths are not, but its map is; run multipathd reload map {found.title}"
        )

    def _rescan(self, paths: Collection[str], what: str) -> dict[str, str]:
        """Let the kernel read anew what it remembers of paths; returns why it has not where it has not."""
        works = {path: partial(self._node.kernel.rescan, path) for path in paths}
        failed = self._node.each(works, self._node.seconds(self._limits.scan, what))
        for path, why in sorted(failed.items()):
            LOG.warning("the rescan of %s failed: %s", path, why)
        return failed

    def _held_by(self, name: str) -> str:
        held = self._node.holders(name)
        return f"stop {', '.join(held)} and try again" if held else "run detach and attach"

    def _resize_map(self, found: Map, behind: Collection[str]) -> None:
        """Let a map have its paths' size; DeviceError if those ``behind`` keep it from that.

        multipathd takes the size of a map's first path. It refuses where another that is down has the old size;
        where the first one has, it finds nothing to do, and says ok (cli_resize(), 0.9.4).
        """
        old = self._sysfs.block(found.name).size
        failure = None
        try:
            self._multipath.resize(found.title)
        except CommandError as error:
            if not behind:
                raise
            failure = error
        if behind and self._sysfs.block(found.name).size == old:
            told = f"down and of the old size: {', '.join(behind)}; so {found.title} keeps it"
            raise DeviceError(f"{told}; try again when all paths are back") from failure

    def _resize(self, device: str, wanted: Wanted) -> None:
        """Let this node see the LUN's size on a device that is proven to be its; DeviceError if it does not."""
        block = self._node.block(device)
        found = self._sysfs.map(block.name)
        paths = found.paths if found else (block.name,)
        failed = self._rescan(paths, "reading the paths' size anew")
        behind = [path for path in paths if self._sysfs.block(path).size != wanted.size]
        late = behind
        if len(behind) < len(paths):
            # Those that are down may keep the map as it is, and may not: multipathd knows.
            late = [path for path in behind if self._sysfs.block(path).state == RUNNING]
        if not late and found:
            self._resize_map(found, behind)
        with self._node.events(wanted.naas) as events:
            seconds = self._node.seconds(self._limits.gone, "the device's new size")
            if not events.until(lambda: block.size == wanted.size, seconds):
                small = f" ({', '.join(late)} did not follow)" if late else ""
                for path, why in ((path, failed[path]) for path in late if path in failed):
                    small = f" (the rescan of {path} failed: {why})"
                raise DeviceError(f"the LUN has {wanted.size} bytes, its device here {block.size}{small}")
        self._prove_identity(block.name, wanted.naas, wanted.size)
