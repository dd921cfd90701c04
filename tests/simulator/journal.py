"""The filer's memory on disk: an append-only journal, one JSON line per request that changed something.

A request is one line written by one ``write``, so a killed simulator either did all of it or nothing; a torn
last line belongs to a request that was never answered, and is ignored.  Reading is apart from writing
(``read``), so that another process can look at a running simulator's state.
"""

from __future__ import annotations

import fcntl
import json
import os
import time
from collections.abc import Iterable
from pathlib import Path

from tests.simulator.model import KINDS, Key, Record, from_json, to_json
from tests.simulator.replay import NAME, replay

__all__ = ["NAME", "Journal", "Tables", "read"]

Tables = dict[str, dict[Key, Record]]


def read(state: Path) -> Tables:
    """Every record of the state directory, by kind and key; empty tables when there is no journal yet."""
    tables: Tables = {kind: {} for kind in KINDS}
    for kind, records in replay(state).items():
        tables[kind] = {key: from_json(kind, fields) for key, fields in records.items()}
    return tables


def _line(put: Iterable[Record], gone: Iterable[Record]) -> bytes:
    change = {
        "gone": [[record.kind, list(record.key)] for record in gone],
        "put": [[record.kind, list(record.key), to_json(record)] for record in put],
        "time": time.time(),
    }
    return json.dumps(change, separators=(",", ":")).encode() + b"\n"


class Journal:
    """The one writer of a state directory's journal; a second one is refused."""

    def __init__(self, state: Path) -> None:
        """Take the directory for this process, read it into ``tables`` and compact it."""
        state.mkdir(parents=True, exist_ok=True)
        self._lock = os.open(state / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(self._lock)
            raise SystemExit(f"simulator: {state} is in use by another simulator") from None
        self._path = state / NAME
        self.tables = read(state)
        self._compact()
        self._descriptor = os.open(self._path, os.O_WRONLY | os.O_APPEND | os.O_CLOEXEC)

    def _compact(self) -> None:
        """Replace the journal by one line that says the same; a torn last line goes with the old file."""
        records = [record for table in self.tables.values() for record in table.values()]
        fresh = self._path.with_suffix(".new")
        fresh.write_bytes(_line(records, ()) if records else b"")
        fresh.chmod(0o600)
        fresh.replace(self._path)

    def append(self, put: Iterable[Record], gone: Iterable[Record]) -> None:
        """Write one request's changes; when this returns they outlive the process."""
        line = _line(put, gone)
        if os.write(self._descriptor, line) != len(line):
            raise OSError(f"{self._path}: the journal is torn (disk full?)")

    def close(self) -> None:
        """Let another process have the directory."""
        os.close(self._descriptor)
        os.close(self._lock)
