"""Initiators that are logged in, over iSCSI and over Fibre Channel."""

from __future__ import annotations

from collections.abc import Iterator

from tests.simulator.api.igroup import IQN
from tests.simulator.identity import PORTAL_GROUP
from tests.simulator.interfaces import address, is_up, wwpn_of
from tests.simulator.model import Interface, Session
from tests.simulator.rest.call import Call
from tests.simulator.rest.fields import Document, Schema
from tests.simulator.rest.resource import Resource, Row
from tests.simulator.rest.resources.common import igroup, svm
from tests.simulator.rest.resources.interfaces import uuid_of

ISCSI = Schema(
    "svm.uuid target_portal_group tsih:n",
    "svm.name",
    "connections[].authentication_type connections[].cid:n connections[].initiator_address.address"
    " connections[].initiator_address.port:n connections[].interface.ip.address connections[].interface.ip.port:n"
    " connections[].interface.name connections[].interface.uuid igroups[].name igroups[].uuid initiator.alias"
    " initiator.comment initiator.name isid target_portal_group_tag:n",
)
FC = Schema(
    "interface.uuid initiator.wwpn",
    "interface.name svm.name svm.uuid",
    "igroups[].name igroups[].uuid initiator.wwnn initiator.port_address initiator.comment"
    " interface.wwpn protocol",
)


def _sessions(call: Call, *, iscsi: bool) -> Iterator[tuple[Session, Interface]]:
    """Those whose service runs and whose interface is up."""
    svms = call.narrowed()
    for _, session in sorted(call.filer.state.sessions.items()):
        interface = call.filer.state.interfaces[session.vserver, session.interface]
        is_served = (
            is_up(call.filer, interface)
            and interface.protocol not in call.filer.vservers[session.vserver,].stopped
        )
        if session.vserver in svms and is_served and bool(IQN.fullmatch(session.initiator)) == iscsi:
            yield session, interface


def _igroups(call: Call, session: Session) -> list[Document] | None:
    found = [
        igroup(each)
        for each in call.filer.igroups.values()
        if each.vserver == session.vserver and session.initiator in each.initiators
    ]
    return found or None


def _iscsi(call: Call) -> Iterator[Row]:
    for number, (session, interface) in enumerate(_sessions(call, iscsi=True), start=1):
        connection = {
            "authentication_type": "none",
            "cid": 0,
            "interface": {
                "name": interface.name,
                "uuid": uuid_of(call.filer, interface),
                "ip": {"address": address(call.filer, interface), "port": 3260},
            },
        }
        yield Row(
            {
                "svm": svm(call.filer, session.vserver),
                "target_portal_group": interface.name,
                "target_portal_group_tag": PORTAL_GROUP + interface.number,
                "tsih": number,
                "isid": f"00:02:3d:{number >> 16 & 255:02x}:{number >> 8 & 255:02x}:{number & 255:02x}",
                "initiator": {"name": session.initiator},
                "igroups": _igroups(call, session),
                "connections": [connection],
            },
            session,
        )


def _fc(call: Call) -> Iterator[Row]:
    for session, interface in _sessions(call, iscsi=False):
        where = {
            "name": interface.name,
            "uuid": uuid_of(call.filer, interface),
            "wwpn": wwpn_of(call.filer, interface),
        }
        yield Row(
            {
                "svm": svm(call.filer, session.vserver),
                "interface": where,
                "initiator": {"wwpn": session.initiator, "port_address": "10100"},
                "igroups": _igroups(call, session),
                "protocol": "fcp",
            },
            session,
        )


RESOURCES = (Resource("/protocols/san/iscsi/sessions", ISCSI, _iscsi), Resource("/network/fc/logins", FC, _fc))
