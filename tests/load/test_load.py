"""Two hundred clients' LUNs at once, over real HTTPS, on one simulator process, without an error."""

from __future__ import annotations

import statistics
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import pytest

from dataontap.client.array import Lun, LunSpec
from dataontap.client.transport import Filer, Transport
from dataontap.client.zapi.api import NaServer
from dataontap.client.zapi.cmode import CmodeClient
from dataontap.client.zapi.luns import lun_at
from dataontap.client.zapi.post import Post
from dataontap.deadline import Deadline
from tests.simulator.process import Simulator
from tests.testbed import filer

MIB = 1024 * 1024
CLIENTS = 200
SECONDS = 240  # for all of them, on a machine that has more to do
CALLS = 11  # of each


class Client:
    """One client, with a connection of its own that sends nothing twice."""

    def __init__(self, simulator: Simulator, number: int, together: threading.Barrier) -> None:
        self._filer = Filer(
            "127.0.0.1", simulator.port, ca_file=str(simulator.ca), login="admin", password="secret"
        )
        self._number = number
        self._together = together
        self._path = f"/vol/vol1/load{number:03}"
        self.times: list[float] = []

    def live(self) -> None:
        """A LUN's life; in the middle of it everybody waits for everybody."""
        with closing(Transport(self._filer, Deadline(SECONDS))) as transport:

            def send(document: bytes) -> bytes:
                began = time.monotonic()
                answer = Post(transport)(document)
                self.times.append(time.monotonic() - began)
                return answer

            client = CmodeClient(NaServer(send, tunnel="svm1"))
            client.get_ontapi_version()
            self._begin(client)
            self._together.wait(SECONDS)  # all of them are there and mapped
            self._together.wait(SECONDS)  # somebody has looked at that
            self._end(client)

    def _begin(self, client: CmodeClient) -> None:
        size = (4 + self._number % 5) * MIB
        spec = LunSpec(ostype="linux", space_reserved=bool(self._number % 2), comment=f"the {self._number}th")
        client.create_lun(lun_at(self._path), size, spec)
        # Every other one leaves the choice of its id to the filer.
        assert client.map_lun(lun_at(self._path), "ganeti", self._number + 1000 if self._number % 2 else None)
        lun = self._see(client)
        assert (lun.size, lun.comment, lun.mapped) == (size, spec.comment, True)
        (mapping,) = client.get_lun_map(lun_at(self._path))
        assert (mapping.lun_id == self._number + 1000) == bool(self._number % 2)

    def _end(self, client: CmodeClient) -> None:
        assert client.do_direct_resize(lun_at(self._path), 16 * MIB) == 16 * MIB
        client.set_lun_comment(lun_at(self._path), f"grown {self._number}")
        lun = self._see(client)
        assert (lun.size, lun.comment) == (16 * MIB, f"grown {self._number}")
        assert client.unmap_lun(lun_at(self._path), "ganeti")
        assert client.destroy_lun(lun_at(self._path))
        assert client.get_lun_by_args(path=self._path) == []

    def _see(self, client: CmodeClient) -> Lun:
        (lun,) = client.get_lun_by_args(path=self._path)
        return lun


def test_two_hundred_lives_at_once(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
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
    assert len(times) == CALLS * CLIENTS
    assert len({call.connection for call in calls}) == CLIENTS + 1, "one connection each, and the admin's"
    with capsys.disabled():
        middle, most = statistics.median(times) * 1000, times[len(times) * 99 // 100] * 1000
        print(f"\n{CLIENTS} lives in {seconds:.1f} s, {len(times) / seconds:.0f} calls a second, ", end="")
        print(f"each in {middle:.0f} ms (median) or {most:.0f} ms (99 %)")
