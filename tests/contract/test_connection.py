"""How the filer is spoken to, and what the admin reads for each way in which that fails."""

from __future__ import annotations

import contextlib
import http.server
import socket
import ssl
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Callable

import pytest

from dataontap.client.transport import ANSWER_LIMIT, Filer, Transport
from dataontap.client.zapi.api import NaServer
from dataontap.client.zapi.cmode import CmodeClient
from dataontap.client.zapi.post import Post
from dataontap.deadline import Deadline
from dataontap.errors import TransportError
from tests.contract.conftest import MakeNode
from tests.simulator.faults import Fault
from tests.simulator.process import Simulator
from tests.testbed import filer
from tests.testbed.calls import spelled
from tests.testbed.node import Node, Outcome

VOLUME = {"VOL_NAME": "v", "VOL_UUID": "u-1", "EXTP_PROVIDER": "dataontap", "EXTP_ACCESS": "kernelspace"}
VARIABLES = {
    **VOLUME,
    "VOL_SIZE": "16",
    "VOL_NEW_SIZE": "24",
    "VOL_METADATA": "text",
    "VOL_OPEN_EXCLUSIVE": "True",
    "VOL_SNAPSHOT_NAME": "v.snap",
    "VOL_SNAPSHOT_SIZE": "16",
}


OFF = "{} (HTTP status {}); vserver services web modify -name {} -enabled true switches it on, if this is a filer"


def attach(node: Node, **options: object) -> Outcome:
    """Attach a volume that is not here, on a node configured like this."""
    node.configure(**options)
    outcome = node.script("attach", **VOLUME)
    assert (outcome.status, outcome.stdout) == (1, "")
    assert "Traceback" not in outcome.stderr
    assert len(outcome.message) <= 200
    return outcome


@contextlib.contextmanager
def listening(serve: Callable[[socket.socket], None]) -> Iterator[int]:
    """The port of a peer that treats each connection as ``serve`` does."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def accept() -> None:
            while True:
                try:
                    connection, _ = server.accept()
                except OSError:
                    return  # closed below
                with connection, contextlib.suppress(OSError):  # closed by the provider
                    serve(connection)

        thread = threading.Thread(target=accept)
        thread.start()
        try:
            yield server.getsockname()[1]
        finally:
            with contextlib.suppress(OSError):
                server.shutdown(socket.SHUT_RDWR)
    thread.join()


def answers(content: bytes, status: int = 200) -> Callable[[socket.socket], None]:
    """A web server that has one page."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.send_response(status)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        do_GET = do_POST  # noqa: N815 - the base class's name

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class's name
            """Say nothing."""

    def serve(connection: socket.socket) -> None:
        Handler(connection, ("", 0), None)  # type: ignore[arg-type]

    return serve


def hear_out(connection: socket.socket) -> None:
    """Read a whole request: closing a connection with some of it unread would reset it."""
    request = b""
    while not request.endswith(b"</netapp>") and not (request[:4] == b"GET " and request.endswith(b"\r\n\r\n")):
        request += connection.recv(65536)


def test_name(node: Node) -> None:
    outcome = attach(node, HOSTNAME="filer.invalid")
    assert outcome.message.startswith("dataontap: attach v: cannot resolve HOSTNAME 'filer.invalid': ")
    outcome = attach(node, HOSTNAME="a..b")
    assert outcome.message == "dataontap: attach v: cannot resolve HOSTNAME 'a..b': not a valid host name"


def test_refused(node: Node) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    outcome = attach(node, PORT=port)
    assert outcome.message == (
        f"dataontap: attach v: 127.0.0.1:{port} refused the connection; check HOSTNAME and PORT"
    )


@pytest.mark.parametrize(
    ("api", "transport", "step", "message"),
    [
        ("rest", "https", "", "does not answer (1 s); check HOSTNAME, routes and firewalls"),
        ("rest", "http", "GET luns: ", "did not answer in time (TIMEOUT is 1 s)"),
        ("zapi", "http", "lun-get-iter: ", "did not answer in time (TIMEOUT is 1 s)"),
    ],
)
def test_timeout(node: Node, api: str, transport: str, step: str, message: str) -> None:
    def serve(connection: socket.socket) -> None:
        while connection.recv(65536):
            continue

    with listening(serve) as port:
        outcome = attach(node, PORT=port, TIMEOUT=1, TRANSPORT_TYPE=transport, API=api)
    assert outcome.message == f"dataontap: attach v: {step}127.0.0.1:{port} {message}"
    assert outcome.seconds < 5


