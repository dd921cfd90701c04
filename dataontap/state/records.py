"""The records that attach's hot path goes by, written here, read by ``hotpath``; notes of unfinished volumes."""

from __future__ import annotations

import contextlib
import logging
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


def caller() -> str:
    """Which process runs this script: its id, and when it began in the kernel's ticks since boot; "" if none does.

    noded serves each of its requests in a process of its own (Ganeti 3.0.2, http/server.py: a fork for each
    connection, no keep-alive), and the request that makes a volume runs all scripts of that.
    """
    parent = os.getppid()
    if parent <= 1:
        return ""  # it has ended, or is in another namespace
    try:
        text = Path(f"/proc/{parent}/stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
    fields = text.rpartition(")")[2].split()
    return f"{parent} {fields[19]}"  # starttime, the 22nd in proc(5)


class Records:
    """One small file a volume below ``directory``, for calls with the ext-params in ``environ``.

    A record only ever saves time: one that cannot be written is no error. ``enabled`` is False where each attach
    is to go the ordinary way, as with DEBUG. ``creator`` tells which process a volume is made by: see ``caller``.
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
        """The device that was proven to be the volume's and is still what it was then.

        One that this node has closed is not asked who it is, unless ``ask``.
        """
        if not self._enabled:
            return None
        try:
            return hotpath.proven(name, self._environ, self._directory, self._config_file, ask=ask)
        except (OSError, ValueError):
            return None

    def keep(self, name: str, device: str, lun: str) -> None:
        """Record that ``device`` has just been proven to be the volume's; call with the volume's lock.

        ``lun`` is a word or two on which LUN of the filer's it is: see ``lun``.
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
            LOG.warning("the next attach will not be a quick one: %s", error)
            with contextlib.suppress(OSError):
                fresh.unlink()

    def lun(self, name: str) -> str | None:
        """What was noted of the LUN with ``keep``, last; the device may be gone or another one by now."""
        return self._recorded(name).rpartition("\nlun ")[2].strip() or None

    def close(self, name: str) -> None:
        """Mark the volume as closed on this node; HostError if that cannot be."""
        _write(hotpath.closed_path(self._directory, name), "", f"{name} cannot be marked as closed")

    def is_closed(self, name: str) -> bool:
        """Whether the volume is marked so."""
        return hotpath.is_closed(self._directory, name)

    def reopen(self, name: str) -> None:
        """Take the mark away."""
        _unlink(hotpath.closed_path(self._directory, name))

    def begin(self, name: str) -> None:
        """Mark that the process which runs this script is making the volume; HostError if that cannot be."""
        _write(self._unfinished_path(name), self._creator(), f"{name} cannot be marked as new")

    def is_new(self, name: str) -> bool:
        """Whether the process which runs this script is still making the volume: then nobody has data on it.

        By hand that may be a shell, which lives longer than any request: so it also must have begun lately.
        """
        path = self._unfinished_path(name)
        try:
            age = time.time() - os.stat(path).st_mtime
        except OSError:
            return False
        return abs(age) < _CREATION_SECONDS and _text(path) == self._creator() != ""

    def finish(self, name: str) -> None:
        """The creation has come to its end, whichever."""
        _unlink(self._unfinished_path(name))

    def _recorded(self, name: str) -> str:
        return _text(hotpath.record_path(self._directory, name))

    def _unfinished_path(self, name: str) -> str:
        return f"{self._directory}/new/{name}"

    def contradict(self, name: str, device: str) -> bool:
        """Whether ``device`` is certainly not what was on record for the volume last."""
        recorded = self._recorded(name)
        try:
            now = hotpath.describe(device, self._environ, self._config_file)
        except (OSError, ValueError):
            return False
        return recorded != "" and hotpath.device_lines(recorded) != hotpath.device_lines(now)

    def identities(self, name: str) -> tuple[str, ...]:
        """The NAA identity of the LUN whose device was proven last, if it has one; the device may be gone."""
        found = hotpath.identity(self._recorded(name))
        return (found,) if found else ()

    def forget(self, name: str) -> None:
        """Let the next attach prove the device anew."""
        _unlink(hotpath.record_path(self._directory, name))


class Clones:
    """Notes of snapshots' LUNs that this node clones, below ``directory``, each until its clone has a tag."""

    def __init__(self, directory: str) -> None:
        self._directory = directory

    def begin(self, name: str, path: str) -> None:
        """Note that a snapshot's LUN is about to be cloned to ``path``; HostError if that cannot be."""
        _write(self._path(name), path, f"the clone {name} cannot be noted")

    def has(self, name: str, path: str) -> bool:
        """Whether it is noted that this node cloned a snapshot's LUN to ``path``, and did not come to its end.

        Only by that is a clone its own that has no tag yet, or its source's.
        """
        return _text(self._path(name)) == path

    def finish(self, name: str) -> None:
        """The clone is tagged, or gone."""
        _unlink(self._path(name))

    def _path(self, name: str) -> str:
        return f"{self._directory}/cloning/{name}"


def _text(path: str) -> str:
    """What is in a file of ours; "" if there is none."""
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
    """Remove a file; what is there and is no file never was ours."""
    try:
        Path(path).unlink()
    except (FileNotFoundError, IsADirectoryError):
        return
    except OSError as error:
        raise HostError(f"no file can be removed in {Path(path).parent}: {error.strerror}") from None
