"""open-iscsi's node records: for each portal and interface the settings that the next login goes by.

iscsiadm makes a record. What is in it is written here, because the CHAP secret would be in iscsiadm's arguments.
What iscsiadm makes of a record's lines was tried with open-iscsi 2.1.8 and 2.1.11.
"""

from __future__ import annotations

import contextlib
import ipaddress
import logging
import os
import re
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Callable

from dataontap.errors import CommandError, DeviceError
from dataontap.host.run import ENVIRONMENT

if TYPE_CHECKING:
    from dataontap.deadline import Deadline
    from dataontap.state.cache import Cache

LOG = logging.getLogger(__name__)

DEFAULT = "default"  # the interface that every open-iscsi has
_COMMAND_SECONDS = 20.0
# iscsiadm names its database in the error about an interface that it has no file of.
_NO_INTERFACE = "dataontap-asks-where"

_SCAN, _MANUAL = "node.session.scan", "manual"
# Only what we ask for shall appear: a scan of all shows every LUN of the target to this node.
_QUIET = {_SCAN: _MANUAL}
# open-iscsi would go on trying for two minutes; one path is enough, and the others may come when they can.
_PROMPT = {"node.session.initial_login_retry_max": "1", "node.conn[0].timeo.login_timeout": "5"}
_METHOD = "node.session.auth.authmethod"
_USER = "node.session.auth.username"
_SECRET = "node.session.auth.password"  # noqa: S105 - the setting's name
# This comment, and the user's name, is before CHAP settings that we wrote. Whatever iscsiadm writes into a record
# is without comments: then it is somebody else's.
_MARK = "# CHAP by ganeti-extstorage-dataontap for "

# Blanks are C's, and there has to be one before the "=".
_SETTING = re.compile(r"\s*([^\s=#][^\s=]*)\s+=\s*(.*\S)\s*", re.ASCII)

_TEMPORARY = ".dataontap."
_LEFT_OVER_SECONDS = 60.0


@dataclass(frozen=True)
class Portal:
    """Where a target is reached: an IP address, a TCP port, and the portal group's tag."""

    address: str
    port: int
    tag: int

    def __str__(self) -> str:
        return portal_name(self.address, self.port)


@dataclass(frozen=True)
class Chap:
    """How this node proves who it is to a target (one-way CHAP)."""

    user: str
    secret: str

    def __repr__(self) -> str:
        return f"Chap(user={self.user!r})"


@dataclass(frozen=True)
class Record:
    """A node record: the target is logged in to at ``portal``, ADDRESS:PORT, by ``interface``."""

    file: Path
    portal: str
    interface: str
    text: str = field(repr=False)  # the CHAP secret is in it

    @property
    def brings_all(self) -> bool:
        """Whether a login by it brings all LUNs to this node; that is what open-iscsi does unless it is told."""
        return _settings(self.text).get(_SCAN) != _MANUAL


class Records:
    """iscsiadm's node records. ``cache`` gives what is cached about a build of a program."""

    def __init__(
        self,
        run: Callable[..., str],
        deadline: Deadline,
        *,
        chap: Chap | None = None,
        cache: Callable[[str], Cache],
    ) -> None:
        self._run = run
        self._deadline = deadline
        self._chap = chap
        self._cache = cache
        self._nodes: Path | None = None

    def of(self, target: str) -> list[Record]:
        """All records of a target. Raises HostError if iscsiadm does not tell where they are."""
        nodes = self._database()
        _sweep(nodes)
        return list(_records(nodes / target, target))

    def make(self, target: str, portal: Portal) -> list[Record]:
        """Let iscsiadm make a portal's record for its default interface. Raises HostError.

        It would replace one that is there: this is for who has looked for one with ``of``.
        """
        nodes = self._database()
        at = f"{portal},{portal.tag}"
        timeout = min(_COMMAND_SECONDS, self._deadline.left("making a record of an iSCSI portal"))
        self._run("iscsiadm", "-m", "node", "-T", target, "-p", at, "-o", "new", timeout=timeout)
        made = [record for record in _records(nodes / target, target) if record.portal == str(portal)]
        if not made:
            raise DeviceError(f"iscsiadm made no record of the portal in {nodes}")
        return made

    def amend(self, record: Record, *, for_login: bool = False) -> Record:
        """Give a record our settings; returns what it is then. Raises HostError or OSError.

        How patient a login is matters to who is to log in; who logs in at boot goes on doing so as before.
        """
        wanted = {**_QUIET, **(_PROMPT if for_login else {})}
        text = _amended(record.text, wanted, self._chap)
        if text != record.text:
            _replace(self._database(), record.file, text)
        return replace(record, text=text)

    def _database(self) -> Path:
        """The folder of the node records. Each distribution and release builds iscsiadm with its own."""
        if self._nodes is None:
            cache = self._cache(_build_of("iscsiadm"))
            told = cache.get()
            if told is None:
                told = self._ask()
                cache.put(told)
            self._nodes = Path(told)
        return self._nodes

    def _ask(self) -> str:
        timeout = min(_COMMAND_SECONDS, self._deadline.left("asking iscsiadm for its records"))
        try:
            self._run("iscsiadm", "-m", "iface", "-I", _NO_INTERFACE, timeout=timeout)
        except CommandError as error:
            found = re.search(rf"open (/\S+)/ifaces/{_NO_INTERFACE}\b", error.output)
            if found:
                return f"{found[1]}/nodes"
            if error.status is None:
                raise
        raise DeviceError("iscsiadm does not tell where its records are: see iscsiadm -m iface -I none")


