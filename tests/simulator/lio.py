"""The filer's LUNs as real ones: exported over iSCSI by this machine's kernel (LIO), under NetApp's names.

``lio_fc`` does the same over Fibre Channel.

Told of every change that is committed, before it is answered: a map that was made can be scanned for, one that was
taken away is gone, a LUN that was grown has its size.  Each of a vserver's interfaces is a portal group with a
portal of its own, and so a path of its own.  An initiator sees what its igroups' maps show it.

configfs's tree is described in the kernel's Documentation/target; what is special about a file stands where it is
written.  The sessions and all of it outlive the process, as a filer's data path outlives its management: the next
exporter goes on with what it finds.  Nothing takes it away, for all of it goes with the guest that this is for.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.simulator.identity import PORTAL_GROUP, iscsi_name
from tests.simulator.model import Igroup, Lun, Record, Vserver
from tests.simulator.state import State

CONFIG = Path("/sys/kernel/config/target")
BACKSTORES = CONFIG / "core/fileio_0"
PORT = 3260
# SAM-5 4.7.7.5: above 255 a LUN is addressed by the flat space method, and the kernel counts its marker in.
FLAT_SPACE = 0x4000
LARGEST_PERIPHERAL = 255

Place = tuple[str, int]  # an initiator, and the LUN number that it sees


@dataclass(frozen=True)
class Chap:
    """What every initiator has to log in with; with ``mutual``, what the target proves itself with."""

    user: str
    secret: str
    mutual: Chap | None = None


class Exporter:
    """Exports what ``state`` maps, at ``portals``: addresses of this machine, one an interface.

    A filer lets any initiator log in and see nothing; LIO only those that it is told of: ``guests``, and igroups'.
    """

    modules = ("target_core_mod", "target_core_file", "iscsi_target_mod")

    def __init__(
        self, state: State, portals: Sequence[str], *, guests: Sequence[str] = (), chap: Chap | None = None
    ) -> None:
        self._state = state
        self._portals = portals
        self._guests = guests
        self._chap = chap
        subprocess.run(["modprobe", "-a", *self.modules], check=True)
        BACKSTORES.mkdir(parents=True, exist_ok=True)
        self._shown = self._recall()
        self.follow([*state.vservers.values(), *state.igroups.values(), *state.luns.values()])
        state.watch(self.follow)

    def follow(self, changed: Iterable[Record]) -> None:
        """Export what these records say now; all of them are committed, or gone."""
        luns: dict[str, tuple[str, Lun | None]] = {}
        for record in changed:
            if isinstance(record, Vserver):
                self._make_target(record)
                self._admit(record.name, self._guests)
            elif isinstance(record, Igroup):
                self._admit(record.vserver, record.initiators)
                for path in self._state.maps.get(record.key, {}).values():
                    lun = self._state.luns[record.vserver, path]
                    luns[lun.uuid] = (record.vserver, lun)
            elif isinstance(record, Lun):
                there = self._state.luns.get(record.key)
                moved = luns.get(record.uuid, ("", None))[1]
                same = there is not None and there.uuid == record.uuid
                luns[record.uuid] = (record.vserver, there if same else moved)
        for uuid, (vserver, one) in luns.items():
            self._export(vserver, uuid, one)

    def _groups(self, vserver: str) -> list[Path]:
        """The portal groups of a vserver, one an interface."""
        found = self._state.vservers[vserver,]
        return [portal_group(found, place) for place in range(1, len(self._portals) + 1)]

    def _make_target(self, vserver: Vserver) -> None:
        for group, address in zip(self._groups(vserver.name), self._portals):
            new = not (group / "np").exists()
            (group / f"np/{address}:{PORT}").mkdir(parents=True, exist_ok=True)
            (group / "attrib/authentication").write_text("1" if self._chap else "0")
            (group / "attrib/generate_node_acls").write_text("0")
            if new:
                (group / "enable").write_text("1")

    def _admit(self, vserver: str, initiators: Iterable[str]) -> None:
        """Let them log in. Those that leave an igroup may stay, and see nothing."""
        for group in self._groups(vserver):
            for initiator in initiators:
                acl = group / "acls" / initiator
                if self._is_served(initiator):
                    acl.mkdir(exist_ok=True)
                    if self._chap:
                        _let_prove(acl / "auth", self._chap)

    def _places(self, lun: Lun | None) -> set[Place]:
        """Where a LUN is to be seen."""
        if lun is None or not lun.online:
            return set()
        return {
            (initiator, lun_id if lun_id <= LARGEST_PERIPHERAL else lun_id | FLAT_SPACE)
            for name, lun_id in lun.maps.items()
            for initiator in self._state.igroups[lun.vserver, name].initiators
            if self._is_served(initiator)
        }

    def _is_served(self, initiator: str) -> bool:
        """Whether an initiator of this name is of the protocol that is exported by."""
        return initiator.startswith("iqn.")

    def _export(self, vserver: str, uuid: str, lun: Lun | None) -> None:
        groups = self._groups(vserver)
        shown, wanted = self._shown.get(uuid, set()), self._places(lun)
        for initiator, number in shown - wanted:
            for group in groups:
                hide(group / "acls" / initiator / f"lun_{number}")
        if lun is not None and wanted:
            if not (BACKSTORES / uuid).exists():
                self._open(lun)
                for group in groups:
                    show(group / "lun" / _free_number(group), BACKSTORES / uuid, uuid)
            elif _size(uuid) != lun.size:
                (BACKSTORES / uuid / "control").write_text(f"fd_dev_size={lun.size}")
            for group in groups if wanted - shown else ():
                number_here = number_of(group, uuid)
                for initiator, number in wanted - shown:
                    show(group / "acls" / initiator / f"lun_{number}", number_here, "lun")
            self._shown[uuid] = wanted
        elif self._shown.pop(uuid, None) is not None:
            for group in groups:
                hide(number_of(group, uuid))
            (BACKSTORES / uuid).rmdir()

    def _open(self, lun: Lun) -> None:
        """A backstore over the LUN's content, with the identity that hosts know NetApp's LUNs by."""
        store = BACKSTORES / lun.uuid
        store.mkdir()
        file = self._state.contents.path(lun.uuid).resolve()
        (store / "control").write_text(f"fd_dev_name={file},fd_dev_size={lun.size}")
        (store / "wwn/company_id").write_text("0x00a098")
        (store / "wwn/vendor_id").write_text("NETAPP")
        (store / "wwn/product_id").write_text("LUN C-Mode")
        (store / "wwn/revision").write_text("9131")
        # NAA 6 is "6", the company and the first 25 digits of this: 600a0980 and the serial number in hexadecimal.
        (store / "wwn/vpd_unit_serial").write_text("0" + lun.serial.encode().hex())
        (store / "enable").write_text("1")
        # Implicit and explicit ALUA, so that the kernel's handler is used as with a filer.
        (store / "alua/default_tg_pt_gp/alua_access_type").write_text("3")

    def _recall(self) -> dict[str, set[Place]]:
        """What is exported already, by LUN: a simulator that was killed leaves it as it was."""
        shown: dict[str, set[Place]] = {}
        for vserver in self._state.vservers.values():
            for group in self._groups(vserver.name)[:1]:
                for link in group.glob("lun/lun_*/*"):
                    if link.is_symlink():
                        shown[link.name] = {
                            (mapped.parent.parent.name, int(mapped.parent.name[len("lun_") :]))
                            for mapped in group.glob("acls/*/lun_*/lun")
                            if mapped.resolve() == link.parent
                        }
        return shown


def portal_group(vserver: Vserver, interface: int) -> Path:
    """The directory of an interface's portal group: ``enable`` in it is the interface's switch."""
    return CONFIG / "iscsi" / iscsi_name(vserver.uuid, vserver.number) / f"tpgt_{PORTAL_GROUP + interface}"


def _let_prove(auth: Path, chap: Chap) -> None:
    """Ask an initiator for credentials, and give the target its own: "NULL" takes them away."""
    mutual = chap.mutual or Chap("NULL", "NULL")
    (auth / "userid").write_text(chap.user)
    (auth / "password").write_text(chap.secret)
    (auth / "userid_mutual").write_text(mutual.user)
    (auth / "password_mutual").write_text(mutual.secret)


def show(directory: Path, target: Path, name: str) -> None:
    """Let a LUN be seen: in a portal group, or by an initiator."""
    directory.mkdir()
    (directory / name).symlink_to(target)


def hide(directory: Path) -> None:
    """Take a LUN away, from an initiator or from a portal group; waits for what is in flight."""
    for link in [entry for entry in directory.iterdir() if entry.is_symlink()]:
        link.unlink()
    directory.rmdir()


def number_of(group: Path, uuid: str) -> Path:
    """The LUN's directory in a portal group."""
    (link,) = group.glob(f"lun/lun_*/{uuid}")
    return link.parent


def _free_number(group: Path) -> str:
    """A number for a LUN in a portal group: not the one that anybody sees, and never 0, which LIO treats apart."""
    taken = set(os.listdir(group / "lun"))
    return next(name for name in (f"lun_{number}" for number in range(1, len(taken) + 2)) if name not in taken)


def _size(uuid: str) -> int:
    """The size that LIO gives a LUN, in bytes: ``info`` says it in words."""
    words = (BACKSTORES / uuid / "info").read_text().split()
    return int(words[words.index("Size:") + 1])
