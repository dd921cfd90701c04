"""REST over HTTPS, beside ZAPI on the same port."""

from __future__ import annotations

import http.client
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from lxml import etree

from tests.contract.rest_client import LUNS, NEW, Answer, Client
from tests.simulator.faults import Fault
from tests.simulator.process import Simulator
from tests.unit.zapi import document, texts


@pytest.fixture(scope="module")
def filer(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Simulator]:
    """One filer for this file; each test makes LUNs of its own."""
    with Simulator(tmp_path_factory.mktemp("filer"), "--release", "9.14.1") as simulator:
        yield simulator


@pytest.fixture
def client(filer: Simulator) -> Iterator[Client]:
    """The admin's client; no LUN is left behind."""
    client = Client(filer)
    yield client
    client("DELETE", f"{LUNS}?name=*&allow_delete_while_mapped=true")
    client.close()


def test_a_lun_over_one_connection(filer: Simulator, client: Client) -> None:
    before = len(filer.requests())
    made = client("POST", f"{LUNS}?return_records=true", NEW)
    place = made.headers["Location"]
    assert (made.status, made.headers["Content-Type"]) == (201, "application/hal+json")
    assert place == f"{LUNS}/{made.content['records'][0]['uuid']}"
    assert client("PATCH", place, {"comment": "x"}).content == {}
    assert client("GET", place.replace("/api/", "/api//") + "/?fields=comment").content["comment"] == "x"
    assert client("DELETE", place).status == 200
    gone = client("GET", place)
    assert (gone.status, gone.code) == (404, "5374875")
    logged = filer.requests()[before:]
    assert [request.api for request in logged] == [
        "POST /storage/luns",
        "PATCH /storage/luns/{uuid}",
        "GET /storage/luns/{uuid}",
        "DELETE /storage/luns/{uuid}",
        "GET /storage/luns/{uuid}",
    ]
    assert [request.errno for request in logged] == [None, None, None, None, "5374875"]
    assert {request.connection for request in logged} == {logged[0].connection}
    assert "return_records=true" in logged[0].arguments and "/vol/vol1/a" in logged[0].arguments


def test_what_one_api_makes_the_other_sees(client: Client) -> None:
    client("POST", LUNS, NEW)
    query = {"query": {"lun-info": {"path": "/vol/vol1/a"}}}
    (serial,) = texts(etree.fromstring(client.zapi(document("lun-get-iter", query)).body), "{*}serial-number")
    (lun,) = client("GET", f"{LUNS}?name=/vol/vol1/a&fields=serial_number").content["records"]
    assert lun["serial_number"] == serial


def test_who_may_come_in(filer: Simulator) -> None:
    for login in (None, ("admin", "wrong"), ("nobody", "secret")):
        client = Client(filer, login)
        answer = client("GET", "/api/cluster")
        assert (answer.status, answer.headers["WWW-Authenticate"]) == (401, 'Basic realm="Administrator"')
        assert answer.content["error"]["code"] == "6691623"
        client.close()


def test_links_and_the_svm_by_header(client: Client) -> None:
    plain = client("GET", f"{LUNS}?max_records=1", Accept="application/json")
    assert plain.content == {"records": [], "num_records": 0}
    assert "_links" in client("GET", LUNS, Accept="application/hal+json").content
    assert client("POST", LUNS, {**NEW, "svm.name": ""}, X_Dot_SVM_Name="svm1").status == 201


@pytest.mark.parametrize(("method", "path"), [("GET", "/api/nothing"), ("GET", "/api"), ("POST", "/api/cluster")])
def test_what_is_not_there(client: Client, method: str, path: str) -> None:
    answer = client(method, path, {} if method == "POST" else None)
    assert (answer.status, answer.code) == (404, "3")


@pytest.mark.parametrize("path", ["/other", "/apis", "/"])
def test_other_addresses_are_no_apis(client: Client, path: str) -> None:
    for method in ("GET", "PATCH", "DELETE"):
        answer = client(method, path)
        assert (answer.status, answer.headers["Content-Type"]) == (404, "text/html")


