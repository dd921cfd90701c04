"""A LUN becomes a block device of this node, with the name that it is to have."""

from __future__ import annotations

import logging
import os
from collections.abc import Collection, Iterable, Sequence
from functools import partial
from pathlib import Path

from dataontap import inquiry
from dataontap.errors import DeviceError
from dataontap.host.identity import Proof
from dataontap.host.lun import Answer, Wanted, kernel_numbers
from dataontap.host.node import Node
from dataontap.host.sysfs import RUNNING, Nexus
from dataontap.host.take_down import Going
from dataontap.host.udev import Events

LOG = logging.getLogger(__name__)

_RULES = "57-ganeti-extstorage-dataontap.rules"
_REMEDY = "has its igroup this node's initiator? see lun igroup show"
_NOT_SERVED = "no multipath map came up: multipathd does not run; start it"


class Coming:
    """The way up: what is in the LUN's way is taken down, the LUN is scanned, and what came is proven."""

    def __init__(self, node: Node, proof: Proof, going: Going) -> None:
        self._node = node
        self._sysfs = node.sysfs
        self._multipath = node.multipath
        self._names = node.names
        self._limits = node.limits
        self._proof = proof
        self._going = going

    def scan(
        self, wanted: Wanted, lun_ids: Sequence[int], nexuses: Sequence[Nexus], known: Sequence[Nexus] = ()
    ) -> list[str]:
        """Let the kernel find the LUN at one of ``lun_ids``, and let udev and multipath know what to make of it.

        What is at these addresses, and in the LUN's map, is asked first: what is not what this node takes it for
        is a dead LUN's remains, and is taken down, or refused if somebody holds it (DeviceError); at ``known``,
        too, where nothing answers now and may again. Another LUN that is well is left alone. Call with the lock of
        scans. Returns what went wrong in scans, as sentences: ``settle`` tells whether it matters.
        """
        numbers = [number for lun_id in lun_ids for number in kernel_numbers(lun_id)]
        self._clear(wanted, numbers, {*nexuses, *known})
        self._prepare(wanted.naas[0], wanted.path)
        failed: list[str] = []
        for number in numbers:
            missing = [nexus for nexus in nexuses if not self._is_taken(nexus, number, numbers, wanted)]
            if self._node.wants_maps:
                failed += self._scan(missing, number)
                continue
            # One bare disk is wanted: two would claim one name, and udev could give it to the one or the other.
            for nexus in missing:
                if not self._has_path(wanted, numbers, nexuses):
                    failed += self._scan([nexus], number)
        return failed

    def _scan(self, nexuses: Sequence[Nexus], number: int) -> list[str]:
        works = {nexus: partial(self._node.kernel.scan, nexus, number) for nexus in nexuses}
        outcome = self._node.each(works, self._node.seconds(self._limits.scan, "scanning for the LUN"))
        failed = [f"the scan for LUN {number} at {nexus} failed: {why}" for nexus, why in sorted(outcome.items())]
        for problem in failed:
            LOG.warning("%s", problem)
        return failed

    def _has_path(self, wanted: Wanted, numbers: Sequence[int], nexuses: Sequence[Nexus]) -> bool:
        """Whether the kernel has a path to the LUN that is running, or that will be as soon as it has its disk."""
        found = {self._sysfs.identity_at(nexus, number) for nexus in nexuses for number in numbers}
        return bool(found & {*wanted.naas} or self._node.running(wanted.naas))

    def _prepare(self, naa: str, path: str) -> None:
        """Tell udev the LUN's name and multipath that it may have a map, before its paths come."""
        if self._names.can_give(path):
            self._names.give(naa, path, multipath=self._node.wants_maps)
        if self._node.wants_maps:
            self._multipath.allow(naa)

    def _is_taken(self, nexus: Nexus, number: int, numbers: Iterable[int], wanted: Wanted) -> bool:
        """Whether something is at this number already, or the LUN at another one that it may have."""
        there = (self._sysfs.path_at(nexus, one) for one in numbers)
        return any(path and (path.lun == number or path.naa in wanted.naas) for path in there)

    def _clear(self, wanted: Wanted, numbers: Sequence[int], nexuses: Collection[Nexus]) -> None:
        """Let nothing be in the LUN's way, nor in its map, that is not the LUN."""
        found = (self._sysfs.path_at(nexus, number) for nexus in nexuses for number in numbers)
        at_addresses = [path.name for path in found if path]
        in_map = [path for one in self._sysfs.maps_of(wanted.naas) for path in one.paths]
        paths = sorted({*at_addresses, *in_map})
        if not paths:
            return
        answers = self._node.ask(paths)
        for path in paths:
            if not self._is_in_place(path, answers[path], wanted):
                LOG.warning("%s is a dead LUN's: it says %s %s", path, answers[path].kind, answers[path].told)
                self._going.drop(path)
            elif answers[path].naa not in {None, *wanted.naas}:
                LOG.warning("%s, where this LUN should be, is 3%s, and well; it stays", path, answers[path].naa)

    def _is_in_place(self, path: str, answer: Answer, wanted: Wanted) -> bool:
        """Whether a path is what kernel and multipath take it for, as far as it tells."""
        remembered = {self._sysfs.block(path).naa, *(one.naa for one in self._sysfs.maps_on(path))}
        if answer.kind == inquiry.DEAD:
            return remembered <= {*wanted.naas}  # one of its paths is down; others may do
        return answer.naa is not None and remembered == {answer.naa}

    def settle(self, wanted: Wanted, failed: Sequence[str] = ()) -> str:
        """The LUN's device, once udev and multipathd have made it and it is proven; by its stable name.

        Raises DeviceError when none comes, because of what ``failed`` in the scan perhaps, or when what came is
        not the LUN.
        """
        with self._node.events([*wanted.naas, wanted.path]) as events:
            naa = self._await_paths(wanted, failed, events)
            if not self._node.wants_maps:
                name = self._await_disk(naa, wanted, events)
            else:
                name = self._await_map(naa, wanted, events)
        self._proof.prove(name, wanted)
        return self._stable_name(name, naa, wanted.path)

    def _await_paths(self, wanted: Wanted, failed: Sequence[str], events: Events) -> str:
        """The identity under which the LUN's paths came."""
        seconds = self._node.seconds(self._limits.other_paths, "the LUN's paths")
        if not events.until(lambda: bool(self._sysfs.paths_of(wanted.naas)), seconds):
            why = f"no path shows the LUN; {_REMEDY}" if not failed else failed[0]
            raise DeviceError(f"no device came up: {why}")
        naas = {path.naa for path in self._sysfs.paths_of(wanted.naas)}
        naa = next(naa for naa in wanted.naas if naa in naas)
        if naa != wanted.naas[0]:
            self._prepare(naa, wanted.path)
        return naa

    def _await_disk(self, naa: str, wanted: Wanted, events: Events) -> str:
        paths = self._sysfs.paths_of([naa])
        name = next((path.name for path in paths if self._sysfs.block(path.name).state == RUNNING), paths[0].name)
        above = self._sysfs.maps_on(name)
        if above:
            raise DeviceError(f"multipath has made {above[0].title} of it: blacklist it, or set MULTIPATH = True")
        self._await_name(name, naa, wanted, events)
        return name

    def _await_map(self, naa: str, wanted: Wanted, events: Events) -> str:
        """The LUN's map, with all paths that are running in it."""

        def complete() -> bool:
            running = {*self._node.running([naa])}
            found = self._sysfs.maps_of([naa])
            return bool(found and running and running <= set(found[0].paths))

        seconds = self._node.seconds(self._limits.map, "the multipath map")
        if not events.until(lambda: bool(self._sysfs.maps_of([naa])), min(self._limits.hint, seconds)):
            # Paths that were here before the LUN was allowed to have a map: nobody looks at them again by himself.
            for path in self._sysfs.paths_of([naa]):
                self._node.kernel.announce(path.name)
            if not self._multipath.is_served():
                raise DeviceError(_NOT_SERVED)
        if not events.until(lambda: bool(self._sysfs.maps_of([naa])), seconds):
            raise DeviceError(self._why_no_map(naa))
        if not events.until(complete, self._node.seconds(self._limits.other_paths, "the map's other paths")):
            LOG.warning("not every path of 3%s is in its map, see multipath -ll 3%s", naa, naa)
        found = self._sysfs.maps_of([naa])
        if not found:
            raise DeviceError(f"the multipath map of 3{naa} went away again")
        self._await_name(found[0].name, naa, wanted, events)
        return found[0].name

    def _why_no_map(self, naa: str) -> str:
        if not self._multipath.is_served():
            return _NOT_SERVED
        return f"no multipath map came up: is 3{naa} blacklisted? see multipath -v3"

    def _await_name(self, name: str, naa: str, wanted: Wanted, events: Events) -> None:
        """Wait until udev has given the device its name; one that it had before it has to be asked for."""
        path = self._name_path(naa, wanted.path)
        there = Path(path)
        if there.is_file() and not there.is_symlink():  # made by who wrote to it while no device was here
            raise DeviceError(f"a file has the place of the device's link; remove it from {there.parent}")
        if not events.until(partial(self._leads_to, path, name), 0):
            self._node.kernel.announce(name)
        seconds = self._node.seconds(self._limits.map, "udev to name the device")
        if not events.until(partial(self._leads_to, path, name), seconds):
            ours = self._names.can_give(wanted.path)
            of_rules = f": is {_RULES} installed?" if ours else ";"
            raise DeviceError(f"udev made no name for {name}{of_rules} see udevadm info /dev/{name}")

    def _leads_to(self, path: str, name: str) -> bool:
        try:
            number = os.stat(path).st_rdev
        except OSError:
            return False
        return (os.major(number), os.minor(number)) == self._sysfs.block(name).number

    def _name_path(self, naa: str, path: str) -> str:
        return path if self._names.can_give(path) else self._names.by_id(naa, multipath=self._node.wants_maps)

    def _stable_name(self, name: str, naa: str, path: str) -> str:
        """The name to give away for the block device ``name``; raises DeviceError if it leads elsewhere."""
        stable = self._name_path(naa, path)
        if not self._leads_to(stable, name):
            raise DeviceError(f"its name leads to another device than {name}; see {Path(stable).parent}")
        return stable
