"""The filer as the processes see it: the simulator's object, with a step for each request, and what befalls them.

Requests are repeated as the product's clients do (``client.retry``). A late request is carried out by a process
of its own, after its sender was told that it failed.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Callable, TypeVar

from dataontap.client.array import Igroup, Lun, LunMap, LunRef, LunSpec, Pool
from dataontap.client.found import Found
from dataontap.client.retry import Patience, Tries, persist
from dataontap.errors import OntapError, TransportError
from tests.interleavings.baton import NOTHING, Process, Step, Words
from tests.simulator.filer import Filer
from tests.unit.arrays import DirectArray

T = TypeVar("T")
PREFIX = "g-"  # of the nodes' own igroups


class Late:
    """At most one request that the filer carries out after its sender gave it up."""

    def __init__(self) -> None:
        self._act: Callable[[], object] | None = None
        self._courier: Process | None = None

    def arm(self, step: Step, act: Callable[[], object]) -> None:
        """This one is under way."""
        self._act = act
        if self._courier is not None:
            self._courier.step = Step(f"{step.label}, late", step.reads, step.writes)

    def is_armed(self) -> bool:
        """Whether there is one."""
        return self._act is not None

    def deliver(self, courier: Process) -> None:
        """The filer carries it out, and no process gets the answer."""
        self._courier = courier
        courier.take(Step("a late request"), self.is_armed)
        if self._act is not None:
            try:
                self._act()
            except OntapError:
                return


def of(kind: str, *luns: LunRef) -> Words:
    """What is read or written of LUNs."""
    return frozenset(f"{kind} {lun.name}" for lun in luns)


class SharedArray(DirectArray):
    """The filer for a ``process``. ``late`` takes its late request. ``own`` is its node's igroup."""

    def __init__(self, filer: Filer, process: Process, patience: Patience, late: Late, own: str) -> None:
        super().__init__(filer)
        self._process = process
        self._patience = patience
        self._late = late
        self._own = own
        self._seen: set[str] = set()  # the igroups in the maps that were listed just now

    def tries(self) -> Tries:
        return Tries(self._patience)

    # Looks

    def _look(self, label: str, reads: Words) -> None:
        self._process.take(Step(label, reads))

    def get_luns(self, *luns: LunRef) -> Found[Lun]:
        self._look("list LUN", of("lun", *luns) | of("maps", *luns))
        paths = {lun.path for lun in luns}
        return Found(lun for lun in super().get_lun_list() if lun.path in paths)

    def get_luns_called(self, name: str) -> Found[Lun]:
        self._look("list LUNs called so", frozenset({f"lun {name}", f"maps {name}"}))
        return Found(lun for lun in super().get_lun_list() if lun.name == name)

    def get_lun_list(self) -> Found[Lun]:
        self._look("list all LUNs", frozenset({"luns", "maps"}))
        return super().get_lun_list()

    def get_lun_map(self, *luns: LunRef) -> list[LunMap]:
        self._look("list maps", of("maps", *luns))
        found = super().get_lun_map(*luns)
        self._seen = {mapping.igroup for mapping in found}
        return found

    def get_igroup_maps(self, igroup_name: str) -> list[LunMap]:
        self._look(f"list maps of {igroup_name}", frozenset({"maps"}))
        return super().get_igroup_maps(igroup_name)

    def get_igroups(self, *names: str) -> list[Igroup]:
        self._look(f"show {' '.join(names)}", frozenset({"groups"}))
        return super().get_igroups(*names)

    def get_igroups_of(self, initiators: Collection[str]) -> list[Igroup]:
        self._look("show igroups with this initiator", frozenset({"groups"}))
        return super().get_igroups_of(initiators)

    def logged_in(self, initiators: Collection[str], protocol: str) -> set[str]:
        self._look("ask who is logged in", frozenset({"sessions"}))
        return super().logged_in(initiators, protocol)

    def get_pools(self, names: Collection[str]) -> list[Pool]:
        self._look("list volumes", NOTHING)
        return super().get_pools(names)

    def get_reporting_nodes(self, igroup_name: str, *luns: LunRef) -> dict[str, list[str]]:
        self._look("ask for the reporting nodes", of("maps", *luns))
        return super().get_reporting_nodes(igroup_name, *luns)

    # Changes

    def create_lun(self, lun: LunRef, size: int, metadata: LunSpec) -> Lun | None:
        step = Step(f"create {lun.path}", NOTHING, of("lun", lun) | {"luns"})
        return self._change(step, lambda: self._made(lun, size, metadata), repeatable=False)

    def _made(self, lun: LunRef, size: int, metadata: LunSpec) -> Lun:
        arguments = (
            ("path", lun.path),
            ("size", size),
            ("ostype", metadata.ostype),
            ("space-reservation-enabled", metadata.space_reserved),
            ("use-exact-size", True),
            ("comment", metadata.comment),
        )
        self._do("lun-create-by-size", *arguments)
        return next(one for one in super().get_lun_list() if one.path == lun.path)

    def clone_lun(self, source: Lun, clone: LunRef) -> Lun | None:
        step = Step(f"clone {clone.path}", of("lun", source), of("lun", clone) | {"luns"})
        return self._change(step, lambda: self._cloned(source, clone), repeatable=False)

    def _cloned(self, source: Lun, clone: LunRef) -> Lun:
        beginning = len(f"/vol/{source.volume}/")
        ends = (("source-path", source.path[beginning:]), ("destination-path", clone.path[beginning:]))
        self._do("clone-create", ("volume", source.volume), *ends)
        return next(one for one in super().get_lun_list() if one.path == clone.path)

    def destroy_lun(self, lun: LunRef, *, once: bool = False) -> bool:
        step = Step(f"destroy {lun.path}", of("maps", lun), of("lun", lun) | {"luns"})
        return self._changes_it(step, lambda: super(SharedArray, self).destroy_lun(lun), once=once)

    def do_direct_resize(self, lun: LunRef, new_size_bytes: int) -> int | None:
        step = Step(f"resize {lun.path}", NOTHING, of("lun", lun) | {"luns"})
        return self._change(step, lambda: super(SharedArray, self).do_direct_resize(lun, new_size_bytes))

    def set_lun_comment(self, lun: LunRef, comment: str) -> None:
        step = Step(f"comment {lun.path}", NOTHING, of("lun", lun))
        self._change(step, lambda: super(SharedArray, self).set_lun_comment(lun, comment))

    def map_lun(self, lun: LunRef, igroup_name: str, lun_id: int, *, once: bool = False) -> bool:
        step = Step(f"map {lun.path} to {igroup_name}", of("lun", lun) | {"groups"}, of("maps", lun) | {"maps"})
        return self._changes_it(
            step, lambda: super(SharedArray, self).map_lun(lun, igroup_name, lun_id), once=once
        )

    def unmap_lun(self, lun: LunRef, igroup_name: str, *, once: bool = False) -> bool:
        step = Step(
            f"unmap {lun.path} from {igroup_name}", of("lun", lun) | {"groups"}, of("maps", lun) | {"maps"}
        )
        act = super().unmap_lun
        return self._changes_it(
            step, lambda: act(lun, igroup_name), once=once, ready=lambda: self._require_look(igroup_name)
        )

    def _require_look(self, igroup_name: str) -> None:
        """Another node's map is taken by maps that were listed just before, again before each repetition."""
        if igroup_name != self._own:
            if igroup_name not in self._seen:
                raise AssertionError(f"takes the LUN from {igroup_name} without a look just before")
            if igroup_name.startswith(PREFIX) and self._process.verb == "open" and self._own not in self._seen:
                raise AssertionError(f"takes the LUN from {igroup_name} although it has lost it itself")
        self._seen = set()

    def create_igroup(self, igroup_name: str, igroup_type: str, os_type: str) -> bool:
        step = Step(f"create {igroup_name}", NOTHING, frozenset({"groups"}))
        return self._change(
            step, lambda: super(SharedArray, self).create_igroup(igroup_name, igroup_type, os_type)
        )

    def add_igroup_initiator(self, igroup_name: str, initiator: str) -> bool:
        step = Step(f"add to {igroup_name}", NOTHING, frozenset({"groups"}))
        return self._changes_it(
            step, lambda: super(SharedArray, self).add_igroup_initiator(igroup_name, initiator)
        )

    def remove_igroup_initiator(self, igroup_name: str, initiator: str) -> bool:
        step = Step(f"remove from {igroup_name}", frozenset({"maps"}), frozenset({"groups"}))
        return self._changes_it(
            step, lambda: super(SharedArray, self).remove_igroup_initiator(igroup_name, initiator)
        )

    def _changes_it(
        self, step: Step, act: Callable[[], bool], *, once: bool = False, ready: Callable[[], None] = lambda: None
    ) -> bool:
        """``act``; what was "done already" after a lost answer was done by that request."""
        sent = 0

        def send() -> None:
            nonlocal sent
            sent += 1
            ready()

        return self._change(step, lambda: act() or sent > 1, once=once, ready=send)

    def _change(
        self,
        step: Step,
        act: Callable[[], T],
        *,
        repeatable: bool = True,
        once: bool = False,
        ready: Callable[[], None] = lambda: None,
    ) -> T:
        """Send a request, which ``act`` carries out; ``ready`` is called before each try."""

        def attempt() -> T:
            self._process.take(step)
            ready()
            befalls = self._process.request("map" if step.label.startswith("map ") else "other")
            if befalls.startswith("late"):
                self._late.arm(step, act)
                raise TransportError("did not answer in time", transient=True)
            result = act()
            if befalls == "lost":
                raise TransportError("the answer was lost", transient=True)
            self._process.changed()
            return result

        return persist(attempt, self._patience, repeatable=repeatable, once=once)
