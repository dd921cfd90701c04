"""Where one case after another is tried: a filer, a node, and volumes of others that must stay as they are."""

from __future__ import annotations

import shutil
from contextlib import ExitStack
from hashlib import sha256
from pathlib import Path
from types import TracebackType
from typing import NamedTuple

from dataontap import present
from tests.simulator.process import Simulator
from tests.testbed import filer
from tests.testbed.node import LINKS, Node, device_size
from tests.testbed.product import Product
from tests.testbed.quick import Quick

MIB = 1024 * 1024
NODE = "node2.example"  # the target of moves, as the hooks' environments have it
GROUP = "ganeti"
FOREIGN_GROUP = "elsewhere"
OTHERS = "another"
DATA = b"what the guest has written"
_SHOWN = {"lun-info": dict.fromkeys(("path", "size", "comment", "uuid", "online"), "")}
_MAPPED = {"lun-map-info": dict.fromkeys(("path", "initiator-group", "lun-id"), "")}
# Put in the place of gnt-cluster, which only the real cluster of another level has: all nodes are fine.
_GNT_CLUSTER = "#!/bin/sh\nexit 0\n"


class Lun(NamedTuple):
    """A LUN as it is or should be: MiB, comment, the groups that it is mapped to, the first of its data."""

    size: int
    comment: str
    groups: tuple[str, ...]
    data: bytes = DATA


View = dict[str, Lun]


