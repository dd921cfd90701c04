"""Records of proven devices, written here and read by ``hotpath``; notes of unfinished volumes and clones."""

from __future__ import annotations

import contextlib
import logging
import math
import os
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Callable

from dataontap import paths
from dataontap.errors import HostError
from dataontap.state import hotpath

LOG = logging.getLogger(__name__)

# Ganeti's limit, in seconds, of the call that makes a volume (3.0.2, blockdev_create in rpc_defs: RPC_TMO_NORMAL).
_CREATION_SECONDS = 900.0
# How long the filer's lists may lack a new LUN, in seconds: see client/rest/recent.py.
_LISTED_SECONDS = 30.0
_FINISHED = "finished "


def caller() -> str:
    """The process that runs this script: its id, and its start in the kernel's ticks since boot; "" without one.

    noded serves each request in a process of its own (Ganeti 3.0.2, http/server.py: a fork for each connection, no
    keep-alive). The request that makes a volume runs all scripts of the creation.
    """
    parent = os.getppid()
    if parent <= 1:
        return ""  # the parent has ended, or is in another namespace
    try:
        text = Path(f"/proc/{parent}/stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
    fields = text.rpartition(")")[2].split()
    return f"{parent} {fields[19]}"  # starttime, the 22nd in proc(5)


class Records:
    """A small file for each volume below ``directory``, for calls with the ext-params in ``environ``.

    A record only saves time: it is no error if it cannot be written. ``enabled`` is False where every attach has
    to be a full attach, as with DEBUG. ``creator`` returns the process that makes a volume: see ``caller``.
    """

    def __init__(
        self,
        environ: Mapping[str, str],
        *,
        enabled: bool = True,
        directory: str = paths.RUN,
        config_file: str = paths.CONFIG_FILE,
        creator: Callable[[], str] = caller,
    ) -> None:
        self._environ = environ
        self._enabled = enabled
        self._directory = directory
        self._config_file = config_file
        self._creator = creator
        self.clones = Clones(directory)

    def find(self, name: str, *, ask: bool = False) -> str | None:
        """The volume's recorded device, if it is unchanged since it was proven; else None.

        The paths of a volume that this node has closed are not queried, unless ``ask``.
        """
        if not self._enabled:
            return None
        try:
            return hotpath.proven(name, self._environ, self._directory, self._config_file, ask=ask)
        except (OSError, ValueError):
            return None

    def keep(self, name: str, device: str, lun: str) -> None:
        """Record that ``device`` has just been proven to be the volume's; the caller holds the volume's lock.

        ``lun`` identifies the filer's LUN in a few words: see ``lun``.
        """
        if not self._enabled:
            self.forget(name)
            return
        path = Path(hotpath.record_path(self._directory, name))
        fresh = path.with_name(f".{name}.{os.getpid()}")
        try:
            text = hotpath.describe(device, self._environ, self._config_file)
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            with open(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600), "w") as file:
                file.write(f"{text}\nlun {lun}\n")
            fresh.replace(path)
        except (OSError, ValueError) as error:
            LOG.warning("the device cannot be recorded, so the next attach will be slow: %s", error)
            with contextlib.suppress(OSError):
                fresh.unlink()

    def lun(self, name: str) -> str | None:
        """The LUN that ``keep`` recorded last; its device may have been removed or replaced since."""
        _, found, text = self._recorded(name).rpartition("\nlun ")
        text = text.strip()
        return text if found and text.isprintable() and text else None

    def close(self, name: str) -> None:
        """Mark the volume as closed on this node; HostError if the mark cannot be written."""
        _write(hotpath.closed_path(self._directory, name), "", f"{name} cannot be marked as closed")

    def is_closed(self, name: str) -> bool:
        """Whether the volume is marked as closed on this node."""
        return hotpath.is_closed(self._directory, name)

    def reopen(self, name: str) -> None:
        """Remove the mark that the volume is closed."""
        _unlink(hotpath.closed_path(self._directory, name))

    def begin(self, name: str) -> None:
        """Mark the volume as new, made by the process that runs this script; HostError if that fails."""
        _write(self._unfinished_path(name), self._creator(), f"{name} cannot be marked as new")

    def is_new(self, name: str) -> bool:
        """Whether the process that runs this script is still making the volume: then there is no data on it.

        If the script is run by hand, that process may be a shell, which lives longer than any request. So the mark
        must be recent as well.
        """
        path = self._unfinished_path(name)
        return _age(path) < _CREATION_SECONDS and _text(path) == self._creator() != ""

    def finish(self, name: str) -> None:
        """Remove the mark of a new volume: its creation has succeeded or failed."""
        _unlink(self._unfinished_path(name))

    def _recorded(self, name: str) -> str:
        return _text(hotpath.record_path(self._directory, name))

    def _unfinished_path(self, name: str) -> str:
        return f"{self._directory}/new/{name}"

    def contradicts(self, name: str, device: str) -> bool:
        """Whether ``device`` certainly differs from the volume's last record."""
        recorded = self._recorded(name)
        try:
            now = hotpath.describe(device, self._environ, self._config_file)
        except (OSError, ValueError):
            return False
        return recorded != "" and hotpath.device_lines(recorded) != hotpath.device_lines(now)

    def identities(self, name: str) -> tuple[str, ...]:
        """The NAA identity in the volume's last record, if it has one; the device may have been removed."""
        found = hotpath.identity(self._recorded(name))
        return (found,) if found else ()

    def forget(self, name: str) -> None:
        """Remove the record, so that the next attach proves the device again."""
        _unlink(hotpath.record_path(self._directory, name))


