"""A device is proven to be a LUN: by what its paths say now, not by what the kernel remembers of them.

And it is of use only if it can be written to.
"""

from __future__ import annotations

import logging
from collections.abc import Collection
from functools import partial

from dataontap import inquiry
from dataontap.errors import CommandError, DeviceError
from dataontap.host.lun import Wanted
from dataontap.host.node import Node, kernel_name
from dataontap.host.sysfs import RUNNING, Map

LOG = logging.getLogger(__name__)


class Proof:
    """Asks the paths of devices; nothing is opened but these."""

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
        name = kernel_name(device)
        self._prove_identity(name, wanted.naas, wanted.size)
        if self._sysfs.size(name) != wanted.size:
            self._resize(name, wanted)

    def prove_alive(self, device: str) -> None:
        """Ask every path of a device whether it is what the kernel takes it for; DeviceError unless one is.

        A device without an identity (a loop device, say) has nobody to be asked.
        """
        naas = self._node.identities(device)
        if naas:
            self._prove_identity(kernel_name(device), naas, None)

    def has_dead_map(self, naas: Collection[str]) -> bool:
        """Whether there is a map of one of these LUNs of which no path leads to it."""
        return any(
            not any(answer.naa == found.naa for answer in self._node.ask(found.paths).values())
            for found in self._sysfs.maps_of(naas)
        )

    def _prove_identity(self, name: str, naas: Collection[str], size: int | None) -> None:
        found = self._sysfs.map(name)
        naa = found.naa if found else self._sysfs.identity(name)
        if naa not in naas:
            raise DeviceError(f"{name} is another LUN's (3{naa}), see multipath -ll")
        if self._node.wants_maps and found is None:
            raise DeviceError(f"{name} is a single path of 3{naa}, and MULTIPATH is True; detach it first")
        paths = found.paths if found else (name,)
        alive = 0
        for path, answer in sorted(self._node.ask(paths).items()):
            if answer.kind == inquiry.DEAD:
                LOG.warning("%s does not answer: %s", path, answer.told)
            elif answer.naa != naa:
                told = f"LUN 3{answer.naa}" if answer.naa else "no LUN"
                raise DeviceError(f"its path {path} leads to {told} by now: {self._held_by(name)}")
            elif size is not None and answer.size != size:
                raise DeviceError(f"{path} has {answer.size} bytes, its LUN {size} according to the filer")
            else:
                alive += 1
        if not alive:
            raise DeviceError(f"none of the paths of 3{naa} answers, see multipath -ll 3{naa}")

    def require_writable(self, device: str) -> None:
        """DeviceError if a device is write-protected, also when its paths were rescanned and its map was reloaded.

        Both are done only where sysfs says so: the kernel reads a disk's write protection when it scans the disk,
        a map has that of the disks that it was made of, and neither notices when the filer takes writes again (to
        a mirror's destination that was broken off, say). Of a device that is no LUN's only sysfs is read.
        """
        name = kernel_name(device)
        if not self._protected(name):
            return
        self._rescan(self._running_paths(name), "reading the paths' write protection anew")
        protected = self._protected(name)
        found = self._sysfs.map(name)
        if found and protected == [name]:
            self._reload(found)
        elif protected:
            LOG.warning("write-protected: %s", ", ".join(protected))
            raise DeviceError(
                "write-protected: the filer refuses writes to this LUN;"
                " look there: volume type dp (snapmirror break), read-only LUN"
            )
        LOG.info("%s was write-protected, and is not any more", name)

    def _protected(self, name: str) -> list[str]:
        """What is write-protected of a device and its paths, as far as the kernel knows.

        One path is enough, also where the map is not: a write that a target refuses for good is not tried on
        another path (blk_path_error(), Linux), and the instance sees an error. A path that is down does not count:
        what is known of it is old, and nobody can be asked.
        """
        names = dict.fromkeys((name, *self._running_paths(name)))
        return [one for one in names if self._sysfs.is_write_protected(one)]

    def _running_paths(self, name: str) -> list[str]:
        """The SCSI disks that run of those that a device consists of, or is; a loop device, say, has none."""
        found = self._sysfs.map(name)
        paths = found.paths if found else (name,)
        return [path for path in paths if self._sysfs.state(path) == RUNNING]

    def _reload(self, found: Map) -> None:
        """Let a map that is read-only be made anew of paths that are not; DeviceError if it stays so.

        multipathd notes that a map's paths came write-protected. As long as it does, it makes the map read-only,
        and says ok. It forgets that when a path's event has made it reload the map, again in vain (seen, 0.9.4;
        ev_add_path(), uev_update_path()). So a reload may be too early: then the next path's event does it, or, if
        there is none, another reload.
        """
        down = [path for path in found.paths if self._sysfs.is_write_protected(path)]
        if down:  # the map cannot be made of it but read-only, and nobody can ask it
            told = f"because of {', '.join(down)}, which is down; try again when all paths are back"
            raise DeviceError(f"write-protected: its paths are not, but its map is, {told}")
        problems: list[str | None] = []

        def reloaded() -> bool:
            problems.append(self._multipath.reload(found.title))
            return problems[-1] is None

        def writable() -> bool:
            return not self._sysfs.is_write_protected(found.name)

        with self._node.events([found.naa]) as events:
            for _ in range(2):
                seconds = self._node.seconds(self._limits.other_paths, "the map to be made anew")
                if events.until(reloaded, seconds) and events.until(writable, seconds):
                    return
        LOG.warning("%s", problems[-1] or f"{found.title} was reloaded and is read-only again")
        raise DeviceError(
            f"write-protected: its paths are not, but its map is; run multipathd reload map {found.title}"
        )

    def _rescan(self, paths: Collection[str], what: str) -> None:
        """Let the kernel read anew what it remembers of paths; how that went is for the caller to see."""
        works = {path: partial(self._sysfs.rescan, path) for path in paths}
        self._node.each(works, self._node.seconds(self._limits.scan, what))

    def _held_by(self, name: str) -> str:
        held = self._node.holders(name)
        return f"stop {', '.join(held)} and try again" if held else "run detach and attach"

    def _resize_map(self, found: Map, behind: Collection[str]) -> None:
        """Let a map have its paths' size; DeviceError if those ``behind`` keep it from that.

        multipathd takes the size of a map's first path. It refuses where another that is down has the old size;
        where the first one has, it finds nothing to do, and says ok (cli_resize(), 0.9.4).
        """
        old = self._sysfs.size(found.name)
        failure = None
        try:
            self._multipath.resize(found.title)
        except CommandError as error:
            if not behind:
                raise
            failure = error
        if behind and self._sysfs.size(found.name) == old:
            told = f"down and of the old size: {', '.join(behind)}; so {found.title} keeps it"
            raise DeviceError(f"{told}; try again when all paths are back") from failure

    def _resize(self, device: str, wanted: Wanted) -> None:
        """Let this node see the LUN's size on a device that is proven to be its; DeviceError if it does not."""
        name = kernel_name(device)
        found = self._sysfs.map(name)
        paths = found.paths if found else (name,)
        self._rescan(paths, "reading the paths' size anew")
        behind = [path for path in paths if self._sysfs.size(path) != wanted.size]
        late = behind
        if len(behind) < len(paths):
            # Those that are down may keep the map as it is, and may not: multipathd knows.
            late = [path for path in behind if self._sysfs.state(path) == RUNNING]
        if not late and found:
            self._resize_map(found, behind)
        with self._node.events(wanted.naas) as events:
            seconds = self._node.seconds(self._limits.gone, "the device's new size")
            if not events.until(lambda: self._sysfs.size(name) == wanted.size, seconds):
                small = f" ({', '.join(late)} did not follow)" if late else ""
                raise DeviceError(
                    f"the LUN has {wanted.size} bytes, its device here {self._sysfs.size(name)}{small}"
                )
        self._prove_identity(name, wanted.naas, wanted.size)
