"""Where one case after another is tried: a filer, a node, and volumes of others that must stay as they are."""

from __future__ import annotations

import shutil
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType

from dataontap import paths
from tests.simulator.process import Simulator
from tests.testbed import filer
from tests.testbed.inventory import MIB, Inventory, Lun, View
from tests.testbed.node import LINKS, Node, device_size, read
from tests.testbed.product import Product
from tests.testbed.quick import Quick
from tests.testbed.starter import Starter

NODE = "node2.example"  # the target of moves, as the hooks' environments have it
GROUP = "ganeti"
FOREIGN_GROUP = "elsewhere"
# With a group per node: this one's, which it makes itself, and the other one's.
OWN_GROUP = f"ganeti-{NODE}"
OTHER_GROUP = "ganeti-node1.example"
INITIATOR = "iqn.1993-08.org.debian:01:sweep-node2"
OTHERS = "another"
# Put in the place of gnt-cluster, which only the real cluster of another level has: all nodes are fine.
_GNT_CLUSTER = "#!/bin/sh\nexit 0\n"


class Lab:
    """A filer of ONTAPI 1.``ontapi``, and a node on it; use it as a context manager."""

    def __init__(self, directory: Path, installed: Product, ontapi: int) -> None:
        self._directory = directory
        self._installed = installed
        self._stack = ExitStack()
        options = ("--ontapi", f"1.{ontapi}", "--volume", "svm1/vol2")
        self.simulator = Simulator(directory / "filer", *options)
        self.node = Node(directory / "node", NODE, installed, self.simulator)
        self.ontapi = ontapi
        self._per_node = False
        # What the configuration is for: API, group per node, TIMEOUT.
        self._configured: tuple[str, bool, int] | None = None

    def __enter__(self) -> Lab:
        with self._stack as stack:
            stack.enter_context(self.simulator)
            admin = stack.enter_context(filer.admin(self.simulator, patient=True))
            filer.make_igroup(admin, GROUP, "iqn.1993-08.org.debian:01:node1")
            filer.make_igroup(admin, FOREIGN_GROUP, "iqn.1993-08.org.debian:01:elsewhere")
            filer.make_igroup(admin, OTHER_GROUP, "iqn.1993-08.org.debian:01:sweep-node1")
            self.inventory = Inventory(self.simulator, admin)
            stack.enter_context(self.node)
            (self.node.directory / "lib-ganeti/ssconf_node_list").write_text(f"node1.example\n{NODE}\n")
            self._stand_in_for_gnt_cluster()
            self._name_the_initiator()
            self.quick = Quick(self.node, self._installed, stack.enter_context(Starter(self._installed)))
            self._add_bystanders()
            self._others = self.inventory.exactly(OTHERS)
            self._stack = stack.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.close()

    def furnish(self, *, per_node: bool) -> None:
        """Prepare for a case; ``per_node``: the node has an initiator group of its own."""
        if self._per_node and not per_node:
            self._drop_own_group()
        self._per_node = per_node

    def _stand_in_for_gnt_cluster(self) -> None:
        programs = self._directory / "sbin"
        programs.mkdir()
        (programs / "gnt-cluster").write_text(_GNT_CLUSTER)
        (programs / "gnt-cluster").chmod(0o755)
        assert self.node.run("mount", "--bind", str(programs), "/usr/local/sbin").wait() == 0

    def _name_the_initiator(self) -> None:
        iscsi = self._directory / "iscsi"
        iscsi.mkdir()
        (iscsi / "initiatorname.iscsi").write_text(f"InitiatorName={INITIATOR}\n")
        assert self.node.run("mount", "--bind", str(iscsi), "/etc/iscsi").wait() == 0

    def _add_bystanders(self) -> None:
        self.inventory.add(f"/vol/vol1/{OTHERS}.ext.disk0", Lun(4, "of the same node", (GROUP,), b"a neighbour's"))
        self.inventory.add(f"/vol/vol2/{OTHERS}.ext.disk1", Lun(4, "of others", (FOREIGN_GROUP,), b"a stranger's"))
        self.inventory.add(f"/vol/vol2/{OTHERS}.ext.disk2", Lun(4, "of nobody", (), b"a hermit's"))

    def restore(self, volume: str) -> None:
        """After a case with ``volume``: all is well, and nothing of it is left."""
        self.simulator.control.clear()
        for name in {link.name for link in self.node.path(LINKS).glob(f"*/*/{volume}*")}:
            self.quick.fabric("detach", "--volume", name)
        for path in self.luns(volume):
            self.inventory.ask("lun-destroy", path=path, force=True)
        if self._per_node:
            self._drop_own_group()
        for place in (self.node.path(paths.RUN), *(self.node.directory / "state").iterdir()):
            shutil.rmtree(place, ignore_errors=True)

    def _drop_own_group(self) -> None:
        if OWN_GROUP in self.inventory.exactly(OTHERS):
            self.inventory.ask("igroup-destroy", initiator_group_name=OWN_GROUP, force=True)

    def limit(self, seconds: int) -> None:
        """Give the next scripts this TIMEOUT."""
        configured = (Node.api, self._per_node, seconds)
        if configured != self._configured:
            options: dict[str, object] = {}
            if self._per_node:
                attach = self.node.fabric_command("attach", igroup=OWN_GROUP)
                options = {"IGROUP": "ganeti-{node}", "ISCSI_ATTACH_COMMANDS": (attach,)}
            self.node.configure(TIMEOUT=seconds, **options)
            self._configured = configured

    def add_own_group(self) -> None:
        """As the node would make it."""
        self.inventory.ask(
            "igroup-create", initiator_group_name=OWN_GROUP, initiator_group_type="iscsi", os_type="linux"
        )
        self.inventory.ask("igroup-add", initiator_group_name=OWN_GROUP, initiator=INITIATOR)

    def luns(self, volume: str) -> View:
        """The LUNs of ``volume``, its snapshot's among them."""
        luns = self.inventory.luns()
        return {path: lun for path, lun in luns.items() if path.rpartition("/")[2].startswith(volume)}

    def disturbed(self) -> list[str]:
        """Volumes of others, and groups, that are not what they were."""
        now = self.inventory.exactly(OTHERS)
        now.pop(OWN_GROUP, None)
        return sorted(name for name in {*now, *self._others} if now.get(name) != self._others.get(name))

    def link(self, path: str) -> str:
        """The device's name on the node, for a LUN at ``path``."""
        return f"{LINKS}/127.0.0.1/{path[len('/vol/') :]}"

    def has_device(self, path: str) -> bool:
        """Whether the node sees a LUN."""
        return self.node.path(self.link(path)).is_symlink()

    def device_size(self, path: str) -> int:
        """How many MiB the node sees of a LUN."""
        return device_size(self.node, self.link(path)) // MIB

    def device_data(self, path: str) -> bytes:
        """The first data that the node sees of a LUN, without the zeros at their end."""
        return read(self.node, self.link(path), 0, 100).rstrip(b"\0")

    def log(self) -> str:
        """What the scripts have logged so far."""
        file = self.node.directory / "log/ganeti-extstorage-dataontap.log"
        return file.read_text(encoding="utf-8") if file.exists() else ""
