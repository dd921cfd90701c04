"""Each fault as a client sees it, over real HTTPS; and the control socket that arms them."""

from __future__ import annotations

import http.client
import json
import socket
import ssl
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from dataontap.client.zapi.cmode import CmodeClient
from dataontap.client.zapi.luns import lun_at
from dataontap.errors import OntapError
from tests.simulator import control
from tests.simulator.control import NAME, ControlError
from tests.simulator.faults import KINDS, LISTS, OF_REST, SLOW, Fault
from tests.simulator.process import REPOSITORY, Simulator
from tests.testbed import filer

PATH = "/vol/vol1/a"
COMMENT = {"path": PATH, "comment": "new"}
URL = "/servlets/netapp.servlets.admin.XMLrequest_filer"
AUTHORIZATION = {"Authorization": "Basic YWRtaW46c2VjcmV0"}  # admin:secret
CALL = (
    b"<netapp xmlns='http://www.netapp.com/filer/admin' version='1.15' vfiler='svm1'><lun-set-comment>"
    b"<path>/vol/vol1/a</path><comment>new</comment></lun-set-comment></netapp>"
)


@pytest.fixture
def admin(simulator: Simulator) -> Iterator[CmodeClient]:
    """The admin, of a filer with one LUN."""
    with filer.admin(simulator) as client:
        client.server.send_request("lun-create-by-size", {"path": PATH, "size": 4 << 20, "ostype": "linux"})
        yield client


@pytest.fixture
def connection(simulator: Simulator) -> Iterator[http.client.HTTPSConnection]:
    """A bare client, with a time limit."""
    tls = ssl.create_default_context(cafile=str(simulator.ca))
    connection = http.client.HTTPSConnection("127.0.0.1", simulator.port, timeout=1, context=tls)
    yield connection
    connection.close()


def post(connection: http.client.HTTPSConnection) -> tuple[int, bytes]:
    """Set the LUN's comment."""
    connection.request("POST", URL, body=CALL, headers=AUTHORIZATION)
    response = connection.getresponse()
    return response.status, response.read()


def comment(admin: CmodeClient) -> str:
    (lun,) = admin.get_lun_by_args(path=PATH)
    return lun.comment


ANSWERED = {
    "errno": (200, b'<results reason="injected by a test" status="failed" errno="13001">'),
    "status": (503, b"<html>"),
    "garbage": (200, bytes(range(256))),
    "page": (200, b"<!DOCTYPE html>"),
    "hollow": (200, b'<results status="passed"/>'),
    "bomb": (200, b'<!ENTITY e1 "&e0;&e0;'),
    "external": (200, b'<!ENTITY file SYSTEM "file:///etc/hostname">'),
    "nested": (200, b"<a><a><a>"),
}
UNANSWERED: dict[str, tuple[type[Exception], ...]] = {
    "delay": (TimeoutError,),
    "drip": (TimeoutError,),
    "reset": (ConnectionResetError,),
    "hangup": (http.client.RemoteDisconnected,),
    "truncated": (ConnectionResetError, http.client.IncompleteRead),
    "certificate": (ConnectionResetError,),
    "takeover": (ConnectionError, ssl.SSLError),
}


def test_every_kind_is_tried_here() -> None:
    assert {*ANSWERED, *UNANSWERED, "short", *LISTS, *OF_REST} == set(KINDS)


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("kind", ANSWERED)
def test_a_false_answer(
    simulator: Simulator, admin: CmodeClient, connection: http.client.HTTPSConnection, kind: str, after: bool
) -> None:
    with simulator.control.armed_with(Fault(kind, api="lun-set-comment", after=after)):
        status, body = post(connection)
        assert (status, ANSWERED[kind][1] in body) == (ANSWERED[kind][0], True), body[:400]
        assert comment(admin) == ("new" if after else "")
        assert b'status="passed"/>' in post(connection)[1], "the next one goes well, on the same connection"


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("kind", UNANSWERED)
def test_no_answer(
    simulator: Simulator, admin: CmodeClient, connection: http.client.HTTPSConnection, kind: str, after: bool
) -> None:
    fault = Fault(kind, api="lun-set-comment", after=after, seconds=60 if kind in SLOW else 0)
    with simulator.control.armed_with(fault):
        with pytest.raises(UNANSWERED[kind]):
            post(connection)
        connection.close()
    with filer.admin(simulator) as another:  # a takeover ends the first one's connection, too
        assert comment(another) == ("new" if after else "")
    assert post(connection)[0] == 200


