"""Tries the orders of processes' steps: each run begins anew, and goes another way than those before it.

Two orders that differ only by steps that do not depend on each other are tried once (dynamic partial-order
reduction with sleep sets: C. Flanagan and P. Godefroid, POPL 2005). With a bound only runs with so many
pre-emptions are tried: a process is pre-empted if another goes on although it could. Then a process that shall
go earlier is also tried where the one before it began (bounded partial-order reduction: K. Coons et al., OOPSLA
2013).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Callable

from tests.interleavings.baton import Process, Step, dependent, enabled

Trace = list[tuple[str, Step]]


class Violation(Exception):
    """An invariant does not hold. ``trace`` has the steps that led there."""

    def __init__(self, what: str, trace: Trace) -> None:
        super().__init__(what)
        self.what = what
        self.trace = trace


@dataclass
class Frame:
    """A state on the way: which processes could go on, who did, and who is to be tried."""

    enabled: list[int]
    sleep: dict[int, Step]
    preempted: int  # pre-emptions up to here
    before: int  # the process that took the last step
    chosen: int = -1
    step: Step = field(default_factory=lambda: Step(""))
    after: int = 0  # the earlier frames whose steps this one's step comes after, as bits
    wanted: set[int] = field(default_factory=set)
    done: dict[int, Step] = field(default_factory=dict)

    def costs(self, process: int) -> int:
        """The pre-emptions, with this choice."""
        return self.preempted + (process != self.before and self.before in self.enabled)


@dataclass
class Search:
    """All orders of what ``begin`` returns anew for each run. ``check`` is called after each step, ``end`` last.

    ``bound`` is the most pre-emptions; None is any number.
    """

    begin: Callable[[], Sequence[Process]]
    check: Callable[[Process], str]
    end: Callable[[Sequence[Process]], str]
    bound: int | None = None
    runs: int = 0
    steps: int = 0
    occasions: Counter[tuple[int, str]] = field(
        default_factory=Counter
    )  # the most for a fault of a process in a run
    violations: list[Violation] = field(default_factory=list)

    def run(self) -> Search:
        """Try them all. A run ends with a violation; the shortest is first in the end."""
        self._frames: list[Frame] = []
        while True:
            self._once()
            while self._frames and not self._next():
                self._frames.pop()
            if not self._frames:
                self.violations.sort(key=lambda one: len(one.trace))
                return self

    def _next(self) -> bool:
        """Choose what is to be tried next in the last state; False if nothing is left."""
        frame = self._frames[-1]
        frame.done[frame.chosen] = frame.step
        for process in sorted(frame.wanted - frame.done.keys() - frame.sleep.keys()):
            if self.bound is None or frame.costs(process) <= self.bound:
                frame.chosen = process
                return True
        return False

    def _once(self) -> None:
        processes = self.begin()
        trace: Trace = []
        what = ""
        try:
            for process in processes:
                process.start()
            what = next(filter(None, map(_bug, processes)), "") or self._redo(processes, trace)
            while not what and (choice := self._choose(processes)) is not None:
                what = self._go(processes, choice, trace)
            is_whole = all(process.finished for process in processes)
            if not what and not is_whole and not enabled(processes):
                stuck = [one for one in processes if not one.finished and one.node]
                what = f"{', '.join(one.name for one in stuck)} wait for each other" if stuck else ""
                is_whole = not stuck
            for number, process in enumerate(processes):
                for kind, times in process.asked.items():
                    self.occasions[number, kind] = max(self.occasions[number, kind], times)
            if is_whole and not what:
                self.runs += 1
                what = self.end(processes)
        finally:
            for process in processes:
                process.kill()
        if what:
            self.violations.append(Violation(what, trace))

    def _redo(self, processes: Sequence[Process], trace: Trace) -> str:
        """Go the way that was chosen, up to its last choice, which is new."""
        what = ""
        for depth, frame in enumerate(self._frames):
            if depth == len(self._frames) - 1:
                self._note(depth, processes[frame.chosen].step)
            what = self._go(processes, frame.chosen, trace)
        return what

    def _choose(self, processes: Sequence[Process]) -> int | None:
        """Enter a new state, and choose who goes on there; None at the end."""
        could = enabled(processes)
        last = self._frames[-1] if self._frames else None
        sleep = {}
        if last is not None and self.bound is None:
            asleep = {**last.sleep, **{one: step for one, step in last.done.items() if one != last.chosen}}
            sleep = {one: step for one, step in asleep.items() if not dependent(step, last.step)}
        before = last.chosen if last else -1
        preempted = last.costs(last.chosen) if last else 0
        frame = Frame(could, sleep, preempted, before)
        self._look_back(processes)
        awake = [one for one in could if one not in sleep]
        if not awake:
            return None
        frame.chosen = before if before in awake else awake[0]
        frame.wanted.add(frame.chosen)
        self._frames.append(frame)
        self._note(len(self._frames) - 1, processes[frame.chosen].step)
        return frame.chosen

    def _note(self, depth: int, step: Step) -> None:
        """Remember the step that is now taken, and which came before it."""
        frame = self._frames[depth]
        frame.step, frame.after = step, 0
        for earlier in range(depth):
            other = self._frames[earlier]
            if other.chosen == frame.chosen or dependent(other.step, step):
                frame.after |= other.after | 1 << earlier

    def _go(self, processes: Sequence[Process], choice: int, trace: Trace) -> str:
        process = processes[choice]
        trace.append((process.name, process.step))
        process.proceed()
        self.steps += 1
        return _bug(process) or self.check(process)

    def _look_back(self, processes: Sequence[Process]) -> None:
        """For each process, find the last step that its next step could have come before, and want it there."""
        for number, process in enumerate(processes):
            if process.finished:
                continue
            own = [depth for depth, frame in enumerate(self._frames) if frame.chosen == number]
            known = (self._frames[own[-1]].after | 1 << own[-1]) if own else 0
            for depth in range(len(self._frames) - 1, -1, -1):
                frame = self._frames[depth]
                if frame.chosen == number or not dependent(frame.step, process.step):
                    continue
                if known >> depth & 1:
                    continue
                if process.is_late and number not in frame.enabled:
                    break  # it was not sent yet
                self._want(depth, number)
                break

    def _want(self, depth: int, number: int) -> None:
        frame = self._frames[depth]
        later = range(depth + 1, len(self._frames))
        before_it = {number}
        own = [at for at in later if self._frames[at].chosen == number]
        if own:
            known = self._frames[own[-1]].after | 1 << own[-1]
            before_it |= {self._frames[at].chosen for at in later if known >> at & 1}
        fit = before_it & {*frame.enabled}
        wanted = {number} if number in fit else set(sorted(fit)[:1]) or {*frame.enabled}
        frame.wanted |= wanted
        if self.bound is None:
            return
        begin = depth
        while begin and self._frames[begin - 1].chosen == frame.chosen:
            begin -= 1
        self._frames[begin].wanted |= wanted & {*self._frames[begin].enabled}


def _bug(process: Process) -> str:
    """How a process ended that should not have ended so; "" if it did not."""
    return f"{process.name} ended with {process.failure!r}" if process.failure is not None else ""
