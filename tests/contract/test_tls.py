"""What is told of a filer whose TLS or certificate will not do: a sentence for each reason, with its remedy."""

from __future__ import annotations

import contextlib
import http.client
import os
import socket
import ssl
import warnings
from collections.abc import Iterator
from pathlib import Path

import pytest

from dataontap.client.transport import Filer, Transport
from dataontap.client.zapi.post import Post
from dataontap.deadline import Deadline
from dataontap.errors import TransportError
from tests.contract.certificates import Authority
from tests.contract.conftest import MakeNode
from tests.contract.test_connection import VOLUME, listening
from tests.simulator.process import Simulator
from tests.testbed.node import Node

# What a line begins with whose volume has a name of Ganeti's length.
PREFIX = "dataontap: snapshot 6b59051c-cb68-467a-a4aa-e4d8e6a2b6b9.ext.disk0: "


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority(tmp_path)


@contextlib.contextmanager
def serving(context: ssl.SSLContext) -> Iterator[int]:
    """The port of a peer that speaks TLS so, and answers nothing."""

    def serve(connection: socket.socket) -> None:
        with context.wrap_socket(connection, server_side=True) as secured:
            secured.recv(65536)

    with listening(serve) as port:
        yield port


def failure(filer: Filer) -> TransportError:
    """The error of a request to ``filer``, whose sentence fits into the admin's line."""
    transport = Transport(filer, Deadline(30))
    with contextlib.closing(transport), pytest.raises(TransportError) as caught:
        Post(transport)(b"<netapp/>")
    assert len(PREFIX + str(caught.value)) <= 200
    assert not caught.value.transient
    return caught.value


def told(context: ssl.SSLContext, ca_file: Path | None) -> str:
    """What the admin reads of such a peer, with ADDRESS for where it is."""
    with serving(context) as port:
        error = failure(
            Filer("127.0.0.1", port, ca_file=str(ca_file) if ca_file else None, login="admin", password="secret")
        )
    assert not error.sent
    return str(error).replace(f"127.0.0.1:{port}", "ADDRESS")


def test_another_name(authority: Authority) -> None:
    context = authority.server("svm1.example", "192.0.2.7")
    assert told(context, authority.file) == (
        "HOSTNAME is 127.0.0.1, the certificate is for svm1.example, 192.0.2.7; use a name in it"
    )


def test_many_other_names(authority: Authority) -> None:
    context = authority.server(*(f"lif{number}.svm1.example" for number in range(40)))
    assert "is for lif0.svm1.example, lif1.svm1.example, lif2.svm1.example, ...; use" in told(
        context, authority.file
    )


def test_no_name_at_all(authority: Authority) -> None:
    assert "the certificate is for another name; use" in told(authority.server(), authority.file)


def test_another_name_and_another_ca(authority: Authority, tmp_path: Path) -> None:
    """No name is taken from a certificate that nobody vouches for."""
    other = Authority(tmp_path, "other")
    assert "svm1" not in told(authority.server("svm1.example"), other.file)


def test_expired(authority: Authority) -> None:
    assert told(authority.server("127.0.0.1", valid=(-2, -1)), authority.file) == (
        "ADDRESS's certificate or its CA's has expired; renew it on the filer (security certificate show)"
    )


def test_not_valid_yet(authority: Authority) -> None:
    assert told(authority.server("127.0.0.1", valid=(1, 2)), authority.file) == (
        "ADDRESS's certificate is not valid yet; compare this node's clock with the filer's"
    )


def test_unknown_ca(authority: Authority, tmp_path: Path) -> None:
    other = Authority(tmp_path, "other")
    context = authority.server("127.0.0.1")
    remedy = "put the CA's certificate into CA_FILE"
    assert told(context, other.file) == f"ADDRESS's certificate is from a CA not in CA_FILE; {remedy}"
    assert told(context, None) == f"ADDRESS's certificate is from a CA not in the system's store; {remedy}"


def test_self_signed(authority: Authority) -> None:
    """As a new filer has it."""
    assert told(authority.server("127.0.0.1", self_signed=True), None) == (
        "ADDRESS's certificate is self-signed and not in the system's store; check it, then put it into CA_FILE"
    )


@pytest.mark.parametrize("version", ["TLSv1", "TLSv1_1"])
def test_too_old(authority: Authority, version: str) -> None:
    """Which pointed to TRANSPORT_TYPE, and so to http."""
    context = authority.server("127.0.0.1")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # Python's, for this very version
        context.minimum_version = context.maximum_version = ssl.TLSVersion[version]
    context.set_ciphers("ALL:@SECLEVEL=0")
    assert told(context, authority.file) == (
        "ADDRESS's TLS is too old for this node; enable TLS 1.2 on the filer (security config modify)"
    )


