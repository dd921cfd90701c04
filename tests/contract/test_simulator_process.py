"""The simulator as a process: start and end, logins, keep-alive, the request log, survival of kill -9."""

from __future__ import annotations

import base64
import contextlib
import http.client
import json
import os
import re
import signal
import socket
import ssl
import struct
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.simulator.process import REPOSITORY, Simulator
from tests.unit.zapi import document

URL = "/servlets/netapp.servlets.admin.XMLrequest_filer"
ADMIN = {"Authorization": "Basic " + base64.b64encode(b"admin:secret").decode()}
LUN = {"path": "/vol/vol1/a", "size": 10 << 20}
PASSED = b'<results status="passed"'


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Simulator]:
    """One simulator for the tests that do it no harm."""
    options = ("--volume", "svm2/vol2=1073741824", "--qtree", "svm1/vol1/q", "--account", "svm2/vsadmin:pw")
    with Simulator(tmp_path_factory.mktemp("filer"), *options) as simulator:
        yield simulator


class Clients:
    """Makes connections, and closes them at the end of the test."""

    def __init__(self, closing: contextlib.ExitStack) -> None:
        self._closing = closing

    def connect(self, simulator: Simulator, *, certificate: bool = False) -> http.client.HTTPSConnection:
        """A verified connection, with the client certificate if wanted."""
        tls = ssl.create_default_context(cafile=str(simulator.ca))
        if certificate:
            tls.load_cert_chain(simulator.client_certificate, simulator.client_key)
        connection = http.client.HTTPSConnection("127.0.0.1", simulator.port, timeout=10, context=tls)
        return self._closing.enter_context(contextlib.closing(connection))

    def run(self, *options: str) -> subprocess.Popen[bytes]:
        """A simulator as a user starts it, killed at the end if it still runs."""
        command = [sys.executable, "-m", "tests.simulator", *options]
        pipe = subprocess.PIPE
        child = subprocess.Popen(command, cwd=REPOSITORY, stdin=pipe, stdout=pipe, stderr=pipe)  # noqa: S603
        self._closing.callback(child.communicate)
        self._closing.callback(child.kill)
        return child


@pytest.fixture
def clients() -> Iterator[Clients]:
    """Connections of one test."""
    with contextlib.ExitStack() as closing:
        yield Clients(closing)


def port_of(child: subprocess.Popen[bytes]) -> int:
    """The port of a simulator's ready line."""
    assert child.stdout is not None
    return int(child.stdout.readline().split()[1].rpartition(b":")[2])


def post(
    connection: http.client.HTTPConnection, body: bytes, headers: dict[str, str] | None = None, url: str = URL
) -> tuple[int, bytes]:
    """Status and body of one request."""
    connection.request("POST", url, body, ADMIN if headers is None else headers)
    response = connection.getresponse()
    return response.status, response.read()


def test_the_ready_line_says_where_and_whom_to_trust(running: Simulator) -> None:
    assert running.ready_line == f"simulator: https://127.0.0.1:{running.port} ca={running.state}/ca.pem"


def test_starting_is_quick(tmp_path: Path) -> None:
    """In its own processor time: how long that takes by the clock is up to whoever else is at work here."""
    with Simulator(tmp_path) as simulator:
        used = Path(f"/proc/{simulator.pid}/stat").read_text().rpartition(")")[2].split()[11:13]
        assert sum(map(int, used)) / os.sysconf("SC_CLK_TCK") < 3


def test_options_made_vservers_volumes_qtrees_and_accounts(clients: Clients, running: Simulator) -> None:
    connection = clients.connect(running)
    in_qtree = document("lun-create-by-size", {"path": "/vol/vol1/q/a", "size": 10 << 20})
    assert PASSED in post(connection, in_qtree)[1]
    login = {"Authorization": "Basic " + base64.b64encode(b"vsadmin:pw").decode()}
    status, body = post(connection, document("volume-get-iter", vserver=None), login)
    assert (status, re.findall(rb"<name>(.*?)</name>", body)) == (200, [b"svm2_root", b"vol2"])
    assert b"<size>1073741824</size>" in body


def test_options_say_what_the_filer_lacks_and_how_it_refuses(clients: Clients, tmp_path: Path) -> None:
    options = ("--without", "flexclone", "--luns-per-volume", "1", "--map-conflict", "9039")
    with Simulator(tmp_path, *options) as simulator:
        connection = clients.connect(simulator)

        def errno(api: str, **arguments: object) -> str:
            given = {name.replace("_", "-"): value for name, value in arguments.items()}
            found = re.search(rb'errno="(\d+)"', post(connection, document(api, given))[1])
            return found[1].decode() if found else ""

        assert errno("lun-create-by-size", **LUN) == ""
        assert errno("lun-create-by-size", path="/vol/vol1/b", size=10 << 20) == "9158"
        assert errno("clone-create", volume="vol1", source_path="a", destination_path="b") == "14956"
        for name in "gh":
            assert errno("igroup-create", initiator_group_name=name, initiator_group_type="iscsi") == ""
            assert errno("igroup-add", initiator_group_name=name, initiator="iqn.1993-08.org.debian:01:a") == ""
        assert errno("lun-map", path=LUN["path"], initiator_group="g") == ""
        assert errno("lun-map", path=LUN["path"], initiator_group="h") == "9039"


