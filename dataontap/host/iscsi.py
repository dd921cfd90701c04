"""This node's iSCSI initiator: its name, and logins to targets. It never logs out.

A session serves every LUN of its target that is in use here; a logout would end them all (trident #961).
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Callable

from dataontap.errors import CommandError, DeviceError, HostError
from dataontap.host.children import outcomes_within
from dataontap.host.iscsi_problems import Failures, Problems, reason
from dataontap.host.iscsi_records import DEFAULT, Portal, Record, Records
from dataontap.host.iscsi_sessions import Session, sessions

if TYPE_CHECKING:
    from dataontap.deadline import Deadline
    from dataontap.host.sysfs import Nexus

LOG = logging.getLogger(__name__)

_NAME_FILE = "/etc/iscsi/initiatorname.iscsi"
_BLANKS = " \t\n\v\f\r"  # isspace(3)

_LOGIN_LIMIT = 20.0
# iscsiadm gets only this share of the limit: otherwise it would outlive our child, which waits for it.
_ITS_SHARE = 0.95
_ALREADY = 15  # ISCSI_ERR_SESS_EXISTS, iscsiadm(8): this record has a session already


@dataclass(frozen=True)
class Target:
    """An iSCSI target: its name, and the portals to use.

    Sessions to the portals ``elsewhere`` (ADDRESS:PORT) are left as they are, and do not count.
    """

    name: str
    portals: tuple[Portal, ...]
    elsewhere: tuple[str, ...] = ()


@dataclass(frozen=True)
class Login:
    """A login to be made; ``record`` is None where the portal has no record yet."""

    portal: Portal
    record: Record | None = None

    def __str__(self) -> str:
        interface = self.record.interface if self.record else DEFAULT
        return str(self.portal) if interface == DEFAULT else f"{self.portal} by {interface}"


class Iscsi:
    """open-iscsi on this node. ``run`` starts programs; ``sysfs`` is the mount point of sysfs."""

    def __init__(
        self,
        run: Callable[..., str],
        deadline: Deadline,
        records: Records,
        failures: Failures,
        sysfs: str = "/sys",
    ) -> None:
        self._run = run
        self._deadline = deadline
        self._records = records
        self._failures = failures
        self._sysfs = Path(sysfs)

    def nexuses(self, target: Target) -> list[Nexus]:
        """The addresses at which sessions that are logged in see the target."""
        return [session.nexus for session in self._sessions(target) if session.serves]

    def _sessions(self, target: Target) -> list[Session]:
        found = sessions(self._sysfs, target.name)
        return [session for session in found if session.portal not in target.elsewhere]

    def known(self, target: Target) -> list[Nexus]:
        """The addresses of all the target's sessions, in any state: their devices come back when they recover."""
        return [session.nexus for session in sessions(self._sysfs, target.name)]

    def connect(self, target: Target) -> list[Nexus]:
        """Log in by each record of the target's portals that has no session yet; returns the target's addresses.

        One working session is enough: the failed logins become warnings. Raises DeviceError without a session.
        """
        here = self._sessions(target)
        records = self._quieten(target.name, here)
        logins = list(_missing(target.portals, records, here))
        if any(session.serves for session in here):
            logins = [login for login in logins if not self._failures.was_lately(str(login))]
        problems = Problems()
        for session in here:
            if not session.serves:
                problems.add(f"the session is {session.state}, iscsid tries to log in again", session.portal)
        self._log_in(target.name, logins, problems)
        found = self.nexuses(target)
        if not found:
            untried = "the kernel shows no session" if target.portals else "the filer names no iSCSI portal"
            raise DeviceError(f"no iSCSI session: {str(problems) or untried}")
        if str(problems):
            LOG.warning("an iSCSI session is missing: %s", problems)
        return found

    def _quieten(self, target: str, here: Sequence[Session]) -> list[Record]:
        """The target's records, after automatic scans are turned off in all of them, also in the admin's."""
        try:
            records = self._records.of(target)
        except HostError as error:
            LOG.warning("open-iscsi's records are left as they are, automatic scans too: %s", reason(error))
            return []
        return [self._quiet(record, [session for session in here if session.is_by(record)]) for record in records]

    def _quiet(self, record: Record, by_it: Sequence[Session]) -> Record:
        if record.brings_all and by_it:
            LOG.warning(
                "the session to %s was made with node.session.scan = auto: every LUN that was mapped to this node"
                " then has a device here; log out and in again when none of the devices is in use",
                record.portal,
            )
        try:
            return self._records.amend(record)
        except OSError as error:
            LOG.warning("%s (%s)", reason(error), record.portal)
            return record

    def _log_in(self, target: str, logins: Sequence[Login], problems: Problems) -> None:
        """Make all logins at the same time."""
        ready: list[Login] = []
        for login in logins:
            try:
                ready += self._prepared(target, login)
            except (HostError, OSError) as error:
                problems.add(reason(error), login)
        if not ready:
            return
        seconds = min(_LOGIN_LIMIT, self._deadline.left("logging in to iSCSI portals"))
        works = {login: partial(self._enter, target, login, seconds) for login in ready}
        outcomes = outcomes_within(seconds, works)
        for login in ready:  # not in the order in which they ended
            outcome = outcomes[login]
            why, _, whole = (outcome.why if outcome.answer is None else outcome.answer).partition("\n")
            if why:
                LOG.info("the login to %s failed: %s", login, whole or why)
                problems.add(why, login)
                self._failures.note(str(login))

    def _prepared(self, target: str, login: Login) -> list[Login]:
        """The login, with a record that is made if missing, and amended. Raises HostError or OSError."""
        records = [login.record] if login.record else self._records.make(target, login.portal)
        return [Login(login.portal, self._records.amend(record, for_login=True)) for record in records]

    def _enter(self, target: str, login: Login, seconds: float) -> str:
        """Log in; returns "", or the reason of the failure and, after a newline, a line for the log."""
        interface = ("-I", login.record.interface) if login.record else ()
        argv = ("iscsiadm", "-m", "node", "-T", target, "-p", str(login.portal), *interface, "--login")
        try:
            self._run(*argv, timeout=seconds * _ITS_SHARE, ok=(0, _ALREADY))
        except CommandError as error:
            # This runs in a child process, which has no log: the parent writes the second line to it.
            return f"{reason(error)}\n{error}: {' '.join(error.output.split())}"
        return ""


def initiators(file: str = _NAME_FILE) -> list[str]:
    """This node's initiator name, in lower case as filers keep it; empty where open-iscsi is not set up.

    The file is read as iscsid reads it (seen with 2.1.8): the first line counts that has ``InitiatorName``, even
    within another word, no ``#`` before it, and a value. The value is the text after ``=``, stripped of blanks.
    """
    try:
        text = Path(file).read_text(encoding="utf-8", errors="replace")
    except OSError:
        return []
    for line in text.split("\n"):
        before, word, after = line.partition("InitiatorName")
        value = after.partition("=")[2].strip(_BLANKS)
        if word and value and "#" not in before:
            if any(character.isspace() for character in value):
                LOG.warning("%s: %r is not an initiator name: remove the text after the name", file, value)
            return [value.lower()]
    return []


def _missing(portals: Sequence[Portal], records: Sequence[Record], here: Sequence[Session]) -> Iterator[Login]:
    """The logins that are missing: for each portal, by each of its records."""
    for portal in portals:
        own = [record for record in records if record.portal == str(portal)]
        if not own and not any(session.portal == str(portal) for session in here):
            yield Login(portal)
        for record in own:
            if not any(session.is_by(record) for session in here):
                yield Login(portal, record)