def test_told_by_an_alert_that_it_is_too_old(authority: Authority) -> None:
    """What a peer sends that does not even begin: alert 70, protocol_version."""
    assert (
        alerted(70)
        == "ADDRESS's TLS is too old for this node; enable TLS 1.2 on the filer (security config modify)"
    )


def test_too_weak() -> None:
    """Alert 40, handshake_failure: no cipher that both take."""
    message = alerted(40)
    assert message.startswith("ADDRESS's TLS is too weak for this node (")
    assert message.endswith("ALERT_HANDSHAKE_FAILURE); see its certificate and security config show")


def test_an_alert_that_nobody_expects() -> None:
    message = alerted(109)  # missing_extension
    assert message.startswith("TLS with ADDRESS failed: ")
    assert "TRANSPORT_TYPE" not in message


def alerted(number: int) -> str:
    """What the admin reads of a peer that answers a greeting with an alert of TLS's."""

    def serve(connection: socket.socket) -> None:
        connection.recv(65536)
        connection.sendall(bytes([21, 3, 1, 0, 2, 2, number]))

    with listening(serve) as port:
        return str(failure(Filer("127.0.0.1", port))).replace(f"127.0.0.1:{port}", "ADDRESS")


@pytest.mark.parametrize(
    "greeting", [b"HTTP/1.1 400 Bad Request\r\n\r\n", b"SSH-2.0-x\r\n", b"220 mail.example\r\n"]
)
def test_no_tls(greeting: bytes) -> None:
    def serve(connection: socket.socket) -> None:
        connection.recv(65536)
        connection.sendall(greeting)

    with listening(serve) as port:
        error = failure(Filer("127.0.0.1", port))
    assert str(error) == f"127.0.0.1:{port} does not speak TLS; check PORT and TRANSPORT_TYPE"


def test_a_certificate_of_ours_is_wanted(authority: Authority) -> None:
    """TLS 1.3 tells only after the request, to whoever has not got a reset before."""
    context = authority.server("127.0.0.1")
    context.verify_mode = ssl.CERT_REQUIRED

    def serve(connection: socket.socket) -> None:
        with context.wrap_socket(connection, server_side=True, do_handshake_on_connect=False) as secured:
            with contextlib.suppress(ssl.SSLError):
                secured.do_handshake()
            while os.read(secured.fileno(), 65536):
                continue

    with listening(serve) as port:
        error = failure(Filer("127.0.0.1", port, ca_file=str(authority.file)))
    assert str(error) == (
        f"127.0.0.1:{port} requires another client certificate (TLSV13_ALERT_CERTIFICATE_REQUIRED); see CERT_FILE"
    )
    assert error.sent


def test_nothing_is_ever_sent_without_tls(simulator: Simulator) -> None:
    """http.client connects by itself where a connection is closed, and knows nothing of TLS then."""
    transport = Transport(Filer("127.0.0.1", simulator.port, ca_file=str(simulator.ca)), Deadline(30))
    with contextlib.closing(transport):
        connection = transport._connected()
        connection.close()
        with pytest.raises(http.client.NotConnected):
            connection.request("POST", "/", body=b"", headers={"Authorization": "Basic secret"})


class TestWarnings:
    """Whoever can stand between node and filer gets the password: that is said each time that it is sent."""

    def test_http(self, tmp_path: Path, make_node: MakeNode) -> None:
        with Simulator(tmp_path / "plain", "--http") as plain:
            node = make_node(TRANSPORT_TYPE="http", PORT=plain.port)
            self.check(
                node, "TRANSPORT_TYPE is http: LOGIN, PASSWORD and all requests are sent unencrypted; use https"
            )

    def test_any_certificate(self, make_node: MakeNode) -> None:
        node = make_node(VERIFY_CERT=False, CA_FILE=None)
        self.check(
            node, "VERIFY_CERT is False: any machine in the filer's place gets LOGIN and PASSWORD; see CA_FILE"
        )

    def test_neither(self, node: Node) -> None:
        assert " WARNING " not in node.script("verify", "connection").stderr

    def check(self, node: Node, text: str) -> None:
        for verb, variables in (("verify", {}), ("attach", VOLUME)):
            outcome = node.script(verb, **variables)
            assert outcome.stderr.count(f" WARNING dataontap.client {text}\n") == 1
        assert node.log().count(text) == 2
