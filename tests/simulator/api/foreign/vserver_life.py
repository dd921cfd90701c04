"""A vserver's life: made with its root volume, stopped and started, destroyed when it is empty."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from tests.simulator import provision
from tests.simulator.api.aggregate import find as find_aggregate
from tests.simulator.call import Call, api
from tests.simulator.documents import Tree
from tests.simulator.errnos import (
    INVALID_INPUT,
    OBJECT_IN_USE,
    VSERVER_EXISTS,
    VSERVER_NOT_FOUND,
    Refusal,
)
from tests.simulator.model import Record, Vserver

CREATE = (
    "comment",
    "ipspace",
    "is-repository-vserver",
    "language",
    "name-server-switch",
    "quota-policy",
    "return-record",
    "root-volume",
    "root-volume-aggregate",
    "root-volume-security-style",
    "snapshot-policy",
    "vserver-subtype",
)


@api("vserver-create", "vserver-name", optional=CREATE, cluster_only=True)
def vserver_create(call: Call) -> Tree:
    """A new vserver with its services on; its root volume is named VSERVER_root, whatever is asked for."""
    name = call.text("vserver-name")
    if (name,) in call.filer.vservers or name == call.filer.cluster.name:
        raise Refusal(VSERVER_EXISTS, f"Vserver name {name!r} is already in use")
    if not name or "/" in name:
        raise Refusal(INVALID_INPUT, f"Invalid vserver name {name!r}")
    if call.text("root-volume-aggregate"):
        find_aggregate(call, call.text("root-volume-aggregate"))
    provision.add_vserver(call.filer.state, name)
    return {"result": {"vserver-info": {"vserver-name": name}}}


def _find(call: Call) -> Vserver:
    vserver = call.filer.vservers.get((call.text("vserver-name"),))
    if vserver is None:
        raise Refusal(VSERVER_NOT_FOUND, "Specified vserver not found")
    return vserver


@api("vserver-destroy", "vserver-name", cluster_only=True)
def vserver_destroy(call: Call) -> Tree:
    """Gone with its igroups, roles and accounts; refused while it has volumes beside its root."""
    vserver = _find(call)
    state = call.filer.state
    volumes = [each for each in state.volumes.values() if each.vserver == vserver.name]
    luns = [each for each in state.luns.values() if each.vserver == vserver.name]
    if luns or any(not volume.is_root for volume in volumes):
        raise Refusal(OBJECT_IN_USE, f"Vserver {vserver.name} still has volumes")
    san = (state.interfaces, state.sessions, state.igroups, state.portsets)
    below: list[Record] = [each for table in san for each in table.values() if each.vserver == vserver.name]
    others = (state.policy_groups, state.roles, state.accounts)
    below += [each for table in others for each in table.values() if each.vserver == vserver.name]
    state.commit(gone=[vserver, *volumes, *below])
    return {}


def _setting(stopped: bool) -> Callable[[Call], Tree]:
    def run(call: Call) -> Tree:
        services = ("iscsi", "fcp") if stopped else ()
        call.filer.state.commit(replace(_find(call), stopped=services))
        return {}

    return run


api("vserver-stop", "vserver-name", optional=("force",), cluster_only=True)(_setting(True))
api("vserver-start", "vserver-name", optional=("force",), cluster_only=True)(_setting(False))
