"""What must hold in every state of a run, and at its end."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field

from dataontap.errors import DataOntapError
from tests.interleavings.baton import Process
from tests.interleavings.machine import naa_of
from tests.interleavings.place import Place
from tests.interleavings.verbs import MAKES, REMOVES, TAKES, run_quietly
from tests.simulator.model import Lun
from tests.unit.volume import PATH

OURS = (PATH, f"{PATH}.snap")


@dataclass
class Judge:
    """Watches one search.

    A guest may lose its LUN, but no data: through a late request, through a verb that is killed, or because two
    verbs took the LUN at the same time, each after it had seen its own map. No API has a call that unmaps one
    igroup only if another is still mapped. ``unavailable`` counts the runs that end with guests and a LUN that
    none of them has. The states in which runs end are few: what follows is tried once for each (``known``).
    """

    place: Place
    followers: Sequence[str]  # the nodes on which Ganeti goes on
    known: dict[str, str] = field(default_factory=dict)
    unavailable: int = 0

    def begin(self) -> None:
        """A run begins in the present state."""
        self._others = {lun.path: lun for lun in self.place.filer.luns.values() if lun.path not in OURS}
        self._was = self.place.lun(PATH)
        self._begun: set[str] = set()
        self._succeeded: set[str] = set()
        self._owners = self._live_guests()
        self._lost: dict[str, set[str]] = {}  # by the verb's process
        self._taking: dict[str, set[str]] = {}  # processes in a verb that takes -> those that took meanwhile

    # While it runs

    def check(self, process: Process) -> str:
        """What is wrong after a step of ``process``; "" if nothing is."""
        for lun in self.place.filer.luns.values():
            found = self._writers(lun)
            if found:
                return found
        for path, lun in self._others.items():
            if self.place.lun(path) is not lun:
                return f"{path}, which is not this volume's, was changed"
        return self._losses(process)

    def guests_changed(self) -> None:
        """A guest has started, ended or moved."""
        self._owners = self._live_guests()

    def _guests(self) -> set[str]:
        machines = [seat.machine for seat in self.place.seats.values()]
        return {machine.name for machine in machines if any(dm.runs for dm in machine.dms.values())}

    def _live_guests(self) -> set[str]:
        return {name for name, dm in self.place.live(PATH).items() if dm.runs}

    def _losses(self, process: Process) -> str:
        """Note who has just lost the LUN by the doing of ``process``."""
        owners = self._live_guests()
        lost = self._owners - owners - {process.node}
        self._owners = owners
        if process.is_late:
            return ""
        seats = self.place.seats
        for name in lost:
            if seats[name].cluster != seats[process.node].cluster:
                return f"{process.name} took the LUN from {name}, which is another cluster's"
        self._lost.setdefault(process.name, set()).update(lost)
        return ""

    def _writers(self, lun: Lun) -> str:
        naa, writers = naa_of(lun), []
        seats = self.place.seats.values()
        machines = [(seat.machine, dm) for seat in seats if (dm := seat.machine.dm(naa)) and dm.held]
        alive = [machine.is_alive(dm) for machine, dm in machines]
        writers = [machine.name for (machine, dm), lives in zip(machines, alive) if lives and dm.runs]
        if len(writers) > 1:
            return f"{' and '.join(writers)} both write to {lun.path}"
        for (machine, dm), lives in zip(machines, alive):
            if lives and dm.was_fenced:
                return f"what {machine.name} wrote when it was fenced is delivered to {lun.path}"
            dm.was_fenced |= bool(not lives and writers)
        return ""

    def verb_begins(self, process: Process, verb: str) -> None:
        """A process begins a verb."""
        self._begun.add(verb)
        self._lost[process.name] = set()
        if verb in TAKES:
            self._taking[process.name] = {*self._taking}
            for others in self._taking.values():
                others.add(process.name)

    def verb_ends(self, process: Process, verb: str, error: DataOntapError | None) -> str:
        """It has ended; returns what is wrong with that."""
        if error is None:
            self._succeeded.add(verb)
        lost = self._lost.pop(process.name, set()) & self._guests() - self._live_guests()
        others = self._taking.pop(process.name, set()) - {process.name}
        if error is None or others or self.place.late.is_armed():
            return ""
        return f"{', '.join(sorted(lost))} lost its LUN through {verb}, which failed: {error}" if lost else ""

    # At the end

    def end(self, processes: Sequence[Process]) -> str:
        """What is wrong with the state in which the run ended, and with what Ganeti's next verbs make of it."""
        harmed = any(process.fault for process in processes)
        self.unavailable += bool(self.place.lun(PATH) and self._guests() and not self._live_guests())
        return self._kept(harmed) or self._followed()

    def _kept(self, harmed: bool) -> str:
        lun, made, removed = self.place.lun(PATH), self._begun & MAKES, self._begun & REMOVES
        if not (made or removed) and (lun is None) != (self._was is None):
            return "the LUN is gone" if lun is None else "there is a LUN"
        if self._was and lun and not removed and lun.uuid != self._was.uuid:
            return "there is another LUN"
        if self._succeeded & REMOVES and not made and lun is not None:
            return "the LUN is still there after a removal"
        if made and not self._succeeded & MAKES and not harmed and self._was is None and lun and not lun.maps:
            return "a creation failed and left its LUN, which no other node has"
        return ""

    def _followed(self) -> str:
        """Let Ganeti's next verbs run: another start, then the end of the instance."""
        state = self._state()
        if state not in self.known:
            self.known[state] = self._follow()
        return self.known[state]

    def _state(self) -> str:
        place = self.place
        luns = [(lun.path, lun.size, lun.comment, sorted(lun.maps.items())) for lun in place.filer.luns.values()]
        groups = sorted((group.name, group.initiators) for group in place.filer.igroups.values())
        saved = place.save().machines
        machines = [
            (name, disks, dms, recorded, sorted(files.items()))
            for name, (disks, dms, recorded, _, files) in saved.items()
        ]
        return hashlib.sha256(repr((sorted(luns), groups, machines)).encode()).hexdigest()

    def _follow(self) -> str:
        for seat in self.place.seats.values():
            seat.machine.release()
        try:
            if self.followers:
                self._start_again(self.followers[-1])
                self._remove()
        except _Wrong as wrong:
            return f"afterwards {wrong}"
        return ""

    def _start_again(self, node: str) -> None:
        if self.place.lun(PATH) is None:
            return
        self._must("attach", node)
        self._must("open", node)
        lun = self.place.lun(PATH)
        if lun is None or [*lun.maps] != [f"g-{node}"] or [*self.place.live(PATH)] != [node]:
            raise _Wrong(f"{node} does not have the LUN alone: {lun and lun.maps}")

    def _remove(self) -> None:
        for node in self.followers:
            self._must("detach", node)
            lun = self.place.lun(PATH)
            if lun is not None and f"g-{node}" in lun.maps:
                raise _Wrong(f"the LUN is still mapped for {node}, which has detached it")
        self._must("remove", self.followers[0])
        for node in self.followers:
            self._must("remove snapshot", node)
        self._must("post-remove", self.followers[0])
        if any(self.place.lun(path) is not lun for path, lun in self._others.items()):
            raise _Wrong("another LUN was changed")
        for node in self.followers:
            self._must("cleanup", node)
        left = [path for path in OURS if self.place.lun(path)]
        if left:
            raise _Wrong(f"{', '.join(left)} is left")
        naas = {naa_of(lun) for lun in self.place.filer.luns.values()}
        for node in self.followers:
            machine = self.place.seats[node].machine
            here = [disk.naa for disk in machine.disks.values()] + [dm.naa for dm in machine.dms.values()]
            if not {*here} <= naas:
                raise _Wrong(f"{node} has a stale device")

    def _must(self, verb: str, node: str) -> None:
        error = run_quietly(self.place, node, verb)
        if error is not None:
            raise _Wrong(f"{verb} fails on {node}: {error}")


class _Wrong(Exception):
    """What is wrong after a run."""
