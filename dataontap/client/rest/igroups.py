"""Initiator groups and their initiators over REST. A group's uuid is cached: a map's address has it."""

from __future__ import annotations

from collections.abc import Collection
from typing import Callable

from dataontap.client.array import Igroup
from dataontap.client.initiators import canonical, spellings
from dataontap.client.rest import codes
from dataontap.client.rest.api import RestServer, any_of, segment
from dataontap.client.rest.base import Memory, RestBase
from dataontap.client.rest.fields import Record, records, text
from dataontap.client.rest.recent import Recent
from dataontap.errors import NoSuchIgroup, Refusal

IGROUPS = "/protocols/san/igroups"
SESSIONS = "/protocols/san/iscsi/sessions"
LOGINS = "/network/fc/logins"


class IgroupCalls(RestBase):
    """Methods are described in ``Maps`` of ``client.array``."""

    def __init__(self, server: RestServer, memory: Memory, svm: str | None, recent: Recent) -> None:
        super().__init__(server, memory, svm, recent)
        self._igroup_uuids: dict[str, str] = {}  # as the filer has told this process

    def get_igroups(self, *names: str) -> list[Igroup]:
        """See ``Maps``."""
        if not names:
            return []
        return self._igroups({"name": any_of(names)}, lambda igroup: igroup.name in names, {*names})

    def get_igroups_of(self, initiators: Collection[str]) -> list[Igroup]:
        """See ``Maps``. ONTAP keeps IQNs in lower case; which case a query has to have is not known [?]."""
        if not initiators:
            return []
        wanted = {canonical(name) for name in initiators}
        return self._igroups(
            {"initiators.name": any_of(spellings(initiators))},
            lambda igroup: bool(wanted & {*igroup.initiators}),
            set(),
        )

    def _igroups(
        self, query: dict[str, str], is_asked: Callable[[Igroup], bool], names: Collection[str]
    ) -> list[Igroup]:
        return self.settled(
            lambda: self.iterate(
                IGROUPS,
                self._igroup,
                key=lambda igroup: (igroup.name,),
                query=query,
                fields="name,protocol,initiators.name",
                is_asked=is_asked,
            ),
            facts=lambda igroup: [
                ("igroup", igroup.name),
                *(("member", igroup.name, name) for name in igroup.initiators),
            ],
            asked=lambda fact: fact[0] in {"igroup", "member"} and fact[1] in names,
        )

    def _igroup(self, record: Record) -> Igroup:
        name = text(record, "name")
        self.learn_igroup(name, text(record, "uuid"))
        # A group without initiators has no such field. A parent's includes the initiators of the groups in it.
        initiators = tuple(canonical(text(initiator, "name")) for initiator in records(record, "initiators"))
        return Igroup(name, text(record, "protocol"), initiators)

    def create_igroup(self, igroup_name: str, igroup_type: str, os_type: str) -> bool:
        """See ``Maps``."""
        body = {"name": igroup_name, "protocol": igroup_type, "os_type": os_type}
        try:
            content = self.make(IGROUPS, body)
        except Refusal as error:
            if error.code not in codes.IGROUP_EXISTS:
                raise
            self.recent.note(("igroup", igroup_name), True)
            return False  # also after a lost answer: another machine may have created it meanwhile
        for record in records(content):
            self.learn_igroup(text(record, "name"), text(record, "uuid"))
        self.recent.note(("igroup", igroup_name), True)
        return True

    def add_igroup_initiator(self, igroup_name: str, initiator: str) -> bool:
        """See ``Maps``."""

        def add(uuid: str) -> bool:
            return self.unless(
                {codes.INITIATOR_IN_IGROUP}, "POST", f"{IGROUPS}/{segment(uuid)}/initiators", {"name": initiator}
            )

        was_added = self.in_igroup(igroup_name, add)
        self.recent.note(("member", igroup_name, canonical(initiator)), True)
        return was_added

    def remove_igroup_initiator(self, igroup_name: str, initiator: str) -> bool:
        """See ``Maps``. The filer refuses it for a group that has maps."""

        def remove(uuid: str) -> bool:
            path = f"{IGROUPS}/{segment(uuid)}/initiators/{segment(canonical(initiator))}"
            return self.unless({codes.INITIATOR_NOT_IN_IGROUP, *codes.NOT_FOUND}, "DELETE", path)

        was_removed = self.in_igroup(igroup_name, remove)
        self.recent.note(("member", igroup_name, canonical(initiator)), False)
        return was_removed

    def logged_in(self, initiators: Collection[str], protocol: str) -> set[str]:
        """See ``Maps``."""
        if not initiators:
            return set()
        wanted = {canonical(name) for name in initiators}
        if protocol == "iscsi":
            path, name, query = SESSIONS, "initiator.name", {"initiator.name": any_of(spellings(initiators))}
        else:  # in which case a query has to write WWPNs is not known [?]
            path, name, query = LOGINS, "initiator.wwpn", {"protocol": "fcp"}
        found = self.iterate(
            path,
            lambda record: canonical(text(record, name)),
            key=lambda initiator: (),  # an initiator has a record for each interface that it is logged in to
            query=query,
            fields=name,
            is_asked=lambda initiator: True,
        )
        return wanted & {*found}

    def unless(
        self,
        expected: Collection[str],
        method: str,
        path: str,
        body: Record | None = None,
        *,
        once: bool = False,
    ) -> bool:
        """Send a change; returns False instead of an error if the filer refuses it with an ``expected`` code.

        Returns True if a retry after a lost answer gets such a code, because then the first request was done.
        """
        try:
            self.server.send(method, path, None, body, once=once)
        except Refusal as error:
            if error.code not in expected:
                raise
            return error.after_lost_answer
        return True

    def learn_igroup(self, name: str, uuid: str) -> None:
        """Note an igroup's uuid, which the filer has just told."""
        if not uuid:
            return
        self._igroup_uuids[name] = uuid
        memory = self.memory.igroup_uuid(name)
        if memory.get() != uuid:
            memory.put(uuid)

    def in_igroup(self, name: str, change: Callable[[str], bool]) -> bool:
        """The result of ``change`` with the igroup's uuid. NoSuchIgroup if there is no such igroup.

        The cached uuid may be that of an igroup that was removed and created anew. So its "nothing to do" is not
        believed before the filer confirms the uuid.
        """
        told = self._igroup_uuids.pop(name, "")
        known = told or self.memory.igroup_uuid(name).get()
        absent: NoSuchIgroup | None = None
        if known:
            try:
                is_done = change(known)
            except NoSuchIgroup as error:
                absent = error
            else:
                if is_done or told:
                    self._igroup_uuids[name] = known
                    return is_done
        self.get_igroups(name)
        uuid = self._igroup_uuids.get(name)
        if not uuid:
            self.memory.igroup_uuid(name).drop()
            raise absent or NoSuchIgroup(f"there is no igroup {name}", call="GET igroups")
        if uuid != known:
            return change(uuid)
        if absent:
            raise absent
        return False
