"""Block devices of this node: which one is a volume's, how big it is, and who uses it."""

from __future__ import annotations

import glob
import logging
import os
import re
import stat
import time
from collections.abc import Collection, Iterable
from pathlib import Path
from typing import Callable

from dataontap.deadline import Deadline
from dataontap.errors import CommandError, DeviceError
from dataontap.host import run as programs
from dataontap.host.holders import is_claimed, openers
from dataontap.host.sysfs import SECTOR

LOG = logging.getLogger(__name__)

# Polling a name costs a stat; udev makes it within milliseconds or, on a busy node, seconds.
_SHORTEST_PAUSE = 0.02
_LONGEST_PAUSE = 0.5
# After a failed scan a device hardly comes by itself: do not make the admin wait for the whole deadline.
_PATIENCE_AFTER_FAILURE = 10.0
_PATIENCE_WITH_HOLDERS = 3.0


class Host:
    """This node. ``run`` starts programs, ``sleep`` waits between two looks, ``sysfs`` is where that is."""

    def __init__(
        self,
        *,
        run: Callable[..., str] = programs.run,
        sleep: Callable[[float], None] = time.sleep,
        sysfs: str = "/sys",
    ) -> None:
        self._run = run
        self._sleep = sleep
        self._sysfs = sysfs

    def find_device(self, path_format: str, *, hostname: str, pool: str, name: str) -> str | None:
        """The block device of volume ``name``, by its stable name, or None.

        The name with this very ``hostname`` and ``pool`` wins. Failing that any host name and pool will do, as
        in the first implementation, whose users' udev rules may name the filer otherwise than HOSTNAME does;
        two such names are a DeviceError. A link that leads to no block device is not a device.
        """
        values = {"hostname": hostname, "pool": pool, "name": name}
        exact = {field: glob.escape(value) for field, value in values.items()}
        anywhere = {"hostname": "*", "pool": "/".join("*" for _ in pool.split("/")), "name": exact["name"]}
        for pattern in (exact, anywhere):
            paths = glob.glob(glob.escape(path_format).format(**pattern))
            found = sorted(path for path in paths if _is_block_device(path))
            if len(found) > 1:
                folders = ", ".join(path[: -len(name) - 1] for path in found)
                raise DeviceError(f"there is more than one device of this name: in {folders}")
            if found:
                return found[0]
        return None

    def run_commands(self, commands: Iterable[tuple[str, ...]], deadline: Deadline, **values: str) -> list[str]:
        """Run each command and go on after a failed one; returns what failed, as sentences.

        ``{device}``, ``{name}`` and whatever else ``values`` has are replaced in the words. Raises CommandError
        only when not one of them could be started.
        """
        failed = []
        started = False
        for command in commands:
            argv = [_fill_in(word, values) for word in command]
            if deadline.is_over():
                failed.append(f"no time was left for {programs.brief(argv)}")
                continue
            try:
                self._run(*argv, timeout=deadline.left(argv[0]))
                started = True
            except CommandError as error:
                started = started or error.started
                failed.append(str(error))
        if failed and not started:
            raise CommandError(failed[0], started=False)
        for problem in failed:
            LOG.warning("%s", problem)
        return failed

    def await_device(
        self, look: Callable[[], str | None], deadline: Deadline, *, failed: list[str], remedy: str
    ) -> str:
        """What ``look`` returns as soon as that is a device; DeviceError with the ``remedy`` when it never is."""
        found: list[str] = []

        def there() -> bool:
            device = look()
            if device is not None:
                found.append(device)
            return device is not None

        patience = _PATIENCE_AFTER_FAILURE if failed else None
        self._await(there, deadline, "no device came up", failed, patience=patience, remedy=remedy)
        return found[0]

    def await_size(self, device: str, size: int, deadline: Deadline, *, failed: list[str]) -> None:
        """Return as soon as the kernel sees ``size`` bytes or more on ``device``; DeviceError if it never does."""
        problem = f"the LUN has {size} bytes now, but this node does not see that"
        self._await(lambda: self.size(device) >= size, deadline, problem, failed, patience=_PATIENCE_AFTER_FAILURE)

    def await_absence(self, look: Callable[[], str | None], deadline: Deadline, *, failed: list[str]) -> None:
        """Return as soon as ``look`` finds no device; DeviceError if it stays."""
        problem = "the device is still on this node"
        self._await(lambda: look() is None, deadline, problem, failed, patience=_PATIENCE_AFTER_FAILURE)

    def await_release(self, device: str, deadline: Deadline) -> None:
        """Return as soon as nobody holds ``device``; DeviceError naming who does if that takes long.

        udev looks into a device for a moment each time that somebody has written to it.
        """
        patience = Deadline(min(_PATIENCE_WITH_HOLDERS, deadline.left("the device to be free")))
        pause = _SHORTEST_PAUSE
        while holders := self.holders(device):
            if patience.is_over():
                raise DeviceError(f"its device is in use by {', '.join(holders)}")
            self._sleep(pause)
            pause = min(pause * 2, _LONGEST_PAUSE)

    def _await(
        self,
        condition: Callable[[], bool],
        deadline: Deadline,
        problem: str,
        failed: list[str],
        *,
        patience: float | None,
        remedy: str = "",
    ) -> None:
        """Wait for ``condition``, ``patience`` seconds at most; it is looked at even when no time is left.

        The error begins with what ``failed`` first, because that is why; what else did is in the log.
        """
        began = time.monotonic()
        pause = _SHORTEST_PAUSE
        while not condition():
            waited = time.monotonic() - began
            if deadline.is_over() or (patience is not None and waited > patience):
                told = [*failed[:1], f"{problem} (waited {waited:.0f} s)", remedy]
                raise DeviceError("; ".join(filter(None, told)))
            self._sleep(pause)
            pause = min(pause * 2, _LONGEST_PAUSE)

    def size(self, device: str) -> int:
        """What the kernel takes for the size of ``device``, in bytes; nothing is opened for it."""
        try:
            return int((self._system(device) / "size").read_text(encoding="ascii")) * SECTOR
        except (OSError, ValueError) as error:
            raise DeviceError(f"the kernel does not tell its size: {error}") from None

    def agrees(self, device: str, naas: Collection[str], size: int) -> bool:
        """Whether ``device`` shows all ``size`` bytes of the LUN with one of these identities.

        Raises DeviceError where it is certainly another one: it is larger, or sysfs knows an identity of it that
        is none of these. That is what it said once; only a live INQUIRY tells what it says now.
        """
        naa = self._naa(device)
        if naa is not None and naa not in naas:
            raise DeviceError(f"the device of this name is another LUN's (NAA {naa}); look at multipath -ll")
        seen = self.size(device)
        if seen > size:
            raise DeviceError(f"the device of this name is another one: it has {seen} bytes, the LUN has {size}")
        return seen == size

    def _naa(self, device: str) -> str | None:
        """The device's NAA identity by sysfs, 32 hexadecimal digits, if it is one of an ONTAP LUN."""
        system = self._system(device)
        for name in ("dm/uuid", "device/wwid"):
            try:
                text = (system / name).read_text(encoding="ascii")
            except (OSError, UnicodeDecodeError):
                continue
            # Clustered ONTAP's prefix, 7-Mode's; 12 characters of serial number in hexadecimal follow.
            found = re.search("(?:600a0980|60a98000)[0-9a-f]{24}", text)
            if found:
                return found[0]
        return None

    def map_identity(self, device: str) -> str | None:
        """The identity under which multipath made ``device``, if it is a map of its; nothing is opened for it."""
        try:
            text = (self._system(device) / "dm/uuid").read_text(encoding="ascii").strip()
        except (OSError, UnicodeDecodeError):
            return None
        prefix, _, identity = text.partition("-")
        return identity if prefix == "mpath" else None

    def _system(self, device: str) -> Path:
        number = _number(device)
        return Path(self._sysfs, f"dev/block/{os.major(number)}:{os.minor(number)}")

    def holders(self, device: str) -> list[str]:
        """Who has ``device`` open or builds upon it, for people; empty if nobody does."""
        number = _number(device)
        held = openers(number)
        stacked = self._system(device) / "holders"
        if stacked.is_dir():
            held += sorted(entry.name for entry in stacked.iterdir())
        if not held and is_claimed(device):
            held.append("the kernel (a mount, swap or the like)")
        return held


def _is_block_device(path: str) -> bool:
    try:
        return stat.S_ISBLK(os.stat(path).st_mode)
    except OSError:
        return False  # a link to nothing, or one that went while we looked


def _number(device: str) -> int:
    try:
        return os.stat(device).st_rdev
    except OSError as error:
        raise DeviceError(f"its device went away: {error.strerror}") from None


def _fill_in(word: str, values: dict[str, str]) -> str:
    """Not str.format: braces that are no placeholder of ours belong to the command."""
    for field, value in values.items():
        word = word.replace("{" + field + "}", value)
    return word
