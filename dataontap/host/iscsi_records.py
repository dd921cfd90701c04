"""open-iscsi's node records: the settings of the next login, for each portal and interface.

iscsiadm creates a record. This module writes our settings into it, because otherwise the CHAP secret would be in
iscsiadm's arguments. How iscsiadm reads a record's lines was tried with open-iscsi 2.1.8 and 2.1.11.
"""

from __future__ import annotations

import contextlib
import ipaddress
import logging
import os
import re
import time
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Callable

from dataontap.errors import CommandError, DeviceError
from dataontap.host.iscsi_scope import EVERYTHING, Scope
from dataontap.host.iscsi_settings import Chap, amended, settings
from dataontap.host.run import ENVIRONMENT

if TYPE_CHECKING:
    from dataontap.deadline import Deadline
    from dataontap.state.cache import Cache

LOG = logging.getLogger(__name__)

DEFAULT = "default"  # the interface that every open-iscsi has
_WITHOUT_FILE = (DEFAULT, "iser")  # iscsiadm -m iface lists both always (2.1.8)
_COMMAND_SECONDS = 20.0
# iscsiadm names its database in the error about an interface that has no file. This interface has none.
_NO_INTERFACE = "dataontap-asks-where"

_SCAN, _MANUAL = "node.session.scan", "manual"
# No automatic scan: it would create devices on this node for all the target's LUNs.
_QUIET = {_SCAN: _MANUAL}
# open-iscsi's default is to retry for two minutes. One path is enough; the others may come later.
_PROMPT = {"node.session.initial_login_retry_max": "1", "node.conn[0].timeo.login_timeout": "5"}

_TEMPORARY = ".dataontap."
_LEFT_OVER_SECONDS = 60.0


@dataclass(frozen=True)
class Portal:
    """A portal of a target: an IP address, a TCP port, and the portal group's tag, if it is known.

    ``node`` is the filer's node at which it is, "" if that is not known.
    """

    address: str
    port: int
    tag: int | None
    node: str = ""

    def __str__(self) -> str:
        return portal_name(self.address, self.port)


@dataclass(frozen=True)
class Record:
    """A node record: the settings of logins to ``portal`` (ADDRESS:PORT) over ``interface``."""

    file: Path
    portal: str
    interface: str
    text: str = field(repr=False)  # the CHAP secret is in it

    @property
    def tag(self) -> int | None:
        """The portal group's tag, if the record's folder is named ADDRESS,PORT,TAG."""
        tag = self.file.parent.name.split(",")[2:]
        return int(tag[0]) if tag and tag[0].isdecimal() else None

    @property
    def brings_all(self) -> bool:
        """Whether a login by it scans for all LUNs, which is open-iscsi's default."""
        return settings(self.text).get(_SCAN) != _MANUAL


class Records:
    """iscsiadm's node records. ``cache`` returns the cache for a build of a program.

    ``scope`` is what logins may use. Records beyond it exist nevertheless, and are amended, too.
    """

    def __init__(
        self,
        run: Callable[..., str],
        deadline: Deadline,
        *,
        chap: Chap | None = None,
        cache: Callable[[str], Cache],
        scope: Scope = EVERYTHING,
    ) -> None:
        self._run = run
        self._deadline = deadline
        self._chap = chap
        self._cache = cache
        self.scope = scope
        self._nodes: Path | None = None

    def of(self, target: str) -> list[Record]:
        """All records of a target. Raises HostError if iscsiadm does not report the folder of its records."""
        nodes = self._database()
        _sweep(nodes)
        return list(_records(nodes / target, target))

    def make(self, target: str, portal: Portal, interface: str = DEFAULT) -> list[Record]:
        """Let iscsiadm create a portal's record for an interface. Raises HostError.

        An existing record would be replaced: the caller has checked with ``of`` that there is none. Without a tag,
        a portal has a single record (2.1.8): that of another interface is replaced.
        """
        nodes = self._database()
        at = str(portal) if portal.tag is None else f"{portal},{portal.tag}"
        timeout = min(_COMMAND_SECONDS, self._deadline.left("making a record of an iSCSI portal"))
        by = () if interface == DEFAULT else ("-I", interface)
        self._run("iscsiadm", "-m", "node", "-T", target, "-p", at, *by, "-o", "new", timeout=timeout)
        place = (str(portal), interface)
        made = [one for one in _records(nodes / target, target) if (one.portal, one.interface) == place]
        if not made:
            raise DeviceError(f"iscsiadm made no record of the portal in {nodes}")
        return made

    def require_interface(self, name: str) -> None:
        """Raise DeviceError if open-iscsi does not have this interface: each has a file, but for the first two."""
        if name not in _WITHOUT_FILE and not (self._database().parent / "ifaces" / name).exists():
            raise DeviceError(f"open-iscsi has no interface {name}, see ISCSI_INTERFACES and iscsiadm -m iface")

    def amend(self, record: Record, *, for_login: bool = False) -> Record:
        """Write our settings into a record; returns the new record. Raises HostError or OSError.

        The short login timeouts are written only ``for_login``; logins at boot keep theirs.
        """
        wanted = {**_QUIET, **(_PROMPT if for_login else {})}
        text = amended(record.text, wanted, self._chap)
        if text != record.text:
            _replace(self._database(), record.file, text)
        return replace(record, text=text)

    def _database(self) -> Path:
        """The folder of the node records. Distributions and releases build iscsiadm with different folders."""
        if self._nodes is None:
            cache = self._cache(_build_of("iscsiadm"))
            told = cache.get()
            if told is None or not re.fullmatch(r"/[!-~]+", told):
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
        raise DeviceError("iscsiadm does not report the folder of its records: see iscsiadm -m iface -I none")


def portal_name(address: str, port: int) -> str:
    """ADDRESS:PORT in the canonical spelling of an IP address, which iscsiadm compares; a name is not changed."""
    with contextlib.suppress(ValueError):
        address = str(ipaddress.ip_address(address))
    return f"[{address}]:{port}" if ":" in address else f"{address}:{port}"


def _build_of(program: str) -> str:
    """The identity of a program's build: its file's device, inode and time; "" if the program is missing."""
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
            except OSError:  # a folder, or removed meanwhile
                continue
            found = settings(text)
            if found.get("node.name") == target:  # not an editor's backup, and not a partial file
                interface = file.name if file != entry else found.get("iface.iscsi_ifacename", DEFAULT)
                yield Record(file, portal_name(address, int(port)), interface, text)


def _entries(folder: Path) -> list[Path]:
    try:
        return sorted(folder.iterdir())
    except OSError:
        return []


def _replace(nodes: Path, file: Path, text: str) -> None:
    """Replace a record's text atomically. Raises OSError.

    The temporary file is created beside the database: in one of its folders, iscsiadm would take the file for a
    record, or list no record at all. If the database is a mount point, a rename from there fails, and the
    temporary file is created in the database's top folder.
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
    """Remove the temporary files that killed scripts left, of this version and of the former version."""
    for folder in (nodes.resolve().parent, nodes):
        for entry in _entries(folder):
            with contextlib.suppress(OSError):
                is_ours = entry.name.startswith(_TEMPORARY)
                if is_ours and time.time() - entry.lstat().st_mtime > _LEFT_OVER_SECONDS:
                    LOG.warning("removing the temporary file %s of a killed script", entry)
                    entry.unlink()
