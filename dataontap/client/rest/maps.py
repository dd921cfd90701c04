"""Maps over REST."""

from __future__ import annotations

from typing import Callable

from dataontap.client.array import LunMap, LunRef
from dataontap.client.rest import codes
from dataontap.client.rest.api import any_of, literal, segment
from dataontap.client.rest.fields import Record, number, records, text
from dataontap.client.rest.igroups import IgroupCalls
from dataontap.client.rest.luns import LunCalls
from dataontap.client.rest.recent import DOUBT_SECONDS, Fact
from dataontap.errors import LunIdTaken, NoSuchIgroup, NoSuchLun, NotAllowed, Refusal, TransportError

MAPS = "/protocols/san/lun-maps"


class MapCalls(LunCalls, IgroupCalls):
    """Methods are described in ``Maps`` of ``client.array``."""

    def get_lun_map(self, *luns: LunRef) -> list[LunMap]:
        """See ``Maps``."""
        paths = {lun.path for lun in luns}
        if not paths:
            return []
        return self._maps(
            {"lun.name": any_of(sorted(paths))}, lambda one: one.path in paths, lambda fact: fact[1] in paths
        )

    def get_igroup_maps(self, igroup_name: str) -> list[LunMap]:
        """See ``Maps``."""
        return self._maps(
            {"igroup.name": literal(igroup_name)},
            lambda one: one.igroup == igroup_name,
            lambda fact: fact[2] == igroup_name,
        )

    def get_reporting_nodes(self, igroup_name: str, *luns: LunRef) -> dict[str, list[str]] | None:
        """See ``Maps``. Filers before 9.10.1 do not know the field."""
        paths = {lun.path for lun in luns}
        only = {"lun.name": any_of(sorted(paths))} if paths else {}
        try:
            reported = self.iterate(
                MAPS,
                lambda record: (text(record, "lun.name"), text(record, "igroup.name"), record),
                key=lambda row: row[:2],
                query={"igroup.name": literal(igroup_name), **only},
                fields="lun.name,igroup.name,reporting_nodes.name",
                is_asked=lambda row: row[1] == igroup_name and (not paths or row[0] in paths),
            )
        except Refusal as error:
            if error.code != codes.UNKNOWN_FIELD:
                raise
            return None
        return {
            path: [text(node, "name") for node in records(record, "reporting_nodes")]
            for path, _, record in reported
        }

    def _maps(
        self, query: dict[str, str], is_asked: Callable[[LunMap], bool], is_about: Callable[[Fact], bool]
    ) -> list[LunMap]:
        return self.settled(
            lambda: self.iterate(
                MAPS,
                self._map,
                key=lambda one: (one.path, one.igroup),
                query=query,
                fields="lun.name,lun.uuid,igroup.name,igroup.uuid,logical_unit_number",
                is_asked=is_asked,
            ),
            facts=lambda one: [("map", one.path, one.igroup)],
            asked=lambda fact: fact[0] == "map" and is_about(fact),
        )

    def _map(self, record: Record) -> LunMap:
        path, uuid = text(record, "lun.name"), text(record, "lun.uuid")
        igroup = text(record, "igroup.name")
        self.learn(path, uuid)
        self.learn_igroup(igroup, text(record, "igroup.uuid"))
        return LunMap(path, uuid, igroup, number(record, "logical_unit_number"))

    def map_lun(self, lun: LunRef, igroup_name: str, lun_id: int, *, once: bool = False) -> bool:
        """See ``Maps``."""
        uuid = self.known_uuid(lun)
        body = {
            "lun": {"uuid": uuid} if uuid else {"name": lun.path},
            "igroup": {"name": igroup_name},
            "logical_unit_number": lun_id,
        }
        fact = ("map", lun.path, igroup_name)
        try:
            content = self.make(MAPS, body, once=once)
        except TransportError as error:
            if error.sent:
                self.recent.note(fact, True, DOUBT_SECONDS)
            raise
        except NoSuchLun as error:
            error.transient |= self.recent.is_made(("lun", lun.path))
            raise
        except Refusal as error:
            if error.code != codes.MAP_EXISTS:
                raise
            self.recent.note(fact, True)
            return error.after_lost_answer
        for record in records(content):
            self.learn_igroup(igroup_name, text(record, "igroup.uuid"))
        self.recent.note(fact, True)
        return True

    def explain_map(self, lun: LunRef, igroup_name: str, lun_id: int, error: Refusal) -> Refusal | None:
        """See ``Maps``. No source has the codes for an id that is taken, and for a LUN that is seen twice.

        So the maps tell.
        """
        if error.transient or isinstance(error, (NoSuchLun, NoSuchIgroup, NotAllowed)):
            return error
        if any(one.igroup == igroup_name for one in self.get_lun_map(lun)):
            return None
        if any(one.lun_id == lun_id for one in self.get_igroup_maps(igroup_name)):
            return LunIdTaken(str(error), call=error.call, code=error.code)
        return error

    def unmap_lun(self, lun: LunRef, igroup_name: str, *, once: bool = False) -> bool:
        """See ``Maps``."""
        lun_uuid = self.existing_uuid(lun)

        def unmap(uuid: str) -> bool:
            path = f"{MAPS}/{segment(lun_uuid)}/{segment(uuid)}"
            return self.unless({codes.MAP_NOT_FOUND, *codes.NOT_FOUND}, "DELETE", path, once=once)

        was_mapped = self.in_igroup(igroup_name, unmap)
        self.recent.note(("map", lun.path, igroup_name), False)
        return was_mapped