class Lab:
    """A filer of ONTAPI 1.``ontapi``, and a node on it; use it as a context manager."""

    def __init__(self, directory: Path, installed: Product, ontapi: int) -> None:
        self._directory = directory
        self._installed = installed
        self._stack = ExitStack()
        options = ("--ontapi", f"1.{ontapi}", "--volume", "svm1/vol2")
        self.simulator = Simulator(directory / "filer", *options)
        self.node = Node(directory / "node", NODE, installed, self.simulator)
        self._timeout = 0

    def __enter__(self) -> Lab:
        with self._stack as stack:
            stack.enter_context(self.simulator)
            self._admin = stack.enter_context(filer.admin(self.simulator, patient=True))
            filer.make_igroup(self._admin, GROUP, "iqn.1993-08.org.debian:01:node1")
            filer.make_igroup(self._admin, FOREIGN_GROUP, "iqn.1993-08.org.debian:01:elsewhere")
            stack.enter_context(self.node)
            (self.node.directory / "lib-ganeti/ssconf_node_list").write_text(f"node1.example\n{NODE}\n")
            self._stand_in_for_gnt_cluster()
            self.quick = stack.enter_context(Quick(self.node, self._installed))
            self._add_bystanders()
            self._others = self._look_at_others()
            self._stack = stack.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.close()

    def _stand_in_for_gnt_cluster(self) -> None:
        programs = self._directory / "sbin"
        programs.mkdir()
        (programs / "gnt-cluster").write_text(_GNT_CLUSTER)
        (programs / "gnt-cluster").chmod(0o755)
        assert self.node.run("mount", "--bind", str(programs), "/usr/local/sbin").wait() == 0

    def _add_bystanders(self) -> None:
        self.add(f"/vol/vol1/{OTHERS}.ext.disk0", Lun(4, "of the same node", (GROUP,), b"a neighbour's"))
        self.add(f"/vol/vol2/{OTHERS}.ext.disk1", Lun(4, "of somebody else", (FOREIGN_GROUP,), b"a stranger's"))
        self.add(f"/vol/vol2/{OTHERS}.ext.disk2", Lun(4, "of nobody", (), b"a hermit's"))

    def restore(self, volume: str) -> None:
        """After a case with ``volume``: all is well, and nothing of it is left."""
        self.simulator.control.clear()
        if any(self.node.path(LINKS).glob(f"*/*/{volume}*")):
            for name in (volume, f"{volume}.snap"):
                self.node.fabric("detach", "--volume", name)
        for path in self.luns(volume):
            self.ask("lun-destroy", path=path, force=True)
        shutil.rmtree(self.node.path(present.DIRECTORY), ignore_errors=True)

    def limit(self, seconds: int) -> None:
        """Give the next scripts this TIMEOUT."""
        if seconds != self._timeout:
            self.node.configure(TIMEOUT=seconds)
            self._timeout = seconds

    def ask(self, api: str, **arguments: object) -> None:
        """Let the admin make a call; names have underscores for dashes."""
        words = {name.replace("_", "-"): value for name, value in arguments.items()}
        self._admin.server.send_request(api, words)  # type: ignore[arg-type]

    def add(self, path: str, lun: Lun) -> None:
        """A LUN, with the first of its data in place."""
        self.ask("lun-create-by-size", path=path, size=lun.size * MIB, ostype="linux")
        self.ask("lun-set-comment", path=path, comment=lun.comment)
        for group in lun.groups:
            self.ask("lun-map", path=path, initiator_group=group)
        (record,) = self._records("lun-get-iter", _SHOWN, {"lun-info": {"path": path}})
        with (self.simulator.state / "luns" / record["uuid"]).open("r+b") as content:
            content.write(lun.data)

    def luns(self, volume: str) -> View:
        """The LUNs of ``volume``, its snapshot's among them."""
        return {path: lun for path, lun in self.filer().items() if path.rpartition("/")[2].startswith(volume)}

    def disturbed(self) -> list[str]:
        """Volumes of others, and groups, that are not what they were."""
        now = self._look_at_others()
        return sorted(name for name in {*now, *self._others} if now.get(name) != self._others.get(name))

    def _look_at_others(self) -> dict[str, object]:
        """Each to the byte, the LUN id and the initiator."""
        maps = self._records("lun-map-get-iter", _MAPPED)
        seen: dict[str, object] = {}
        for record in self._records("lun-get-iter", _SHOWN):
            if OTHERS in record["path"]:
                data = (self.simulator.state / "luns" / record["uuid"]).read_bytes()
                ways = [mapping for mapping in maps if mapping["path"] == record["path"]]
                seen[record["path"]] = (record, sha256(data).digest(), ways)
        for group in self._records("igroup-get-iter", None):
            seen[group["initiator-group-name"]] = group
        return seen

    def filer(self) -> View:
        """All LUNs."""
        groups: dict[str, list[str]] = {}
        for record in self._records("lun-map-get-iter", _MAPPED):
            groups.setdefault(record["path"], []).append(record["initiator-group"])
        return {
            record["path"]: Lun(
                int(record["size"]) // MIB,
                record.get("comment", ""),
                tuple(sorted(groups.get(record["path"], ()))),
                self._data(record["uuid"]),
            )
            for record in self._records("lun-get-iter", _SHOWN)
        }

    def _data(self, uuid: str) -> bytes:
        with (self.simulator.state / "luns" / uuid).open("rb") as content:
            return content.read(100).rstrip(b"\0")

    def _records(self, api: str, wanted: object, query: object = None) -> list[dict[str, str]]:
        arguments = {"max-records": 1000, "desired-attributes": wanted, "query": query}
        results = self._admin.server.send_request(api, arguments)  # type: ignore[arg-type]
        found = results.get_child_by_name("attributes-list")
        records = found.get_children() if found is not None else ()
        return [{leaf.name: leaf.get_content() for leaf in record.get_children()} for record in records]

    def link(self, path: str) -> str:
        """The device's name on the node, for a LUN at ``path``."""
        return f"{LINKS}/127.0.0.1/{path[len('/vol/') :]}"

    def has_device(self, path: str) -> bool:
        """Whether the node sees a LUN."""
        return self.node.path(self.link(path)).is_symlink()

    def device_size(self, path: str) -> int:
        """How many MiB the node sees of a LUN."""
        return device_size(self.node, self.link(path)) // MIB

    def log(self) -> str:
        """What the scripts have logged so far."""
        file = self.node.directory / "log/ganeti-extstorage-dataontap.log"
        return file.read_text(encoding="utf-8") if file.exists() else ""
