"""One case: the state before, the verb under a fault, Ganeti's next attempt, and what is wrong with all that."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace

from tests.sweep.lab import Lab
from tests.sweep.scenarios import NEW_TAG, TAG, Scenario
from tests.sweep.trials import ENOUGH, Trial
from tests.testbed.hook_calls import NAME
from tests.testbed.inventory import SERIAL, View
from tests.testbed.node import Outcome

MESSAGE_LIMIT = 200
_OTHERS_SERIAL = re.compile(r"(?<=:disk:)[0-9a-f]{24}$")
SLACK = 10.0  # seconds on a busy machine, for what the deadline does not count: the process itself
LONGER = 15  # a TIMEOUT that suffices there until the fault strikes
NEVER_STRUCK = "the fault never struck: the calls are not those of the clean run"
UNDOING = 20.0  # seconds that a creation may take beyond its deadline for cleaning up
SECRETS = ("secret", "YWRtaW46c2VjcmV0")  # and as Basic authentication has it
# What became of a case, and the letter for it in the table.
BORNE, MENDED, REFUSED, LEFT, WRONG = "borne", "failed, then done", "refused", "left over", "WRONG"
LETTERS = {BORNE: "b", MENDED: "f", REFUSED: "r", LEFT: "l", WRONG: "X"}


@dataclass(frozen=True)
class Case:
    """A fault at the ``nth`` call of ``api`` that a scenario makes."""

    scenario: Scenario
    api: str
    nth: int
    trial: Trial

    def __str__(self) -> str:
        return f"{self.scenario.name} / {self.api} {self.nth} / {self.trial.name}"


@dataclass(frozen=True)
class Verdict:
    """What became of a case; ``problems`` is what must not be."""

    case: Case
    outcome: str
    problems: tuple[str, ...]
    seconds: float
    message: str


def try_out(case: Case, lab: Lab) -> Verdict:
    """Try one case; a verb whose time was over before the fault could strike, on a busy machine, gets more."""
    verdict = _try_once(case, lab)
    if verdict.problems[:1] == (NEVER_STRUCK,) and case.trial.timeout < ENOUGH:
        verdict = _try_once(replace(case, trial=replace(case.trial, timeout=LONGER)), lab)
    return verdict


def _try_once(case: Case, lab: Lab) -> Verdict:
    """In a lab where nothing of the last case is left."""
    lab.restore(NAME)
    lab.limit(ENOUGH)
    case.scenario.prepare(lab)
    logged = len(lab.log())
    lab.limit(case.trial.timeout)
    lab.simulator.control.arm(case.trial.at(case.api, case.nth, case.scenario.volume))
    first = case.scenario.run(lab)
    struck = sum(times for _, times in lab.simulator.control.clear())
    problems = [] if struck else [NEVER_STRUCK]
    problems += _wrong_with_any(case, first, lab.log()[logged:])
    outcome, more = _wrong_after(case, first, lab)
    problems += [*more, *(f"{name} is not what it was" for name in lab.disturbed())]
    return Verdict(case, WRONG if problems else outcome, tuple(problems), first.seconds, first.message)


def _wrong_with_any(case: Case, outcome: Outcome, log: str) -> Iterator[str]:
    """What no run may do, whatever befell it."""
    limit = case.trial.timeout + (UNDOING if case.scenario.makes else 0.0)
    if outcome.seconds > limit + SLACK:
        yield f"took {outcome.seconds:.1f} s with a TIMEOUT of {case.trial.timeout} s"
    for word in ("Traceback", "internal error"):
        if word in outcome.stderr:
            yield f"{word}: {outcome.stderr[-1500:]}"
    if any(secret in text for secret in SECRETS for text in (outcome.stdout, outcome.stderr, log)):
        yield "a password is told"
    if outcome.status not in {0, 1}:
        yield f"exit status {outcome.status}"
    if outcome.status == 1:
        yield from _wrong_with_message(case, outcome)
    elif case.scenario.refusal is not None:
        yield "it succeeded, which it must not"
    elif bool(outcome.stdout) != case.scenario.answers:
        yield f"its answer is {outcome.stdout!r}"


def _wrong_with_message(case: Case, outcome: Outcome) -> Iterator[str]:
    refusal = case.scenario.refusal
    if outcome.stdout and case.scenario.verb != "verify":  # whose findings are its answer, good or bad
        yield f"it failed, and yet its answer is {outcome.stdout!r}"
    if len(outcome.message) > MESSAGE_LIMIT:
        yield f"the message has {len(outcome.message)} characters"
    if not outcome.message.startswith("dataontap: "):
        yield f"the last line is no message: {outcome.message!r}"
    if refusal is not None and re.search(refusal, outcome.message):
        return
    if not re.search(case.trial.cause, outcome.message):
        yield f"the message does not name the cause: {outcome.message!r}"
    if case.trial.borne and refusal is None:
        yield f"is not borne: {outcome.message!r}"


def _wrong_after(case: Case, first: Outcome, lab: Lab) -> tuple[str, list[str]]:
    """The outcome; and what is wrong on filer and node, at once and after Ganeti's next attempt."""
    if first.status == 0:
        return BORNE, list(wrong_with_success(case.scenario, lab.luns(NAME), lab))
    return after_failure(case.scenario, first, lab, may_leave=case.trial.cut_off)


