"""This node's SAN as it is: who is where, what each path's LUN says when it is asked, and who holds what."""

from __future__ import annotations

import os
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Callable

from dataontap import inquiry
from dataontap.deadline import Deadline
from dataontap.host.children import Key, each_within, outcomes_within
from dataontap.host.holders import openers
from dataontap.host.lun import Answer, from_words, in_words
from dataontap.host.multipath import Multipath
from dataontap.host.sysfs import RUNNING, Sysfs
from dataontap.host.udev import Events, Names


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
    """What coming, proof and going have in common. Without ``wants_maps`` disks are used as they are.

    ``ask_one`` tells what a path's LUN says of itself; ``events`` makes something that waits for udev's events.
    """

    sysfs: Sysfs
    multipath: Multipath
    names: Names
    deadline: Deadline
    wants_maps: bool
    limits: Limits
    ask_one: Callable[[str], Answer]
    events: Callable[[Collection[str]], Events]

    def is_known(self, naas: Collection[str]) -> bool:
        """Whether the kernel has a map or a path of one of these LUNs, alive or dead."""
        return bool(self.sysfs.maps_of(naas) or self.sysfs.paths_of(naas))

    def identities(self, device: str) -> tuple[str, ...]:
        """The identity that the kernel remembers of a device, if it is a map or a disk with one."""
        name = kernel_name(device)
        found = self.sysfs.map(name)
        if found is not None:
            return (found.naa,)
        naa = self.sysfs.identity(name)
        return (naa,) if naa else ()

    def ask(self, paths: Collection[str], seconds: float | None = None) -> dict[str, Answer]:
        """What each path's LUN says; those that are not running are not asked, for they would keep us waiting."""
        running = [path for path in paths if self.sysfs.state(path) == RUNNING]
        works = {path: partial(in_words, self.ask_one, path) for path in running}
        outcomes = outcomes_within(self.seconds(seconds or self.limits.ask, "asking paths who they are"), works)
        answers = {
            path: Answer(inquiry.DEAD, outcome.why) if outcome.answer is None else from_words(outcome.answer)
            for path, outcome in outcomes.items()
        }
        dead = {path: Answer(inquiry.DEAD, self.sysfs.state(path) or "gone") for path in set(paths) - set(running)}
        return answers | dead

    def seconds(self, limit: float, what: str) -> float:
        """How long ``what`` may take: ``limit``, or what the verb's deadline leaves; raises when that is over."""
        return min(limit, self.deadline.left(what))

    def each(self, works: Mapping[Key, Callable[[], None]], seconds: float) -> set[Key]:
        """Do all of ``works`` at the same time, in children; returns those that were done within ``seconds``."""
        return set(each_within(seconds, {key: partial(_done, work) for key, work in works.items()}))

    def running(self, naas: Collection[str]) -> list[str]:
        """These LUNs' paths that the kernel takes for running."""
        paths = self.sysfs.paths_of(naas)
        return [path.name for path in paths if self.sysfs.state(path.name) == RUNNING]

    def holders(self, device: str) -> list[str]:
        """Who holds a device, for people. Partitions that kpartx made go with their map, unless they are held."""
        name = kernel_name(device)
        held = self.openers(name)
        for above in self.sysfs.holders(name):
            held += self.holders(above) if self.sysfs.is_partition_map(above) else [above]
        return held

    def openers(self, name: str, *, ignoring: str | None = None) -> list[str]:
        """Who has a block device open, or one of its partitions, ``ignoring`` the program of that name."""
        return [
            held for number in self.sysfs.numbers(name) for held in openers(os.makedev(*number), ignoring=ignoring)
        ]


def kernel_name(device: str) -> str:
    """The kernel's name of a block device, given that or any path to it."""
    return Path(os.path.realpath(device)).name if device.startswith("/") else device


def _done(work: Callable[[], None]) -> str:
    work()
    return ""
