"""Other filers than the one behind ZAPI, by the protocol alone: what the policy may rely on, and no more.

``DirectArray`` is the simulated filer as an object, without XML. ``PoollessArray`` is as ONTAP on ASA r2 is:
no pools, names of its own, and LUNs that are made by jobs.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable
from dataclasses import dataclass, field

from dataontap.client.array import FcPort, Igroup, IscsiPortal, Lun, LunMap, LunRef, LunSpec, Pool
from dataontap.client.found import Found
from dataontap.client.initiators import canonical
from dataontap.client.retry import Tries
from dataontap.client.zapi.codes import REFUSALS
from dataontap.errors import DataOntapError, LunExists, LunIdTaken, LunMapped, NoSuchIgroup, NoSuchLun, Refusal
from tests.simulator import errnos
from tests.simulator import model as simulated
from tests.simulator.api.reporting import reporting_nodes
from tests.simulator.call import APIS, Call
from tests.simulator.documents import Node
from tests.simulator.filer import Filer
from tests.simulator.interfaces import wwpn_of
from tests.simulator.nodes import node_of

VSERVER = "svm1"


def give_up(error: DataOntapError, tries: int) -> None:
    """Nothing is tried again."""
    raise error


class DirectArray:
    """The SVM svm1 of a simulated filer."""

    comments_at_creation = True
    account_commands = "none"

    def __init__(self, filer: Filer) -> None:
        self._filer = filer

    def prepare(self) -> None:
        """There is nothing to learn."""

    def expect(self, lun: LunRef) -> None:
        """Its lists are never old."""

    def tries(self) -> Tries:
        return Tries(give_up)

    def place(self, pool: str | None, name: str) -> LunRef:
        return LunRef(pool, name, f"/vol/{pool}/{name}")

    def recall(self, path: str, uuid: str) -> LunRef:
        pool, _, name = path[len("/vol/") :].rpartition("/")
        return LunRef(pool, name, path, uuid)

    def get_luns(self, *luns: LunRef) -> Found[Lun]:
        paths = {lun.path for lun in luns}
        return Found(lun for lun in self.get_lun_list() if lun.path in paths)

    def get_luns_called(self, name: str) -> Found[Lun]:
        return Found(lun for lun in self.get_lun_list() if lun.name == name)

    def get_lun_list(self) -> Found[Lun]:
        luns = (lun for lun in self._filer.luns.values() if lun.vserver == VSERVER)
        return Found(self._described(lun) for lun in sorted(luns, key=lambda lun: lun.path))

    def _described(self, lun: simulated.Lun) -> Lun:
        place = self.recall(lun.path, lun.uuid)
        return Lun(
            place.pool,
            place.name,
            lun.path,
            lun.uuid,
            size=lun.size,
            serial=lun.serial,
            comment=lun.comment,
            space_reserved=lun.reserved,
            online=lun.online,
            mapped=bool(lun.maps),
            created=lun.created,
            node=node_of(self._filer, self._filer.volumes[lun.vserver, lun.volume]),
        )

    def create_lun(self, lun: LunRef, size: int, metadata: LunSpec) -> Lun | None:
        self._do(
            "lun-create-by-size",
            ("path", lun.path),
            ("size", size),
            ("ostype", metadata.ostype),
            ("space-reservation-enabled", metadata.space_reserved),
            ("use-exact-size", True),
            ("comment", metadata.comment),
        )
        return self.get_luns(lun)[0]

    def clone_lun(self, source: Lun, clone: LunRef) -> Lun | None:
        beginning = len(f"/vol/{source.volume}/")
        self._do(
            "clone-create",
            ("volume", source.volume),
            ("source-path", source.path[beginning:]),
            ("destination-path", clone.path[beginning:]),
        )
        return self.get_luns(clone)[0]

    def destroy_lun(self, lun: LunRef, *, once: bool = False) -> bool:
        return self._changes("lun-destroy", ("path", lun.path), unless={errnos.OBJECT_NOT_FOUND})

    def do_direct_resize(self, lun: LunRef, new_size_bytes: int) -> int | None:
        self._changes("lun-resize", ("path", lun.path), ("size", new_size_bytes), unless={errnos.SIZE_UNCHANGED})
        return None

    def set_lun_comment(self, lun: LunRef, comment: str) -> None:
        self._do("lun-set-comment", ("path", lun.path), ("comment", comment))

    def get_lun_map(self, *luns: LunRef) -> list[LunMap]:
        paths = {lun.path for lun in luns}
        return [one for one in self._maps() if one.path in paths]

    def get_igroup_maps(self, igroup_name: str) -> list[LunMap]:
        return [one for one in self._maps() if one.igroup == igroup_name]

    def _maps(self) -> Iterable[LunMap]:
        for lun in self._filer.luns.values():
            for igroup, lun_id in lun.maps.items():
                yield LunMap(lun.path, lun.uuid, igroup, lun_id)

    def map_lun(self, lun: LunRef, igroup_name: str, lun_id: int, *, once: bool = False) -> bool:
        arguments = (("path", lun.path), ("initiator-group", igroup_name), ("lun-id", lun_id))
        return self._changes("lun-map", *arguments, unless={errnos.LUN_ALREADY_MAPPED})

    def explain_map(self, lun: LunRef, igroup_name: str, lun_id: int, error: Refusal) -> Refusal | None:
        return error

    def unmap_lun(self, lun: LunRef, igroup_name: str, *, once: bool = False) -> bool:
        arguments = (("path", lun.path), ("initiator-group", igroup_name))
        return self._changes("lun-unmap", *arguments, unless={errnos.NO_SUCH_MAP})

    def get_igroups(self, *names: str) -> list[Igroup]:
        return [one for one in self._igroups() if one.name in names]

    def get_igroups_of(self, initiators: Collection[str]) -> list[Igroup]:
        wanted = {*map(canonical, initiators)}
        return [one for one in self._igroups() if wanted & {*one.initiators}]

    def _igroups(self) -> Iterable[Igroup]:
        for one in self._filer.igroups.values():
            yield Igroup(one.name, one.protocol, tuple(map(canonical, one.initiators)))

    def create_igroup(self, igroup_name: str, igroup_type: str, os_type: str) -> bool:
        kind = (("initiator-group-type", igroup_type), ("os-type", os_type))
        name = ("initiator-group-name", igroup_name)
        return self._changes("igroup-create", name, *kind, unless={errnos.IGROUP_EXISTS})

    def add_igroup_initiator(self, igroup_name: str, initiator: str) -> bool:
        arguments = (("initiator-group-name", igroup_name), ("initiator", initiator))
        return self._changes("igroup-add", *arguments, unless={errnos.INITIATOR_ALREADY_IN_IGROUP})

    def remove_igroup_initiator(self, igroup_name: str, initiator: str) -> bool:
        arguments = (("initiator-group-name", igroup_name), ("initiator", initiator))
        return self._changes("igroup-remove", *arguments, unless={errnos.INITIATOR_NOT_IN_IGROUP})

    def logged_in(self, initiators: Collection[str], protocol: str) -> set[str]:
        there = {session.initiator for session in self._filer.state.sessions.values()}
        return {*map(canonical, initiators)} & there

    def get_pools(self, names: Collection[str]) -> list[Pool]:
        volumes = (one for one in self._filer.volumes.values() if one.vserver == VSERVER and one.name in names)
        return [Pool(one.name, one.type, bool(one.parent), one.state, one.size) for one in volumes]

    def get_iscsi_service_details(self) -> str | None:
        return "iqn.1992-08.com.netapp:sn.1:vs.1"

    def get_iscsi_target_details(self) -> list[IscsiPortal]:
        return [IscsiPortal("192.0.2.1", 3260, 1, True)]

    def is_fcp_enabled(self) -> bool | None:
        vserver = self._filer.vservers[VSERVER,]
        return None if "fcp" in vserver.without else "fcp" not in vserver.stopped

    def get_fc_target_ports(self) -> list[FcPort]:
        found = [one for one in self._filer.state.interfaces.values() if one.protocol == "fcp"]
        return [FcPort(wwpn_of(self._filer, one), one.is_up, one.node) for one in found]

    def get_reporting_nodes(self, igroup_name: str, *luns: LunRef) -> dict[str, list[str]]:
        wanted = {lun.path for lun in luns}
        mapped = [lun for lun in self._filer.luns.values() if igroup_name in lun.maps]
        shown = [lun for lun in mapped if not wanted or lun.path in wanted]
        return {lun.path: reporting_nodes(lun, igroup_name) for lun in shown}

    def check_connection(self) -> None:
        """It is here."""

    def require_svm(self) -> None:
        """It is there."""

    def is_whole_cluster(self) -> bool:
        return False

    def get_missing_rights(self, protocol: str, *, per_node: bool) -> list[str] | None:
        return []

    def _changes(self, api: str, *arguments: tuple[str, object], unless: set[int]) -> bool:
        """Whether the call did something; the refusals ``unless`` mean that it was done already."""
        try:
            self._do(api, *arguments)
        except Refusal as refusal:
            if int(refusal.code) not in unless:
                raise
            return False
        return True

    def _do(self, api: str, *arguments: tuple[str, object]) -> None:
        """The filer's own code for a call."""
        words = {True: "true", False: "false"}
        children = tuple(
            Node(name, words[value] if isinstance(value, bool) else str(value)) for name, value in arguments
        )
        login = self._filer.state.accounts[("admin",)]
        try:
            APIS[api].handler(Call(self._filer, Node(api, "", children), APIS[api], login, VSERVER))
        except errnos.Refusal as refusal:
            code = str(refusal.errno)
            message = f"{api}: {refusal.reason}"
            raise REFUSALS.get(code, Refusal)(message, call=api, code=code) from None