def test_an_option_says_what_lists_tell_of_offline_volumes(clients: Clients, tmp_path: Path) -> None:
    with Simulator(tmp_path, "--offline-volumes-unlisted") as simulator:
        connection = clients.connect(simulator)
        for request in (document("lun-create-by-size", LUN), document("volume-offline", {"name": "vol1"})):
            assert b'status="passed"' in post(connection, request)[1]
        listed = post(connection, document("lun-get-iter"))[1]
    assert b"<num-records>0</num-records><volume-errors><volume-error><errno>13042</errno><name>vol1<" in listed


def test_without_a_login_there_is_a_challenge(clients: Clients, running: Simulator) -> None:
    connection = clients.connect(running)
    wrong = {"Authorization": "Basic " + base64.b64encode(b"admin:guess").decode()}
    for headers in ({}, wrong, {"Authorization": "Basic ???"}, {"Authorization": "Bearer x"}):
        connection.request("POST", URL, document("vserver-get"), headers)
        response = connection.getresponse()
        assert (response.status, response.headers["WWW-Authenticate"]) == (401, 'Basic realm="Administrator"')
        assert response.read()


def test_a_client_certificate_is_a_login(clients: Clients, running: Simulator) -> None:
    assert post(clients.connect(running, certificate=True), document("vserver-get"), {})[0] == 200
    assert running.requests()[-1].account == "admin"


def test_other_urls_and_methods(clients: Clients, running: Simulator) -> None:
    connection = clients.connect(running)
    assert post(connection, b"", url="/apis/XMLrequest")[0] == 404
    connection.request("GET", URL, headers=ADMIN)
    response = connection.getresponse()
    assert (response.status, b'status="failed" errno="Not_Allowed"' in response.read()) == (200, True)
    connection.request("GET", "/", headers=ADMIN)
    response = connection.getresponse()
    assert (response.status, bool(response.read())) == (404, True)


def test_a_body_has_a_length_and_a_limit(clients: Clients, running: Simulator) -> None:
    cases: tuple[tuple[dict[str, str], int], ...] = (
        ({"Content-Length": str(17 << 20)}, 413),
        ({}, 411),
    )
    for headers, status in cases:
        connection = clients.connect(running)
        connection.putrequest("POST", URL)
        for name, value in headers.items():
            connection.putheader(name, value)
        connection.endheaders()
        assert connection.getresponse().status == status
        connection.close()


def test_a_body_may_come_in_chunks(clients: Clients, running: Simulator) -> None:
    connection = clients.connect(running)
    request = document("vserver-get")
    for cut in (1, 50, len(request)):
        pieces = (request[start : start + cut] for start in range(0, len(request), cut))
        connection.request("POST", URL, body=pieces, headers=ADMIN, encode_chunked=True)
        response = connection.getresponse()
        assert (response.status, PASSED in response.read()) == (200, True)
    broken = {**ADMIN, "Transfer-Encoding": "chunked"}
    connection.request("POST", URL, body=b"nonsense\r\n", headers=broken, encode_chunked=False)
    assert connection.getresponse().status == 400


def test_one_connection_carries_many_requests_and_the_log_tells(clients: Clients, running: Simulator) -> None:
    connection = clients.connect(running)
    before = len(running.requests())
    assert post(connection, document("lun-get-comment", {"path": "/vol/vol1/none"}))[0] == 200
    assert post(connection, document("system-get-version", vserver=None))[0] == 200
    assert post(connection, document("vserver-get"), {})[0] == 401
    refused, passed, unknown = running.requests()[before:]
    assert connection.sock is not None
    peer = "{}:{}".format(*connection.sock.getsockname())
    assert refused.connection == passed.connection == unknown.connection
    assert refused.peer == passed.peer == peer
    assert (refused.account, refused.http, refused.api, refused.vserver) == (
        "admin",
        200,
        "lun-get-comment",
        "svm1",
    )
    assert (refused.arguments, refused.status, refused.errno) == ("path=/vol/vol1/none", "failed", "9017")
    assert (passed.vserver, passed.status, passed.errno) == (None, "passed", None)
    assert (unknown.account, unknown.http, unknown.api, unknown.status) == (None, 401, None, None)
    assert 0 <= refused.seconds < 1
    assert refused.time <= passed.time <= time.time()
    assert post(clients.connect(running), document("vserver-get"))[0] == 200
    assert running.requests()[-1].connection > refused.connection


