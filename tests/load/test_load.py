"""Two hundred clients' LUNs at once, over real HTTPS, on one simulator process, without an error.

Over REST; ``--api zapi`` does it over ZAPI.
"""

from __future__ import annotations

import statistics
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from typing import Callable

from dataontap.client.array import Array, Lun, LunRef, LunSpec
from dataontap.client.rest.api import RestServer
from dataontap.client.rest.client import RestClient
from dataontap.client.rest.recent import Recent
from dataontap.client.retry import Patience
from dataontap.client.transport import Answer, Filer, Headers, Transport
from dataontap.client.zapi.api import NaServer
from dataontap.client.zapi.cmode import CmodeClient
from dataontap.client.zapi.luns import lun_at
from dataontap.client.zapi.post import Post
from dataontap.deadline import Deadline
from tests.simulator.process import Simulator
from tests.testbed import filer
from tests.testbed.node import Node
from tests.unit.rest_wire import Memory

MIB = 1024 * 1024
CLIENTS = 200
SECONDS = 240  # for all of them, on a machine that has more to do
CALLS = {"rest": 12, "zapi": 11}  # of each client


class Stopwatch(Transport):
    """A transport that notes how long each answer took."""

    def __init__(self, address: Filer, deadline: Deadline) -> None:
        super().__init__(address, deadline)
        self.times: list[float] = []

    def exchange(self, method: str, url: str, body: bytes | None, headers: Headers) -> Answer:
        """See ``Transport``."""
        began = time.monotonic()
        answer = super().exchange(method, url, body, headers)
        self.times.append(time.monotonic() - began)
        return answer


def array(transport: Transport, deadline: Deadline) -> Array:
    """The SVM, over the API of this run."""
    if Node.api == "zapi":
        return CmodeClient(NaServer(Post(transport), tunnel="svm1"))
    return RestClient(RestServer(transport, Patience(deadline)), Memory(), "svm1", Recent())


class Client:
    """One client, with a connection of its own."""

    def __init__(self, simulator: Simulator, number: int, together: threading.Barrier) -> None:
        self._filer = Filer(
            "127.0.0.1", simulator.port, ca_file=str(simulator.ca), login="admin", password="secret"
        )
        self._number = number
        self._together = together
        self.times: list[float] = []

    def live(self) -> None:
        """A LUN's life; in the middle of it everybody waits for everybody."""
        deadline = Deadline(SECONDS)
        with closing(Stopwatch(self._filer, deadline)) as stopwatch:
            client = array(stopwatch, deadline)
            client.prepare()
            self._begin(client)
            self._together.wait(SECONDS)  # all of them are there and mapped
            self._together.wait(SECONDS)  # somebody has looked at that
            self._end(client)
            self.times = stopwatch.times

    def _begin(self, client: Array) -> None:
        size = (4 + self._number % 5) * MIB
        lun = client.place("vol1", f"load{self._number:03}")
        spec = LunSpec(ostype="linux", space_reserved=bool(self._number % 2), comment=f"the {self._number}th")
        client.create_lun(lun, size, spec)
        assert client.map_lun(lun, "ganeti", self._number + 1000)
        seen = self._see(client)
        assert (seen.size, seen.comment, seen.mapped) == (size, spec.comment, True)
        (mapping,) = client.get_lun_map(lun)
        assert mapping.lun_id == self._number + 1000

    def _end(self, client: Array) -> None:
        lun: LunRef = client.place("vol1", f"load{self._number:03}")
        assert client.do_direct_resize(lun, 16 * MIB) == 16 * MIB
        client.set_lun_comment(lun, f"grown {self._number}")
        lun = self._see(client)
        assert (lun.size, lun.comment) == (16 * MIB, f"grown {self._number}")
        assert client.unmap_lun(lun, "ganeti")
        assert client.destroy_lun(lun)
        assert client.get_luns(lun) == []

    def _see(self, client: Array) -> Lun:
        (lun,) = client.get_luns(client.place("vol1", f"load{self._number:03}"))
        return lun


def test_two_hundred_lives_at_once(tmp_path: Path, record_property: Callable[[str, object], None]) -> None:
    together = threading.Barrier(CLIENTS + 1)
    with Simulator(tmp_path / "filer") as simulator, filer.admin(simulator) as admin:
        filer.make_igroup(admin, "ganeti", "iqn.1993-08.org.debian:01:node1")
        before = len(simulator.requests())
        clients = [Client(simulator, number, together) for number in range(CLIENTS)]
        began = time.monotonic()
        with ThreadPoolExecutor(CLIENTS) as pool:
            lives = [pool.submit(client.live) for client in clients]
            for life in lives:
                life.add_done_callback(lambda done: together.abort() if done.exception() else None)
            try:
                together.wait(SECONDS)
                luns = list(admin.get_lun_by_args(path="/vol/vol1/load*"))
                maps = admin.get_lun_map(lun_at("/vol/vol1/load*"))
                together.wait(SECONDS)
            except threading.BrokenBarrierError:
                luns, maps = [], []
            errors = [error for life in lives if (error := life.exception())]
        seconds = time.monotonic() - began
        assert [error for error in errors if not isinstance(error, threading.BrokenBarrierError)] == []
        assert len({lun.serial for lun in luns}) == len({mapping.lun_id for mapping in maps}) == CLIENTS
        assert admin.get_lun_by_args(path="/vol/*") == []
        calls = simulator.requests()[before:]
    assert seconds < SECONDS
    assert {call.status for call in calls} == {"passed"}
    times = sorted(span for client in clients for span in client.times)
    assert len(times) == CALLS[Node.api] * CLIENTS
    assert len({call.connection for call in calls}) == CLIENTS + 1, "one connection each, and the admin's"
    middle, most = statistics.median(times) * 1000, times[len(times) * 99 // 100] * 1000
    rate = f"{CLIENTS} lives in {seconds:.1f} s, {len(times) / seconds:.0f} calls a second"
    record_property("measured", f"{rate}, each in {middle:.0f} ms (median) or {most:.0f} ms (99 %)")
