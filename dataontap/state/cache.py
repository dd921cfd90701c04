"""This node's caches, valid for a day: a filer's version, iSCSI target and igroup members; iscsiadm's folder.

A cache only saves time: an entry that cannot be read or written counts as missing.
"""

from __future__ import annotations

import contextlib
import hashlib
import logging
import os
import re
import time
from pathlib import Path
from typing import TYPE_CHECKING

from dataontap import paths

if TYPE_CHECKING:
    from dataontap.config import Settings

LOG = logging.getLogger(__name__)

DAY = 24 * 60 * 60
_LIMIT = 4096


class Cache:
    """A short text of some ``kind`` about what ``identity`` names, in a file below ``directory``."""

    def __init__(self, kind: str, *identity: str | None, directory: str = paths.RUN) -> None:
        key = hashlib.sha256(repr(identity).encode()).hexdigest()[:32]
        self._path = Path(directory, kind, key)
        self._kind = kind

    def get(self, *, of_any_age: bool = False) -> str | None:
        """The cached text, if it is less than a day old, or of any age with ``of_any_age``; else None."""
        try:
            with open(os.open(self._path, os.O_RDONLY | os.O_NOFOLLOW), encoding="ascii") as file:
                found = os.fstat(file.fileno())
                fresh = of_any_age or 0 <= time.time() - found.st_mtime < DAY
                return file.read(_LIMIT) if fresh and found.st_uid == os.geteuid() else None
        except (OSError, UnicodeDecodeError):
            return None

    def put(self, text: str) -> None:
        """Cache ``text``, ASCII of at most 4 KiB."""
        fresh = self._path.with_name(f".{self._path.name}.{os.getpid()}")
        try:
            self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            fresh.write_text(text, encoding="ascii")
            fresh.replace(self._path)
        except (OSError, UnicodeEncodeError) as error:
            LOG.warning("the cache of kind %s cannot be written: %s", self._kind, error)

    def age(self) -> None:
        """Make the text older than a day."""
        with contextlib.suppress(OSError):
            os.utime(self._path, (0, 0), follow_symlinks=False)

    def drop(self) -> None:
        """Remove the text."""
        with contextlib.suppress(OSError):
            self._path.unlink()


class VersionCache:
    """A filer's API version."""

    def __init__(self, *identity: str | None, directory: str = paths.RUN) -> None:
        self._cache = Cache("version", *identity, directory=directory)

    def get(self) -> tuple[int, int] | None:
        """The cached version, if it is less than a day old."""
        match = re.fullmatch(r"([0-9]{1,4})\.([0-9]{1,6})\n", self._cache.get() or "")
        return (int(match[1]), int(match[2])) if match else None

    def put(self, version: tuple[int, int]) -> None:
        """Cache ``version``."""
        self._cache.put(f"{version[0]}.{version[1]}\n")

    def drop(self) -> None:
        """Remove the version: the filer behaves as if it had another version."""
        self._cache.drop()


class FilerCaches:
    """The caches of the filer in ``settings``, as the account there sees it."""

    def __init__(self, settings: Settings) -> None:
        port = str(settings.port)
        self._account = (settings.hostname, port, settings.cluster_mode_vserver, settings.login)
        self._cert_file = settings.cert_file

    def version(self) -> VersionCache:
        """Its API version."""
        return VersionCache(*self._account, self._cert_file)

    def target(self) -> Cache:
        """Its iSCSI target and portals."""
        return Cache("target", *self._account)

    def igroup(self, name: str) -> Cache:
        """The initiators that this node put into the igroup ``name``."""
        return Cache("igroup", *self._account, name)
