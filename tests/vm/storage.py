"""The storage admin of the filer in this guest: changes things behind the nodes' backs, and looks at the data."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from dataontap.client.array import LunSpec
from dataontap.client.zapi.cmode import CmodeClient
from dataontap.client.zapi.luns import lun_at
from tests.simulator import journal, lio, lio_fc
from tests.simulator.identity import naa
from tests.simulator.lio import hide, number_of, show
from tests.simulator.model import Lun, Vserver
from tests.testbed.filer import destroy
from tests.vm import fcoe
from tests.vm.machine import BLOCK, Machine
from tests.vm.san import FC

MIB = 1024 * 1024
IGROUP = "ganeti"


@dataclass(frozen=True)
class Shown:
    """A LUN, as hosts see it."""

    name: str
    naa: str
    file: Path

    @property
    def map(self) -> str:
        """The name of its multipath map."""
        return f"/dev/mapper/3{self.naa}"

    def holds(self, block: int = 0) -> str:
        """The text that is in a block of it, on the filer."""
        with self.file.open("rb") as content:
            content.seek(block * BLOCK)
            return content.read(BLOCK).rstrip(b"\0").decode(errors="replace")


class Storage:
    """The vserver svm1 and its volume vol1, by way of ``admin``; ``state`` is the simulator's directory.

    Its LUNs are exported by ``filer``, which is this guest.
    """

    def __init__(self, admin: CmodeClient, state: Path, filer: Machine) -> None:
        self.admin = admin
        self._state = state
        self._filer = filer

    def make(self, name: str, lun_id: int | None = None, *, mib: int = 64, text: str = "") -> Shown:
        """A new LUN, mapped to the nodes' group if ``lun_id`` is given, with ``text`` in its first block."""
        spec = LunSpec(ostype="linux", space_reserved=False, comment="")
        self.admin.create_lun(lun_at(_path(name)), mib * MIB, spec)
        shown = self.lun(name)
        with shown.file.open("r+b") as content:
            content.write(text.encode())
        if lun_id is not None:
            self.admin.map_lun(lun_at(_path(name)), IGROUP, lun_id)
        return shown

    def lun(self, name: str) -> Shown:
        """A LUN that there is."""
        found = journal.read(self._state)[Lun.kind]["svm1", _path(name)]
        assert isinstance(found, Lun)
        return Shown(name, naa(found.serial), self._state / "luns" / found.uuid)

    def lun_id(self, name: str, igroup: str = IGROUP) -> int:
        """The id at which a group sees a LUN."""
        return {one.igroup: one.lun_id for one in self.admin.get_lun_map(lun_at(_path(name)))}[igroup]

    def groups(self, name: str) -> list[str]:
        """The groups that a LUN is mapped to."""
        return sorted(one.igroup for one in self.admin.get_lun_map(lun_at(_path(name))))

    def map(self, name: str, lun_id: int, igroup: str = IGROUP) -> None:
        """Show a LUN to a group."""
        self.admin.map_lun(lun_at(_path(name)), igroup, lun_id)

    def unmap(self, name: str, igroup: str = IGROUP) -> None:
        """Hide a LUN from a group, whoever uses it."""
        self.admin.unmap_lun(lun_at(_path(name)), igroup)

    def protect(self, name: str, protected: bool) -> None:
        """The nodes' group may only read a LUN, as if it were a mirror's destination, or may write to it again.

        LIO forgets that with the map. The nodes are not told.
        """
        lun_id = self.lun_id(name)
        for interface in (1, 2):
            mapped = self._group(interface).glob(f"acls/*/lun_{lun_id}/write_protect")
            for file in mapped:
                file.write_text(str(int(protected)))

    def destroy(self, name: str) -> None:
        """A LUN is gone, whoever uses it."""
        destroy(self.admin, _path(name))

    def names(self) -> list[str]:
        """The LUNs that there are."""
        return [lun.path.rsplit("/", 1)[1] for lun in self.admin.get_lun_by_args(path="/vol/*")]

    def switch(self, interface: int, on: bool) -> None:
        """An interface of the vserver goes down, with the sessions there, or comes back."""
        if self._filer.san is FC:
            self._filer.shell("ip link set $1 $2", fcoe.FILER_PORTS[interface - 1], "up" if on else "down")
            return
        enable = self._group(interface) / "enable"
        if enable.read_text().strip() != str(int(on)):
            enable.write_text(str(int(on)))

    @contextmanager
    def nobody_listening(self) -> Iterator[None]:
        """The vserver's portals take no connection meanwhile, though the filer names them."""
        portals = [at for number in (1, 2) for at in (self._group(number) / "np").iterdir()]
        for portal in portals:
            portal.rmdir()
        try:
            yield
        finally:
            for portal in portals:
                portal.mkdir()

    @contextmanager
    def moved(self, name: str, address: str) -> Iterator[None]:
        """A mapped LUN is shown at a new iSCSI interface of the vserver meanwhile, and no more at the others.

        As when its volume is moved to other nodes of the filer.
        """
        uuid, seen = self.lun(name).file.name, f"lun_{self.lun_id(name)}"
        interface = {"vserver": "svm1", "interface-name": "svm1_iscsi_3"}
        self.admin.server.send_request("net-interface-create", {**interface, "address": address})
        groups, new = [self._group(number) for number in (1, 2)], self._group(3)
        (new / f"np/{address}:{lio.PORT}").mkdir(parents=True)
        for attribute in ("authentication", "generate_node_acls"):
            (new / "attrib" / attribute).write_text("0")
        show(new / "lun/lun_1", lio.BACKSTORES / uuid, uuid)
        initiators = [mapped.parent.name for mapped in groups[0].glob(f"acls/*/{seen}")]
        for initiator in initiators:
            (new / "acls" / initiator).mkdir()
            show(new / "acls" / initiator / seen, new / "lun/lun_1", "lun")
        places = [(group / "acls" / initiator / seen, group) for group in groups for initiator in initiators]
        for place, _ in places:
            hide(place)
        (new / "enable").write_text("1")
        try:
            yield
        finally:
            (new / "enable").write_text("0")
            for initiator in initiators:
                hide(new / "acls" / initiator / seen)
            hide(new / "lun/lun_1")
            for place, group in places:
                show(place, number_of(group, uuid), "lun")
            self.admin.server.send_request("net-interface-modify", {**interface, "administrative-status": "down"})
            self.admin.server.send_request("net-interface-delete", interface)

    def _group(self, interface: int) -> Path:
        """The directory of an interface's portal group."""
        if self._filer.san is FC:
            return lio_fc.port_group(fcoe.wwpns(self._filer, fcoe.FILER_PORTS)[interface - 1])
        vserver = journal.read(self._state)[Vserver.kind]["svm1",]
        assert isinstance(vserver, Vserver)
        return lio.portal_group(vserver, interface)

    def switch_all(self, on: bool) -> None:
        """Both interfaces go down, or come back."""
        for interface in (1, 2):
            self.switch(interface, on)


def _path(name: str) -> str:
    return f"/vol/vol1/{name}"
