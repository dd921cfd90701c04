"""Portsets: the interfaces by which an igroup's initiators may see its LUNs, and igroups bound to them."""

from __future__ import annotations

from dataclasses import replace

from tests.simulator.api.igroup import PROTOCOLS
from tests.simulator.call import Call, api
from tests.simulator.documents import Tree
from tests.simulator.errnos import (
    IGROUP_ALREADY_BOUND,
    IGROUP_NOT_BOUND,
    NO_SUCH_PORTSET,
    PORTSET_EXISTS,
    PORTSET_HAS_PORT,
    PORTSET_IS_BOUND,
    PORTSET_IS_EMPTY,
    PORTSET_NO_SUCH_PORT,
    Refusal,
)
from tests.simulator.iterator import ITERATOR, trees
from tests.simulator.model import Portset


def find_portset(call: Call, name: str) -> Portset:
    """The portset of that name."""
    portset = call.filer.state.portsets.get((call.vserver, name))
    if portset is None:
        raise Refusal(NO_SUCH_PORTSET, f"No such portset: {name}")
    return portset


def _bound(call: Call, portset: Portset) -> bool:
    groups = call.filer.igroups.values()
    return any((each.vserver, each.portset) == portset.key for each in groups)


@api("portset-create", "portset-name", "portset-type")
def portset_create(call: Call) -> Tree:
    """A new portset without ports."""
    name = call.text("portset-name")
    protocol = call.choice("portset-type", PROTOCOLS, "")
    if (call.vserver, name) in call.filer.state.portsets:
        raise Refusal(PORTSET_EXISTS, f"Portset already exists: {name}")
    uuid, _, counted = call.filer.identity()
    call.filer.state.commit(Portset(call.vserver, name, uuid, protocol), counted)
    return {}


@api("portset-destroy", "portset-name", optional=("force",))
def portset_destroy(call: Call) -> Tree:
    """Gone; one that igroups are bound to by force only, which unbinds them."""
    portset = find_portset(call, call.text("portset-name"))
    if _bound(call, portset) and not call.flag("force"):
        raise Refusal(PORTSET_IS_BOUND, "Initiator groups are bound to this portset")
    groups = [each for each in call.filer.igroups.values() if (each.vserver, each.portset) == portset.key]
    call.filer.state.commit(*(replace(each, portset="") for each in groups), gone=[portset])
    return {}


@api("portset-add", "portset-name", "portset-port-name")
def portset_add(call: Call) -> Tree:
    """One interface more."""
    portset, port = find_portset(call, call.text("portset-name")), call.text("portset-port-name")
    if (call.vserver, port) not in call.filer.state.interfaces:
        raise Refusal(PORTSET_NO_SUCH_PORT, f"No such port: {port}")
    if port in portset.ports:
        raise Refusal(PORTSET_HAS_PORT, f"Port is in the portset already: {port}")
    call.filer.state.commit(replace(portset, ports=(*portset.ports, port)))
    return {}


@api("portset-remove", "portset-name", "portset-port-name", optional=("force",))
def portset_remove(call: Call) -> Tree:
    """One interface less."""
    portset, port = find_portset(call, call.text("portset-name")), call.text("portset-port-name")
    call.flag("force")
    if port not in portset.ports:
        raise Refusal(PORTSET_NO_SUCH_PORT, f"No such port: {port}")
    call.filer.state.commit(replace(portset, ports=tuple(each for each in portset.ports if each != port)))
    return {}


PORTSETS = trees("portset-info", ("vserver", "portset-name"))


@api("portset-get-iter", optional=ITERATOR, tunnelled=False)
def portset_get_iter(call: Call) -> Tree:
    """Portsets with their interfaces."""
    return PORTSETS.answer(
        call,
        {
            portset.key: {
                "portset-name": portset.name,
                "portset-port-info": [{"portset-port-name": port} for port in portset.ports],
                "portset-port-total": len(portset.ports),
                "portset-type": portset.protocol,
                "portset-uuid": portset.uuid,
                "vserver": portset.vserver,
            }
            for portset in call.filer.state.portsets.values()
            if call.scope in {None, portset.vserver}
        },
    )


@api("igroup-bind-portset", "initiator-group-name", "portset-name")
def igroup_bind_portset(call: Call) -> Tree:
    """Let an igroup see its LUNs by these interfaces only."""
    igroup, portset = call.igroup(), find_portset(call, call.text("portset-name"))
    if igroup.portset:
        raise Refusal(IGROUP_ALREADY_BOUND, "The initiator group is bound to a portset already")
    if not portset.ports:
        raise Refusal(PORTSET_IS_EMPTY, "The portset has no ports")
    call.filer.state.commit(replace(igroup, portset=portset.name))
    return {}


@api("igroup-unbind-portset", "initiator-group-name")
def igroup_unbind_portset(call: Call) -> Tree:
    """Let an igroup see its LUNs by every interface again."""
    igroup = call.igroup()
    if not igroup.portset:
        raise Refusal(IGROUP_NOT_BOUND, "The initiator group is not bound to a portset")
    call.filer.state.commit(replace(igroup, portset=""))
    return {}
