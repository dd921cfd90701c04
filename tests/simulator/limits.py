"""How many connections a client's address may have at once. A filer does not refuse more; they wait."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator


class Limit:
    """The connections of each address, at most ``most``; None is no limit."""

    def __init__(self, most: int | None = None) -> None:
        self._most = most
        self._lock = threading.Lock()
        self._slots: dict[str, threading.Semaphore] = {}

    @contextlib.contextmanager
    def held(self, address: str) -> Iterator[None]:
        """Wait for a place, and have it meanwhile."""
        if self._most is None:
            yield
            return
        with self._lock:
            slots = self._slots.setdefault(address, threading.Semaphore(self._most))
        with slots:
            yield