def portal_name(address: str, port: int) -> str:
    """ADDRESS:PORT, in one spelling for each address, as iscsiadm compares them; a name stays as it is."""
    with contextlib.suppress(ValueError):
        address = str(ipaddress.ip_address(address))
    return f"[{address}]:{port}" if ":" in address else f"{address}:{port}"


def _build_of(program: str) -> str:
    """What tells one build of a program from another: its file."""
    for folder in ENVIRONMENT["PATH"].split(":"):
        with contextlib.suppress(OSError):
            found = os.stat(f"{folder}/{program}")
            return f"{found.st_dev} {found.st_ino} {found.st_mtime_ns}"
    return ""


def _records(folder: Path, target: str) -> Iterator[Record]:
    """The records in a target's folder: ADDRESS,PORT,TAG/INTERFACE, or ADDRESS,PORT without a tag."""
    for entry in _entries(folder):
        address, _, rest = entry.name.partition(",")
        port = rest.partition(",")[0]
        if not port.isdecimal():
            continue
        for file in _entries(entry) if entry.is_dir() else [entry]:
            try:
                text = file.read_bytes().decode("utf-8", "surrogateescape")
            except OSError:  # a folder, or gone while we looked
                continue
            settings = _settings(text)
            if settings.get("node.name") == target:  # no editor's backup, nothing half written
                interface = file.name if file != entry else settings.get("iface.iscsi_ifacename", DEFAULT)
                yield Record(file, portal_name(address, int(port)), interface, text)


def _entries(folder: Path) -> list[Path]:
    try:
        return sorted(folder.iterdir())
    except OSError:
        return []


def _setting(line: str) -> tuple[str, str]:
    """Name and value in a record's line, as iscsiadm reads it; nothing twice where there are none."""
    found = _SETTING.fullmatch(line)
    return (found[1], found[2]) if found else ("", "")


def _settings(text: str) -> dict[str, str]:
    """What a record says; of two lines for one setting the last."""
    return dict(map(_setting, text.split("\n")))


def _amended(text: str, wanted: Mapping[str, str], chap: Chap | None) -> str:
    """A record with these settings, and CHAP's. Without ``chap`` those go that we wrote, and no others."""
    settings = _settings(text)
    lines = text.removesuffix("\n").split("\n")
    marks = [line for line in lines if line.startswith(_MARK)]
    is_ours = f"{_MARK}{settings.get(_USER, '')}" in marks
    new, gone, mark = dict(wanted), set[str](), marks if is_ours else []
    if chap is not None:
        credentials = {_METHOD: "CHAP", _USER: chap.user, _SECRET: chap.secret}
        if is_ours or credentials.items() - settings.items():  # what somebody else wrote alike stays his
            mark = [f"{_MARK}{chap.user}"]
        new.update(credentials)
    elif is_ours:
        new[_METHOD], gone, mark = "None", {_USER, _SECRET}, []
    if marks == mark and new.items() <= settings.items() and not gone & settings.keys():
        return text
    kept = [line for line in lines if line not in marks and _setting(line)[0] not in new.keys() | gone]
    # The record's last line is a comment that ends it.
    at = next((number for number, line in enumerate(kept) if line.startswith("# END")), len(kept))
    added = [f"{name} = {value}" for name, value in new.items()]
    if mark:
        added.insert(added.index(f"{_METHOD} = CHAP"), mark[0])
    return "\n".join([*kept[:at], *added, *kept[at:]]) + "\n"


def _replace(nodes: Path, file: Path, text: str) -> None:
    """Put ``text`` into a record at once and wholly. Raises OSError.

    The new file is made beside the database: in one of its folders iscsiadm would take it for a record, or list no
    record at all. Where no rename leads from there (the database is a mount), it is made in the database.
    """
    for folder in (nodes.resolve().parent, nodes.resolve()):
        fresh = folder / f"{_TEMPORARY}{os.urandom(8).hex()}"
        try:
            flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
            with open(os.open(fresh, flags, 0o600), "wb") as output:
                output.write(text.encode("utf-8", "surrogateescape"))
            fresh.replace(file)
        except OSError:
            with contextlib.suppress(OSError):
                fresh.unlink()
            if folder == nodes.resolve():
                raise
        else:
            return


def _sweep(nodes: Path) -> None:
    """Remove the temporary files of scripts that were killed, this version's and the former's."""
    for folder in (nodes.resolve().parent, nodes):
        for entry in _entries(folder):
            with contextlib.suppress(OSError):
                is_ours = entry.name.startswith(_TEMPORARY)
                if is_ours and time.time() - entry.lstat().st_mtime > _LEFT_OVER_SECONDS:
                    LOG.warning("removing %s, which a script left when it was killed", entry)
                    entry.unlink()
