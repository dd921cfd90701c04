"""This node's SAN as it is: who is where, what each path's LUN says when it is asked, and who holds what."""

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
from dataontap.errors import DeviceError
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
    """How long each thing may take, in seconds, within the verb's deadline."""

    # A path that is blocked answers within 5 s where multipathd has set its recovery_tmo, then as dead.
    ask: float = 8.0
    # Before a map is taken down: who has not answered by then had better not be waited for.
    ask_last: float = 2.0
    # A scan asks the target once; a dead one is given up by the transport.
    scan: float = 30.0
    # udev and multipathd need about a second for a map; a node that is busy booting guests, many. See ``of``.
    map: float = 40.0
    hint: float = 4.0
    other_paths: float = 5.0
    # udev opens new and failed devices for a moment, which multipath takes for a use.
    release: float = 3.0
    gone: float = 10.0

    @classmethod
    def of(cls, seconds: float) -> Limits:
        """Those within a deadline of ``seconds``: who sets a longer one has a node that takes its time."""
        return cls(map=max(cls.map, seconds / 3), release=max(cls.release, seconds / 40))


@dataclass(frozen=True)
class Node:
    """What all who look at devices, or let them come and go, have in common.

    Without ``wants_maps`` disks are used as they are, with a single path each. ``ask_one`` tells what a path's LUN
    says of itself; ``events`` makes something that waits for udev's events.
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
        """The block device of volume ``name``, by its stable name, or None.

        The name with this very ``hostname`` and ``pool`` wins. Failing that any host name and pool will do, as
        in the first implementation, whose users' udev rules may name the filer otherwise than HOSTNAME does;
        two such names are a DeviceError. A link that leads to no block device is not a device.
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
        """What the kernel knows of a block device, given its name or any path to it."""
        if not device.startswith("/"):
            return self.sysfs.block(device)
        try:
            found = self.sysfs.numbered(os.stat(device).st_rdev)
        except OSError:
            found = None
        return found or self.sysfs.block(Path(os.path.realpath(device)).name)

    def size(self, device: str) -> int:
        """What the kernel takes for the size of ``device``, in bytes; nothing is opened for it."""
        _require_there(device)
        size = self.block(device).size
        if size is None:
            raise DeviceError("the kernel does not tell its size")
        return size

    def is_known(self, naas: Collection[str]) -> bool:
        """Whether the kernel has a map or a path of one of these LUNs, alive or dead."""
        return bool(self.sysfs.maps_of(naas) or self.sysfs.paths_of(naas))

    def identities(self, device: str) -> tuple[str, ...]:
        """The identity that the kernel remembers of a device, if it is a map or a disk with one."""
        block = self.block(device)
        naa = block.map.naa if block.map else block.naa
        return (naa,) if naa else ()

    def ask(self, paths: Collection[str], seconds: float | None = None) -> dict[str, Answer]:
        """What each path's LUN says; why one says nothing is in the log.

        Those that are not running are not asked, for they would keep us waiting.
        """
        states = {path: self.sysfs.block(path).state for path in paths}
        works = {path: partial(in_words, self.ask_one, path) for path in paths if states[path] == RUNNING}
        outcomes = outcomes_within(self.seconds(seconds or self.limits.ask, "asking paths who they are"), works)
        answers = {
            path: Answer(inquiry.DEAD, outcome.why) if outcome.answer is None else from_words(outcome.answer)
            for path, outcome in outcomes.items()
        }
        answers.update({path: Answer(inquiry.DEAD, states[path] or "gone") for path in paths if path not in works})
        for path, answer in sorted(answers.items()):
            if answer.kind == inquiry.DEAD:
                LOG.warning("%s does not answer: %s", path, answer.told)
        return answers

    def seconds(self, limit: float, what: str) -> float:
        """How long ``what`` may take: ``limit``, or what the verb's deadline leaves; raises when that is over."""
        return min(limit, self.deadline.left(what))

    def each(self, works: Mapping[Key, Callable[[], None]], seconds: float) -> dict[Key, str]:
        """Do all of ``works`` at the same time, in children; returns why those are not done that are not.

        That is what went wrong in the child, or that it takes longer than ``seconds``.
        """
        outcomes = outcomes_within(seconds, {key: partial(_done, work) for key, work in works.items()})
        return {key: outcome.why for key, outcome in outcomes.items() if outcome.answer is None}

    def running(self, naas: Collection[str]) -> list[str]:
        """These LUNs' paths that the kernel takes for running."""
        paths = self.sysfs.paths_of(naas)
        return [path.name for path in paths if self.sysfs.block(path.name).state == RUNNING]

    def holders(self, device: str) -> list[str]:
        """Who holds a device, for people. Partitions that kpartx made go with their map, unless they are held."""
        _require_there(device)
        held = self.openers(device)
        for above in self.block(device).holders:
            held += self.holders(above) if self.sysfs.block(above).is_partition_map else [above]
        return held

    def openers(self, device: str, *, ignoring: str | None = None) -> list[str]:
        """Who has a block device open, or one of its partitions, ``ignoring`` the program of that name."""
        numbers = self.block(device).numbers
        return [held for number in numbers for held in openers(os.makedev(*number), ignoring=ignoring)]

    def claims(self, device: str) -> list[str]:
        """What in the kernel holds a device, for people. It is opened for that, in a child: a LUN may be dead."""
        path = device if device.startswith("/") else f"/dev/{device}"
        works = {device: lambda: str(is_claimed(path))}
        (outcome,) = outcomes_within(self.limits.ask_last, works).values()
        if outcome.answer is None:
            LOG.warning("whether the kernel uses %s is not known: %s", device, outcome.why)
        return [KERNEL] if outcome.answer == str(True) else []


def _is_block_device(path: str) -> bool:
    try:
        return stat.S_ISBLK(os.stat(path).st_mode)
    except OSError:
        return False  # a link to nothing, or one that went while we looked


def _require_there(device: str) -> None:
    """DeviceError if there is no such device; what has only its name in the kernel is looked up there."""
    try:
        if device.startswith("/"):
            os.stat(device)
    except OSError as error:
        raise DeviceError(f"its device went away: {error.strerror}") from None


def _done(work: Callable[[], None]) -> str:
    work()
    return ""
