"""Maps, initiator groups, and logged-in initiators over ZAPI."""

from __future__ import annotations

from collections.abc import Collection

from dataontap.client.array import Igroup, LunMap, LunRef
from dataontap.client.initiators import canonical, spellings
from dataontap.client.zapi import codes
from dataontap.client.zapi.api import Arguments, NaElement
from dataontap.client.zapi.base import BaseClient
from dataontap.client.zapi.luns import any_path
from dataontap.errors import Refusal


class MapCalls(BaseClient):
    """Methods are described in ``Maps`` of ``client.array``."""

    REPORTING_NODES_SINCE = (1, 30)

    def get_lun_map(self, *luns: LunRef) -> list[LunMap]:
        """See ``Maps``."""
        return self._maps({"path": any_path(luns)}) if luns else []

    def get_igroup_maps(self, igroup_name: str) -> list[LunMap]:
        """All maps to a group."""
        return self._maps({"initiator-group": igroup_name})

    def _maps(self, query: Arguments) -> list[LunMap]:
        return self.iterate(
            "lun-map-get-iter",
            "lun-map-info",
            _lun_map,
            key=("path", "initiator-group"),
            query=query,
            wanted=dict.fromkeys(("path", "lun-uuid", "initiator-group", "lun-id"), ""),
        )

    def get_reporting_nodes(self, igroup_name: str, *luns: LunRef) -> dict[str, list[str]] | None:
        """See ``Maps``. Filers before 8.3 have no selective LUN map, and refuse the field."""
        self.prepare()
        if self.server.version < self.REPORTING_NODES_SINCE:
            return None
        only: Arguments = {"path": any_path(luns)} if luns else {}
        found = self.iterate(
            "lun-map-get-iter",
            "lun-map-info",
            lambda record: (record.get_child_content("path"), _reporting_nodes(record)),
            key=("path", "initiator-group"),
            query={"initiator-group": igroup_name, **only},
            wanted={"path": "", "initiator-group": "", "reporting-nodes": {"node-name": ""}},
        )
        return dict(found)

    def map_lun(self, lun: LunRef, igroup_name: str, lun_id: int | None = None, *, once: bool = False) -> bool:
        """Map a LUN to a group; False if it was mapped to it already."""
        arguments: Arguments = {"path": lun.path, "initiator-group": igroup_name, "lun-id": lun_id}
        return self.unless({codes.INITGROUP_HAS_VDISK}, "lun-map", arguments, once=once)

    def explain_map(self, lun: LunRef, igroup_name: str, lun_id: int, error: Refusal) -> Refusal | None:
        """See ``Maps``. The errnos tell."""
        return error

    def unmap_lun(self, lun: LunRef, igroup_name: str, *, once: bool = False) -> bool:
        """Unmap a LUN from a group; False if it was not mapped to it. One that is not there at all is an error."""
        arguments: Arguments = {"path": lun.path, "initiator-group": igroup_name}
        return self.unless(codes.NOT_MAPPED, "lun-unmap", arguments, once=once)

    def get_igroups(self, *names: str) -> list[Igroup]:
        """See ``Maps``; a name may be a query."""
        return self._igroups({"initiator-group-name": "|".join(names)}) if names else []

    def get_igroups_of(self, initiators: Collection[str]) -> list[Igroup]:
        """The initiator groups that have any of these initiators, each with all that it has."""
        if not initiators:  # an empty query would match every group
            return []
        return self._igroups({"initiators": {"initiator-info": {"initiator-name": _any_of(initiators)}}})

    def _igroups(self, query: Arguments) -> list[Igroup]:
        return self.iterate(
            "igroup-get-iter",
            "initiator-group-info",
            _igroup,
            key=("initiator-group-name",),
            query=query,
            wanted={
                "initiator-group-name": "",
                "initiator-group-type": "",
                "initiators": {"initiator-info": {"initiator-name": ""}},
            },
        )

    def create_igroup(self, igroup_name: str, igroup_type: str, os_type: str) -> bool:
        """Make an initiator group without initiators; False if there was one."""
        arguments: Arguments = {
            "initiator-group-name": igroup_name,
            "initiator-group-type": igroup_type,
            "os-type": os_type,
        }
        try:
            self.server.send_request("igroup-create", arguments)
        except Refusal as error:
            if error.code != codes.INITGROUP_EXISTS:
                raise
            return False  # also after a lost answer: another machine may have created it meanwhile
        return True

    def add_igroup_initiator(self, igroup_name: str, initiator: str) -> bool:
        """Put an initiator into a group; False if it was in it."""
        arguments: Arguments = {"initiator-group-name": igroup_name, "initiator": initiator}
        return self.unless({codes.INITGROUP_HAS_NODE}, "igroup-add", arguments)

    def remove_igroup_initiator(self, igroup_name: str, initiator: str) -> bool:
        """Take an initiator out of a group that has no maps; False if it was not in it."""
        arguments: Arguments = {"initiator-group-name": igroup_name, "initiator": initiator}
        return self.unless({codes.NODE_NOT_IN_INITGROUP}, "igroup-remove", arguments)

    def logged_in(self, initiators: Collection[str], protocol: str) -> set[str]:
        """See ``Maps``."""
        if not initiators:
            return set()
        found = self._iscsi_initiators(initiators) if protocol == "iscsi" else self._fc_initiators()
        return {*map(canonical, initiators)} & {*map(canonical, found)}

    def _iscsi_initiators(self, names: Collection[str]) -> list[str]:
        return self.iterate(
            "iscsi-initiator-get-iter",
            "iscsi-initiator-list-entry-info",
            lambda record: record.get_child_content("initiator-nodename"),
            key=(),  # an initiator has a record for each interface that it is logged in to
            query={"initiator-nodename": _any_of(names)},
            wanted={"initiator-nodename": ""},
        )

    def _fc_initiators(self) -> list[str]:
        """All logged-in initiators. A record is for an interface, not for an initiator.

        No query is used, because it is not known how a filer matches WWPNs [?], and a LUN may be taken from a node
        that is not logged in.
        """
        records = self.iterate(
            "fcp-initiator-get-iter",
            "fcp-adapter-initiators-info",
            _connected,
            key=(),
            query={},
            wanted={"fcp-connected-initiators": {"fcp-connected-initiator-info": {"port-name": ""}}},
        )
        return [name for names in records for name in names]