SWITCHES = [
    (["--no-rest"], 404, "passed"),
    (["--zapi", "off"], 200, "404"),
    (["--zapi", "suspended"], 200, "61253"),
]


@pytest.mark.parametrize(("options", "rest", "zapi"), SWITCHES)
def test_each_api_can_be_off(tmp_path: Path, options: list[str], rest: int, zapi: str) -> None:
    with Simulator(tmp_path / "filer", *options) as filer:
        client = Client(filer)
        assert client("GET", "/api/cluster").status == rest
        answer = client.zapi(document("system-get-version", vserver=None))
        assert zapi in answer.body.decode() or str(answer.status) == zapi
        client.close()


def test_jobs_and_pages_by_options(tmp_path: Path) -> None:
    with Simulator(tmp_path / "filer", "--job-seconds", "0.2", "--records-per-page", "1") as filer:
        client = Client(filer)
        began = client("POST", LUNS, NEW)
        assert began.status == 202
        done = client("POST", f"{LUNS}?return_timeout=10", {**NEW, "name": "/vol/vol1/b"})
        assert (done.status, "job" in done.content) == (201, True)
        job = client("GET", began.content["job"]["_links"]["self"]["href"])
        assert job.content["state"] == "success"
        page = client("GET", f"{LUNS}?order_by=name", Accept="application/json").content
        assert (page["num_records"], list(page["_links"])) == (1, ["next"])
        last = client("GET", page["_links"]["next"]["href"], Accept="application/json").content
        assert (last["records"][0]["name"], "_links" in last) == ("/vol/vol1/b", False)
        client.close()


def test_each_account_at_its_own_address(tmp_path: Path) -> None:
    """An SVM's account gets 401 at the cluster's address; both addresses are of one filer."""
    options = ("--svm-listen", "svm1=127.0.0.11:0", "--account", "svm1/v:secret", "--account", "svm2/w:secret")
    with Simulator(tmp_path / "filer", *options) as filer:
        host, _, port = filer.ready_line.rpartition("svm1=")[2].rpartition(":")
        statuses = []
        for login in ("admin", "v", "w"):
            for place in (("127.0.0.1", filer.port), (host, int(port))):
                client = Client(filer, (login, "secret"), place)
                statuses.append(client("GET", "/api/svm/svms").status)
                client.close()
        assert statuses == [200, 401, 401, 200, 401, 401]
        with filer.control.armed_with(Fault("errno", errno="4", times=None)):
            client = Client(filer, ("v", "secret"), (host, int(port)))
            assert client("GET", "/api/cluster").code == "4", "faults befall every address"
            client.close()


def test_more_connections_of_an_address_wait(tmp_path: Path) -> None:
    with Simulator(tmp_path / "filer", "--connections-per-address", "2", "--http") as filer:
        first, second, third = (socket.create_connection(("127.0.0.1", filer.port)) for _ in range(3))
        ask = b"GET /api/nothing HTTP/1.1\r\nHost: filer\r\n\r\n"
        for connection in (first, second, third):
            connection.sendall(ask)
        for connection in (first, second):
            assert connection.recv(12) == b"HTTP/1.1 401"
        third.settimeout(0.2)
        with pytest.raises(socket.timeout):
            third.recv(12)
        first.close()
        third.settimeout(30)
        assert third.recv(12) == b"HTTP/1.1 401"
        for connection in (second, third):
            connection.close()


def befallen(filer: Simulator, client: Client, fault: Fault, path: str, body: Any = None) -> Answer:
    """The answer under a fault, which says by its API what is asked."""
    method = (fault.api or "GET").partition(" ")[0]
    with filer.control.armed_with(fault):
        answer = client(method, path, body)
        assert [struck for _, struck in filer.control.armed()] == [1]
    return answer


