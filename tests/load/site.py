"""A filer and several nodes, for verbs in any order; put back to nothing between two examples."""

from __future__ import annotations

import itertools
import shutil
import uuid
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType

from dataontap import paths
from tests.simulator.process import Simulator
from tests.testbed import filer
from tests.testbed.inventory import Inventory
from tests.testbed.node import LINKS, Node
from tests.testbed.product import Product
from tests.testbed.quick import Quick
from tests.testbed.starter import Starter

NODES = ("node1", "node2", "node3")
GROUP = "ganeti"


class Seat:
    """A node, and its way to run scripts."""

    def __init__(self, node: Node, quick: Quick) -> None:
        self.node = node
        self.quick = quick

    def link(self, path: str) -> str:
        """The device's name, for a LUN at ``path``."""
        return f"{LINKS}/127.0.0.1/{path[len('/vol/') :]}"

    def sees(self, path: str) -> bool:
        """Whether the LUN's device is here."""
        return self.node.path(self.link(path)).is_symlink()

    def forget(self) -> None:
        """As after a reboot: no device, and nothing remembered."""
        self.quick.fabric("clear")
        shutil.rmtree(self.node.path(paths.RUN), ignore_errors=True)


class Site:
    """Use it as a context manager."""

    def __init__(self, directory: Path, installed: Product) -> None:
        self._directory = directory
        self._installed = installed
        self._stack = ExitStack()
        self._numbers = itertools.count(1)
        self.simulator = Simulator(directory / "filer")
        self.seats: dict[str, Seat] = {}
        self.failures = 0  # verbs that a fault made fail

    def __enter__(self) -> Site:
        with self._stack as stack:
            stack.enter_context(self.simulator)
            admin = stack.enter_context(filer.admin(self.simulator, patient=True))
            filer.make_igroup(admin, GROUP, *(f"iqn.1993-08.org.debian:01:{name}" for name in NODES))
            self.inventory = Inventory(self.simulator, admin)
            for name in NODES:
                node = stack.enter_context(Node(self._directory / name, name, self._installed, self.simulator))
                starter = stack.enter_context(Starter(self._installed))
                self.seats[name] = Seat(node, Quick(node, self._installed, starter))
            self._stack = stack.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.close()

    def new_uuid(self) -> str:
        """Of a disk; the same ones at each run."""
        return str(uuid.UUID(int=next(self._numbers)))

    def restore(self) -> None:
        """Nothing is left."""
        self.simulator.control.clear()
        for seat in self.seats.values():
            seat.forget()
        for path in self.inventory.luns():
            self.inventory.ask("lun-destroy", path=path, force=True)
