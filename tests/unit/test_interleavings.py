"""The search of tests/interleavings: it tries each order that matters, once, and tells what is wrong."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import pytest

from tests.interleavings import table
from tests.interleavings.baton import Fault, Process, Step
from tests.interleavings.scenarios import Scenario, Script
from tests.interleavings.search import Search, Violation

ORDERS_OF_TWO_AND_TWO = 6  # 4! / (2! 2!)


class Shared:
    """Numbers that processes add to, and what they came to in each run."""

    def __init__(self, *, all_depend: bool = False) -> None:
        self.numbers = {"x": 0, "y": 0}
        self.outcomes: list[tuple[int, ...]] = []
        self.all_depend = all_depend

    def step(self, label: str, reads: str = "", writes: str = "") -> Step:
        everything = {"everything"} if self.all_depend else set()
        return Step(label, frozenset(filter(None, [reads])), frozenset(filter(None, [writes])) | everything)

    def add(self, process: Process, to: str) -> None:
        """Read, then write."""
        process.take(self.step(f"read {to}", reads=to))
        number = self.numbers[to]
        process.take(self.step(f"write {to}", writes=to))
        self.numbers[to] = number + 1
        process.changed()

    def end(self, processes: Sequence[Process]) -> str:
        self.outcomes.append(tuple(self.numbers.values()))
        return ""

    def search(self, *to: str, bound: int | None = None, fault: Fault | None = None) -> Search:
        def begin() -> list[Process]:
            self.numbers = {"x": 0, "y": 0}
            made = [Process(f"{at}", f"node{at}", partial(self.add, to=one)) for at, one in enumerate(to)]
            made[0].fault = fault
            return made

        return Search(begin, lambda process: "", self.end, bound).run()


def test_each_outcome_is_found() -> None:
    """Two additions may lose one, with and without the reduction; fewer runs than orders suffice."""
    reduced, whole = Shared(), Shared(all_depend=True)
    assert whole.search("x", "x").runs == ORDERS_OF_TWO_AND_TWO
    assert reduced.search("x", "x").runs < ORDERS_OF_TWO_AND_TWO
    assert {*reduced.outcomes} == {*whole.outcomes} == {(1, 0), (2, 0)}


@pytest.mark.parametrize("to", [("x", "x", "x"), ("x", "y", "x"), ("x", "x", "y")])
def test_three_processes(to: tuple[str, ...]) -> None:
    reduced, whole = Shared(), Shared(all_depend=True)
    assert reduced.search(*to).runs < whole.search(*to).runs
    assert {*reduced.outcomes} == {*whole.outcomes}


def test_what_does_not_depend_is_tried_once() -> None:
    assert Shared().search("x", "y").runs == 1


@pytest.mark.parametrize(("bound", "outcomes"), [(0, {(2, 0)}), (1, {(1, 0), (2, 0)})])
def test_a_bound(bound: int, outcomes: set[tuple[int, ...]]) -> None:
    """Without a pre-emption nothing is lost."""
    shared = Shared()
    shared.search("x", "x", bound=bound)
    assert {*shared.outcomes} == outcomes


def test_one_that_is_killed() -> None:
    """After its only change: its number is there, and the other's order is all that is left."""
    shared = Shared()
    assert shared.search("x", "x", fault=Fault("crash", 1)).occasions[1, "crash"] == 1
    assert {*shared.outcomes} == {(1, 0), (2, 0)}


def test_one_that_is_killed_does_nothing_more() -> None:
    done = []

    def body(process: Process) -> None:
        try:
            process.changed()
        finally:
            process.take(Step("clean up"))
            done.append("cleaned up")

    search = Search(
        lambda: [Process("one", "node", body, Fault("crash", 1))], lambda process: "", lambda processes: ""
    )
    assert (search.run().violations, done) == ([], [])


def test_processes_that_wait_for_each_other() -> None:
    held: set[str] = set()

    def lock(process: Process, *names: str) -> None:
        for name in names:
            process.take(Step(f"lock {name}", writes=frozenset({name})), lambda name=name: name not in held)  # type: ignore[misc]
            held.add(name)
        held.difference_update(names)

    def begin() -> list[Process]:
        held.clear()
        return [
            Process("a", "n", partial(_call, lock, "x", "y")),
            Process("b", "n", partial(_call, lock, "y", "x")),
        ]

    found = Search(begin, lambda process: "", lambda processes: "").run().violations
    assert [violation.what for violation in found[:1]] == ["a, b wait for each other"]


def _call(lock: object, *names: object) -> None:
    *first, process = names
    assert callable(lock)
    lock(process, *first)


def test_a_violation_in_a_state_on_the_way() -> None:
    """The shortest way there comes first."""
    shared = Shared()

    def check(process: Process) -> str:
        return "x is 1" if shared.numbers["x"] == 1 else ""

    def begin() -> list[Process]:
        shared.numbers = {"x": 0, "y": 0}
        return [Process("a", "n", partial(shared.add, to="y")), Process("b", "m", partial(shared.add, to="x"))]

    first = Search(begin, check, shared.end).run().violations[0]
    assert first.what == "x is 1"
    assert first.trace[-1][1].label == "write x"


def test_a_bug_is_a_violation() -> None:
    def body(process: Process) -> None:
        raise ZeroDivisionError

    search = Search(lambda: [Process("one", "node", body)], lambda process: "", lambda processes: "")
    assert [one.what for one in search.run().violations] == ["one ended with ZeroDivisionError()"]


def test_a_trace_as_a_table() -> None:
    scenario = Scenario("two nodes", "runs", (Script("node1", ("open",)), Script("node2", ("detach",))))
    trace = [("1", Step("list maps")), ("2", Step("unmap it")), ("1", Step("unmap"))]
    told = table.of_trace(scenario, "node1: crash 1", Violation("both write", trace))
    assert told.splitlines() == [
        "VIOLATION both write",
        "two nodes, runs: node1: open | node2: detach",
        "fault: node1: crash 1",
        "1         2",
        "list maps",
        "          unmap it",
        "unmap",
    ]
