"""What the sweep prints at its end: verb x call x fault x outcome."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from tests.sweep.judge import LETTERS, Verdict
from tests.sweep.trials import TRIALS


def matrix(verdicts: Iterable[Verdict]) -> str:
    """A row a call, a column a fault, a letter for the outcome."""
    rows: dict[tuple[str, str], dict[str, str]] = {}
    for verdict in verdicts:
        case = verdict.case
        cells = rows.setdefault((case.scenario.name, f"{case.api} {case.nth}"), {})
        cells[case.trial.name] = LETTERS[verdict.outcome]
    legend = ", ".join(f"{letter} {outcome}" for outcome, letter in LETTERS.items())
    columns = "\n".join(f"  {number:2} {trial.name}" for number, trial in enumerate(TRIALS, 1))
    head = f"{'':22} {'':56} " + "".join(str(number % 10) for number in range(1, len(TRIALS) + 1))
    lines = [
        f"{name:22} {call:56} " + "".join(cells.get(trial.name, ".") for trial in TRIALS)
        for (name, call), cells in rows.items()
    ]
    return "\n".join(["faults, by column:", columns, f"outcomes: {legend}", "", head, *lines])


def counts(verdicts: Iterable[Verdict]) -> str:
    """How many cases of each verb, and of each fault, came to which outcome."""
    by_verb: dict[str, Counter[str]] = {}
    by_fault: dict[str, Counter[str]] = {}
    for verdict in verdicts:
        by_verb.setdefault(verdict.case.scenario.name, Counter())[verdict.outcome] += 1
        by_fault.setdefault(verdict.case.trial.name, Counter())[verdict.outcome] += 1
    order = {trial.name: number for number, trial in enumerate(TRIALS)}
    faults = dict(sorted(by_fault.items(), key=lambda item: order[item[0]]))
    total = sum(by_verb.values(), Counter())
    return f"{_counts('verb', by_verb)}\n\n{_counts('fault', {**faults, 'all': total})}"


def _counts(title: str, rows: dict[str, Counter[str]]) -> str:
    outcomes = list(LETTERS)
    head = f"{title:24}" + "".join(f"{outcome:>19}" for outcome in outcomes) + f"{'cases':>8}"
    lines = [
        f"{name:24}" + "".join(f"{row[outcome] or '-':>19}" for outcome in outcomes) + f"{row.total():>8}"
        for name, row in rows.items()
    ]
    return "\n".join([head, *lines])
