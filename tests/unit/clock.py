"""Time for unit tests: it passes only while somebody waits, and costs none."""

from __future__ import annotations

from collections.abc import Collection

from dataontap.host.udev import Events


class Clock:
    """Seconds since the test began."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds


class QuietEvents(Events):
    """udev says nothing; until it looks again, a verb waits on ``clock``."""

    def __init__(self, words: Collection[str], *, clock: Clock) -> None:
        super().__init__(words, clock=clock)
        self._sleep = clock.sleep

    def __enter__(self) -> QuietEvents:
        return self

    def _wait(self, seconds: float) -> None:
        self._sleep(seconds)