class Clones:
    """Notes of the snapshot LUNs that this node is cloning or has just cloned, below ``directory``."""

    def __init__(self, directory: str) -> None:
        self._directory = directory

    def begin(self, name: str, path: str) -> None:
        """Note that a snapshot's LUN is about to be cloned to ``path``; HostError if that fails."""
        _write(self._path(name), path, f"the clone {name} cannot be noted")

    def has(self, name: str, path: str) -> bool:
        """Whether there is a note of this node's unfinished clone of a snapshot's LUN to ``path``.

        A clone that has no tag, or its source's tag, counts as this node's only by this note.
        """
        return _text(self._path(name)) == path

    def finish(self, name: str, path: str) -> None:
        """Note that the clone at ``path`` has its tag."""
        _write(self._path(name), f"{_FINISHED}{path}", f"the clone {name} cannot be noted")

    def finished(self, name: str) -> str | None:
        """The path of the clone, if it was finished so recently that the filer may not list it yet; else None."""
        text, is_recent = _text(self._path(name)), _age(self._path(name)) < _LISTED_SECONDS
        return text.removeprefix(_FINISHED) if is_recent and text.startswith(_FINISHED) else None

    def drop(self, name: str) -> None:
        """Remove the note: the clone does not exist any more."""
        _unlink(self._path(name))

    def _path(self, name: str) -> str:
        return f"{self._directory}/cloning/{name}"


def _age(path: str) -> float:
    """The seconds since the file was changed, or until then if the clock was set back; inf without a file."""
    try:
        return abs(time.time() - os.stat(path).st_mtime)
    except OSError:
        return math.inf


def _text(path: str) -> str:
    """The content of a file of ours; "" if there is none."""
    try:
        return hotpath.read(path)
    except (OSError, ValueError):
        return ""


def _write(path: str, text: str, failure: str) -> None:
    try:
        Path(path).parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        Path(path).touch(mode=0o600)
        Path(path).write_text(text, encoding="ascii")
    except OSError as error:
        raise HostError(f"{failure}: {error.strerror} ({Path(path).parent})") from None


def _unlink(path: str) -> None:
    """Remove a file. A directory at this path is not ours, and is left alone."""
    try:
        Path(path).unlink()
    except (FileNotFoundError, IsADirectoryError):
        return
    except OSError as error:
        raise HostError(f"no file can be removed in {Path(path).parent}: {error.strerror}") from None
