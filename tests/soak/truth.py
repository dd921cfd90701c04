"""What the filer has, read from the simulator's journal as it grows."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from tests.simulator.replay import NAME

MIB = 1024 * 1024


class Truth:
    """The LUNs of a simulator whose state is in ``state``."""

    def __init__(self, state: Path) -> None:
        self._file = (state / NAME).open("rb")
        self._luns: dict[tuple[str, ...], dict[str, Any]] = {}
        self._rest = b""

    def close(self) -> None:
        """Read no more."""
        self._file.close()

    def luns(self) -> dict[str, dict[str, Any]]:
        """All LUNs' fields, by the last part of their paths."""
        *lines, self._rest = (self._rest + self._file.read()).split(b"\n")
        for line in lines:
            change = json.loads(line)
            for kind, key in change["gone"]:
                if kind == "lun":
                    self._luns.pop(tuple(key), None)
            for kind, key, fields in change["put"]:
                if kind == "lun":
                    self._luns[tuple(key)] = fields
        return {fields["path"].rpartition("/")[2]: fields for fields in self._luns.values()}

    def mapped_to(self, group: str) -> dict[str, int]:
        """The sizes of the LUNs that are mapped to a group, by their names."""
        return {name: lun["size"] for name, lun in self.luns().items() if group in lun["maps"] and lun["online"]}