@dataclass
class Unit:
    """A storage unit of the small array; ``ready`` counts down the looks until its job is done."""

    name: str
    uuid: str
    serial: str
    size: int
    comment: str
    maps: dict[str, int] = field(default_factory=dict)
    ready: int = 0


class PoollessArray(DirectArray):
    """No pools; letters, digits and ``_`` in names; a creation is a job, and its LUN is seen some looks later.

    Initiator groups are the simulated filer's: they are the same on every ONTAP.
    """

    LOOKS = 3

    def __init__(self, filer: Filer) -> None:
        super().__init__(filer)
        self.units: dict[str, Unit] = {}
        self._made = 0

    def place(self, pool: str | None, name: str) -> LunRef:
        """The name in letters that are allowed: ``_`` and two hexadecimal digits for any other, injectively."""
        return LunRef(None, name, "u" + re.sub("[^A-Za-z0-9]", lambda one: f"_{ord(one[0]):02x}", name))

    def recall(self, path: str, uuid: str) -> LunRef:
        name = re.sub("_([0-9a-f]{2})", lambda one: chr(int(one[1], 16)), path[1:])
        return LunRef(None, name, path, uuid)

    def get_lun_list(self) -> Found[Lun]:
        return Found(self._unit(unit) for unit in self.units.values() if not unit.ready)

    def _unit(self, unit: Unit) -> Lun:
        place = self.recall(unit.name, unit.uuid)
        return Lun(
            None,
            place.name,
            unit.name,
            unit.uuid,
            size=unit.size,
            serial=unit.serial,
            comment=unit.comment,
            mapped=bool(unit.maps),
        )

    def create_lun(self, lun: LunRef, size: int, metadata: LunSpec) -> Lun | None:
        return self._begin(lun, size, metadata.comment)

    def clone_lun(self, source: Lun, clone: LunRef) -> Lun | None:
        return self._begin(clone, source.size, "")

    def _begin(self, lun: LunRef, size: int, comment: str) -> Lun:
        """Begin the job, and look until it is done: the protocol wants the LUN to be there on return."""
        if lun.path in self.units:
            raise LunExists(f"{lun.path} is in use", code="5440688")
        self._made += 1
        unit = Unit(lun.path, f"uuid-{self._made}", f"serial{self._made:06}", size, comment, ready=self.LOOKS)
        self.units[lun.path] = unit
        while unit.ready:
            unit.ready -= 1
        return self._unit(unit)

    def destroy_lun(self, lun: LunRef, *, once: bool = False) -> bool:
        if lun.path in self.units and self.units[lun.path].maps:
            raise LunMapped(f"{lun.path} is mapped", code="1254197")
        return self.units.pop(lun.path, None) is not None

    def do_direct_resize(self, lun: LunRef, new_size_bytes: int) -> int | None:
        self._known(lun).size = new_size_bytes
        return new_size_bytes

    def set_lun_comment(self, lun: LunRef, comment: str) -> None:
        self._known(lun).comment = comment

    def _maps(self) -> Iterable[LunMap]:
        for unit in self.units.values():
            for igroup, lun_id in unit.maps.items():
                yield LunMap(unit.name, unit.uuid, igroup, lun_id)

    def map_lun(self, lun: LunRef, igroup_name: str, lun_id: int, *, once: bool = False) -> bool:
        self._require_igroup(igroup_name)
        unit = self._known(lun)
        if igroup_name in unit.maps:
            return False
        if any(one.lun_id == lun_id for one in self.get_igroup_maps(igroup_name)):
            raise LunIdTaken(f"{lun_id} is taken in {igroup_name}")
        unit.maps[igroup_name] = lun_id
        return True

    def unmap_lun(self, lun: LunRef, igroup_name: str, *, once: bool = False) -> bool:
        self._require_igroup(igroup_name)
        return self._known(lun).maps.pop(igroup_name, None) is not None

    def get_reporting_nodes(self, igroup_name: str, *luns: LunRef) -> dict[str, list[str]]:
        """It does not tell."""
        return {}

    def get_pools(self, names: Collection[str]) -> list[Pool]:
        raise AssertionError(f"there are no pools: {names}")

    def _require_igroup(self, name: str) -> None:
        if not self.get_igroups(name):
            raise NoSuchIgroup(f"no igroup {name}")

    def _known(self, lun: LunRef) -> Unit:
        if lun.path not in self.units:
            raise NoSuchLun(f"no storage unit {lun.path}")
        return self.units[lun.path]
