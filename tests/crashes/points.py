"""The points at which a verb or hook is killed, by a run in which it is not; and which stand for others."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from tests.simulator.faults import is_rest
from tests.sweep.lab import Lab
from tests.sweep.run import clean_run, numbered
from tests.sweep.scenarios import Scenario
from tests.sweep.trials import only_asks
from tests.testbed.crash import AFTER, BEFORE, DURING, END

REQUEST, PROGRAM = "request", "run "
MOMENTS = (BEFORE, DURING, AFTER)


@dataclass(frozen=True)
class Crash:
    """A scenario's verb is killed at the ``nth`` point with this label; ``point`` is its name for people.

    ``kind`` is what such points have in common: the label, or which request of the filer's it is.
    """

    scenario: Scenario
    label: str
    nth: int
    point: str
    kind: str
    moment: str

    def __str__(self) -> str:
        return f"{self.scenario.name} / {self.point} / {self.moment}"


def recorded(scenario: Scenario, lab: Lab) -> list[Crash]:
    """Every crash of a scenario, in the order of its points."""
    calls = iter(clean_run(scenario, lab))
    points = numbered(lab.quick.points)
    names = numbered(next(calls, label) if label == REQUEST else label for label, _ in points)
    return [
        Crash(scenario, label, nth, f"{name} {number}", name, moment)
        for (label, nth), (name, number) in zip(points, names)
        for moment in _moments(label)
    ]


def _moments(label: str) -> Sequence[str]:
    if label == END:
        return (BEFORE,)
    return MOMENTS if label.startswith(PROGRAM) else (BEFORE, AFTER)


def representatives(crashes: Iterable[Crash], seen: set[object]) -> Iterator[Crash]:
    """The first of each kind, if possible of a verb that does not refuse; ``seen`` are the kinds tried already.

    What a verb leaves unfinished by a program or by a change of the filer's is tried for each verb over REST; the
    policy is the same over ZAPI. All else, locks, files and questions, is the same for all verbs; and to be killed
    before one of these is to be killed after the point that comes before it.
    """
    for crash in sorted(crashes, key=lambda crash: crash.scenario.refusal is not None):
        is_step = crash.label.startswith(PROGRAM) or (crash.label == REQUEST and not only_asks(crash.kind))
        if crash.moment == BEFORE and not is_step and crash.label != END:
            continue
        is_of_verb = is_step and (crash.label != REQUEST or is_rest(crash.kind))
        kind = (is_of_verb and crash.scenario.verb, crash.kind, crash.moment)
        if kind not in seen:
            seen.add(kind)
            yield crash
