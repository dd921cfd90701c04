"""What the filer serves changes while it runs: each API, jobs, stale collections."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.contract.rest_client import LUNS, NEW, Client
from tests.simulator.control import ControlError
from tests.simulator.faults import Fault
from tests.simulator.process import REPOSITORY, Simulator
from tests.unit.zapi import document

VERSION = document("system-get-version", vserver=None)


@pytest.fixture
def filer(tmp_path: Path) -> Iterator[Simulator]:
    """A filer of its own for each test."""
    with Simulator(tmp_path / "filer", "--release", "9.14.1") as simulator:
        yield simulator


@pytest.fixture
def client(filer: Simulator) -> Iterator[Client]:
    """The admin's, over one connection."""
    client = Client(filer)
    yield client
    client.close()


def test_each_api_goes_and_comes_in_mid_life(filer: Simulator, client: Client) -> None:
    def statuses() -> tuple[int, int, bytes]:
        zapi = client.zapi(VERSION)
        return client("GET", "/api/cluster").status, zapi.status, zapi.body

    assert statuses()[:2] == (200, 200)
    filer.control.serve(zapi="suspended")
    assert statuses()[:2] == (200, 200) and b'errno="61253"' in statuses()[2]
    filer.control.serve(zapi="off", rest=False)
    assert statuses()[:2] == (404, 404)
    filer.control.serve(zapi="on")
    assert statuses()[:2] == (404, 200) and b'status="passed"' in statuses()[2]
    filer.control.serve(rest=True)
    assert statuses()[:2] == (200, 200)


def test_a_kind_of_filer_without_zapi(tmp_path: Path) -> None:
    with Simulator(tmp_path / "filer", "--kind", "asa-r2", "--release", "9.16.1") as filer:
        filer.control.serve(zapi="on")
        client = Client(filer)
        assert client.zapi(VERSION).status == 404
        assert client("GET", "/api/cluster?fields=san_optimized").content["san_optimized"] is True
        client.close()


def test_changes_of_luns_become_jobs(filer: Simulator, client: Client) -> None:
    place = client("POST", LUNS, NEW).headers["Location"]
    filer.control.serve(job_seconds=0.05)
    began = [client("POST", LUNS, {**NEW, "name": "/vol/vol1/b"}), client("PATCH", place, {"comment": "x"})]
    assert [answer.status for answer in began] == [202, 202]
    waited = client("DELETE", f"{place}?return_timeout=20")
    assert (waited.status, "job" in waited.content) == (200, True)
    filer.control.serve(job_seconds=0)
    assert client("DELETE", f"{LUNS}?name=/vol/vol1/b").status == 200


def test_jobs_are_forgotten_when_the_filer_restarts(filer: Simulator, client: Client) -> None:
    filer.control.serve(job_seconds=600)
    job = client("POST", LUNS, NEW).content["job"]["_links"]["self"]["href"]
    assert client("GET", job).content["state"] == "running"
    client.close()
    filer.restart()
    gone = client("GET", job)
    assert (gone.status, gone.code) == (404, "4")
    assert client("GET", LUNS).content["num_records"] == 0, "nor is its change made"


def test_every_change_can_be_stale(filer: Simulator, client: Client) -> None:
    seen = f"{LUNS}?name=/vol/vol1/a"
    with filer.control.armed_with(Fault("stale", seconds=600, times=None)):
        place = client("POST", LUNS, NEW).headers["Location"]
        assert client("GET", seen).content["num_records"] == 0
        assert client("GET", place).status == 200
    place = client("POST", LUNS, {**NEW, "name": "/vol/vol1/b"}).headers["Location"]
    with filer.control.armed_with(Fault("stale", seconds=600, times=None)):
        assert client("DELETE", place).status == 200
        assert client("GET", f"{LUNS}?name=/vol/vol1/b").content["num_records"] == 1
        assert client("GET", place).status == 404


@pytest.mark.parametrize("status", [429, 503])
def test_a_busy_filer(filer: Simulator, client: Client, status: int) -> None:
    """The change is made or not, as the fault says; either way the client is told only that the filer is busy."""
    for number, after in enumerate((False, True)):
        with filer.control.armed_with(Fault("status", api="POST /storage/luns", status=status, after=after)):
            assert client("POST", LUNS, NEW).status == status
        assert client("GET", LUNS).content["num_records"] == number


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"zapi": "perhaps"}, "zapi 'perhaps': there are on, off, suspended"),
        ({"colour": "red"}, "unexpected keyword argument 'colour'"),
        ({"rest": "no"}, "rest is true or false"),
        ({"job_seconds": -1}, "job_seconds are not negative"),
        ({"job_seconds": "long"}, "not supported between"),
    ],
)
def test_what_cannot_be_served(filer: Simulator, client: Client, changes: dict[str, object], why: str) -> None:
    with pytest.raises(ControlError, match=why):
        filer.control.serve(**changes)
    assert client("GET", "/api/cluster").status == 200


def test_by_hand(filer: Simulator, client: Client) -> None:
    command = [sys.executable, "-m", "tests.simulator.control", "--state", str(filer.state), "serve"]
    subprocess.run([*command, "zapi=suspended", "job_seconds=60"], cwd=REPOSITORY, check=True, timeout=60)  # noqa: S603
    assert b'errno="61253"' in client.zapi(VERSION).body
    assert client("POST", LUNS, NEW).status == 202
    wrong = subprocess.run([*command, "zapi"], cwd=REPOSITORY, check=False, capture_output=True, text=True)  # noqa: S603
    assert wrong.returncode == 2 and "'zapi' is not FIELD=VALUE" in wrong.stderr
