"""A simulated filer, nodes that see its LUNs, and the product as it is installed."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Callable

import pytest

from dataontap.client.zapi.cmode import CmodeClient
from tests.simulator.process import Simulator
from tests.testbed import filer, product
from tests.testbed.node import Node
from tests.testbed.product import Product

MakeNode = Callable[..., Node]


@pytest.fixture(scope="session")
def installed(tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest) -> Product:
    """The product, installed by setup.py, or by the Debian package."""
    if request.config.getoption("--packaged"):
        return product.PACKAGED
    return product.install(tmp_path_factory.mktemp("product") / "installed")


@pytest.fixture
def simulator(tmp_path: Path) -> Iterator[Simulator]:
    """A filer with the SVM svm1, its volume vol1 and an igroup for the nodes; vol2 and a qtree beside them."""
    with Simulator(tmp_path / "filer", "--volume", "svm1/vol2", "--qtree", "svm1/vol1/q1", "--strict") as running:
        with filer.admin(running) as admin:
            filer.make_igroup(admin, "ganeti", "iqn.1993-08.org.debian:01:node1")
        yield running


@pytest.fixture
def admin(simulator: Simulator) -> Iterator[CmodeClient]:
    """The storage admin, to look at the filer behind the product's back."""
    with filer.admin(simulator) as client:
        yield client


@pytest.fixture
def make_node(tmp_path: Path, installed: Product, simulator: Simulator) -> Iterator[MakeNode]:
    """Makes nodes, of ``filer`` if that is another one; further options go to their configuration files."""
    with ExitStack() as nodes:

        def make(name: str = "node1", filer: Simulator = simulator, **options: object) -> Node:
            return nodes.enter_context(Node(tmp_path / name, name, installed, filer, **options))

        yield make


@pytest.fixture
def node(make_node: MakeNode) -> Node:
    """One node."""
    return make_node()
