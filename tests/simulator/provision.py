"""What is on the filer before anyone calls it: a cluster, its accounts, vservers, volumes and qtrees."""

from __future__ import annotations

import time
import uuid

from tests.simulator.identity import object_uuid
from tests.simulator.model import TIB, Account, Cluster, Qtree, Record, Role, Volume, Vserver
from tests.simulator.state import State

CLUSTER = "cluster1"
ADMIN = Account("admin", "secret")
VOLUME_SIZE = TIB


def provision(state: State, seed: str | None = None) -> None:
    """In a state directory never used before: a cluster, admin / secret, vserver svm1 and its volume vol1."""
    if state.cluster is not None:
        return
    identity = uuid.uuid5(uuid.NAMESPACE_DNS, seed) if seed is not None else uuid.uuid4()
    state.commit(Cluster(CLUSTER, str(identity)), ADMIN)
    add_volume(state, "svm1", "vol1")


def add_account(state: State, name: str, password: str, vserver: str | None = None, *, role: str = "") -> None:
    """A login, unless there is one of that name."""
    if vserver is not None:
        add_vserver(state, vserver)
    if (name,) not in state.accounts:
        state.commit(Account(name, password, vserver, role))


def add_right(state: State, vserver: str | None, role: str, command: str, level: str) -> None:
    """One right more for a role, which is made with the first one; None is the cluster's."""
    before = state.roles.get((vserver or "", role), Role(vserver or "", role))
    state.commit(Role(before.vserver, role, {**before.rights, command: level}))


def add_vserver(state: State, name: str) -> None:
    """A vserver with its iSCSI and FC services and interfaces, unless it is there."""
    if (name,) not in state.vservers:
        identity, counted = _identity(state)
        number = 1 + max((vserver.number for vserver in state.vservers.values()), default=1)
        state.commit(Vserver(name, identity, number), counted)


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


def _identity(state: State) -> tuple[str, Record]:
    cluster = state.cluster
    if cluster is None:
        raise AssertionError("provision() comes first")
    number = cluster.made + 1
    return object_uuid(cluster.uuid, number), Cluster(cluster.name, cluster.uuid, number)
