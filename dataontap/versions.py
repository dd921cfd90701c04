"""The filer's API version, remembered on this node for a day: it saves a request a creation."""

from __future__ import annotations

import contextlib
import hashlib
import logging
import os
import re
import time
from pathlib import Path

from dataontap import present

LOG = logging.getLogger(__name__)

DAY = 24 * 60 * 60


class RememberedVersion:
    """The version of the filer that ``identity`` (address, SVM and account) names, in a file below ``directory``.

    Remembering only ever saves time: what cannot be read or written is not there.
    """

    def __init__(self, *identity: str | None, directory: str = present.DIRECTORY) -> None:
        key = hashlib.sha256(repr(identity).encode()).hexdigest()[:32]
        self._path = Path(directory, "version", key)

    def get(self) -> tuple[int, int] | None:
        """The version, if it was put here less than a day ago."""
        try:
            with open(os.open(self._path, os.O_RDONLY | os.O_NOFOLLOW), encoding="ascii") as file:
                found = os.fstat(file.fileno())
                fresh = found.st_uid == os.geteuid() and 0 <= time.time() - found.st_mtime < DAY
                match = re.fullmatch(r"([0-9]{1,4})\.([0-9]{1,6})\n", file.read(32)) if fresh else None
        except (OSError, UnicodeDecodeError):
            return None
        return (int(match[1]), int(match[2])) if match else None

    def put(self, version: tuple[int, int]) -> None:
        """Remember ``version``."""
        fresh = self._path.with_name(f".{self._path.name}.{os.getpid()}")
        try:
            self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            fresh.write_text(f"{version[0]}.{version[1]}\n", encoding="ascii")
            fresh.replace(self._path)
        except OSError as error:
            LOG.warning("the filer's version cannot be remembered: %s", error)

    def drop(self) -> None:
        """Forget it: the filer behaves like another one."""
        with contextlib.suppress(OSError):
            self._path.unlink()
