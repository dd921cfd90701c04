"""The simulated filer's memory on disk, as plain values.

The fabric reads it, too. Each of its scans is a process, so this module imports little.
"""

from __future__ import annotations

import json
import os

TYPE_CHECKING = False  # like typing's, without the import of typing
if TYPE_CHECKING:
    from typing import Any

NAME = "journal.jsonl"


def replay(
    state: str | os.PathLike[str], until: float | None = None
) -> dict[str, dict[tuple[str, ...], dict[str, Any]]]:
    """The fields of every record of the state directory, by kind and key; nothing when there is no journal yet.

    ``until``: as they were at that time, in seconds since the epoch, of a simulator that has run since then.
    """
    tables: dict[str, dict[tuple[str, ...], dict[str, Any]]] = {}
    try:
        with open(os.path.join(state, NAME), "rb") as file:
            text = file.read()
    except FileNotFoundError:
        return tables
    for line in text.split(b"\n")[:-1]:
        change = json.loads(line)
        if until is not None and change["time"] > until:
            break
        for kind, key in change["gone"]:
            tables.get(kind, {}).pop(tuple(key), None)
        for kind, key, fields in change["put"]:
            tables.setdefault(kind, {})[tuple(key)] = fields
    return tables
