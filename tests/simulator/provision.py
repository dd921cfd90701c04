"""What is on the filer before anyone calls it: a cluster, its accounts, vservers, volumes and qtrees."""

from __future__ import annotations

import time
import uuid
from dataclasses import replace

from tests.simulator.identity import object_uuid
from tests.simulator.model import (
    GIB,
    TIB,
    Account,
    Aggregate,
    Cluster,
    Interface,
    Qtree,
    Record,
    Role,
    Session,
    Volume,
    Vserver,
)
from tests.simulator.nodes import NODES
from tests.simulator.state import State

CLUSTER = "cluster1"
FIRST = "svm1"  # the vserver that every filer has
ADMIN = Account("admin", "secret")
VOLUME_SIZE = TIB
AGGREGATE_SIZE = 100 * TIB
ROOT_SIZE = GIB


def provision(state: State, seed: str | None = None) -> None:
    """In a state directory never used before: a cluster, admin / secret, vserver svm1 and its volume vol1."""
    if state.cluster is not None:
        _add_aggregates(state)
        return
    identity = uuid.uuid5(uuid.NAMESPACE_DNS, seed) if seed is not None else uuid.uuid4()
    state.commit(Cluster(CLUSTER, str(identity)), ADMIN)
    _add_aggregates(state)
    add_volume(state, FIRST, "vol1")


def _add_aggregates(state: State) -> None:
    """One on each node; also where an older simulator has been."""
    for number, node in enumerate(NODES, start=1):
        add_aggregate(state, f"aggr{number}", node=node)


def add_aggregate(state: State, name: str, size: int = AGGREGATE_SIZE, *, node: str = NODES[0]) -> None:
    """An aggregate, unless it is there."""
    if (name,) not in state.aggregates:
        cluster = _cluster(state)
        # Numbers of their own: an aggregate more must not change every serial number that a seed makes.
        uuid = object_uuid(cluster.uuid, -1 - len(state.aggregates))
        state.commit(Aggregate(name, uuid, size, node))


def add_account(state: State, name: str, password: str, vserver: str | None = None, *, role: str = "") -> None:
    """A login, unless there is one of that name."""
    if vserver is not None:
        add_vserver(state, vserver)
    if (name,) not in state.accounts:
        state.commit(Account(name, password, vserver, role))


def add_login(state: State, account: Account, application: str) -> None:
    """An account for one application, "http" or "ontapi"; one that is there may log in to this one, too.

    Each application has its own role (``security login modify -role``).
    """
    if account.vserver is not None:
        add_vserver(state, account.vserver)
    before = state.accounts.get(account.key, replace(account, applications=()))
    roles = {"rest_role": account.role} if application == "http" else {"role": account.role}
    state.commit(replace(before, applications=tuple(sorted({*before.applications, application})), **roles))


def add_session(state: State, vserver: str, initiator: str) -> None:
    """An initiator that is logged in to every interface of its kind."""
    add_vserver(state, vserver)
    name = initiator.lower()
    protocol = "iscsi" if name.startswith(("iqn.", "eui.", "naa.")) else "fcp"
    found = [each for each in state.interfaces.values() if (each.vserver, each.protocol) == (vserver, protocol)]
    state.commit(*(Session(vserver, name, interface.name) for interface in found))


def remove_session(state: State, vserver: str, initiator: str) -> None:
    """An initiator that has logged out everywhere; no harm if it was not logged in."""
    wanted = (vserver, initiator.lower())
    state.commit(gone=[each for each in state.sessions.values() if (each.vserver, each.initiator) == wanted])


def add_right(state: State, vserver: str | None, role: str, command: str, level: str) -> None:
    """One right more for a role, which is made with the first one; None is the cluster's."""
    before = state.roles.get((vserver or "", role), Role(vserver or "", role))
    state.commit(Role(before.vserver, role, {**before.rights, command: level}))


def add_vserver(state: State, name: str) -> None:
    """A vserver with its root volume and its iSCSI and FC services and interfaces, unless it is there."""
    if (name,) not in state.vservers:
        identity, counted = _identity(state)
        number = 1 + max((vserver.number for vserver in state.vservers.values()), default=1)
        root = f"{name}_root"
        volume = Volume(name, root, str(uuid.uuid5(uuid.UUID(identity), root)), ROOT_SIZE, int(time.time()))
        state.commit(
            Vserver(name, identity, number),
            replace(volume, is_root=True, junction="/", reserve=5),
            *_interfaces(name, number),
            counted,
        )


def _interfaces(vserver: str, number: int) -> list[Interface]:
    """One for iSCSI and one for FC on each node, with addresses that are reserved for documentation."""
    made = []
    for place, node in enumerate(NODES, start=1):
        host = 2 * number + place
        address = f"192.0.2.{host}" if host < 255 else f"198.51.100.{host % 255}"
        made.append(Interface(vserver, f"{vserver}_iscsi_{place}", "iscsi", place, node, address))
        made.append(Interface(vserver, f"{vserver}_fc_{place}", "fcp", place, node))
    return made


def add_volume(
    state: State, vserver: str, name: str, size: int = VOLUME_SIZE, *, type_: str = "rw", parent: str = ""
) -> None:
    """A volume (a mirror, a FlexClone of ``parent``), and its vserver where need be, unless it is there."""
    add_vserver(state, vserver)
    if (vserver, name) not in state.volumes:
        identity, counted = _identity(state)
        state.commit(Volume(vserver, name, identity, size, int(time.time()), type_, parent), counted)


def add_qtree(state: State, vserver: str, volume: str, name: str) -> None:
    """A qtree, and its volume where need be, unless it is there."""
    add_volume(state, vserver, volume)
    if (vserver, volume, name) not in state.qtrees:
        state.commit(Qtree(vserver, volume, name))


def _cluster(state: State) -> Cluster:
    if state.cluster is None:
        raise AssertionError("provision() comes first")
    return state.cluster


def _identity(state: State) -> tuple[str, Record]:
    cluster = _cluster(state)
    number = cluster.made + 1
    return object_uuid(cluster.uuid, number), Cluster(cluster.name, cluster.uuid, number)
