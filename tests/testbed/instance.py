"""An instance of a cluster of the test-bed, as its admin sees it; and its disks' data, wherever they are."""

from __future__ import annotations

from tests.testbed.cluster import FILER, OPERATING_SYSTEM, RUNNING, Cluster, Node
from tests.testbed.node import LINKS, Outcome, device_size, read, write

MIB = 1 << 20
_UNNAMED = ("--no-name-check", "--no-ip-check", "--no-nics")


class Instance:
    """An instance that is, or is to be, called ``name``."""

    def __init__(self, cluster: Cluster, name: str) -> None:
        self.cluster = cluster
        self.name = name

    def add(self, node: Node, *disks: str, options: tuple[str, ...] = ()) -> Outcome:
        """Add and start it on ``node``, with disks such as ``64M`` or ``64M,pool=vol2``."""
        words = [f"--disk={index}:size={disk},provider=dataontap" for index, disk in enumerate(disks)]
        system = ("-t", "ext", "-o", OPERATING_SYSTEM, "-n", node.name)
        return self.cluster.gnt("instance", "add", *system, *words, *_UNNAMED, *options, self.name)

    def do(self, verb: str, *options: str, then: tuple[str, ...] = ()) -> Outcome:
        """Run ``gnt-instance VERB`` on it; ``then`` is what comes after its name."""
        return self.cluster.gnt("instance", verb, *options, self.name, *then)

    def fails(self, verb: str, *options: str, then: tuple[str, ...] = ()) -> Outcome:
        """Run ``gnt-instance VERB`` on it, which must not succeed."""
        outcome = self.cluster.try_gnt("instance", verb, *options, self.name, *then)
        assert outcome.status != 0, f"{verb} should have failed:\n{outcome.stdout}{outcome.stderr}"
        return outcome

    def rename(self, name: str) -> None:
        """Give it another name, which nobody has to know."""
        unchecked = ("--no-ip-check",) if self.cluster.ganeti.startswith("3.0") else ()  # 3.1 has no such option
        self.do("rename", *unchecked, then=(name,))

    def end(self, node: Node) -> None:
        """End it on a node where it went on because Ganeti could not, or would not, ask that node."""
        node.run("rm", f"{RUNNING}/{self.name}")

    @property
    def exists(self) -> bool:
        """Whether Ganeti knows it."""
        return any(known["name"] == self.name for known in self.cluster.config()["instances"].values())

    @property
    def volumes(self) -> list[str]:
        """Its disks' volumes, in their order."""
        config = self.cluster.config()
        (mine,) = (known for known in config["instances"].values() if known["name"] == self.name)
        return [config["disks"][uuid]["logical_id"][1] for uuid in mine["disks"]]

    @property
    def status(self) -> str:
        """``running``, ``ADMIN_down``, ``ERROR_down`` ..."""
        return self.cluster.gnt("instance", "list", "--no-headers", "-o", "status", self.name).stdout.strip()

    @property
    def primary(self) -> str:
        """The short name of the node that it is on, as Ganeti thinks."""
        answer = self.cluster.gnt("instance", "list", "--no-headers", "-o", "pnode", self.name)
        return answer.stdout.strip().partition(".")[0]

    def link(self, disk: int = 0) -> str:
        """The stable name of a disk's device, on whatever node."""
        return f"{LINKS}/{FILER}/vol1/{self.volumes[disk]}"

    def used_link(self, node: Node, disk: int = 0) -> str:
        """The device that Ganeti gave the running instance on ``node`` for a disk."""
        return str(node.path(f"/run/ganeti/instance-disks/{self.name}:{disk}").readlink())

    def seen(self, disk: int = 0) -> list[str]:
        """The nodes that have a disk's device."""
        return self.cluster.seen(self.volumes[disk])

    def write(self, node: Node, text: str, disk: int = 0, at: int = MIB) -> None:
        """Write onto the disk by way of the node's device."""
        write(node, self.link(disk), at, text.encode())

    def read(self, node: Node, size: int, disk: int = 0, at: int = MIB) -> str:
        """Read from the disk by way of the node's device."""
        return read(node, self.link(disk), at, size).decode(errors="replace")

    def size(self, node: Node, disk: int = 0) -> int:
        """The size of the node's device, in MiB."""
        return device_size(node, self.link(disk)) // MIB
