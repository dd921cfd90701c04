"""The state of this node's SAN: its devices, each path's answer to a query, and the holders of devices."""

from __future__ import annotations

import glob
import logging
import os
import stat
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Callable

from dataontap import inquiry
from dataontap.deadline import Deadline
from dataontap.errors import DeviceError, DeviceGone
from dataontap.host import lun
from dataontap.host.children import Key, outcomes_within
from dataontap.host.holders import KERNEL, is_claimed, openers
from dataontap.host.lun import Answer, from_words, in_words
from dataontap.host.multipath import Multipath
from dataontap.host.sysfs import RUNNING, Block, Kernel, Sysfs
from dataontap.host.udev import Events, Names

LOG = logging.getLogger(__name__)


@dataclass(frozen=True)
class Limits:
    """Time limits of steps, in seconds, within the verb's deadline."""

    # A blocked path fails within 5 s where multipathd has set its recovery_tmo; then it counts as dead.
    ask: float = 8.0
    # Before a map is taken down: a path without an answer by then is not waited for.
    ask_last: float = 2.0
    # A scan queries the target once; the transport gives up on a dead target.
    scan: float = 30.0
    # udev and multipathd need about a second for a map; on a node that is busy booting guests, many. See ``of``.
    map: float = 40.0
    hint: float = 4.0
    other_paths: float = 5.0
    # udev opens new and failed devices for a moment; multipath then reports the map as in use.
    release: float = 3.0
    gone: float = 10.0

    @classmethod
    def of(cls, seconds: float) -> Limits:
        """The limits within a deadline of ``seconds``: an admin sets a longer deadline for a slow node."""
        return cls(map=max(cls.map, seconds / 3), release=max(cls.release, seconds / 40))


