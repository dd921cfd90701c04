"""Bring a LUN up as a block device of this node, under its stable name."""

from __future__ import annotations

import logging
import os
from collections.abc import Collection, Iterable, Sequence
from functools import partial
from pathlib import Path

from dataontap import inquiry
from dataontap.errors import DeviceError, NoPath
from dataontap.host.identity import Proof
from dataontap.host.lun import Answer, Wanted, kernel_numbers
from dataontap.host.node import Node
from dataontap.host.sysfs import RUNNING, Nexus
from dataontap.host.take_down import TearDown
from dataontap.host.udev import Events

LOG = logging.getLogger(__name__)

_RULES = "57-ganeti-extstorage-dataontap.rules"
_REMEDY = "has its igroup this node's initiator? see lun igroup show"
_NOT_SERVED = "no multipath map came up: multipathd does not run; start it"


class BringUp:
    """Bring a LUN up: take down stale devices in its place, scan for it, and prove the new device's identity."""

    def __init__(self, node: Node, proof: Proof, teardown: TearDown) -> None:
        self._node = node
        self._sysfs = node.sysfs
        self._multipath = node.multipath
        self._names = node.names
        self._limits = node.limits
        self._proof = proof
        self._teardown = teardown

    def scan(
        self, wanted: Wanted, lun_ids: Sequence[int], nexuses: Sequence[Nexus], known: Sequence[Nexus] = ()
    ) -> list[str]:
        """Scan for the LUN at ``lun_ids``, after telling udev and multipath its name and WWID.

        First every path at these addresses and in the LUN's map is queried. A path whose identity is not the
        recorded identity is stale: it is taken down, or refused if it is in use (DeviceError). That includes the
        addresses at ``known``, which do not answer now and may answer again. A healthy path to another LUN is left
        alone. The caller holds the scan lock. Returns the scans' failures, as sentences; ``settle`` finds out
        whether they matter.
        """
        numbers = [number for lun_id in lun_ids for number in kernel_numbers(lun_id)]
        self._clear(wanted, numbers, {*nexuses, *known})
        self._prepare(wanted.naas[0], wanted.path)
        failed: list[str] = []
        for number in numbers:
            missing = [nexus for nexus in nexuses if not self._is_taken(nexus, number, numbers, wanted)]
            if self._node.wants_maps:
                failed += self._scan(missing, number, wanted)
                continue
            # Without multipath only one disk is wanted: of two disks with the same name, udev picks either.
            for nexus in missing:
                if not self._has_path(wanted, numbers, nexuses):
                    failed += self._scan([nexus], number, wanted)
        return failed

    def _scan(self, nexuses: Sequence[Nexus], number: int, wanted: Wanted) -> list[str]:
        works = {nexus: partial(self._node.kernel.scan, nexus, number) for nexus in nexuses}
        outcome = self._node.each(works, self._node.seconds(self._limits.scan, "scanning for the LUN"))
        failed = [f"the scan for LUN {number} at {nexus} failed: {why}" for nexus, why in sorted(outcome.items())]
        failed += [why for nexus in nexuses for why in self._drop_other(nexus, number, wanted)]
        for problem in failed:
            LOG.warning("%s", problem)
        return failed

    def _drop_other(self, nexus: Nexus, number: int, wanted: Wanted) -> list[str]:
        """Take down the path that a scan has just brought up if it is another LUN's. Returns why, as sentences.

        The filer has exchanged the LUN since it told the id, and no verb of this node asked for the other LUN.
        """
        naa = self._sysfs.identity_at(nexus, number)
        if naa is None or naa in wanted.naas:
            return []
        with self._node.events([naa]) as events:  # the disk may come after the scan has returned
            seconds = self._node.seconds(self._limits.other_paths, "waiting for the scanned disk")
            events.until(lambda: self._sysfs.path_at(nexus, number) is not None, seconds)
        path = self._sysfs.path_at(nexus, number)
        if path is None:
            return []
        self._teardown.drop(path.name)
        return [f"the filer shows another LUN (NAA {naa}) at this LUN's id {number} now; try again"]

    def _has_path(self, wanted: Wanted, numbers: Sequence[int], nexuses: Sequence[Nexus]) -> bool:
        """Whether the kernel has a running path to the LUN, or a running SCSI device whose disk comes later."""
        found = {self._sysfs.identity_at(nexus, number) for nexus in nexuses for number in numbers}
        return bool(found & {*wanted.naas} or self._node.running(wanted.naas))

    def _prepare(self, naa: str, path: str) -> None:
        """Before the paths appear, tell udev the LUN's name and add its WWID to multipath's allowed WWIDs."""
        if self._names.can_give(path):
            self._names.give(naa, path, multipath=self._node.wants_maps)
        if self._node.wants_maps:
            self._multipath.allow(naa)

    def _is_taken(self, nexus: Nexus, number: int, numbers: Iterable[int], wanted: Wanted) -> bool:
        """Whether there is a path with this number, or a path to the LUN with another of its ``numbers``."""
        paths = (self._sysfs.path_at(nexus, possible) for possible in numbers)
        return any(path and (path.lun == number or path.naa in wanted.naas) for path in paths)

    def _clear(self, wanted: Wanted, numbers: Sequence[int], nexuses: Collection[Nexus]) -> None:
        """Take down the stale paths at the LUN's addresses and in its map, and its own paths without a map."""
        found = (self._sysfs.path_at(nexus, number) for nexus in nexuses for number in numbers)
        at_addresses = [path.name for path in found if path]
        in_map = [path for above in self._sysfs.maps_of(wanted.naas) for path in above.paths]
        paths = sorted({*at_addresses, *in_map})
        if not paths:
            return
        answers = self._node.ask(paths)
        is_bare = self._node.wants_maps and not self._sysfs.maps_of(wanted.naas)
        for path in paths:
            if is_bare and answers[path].naa in wanted.naas:
                # multipathd makes a map of new paths only. Such paths are left by a detach that did not end.
                LOG.warning("%s is a path of the LUN without a map; it is scanned anew", path)
                self._teardown.drop(path)
            elif not self._is_in_place(path, answers[path], wanted):
                LOG.warning("%s is a stale path: it answers %s %s", path, answers[path].kind, answers[path].told)
                self._teardown.drop(path)
            elif answers[path].naa not in {None, *wanted.naas}:
                LOG.warning(
                    "%s at this LUN's address is a healthy path to LUN 3%s; it is left alone",
                    path,
                    answers[path].naa,
                )

    def _is_in_place(self, path: str, answer: Answer, wanted: Wanted) -> bool:
        """Whether a path's answer agrees with the identity that kernel and multipath have recorded."""
        remembered = {self._sysfs.block(path).naa, *(above.naa for above in self._sysfs.maps_on(path))}
        if answer.kind == inquiry.DEAD:
            return remembered <= {*wanted.naas}  # a path of the wanted LUN is down; its other paths may work
        return answer.naa is not None and remembered == {answer.naa}

    def settle(self, wanted: Wanted, failed: Sequence[str] = ()) -> str:
        """Wait for udev and multipathd to make the LUN's device, prove it, and return its stable name.

        Raises DeviceError when no device appears, or when the device is not the LUN. ``failed`` are the scans'
        failures: the first is the reason when no path appears.
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
        """Wait for the LUN's paths; returns the identity that they have."""
        seconds = self._node.seconds(self._limits.other_paths, "waiting for the LUN's paths")
        if not events.until(lambda: bool(self._sysfs.paths_of(wanted.naas)), seconds):
            why = f"no path shows the LUN; {_REMEDY}" if not failed else failed[0]
            raise NoPath(f"no device came up: {why}")
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
        """Wait until the LUN's map contains all its running paths; returns the map's name."""

        def complete() -> bool:
            running = {*self._node.running([naa])}
            found = self._sysfs.maps_of([naa])
            return bool(found and running and running <= set(found[0].paths))

        seconds = self._node.seconds(self._limits.map, "waiting for the multipath map")
        if not events.until(lambda: bool(self._sysfs.maps_of([naa])), min(self._limits.hint, seconds)):
            # Neither udev nor multipathd looks again by itself at paths that existed before the WWID was allowed.
            for path in self._sysfs.paths_of([naa]):
                self._node.kernel.announce(path.name)
            if not self._multipath.is_served():
                raise DeviceError(_NOT_SERVED)
        if not events.until(lambda: bool(self._sysfs.maps_of([naa])), seconds):
            raise DeviceError(self._why_no_map(naa))
        if not events.until(complete, self._node.seconds(self._limits.other_paths, "waiting for the map's paths")):
            LOG.warning("not every running path of 3%s is in its map, see multipath -ll 3%s", naa, naa)
        found = self._sysfs.maps_of([naa])
        if not found:
            raise DeviceError(f"the multipath map of 3{naa} disappeared again; see journalctl -u multipathd")
        self._await_name(found[0].name, naa, wanted, events)
        return found[0].name

    def _why_no_map(self, naa: str) -> str:
        if not self._multipath.is_served():
            return _NOT_SERVED
        return f"no multipath map came up: is 3{naa} blacklisted? see multipath -v3"

    def _await_name(self, name: str, naa: str, wanted: Wanted, events: Events) -> None:
        """Wait until udev has given the device its name; ask for an event if the device is older than the name."""
        path = self._name_path(naa, wanted.path)
        there = Path(path)
        if there.is_file() and not there.is_symlink():  # a program wrote to this name while there was no device
            raise DeviceError(f"a file is in the place of the device's link; remove it from {there.parent}")
        if not events.until(partial(self._leads_to, path, name), 0):
            self._node.kernel.announce(name)
        seconds = self._node.seconds(self._limits.map, "waiting for udev to name the device")
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
        """The stable name of the block device ``name``; raises DeviceError if it leads to another device."""
        stable = self._name_path(naa, path)
        if not self._leads_to(stable, name):
            raise DeviceError(f"its name leads to another device than {name}; see {Path(stable).parent}")
        return stable
