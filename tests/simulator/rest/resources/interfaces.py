"""Interfaces: those with addresses, and those with world-wide port names."""

from __future__ import annotations

import ipaddress
import uuid
from collections.abc import Iterator
from dataclasses import replace

from tests.simulator.filer import Filer
from tests.simulator.identity import wwpn
from tests.simulator.interfaces import address, is_up, port_of, remove, wwpn_of
from tests.simulator.model import Interface
from tests.simulator.rest.call import Call
from tests.simulator.rest.codes import FC_INTERFACE_ENABLED, Problem
from tests.simulator.rest.fields import Document, Schema
from tests.simulator.rest.resource import Resource, Row
from tests.simulator.rest.resources import management
from tests.simulator.rest.resources.common import node, node_uuid, svm

PLACES = " ".join(
    f"location.{side}node.name location.{side}node.uuid location.{side}port.name location.{side}port.uuid"
    f" location.{side}port.node.name"
    for side in ("", "home_")
)
IP = Schema(
    "uuid",
    "name",
    "enabled:b ip.address ip.family ip.netmask ipspace.name ipspace.uuid location.auto_revert:b location.failover"
    f" location.is_home:b {PLACES} scope service_policy.name service_policy.uuid services[] state"
    f" svm.name svm.uuid"
    " vip:b subnet.name ddns_enabled:b probe_port:n",
    "metric:* statistics:*",
)
FC = Schema(
    "uuid",
    "name",
    f"comment data_protocol enabled:b location.is_home:b {PLACES} port_address state svm.name svm.uuid wwnn wwpn",
    "metric:* statistics:*",
)


def uuid_of(filer: Filer, interface: Interface) -> str:
    """An interface's uuid."""
    return str(uuid.uuid5(uuid.UUID(filer.vservers[interface.vserver,].uuid), interface.name))


def _interfaces(call: Call, protocol: str) -> Iterator[Interface]:
    svms = call.narrowed() if call.filer.kind.has_san else []
    for found in call.filer.state.interfaces.values():
        if found.vserver in svms and found.protocol == protocol:
            yield found


def _common(filer: Filer, found: Interface) -> Document:
    place = node(filer, found.node)
    port = {"name": port_of(found), "node": {"name": found.node}}
    port["uuid"] = str(uuid.uuid5(uuid.UUID(node_uuid(filer, found.node)), port_of(found)))
    return {
        "uuid": uuid_of(filer, found),
        "name": found.name,
        "enabled": found.is_up,
        "location": {"is_home": True, "node": place, "home_node": place, "port": port, "home_port": port},
        "state": "up" if is_up(filer, found) else "down",
        "svm": svm(filer, found.vserver),
    }


def _ip(call: Call) -> Iterator[Row]:
    for found in _interfaces(call, "iscsi"):
        document = _common(call.filer, found)
        where = ipaddress.ip_address(address(call.filer, found))
        document["location"] |= {"auto_revert": False, "failover": "disabled"}
        yield Row(
            {
                **document,
                "ip": {
                    "address": str(where),
                    "family": f"ipv{where.version}",
                    "netmask": str(found.netmask_length),
                },
                "ipspace": {"name": "Default"},
                "scope": "svm",
                "service_policy": {"name": "default-data-blocks"},
                "services": ["data_core", "data_iscsi"],
                "vip": False,
            },
            found,
        )
    for document in management.interfaces(call):
        yield Row(document)


def _fc(call: Call) -> Iterator[Row]:
    for found in _interfaces(call, "fcp"):
        number = call.filer.vservers[found.vserver,].number
        yield Row(
            {
                **_common(call.filer, found),
                "data_protocol": "fcp",
                "port_address": f"{number:x}{found.number:04x}",
                "wwnn": wwpn(number, 0),
                "wwpn": wwpn_of(call.filer, found),
            },
            found,
        )


def _change_fc(call: Call, row: Row) -> None:
    found: Interface = row.record
    call.filer.state.commit(replace(found, is_up=call.body.flag("enabled", found.is_up)))


def _remove_fc(call: Call, row: Row) -> None:
    found: Interface = row.record
    if found.is_up:
        raise Problem(FC_INTERFACE_ENABLED, "The FC interface could not be deleted because it is enabled.")
    remove(call.filer, found)


RESOURCES = (
    Resource("/network/ip/interfaces", IP, _ip),
    Resource(
        "/network/fc/interfaces",
        FC,
        _fc,
        change=_change_fc,
        remove=_remove_fc,
        patchable=frozenset(["enabled"]),
    ),
)
