"""This node's Fibre Channel ports, and the ports of filers that they see, from the kernel's fc transport class.

Nothing is changed here: no reset of the loop (issue_lip), and no scan for other LUNs.
"""

from __future__ import annotations

import re
import time
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Callable

from dataontap.errors import DeviceError, first_of
from dataontap.host.sysfs import Nexus, read
from dataontap.host.udev import Events

if TYPE_CHECKING:
    from dataontap.deadline import Deadline

ONLINE = "Online"
_TARGET = "FCP Target"
# Drivers report all zeroes or all ones for a port that has no WWPN (yet).
_NO_NAMES = frozenset({"0" * 16, "f" * 16})
# A port that is blocked comes back after a link's bounce within seconds, or is given up (fast_io_fail_tmo).
_RECOVERY_SECONDS = 20.0


@dataclass(frozen=True)
class Port:
    """A port of this node: its WWPN ("" without one), and its state ("Online")."""

    wwpn: str
    state: str


@dataclass(frozen=True)
class RemotePort:
    """A port that a port of this node sees or saw. Without a number of the kernel's its ``nexus`` is None."""

    wwpn: str
    state: str
    roles: str
    nexus: Nexus | None

    @property
    def serves(self) -> bool:
        """Whether the kernel scans there now."""
        return self.state == ONLINE and _TARGET in self.roles and self.nexus is not None

    @property
    def problem(self) -> str:
        """Why it does not serve, for people."""
        return f"its state is {self.state or 'unknown'}" if self.state != ONLINE else "it is no FCP target"


class FibreChannel:
    """This node's Fibre Channel, in the sysfs at ``sysfs``. ``events`` waits for changes, by ``clock``."""

    def __init__(
        self,
        deadline: Deadline,
        sysfs: str = "/sys",
        events: Callable[[Collection[str]], Events] = Events,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._deadline = deadline
        self._sysfs = Path(sysfs)
        self._events = events
        self._clock = clock
        self._patience = _RECOVERY_SECONDS

    def connect(self, wwpns: Collection[str]) -> list[Nexus]:
        """Where this node sees the filer's ports ``wwpns``. DeviceError if it sees none of them.

        Only if all that are seen are blocked or lost, it waits for one to come back, once.
        """
        found = self._of(wwpns)
        if found and not any(port.serves for port in found):
            found = self._recovered(wwpns)
        nexuses = [port.nexus for port in found if port.serves and port.nexus is not None]
        if not nexuses:
            raise DeviceError(self._why_none(wwpns, found))
        return nexuses

    def known(self, wwpns: Collection[str]) -> list[Nexus]:
        """Where this node sees or saw these ports, in any state: their devices come back when they recover."""
        return [port.nexus for port in self._of(wwpns) if port.nexus is not None]

    def unreached(self, wwpns: Collection[str]) -> dict[str, str]:
        """Why a port of the filer does not serve here, for each such port."""
        found = self._of(wwpns)
        serves = {port.wwpn for port in found if port.serves}
        problems = {port.wwpn: port.problem for port in found}
        return {wwpn: problems.get(wwpn, "not seen here") for wwpn in wwpns if wwpn not in serves}

    def _recovered(self, wwpns: Collection[str]) -> list[RemotePort]:
        """The remote ports after one of them serves again, or after there is no more patience."""
        seconds = min(self._patience, self._deadline.left("waiting for the filer's Fibre Channel ports"))
        began = self._clock()
        with self._events(["rport"]) as events:
            events.until(lambda: any(port.serves for port in self._of(wwpns)), seconds)
        self._patience = max(0.0, self._patience - (self._clock() - began))
        return self._of(wwpns)

    def _why_none(self, wwpns: Collection[str], found: Collection[RemotePort]) -> str:
        here = [port for port in ports(self._sysfs) if port.wwpn]
        if not any(port.state == ONLINE for port in here):
            states = first_of([f"{port.wwpn} is {port.state}" for port in here]) or "it has none"
            return f"no FC port of this node is online: {states}; check cables and switches"
        if not found:
            names = first_of(sorted(wwpns))
            return f"no FC port of this node sees one of the SVM's ({names}); check the zoning"
        states = first_of([f"{port.wwpn}: {port.problem}" for port in found])
        return f"the filer's FC ports do not answer ({states}); check the fabric"

    def _of(self, wwpns: Collection[str]) -> list[RemotePort]:
        return [port for port in remote_ports(self._sysfs) if port.wwpn in wwpns]


def initiators(sysfs: str = "/sys") -> list[str]:
    """The WWPNs of this node's FC ports, as ONTAP writes them: 20:00:00:25:b5:00:00:01.

    All ports of an adapter, and virtual ports (NPIV), online or not: an igroup needs them before they log in. A
    port without a WWPN is left out: every machine may have such a port, so the nodes would look like twins.
    """
    return list(dict.fromkeys(port.wwpn for port in ports(Path(sysfs)) if port.wwpn))


def ports(sysfs: Path) -> Iterator[Port]:
    """This node's FC ports."""
    for folder in sorted((sysfs / "class/fc_host").glob("host*")):
        yield Port(_wwpn(folder), read(folder / "port_state"))


def remote_ports(sysfs: Path) -> Iterator[RemotePort]:
    """All ports that this node's ports see or saw, each as often as one of them sees it."""
    for folder in sorted((sysfs / "class/fc_remote_ports").glob("rport-*")):
        yield RemotePort(_wwpn(folder), read(folder / "port_state"), read(folder / "roles"), _nexus(folder))


def largest_lun_ids(sysfs: str = "/sys") -> dict[str, int]:
    """SCSI host -> the largest LUN id that its driver lets the kernel see, where the driver tells.

    Only lpfc tells it, and its default is 255. [?] An id above 255 has the flat space method's bits in the
    kernel's number, so that a limit below 16640 hides all of them.
    """
    found = {}
    for file in sorted((Path(sysfs) / "class/scsi_host").glob("host*/lpfc_max_luns")):
        text = read(file)
        if text.isdecimal():
            found[file.parent.name] = int(text)
    return found


def _wwpn(folder: Path) -> str:
    """A port's WWPN; "" if it has none."""
    digits = read(folder / "port_name").lower().replace("0x", "", 1)
    if not re.fullmatch("[0-9a-f]{16}", digits) or digits in _NO_NAMES:
        return ""
    return ":".join(digits[at : at + 2] for at in range(0, 16, 2))


def _nexus(folder: Path) -> Nexus | None:
    """The kernel's address of a remote port, from its target's folder, or before the first scan from its number.

    rport-HOST:CHANNEL-NUMBER, Linux's drivers/scsi/scsi_transport_fc.c; without a binding the target's id is -1.
    """
    for entry in sorted((folder / "device").glob("target*")):
        address = re.fullmatch("target([0-9]+):([0-9]+):([0-9]+)", entry.name)
        if address:
            return Nexus(int(address[1]), int(address[2]), int(address[3]))
    name = re.fullmatch("rport-([0-9]+):([0-9]+)-[0-9]+", folder.name)
    target = read(folder / "scsi_target_id")
    return Nexus(int(name[1]), int(name[2]), int(target)) if name and target.isdecimal() else None
