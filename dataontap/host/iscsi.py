"""This node's iSCSI initiator: who it is, which sessions it has, and logging in. Never logs out.

A session serves every LUN of its target that is in use here, and whoever ends it ends those (trident #961).
"""

from __future__ import annotations

import contextlib
import glob
import logging
import os
import re
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Callable

from dataontap.errors import CommandError, DeviceError
from dataontap.host.limit import each_within
from dataontap.host.sysfs import Nexus

LOG = logging.getLogger(__name__)

# open-iscsi would go on trying for two minutes; one path is enough, and the others may come when they can.
_LOGIN_SECONDS = 5
_LOGIN_LIMIT = 20.0
_COMMAND_SECONDS = 20.0
# How long a portal that did not let us in is left alone, as long as another one serves.
_FAILURE_SECONDS = 300.0
# iscsiadm's exit statuses, iscsiadm(8)
_ALREADY = 15  # ISCSI_ERR_SESS_EXISTS: there is a session to this portal
_UNAUTHORIZED = 24  # ISCSI_ERR_LOGIN_AUTH_FAILED

# One setting a line in a node record; where it is depends on how open-iscsi was built.
_RECORDS = ("/etc/iscsi/nodes", "/var/lib/iscsi/nodes")
_RECORD_OPTIONS = {
    # Only what we ask for shall appear: a scan of all shows every LUN of the target to this node.
    "node.session.scan": "manual",
    "node.session.initial_login_retry_max": "1",
    "node.conn[0].timeo.login_timeout": str(_LOGIN_SECONDS),
}


@dataclass(frozen=True)
class Portal:
    """Where a target is reached: an IP address, a TCP port, and the portal group's tag."""

    address: str
    port: int
    tag: int

    def __str__(self) -> str:
        host = f"[{self.address}]" if ":" in self.address else self.address
        return f"{host}:{self.port}"


@dataclass(frozen=True)
class Target:
    """An iSCSI target: its name, and the portals that it is served at."""

    name: str
    portals: tuple[Portal, ...]


@dataclass(frozen=True)
class Chap:
    """How this node proves who it is to a target (one-way CHAP)."""

    user: str
    secret: str

    def __repr__(self) -> str:
        return f"Chap(user={self.user!r})"


