"""Which cases there are, and which of them stand for the rest.

A fault comes to the same outcome at every call of an API that a verb makes, but for four reasons: the verb refuses
the volume in any case; it makes a LUN, which may be left over; the volume's state makes it bear what it otherwise
would not (``Scenario.apart``); or it matters which of several calls the fault strikes (``Trial.each_call_of``,
``Scenario.each_call``). So one case for each verb, call and fault is enough, if these are kept apart. Some faults
need fewer: what the client bears by itself, or what fails each verb, is tried once for each call
(``Trial.any_verb``). Of a fault of the connection, or of the answer's form (``Trial.alike``), and of a filer that
is out of reach from then on where no LUN can be left over, a call that asks and a call that changes are enough for
all verbs over an API. A sweep of all cases checks that.

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
    scenario, trial = case.scenario, case.trial
    if _is_alike_for_all_calls(case):
        return (is_rest(case.api), only_asks(case.api), trial.name, scenario.kind)
    if trial.any_verb and not scenario.each_call:
        return (case.api, trial.name, scenario.kind)
    each_call = scenario.each_call or scenario.verb in trial.each_call_of
    which = (scenario.name, case.nth) if each_call else None
    return (scenario.verb, case.api, trial.name, scenario.kind, which)


def _is_alike_for_all_calls(case: Case) -> bool:
    return case.trial.alike or (case.trial.cut_off and case.scenario.makes is None)


def representatives(cases: Iterable[Case]) -> list[Case]:
    """The first of those that stand for the others."""
    return list({_chosen_by(case): case for case in reversed(list(cases))}.values())[::-1]


def spread(cases: Iterable[Case]) -> list[Case]:
    """In an order in which those that only wait for long are done beside those that keep the machine busy.

    They wait until their time is up and then to clean up, or between their attempts. None comes in the last third.
    """
    cases = list(cases)
    waiting = [case for case in cases if _waits(case)]
    busy = [case for case in cases if not _waits(case)]
    step = max(1, 2 * len(busy) // (3 * max(1, len(waiting))))
    for number, case in enumerate(waiting):
        busy.insert(number * (step + 1), case)
    return busy


def _waits(case: Case) -> bool:
    if only_asks(case.api) and not case.scenario.makes:
        return False
    return (case.trial.fault.times or 0) > 2 or (case.trial.cut_off and case.scenario.makes is not None)


def _chosen_by(case: Case) -> tuple[object, ...]:
    if is_rest(case.api) or case.trial.each_call_of or _is_alike_for_all_calls(case):
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
