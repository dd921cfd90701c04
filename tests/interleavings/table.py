"""What the searches came to, and a violation's trace, as tables."""

from __future__ import annotations

from collections.abc import Sequence

from tests.interleavings.explore import Result
from tests.interleavings.scenarios import Scenario
from tests.interleavings.search import Violation


def of_results(results: Sequence[Result]) -> str:
    """Runs, a core's seconds and results by group of scenarios."""
    rows: dict[str, list[float]] = {}
    for result in results:
        row = rows.setdefault(group_of(result.scenario), [0, 0, 0, 0, 0])
        numbers = (1, result.runs, result.seconds, result.unavailable, len(result.violations))
        for column, number in enumerate(numbers):
            row[column] += number
    width = max(map(len, rows), default=0)
    head = f"{'scenarios':{width}}  number   runs  seconds  without LUN  violations"
    lines = [
        f"{name:{width}} {row[0]:7} {row[1]:6} {row[2]:8.1f} {row[3]:12} {row[4]:11}" for name, row in rows.items()
    ]
    return "\n".join([head, *lines])


def group_of(scenario: Scenario) -> str:
    """The scenarios that are counted together."""
    fault = f"one fault ({', '.join(scenario.faults)})" if scenario.faults else "no fault"
    bound = "" if scenario.bound is None else f", {scenario.bound} pre-emptions"
    return f"{scenario.ground}, {scenario.start}, {fault}{bound}"


def of_trace(scenario: Scenario, fault: str, violation: Violation) -> str:
    """The steps that lead to a violation, a column for each process."""
    names = list(dict.fromkeys(name for name, _ in violation.trace))
    width = max((len(step.label) for _, step in violation.trace), default=0)
    head = " ".join(f"{name:{width}}" for name in names)
    lines = [
        " ".join(f"{step.label if name == who else '':{width}}" for name in names) for who, step in violation.trace
    ]
    told = [f"VIOLATION {violation.what}", f"{scenario}", *([f"fault: {fault}"] if fault else [])]
    return "\n".join([*told, *(line.rstrip() for line in (head, *lines))])
