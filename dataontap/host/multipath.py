"""multipath and multipathd, for a single map. No command here concerns all maps."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Callable

from dataontap.deadline import Deadline
from dataontap.errors import CommandError

LOG = logging.getLogger(__name__)

# Each command was seen to take 0.1 to 0.3 s, on a slow machine; a command that takes longer than this hangs.
_SECONDS = 10.0


class Multipath:
    """The multipath tools. ``run`` starts programs; ``allowed`` is the file of the WWIDs that may have maps."""

    def __init__(self, run: Callable[..., str], deadline: Deadline, allowed: str = "/etc/multipath/wwids") -> None:
        self._run = run
        self._deadline = deadline
        self._allowed = Path(allowed)

    def allow(self, naa: str) -> None:
        """Allow the LUN a map, by its WWID: find_multipaths strict, Debian's default, makes no other maps.

        Call it before the LUN's paths appear. Raises CommandError.
        """
        if not self._is_allowed(naa):
            self._call("multipath", "-a", _wwid(naa))

    def forget(self, naa: str) -> None:
        """Remove the LUN's WWID from the WWIDs that may have maps."""
        if self._is_allowed(naa):
            self._try("multipath", "-w", _wwid(naa))

    def _is_allowed(self, naa: str) -> bool:
        try:
            return f"/{_wwid(naa)}/" in self._allowed.read_text(encoding="utf-8", errors="replace").split("\n")
        except OSError:
            return False

    def stop_queueing(self, title: str) -> None:
        """Let I/O on a map without paths fail instead of waiting for ever.

        Every waiting process gets an error, udev's probe of the map included. multipathd must be told, because it
        turns queueing on again when paths come back. But multipathd relies on its last look at the map, which may
        be 20 s old, and does not tell the kernel if the map did not queue then (0.9.4, seen; not 0.11.1). So
        dmsetup tells the kernel as well.
        """
        self._try("multipathd", "disablequeueing", "map", title)
        self._try("dmsetup", "message", title, "0", "fail_if_no_path")

    def restore_queueing(self, title: str) -> None:
        """Let the map queue again, if its configuration says so; dmsetup tells the kernel as well, as above."""
        if self._try("multipathd", "restorequeueing", "map", title) and self._shall_queue(title):
            self._try("dmsetup", "message", title, "0", "queue_if_no_path")

    def _shall_queue(self, title: str) -> bool:
        """Whether multipathd's queueing setting for the map is on, or is a number of path checks."""
        try:
            said = self._call("multipathd", "show", "map", title, "format", "%Q").strip()
        except CommandError as error:
            LOG.warning("%s", error)
            return False
        return said == "on" or said.endswith(" chk")

    def flush(self, title: str) -> str | None:
        """Remove a map; returns None, or the reason of the failure. "map in use" may last for a moment only."""
        try:
            self._call("multipath", "-f", title)
        except CommandError as error:
            return str(error)
        return None

    def reload(self, title: str) -> str | None:
        """Reload a map, which may be in use; returns None, or the reason of the failure.

        multipathd refuses only for a moment, until udev has told it of the map (cli_reload(), 0.9.4). ``multipath
        -r MAP`` is not used: multipathd then reloads all maps, not only the named map (seen, 0.9.4).
        """
        try:
            said = self._call("multipathd", "reload", "map", title).strip()
        except CommandError as error:
            return str(error)
        return None if said == "ok" else f"multipathd reload map {title}: {said or 'no answer'}"

    def resize(self, title: str) -> None:
        """Resize a map to its paths' new size, which all paths must have. Raises CommandError."""
        said = self._call("multipathd", "resize", "map", title)
        # Its exit status is 1 where the answer is "fail", but not in all versions [?].
        if said.strip() != "ok":
            raise CommandError(f"multipathd resize map {title}: {said.strip() or 'no answer'}")

    def is_served(self) -> bool:
        """Whether multipathd runs: without it no map is made automatically."""
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
