"""This node's iSCSI initiator: its name, and logins to targets. It never logs out.

A session serves every LUN of its target that is in use here; a logout would end them all (trident #961).
"""

from __future__ import annotations

import logging
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, replace
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
    """A login to be made; ``record`` is None where the portal has no record for the interface yet."""

    portal: Portal
    interface: str = DEFAULT
    record: Record | None = None

    def __str__(self) -> str:
        return str(self.portal) if self.interface == DEFAULT else f"{self.portal} by {self.interface}"


class Iscsi:
    """open-iscsi on this node, as far as the scope of its ``records`` allows to use it.

    ``run`` starts programs; ``sysfs`` is the mount point of sysfs.
    """

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
        self._scope = records.scope
        self._sysfs = Path(sysfs)

    def nexuses(self, target: Target) -> list[Nexus]:
        """The addresses at which sessions that are logged in, and may be used, see the target."""
        return [session.nexus for session in self._sessions(target) if session.serves]

    def portals(self, target: Target) -> tuple[Portal, ...]:
        """The target's portals that may be used. Raises DeviceError if it has others only."""
        return self._scope.portals(target.portals)

    def _sessions(self, target: Target) -> list[Session]:
        found = filter(self._scope.has_session, sessions(self._sysfs, target.name))
        return [session for session in found if session.portal not in target.elsewhere]

    def known(self, target: Target) -> list[Nexus]:
        """The addresses of all the target's sessions, in any state: their devices come back when they recover."""
        return [session.nexus for session in sessions(self._sysfs, target.name)]

    def connect(self, target: Target) -> list[Nexus]:
        """Log in by each record of the target's portals that has no session yet; returns the target's addresses.

        One working session is enough: the failed logins become warnings. Raises DeviceError without a session.
        """
        problems = Problems()
        for session in self._sessions(target):
            if not session.serves:
                problems.add(f"the session is {session.state}, iscsid tries to log in again", session.portal)
        tried: set[str] = set()
        failed: list[Login] = []
        for _ in self._scope.interfaces or (DEFAULT,):
            logins = self._missing(target, tried)
            failed += self._log_in(target.name, logins, problems)
            tried.update(map(str, logins))
        found = self.nexuses(target)
        if found:  # a reason that all portals share is mended for all of them: then none is to be left alone
            for login in failed:
                self._failures.note(str(login))
        if not found:
            untried = "the kernel shows no session" if target.portals else "the filer names no iSCSI portal"
            raise DeviceError(f"no iSCSI session: {str(problems) or untried}")
        if str(problems):
            LOG.warning("an iSCSI session is missing: %s", problems)
        return found

    def _missing(self, target: Target, tried: Collection[str]) -> list[Login]:
        """The logins that are missing, but for those that were ``tried``, or failed lately while others serve.

        With ISCSI_INTERFACES, only one at a time to a portal whose tag is not known: it has a single record then.
        After the first login, the session tells the tag.
        """
        here = self._sessions(target)
        records = self._quieten(target.name, here)
        serves, interfaces = any(session.serves for session in here), self._scope.interfaces
        missing: list[Login] = []
        portals = [self._tagged(target, records, one) if interfaces else one for one in target.portals]
        for portal in portals:
            logins = [
                login
                for login in _logins(portal, records, here, interfaces)
                if str(login) not in tried and not (serves and self._failures.was_lately(str(login)))
            ]
            missing += logins[:1] if interfaces and portal.tag is None else logins
        return missing

    def _tagged(self, target: Target, records: Sequence[Record], portal: Portal) -> Portal:
        """The portal with its tag, if the filer, a record or a session tells it."""
        told: tuple[Record | Session, ...] = (*records, *sessions(self._sysfs, target.name))
        tags = (one.tag for one in told if one.portal == str(portal) and one.tag is not None)
        return portal if portal.tag is not None else replace(portal, tag=next(tags, None))

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

    def _log_in(self, target: str, logins: Sequence[Login], problems: Problems) -> list[Login]:
        """Make all logins at the same time; returns those that were tried and failed."""
        ready: list[Login] = []
        for login in logins:
            try:
                ready += self._prepared(target, login)
            except (HostError, OSError) as error:
                problems.add(reason(error), login)
        if not ready:
            return []
        seconds = min(_LOGIN_LIMIT, self._deadline.left("logging in to iSCSI portals"))
        works = {login: partial(self._enter, target, login, seconds) for login in ready}
        outcomes, failed = outcomes_within(seconds, works), []
        for login in ready:  # not in the order in which they ended
            outcome = outcomes[login]
            why, _, whole = (outcome.why if outcome.answer is None else outcome.answer).partition("\n")
            if why:
                LOG.info("the login to %s failed: %s", login, whole or why)
                problems.add(why, login)
                failed.append(login)
        return failed

    def _prepared(self, target: str, login: Login) -> list[Login]:
        """The login, with a record that is made if missing, and amended. Raises HostError or OSError."""
        if self._scope.interfaces:
            self._records.require_interface(login.interface)
        made = [login.record] if login.record else self._records.make(target, login.portal, login.interface)
        return [replace(login, record=self._records.amend(record, for_login=True)) for record in made]

    def _enter(self, target: str, login: Login, seconds: float) -> str:
        """Log in; returns "", or the reason of the failure and, after a newline, a line for the log."""
        place = ("-p", str(login.portal), "-I", login.interface)
        argv = ("iscsiadm", "-m", "node", "-T", target, *place, "--login")
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


def _logins(
    portal: Portal, records: Sequence[Record], here: Sequence[Session], interfaces: Sequence[str]
) -> Iterator[Login]:
    """The logins that are missing at a portal: by each of its records, or by each of these interfaces."""
    own = [record for record in records if record.portal == str(portal)]
    at = [session for session in here if session.portal == str(portal)]
    for interface in interfaces or (DEFAULT,):
        by = [record for record in own if not interfaces or record.interface == interface]
        serve = [session for session in at if not interfaces or session.interface in {interface, ""}]
        if not by and not serve:
            yield Login(portal, interface)
        for record in by:
            if not any(session.is_by(record) for session in at):
                yield Login(portal, record.interface, record)
