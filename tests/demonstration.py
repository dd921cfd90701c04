"""One volume's life, for people to watch: Ganeti's own code calls the scripts, a simulated filer has the LUN,
this machine's kernel has the block devices.
"""

from __future__ import annotations

import signal
import sys
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from tests.simulator.process import Simulator
from tests.testbed import filer, product
from tests.testbed.node import Node, device_size, no_mount_point_left, read, write

MIB = 1024 * 1024
NAME = "6b59051c-cb68-467a-a4aa-e4d8e6a2b6b9.ext.disk0"
UUID = "e5d84ccc-11b6-4f5d-8702-af659b341813"

BOLD, DIM, GREEN, RESET = ("\033[1m", "\033[2m", "\033[32m", "\033[0m") if sys.stdout.isatty() else ("",) * 4


class Show:
    """Does a step on a node and tells what it took of the filer and of time."""

    def __init__(self, simulator: Simulator) -> None:
        self._simulator = simulator
        self._step = 0
        self.requests = 0

    def step(self, node: Node, says: str, call: str, disk: dict[str, object], **arguments: object) -> Any:
        """Let Ganeti do ``call`` on ``node``."""
        self._step += 1
        before = len(self._simulator.requests())
        began = time.monotonic()
        result = node.ganeti(call, disk, **arguments)
        seconds = time.monotonic() - began
        print(f"{BOLD}{self._step:2} {node.name}: {says}{RESET}  {DIM}{seconds:.2f} s{RESET}")
        asked = self._simulator.requests()[before:]
        self.requests += len(asked)
        for connection in sorted({request.connection for request in asked}):
            calls = " > ".join(str(request.api) for request in asked if request.connection == connection)
            print(f"     filer, connection {connection}: {calls}")
        return result

    def fact(self, text: str) -> None:
        """Something seen to be so."""
        print(f"     {GREEN}{text}{RESET}", flush=True)


def expect(fact: bool, what: str) -> None:
    """A demonstration that shows something untrue must not go on."""
    if not fact:
        raise SystemExit(f"demonstration: this is not so: {what}")


def live(show: Show, node: Node, other: Node) -> None:
    """The volume's life, from creation to removal, on two nodes."""
    disk: dict[str, object] = {"volume": NAME, "size": 64, "uuid": UUID, "name": "root"}
    snapshot: dict[str, object] = {"volume": f"{NAME}.snap", "size": 128, "uuid": "0-snap"}

    def size(link: str) -> str:
        return f"{link} -> {node.device(link)}, {device_size(node, link) // MIB} MiB"

    device = show.step(node, "create a volume of 64 MiB, and attach it", "create", disk)
    show.fact(size(device))
    write(node, device, MIB, b"before growing")
    show.fact("written at 1 MiB: 'before growing'")
    show.step(node, "open it, for this node alone", "open", disk, exclusive=True)
    show.step(node, "set its metadata", "setinfo", disk, text="originstname+inst1.example")
    show.step(node, "attach it once more, as Ganeti does at every turn", "find", disk)
    show.step(node, "grow it by 64 MiB", "grow", disk, amount=64)
    show.fact(size(device))
    disk["size"] = 128
    expect(read(node, device, MIB, 14) == b"before growing", "growing keeps the data")
    write(node, device, 100 * MIB, b"after growing")
    show.fact("read at 1 MiB: 'before growing'; written at 100 MiB: 'after growing'")

    show.step(node, "snapshot, for a backup", "snapshot", disk)
    write(node, device, MIB, b"after snapshot")
    show.fact("written at 1 MiB: 'after snapshot'")
    copy = show.step(node, "attach the snapshot's clone", "assemble", snapshot)
    show.fact(size(copy))
    expect(read(node, copy, MIB, 14) == b"before growing", "a clone has the data of its moment")
    expect(read(node, copy, 100 * MIB, 13) == b"after growing", "a clone has the data of its moment")
    show.fact("read from the clone: 'before growing', 'after growing'")
    show.step(node, "remove the snapshot", "remove", snapshot)

    there = show.step(other, "migrate: attach it on the other node, too", "assemble", disk)
    show.step(node, "         close it on the first node", "close", disk)
    show.step(other, "         open it on the other node, for that node alone", "open", disk, exclusive=True)
    show.step(node, "         detach it from the first node", "shutdown", disk)
    expect(read(other, there, MIB, 14) == b"after snapshot", "the other node sees the same data")
    show.fact(f"read on {other.name}: 'after snapshot'; {node.name} has no device any more")
    show.step(other, "remove the volume", "remove", disk)


def main() -> None:
    """Set up a filer and two nodes, show the life, and take everything down again."""
    began = time.monotonic()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("demonstration: stopped"))  # so that all is taken down
    with ExitStack() as stack:
        stack.enter_context(no_mount_point_left())
        directory = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="dataontap-demo.")))
        print("installing the product, starting a simulated filer and two nodes ...", flush=True)
        installed = product.install(directory / "product")
        simulator = stack.enter_context(Simulator(directory / "filer"))
        admin = stack.enter_context(filer.admin(simulator))
        filer.make_igroup(admin, "ganeti", "iqn.1993-08.org.debian:01:node1")
        nodes = [
            stack.enter_context(Node(directory / name, name, installed, simulator)) for name in ("node1", "node2")
        ]
        print(f"filer {simulator.ready_line.split()[1]}, SVM svm1, volume vol1, initiator group ganeti\n")
        show = Show(simulator)
        live(show, *nodes)
        left = admin.get_lun_by_args(path="/vol/*")
        expect(not left, "the filer has no LUN any more")
        print(
            f"\nThe filer has no LUN any more. {show.requests} requests, {time.monotonic() - began:.1f} s in all."
        )


if __name__ == "__main__":
    main()