def test_state_survives_kill_9(clients: Clients, tmp_path: Path) -> None:
    with Simulator(tmp_path) as simulator:
        trusted = simulator.ca.read_bytes()
        connection = clients.connect(simulator)
        for number in range(30):
            lun = {"path": f"/vol/vol1/{number}", "size": 10 << 20}
            assert PASSED in post(connection, document("lun-create-by-size", lun))[1]
        port = simulator.port
        simulator.restart()
        assert (simulator.port, simulator.ca.read_bytes()) == (port, trusted)
        body = post(clients.connect(simulator), document("lun-get-iter", {"max-records": 100}))[1]
        assert b"<num-records>30</num-records>" in body
        assert len(list((tmp_path / "luns").iterdir())) == 30
        assert len(simulator.requests()) == 31


def test_a_request_survives_whole_or_not_at_all(clients: Clients, tmp_path: Path) -> None:
    """Killed while it works: what was answered is there, and the rest is either there or not."""
    with Simulator(tmp_path) as simulator:
        connection = clients.connect(simulator)
        answered = []
        for number in range(20):
            path = f"/vol/vol1/{number}"
            post(connection, document("lun-create-by-size", {"path": path, "size": 10 << 20}))
            answered.append(path)
        connection.request(
            "POST", URL, document("lun-create-by-size", {"path": "/vol/vol1/last", "size": 10 << 20}), ADMIN
        )
        simulator.restart()
        body = post(clients.connect(simulator), document("lun-get-iter", {"max-records": 100}))[1]
        paths = {path.decode() for path in re.findall(rb"<path>(.*?)</path>", body)}
        assert set(answered) <= paths <= {*answered, "/vol/vol1/last"}
        assert len(list((tmp_path / "luns").iterdir())) == len(paths)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_it_in_good_order(clients: Clients, tmp_path: Path, number: signal.Signals) -> None:
    child = clients.run("--http", "--state", str(tmp_path))
    with contextlib.closing(http.client.HTTPConnection("127.0.0.1", port_of(child), timeout=10)) as connection:
        assert post(connection, document("vserver-get"))[0] == 200
        child.send_signal(number)
        output, errors = child.communicate(timeout=10)
    assert (child.returncode, output, errors) == (0, b"", b"")


def test_it_ends_with_its_lifeline(clients: Clients, tmp_path: Path) -> None:
    child = clients.run("--http", "--lifeline", "--state", str(tmp_path))
    port_of(child)
    _, errors = child.communicate(timeout=10)
    assert (child.returncode, errors) == (0, b"")


def test_clients_that_vanish_leave_no_trace_on_stderr(clients: Clients, tmp_path: Path) -> None:
    child = clients.run("--state", str(tmp_path))
    port = port_of(child)
    socket.create_connection(("127.0.0.1", port)).close()
    with socket.create_connection(("127.0.0.1", port)) as plain:
        plain.sendall(b"GET / HTTP/1.1\r\n\r\n")
        with contextlib.suppress(ConnectionResetError):
            plain.recv(100)
    tls = ssl.create_default_context(cafile=str(tmp_path / "ca.pem"))
    for data in (b"", b"POST " + URL.encode() + b" HTTP/1.1\r\nContent-Length: 100\r\n\r\nhalf"):
        with socket.create_connection(("127.0.0.1", port)) as raw:
            # Lingering for no time makes close() a reset.
            raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            with tls.wrap_socket(raw, server_hostname="127.0.0.1") as secured:
                secured.sendall(data)
    with contextlib.closing(http.client.HTTPSConnection("127.0.0.1", port, timeout=10, context=tls)) as connection:
        assert post(connection, document("vserver-get"))[0] == 200
    child.terminate()
    assert child.communicate(timeout=10)[1] == b""


def test_a_slow_handshake_holds_up_nobody(clients: Clients, running: Simulator) -> None:
    with socket.create_connection(("127.0.0.1", running.port)):
        assert post(clients.connect(running), document("vserver-get"))[0] == 200


def test_log_lines_are_json_with_these_fields(clients: Clients, running: Simulator) -> None:
    post(clients.connect(running), document("vserver-get"))
    last = json.loads((running.state / "requests.jsonl").read_text().splitlines()[-1])
    assert list(last) == [
        *("time", "connection", "peer", "account", "http", "api", "vserver", "arguments", "status", "errno"),
        *("seconds", "fault"),
    ]


def test_the_child_is_no_one_elses(tmp_path: Path) -> None:
    with Simulator(tmp_path) as simulator:
        pid = simulator.pid
        os.kill(pid, 0)
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)
