"""Two nodes, each with a group and a cable of its own, and a filer, which is this guest.

It has an interface on each cable; each node reaches both, and so has two paths. Over Fibre Channel there are two
more cables to each node, and a switch for each of the filer's ports.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from dataontap.client.zapi.cmode import CmodeClient
from tests.simulator.process import Simulator
from tests.testbed import filer
from tests.vm import fcoe, machine
from tests.vm.machine import Machine
from tests.vm.san import FC, San
from tests.vm.scenarios.conftest import STATE, fc_options
from tests.vm.storage import IGROUP, Storage

ADDRESSES = {"node1": "10.77.1.2", "node2": "10.77.2.2"}
PORTALS = {"node1": "10.77.1.1", "node2": "10.77.2.1"}
PORT = 8443
# The devices of Fibre Channel's cables: the filer's, node1's two and node2's two; and each node's.
CABLES = ("eth2", "eth3", "eth4", "eth5")
NODE_CABLES = ("eth1", "eth2")
PER_NODE = "ganeti-{node}"
BOOT_SECONDS = 300


@pytest.fixture(scope="module")
def booted(san: San) -> tuple[Machine, Machine]:
    """Both nodes, with what is to be done at each boot."""
    node1, node2 = (machine.there(name, address, san) for name, address in ADDRESSES.items())
    for node in (node1, node2):
        boot(node)
    return node1, node2


@pytest.fixture(scope="module")
def simulator(booted: tuple[Machine, Machine], san: San) -> Iterator[Simulator]:
    """The filer, for other machines."""
    initiators = [initiator for node in booted for initiator in node.initiators()]
    if san is FC:
        here = machine.here(san)
        fcoe.lay_switches(here, CABLES)
        options = fc_options(here, initiators)
    else:
        options = ["--iscsi", ",".join(PORTALS.values())]
        for initiator in initiators:
            options += ["--admit", initiator]
    with Simulator(STATE, "--listen", f"0.0.0.0:{PORT}", *options) as running:
        yield running


@pytest.fixture(scope="module")
def admin(simulator: Simulator) -> Iterator[CmodeClient]:
    """The storage admin's client."""
    with filer.admin(simulator, patient=True) as client:
        yield client


@pytest.fixture(scope="module")
def pair(
    booted: tuple[Machine, Machine], admin: CmodeClient, san: San, request: pytest.FixtureRequest
) -> tuple[Machine, Machine]:
    """Both nodes, configured."""
    initiators = [initiator for node in booted for initiator in node.initiators()]
    filer.make_igroup(admin, IGROUP, *initiators, kind=san.igroup_type)
    for node in booted:
        reach_both(node)
        node.configure(
            STORAGE_PROTOCOL=san.name,
            API=request.config.getoption("--api"),
            HOSTNAME=PORTALS[node.name],
            PORT=PORT,
            VERIFY_CERT=False,
            LOGIN="admin",
            PASSWORD="secret",
            CLUSTER_MODE_VSERVER="svm1",
            POOL="vol1",
            IGROUP=PER_NODE,
            LUN_DEVICE_PATH_FORMAT="/dev/disk/filer/{pool}/{name}",
        )
    return booted


@pytest.fixture
def nodes(pair: tuple[Machine, Machine], storage: Storage) -> Iterator[tuple[Machine, Machine]]:
    """Both nodes, clean before and after."""
    yield pair
    storage.switch_all(on=True)
    for name in storage.names():
        storage.destroy(name)
    for node in pair:
        node.configure(TIMEOUT=None, IGROUP=PER_NODE)
        node.sweep()
        node.regain_sessions()


def boot(node: Machine, before: str = "") -> str:
    """Wait until the node serves, in another boot than ``before``; returns the id of its boot.

    Its Fibre Channel cables have the ports' names then.
    """
    ids = [""]

    def serves() -> bool:
        try:
            ids.append(node.run("cat", "/proc/sys/kernel/random/boot_id", limit=5).stdout)
        except (OSError, ValueError):  # nobody there, or gone before the answer
            return False
        return ids[-1] not in {"", before}

    node.await_that(serves, f"{node.name} to come up", limit=BOOT_SECONDS)
    if node.san is FC:
        for cable, port in zip(NODE_CABLES, fcoe.NODE_PORTS):
            node.shell("[ ! -e /sys/class/net/$1 ] || ip link set $1 name $2", cable, port)
    return ids[-1]


def reach_both(node: Machine) -> None:
    """Let it have the filer's other interface, too; over Fibre Channel, by its ports."""
    if node.san is FC:
        fcoe.start(node, fcoe.NODE_PORTS)
        node.regain_sessions()
    (other,) = PORTALS.keys() - {node.name}
    node.shell("ip route replace $1 via $2", PORTALS[other], PORTALS[node.name])
