"""A filer and a node in one guest."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Callable

import pytest

from dataontap.client.zapi.cmode import CmodeClient
from tests.simulator.process import Simulator
from tests.testbed import filer
from tests.vm import fcoe, machine
from tests.vm.machine import Machine
from tests.vm.san import FC, SANS, San
from tests.vm.storage import IGROUP, Storage

STATE = Path("/var/filer")
PORTALS = "127.0.0.1,127.0.0.2"
# A volume and its disk, as Ganeti would name them.
NAME = "6b59051c-cb68-467a-a4aa-e4d8e6a2b6b9.ext.disk0"
DISK: dict[str, object] = {
    "volume": NAME,
    "size": 64,
    "uuid": "e5d84ccc-11b6-4f5d-8702-af659b341813",
    "name": "root",
}

# They belong to a guest of their own: python -m tests.vm starts those.
collect_ignore_glob = [] if "DATAONTAP_GUEST" in os.environ else ["test_*.py", "*/test_*.py"]

Tell = Callable[..., None]


def pytest_configure(config: pytest.Config) -> None:
    """The mark of what there is over iSCSI only."""
    config.addinivalue_line("markers", "iscsi_only(why): for what Fibre Channel does not have")


def pytest_runtest_setup(item: pytest.Item) -> None:
    """A test that is marked as ``iscsi_only`` says why."""
    mark = item.get_closest_marker("iscsi_only")
    if mark and item.config.getoption("--protocol") != "iscsi":
        pytest.skip(f"iSCSI only: {mark.args[0]}")


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    """Say at once why a test failed: a run takes hours."""
    if report.failed:
        print(f"\n{report.longreprtext}", flush=True)


@pytest.fixture(scope="session")
def san(request: pytest.FixtureRequest) -> San:
    """The protocol by which LUNs are reached."""
    return SANS[request.config.getoption("--protocol")]


@pytest.fixture(scope="session")
def simulator(san: San) -> Iterator[Simulator]:
    """A filer that exports what it maps, to this guest."""
    here = machine.here(san)
    options = ["--iscsi", PORTALS]
    if san is FC:
        fcoe.lay_cables(here)
        options = fc_options(here, here.initiators())
    with Simulator(STATE, *options) as running:
        if san is FC:
            fcoe.start(here, fcoe.NODE_PORTS)
            here.regain_sessions()
        yield running


def fc_options(filer: Machine, initiators: Sequence[str]) -> list[str]:
    """The simulator's, with the filer's ports started."""
    fcoe.start(filer, fcoe.FILER_PORTS)
    options = ["--fc", ",".join(fcoe.wwpns(filer, fcoe.FILER_PORTS))]
    for initiator in initiators:
        options += ["--admit", initiator]
    return options


@pytest.fixture(scope="session")
def admin(simulator: Simulator) -> Iterator[CmodeClient]:
    """The storage admin's client."""
    with filer.admin(simulator, patient=True) as client:
        yield client


@pytest.fixture(scope="session")
def configured(simulator: Simulator, admin: CmodeClient, san: San, request: pytest.FixtureRequest) -> Machine:
    """This guest as a node of the filer's, its initiators in the one group."""
    node = machine.here(san)
    filer.make_igroup(admin, IGROUP, *node.initiators(), kind=san.igroup_type)
    node.configure(
        STORAGE_PROTOCOL=san.name,
        API=request.config.getoption("--api"),
        HOSTNAME="127.0.0.1",
        PORT=simulator.port,
        CA_FILE=str(simulator.ca),
        LOGIN="admin",
        PASSWORD="secret",
        CLUSTER_MODE_VSERVER="svm1",
        POOL="vol1",
        IGROUP=IGROUP,
    )
    return node


@pytest.fixture
def storage(admin: CmodeClient, san: San) -> Storage:
    """The storage admin."""
    return Storage(admin, STATE, machine.here(san))


@pytest.fixture
def node(configured: Machine, storage: Storage) -> Iterator[Machine]:
    """The node, clean before and after a test; what the test started there has to be ended by it."""
    yield configured
    storage.switch_all(on=True)
    configured.regain_sessions()
    configured.configure(LUN_ID_LIMIT=None, TIMEOUT=None, MULTIPATH=None)
    for name in storage.names():
        storage.destroy(name)
    configured.sweep()


@pytest.fixture
def tell(record_property: Callable[[str, object], None]) -> Tell:
    """Notes a line of the hazard table: what, how the first implementation fared, how we did."""

    def note(hazard: str, *, old: str, ours: str) -> None:
        print(f"\nhazard: {hazard}\n   old: {old}\n  ours: {ours}", flush=True)
        record_property("hazard", f"{hazard}\t{old}\t{ours}")

    return note