def test_unreachable(node: Node) -> None:
    """A peer whose queue is full answers no SYN, as an address where nobody is: that costs 20 s at most."""
    with contextlib.ExitStack() as sockets:
        server = sockets.enter_context(socket.create_server(("127.0.0.1", 0), backlog=0))
        for _ in range(3):
            waiting = sockets.enter_context(socket.socket())
            waiting.setblocking(False)
            waiting.connect_ex(server.getsockname())
        outcome = attach(node, PORT=server.getsockname()[1], TIMEOUT=120)
    assert outcome.message.endswith(" s); check HOSTNAME, routes and firewalls")
    assert 4 < outcome.seconds < 20


def test_a_takeover(node: Node, simulator: Simulator) -> None:
    """Longer than one attempt to connect waits: another one is made while there is time."""
    create = spelled("lun-create-by-size", node.api)
    with simulator.control.armed_with(Fault("takeover", api=create, after=True, seconds=7)):
        outcome = node.script("create", **VARIABLES)
    assert outcome.status == 0, outcome.stderr
    assert outcome.seconds > 7


def test_certificate_not_trusted(node: Node, simulator: Simulator) -> None:
    outcome = attach(node, CA_FILE=None)
    assert outcome.message == (
        f"dataontap: attach v: 127.0.0.1:{simulator.port}'s certificate is from a CA not in "
        "the system's store; put the CA's certificate into CA_FILE"
    )
    assert [call.api for call in simulator.requests() if call.connection > 1] == []


def test_certificate_of_somebody_else(node: Node, tmp_path: Path) -> None:
    """Trusted, but made out to another address than the one that we call."""
    with Simulator(tmp_path / "elsewhere", "--listen", "127.0.0.2:0") as elsewhere:
        outcome = attach(node, HOSTNAME="127.0.0.2", PORT=elsewhere.port, CA_FILE=str(elsewhere.ca))
    assert outcome.message == (
        "dataontap: attach v: HOSTNAME is 127.0.0.2, the certificate is for "
        "127.0.0.1, 127.0.0.11, 127.0.0.12, ...; use a name in it"
    )


def test_certificate_not_asked_for(node: Node) -> None:
    outcome = attach(node, CA_FILE=None, VERIFY_CERT=False)
    assert "there is no LUN" in outcome.message


def test_tls_to_a_plain_peer(node: Node) -> None:
    with listening(answers(b"")) as port:
        outcome = attach(node, PORT=port)
    assert outcome.message == (
        f"dataontap: attach v: 127.0.0.1:{port} does not speak TLS; check PORT and TRANSPORT_TYPE"
    )


def test_plain_http_to_a_tls_peer(node: Node) -> None:
    outcome = attach(node, TRANSPORT_TYPE="http", TIMEOUT=1)
    assert outcome.message.endswith(" reset the connection; it may require https: check TRANSPORT_TYPE and PORT")


def test_wrong_password(node: Node, simulator: Simulator) -> None:
    outcome = attach(node, PASSWORD="wrong")
    assert outcome.message == (
        f"dataontap: attach v: 127.0.0.1:{simulator.port} does not accept LOGIN 'admin' with this PASSWORD "
        "(HTTP status 401)"
    )


@pytest.mark.parametrize(
    ("api", "content", "message"),
    [
        ("rest", b"Welcome!", "the answer to GET luns is not ONTAP's JSON; is HOSTNAME an ONTAP filer?"),
        ("zapi", b"Welcome!", "the answer is not XML"),
        ("zapi", b"<html><body>Hi!</body></html>", "the answer to lun-get-iter is XML, but not ONTAP's"),
    ],
)
def test_not_ontap(node: Node, api: str, content: bytes, message: str) -> None:
    with listening(answers(content)) as port:
        outcome = attach(node, PORT=port, TRANSPORT_TYPE="http", API=api)
    assert message in outcome.message
    assert outcome.message.endswith("is HOSTNAME an ONTAP filer?")


