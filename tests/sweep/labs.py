"""Labs for many cases at a time: each serves one case after another, because its start costs more than a case."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from threading import Lock
from types import TracebackType

from tests.sweep.lab import Lab
from tests.sweep.scenarios import Scenario
from tests.testbed.product import Product

# The filer's journal, which the fabric reads at each scan, is not compacted while the filer runs.
USES = 100


class Labs:
    """At most ``limit`` labs below ``directory``, for as many threads; a context manager that outlives these."""

    def __init__(self, directory: Path, installed: Product, limit: int) -> None:
        self._directory = directory
        self._installed = installed
        self._limit = limit
        self._numbers = itertools.count()
        self._lock = Lock()
        self._open = 0
        self._idle: list[Lab] = []
        self._uses: Counter[Lab] = Counter()

    def __enter__(self) -> Labs:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with ExitStack() as stack:
            for lab in self._idle:
                stack.push(lab)

    @contextmanager
    def lab(self, scenario: Scenario) -> Iterator[Lab]:
        """A lab as the scenario needs it; the next one gets it, too, unless it is worn out or this use failed."""
        lab = self._take(scenario)
        try:
            lab.furnish(per_node=scenario.per_node)
            yield lab
        except BaseException:
            self._close(lab)
            raise
        if self._uses[lab] < USES:
            with self._lock:
                self._idle.append(lab)
        else:
            self._close(lab)

    def _take(self, scenario: Scenario) -> Lab:
        with self._lock:
            lab = next((lab for lab in reversed(self._idle) if lab.ontapi == scenario.ontapi), None)
            superfluous = None if lab or self._open < self._limit else self._idle[0]
            self._idle = [idle for idle in self._idle if idle not in (lab, superfluous)]
            self._open += lab is None
        if superfluous:
            self._close(superfluous)
        lab = lab or self._start(scenario)
        self._uses[lab] += 1
        return lab

    def _start(self, scenario: Scenario) -> Lab:
        directory = self._directory / f"lab{next(self._numbers)}"
        directory.mkdir()
        try:
            return Lab(directory, self._installed, scenario.ontapi).__enter__()
        except BaseException:
            self._forget()
            raise

    def _close(self, lab: Lab) -> None:
        self._forget()
        lab.__exit__(None, None, None)

    def _forget(self) -> None:
        with self._lock:
            self._open -= 1
