"""Which cases there are, and which of them stand for the rest.

A fault comes to the same outcome at every call of an API that a verb makes, but for four reasons: the verb refuses
the volume in any case; it makes a LUN, which may be left over; the volume's state makes it bear what it otherwise
would not (``Scenario.apart``); or it matters which of several calls the fault strikes (``Trial.each_call_of``).
So one case for each verb, call and fault is enough, if these are kept apart. Of a fault of the connection, or of
the answer's form (``Trial.alike``), a call that asks and a call that changes are enough for all verbs over an API.
The calls of each verb meet the other faults: a refusal, a lost answer, and a filer that is out of reach from then
on. A sweep of all cases checks that.

The policy is the same over both APIs, and the sweep over REST tries each verb. So over ZAPI one verb of a kind
stands for all verbs that make a call: what is left to try there is the client.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from tests.simulator.faults import is_rest
from tests.sweep.judge import Case, Verdict
from tests.sweep.scenarios import Scenario
from tests.sweep.trials import TRIALS, only_asks

Calls = list[tuple[str, int]]


def every_case(scenarios: Iterable[Scenario], calls: Mapping[str, Calls]) -> list[Case]:
    """Every trial at every call where it makes sense; ``once`` is at a verb's first call of the API."""
    cases = []
    seen: set[tuple[str, str]] = set()
    for scenario in scenarios:
        for api, nth in calls[scenario.name]:
            first = (scenario.verb, api) not in seen
            seen.add((scenario.verb, api))
            trials = [trial for trial in TRIALS if trial.makes_sense_at(api) and (first or not trial.once)]
            cases += [Case(scenario, api, nth, trial) for trial in trials]
    return cases


def alike(case: Case) -> tuple[object, ...]:
    """What cases have in common that come to the same outcome."""
    scenario = case.scenario
    if case.trial.alike:
        return (is_rest(case.api), only_asks(case.api), case.trial.name, scenario.kind)
    which = (scenario.name, case.nth) if scenario.verb in case.trial.each_call_of else None
    return (scenario.verb, case.api, case.trial.name, scenario.kind, which)


def representatives(cases: Iterable[Case]) -> list[Case]:
    """The first of those that stand for the others."""
    return list({_chosen_by(case): case for case in reversed(list(cases))}.values())[::-1]


def _chosen_by(case: Case) -> tuple[object, ...]:
    if is_rest(case.api) or case.trial.alike or case.trial.each_call_of:
        return alike(case)
    return (case.api, case.trial.name, case.scenario.refusal is not None, case.scenario.makes is not None)


def overlooked(verdicts: Sequence[Verdict]) -> list[str]:
    """Which cases came to another outcome than the case that stands for them."""
    first: dict[tuple[object, ...], Verdict] = {}
    lines = []
    for verdict in verdicts:
        other = first.setdefault(alike(verdict.case), verdict)
        if other.outcome != verdict.outcome:
            lines.append(f"{verdict.case}: {verdict.outcome}, but {other.case}: {other.outcome}")
    return lines