@pytest.mark.parametrize(
    ("api", "status", "message"),
    [
        ("rest", 404, OFF.format("serves no REST", 404, "rest")),
        ("rest", 403, OFF.format("serves no REST", 403, "rest")),
        ("zapi", 404, OFF.format("serves no ZAPI", 404, "ontapi")),
        ("zapi", 403, OFF.format("serves no ZAPI", 403, "ontapi")),
        ("rest", 503, "answered with HTTP status 503"),
    ],
)
def test_http_status(node: Node, api: str, status: int, message: str) -> None:
    with listening(answers(b"", status)) as port:
        outcome = attach(node, PORT=port, TRANSPORT_TYPE="http", TIMEOUT=1, API=api)
    assert outcome.message == f"dataontap: attach v: 127.0.0.1:{port} {message}"


def test_ontapi_is_suspended(node: Node, simulator: Simulator) -> None:
    """By ONTAP itself, a month after an update or after nobody used it."""
    with simulator.control.armed_with(Fault("errno", errno="61253", reason="ZAPI is suspended", times=None)):
        outcome = attach(node, API="zapi")
    assert outcome.message == (
        "dataontap: attach v: lun-get-iter failed: ZAPI is suspended (errno 61253); "
        "system services web ontapi modify -suspended false"
    )


def test_not_even_http(node: Node) -> None:
    def serve(connection: socket.socket) -> None:
        hear_out(connection)
        connection.sendall(b"220 mail.example ESMTP\r\n")

    with listening(serve) as port:
        outcome = attach(node, PORT=port, TRANSPORT_TYPE="http")
    assert outcome.message.endswith(f": 127.0.0.1:{port} does not speak HTTP; check PORT and TRANSPORT_TYPE")


