"""The log file. It is opened so that only root can decide where root writes."""

from __future__ import annotations

import errno
import logging
import os
import stat
from io import TextIOWrapper
from logging.handlers import WatchedFileHandler
from pathlib import Path

_FLAGS = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC


class LogFile(WatchedFileHandler):
    """Appends to a regular file, and opens it again when logrotate has moved it away.

    Raises OSError if the path is a symbolic link or is not a regular file, or if every user could replace it.
    Once the file is open, a record that cannot be written is lost, and the caller continues.
    """

    def __init__(self, path: str) -> None:
        super().__init__(path, encoding="utf-8")

    def _open(self) -> TextIOWrapper:
        _refuse_public_places(self.baseFilename)
        try:
            # O_NONBLOCK: opening a FIFO would otherwise wait for a reader.
            descriptor = os.open(self.baseFilename, _FLAGS, 0o600)
        except OSError as error:
            if error.errno == errno.ELOOP:
                raise OSError(errno.ELOOP, "is a symbolic link") from None
            raise
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            os.close(descriptor)
            raise OSError(errno.EINVAL, "is not a regular file")
        return open(descriptor, "a", encoding=self.encoding, errors="backslashreplace")

    def emit(self, record: logging.LogRecord) -> None:
        try:
            super().emit(record)
        except OSError:  # the file cannot be opened again
            self.handleError(record)


def _refuse_public_places(path: str) -> None:
    """Raise OSError if every user may create the file, or replace a directory in its path."""
    folder = Path(os.path.realpath(os.path.dirname(path)))  # noqa: PTH120, PTH118 - the name itself is not followed
    for directory in (folder, *folder.parents):
        mode = directory.stat().st_mode
        # In a sticky directory only root can replace root's files, but every user can create new files.
        if mode & stat.S_IWOTH and (directory == folder or not mode & stat.S_ISVTX):
            raise OSError(errno.EPERM, f"every user can write to {directory}")
