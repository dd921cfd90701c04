"""Two nodes, each with a group and a cable of its own, and a filer, which is this guest.

It has an interface on each cable; each node reaches both, and so has two paths.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from dataontap.client.zapi.cmode import CmodeClient
from tests.simulator.process import Simulator
from tests.testbed import filer
from tests.vm import machine
from tests.vm.machine import Machine
from tests.vm.scenarios.conftest import STATE
from tests.vm.storage import IGROUP, Storage

ADDRESSES = {"node1": "10.77.1.2", "node2": "10.77.2.2"}
PORTALS = {"node1": "10.77.1.1", "node2": "10.77.2.1"}
PORT = 8443
PER_NODE = "ganeti-{node}"
BOOT_SECONDS = 300


@pytest.fixture(scope="module")
def simulator() -> Iterator[Simulator]:
    """The filer, for other machines."""
    options = ["--iscsi", ",".join(PORTALS.values()), "--listen", f"0.0.0.0:{PORT}"]
    for name, address in ADDRESSES.items():
        options += ["--admit", machine.there(name, address).initiator]
    with Simulator(STATE, *options) as running:
        yield running


@pytest.fixture(scope="module")
def admin(simulator: Simulator) -> Iterator[CmodeClient]:
    """The storage admin's client."""
    with filer.admin(simulator, patient=True) as client:
        yield client


@pytest.fixture(scope="module")
def pair(admin: CmodeClient, request: pytest.FixtureRequest) -> tuple[Machine, Machine]:
    """Both nodes, configured."""
    node1, node2 = (machine.there(name, address) for name, address in ADDRESSES.items())
    filer.make_igroup(admin, IGROUP, node1.initiator, node2.initiator)
    for node in (node1, node2):
        boot(node)
        reach_both(node)
        node.configure(
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
    return node1, node2


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
    """Wait until the node serves, in another boot than ``before``; returns the id of its boot."""
    ids = [""]

    def serves() -> bool:
        try:
            ids.append(node.run("cat", "/proc/sys/kernel/random/boot_id", limit=5).stdout)
        except (OSError, ValueError):  # nobody there, or gone before the answer
            return False
        return ids[-1] not in {"", before}

    node.await_that(serves, f"{node.name} to come up", limit=BOOT_SECONDS)
    return ids[-1]


def reach_both(node: Machine) -> None:
    """Let it have the filer's other interface, too."""
    (other,) = PORTALS.keys() - {node.name}
    node.shell("ip route replace $1 via $2", PORTALS[other], PORTALS[node.name])
