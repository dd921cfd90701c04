"""Failed logins to iSCSI portals and their reasons: iscsiadm's errors as short texts for people."""

from __future__ import annotations

import contextlib
import re
import time
from pathlib import Path
from typing import Callable

from dataontap.errors import CommandError, first_of

# While another session serves, a failed login is not retried for this time.
_FAILURE_SECONDS = 300.0

# By iscsiadm's exit status, iscsiadm(8), which is also the number that it reports for a single portal.
_REASONS = {
    4: "the connection to the portal failed, see the filer's interface and this node's routes",
    8: "the portal does not answer (connection timed out), see the filer's interface",
    11: "the portal does not answer in time, see the filer's interface",
    12: "the interface's kernel module is not loaded, see modprobe iscsi_tcp",
    18: "iscsid does not answer, see systemctl status iscsid",
    # Also for a target that does not prove itself, seen with open-iscsi 2.1.8.
    19: "the filer refuses the login, or is refused by ISCSI_CHAP_TARGET_*: see journalctl -u iscsid",
    20: "iscsid does not run (could not connect to iscsid), see systemctl status iscsid",
    21: "iscsiadm finds no record of the portal, see iscsiadm -m node",
    24: "the filer rejects this node's login: see ISCSI_CHAP_USER and ISCSI_CHAP_PASSWORD",
}
_REPORTED = re.compile(r"initiator reported error \(([0-9]{1,9}) - (.*)\)")


class Problems:
    """The reasons of failures, each with its portals."""

    def __init__(self) -> None:
        self._places: dict[str, list[str]] = {}

    def add(self, reason: str, place: object) -> None:
        """Add the failure at a portal, with its ``reason`` for people."""
        self._places.setdefault(reason, []).append(str(place))

    def __str__(self) -> str:
        """Each reason once, followed by its portals: a message that is too long is cut off at its end."""
        return "; ".join(f"{reason} ({first_of(places)})" for reason, places in self._places.items())


class Failures:
    """Logins that failed, noted in ``directory``; ``clock`` is the time of day."""

    def __init__(self, directory: str, clock: Callable[[], float] = time.time) -> None:
        self._directory = Path(directory)
        self._clock = clock

    def was_lately(self, login: str) -> bool:
        """Whether a login has failed in the last five minutes."""
        try:
            return 0 <= self._clock() - (self._directory / login).stat().st_mtime < _FAILURE_SECONDS
        except OSError:
            return False

    def note(self, login: str) -> None:
        """Note that a login failed. Without the note the login is only retried earlier."""
        with contextlib.suppress(OSError):
            self._directory.mkdir(mode=0o700, parents=True, exist_ok=True)
            (self._directory / login).touch()


def reason(error: Exception) -> str:
    """The reason of a failure, without target names and command lines: they are too long for a message."""
    if isinstance(error, OSError):
        return f"open-iscsi's record cannot be written: {error.strerror}"
    if not isinstance(error, CommandError):
        return str(error)
    if not error.started:
        return "iscsiadm cannot be run, see whether open-iscsi is installed"
    if error.status is None:
        return "iscsiadm did not end in time"
    # iscsiadm's last line says only that not all logins worked, so look for the error of the portal.
    reported = _REPORTED.search(error.output)
    number, said = (int(reported[1]), reported[2]) if reported else (error.status, _last_line(error.output))
    return _REASONS.get(number) or f"{said or 'iscsiadm failed'} (iscsiadm's error {number})"


def _last_line(text: str) -> str:
    return next((line.strip() for line in reversed(text.split("\n")) if line.strip()), "")