@pytest.mark.parametrize(
    ("answer", "missing"),
    [
        (b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n<netapp>", "992 bytes are missing"),
        (b"HTTP/1.1 200 OK\r\nServer: libz", "the rest of its head is missing"),
    ],
)
def test_an_answer_that_breaks_off(node: Node, answer: bytes, missing: str) -> None:
    def serve(connection: socket.socket) -> None:
        hear_out(connection)
        connection.sendall(answer)

    with listening(serve) as port:
        outcome = attach(node, PORT=port, TRANSPORT_TYPE="http", TIMEOUT=1)
    assert f"the answer broke off, {missing}" in outcome.message


@pytest.mark.parametrize("transport", ["http", "https"])
def test_a_peer_that_drips(node: Node, transport: str) -> None:
    """A byte now and then keeps every single read alive: the deadline is for all of them together."""

    def serve(connection: socket.socket) -> None:
        drop = threading.Event()
        for byte in b"HTTP/1.1 200 OK\r\n" + b"X-Drip: x\r\n" * 1000:
            connection.sendall(bytes([byte]))
            drop.wait(0.2)

    with listening(serve) as port:
        outcome = attach(node, PORT=port, TIMEOUT=2, TRANSPORT_TYPE=transport)
    assert outcome.seconds < 10
    assert "in time" in outcome.message or "does not speak TLS" in outcome.message


def test_an_answer_without_end(node: Node) -> None:
    def serve(connection: socket.socket) -> None:
        hear_out(connection)
        connection.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
        while True:
            connection.sendall(bytes(1024 * 1024))

    with listening(serve) as port:
        outcome = attach(node, PORT=port, TRANSPORT_TYPE="http")
    assert f"sends more than {ANSWER_LIMIT} bytes in one answer" in outcome.message


def test_no_such_vserver(node: Node) -> None:
    outcome = attach(node, CLUSTER_MODE_VSERVER="svm9", API="zapi")
    assert outcome.message == (
        "dataontap: attach v: lun-get-iter failed: Specified vserver not found (errno 15698); "
        "CLUSTER_MODE_VSERVER is 'svm9'"
    )


@pytest.mark.parametrize(
    ("option", "content", "problem"),
    [
        ("CA_FILE", None, "No such file or directory"),
        ("CA_FILE", b"no PEM", "no certificate in PEM form"),
        ("CERT_FILE", None, "No such file or directory"),
        ("CERT_FILE", b"no PEM", "not a certificate and its key in PEM form"),
    ],
)
def test_files_that_are_not_right(
    node: Node, tmp_path: Path, option: str, content: bytes | None, problem: str
) -> None:
    file = tmp_path / "file.pem"
    if content is not None:
        file.write_bytes(content)
    outcome = attach(node, **{option: str(file)})
    assert outcome.message == f"dataontap: attach v: {option}: {problem}: {file}"


def test_a_client_certificate_instead_of_a_password(node: Node, simulator: Simulator, admin: CmodeClient) -> None:
    files = {"CERT_FILE": str(simulator.client_certificate), "KEY_FILE": str(simulator.client_key)}
    node.configure(**files, LOGIN=None, PASSWORD=None)
    outcome = node.script("create", **VARIABLES)
    assert outcome.status == 0, outcome.stderr
    assert {call.account for call in simulator.requests()} == {"admin"}
    node.configure(**files, LOGIN="nobody", PASSWORD="wrong")
    assert node.script("attach", **VARIABLES).status == 0, "a certificate goes without the password"


def test_plain_http(tmp_path: Path, make_node: MakeNode) -> None:
    with Simulator(tmp_path / "plain", "--http") as plain:
        node = make_node(TRANSPORT_TYPE="http", PORT=plain.port)
        assert "there is no LUN" in node.script("attach", **VOLUME).message


def test_an_account_of_the_svm_needs_no_vserver(tmp_path: Path, make_node: MakeNode) -> None:
    with Simulator(tmp_path / "svm", "--account", "svm1/vsadmin:secret") as simulator:
        with filer.admin(simulator) as admin:
            filer.make_igroup(admin, "ganeti")
        node = make_node(filer=simulator, LOGIN="vsadmin", CLUSTER_MODE_VSERVER=None)
        outcome = node.script("create", **VARIABLES)
        assert outcome.status == 0, outcome.stderr


# What each verb may ask; "" where nobody is asked at all. The first asks for the filer's version, or kind.
REQUESTS = [
    ("create", "lun-get-iter lun-create-by-size lun-map"),
    ("attach", "lun-get-iter lun-map-get-iter"),
    ("attach", ""),
    ("open", ""),
    ("setinfo", "lun-get-iter lun-set-comment"),
    ("grow", "lun-get-iter lun-resize"),
    ("snapshot", "lun-get-iter clone-create lun-set-comment lun-map"),
    ("close", ""),
    ("detach", ""),
    ("remove", "lun-map-get-iter lun-unmap lun-destroy"),
]


@pytest.mark.parametrize(("api", "first"), [("rest", "GET /cluster"), ("zapi", "system-get-ontapi-version")])
def test_one_connection_and_few_requests_a_verb(node: Node, simulator: Simulator, api: str, first: str) -> None:
    node.configure(API=api)
    for verb, calls_of_zapi in REQUESTS:
        expected = [spelled(call, api) for call in calls_of_zapi.split()]
        expected = [first, *expected] if verb == "create" else expected
        if (verb, api) == ("grow", "rest"):
            expected.append("GET /storage/luns/{uuid}")  # no source says that the answer tells the size
        before = len(simulator.requests())
        variables = {**VARIABLES, "VOL_SNAPSHOT_SIZE": "24"}
        outcome = node.script(verb, **variables)
        assert outcome.status == 0, outcome.stderr
        calls = simulator.requests()[before:]
        assert [str(call.api) for call in calls] == expected
        assert len({call.connection for call in calls}) == (1 if expected else 0)
        assert {call.http for call in calls} <= {200, 201}, "no 401 comes first"


def test_nothing_process_wide_is_changed_for_one_unverified_filer(simulator: Simulator) -> None:
    before = ssl._create_default_https_context
    unverified = Filer("127.0.0.1", simulator.port, verify=False, login="admin", password="secret")
    transport = Transport(unverified, Deadline(30))
    with contextlib.closing(transport):
        NaServer(Post(transport)).send_request("system-get-ontapi-version")
        assert ssl._create_default_https_context is before
        with pytest.raises(TransportError, match="is from a CA not in the system's store"):
            Post(Transport(Filer("127.0.0.1", simulator.port), Deadline(30)))(b"")
