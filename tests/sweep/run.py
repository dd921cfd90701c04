"""The sweep: first each scenario in peace, to see which calls it makes; then one case after another."""

from __future__ import annotations

import traceback
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor

from tests.sweep.choice import Calls
from tests.sweep.judge import WRONG, Case, Verdict, try_out, wrong_with_success
from tests.sweep.labs import Labs
from tests.sweep.scenarios import Scenario
from tests.sweep.trials import ENOUGH
from tests.testbed.hook_calls import NAME


class CleanRunFailed(Exception):
    """A scenario does not even do without a fault what it should."""


class Sweep:
    """Scenarios and cases, ``jobs`` of them at a time in as many labs."""

    def __init__(self, labs: Labs, *, jobs: int) -> None:
        self._labs = labs
        self._jobs = jobs

    def record(self, scenarios: Sequence[Scenario]) -> dict[str, Calls]:
        """The calls of each scenario's clean run, each with its number among those of its API."""
        with ThreadPoolExecutor(self._jobs) as pool:
            return dict(zip((scenario.name for scenario in scenarios), pool.map(self._record, scenarios)))

    def _record(self, scenario: Scenario) -> Calls:
        with self._labs.lab(scenario) as lab:
            lab.restore(NAME)
            lab.limit(ENOUGH)
            scenario.prepare(lab)
            before = len(lab.simulator.requests())
            outcome = scenario.run(lab)
            apis = [str(request.api) for request in lab.simulator.requests()[before:]]
            if (outcome.status, lab.luns(NAME)) != (0 if scenario.refusal is None else 1, scenario.after):
                raise CleanRunFailed(f"{scenario.name}: {outcome.message}, and then {lab.luns(NAME)}")
            wrong = list(wrong_with_success(scenario, lab.luns(NAME), lab)) if scenario.refusal is None else []
            if wrong:
                raise CleanRunFailed(f"{scenario.name}: {'; '.join(wrong)}")
        seen: Counter[str] = Counter()
        calls = []
        for api in apis:
            seen[api] += 1
            calls.append((api, seen[api]))
        return calls

    def run(self, cases: Sequence[Case]) -> Iterator[Verdict]:
        """The verdicts, in the cases' order."""
        with ThreadPoolExecutor(self._jobs) as pool:
            try:
                yield from pool.map(self._try, cases)
            finally:
                pool.shutdown(cancel_futures=True)  # told to stop: what has not begun does not

    def _try(self, case: Case) -> Verdict:
        try:
            with self._labs.lab(case.scenario) as lab:
                return try_out(case, lab)
        except Exception:
            return Verdict(case, WRONG, (f"could not be tried: {traceback.format_exc()}",), 0.0, "")
