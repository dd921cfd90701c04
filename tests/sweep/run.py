"""The sweep: first each scenario in peace, to see which calls it makes; then one case after another."""

from __future__ import annotations

import traceback
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Callable, TypeVar

from tests.sweep.choice import Calls
from tests.sweep.judge import WRONG, Case, Verdict, try_out, wrong_with_success
from tests.sweep.lab import Lab
from tests.sweep.labs import Labs
from tests.sweep.scenarios import Scenario
from tests.sweep.trials import ENOUGH
from tests.testbed.hook_calls import NAME

Work = TypeVar("Work")
Result = TypeVar("Result")


class CleanRunFailed(Exception):
    """A scenario does not even do without a fault what it should."""


def clean_run(scenario: Scenario, lab: Lab) -> list[str]:
    """The calls of a run without a fault, whose result is checked; the lab has noted its points."""
    lab.restore(NAME)
    lab.limit(ENOUGH)
    scenario.prepare(lab)
    before = len(lab.simulator.requests())
    lab.quick.watch()
    outcome = scenario.run(lab)
    apis = [str(request.api) for request in lab.simulator.requests()[before:]]
    if (outcome.status, lab.luns(NAME)) != (0 if scenario.refusal is None else 1, scenario.after):
        raise CleanRunFailed(f"{scenario.name}: {outcome.message}, and then {lab.luns(NAME)}")
    wrong = list(wrong_with_success(scenario, lab.luns(NAME), lab)) if scenario.refusal is None else []
    if wrong:
        raise CleanRunFailed(f"{scenario.name}: {'; '.join(wrong)}")
    return apis


class Sweep:
    """Scenarios and cases, ``jobs`` of them at a time in as many labs."""

    def __init__(self, labs: Labs, *, jobs: int) -> None:
        self._labs = labs
        self._jobs = jobs

    def record(self, scenarios: Sequence[Scenario]) -> dict[str, Calls]:
        """The calls of each scenario's clean run, each with its number among those of its API."""
        return dict(zip((scenario.name for scenario in scenarios), at_a_time(self._jobs, self._record, scenarios)))

    def _record(self, scenario: Scenario) -> Calls:
        with self._labs.lab(scenario) as lab:
            return numbered(clean_run(scenario, lab))

    def run(self, cases: Sequence[Case]) -> Iterator[Verdict]:
        """The verdicts, in the cases' order."""
        return at_a_time(self._jobs, self._try, cases)

    def _try(self, case: Case) -> Verdict:
        try:
            with self._labs.lab(case.scenario) as lab:
                return try_out(case, lab)
        except Exception:
            return Verdict(case, WRONG, (f"could not be tried: {traceback.format_exc()}",), 0.0, "")


def at_a_time(jobs: int, do: Callable[[Work], Result], works: Sequence[Work]) -> Iterator[Result]:
    """What comes of each work, in this order; ``jobs`` of them are done at a time."""
    with ThreadPoolExecutor(jobs) as pool:
        try:
            yield from pool.map(do, works)
        finally:
            pool.shutdown(cancel_futures=True)  # told to stop: what has not begun does not


def numbered(names: Iterable[str]) -> list[tuple[str, int]]:
    """Each name with its number among those that are the same."""
    seen: Counter[str] = Counter()
    found = []
    for name in names:
        seen[name] += 1
        found.append((name, seen[name]))
    return found