def after_failure(scenario: Scenario, first: Outcome, lab: Lab, *, may_leave: bool) -> tuple[str, list[str]]:
    """The outcome of a verb that failed or was killed, and of Ganeti's next attempt; and what is wrong after each.

    ``may_leave``: what a creation made may be left over, because the verb could not remove it.
    """
    state = lab.luns(NAME)
    left = may_leave and _left_over(scenario, state)
    problems = list(_wrong_with_failure(scenario, first, state, lab, left))
    lab.limit(ENOUGH)
    again = (scenario.again or scenario.run)(lab)
    if scenario.refusal is None and not (left and again.status != 0):
        if again.status != 0:
            return WRONG, [*problems, f"the next attempt fails: {again.message!r}"]
        return LEFT if left else MENDED, [
            *problems,
            *(f"at the next attempt: {why}" for why in wrong_with_success(scenario, lab.luns(NAME), lab)),
        ]
    expected = "there is a LUN .* already" if left else scenario.refusal or ""
    if again.status != 1 or not re.search(expected, again.message):
        problems.append(f"the next attempt: {again.message!r}")
    if lab.luns(NAME) != (state if left else scenario.after):
        problems.append(f"after the next attempt: {_told(lab.luns(NAME))}")
    return LEFT if left else REFUSED, problems


def _wrong_with_failure(scenario: Scenario, first: Outcome, state: View, lab: Lab, left: bool) -> Iterator[str]:
    if left:
        if first.status > 0 and f"{scenario.makes}" not in first.stderr:
            yield f"what is left is not told of: {first.stderr}"
        return
    if state not in (scenario.before, scenario.after, *scenario.between):
        yield f"after the failure ({first.message}) there is {_told(state)}"
    if scenario.makes is not None and state != scenario.after and lab.has_device(scenario.makes):
        yield "a device is left of a LUN that is not there"


def _left_over(scenario: Scenario, state: View) -> bool:
    """Whether what a creation made is still there; it must be ours."""
    made = scenario.makes
    if made is None or made not in state or state == scenario.before:
        return False
    rest = {path: lun for path, lun in state.items() if path != made}
    others = {path: lun for path, lun in scenario.before.items() if path != made}
    # A clone may have its source's comment until it gets its own.
    comment = _OTHERS_SERIAL.sub(SERIAL, state[made].comment)
    return rest == others and comment in {"", TAG, NEW_TAG, scenario.after.get(made, state[made]).comment}


def wrong_with_success(scenario: Scenario, state: View, lab: Lab) -> Iterator[str]:
    """What must not be on filer and node after a success."""
    if state not in (scenario.after, scenario.enough):
        yield f"it succeeded, and yet there is {_told(state)}"
    if scenario.shown is not None:
        if not lab.has_device(scenario.shown):
            yield "it succeeded, and yet there is no device"
        elif scenario.shown in state:
            if lab.device_size(scenario.shown) != state[scenario.shown].size:
                yield f"the device has {lab.device_size(scenario.shown)} MiB"
            if lab.device_data(scenario.shown) != state[scenario.shown].data:
                yield "the device has other data than the LUN"
    if scenario.hidden is not None and lab.has_device(scenario.hidden):
        yield "it succeeded, and yet its device is here"


def _told(state: View) -> str:
    return "; ".join(f"{path} {lun}" for path, lun in sorted(state.items())) or "no LUN"