def test_half_a_document(
    simulator: Simulator, admin: CmodeClient, connection: http.client.HTTPSConnection
) -> None:
    assert comment(admin) == ""
    with simulator.control.armed_with(Fault("short", after=True)):
        _, half = post(connection)
    _, whole = post(connection)
    assert whole.startswith(half)
    assert len(half) == len(whole) // 2


WRONG_LISTS = {
    "volume-errors": "the volume vol1 could not be listed: injected by a test (errno 13001)",
    "miscounted": "the answer to lun-get-iter announces 2 records and has 1",
    "endless": "the pages of lun-get-iter have no end: the same next-tag came twice",
    "another": f"the filer answered lun-get-iter with {PATH}2, which was not asked for",
}


@pytest.mark.parametrize("kind", LISTS)
def test_a_list_that_cannot_be_believed(simulator: Simulator, admin: CmodeClient, kind: str) -> None:
    """The client sees through each, or is told; and the next list is fine."""
    admin.server.send_request("lun-create-by-size", {"path": f"{PATH}2", "size": 4 << 20, "ostype": "linux"})
    with simulator.control.armed_with(Fault(kind, api="lun-get-iter")):
        admin.set_lun_comment(lun_at(PATH), "x")
        try:
            (problem,) = admin.get_lun_by_args(path=PATH).problems
            message = f"the {problem}"
        except OntapError as error:
            message = str(error)
        assert message == WRONG_LISTS[kind]
        assert comment(admin) == "x"
    (logged,) = {call.fault for call in simulator.requests() if call.fault}
    assert logged == kind


def test_a_delay_within_the_time_limit(
    simulator: Simulator, admin: CmodeClient, connection: http.client.HTTPSConnection
) -> None:
    assert comment(admin) == ""
    with simulator.control.armed_with(Fault("delay", seconds=0.2)):
        began = time.monotonic()
        assert post(connection)[0] == 200
        assert time.monotonic() - began > 0.2
    assert comment(admin) == "new"


def test_the_certificate(simulator: Simulator, connection: http.client.HTTPSConnection) -> None:
    """A renewed one is as good as the first; another CA's is not, until all is well again."""
    for certificate in ("renewed", "foreign"):
        simulator.control.arm(Fault("certificate", certificate=certificate))
        with pytest.raises(ConnectionResetError):
            post(connection)
        connection.close()
        if certificate == "foreign":
            with pytest.raises(ssl.SSLCertVerificationError):
                post(connection)
            connection.close()
            simulator.control.clear()
        assert post(connection)[0] == 200


def test_a_takeover(simulator: Simulator, admin: CmodeClient, connection: http.client.HTTPSConnection) -> None:
    """Other clients' connections end, too; who comes meanwhile is answered when it is over."""
    assert post(connection)[0] == 200
    simulator.control.arm(Fault("takeover", api="lun-get-iter", seconds=60))
    with pytest.raises(Exception, match="the connection to .* failed"):
        comment(admin)
    with pytest.raises((ConnectionError, ssl.SSLError)):
        post(connection)
    connection.close()
    statuses: list[int] = []
    connection.timeout = 30
    waiting = threading.Thread(target=lambda: statuses.append(post(connection)[0]))
    waiting.start()
    assert statuses == []
    simulator.control.clear()
    waiting.join(30)
    assert statuses == [200]


