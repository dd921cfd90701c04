"""Take a LUN's devices down on this node, in an order that never waits for a dead LUN."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Collection
from functools import partial

from dataontap.errors import DeadlineError, DeviceError
from dataontap.host.holders import KERNEL
from dataontap.host.node import Node
from dataontap.host.sysfs import RUNNING, Map
from dataontap.host.udev import Events

LOG = logging.getLogger(__name__)

_WAY_OUT = "end that, then detach"
_MULTIPATHD = "multipathd"


class TearDown:
    """Take a LUN's devices down: check for holders, flush the map, delete the paths, then forget WWID and name."""

    def __init__(self, node: Node) -> None:
        self._node = node
        self._sysfs = node.sysfs
        self._multipath = node.multipath
        self._names = node.names
        self._limits = node.limits

    def take_down(self, naas: Collection[str]) -> None:
        """Remove all maps and paths of these LUNs from this node; DeviceError while a map or path is in use.

        Idempotent. Never waits for a dead LUN.
        """
        self._take_down(naas)
        for naa in naas:
            self._multipath.forget(naa)
            self._names.take(naa)

    def drop(self, path: str) -> None:
        """Take down a stale path: alone if its map has another healthy path, else together with the map."""
        for above in self._sysfs.maps_on(path):
            others = self._node.ask([other for other in above.paths if other != path])
            if not any(answer.naa == above.naa for answer in others.values()):
                self._take_down([above.naa])
        with self._node.events([self._sysfs.block(path).naa or path]) as events:
            # multipathd has a path of a map open, and closes it after the path is deleted.
            self._require_free(path, events, ignoring=_MULTIPATHD)
            self._delete([path])

    def queue(self, device: str, wait: bool) -> None:
        """Set whether I/O on a map without paths waits (queues); a device that is not a map is left alone."""
        found = self._node.block(device).map
        if found is not None:
            (self._multipath.restore_queueing if wait else self._multipath.stop_queueing)(found.title)

    def _take_down(self, naas: Collection[str]) -> None:
        maps = self._sysfs.maps_of(naas)
        paths = {path.name for path in self._sysfs.paths_of(naas)} | {
            path for above in maps for path in above.paths
        }
        with self._node.events([*naas, *(above.naa for above in maps)]) as events:
            for above in maps:
                self._flush(above, events)
            for path in sorted(paths):
                self._require_free(path, events)
            failed = self._delete(paths)
            seconds = self._node.seconds(self._limits.gone, "waiting for the device to disappear")
            if not events.until(lambda: not self._node.is_known(naas), seconds):
                if failed:
                    path, why = min(failed.items())
                    raise DeviceError(f"{path} cannot be deleted: {why}")
                raise DeviceError(
                    "its paths came back while they were taken down; another program scans this node"
                )

    def _flush(self, found: Map, events: Events) -> None:
        """Flush a map. This process does not open it: its last close would wait for a dead LUN."""
        held = events.until_none(partial(self._node.holders, found.name), self._patience)
        if held:
            self._tell_how_to_end_it(found)
            raise DeviceError(f"{found.title} is in use by {', '.join(held)}; {_WAY_OUT}")
        stopped = not self._lives(found)
        if stopped:
            self._multipath.stop_queueing(found.title)
        problems: list[str] = []

        def gone() -> bool:
            problem = self._multipath.flush(found.title) if self._sysfs.map(found.name) else None
            problems.append(problem or "")
            return problem is None

        if not events.until(gone, self._patience):
            if stopped:
                self._multipath.restore_queueing(found.title)
            held = self._node.holders(found.name) or [KERNEL]
            raise DeviceError(f"{found.title} is in use by {', '.join(held)}; {_WAY_OUT}: {problems[-1]}")

    def _lives(self, found: Map) -> bool:
        """Whether at least a single path of a map still leads to its LUN."""
        answers = self._node.ask(found.paths, self._limits.ask_last)
        return any(answer.naa == found.naa for answer in answers.values())

    def _tell_how_to_end_it(self, found: Map) -> None:
        """Log how to end a holder that waits for a dead LUN: it dies only when its I/O fails.

        The advice is too long for the error's message.
        """
        with contextlib.suppress(DeadlineError):
            if not self._lives(found):
                LOG.warning(
                    "no path leads to the LUN; if another node uses the LUN now, kill -9 the holder, and then run:"
                    " multipathd disablequeueing map %s",
                    found.title,
                )

    def _require_free(self, path: str, events: Events, *, ignoring: str | None = None) -> None:
        """DeviceError if a path is in use: by a device upon it, except a map, or by a process.

        The program ``ignoring`` may have it open.
        """
        above = [holder for holder in self._sysfs.block(path).holders if not self._sysfs.map(holder)]
        if above:
            raise DeviceError(f"{path} is in use by {', '.join(above)}")
        held = events.until_none(partial(self._node.openers, path, ignoring=ignoring), self._patience)
        if held:
            raise DeviceError(f"{path} is in use by {', '.join(held)}; {_WAY_OUT}")
        block = self._sysfs.block(path)
        if not self._node.wants_maps and block.state == RUNNING:
            # For a map, multipath reports this. For a mount or swap on a disk, the kernel must be asked.
            held = self._node.claims(path)
            if held and not block.holders:
                raise DeviceError(f"{path} is in use by {', '.join(held)}; {_WAY_OUT}")

    def _delete(self, paths: Collection[str]) -> dict[str, str]:
        """Delete paths from the kernel; returns the reason of each failure."""
        works = {path: partial(self._node.kernel.delete, path) for path in paths if self._sysfs.block(path).number}
        failed = self._node.each(works, self._node.seconds(self._limits.gone, "deleting paths"))
        for path, why in sorted(failed.items()):
            LOG.warning("path %s cannot be deleted: %s", path, why)
        return failed

    @property
    def _patience(self) -> float:
        return self._node.seconds(self._limits.release, "waiting for the device's holders")
