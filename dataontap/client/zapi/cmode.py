"""Clustered ONTAP over ZAPI: queries through iterators, clones inside one volume."""

from __future__ import annotations

from collections.abc import Collection
from typing import Callable, TypeVar

from dataontap.client.zapi import codes
from dataontap.client.zapi.api import Arguments, NaApiError, NaElement
from dataontap.client.zapi.base import BaseClient, Found, Igroup, IscsiPortal, Lun, LunMap, Pool
from dataontap.client.zapi.listing import Question, complete, listed

T = TypeVar("T")

_LUN_FIELDS = (
    "path",
    "size",
    "serial-number",
    "uuid",
    "comment",
    "is-space-reservation-enabled",
    "online",
    "mapped",
    "creation-timestamp",
)


class CmodeClient(BaseClient):
    """A filer's SVM (vserver)."""

    def get_lun_by_args(self, **args: str) -> Found[Lun]:
        """The LUNs whose fields match ``args``, e.g. ``path="/vol/vol1/a"``; ``*`` and ``|`` work as in ONTAP.

        The one list that may lack something: a caller who must know that a LUN is not there looks at its problems.
        """
        return self._iterate(
            "lun-get-iter",
            "lun-info",
            _lun,
            key=("path",),
            query=dict(args),
            wanted=dict.fromkeys(_LUN_FIELDS, ""),
            may_be_partial=True,
        )

    def get_lun_map(self, path: str) -> list[LunMap]:
        """Where a LUN is mapped; nothing for an unmapped or absent one."""
        return self._maps({"path": path})

    def get_igroup_maps(self, igroup_name: str) -> list[LunMap]:
        """All that is mapped to a group."""
        return self._maps({"initiator-group": igroup_name})

    def _maps(self, query: Arguments) -> list[LunMap]:
        return self._iterate(
            "lun-map-get-iter",
            "lun-map-info",
            _lun_map,
            key=("path", "initiator-group"),
            query=query,
            wanted=dict.fromkeys(("path", "lun-uuid", "initiator-group", "lun-id"), ""),
        )

    def get_iscsi_service_details(self) -> str | None:
        """The name of the SVM's iSCSI target; None where it has no iSCSI service."""
        names = self._iterate(
            "iscsi-service-get-iter",
            "iscsi-service-info",
            lambda record: record.get_child_content("node-name"),
            key=("node-name",),
            query={},
            wanted={"node-name": ""},
        )
        return next(iter(names), None)

    def get_iscsi_target_details(self) -> list[IscsiPortal]:
        """The SVM's interfaces that serve iSCSI, the disabled ones among them; 0 where a number is missing."""
        names = ("ip-address", "ip-port", "tpgroup-tag", "is-interface-enabled")
        return self._iterate(
            "iscsi-interface-get-iter",
            "iscsi-interface-list-entry-info",
            _portal,
            key=(),
            query={},
            wanted=dict.fromkeys(names, ""),
        )

    def get_admin_vservers(self) -> list[str]:
        """The names of the cluster's own vservers, which only an account of the cluster sees."""
        return self._iterate(
            "vserver-get-iter",
            "vserver-info",
            lambda record: record.get_child_content("vserver-name"),
            key=("vserver-name", "vserver-type"),
            query={"vserver-type": "admin"},
            wanted={"vserver-name": "", "vserver-type": ""},
        )

    def get_capabilities(self) -> frozenset[str] | None:
        """The calls that our account may make, or None if the filer is too old to tell.

        Asked untunnelled, as Cinder does: the rights are the account's, whichever SVM it works on.
        """
        try:
            granted = self._iterate(
                "system-user-capability-get-iter",
                "capability-info",
                _api_names,
                key=(),
                query={},
                wanted={"operation-list": {"operation-info": {"api-name": ""}}},
                tunnelled=False,
            )
        except NaApiError as error:
            if error.code != codes.EAPINOTFOUND:
                raise
            return None
        return frozenset[str]().union(*granted)

    def get_igroups(self, name: str) -> list[Igroup]:
        """The initiator groups that match ``name``."""
        return self._igroups({"initiator-group-name": name})

    def get_igroups_of(self, initiators: Collection[str]) -> list[Igroup]:
        """The initiator groups that have any of these initiators, each with all that it has."""
        if not initiators:  # an empty query would match every group
            return []
        return self._igroups({"initiators": {"initiator-info": {"initiator-name": _any_of(initiators)}}})

    def _igroups(self, query: Arguments) -> list[Igroup]:
        return self._iterate(
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

    def get_pools(self, names: list[str]) -> list[Pool]:
        """Those of the SVM's volumes that have one of these names."""
        return self._iterate(
            "volume-get-iter",
            "volume-attributes",
            _pool,
            key=("volume-id-attributes/name",),
            query={"volume-id-attributes": {"name": "|".join(names)}},
            wanted={
                "volume-id-attributes": {"name": "", "type": ""},
                "volume-state-attributes": {"state": ""},
                "volume-space-attributes": {"size-available": "", "size-total": ""},
                "volume-autosize-attributes": {"is-enabled": ""},
                "volume-clone-attributes": {"volume-clone-parent-attributes": {"name": ""}},
            },
        )

    def clone_lun(self, volume: str, name: str, new_name: str, *, space_reserved: bool) -> None:
        """Clone a LUN inside ``volume``, at once; both names are paths below it, a qtree included."""
        self.server.send_request(
            "clone-create",
            {
                "volume": volume,
                "source-path": name,
                "destination-path": new_name,
                "space-reserve": space_reserved,
            },
            repeatable=False,
        )

    def _iterate(
        self,
        api: str,
        record: str,
        read: Callable[[NaElement], T],
        *,
        key: tuple[str, ...],
        query: Arguments,
        wanted: Arguments,
        tunnelled: bool = True,
        may_be_partial: bool = False,
    ) -> Found[T]:
        """All records, as ``read`` makes them; see ``listing.Question`` for the other arguments.

        Raises OntapError for an answer that lacks a volume with which the question is concerned, unless it
        ``may_be_partial``.
        """

        def ask(arguments: Arguments) -> NaElement:
            return self.server.send_request(api, arguments, enable_tunneling=tunnelled)

        found = listed(Question(api, record, key, query, wanted), ask, read)
        return found if may_be_partial else complete(found)

    def logged_in(self, initiators: Collection[str], protocol: str) -> set[str]:
        """Which of these initiators are logged in to the SVM now, in lower case. ``protocol`` is iscsi or fc."""
        if not initiators:
            return set()
        found = self._iscsi_initiators(initiators) if protocol == "iscsi" else self._fc_initiators()
        return {name.lower() for name in initiators} & {name.lower() for name in found}

    def _iscsi_initiators(self, names: Collection[str]) -> list[str]:
        return self._iterate(
            "iscsi-initiator-get-iter",
            "iscsi-initiator-list-entry-info",
            lambda record: record.get_child_content("initiator-nodename"),
            key=(),  # one for each interface that an initiator is logged in to
            query={"initiator-nodename": _any_of(names)},
            wanted={"initiator-nodename": ""},
        )

    def _fc_initiators(self) -> list[str]:
        """All that are logged in: a record is an interface's, not an initiator's.

        Nothing here depends on how a filer matches WWPNs in a query [?], because a LUN may be taken from a node
        that is not logged in.
        """
        records = self._iterate(
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
    """A query for any of these names, as given and in lower case: a filer may tell these apart [?]."""
    return "|".join(sorted({*initiators, *(name.lower() for name in initiators)}))


def _lun(record: NaElement) -> Lun:
    return Lun(
        path=record.get_child_content("path"),
        size=record.get_int("size"),
        serial=record.get_child_content("serial-number"),
        uuid=record.get_child_content("uuid"),
        comment=record.get_child_content("comment"),
        space_reserved=_is_true(record, "is-space-reservation-enabled"),
        online=_is_true(record, "online"),
        mapped=_is_true(record, "mapped"),
        created=_number(record, "creation-timestamp"),
    )


def _lun_map(record: NaElement) -> LunMap:
    return LunMap(
        record.get_child_content("path"),
        record.get_child_content("lun-uuid"),
        record.get_child_content("initiator-group"),
        record.get_int("lun-id"),
    )


def _portal(record: NaElement) -> IscsiPortal:
    return IscsiPortal(
        record.get_child_content("ip-address"),
        _number(record, "ip-port"),
        _number(record, "tpgroup-tag"),
        _is_true(record, "is-interface-enabled"),
    )


def _api_names(record: NaElement) -> set[str]:
    """The calls that a capability lists, several to an operation."""
    return {
        name.strip()
        for operations in record.get_children()
        for operation in operations.get_children()
        for name in operation.get_child_content("api-name").split(",")
    }


def _igroup(record: NaElement) -> Igroup:
    # An empty group has no initiators element at all (libstoragemgmt, Cinder).
    initiators = record.get_child_by_name("initiators")
    infos = initiators.get_children() if initiators is not None else ()
    return Igroup(
        name=record.get_child_content("initiator-group-name"),
        protocol=record.get_child_content("initiator-group-type"),
        initiators=tuple(info.get_child_content("initiator-name") for info in infos),
    )


def _pool(record: NaElement) -> Pool:
    identity = record.get_child_by_name("volume-id-attributes")
    clone = record.get_child_by_name("volume-clone-attributes")
    return Pool(
        name=identity.get_child_content("name") if identity is not None else "",
        type=identity.get_child_content("type", "rw") if identity is not None else "",
        is_clone=clone is not None and clone.get_child_by_name("volume-clone-parent-attributes") is not None,
        state=_inner(record, "volume-state-attributes", "state"),
        size=_optional(_inner(record, "volume-space-attributes", "size-total")),
        available=_optional(_inner(record, "volume-space-attributes", "size-available")),
        grows=_inner(record, "volume-autosize-attributes", "is-enabled").lower() == "true",
    )


def _number(record: NaElement, name: str) -> int:
    """A number that one record may lack without making the others useless; 0 then."""
    text = record.get_child_content(name)
    return int(text) if text.isdecimal() and text.isascii() else 0


def _inner(record: NaElement, group: str, name: str) -> str:
    """A volume's attribute; "" where the filer leaves it out, as of a volume that is offline."""
    attributes = record.get_child_by_name(group)
    return attributes.get_child_content(name, "") if attributes is not None else ""


def _optional(text: str) -> int | None:
    return int(text) if text.isascii() and text.isdecimal() else None


def _is_true(record: NaElement, name: str) -> bool:
    return record.get_child_content(name).lower() == "true"