class Iscsi:
    """open-iscsi on this node. ``failures`` is a directory where portals that failed are noted.

    ``run`` starts programs; ``sysfs``, ``etc`` and ``records`` are where those are; ``clock`` is the time of day.
    """

    def __init__(
        self,
        run: Callable[..., str],
        *,
        failures: str,
        chap: Chap | None = None,
        sysfs: str = "/sys",
        etc: str = "/etc/iscsi",
        records: Sequence[str] = _RECORDS,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._run = run
        self._failures = Path(failures)
        self._chap = chap
        self._sysfs = Path(sysfs)
        self._etc = Path(etc)
        self._records = records
        self._clock = clock

    def initiators(self) -> list[str]:
        """This node's initiator name, in lower case as filers keep it; none where open-iscsi is not set up."""
        try:
            text = (self._etc / "initiatorname.iscsi").read_text(encoding="utf-8", errors="replace")
        except OSError:
            return []
        return [name.lower() for name in re.findall(r"^InitiatorName=(\S+)", text, re.M)]

    def nexuses(self, target: Target) -> list[Nexus]:
        """Where the target is seen now, by sessions that are logged in."""
        return [nexus for nexus, _ in self._sessions(target.name, "LOGGED_IN")]

    def known(self, target: Target) -> list[Nexus]:
        """Where it was seen, by sessions in whatever state: what is there comes back when they recover."""
        return [nexus for nexus, _ in self._sessions(target.name)]

    def connect(self, target: Target) -> list[Nexus]:
        """Log in to the target's portals where there is no session yet; returns where it is seen.

        One that works is enough, the others are warnings. Raises DeviceError when none does.
        """
        served = {address for _, address in self._sessions(target.name, "LOGGED_IN")}
        missing = [portal for portal in target.portals if str(portal) not in served]
        if served:
            missing = [portal for portal in missing if not self._failed_lately(portal)]
        problems = self._log_in(target, missing) if missing else []
        found = self.nexuses(target)
        if not found:
            tried = "; ".join(problems) or "the filer names no portal that is enabled"
            raise DeviceError(f"no iSCSI session to {target.name}: {tried}")
        for problem in problems:
            LOG.warning("%s", problem)
        return found

    def _sessions(self, name: str, state: str | None = None) -> Iterator[tuple[Nexus, str]]:
        """Each session to the target, in this ``state`` if it matters: its nexus, its portal as ADDRESS:PORT."""
        for session in sorted((self._sysfs / "class/iscsi_session").glob("session*")):
            if _read(session / "targetname") != name or state not in {None, _read(session / "state")}:
                continue
            host = re.search("/host([0-9]+)/", f"{os.path.realpath(session)}/")
            connection = self._sysfs / f"class/iscsi_connection/connection{session.name[len('session') :]}:0"
            address, port = _read(connection / "persistent_address"), _read(connection / "persistent_port")
            if host and port.isdecimal():
                # The software initiator has a host a session, and its target is 0:0 there.
                yield Nexus(int(host[1]), 0, 0), str(Portal(address, int(port), 0))

    def _log_in(self, target: Target, portals: Sequence[Portal]) -> list[str]:
        """Log in to all of them at the same time; returns what went wrong, as sentences."""
        problems = []
        ready = {}
        for portal in portals:
            try:
                self._prepare(target.name, portal)
                ready[portal] = lambda portal=portal: self._enter(target.name, portal)
            except (CommandError, OSError) as error:
                problems.append(f"{portal}: {error}")
        answers = each_within(_LOGIN_LIMIT, ready)
        for portal in ready:
            problem = answers.get(portal, f"no answer within {_LOGIN_LIMIT:.0f} s")
            if problem:
                problems.append(f"{portal}: {problem}")
                self._note_failure(portal)
        return problems

    def _enter(self, name: str, portal: Portal) -> str:
        """Log in; returns what went wrong, or nothing."""
        try:
            node = _node(name, portal)
            self._run(*node, "--login", timeout=_LOGIN_LIMIT - 1, ok=(0, _ALREADY))
        except CommandError as error:
            if error.status == _UNAUTHORIZED:  # its last line does not say so
                return "does not let this node in: see ISCSI_CHAP_USER and ISCSI_CHAP_PASSWORD"
            return str(error)
        return ""

    def _prepare(self, name: str, portal: Portal) -> None:
        """Have a node record for the portal, with our settings. Raises CommandError or OSError.

        iscsiadm makes the record; what is in it is written here, because the secret would be in its argv.
        """
        file = self._record(name, portal)
        if file is None:
            self._run(*_node(name, portal), "-o", "new", timeout=_COMMAND_SECONDS)
            file = self._record(name, portal)
        if file is None:
            raise CommandError(f"iscsiadm made no record of {portal} below {' or '.join(self._records)}")
        wanted = dict(_RECORD_OPTIONS)
        if self._chap is not None:
            wanted["node.session.auth.authmethod"] = "CHAP"
            wanted["node.session.auth.username"] = self._chap.user
            wanted["node.session.auth.password"] = self._chap.secret
        _amend(file, wanted)

    def _record(self, name: str, portal: Portal) -> Path | None:
        """The file of the node record: TARGET/ADDRESS,PORT,TAG/INTERFACE."""
        for root in self._records:
            folder = glob.escape(f"{root}/{name}/{portal.address},{portal.port}")
            for found in sorted(glob.glob(f"{folder},*/default")):
                return Path(found)
        return None

    def _failed_lately(self, portal: Portal) -> bool:
        try:
            return 0 <= self._clock() - (self._failures / str(portal)).stat().st_mtime < _FAILURE_SECONDS
        except OSError:
            return False

    def _note_failure(self, portal: Portal) -> None:
        with contextlib.suppress(OSError):  # then it is tried again a little earlier
            self._failures.mkdir(mode=0o700, parents=True, exist_ok=True)
            (self._failures / str(portal)).touch()


def _node(name: str, portal: Portal) -> tuple[str, ...]:
    return ("iscsiadm", "-m", "node", "-T", name, "-p", f"{portal},{portal.tag}")


def _amend(file: Path, wanted: dict[str, str]) -> None:
    """Give these settings of a record these values, and leave the others."""
    lines = file.read_text(encoding="utf-8").splitlines()
    kept = [line for line in lines if line.partition(" = ")[0] not in wanted]
    settings = [f"{key} = {value}" for key, value in wanted.items()]
    # The record's last line is a comment that ends it.
    at = next((number for number, line in enumerate(kept) if line.startswith("# END")), len(kept))
    changed = [*kept[:at], *settings, *kept[at:]]
    if sorted(changed) == sorted(lines):
        return
    # Not in the record's own folder, where iscsiadm would take it for the record of another interface.
    fresh = file.parents[2] / f".dataontap.{os.getpid()}"
    descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    with open(descriptor, "w", encoding="utf-8") as output:
        output.write("\n".join(changed) + "\n")
    fresh.replace(file)


def _read(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8", errors="replace").strip()
    except OSError:
        return ""
