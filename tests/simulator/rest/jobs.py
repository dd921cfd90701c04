"""Jobs: changes that take longer than a request. A job ends at the first request after its time."""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass, replace

from tests.simulator.rest.codes import Problem

QUEUED, RUNNING, SUCCESS, FAILURE = "queued", "running", "success", "failure"


@dataclass(frozen=True)
class Job:
    """What is to be done, when it will have been, and what became of it. Times of day are in Unix seconds."""

    uuid: str
    description: str
    svm: str | None
    due: float
    started: int
    state: str = RUNNING
    ended: int | None = None
    problem: Problem | None = None

    @property
    def is_over(self) -> bool:
        """Whether it has ended."""
        return self.state in {SUCCESS, FAILURE}


class Jobs:
    """All jobs since the start. A job makes its change when it ends."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._changes: dict[str, Callable[[], None]] = {}
        self.known: dict[str, Job] = {}

    def begin(self, description: str, svm: str | None, change: Callable[[], None], seconds: float) -> Job:
        """A job that makes a change after some seconds; the change may raise a Problem."""
        job = Job(str(uuid.uuid4()), description, svm, self._clock() + seconds, int(time.time()))
        self.known[job.uuid] = job
        self._changes[job.uuid] = change
        return job

    def settle(self) -> None:
        """End the jobs whose time has come, in the order of their times."""
        now = self._clock()
        due = [job for job in self.known.values() if job.uuid in self._changes and job.due <= now]
        for job in sorted(due, key=lambda each: each.due):
            self.known[job.uuid] = _ended(job, self._changes.pop(job.uuid))

    def left(self, job: Job) -> float:
        """The seconds until it ends."""
        return max(job.due - self._clock(), 0.0)


def _ended(job: Job, change: Callable[[], None]) -> Job:
    try:
        change()
    except Problem as problem:
        return replace(job, state=FAILURE, ended=int(time.time()), problem=problem)
    return replace(job, state=SUCCESS, ended=int(time.time()))
