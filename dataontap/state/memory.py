"""What this node remembers of the filer between scripts, for a day: each saves a request."""

from __future__ import annotations

import contextlib
import hashlib
import logging
import os
import time
from pathlib import Path

from dataontap import paths

LOG = logging.getLogger(__name__)

DAY = 24 * 60 * 60
_LIMIT = 4096


class Memory:
    """A short text of some ``kind`` about what ``identity`` names, in a file below ``directory``.

    Remembering only ever saves time: what cannot be read or written is not there.
    """

    def __init__(self, kind: str, *identity: str | None, directory: str = paths.RUN) -> None:
        key = hashlib.sha256(repr(identity).encode()).hexdigest()[:32]
        self._path = Path(directory, kind, key)
        self._kind = kind

    def get(self, *, of_any_age: bool = False) -> str | None:
        """The text, if it was put here less than a day ago; or at any time, if ``of_any_age`` will do."""
        try:
            with open(os.open(self._path, os.O_RDONLY | os.O_NOFOLLOW), encoding="ascii") as file:
                found = os.fstat(file.fileno())
                fresh = of_any_age or 0 <= time.time() - found.st_mtime < DAY
                return file.read(_LIMIT) if fresh and found.st_uid == os.geteuid() else None
        except (OSError, UnicodeDecodeError):
            return None

    def put(self, text: str) -> None:
        """Remember ``text``, ASCII of at most 4 KiB."""
        fresh = self._path.with_name(f".{self._path.name}.{os.getpid()}")
        try:
            self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            fresh.write_text(text, encoding="ascii")
            fresh.replace(self._path)
        except (OSError, UnicodeEncodeError) as error:
            LOG.warning("the filer's %s cannot be remembered: %s", self._kind, error)

    def age(self) -> None:
        """Let it be older than a day."""
        with contextlib.suppress(OSError):
            os.utime(self._path, (0, 0), follow_symlinks=False)

    def drop(self) -> None:
        """Forget it."""
        with contextlib.suppress(OSError):
            self._path.unlink()