def test_a_connection_that_was_being_made_at_a_takeover(
    simulator: Simulator, admin: CmodeClient, connection: http.client.HTTPSConnection
) -> None:
    """Who got through the door before it shut is not answered either, and nothing is done for them."""
    early = socket.create_connection(("127.0.0.1", simulator.port), timeout=1)
    with filer.admin(simulator) as later:
        assert comment(later) == "", "the listener, which takes one after the other, has taken the early one"
    simulator.control.arm(Fault("takeover", api="lun-get-iter", seconds=60))
    with pytest.raises(Exception, match="the connection to .* failed"):
        comment(admin)
    tls = ssl.create_default_context(cafile=str(simulator.ca))
    with pytest.raises((OSError, http.client.HTTPException)):
        connection.sock = tls.wrap_socket(early, server_hostname="127.0.0.1")
        post(connection)
    connection.close()
    early.close()
    simulator.control.clear()
    with filer.admin(simulator) as another:
        assert comment(another) == ""


def test_the_log_says_what_befell_a_request(
    simulator: Simulator, admin: CmodeClient, connection: http.client.HTTPSConnection
) -> None:
    with simulator.control.armed_with(Fault("reset", api="lun-set-comment", nth=2)):
        post(connection)
        with pytest.raises(ConnectionResetError):
            post(connection)
        ((_, struck),) = simulator.control.armed()
        assert struck == 1
    calls = [call for call in simulator.requests() if call.api == "lun-set-comment"]
    assert [(call.status, call.fault) for call in calls] == [("passed", None), ("not carried out", "reset")]


def test_the_command_line(simulator: Simulator, admin: CmodeClient) -> None:
    def control(*arguments: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "tests.simulator.control", "--state", str(simulator.state), *arguments]
        return subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, check=False)

    armed = control("arm", "--kind", "errno", "--api", "lun-get-iter", "--times", "0", "--errno", "13114")
    assert json.loads(armed.stdout)["times"] is None, armed.stderr
    for _ in range(2):
        with pytest.raises(Exception, match="errno 13114"):
            comment(admin)
    assert json.loads(control("list").stdout)["struck"] == 2
    assert json.loads(control("clear").stdout)["struck"] == 2
    assert control("list").stdout == ""
    assert comment(admin) == ""
    assert all(kind in control("kinds").stdout for kind in KINDS)
    refused = control("arm", "--kind", "drip")
    assert (refused.returncode, refused.stderr) == (1, "control: drip: needs seconds\n")


def test_an_initiator_logs_in_and_out_while_it_runs(simulator: Simulator, admin: CmodeClient) -> None:
    iqn = "iqn.1993-08.org.debian:01:late"
    simulator.control.log_in("svm1", iqn)
    assert admin.logged_in([iqn], "iscsi") == {iqn}
    simulator.control.log_out("svm1", iqn)
    assert admin.logged_in([iqn], "iscsi") == set()
    control.main(["--state", str(simulator.state), "login", "svm1", iqn])
    assert admin.logged_in([iqn], "iscsi") == {iqn}
    with pytest.raises(ControlError, match="login takes a vserver and an initiator"):
        simulator.control._ask({"do": "login", "vserver": "svm1"})


def test_requests_that_are_none(simulator: Simulator) -> None:
    with pytest.raises(ControlError, match="no such field: colour"):
        simulator.control._ask({"do": "arm", "kind": "reset", "colour": "red"})
    with socket.socket(socket.AF_UNIX) as connection:
        connection.connect(str(simulator.state / NAME))
        stream = connection.makefile("rw")
        for line in ("{", "[]", '{"do": "dance"}', '{"do": "arm"}', '{"do": "arm", "kind": "reset", "nth": "x"}'):
            print(line, file=stream, flush=True)
            assert "error" in json.loads(stream.readline()), line
    assert simulator.control.armed() == []


def test_a_state_directory_with_a_long_name(tmp_path: Path) -> None:
    state = tmp_path / ("x" * 60) / ("y" * 60)
    state.mkdir(parents=True)
    with Simulator(state) as running:
        assert running.control.clear() == []
