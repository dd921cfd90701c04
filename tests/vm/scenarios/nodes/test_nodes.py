"""What a node finds after its reboot, and fifty volumes at once, for which the filer needs a guest of its own."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor

from tests.testbed.node import Outcome
from tests.vm.machine import Machine
from tests.vm.san import ISCSI
from tests.vm.scenarios.conftest import DISK, NAME
from tests.vm.scenarios.nodes.conftest import boot, reach_both
from tests.vm.storage import Storage

MANY = 50
AT_A_TIME = 10  # as many as Ganeti would have going on one node
PATIENCE = 600  # seconds: they share one emulated processor


def test_reboot_with_devices_attached(nodes: tuple[Machine, Machine], storage: Storage) -> None:
    """After it nothing is here but open-iscsi's records; attach brings the volume as if for the first time.

    Over Fibre Channel the kernel finds what is mapped when its ports log in; the volume's name comes with attach.
    """
    node, _ = nodes
    device = node.ganeti("create", DISK)
    assert node.write(device, "before the reboot") == "ok"
    before = boot(node)
    node.reboot()
    boot(node, before)
    reach_both(node)
    if node.san is ISCSI:
        assert (node.disks(), node.maps()) == ([], {})
    assert node.names() == []
    assert node.attach(NAME) == device
    assert node.read(device) == "before the reboot"
    assert node.script("detach", NAME).status == 0
    assert (node.disks(), node.maps(), node.names()) == ([], {}, [])


def test_many_at_once(nodes: tuple[Machine, Machine], storage: Storage) -> None:
    """Scripts that wait for each other, for udev and multipathd: each gets its own LUN; then none is left."""
    node, _ = nodes
    names = [f"volume-{number}" for number in range(MANY)]
    for name in names:
        storage.make(name, text=f"of {name}")

    def attach_and_look(name: str) -> str:
        return node.read(node.attach(name), limit=60)

    def detach(name: str) -> Outcome:
        return node.script("detach", name, limit=PATIENCE + 60)

    node.configure(TIMEOUT=PATIENCE)
    began = time.monotonic()
    with ThreadPoolExecutor(AT_A_TIME) as pool:
        seen = list(pool.map(attach_and_look, names))
        attached = time.monotonic()
        assert seen == [f"of {name}" for name in names]
        assert len(node.disks()) == 2 * MANY
        done = list(pool.map(detach, names))
    assert [one.status for one in done] == [0] * MANY, [one.stderr for one in done if one.status]
    assert (node.disks(), node.maps(), node.names()) == ([], {}, [])
    took = time.monotonic() - attached
    print(
        f"\n{MANY} volumes, {AT_A_TIME} at a time: attached in {attached - began:.0f} s, detached in {took:.0f} s"
    )
