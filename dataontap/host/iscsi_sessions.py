"""The kernel's iSCSI sessions, as sysfs shows them."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from dataontap.host.iscsi_records import Record, portal_name
from dataontap.host.sysfs import Nexus, read

_LOGGED_IN = "LOGGED_IN"


@dataclass(frozen=True)
class Session:
    """A session to a target: the target's address, the portal as ADDRESS:PORT, the interface, the state.

    ``tag`` is the portal group's, which the target tells at a login.
    """

    nexus: Nexus
    portal: str
    interface: str
    state: str
    tag: int | None

    @property
    def address(self) -> str:
        """The portal's address, without its port."""
        return self.portal.rpartition(":")[0].strip("[]")

    @property
    def serves(self) -> bool:
        """Whether it is logged in."""
        return self.state == _LOGGED_IN

    def is_by(self, record: Record) -> bool:
        """Whether the session is of this record. Without an interface it matches every record of its portal."""
        return self.portal == record.portal and self.interface in {record.interface, ""}


def sessions(sysfs: Path, target: str) -> Iterator[Session]:
    """The sessions to a target."""
    for session in sorted((sysfs / "class/iscsi_session").glob("session*")):
        if read(session / "targetname") != target:
            continue
        nexus = _nexus(session)
        connection = sysfs / f"class/iscsi_connection/connection{session.name[len('session') :]}:0"
        address, port = read(connection / "persistent_address"), read(connection / "persistent_port")
        if nexus and port.isdecimal():
            interface = read(session / "ifacename")
            if not interface[:1].isalnum():  # the kernel's "(null)"
                interface = ""
            state, tag = read(session / "state"), read(session / "tpgt")
            known = int(tag) if tag.isdecimal() else None
            yield Session(nexus, portal_name(address, int(port)), interface, state, known)


def _nexus(session: Path) -> Nexus | None:
    """The kernel's address of a session's target. An adapter with offload has all its sessions on a single host.

    Before the first scan the target has no folder yet, but a number (seen on Linux 6.1). Without both, the session
    counts as the software initiator's, which has a host for each session.
    """
    host = re.search("/host([0-9]+)/", f"{os.path.realpath(session)}/")
    if host is None:
        return None
    for entry in sorted((session / "device").glob("target*")):
        address = re.fullmatch("target([0-9]+):([0-9]+):([0-9]+)", entry.name)
        if address:
            return Nexus(int(address[1]), int(address[2]), int(address[3]))
    number = read(session / "target_id")
    return Nexus(int(host[1]), 0, int(number) if number.isdecimal() else 0)
