"""Prove that a device is a certain LUN: by live INQUIRY of its paths, not by the identity that the kernel cached.

A device is accepted only if it is writable as well.
"""

from __future__ import annotations

import logging
from collections.abc import Collection
from functools import partial

from dataontap import inquiry
from dataontap.errors import CommandError, DeadlineError, DeviceError, DeviceGone
from dataontap.host.lun import Wanted
from dataontap.host.node import Node
from dataontap.host.sysfs import RUNNING, Map

LOG = logging.getLogger(__name__)


class Proof:
    """Checks of a device's identity, size and write protection, by its paths' answers and by sysfs."""

    def __init__(self, node: Node) -> None:
        self._node = node
        self._sysfs = node.sysfs
        self._multipath = node.multipath
        self._limits = node.limits

    def prove(self, device: str, wanted: Wanted) -> None:
        """Query every path of a device for identity and size; DeviceError unless it is the LUN in full size.

        A path that does not answer causes a warning as long as another path answers. If the kernel has another
        size for the device than its paths report, the device is resized.
        """
        name = self._node.block(device).name
        self._prove_identity(name, wanted.naas, wanted.size)
        if self._sysfs.block(name).size != wanted.size:
            self._resize(name, wanted)

    def agrees(self, device: str, wanted: Wanted) -> bool:
        """Whether ``device`` is there and has the LUN's full size according to sysfs; no path is queried.

        Raises DeviceError if it is certainly not the LUN: it is larger, or sysfs has another identity for it.
        sysfs holds the answers of the last scan; only ``prove`` queries the paths.
        """
        for naa in self._node.identities(device):
            if naa not in wanted.naas:
                raise DeviceError(f"the device of this name is another LUN's (NAA {naa}); look at multipath -ll")
        try:
            seen, size = self._node.size(device), wanted.size
        except DeviceGone as error:
            LOG.warning("%s: %s", device, error)
            return False
        if seen > size:
            raise DeviceError(f"the device of this name is not the LUN's: it has {seen} bytes, the LUN has {size}")
        return seen == size

    def prove_alive(self, device: str) -> None:
        """Query every path of a device for the identity that the kernel recorded; DeviceError if no path has it.

        A device without an identity (a loop device, for example) is not queried.
        """
        naas = self._node.identities(device)
        if naas:
            self._prove_identity(self._node.block(device).name, naas, None)

    def has_dead_map(self, naas: Collection[str]) -> bool:
        """Whether there is a map of one of these LUNs without a path that leads to the LUN."""
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
                raise DeviceError(f"its path {path} leads to {told} now: {self._held_by(name)}")
            if size is not None and answer.size != size:
                raise DeviceError(f"{path} has {answer.size} bytes, its LUN has {size} according to the filer")
            alive += 1
        if not alive:
            raise DeviceError(f"none of the paths of 3{naa} answers, see multipath -ll 3{naa}")

    def require_writable(self, device: str) -> None:
        """DeviceError if a device is still write-protected after a rescan of its paths and a reload of its map.

        Rescan and reload are done only if sysfs says that the device is write-protected. The kernel reads a disk's
        write protection when it scans the disk; a map inherits it from its disks. Neither notices when the filer
        accepts writes again (for example after snapmirror break). For a device that is not a LUN's, only sysfs is
        read.
        """
        name = self._node.block(device).name
        if not self._protected(name):
            return
        failed = self._rescan(self._running_paths(name), "rescanning the paths for their write protection")
        protected = self._protected(name)
        found = self._sysfs.map(name)
        if found and protected == [name]:
            self._reload(found)
        elif protected:
            LOG.warning("write-protected: %s", ", ".join(protected))
            asked_in_vain = {path: why for path, why in failed.items() if path in protected}
            if asked_in_vain:
                path, why = min(asked_in_vain.items())
                raise DeviceError(f"write-protected, and a rescan of {path} failed: {why}")
            raise DeviceError(
                "write-protected: the filer refuses writes to this LUN;"
                " check there: volume type dp (snapmirror break), read-only LUN"
            )
        LOG.info("%s was write-protected and is writable now", name)

    def warn_if_protected(self, device: str) -> None:
        """As ``require_writable``, but only warn: an instance on the device must be able to stop and move."""
        try:
            self.require_writable(device)
        except (DeviceError, DeadlineError) as error:
            LOG.warning("%s: %s", device, error)

    def _protected(self, name: str) -> list[str]:
        """The device and its running paths, as far as the kernel has them as write-protected.

        A single protected path counts, even if the map is writable: a write that a target refuses for good is not
        retried on another path (blk_path_error(), Linux), and the instance gets an error. A path that is down does
        not count: its recorded state is old, and it cannot be queried.
        """
        names = dict.fromkeys((name, *self._running_paths(name)))
        return [device for device in names if self._sysfs.block(device).is_write_protected]

    def _running_paths(self, name: str) -> list[str]:
        """The running SCSI disks of a device: a map's paths, or the disk itself; none for a loop device."""
        found = self._sysfs.map(name)
        paths = found.paths if found else (name,)
        return [path for path in paths if self._sysfs.block(path).state == RUNNING]

    def _reload(self, found: Map) -> None:
        """Reload a read-only map whose running paths are writable; DeviceError if it stays read-only.

        multipathd remembers that a map's paths appeared write-protected. Until it forgets, a reload makes the map
        read-only and answers ok. It forgets after an event of a path has made it reload the map, again in vain
        (seen, 0.9.4; ev_add_path(), uev_update_path()). So a reload may be too early: then the next path's event
        makes the map writable, or, without an event, another reload.
        """
        down = [path for path in found.paths if self._sysfs.block(path).is_write_protected]
        if down:  # with these paths the map stays read-only, and they cannot be queried
            told = f"because of {', '.join(down)}, which is down; try again when all paths are back"
            raise DeviceError(f"write-protected: the multipath map is read-only {told}")
        problems: list[str | None] = []

        def reloaded() -> bool:
            problems.append(self._multipath.reload(found.title))
            return problems[-1] is None

        def writable() -> bool:
            return not self._sysfs.block(found.name).is_write_protected

        with self._node.events([found.naa]) as events:
            for _ in range(2):
                seconds = self._node.seconds(self._limits.other_paths, "reloading the multipath map")
                if events.until(reloaded, seconds) and events.until(writable, seconds):
                    return
        LOG.warning("%s", problems[-1] or f"{found.title} was reloaded and is still read-only")
        raise DeviceError(
            f"write-protected: only the multipath map is read-only; run multipathd reload map {found.title}"
        )

    def _rescan(self, paths: Collection[str], what: str) -> dict[str, str]:
        """Let the kernel read size and write protection of paths again; returns the reason of each failure."""
        works = {path: partial(self._node.kernel.rescan, path) for path in paths}
        failed = self._node.each(works, self._node.seconds(self._limits.scan, what))
        for path, why in sorted(failed.items()):
            LOG.warning("the rescan of %s failed: %s", path, why)
        return failed

    def _held_by(self, name: str) -> str:
        held = self._node.holders(name)
        return f"stop {', '.join(held)} and try again" if held else "run detach and attach"

    def _resize_map(self, found: Map, behind: Collection[str]) -> None:
        """Resize a map to its paths' size; DeviceError if the paths ``behind`` with the old size prevent that.

        multipathd takes the size of a map's first path. It refuses if another path, which is down, has the old
        size. If the first path has the old size, multipathd does nothing and answers ok (cli_resize(), 0.9.4).
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
            told = f"{found.title} keeps its old size, as paths are down: {', '.join(behind)}"
            raise DeviceError(f"{told}; try again when all paths are back") from failure

    def _resize(self, device: str, wanted: Wanted) -> None:
        """Give a proven device the LUN's size: rescan its paths, resize its map; DeviceError if that fails."""
        block = self._node.block(device)
        found = self._sysfs.map(block.name)
        paths = found.paths if found else (block.name,)
        failed = self._rescan(paths, "rescanning the paths for their size")
        behind = [path for path in paths if self._sysfs.block(path).size != wanted.size]
        late = behind
        if len(behind) < len(paths):
            # Paths that are down may or may not prevent the map's resize: multipathd decides.
            late = [path for path in behind if self._sysfs.block(path).state == RUNNING]
        if not late and found:
            self._resize_map(found, behind)
        with self._node.events(wanted.naas) as events:
            seconds = self._node.seconds(self._limits.gone, "waiting for the device's new size")
            if not events.until(lambda: block.size == wanted.size, seconds):
                small = f" ({', '.join(late)} kept the old size)" if late else ""
                for path, why in ((path, failed[path]) for path in late if path in failed):
                    small = f" (the rescan of {path} failed: {why})"
                raise DeviceError(f"the LUN has {wanted.size} bytes, its device here has {block.size}{small}")
        self._prove_identity(block.name, wanted.naas, wanted.size)
