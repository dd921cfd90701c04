"""The log file, opened so that nobody but root decides where root writes."""

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
    """Appends to a plain file, and opens it again when logrotate has moved it away.

    Raises OSError for what is a symbolic link or no plain file, and where everybody could put one in its place.
    Once it is open, a record that cannot be written is lost, and whoever logs goes on.
    """

    def __init__(self, path: str) -> None:
        super().__init__(path, encoding="utf-8")

    def _open(self) -> TextIOWrapper:
        _refuse_public_places(self.baseFilename)
        try:
            # What is no plain file is not waited for: a FIFO would want a reader.
            descriptor = os.open(self.baseFilename, _FLAGS, 0o600)
        except OSError as error:
            if error.errno == errno.ELOOP:
                raise OSError(errno.ELOOP, "is a symbolic link") from None
            raise
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            os.close(descriptor)
            raise OSError(errno.EINVAL, "is no plain file")
        return open(descriptor, "a", encoding=self.encoding, errors="backslashreplace")

    def emit(self, record: logging.LogRecord) -> None:
        try:
            super().emit(record)
        except OSError:  # it cannot be opened again
            self.handleError(record)


def _refuse_public_places(path: str) -> None:
    """OSError if everybody may make the file, or exchange a directory on the way to it."""
    folder = Path(os.path.realpath(os.path.dirname(path)))  # noqa: PTH120, PTH118 - the name itself is not followed
    for directory in (folder, *folder.parents):
        mode = directory.stat().st_mode
        # In a sticky directory nobody can exchange what is root's, but anybody can make what is not there yet.
        if mode & stat.S_IWOTH and (directory == folder or not mode & stat.S_ISVTX):
            raise OSError(errno.EPERM, f"everybody may write to {directory}")
