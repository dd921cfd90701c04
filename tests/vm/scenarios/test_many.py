"""Many volumes at once: scripts of one node that wait for each other, for udev and for multipathd."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor

from tests.testbed.node import Outcome
from tests.vm.machine import Machine
from tests.vm.storage import Storage

MANY = 50
AT_A_TIME = 10  # as many as Ganeti would have going on one node


def test_many_at_once(node: Machine, storage: Storage) -> None:
    """Each gets its own LUN, none gets another's; then none is left."""
    node.configure(TIMEOUT=600)  # ten at a time share one emulated processor
    names = [f"volume-{number}" for number in range(MANY)]
    for name in names:
        storage.make(name, text=f"of {name}")

    def attach_and_look(name: str) -> str:
        return node.read(node.attach(name), limit=60)

    def detach(name: str) -> Outcome:
        return node.script("detach", name, limit=660)

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
