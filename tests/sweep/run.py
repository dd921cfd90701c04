"""The sweep: first each scenario in peace, to see which calls it makes; then every trial at every one of them."""

from __future__ import annotations

import itertools
import traceback
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Callable

from tests.sweep.judge import WRONG, Case, Verdict, try_out
from tests.sweep.lab import Lab
from tests.sweep.scenarios import Scenario
from tests.sweep.trials import ENOUGH, TRIALS
from tests.testbed.hook_calls import NAME
from tests.testbed.product import Product

Calls = list[tuple[str, int]]


class CleanRunFailed(Exception):
    """A scenario does not even do without a fault what it should."""


class Sweep:
    """All cases of ``scenarios`` that ``wanted`` takes, ``jobs`` labs at a time, below ``directory``."""

    def __init__(
        self, directory: Path, installed: Product, *, jobs: int, wanted: Callable[[str], bool] = lambda _: True
    ) -> None:
        self._directory = directory
        self._installed = installed
        self._jobs = jobs
        self._wanted = wanted
        self._numbers = itertools.count()

    def record(self, scenarios: tuple[Scenario, ...]) -> dict[str, Calls]:
        """The calls of each scenario's clean run, each with its number among those of its API."""
        with ThreadPoolExecutor(self._jobs) as pool:
            return dict(zip((scenario.name for scenario in scenarios), pool.map(self._record, scenarios)))

    def _record(self, scenario: Scenario) -> Calls:
        with self._lab(scenario) as lab:
            lab.limit(ENOUGH)
            scenario.prepare(lab)
            before = len(lab.simulator.requests())
            outcome = scenario.run(lab)
            apis = [str(request.api) for request in lab.simulator.requests()[before:]]
            if (outcome.status, lab.luns(NAME)) != (0 if scenario.refusal is None else 1, scenario.after):
                raise CleanRunFailed(f"{scenario.name}: {outcome.message}, and then {lab.luns(NAME)}")
        seen: Counter[str] = Counter()
        calls = []
        for api in apis:
            seen[api] += 1
            calls.append((api, seen[api]))
        return calls

    def run(self, scenarios: tuple[Scenario, ...], calls: dict[str, Calls]) -> Iterator[Verdict]:
        """Every trial at every call, as the verdicts come in."""
        groups = []
        seen: set[tuple[str, str]] = set()
        for scenario in scenarios:
            for api, nth in calls[scenario.name]:
                fits = [trial for trial in TRIALS if trial.makes_sense_at(api)]
                if (scenario.verb, api) in seen:
                    fits = [trial for trial in fits if not trial.once]
                seen.add((scenario.verb, api))
                cases = [Case(scenario, api, nth, trial) for trial in fits]
                groups.append([case for case in cases if self._wanted(str(case))])
        with ThreadPoolExecutor(self._jobs) as pool:
            try:
                for verdicts in pool.map(self._try_all, filter(None, groups)):
                    yield from verdicts
            finally:
                pool.shutdown(cancel_futures=True)  # told to stop: what has not begun does not

    def _try_all(self, cases: list[Case]) -> list[Verdict]:
        """Those of one call, one after the other in one lab."""
        with self._lab(cases[0].scenario) as lab:
            return [_tried(case, lab) for case in cases]

    def _lab(self, scenario: Scenario) -> Lab:
        directory = self._directory / f"lab{next(self._numbers)}"
        directory.mkdir()
        return Lab(directory, self._installed, scenario.ontapi, per_node=scenario.per_node)


def _tried(case: Case, lab: Lab) -> Verdict:
    try:
        return try_out(case, lab)
    except Exception:
        return Verdict(case, WRONG, (f"could not be tried: {traceback.format_exc()}",), 0.0, "")
