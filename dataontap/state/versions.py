"""The filer's API version, remembered on this node for a day: it saves a request a creation."""

from __future__ import annotations

import re

from dataontap import paths
from dataontap.state.memory import Memory


class RememberedVersion:
    """The version of the filer that ``identity`` (address, SVM and account) names."""

    def __init__(self, *identity: str | None, directory: str = paths.RUN) -> None:
        self._memory = Memory("version", *identity, directory=directory)

    def get(self) -> tuple[int, int] | None:
        """The version, if it was put here less than a day ago."""
        match = re.fullmatch(r"([0-9]{1,4})\.([0-9]{1,6})\n", self._memory.get() or "")
        return (int(match[1]), int(match[2])) if match else None

    def put(self, version: tuple[int, int]) -> None:
        """Remember ``version``."""
        self._memory.put(f"{version[0]}.{version[1]}\n")

    def drop(self) -> None:
        """Forget it: the filer behaves like another one."""
        self._memory.drop()
