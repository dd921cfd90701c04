"""multipath and multipathd, as far as a single map is concerned. Never anything that concerns all maps."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Callable

from dataontap.deadline import Deadline
from dataontap.errors import CommandError

LOG = logging.getLogger(__name__)

# Each was seen to take 0.1 to 0.3 s, on a slow machine; what takes this long hangs.
_SECONDS = 10.0


class Multipath:
    """The multipath tools. ``run`` starts programs; ``allowed`` is the list of WWIDs that may have maps."""

    def __init__(self, run: Callable[..., str], deadline: Deadline, allowed: str = "/etc/multipath/wwids") -> None:
        self._run = run
        self._deadline = deadline
        self._allowed = Path(allowed)

    def allow(self, naa: str) -> None:
        """Let the LUN have a map: with find_multipaths strict, Debian's default, none would come otherwise.

        Has to be done before its paths appear. Raises CommandError.
        """
        if not self._is_allowed(naa):
            self._call("multipath", "-a", _wwid(naa))

    def forget(self, naa: str) -> None:
        """Let the LUN have no map any more."""
        if self._is_allowed(naa):
            self._try("multipath", "-w", _wwid(naa))

    def _is_allowed(self, naa: str) -> bool:
        try:
            return f"/{_wwid(naa)}/" in self._allowed.read_text(encoding="utf-8", errors="replace").split("\n")
        except OSError:
            return False

    def stop_queueing(self, title: str) -> None:
        """Let I/O on a map without paths fail, instead of waiting for ever.

        Whoever waits gets an error, udev's own look into the map among them. multipathd has to know, because it
        turns queueing on again when paths come back. But it goes by what it saw of the map last, 20 s ago perhaps,
        and leaves the kernel alone if that was so already (0.9.4, seen; not 0.11.1). So the kernel is told, too.
        """
        self._try("multipathd", "disablequeueing", "map", title)
        self._try("dmsetup", "message", title, "0", "fail_if_no_path")

    def restore_queueing(self, title: str) -> None:
        """Let the map wait for paths again, if its configuration says so; the kernel is told, too, as above."""
        if self._try("multipathd", "restorequeueing", "map", title) and self._shall_queue(title):
            self._try("dmsetup", "message", title, "0", "queue_if_no_path")

    def _shall_queue(self, title: str) -> bool:
        """Whether multipathd wants the map to queue, as far as it has paths: always, or for so many checks."""
        try:
            said = self._call("multipathd", "show", "map", title, "format", "%Q").strip()
        except CommandError as error:
            LOG.warning("%s", error)
            return False
        return said == "on" or said.endswith(" chk")

    def flush(self, title: str) -> str | None:
        """Take a map away; None if it is gone, or else why it is not. "map in use" may be for a moment only."""
        try:
            self._call("multipath", "-f", title)
        except CommandError as error:
            return str(error)
        return None

    def reload(self, title: str) -> str | None:
        """Let a map be made anew of its paths, in use or not; None if it was, or else why not.

        For a moment only multipathd refuses, while udev has not told it of the map yet (cli_reload(), 0.9.4).
        ``multipath -r`` is no way to do it: multipathd makes all maps anew then, whichever it names (seen, 0.9.4).
        """
        try:
            said = self._call("multipathd", "reload", "map", title).strip()
        except CommandError as error:
            return str(error)
        return None if said == "ok" else f"multipathd reload map {title}: {said or 'no answer'}"

    def resize(self, title: str) -> None:
        """Let a map have its paths' new size, which each of them must have. Raises CommandError."""
        said = self._call("multipathd", "resize", "map", title)
        # Its exit status is 1 where the answer is "fail", but not in all versions [?].
        if said.strip() != "ok":
            raise CommandError(f"multipathd resize map {title}: {said.strip() or 'no answer'}")

    def is_served(self) -> bool:
        """Whether multipathd runs: without it no map comes by itself."""
        return self._try("multipathd", "show", "daemon")

    def _try(self, *argv: str) -> bool:
        try:
            self._call(*argv)
        except CommandError as error:
            LOG.warning("%s", error)
            return False
        return True

    def _call(self, *argv: str) -> str:
        return self._run(*argv, timeout=min(_SECONDS, self._deadline.left(" ".join(argv[:2]))))


def _wwid(naa: str) -> str:
    """multipath's name for a LUN: the type of the designator, 3 for NAA, and the designator."""
    return f"3{naa}"
