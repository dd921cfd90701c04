"""Clustered ONTAP over ZAPI: queries through iterators, clones inside one volume."""

from __future__ import annotations

from collections.abc import Collection, Iterator

from dataontap.client import codes
from dataontap.client.api import Arguments, NaApiError, NaElement
from dataontap.client.client_base import BaseClient, Igroup, IscsiPortal, Lun, LunMap, Pool
from dataontap.errors import OntapError

# Cinder asks for as many; the filer sends fewer if it likes and says where to go on.
_PAGE = 100

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

    def get_lun_by_args(self, **args: str) -> list[Lun]:
        """The LUNs whose fields match ``args``, e.g. ``path="/vol/vol1/a"``; ``*`` and ``|`` work as in ONTAP."""
        records = self._iterate(
            "lun-get-iter", "lun-info", query=dict(args), wanted=dict.fromkeys(_LUN_FIELDS, "")
        )
        return [_lun(record) for record in records]

    def get_lun_map(self, path: str) -> list[LunMap]:
        """Where a LUN is mapped; nothing for an unmapped or absent one."""
        return self._maps({"path": path})

    def get_igroup_maps(self, igroup_name: str) -> list[LunMap]:
        """All that is mapped to a group."""
        return self._maps({"initiator-group": igroup_name})

    def _maps(self, query: Arguments) -> list[LunMap]:
        wanted = dict.fromkeys(("path", "lun-uuid", "initiator-group", "lun-id"), "")
        records = self._iterate("lun-map-get-iter", "lun-map-info", query=query, wanted=wanted)
        return [
            LunMap(
                record.get_child_content("path"),
                record.get_child_content("lun-uuid"),
                record.get_child_content("initiator-group"),
                record.get_int("lun-id"),
            )
            for record in records
        ]

    def get_iscsi_service_details(self) -> str | None:
        """The name of the SVM's iSCSI target; None where it has no iSCSI service."""
        records = self._iterate("iscsi-service-get-iter", "iscsi-service-info", query={}, wanted={"node-name": ""})
        return next((record.get_child_content("node-name") for record in records), None)

    def get_iscsi_target_details(self) -> list[IscsiPortal]:
        """The SVM's interfaces that serve iSCSI, the disabled ones among them."""
        names = ("ip-address", "ip-port", "tpgroup-tag", "is-interface-enabled")
        records = self._iterate(
            "iscsi-interface-get-iter",
            "iscsi-interface-list-entry-info",
            query={},
            wanted=dict.fromkeys(names, ""),
        )
        return [
            IscsiPortal(
                record.get_child_content("ip-address"),
                record.get_int("ip-port"),
                record.get_int("tpgroup-tag"),
                _is_true(record, "is-interface-enabled"),
            )
            for record in records
        ]

    def get_admin_vservers(self) -> list[str]:
        """The names of the cluster's own vservers, which only an account of the cluster sees."""
        records = self._iterate(
            "vserver-get-iter", "vserver-info", query={"vserver-type": "admin"}, wanted={"vserver-name": ""}
        )
        return [record.get_child_content("vserver-name") for record in records]

    def get_capabilities(self) -> frozenset[str] | None:
        """The calls that our account may make, or None if the filer is too old to tell.

        Asked untunnelled, as Cinder does: the rights are the account's, whichever SVM it works on.
        """
        try:
            records = list(
                self._iterate(
                    "system-user-capability-get-iter",
                    "capability-info",
                    query={},
                    wanted={"operation-list": {"operation-info": {"api-name": ""}}},
                    tunnelled=False,
                )
            )
        except NaApiError as error:
            if error.code != codes.EAPINOTFOUND:
                raise
            return None
        listed = [
            name
            for record in records
            for operations in record.get_children()
            for operation in operations.get_children()
            for name in operation.get_child_content("api-name").split(",")
        ]
        return frozenset(name.strip() for name in listed)

    def get_igroups(self, name: str) -> list[Igroup]:
        """The initiator groups that match ``name``."""
        return self._igroups({"initiator-group-name": name})

    def get_igroups_of(self, initiators: Collection[str]) -> list[Igroup]:
        """The initiator groups that have any of these initiators, each with all that it has."""
        if not initiators:  # an empty query would match every group
            return []
        return self._igroups({"initiators": {"initiator-info": {"initiator-name": _any_of(initiators)}}})

    def _igroups(self, query: Arguments) -> list[Igroup]:
        wanted: Arguments = {
            "initiator-group-name": "",
            "initiator-group-type": "",
            "initiators": {"initiator-info": {"initiator-name": ""}},
        }
        records = self._iterate("igroup-get-iter", "initiator-group-info", query=query, wanted=wanted)
        return [_igroup(record) for record in records]

    def get_pools(self, names: list[str]) -> list[Pool]:
        """Those of the SVM's volumes that have one of these names."""
        wanted: Arguments = {
            "volume-id-attributes": {"name": "", "type": ""},
            "volume-clone-attributes": {"volume-clone-parent-attributes": {"name": ""}},
        }
        records = self._iterate(
            "volume-get-iter",
            "volume-attributes",
            query={"volume-id-attributes": {"name": "|".join(names)}},
            wanted=wanted,
        )
        return [_pool(record) for record in records]

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
        self, api: str, record: str, *, query: Arguments, wanted: Arguments, tunnelled: bool = True
    ) -> Iterator[NaElement]:
        """All records, page after page. ``wanted`` keeps answers small: values in it do not matter."""
        tag: str | None = None
        while True:
            results = self.server.send_request(
                api,
                {
                    "max-records": _PAGE,
                    "query": {record: query} if query else None,
                    "desired-attributes": {record: wanted},
                    "tag": tag,
                },
                enable_tunneling=tunnelled,
            )
            # Without a match there is no attributes-list at all, but the number always is: an answer that lost its
            # content on the way must not be taken for "there is no such LUN".
            found = results.get_child_by_name("attributes-list")
            records = [] if found is None else list(found.get_children())
            announced = results.get_child_content("num-records")
            if announced != str(len(records)):
                announced = announced or "no number of"
                raise OntapError(f"the answer to {api} announces {announced} records and has {len(records)}")
            yield from records
            tag = results.get_child_content("next-tag") or None
            if tag is None:
                return

    def logged_in(self, initiators: Collection[str], protocol: str) -> set[str]:
        """Which of these initiators are logged in to the SVM now, in lower case. ``protocol`` is iscsi or fc."""
        if not initiators:
            return set()
        found = self._iscsi_initiators(initiators) if protocol == "iscsi" else self._fc_initiators()
        return {name.lower() for name in initiators} & {name.lower() for name in found}

    def _iscsi_initiators(self, names: Collection[str]) -> Iterator[str]:
        records = self._iterate(
            "iscsi-initiator-get-iter",
            "iscsi-initiator-list-entry-info",
            query={"initiator-nodename": _any_of(names)},
            wanted={"initiator-nodename": ""},
        )
        return (record.get_child_content("initiator-nodename") for record in records)

    def _fc_initiators(self) -> Iterator[str]:
        """All that are logged in: a record is an interface's, not an initiator's.

        Nothing here depends on how a filer matches WWPNs in a query [?], because a LUN may be taken from a node
        that is not logged in.
        """
        wanted: Arguments = {"fcp-connected-initiators": {"fcp-connected-initiator-info": {"port-name": ""}}}
        records = self._iterate("fcp-initiator-get-iter", "fcp-adapter-initiators-info", query={}, wanted=wanted)
        for record in records:
            # NetApp's generated libraries have the element as required; an igroup without initiators lacks its.
            connected = record.get_child_by_name("fcp-connected-initiators")
            for initiator in connected.get_children() if connected is not None else ():
                yield initiator.get_child_content("port-name")


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
        created=record.get_int("creation-timestamp"),
    )


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
        writable=identity is not None and identity.get_child_content("type", "rw") == "rw",
        is_clone=clone is not None and clone.get_child_by_name("volume-clone-parent-attributes") is not None,
    )


def _is_true(record: NaElement, name: str) -> bool:
    return record.get_child_content(name).lower() == "true"
