"""Processes that run strictly one at a time: each is a thread, and waits at its steps until it is chosen.

A step is what other processes can notice: a request to the filer, a look at the fabric, or, among processes of one
node, a step on the node. It is declared before it is taken, with what it reads and writes.
"""

from __future__ import annotations

import _thread
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import Callable, NoReturn

Words = frozenset[str]
NOTHING: Words = frozenset()


class Gone(BaseException):
    """The process was killed. Not an Exception, so that no handler of the product goes on after it."""


@dataclass(frozen=True)
class Fault:
    """What befalls a process: it is killed after its ``nth`` change (``crash``), or the nth change that it asks of
    the filer is made without an answer (``lost``), or only after it was given up: ``late map`` for a request that
    maps a LUN, ``late`` for any other.
    """

    kind: str
    nth: int

    def __str__(self) -> str:
        return f"{self.kind} {self.nth}"


@dataclass(frozen=True)
class Step:
    """What a process does next."""

    label: str
    reads: Words = NOTHING
    writes: Words = NOTHING


@cache
def dependent(one: Step, other: Step) -> bool:
    """Whether the order of two steps may matter."""
    return bool(one.writes & (other.reads | other.writes) or other.writes & one.reads)


def _always() -> bool:
    return True


@dataclass
class Process:
    """A process on ``node`` that runs ``body``. ``result`` is how that ended, for the trace."""

    name: str
    node: str
    body: Callable[[Process], None]
    fault: Fault | None = None
    shares_node: bool = False  # whether another process runs on its node
    gone: bool = False
    finished: bool = False
    step: Step = field(default_factory=lambda: Step("begins"))
    may: Callable[[], bool] = _always  # whether the step can be taken now
    asked: Counter[str] = field(default_factory=Counter)  # occasions for each kind of fault
    failure: BaseException | None = None  # a bug
    verb: str = ""  # that it is in
    told: list[str] = field(default_factory=list)  # how its verbs ended
    is_started: bool = False
    is_late: bool = False  # no process of a node, but a request that is under way

    def __post_init__(self) -> None:
        self._go = _thread.allocate_lock()
        self._go.acquire()
        self._back = _thread.allocate_lock()
        self._back.acquire()

    # The process's side

    def take(self, step: Step, may: Callable[[], bool] = _always) -> None:
        """Wait until this process is chosen to take ``step``."""
        if self.gone:
            raise Gone
        self.step, self.may = step, may
        self._back.release()
        self._go.acquire()
        if self.gone:
            raise Gone

    def locally(self, label: str) -> None:
        """A step that only this node notices is about to be taken: the process may be killed before it."""
        if self.gone:
            raise Gone
        if self.shares_node:
            self.take(Step(label, writes=frozenset({f"node {self.node}"})))
        self.changed()

    def changed(self) -> None:
        """The filer or the node has changed: the process may be killed here."""
        self.asked["crash"] += 1
        if self.fault == Fault("crash", self.asked["crash"]):
            self.die()

    def request(self, kind: str) -> str:
        """The fault of the change of this ``kind``, "map" or "other", that the filer is asked for now; or ""."""
        for possible in ("lost", "late map" if kind == "map" else "late"):
            self.asked[possible] += 1
            if self.fault == Fault(possible, self.asked[possible]):
                return possible
        return ""

    def die(self) -> NoReturn:
        """Kill this process."""
        self.gone = True
        self.told.append("killed")
        raise Gone

    def _run(self) -> None:
        self._go.acquire()
        try:
            if not self.gone:
                self.body(self)
        except Gone:
            pass
        except BaseException as error:
            self.failure = error
        self.finished = True
        self._back.release()

    # The scheduler's side

    def start(self) -> None:
        """Let it run to its first step."""
        _thread.start_new_thread(self._run, ())  # without the wait of threading.Thread.start
        self.is_started = True
        self.proceed()

    def proceed(self) -> None:
        """Let it take its step, and run to the next."""
        self._go.release()
        self._back.acquire()

    def kill(self) -> None:
        """End it; its clean-up code does nothing any more."""
        self.gone = True
        while self.is_started and not self.finished:
            self.proceed()

    @property
    def is_enabled(self) -> bool:
        """Whether it can be chosen."""
        return not self.finished and self.may()


def enabled(processes: Sequence[Process]) -> list[int]:
    """The processes that can be chosen, by number."""
    return [number for number, process in enumerate(processes) if process.is_enabled]