def _connected(record: NaElement) -> list[str]:
    # NetApp's generated libraries have the element as required; an igroup without initiators lacks its.
    connected = record.get_child_by_name("fcp-connected-initiators")
    initiators = connected.get_children() if connected is not None else ()
    return [initiator.get_child_content("port-name") for initiator in initiators]


def _any_of(initiators: Collection[str]) -> str:
    """A query for any of these names."""
    return "|".join(spellings(initiators))


def _lun_map(record: NaElement) -> LunMap:
    return LunMap(
        record.get_child_content("path"),
        record.get_child_content("lun-uuid"),
        record.get_child_content("initiator-group"),
        record.get_int("lun-id"),
    )


def _reporting_nodes(record: NaElement) -> list[str]:
    nodes = record.get_child_by_name("reporting-nodes")
    return [node.get_content() for node in nodes.get_children()] if nodes is not None else []


def _igroup(record: NaElement) -> Igroup:
    # An empty group has no initiators element at all (libstoragemgmt, Cinder).
    initiators = record.get_child_by_name("initiators")
    infos = initiators.get_children() if initiators is not None else ()
    return Igroup(
        name=record.get_child_content("initiator-group-name"),
        protocol=record.get_child_content("initiator-group-type"),
        initiators=tuple(canonical(info.get_child_content("initiator-name")) for info in infos),
    )