@dataclass(frozen=True)
class Node:
    """The tools for looking at devices, bringing them up and taking them down.

    Without ``wants_maps`` disks are used directly, with a single path each. ``ask_one`` queries a path's LUN;
    ``events`` waits for udev's events.
    """

    sysfs: Sysfs
    kernel: Kernel
    multipath: Multipath
    names: Names
    deadline: Deadline
    wants_maps: bool = True
    limits: Limits = Limits()
    ask_one: Callable[[str], Answer] = lun.ask
    events: Callable[[Collection[str]], Events] = Events

    def find_device(self, path_format: str, *, hostname: str, pool: str, name: str) -> str | None:
        """The stable name of volume ``name``'s block device, or None.

        A name with exactly this ``hostname`` and ``pool`` is preferred. Otherwise any host name and pool match, as
        in the first implementation: its users' udev rules may call the filer by another name than HOSTNAME. Two
        such names are a DeviceError. A link that does not lead to a block device does not count.
        """
        values = {"hostname": hostname, "pool": pool, "name": name}
        exact = {field: glob.escape(value) for field, value in values.items()}
        anywhere = {"hostname": "*", "pool": "/".join("*" for _ in pool.split("/")), "name": exact["name"]}
        for pattern in (exact, anywhere):
            paths = glob.glob(glob.escape(path_format).format(**pattern))
            found = sorted(path for path in paths if _is_block_device(path))
            if len(found) > 1:
                folders = ", ".join(path[: -len(name) - 1] for path in found)
                raise DeviceError(f"there is more than one device of this name: in {folders}")
            if found:
                return found[0]
        return None

    def block(self, device: str) -> Block:
        """The kernel's data of a block device, given its name or any path to it."""
        if not device.startswith("/"):
            return self.sysfs.block(device)
        try:
            found = self.sysfs.numbered(os.stat(device).st_rdev)
        except OSError:
            found = None
        return found or self.sysfs.block(Path(os.path.realpath(device)).name)

    def size(self, device: str) -> int:
        """The kernel's size of ``device``, in bytes; the device is not opened. Raises DeviceGone."""
        try:
            if device.startswith("/"):  # a kernel name is not checked: sysfs has it
                os.stat(device)
        except OSError as error:
            raise DeviceGone(f"its device disappeared: {error.strerror}; see multipath -ll") from None
        size = self.block(device).size
        if size is None:
            raise DeviceGone("the kernel has no size for its device; see lsblk")
        return size

    def is_known(self, naas: Collection[str]) -> bool:
        """Whether the kernel has a map or a path of one of these LUNs, alive or dead."""
        return bool(self.sysfs.maps_of(naas) or self.sysfs.paths_of(naas))

    def identities(self, device: str) -> tuple[str, ...]:
        """The identity that the kernel has cached for a map or a disk; empty for a device without an identity."""
        block = self.block(device)
        naa = block.map.naa if block.map else block.naa
        return (naa,) if naa else ()

    def ask(self, paths: Collection[str], seconds: float | None = None) -> dict[str, Answer]:
        """Query all paths; returns each path's answer. The log has the reason for each path that does not answer.

        A path that is not running is not queried, because it could block.
        """
        states = {path: self.sysfs.block(path).state for path in paths}
        works = {path: partial(in_words, self.ask_one, path) for path in paths if states[path] == RUNNING}
        outcomes = outcomes_within(self.seconds(seconds or self.limits.ask, "querying the paths"), works)
        answers = {
            path: Answer(inquiry.DEAD, outcome.why) if outcome.answer is None else from_words(outcome.answer)
            for path, outcome in outcomes.items()
        }
        answers.update(
            {path: Answer(inquiry.DEAD, states[path] or "removed") for path in paths if path not in works}
        )
        for path, answer in sorted(answers.items()):
            if answer.kind == inquiry.DEAD:
                LOG.warning("%s does not answer: %s", path, answer.told)
        return answers

    def seconds(self, limit: float, what: str) -> float:
        """The time for the step ``what``: ``limit``, or what is left of the deadline; raises if none is left."""
        return min(limit, self.deadline.left(what))

    def each(self, works: Mapping[Key, Callable[[], None]], seconds: float) -> dict[Key, str]:
        """Run all ``works`` at the same time, in child processes; returns the reason of each failure.

        That is the child's error, or that it takes longer than ``seconds``.
        """
        outcomes = outcomes_within(seconds, {key: partial(_done, work) for key, work in works.items()})
        return {key: outcome.why for key, outcome in outcomes.items() if outcome.answer is None}

    def running(self, naas: Collection[str]) -> list[str]:
        """These LUNs' paths that the kernel has as running."""
        paths = self.sysfs.paths_of(naas)
        return [path.name for path in paths if self.sysfs.block(path.name).state == RUNNING]

    def holders(self, device: str) -> list[str]:
        """Descriptions of a device's holders. A partition map of kpartx counts only if it is held itself.

        A device that is gone has none; see DeviceGone.
        """
        held = self.openers(device)
        for above in self.block(device).holders:
            held += self.holders(above) if self.sysfs.block(above).is_partition_map else [above]
        return held

    def openers(self, device: str, *, ignoring: str | None = None) -> list[str]:
        """Descriptions of what has a block device or its partitions open, without the program ``ignoring``."""
        numbers = self.block(device).numbers
        return [held for number in numbers for held in openers(os.makedev(*number), ignoring=ignoring)]

    def claims(self, device: str) -> list[str]:
        """A description of the kernel's use of a device. A child opens the device, because its LUN may be dead."""
        path = device if device.startswith("/") else f"/dev/{device}"
        works = {device: lambda: str(is_claimed(path))}
        (outcome,) = outcomes_within(self.limits.ask_last, works).values()
        if outcome.answer is None:
            LOG.warning("cannot find out whether the kernel uses %s: %s", device, outcome.why)
        return [KERNEL] if outcome.answer == str(True) else []


def _is_block_device(path: str) -> bool:
    try:
        return stat.S_ISBLK(os.stat(path).st_mode)
    except OSError:
        return False  # a dangling link, or a link that was removed meanwhile


def _done(work: Callable[[], None]) -> str:
    work()
    return ""