def test_faults_of_http_befall_rest(filer: Simulator, client: Client) -> None:
    api = "GET /storage/luns"
    for kind, expected in (
        ("garbage", b"\x00\x01"),
        ("page", b"<!DOCTYPE"),
        ("hollow", b"{}"),
        ("nested", b"[[["),
    ):
        assert befallen(filer, client, Fault(kind, api=api), LUNS).body.startswith(expected)
    assert befallen(filer, client, Fault("status", api=api, status=429), LUNS).status == 429
    assert len(befallen(filer, client, Fault("short", api=api, after=True), LUNS).body) > 0
    client("POST", LUNS, NEW)
    for kind in ("reset", "hangup", "truncated"):
        with pytest.raises((OSError, http.client.HTTPException)):
            befallen(filer, client, Fault(kind, api=api, after=True), f"{LUNS}?fields=**")
        client.close()


def test_a_refusal_although_the_lun_was_made(filer: Simulator, client: Client) -> None:
    for name, code in (("a", "5374863"), ("b", "5374886")):
        fault = Fault("errno", api="POST /storage/luns", errno=code, after=True)
        assert befallen(filer, client, fault, LUNS, {**NEW, "name": f"/vol/vol1/{name}"}).code == code
    assert client("GET", LUNS).content["num_records"] == 2
    locked = befallen(filer, client, Fault("errno", api="POST /storage/luns", errno="2621573"), LUNS, NEW)
    assert (locked.status, locked.code) == (400, "2621573")
    unreadable = Fault("errno", api="GET /cluster/jobs/{uuid}", errno="6")
    assert befallen(filer, client, unreadable, "/api/cluster/jobs/x").status == 403


def test_faults_of_collections(filer: Simulator, client: Client) -> None:
    for name in "ab":
        client("POST", LUNS, {**NEW, "name": f"/vol/vol1/{name}"})
    api, asked = "GET /storage/luns", f"{LUNS}?name=/vol/vol1/a&fields=comment"
    assert befallen(filer, client, Fault("miscounted", api=api), asked).content["num_records"] == 2
    another = befallen(filer, client, Fault("another", api=api), asked).content
    assert ([each["name"] for each in another["records"]], another["num_records"]) == (["/vol/vol1/b"], 1)
    endless = befallen(filer, client, Fault("endless", api=api), asked).content
    assert len(endless["records"]) == 1
    page = client("GET", endless["_links"]["next"]["href"]).content
    assert (page["records"], page["_links"]["next"]["href"]) == ([], endless["_links"]["next"]["href"])
    unready = befallen(filer, client, Fault("unready", api=api), asked).content
    assert unready["records"] == []
    assert client("GET", unready["_links"]["next"]["href"]).content["records"][0]["name"] == "/vol/vol1/a"


def test_faults_inside_the_filer(filer: Simulator, client: Client) -> None:
    with filer.control.armed_with(Fault("stale", api="POST /storage/luns", seconds=600)):
        made = client("POST", LUNS, {**NEW, "name": "/vol/vol1/stale"})
        assert made.status == 201
        assert client("GET", f"{LUNS}?name=/vol/vol1/stale").content["num_records"] == 0
    assert client("GET", f"{LUNS}?name=/vol/vol1/stale").content["num_records"] == 1, "the fault is cleared"
    place = made.headers["Location"]
    job = Fault("job", api="PATCH /storage/luns/{uuid}", seconds=0.1, after=True)
    assert befallen(filer, client, job, place + "?return_timeout=5", {"comment": "x"}).status == 200
    fails = Fault("job", api="PATCH /storage/luns/{uuid}", seconds=0.1, errno="524486", reason="busy")
    began = befallen(filer, client, fails, place, {"comment": "y"})
    assert began.status == 202
    failed = befallen(filer, client, fails, place + "?return_timeout=5", {"comment": "y"})
    assert failed.code == "524486"
    ended = client("GET", began.content["job"]["_links"]["self"]["href"]).content
    assert (ended["state"], ended["error"]["message"]) == ("failure", "busy")
    assert client("GET", place + "?fields=comment").content["comment"] == "x"


def test_a_bad_length_and_too_long_a_body(client: Client) -> None:
    answer = client("POST", LUNS, None, Content_Length="x")
    assert (answer.status, answer.headers["Connection"]) == (411, "close")
