"""Exchanges bytes with a filer over one kept-alive HTTPS connection. The only importer of http.client."""

from __future__ import annotations

import base64
import contextlib
import logging
import os
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Callable

from dataontap.client import resolver, tls
from dataontap.deadline import Deadline
from dataontap.errors import TransportError

if TYPE_CHECKING:
    import http.client
    import socket

    from dataontap.client.addresses import Addresses

LOG = logging.getLogger(__name__)

Headers = Mapping[str, str]

# The first is for one address, or for resolving the name. The second is for all: name, addresses and TLS.
CONNECT_SECONDS = 5.0
REACH_SECONDS = 15.0
# The largest possible answer is a page of 100 igroups, each with 256 initiators that have the longest names (223
# characters): 7 MiB. A page of LUNs has 1 MiB at most. A peer that sends more is not a filer.
ANSWER_LIMIT = 8 * 1024 * 1024
_CHUNK = 64 * 1024


@dataclass(frozen=True)
class Filer:
    """A filer's address, and the credentials and certificates for the connection."""

    hostname: str
    port: int | None = None
    tls: bool = True
    verify: bool = True
    ca_file: str | None = None
    login: str | None = None
    password: str | None = field(default=None, repr=False)
    cert_file: str | None = None
    key_file: str | None = None
    # Whether HOSTNAME has further addresses.
    is_one_of_several: bool = False

    @property
    def address(self) -> str:
        """Host and port, as text for messages."""
        port = self.port or self.default_port
        return f"[{self.hostname}]:{port}" if ":" in self.hostname else f"{self.hostname}:{port}"

    @property
    def default_port(self) -> int:
        """The filer's default port."""
        return 443 if self.tls else 80


@dataclass(frozen=True)
class Answer:
    """An HTTP answer."""

    status: int
    body: bytes


class Transport:
    """Sends requests to ``filer``. It connects for the first request and keeps the connection.

    A request may take all the time that ``deadline`` has left; connecting takes at most REACH_SECONDS of it. With
    several ``addresses`` these choose the filer's, each time that it connects.
    """

    def __init__(self, filer: Filer, deadline: Deadline, addresses: Addresses | None = None) -> None:
        self.filer = filer
        self.addresses = addresses
        self._deadline = deadline
        self._connection: http.client.HTTPConnection | None = None

    def exchange(self, method: str, url: str, body: bytes | None, headers: Headers) -> Answer:
        """The filer's answer to a request with these ``headers``, of any status.

        Raises TransportError if there is no answer. Nothing is sent twice: the caller must check what was done.
        """
        import http.client

        sent = False
        began = time.monotonic()
        try:
            connection = self._connected()
            sent = True
            with _closing_at(connection.sock, self._deadline.left(f"a request to {self.filer.address}")):
                connection.request(method, url, body=body, headers={**headers, **self._credentials()})
                response = connection.getresponse()
                return Answer(response.status, self._read(response))
        except (OSError, http.client.HTTPException) as error:
            self.close()
            limit = self._deadline.limit if sent else f"{time.monotonic() - began:.0f} s"
            raise _explained(error, self.filer, sent=sent, limit=limit) from error
        except BaseException:
            self.close()
            raise

    def open(self) -> None:
        """Connect to one of several addresses, unless it is connected. Raises OntapError."""
        self._connected()

    def close(self) -> None:
        """Close the connection. The next request opens a new connection."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _connected(self) -> http.client.HTTPConnection:
        """The connection. It is opened if necessary."""
        self._deadline.left(f"a request to {self.filer.address}")
        while self._connection is None or self._connection.sock is None:
            with self._deadline.within(REACH_SECONDS, "the limit for connecting"):
                if self.addresses is None:
                    self._connection = _connect(self.filer, self._deadline)
                else:
                    self.filer, self._connection = self.addresses.connect(self._dial, self._deadline)
            LOG.debug("connected to %s", self.filer.address)
            if self.addresses is not None:
                self.addresses.arrived(self.filer)  # may use this connection, after which the filer may close it
        return self._connection

    def _dial(self, filer: Filer) -> http.client.HTTPConnection:
        """A connection to one of several addresses. Raises Unanswered."""
        import socket

        from dataontap.client.addresses import Unanswered

        began = time.monotonic()
        try:
            return _connect(filer, self._deadline, once=True)
        except (OSError, TransportError) as error:
            is_silent = isinstance(error, OSError) and tls.explained(error, filer) is None
            timed_out = isinstance(error, (TimeoutError, socket.timeout))  # one class from Python 3.10 on
            if isinstance(error, OSError):
                error = _explained(error, filer, sent=False, limit=f"{time.monotonic() - began:.0f} s")
            raise Unanswered(
                str(error), transient=error.transient, is_silent=is_silent, timed_out=timed_out
            ) from error

    def _credentials(self) -> Headers:
        """The header with the password: to wait for the filer's 401 would cost each request a round trip."""
        if not self.filer.login or self.filer.cert_file:
            return {}
        credentials = f"{self.filer.login}:{self.filer.password}".encode()
        return {"Authorization": "Basic " + base64.b64encode(credentials).decode("ascii")}

    def _read(self, response: http.client.HTTPResponse) -> bytes:
        """The whole body."""
        chunks = []
        size = 0
        while chunk := response.read1(_CHUNK):
            chunks.append(chunk)
            size += len(chunk)
            if size > ANSWER_LIMIT:
                raise TransportError(f"{self.filer.address} sends more than {ANSWER_LIMIT} bytes in one answer")
        if response.length:
            raise ConnectionAbortedError(f"the answer broke off, {response.length} bytes are missing")
        if response.length is None and not response.chunked and not chunks:
            # http.client takes a head that broke off for a whole head, and the answer for an empty answer.
            raise ConnectionAbortedError("the answer broke off, the rest of its head is missing")
        response.close()  # read1 leaves a complete answer open, and then the connection cannot be used again
        return b"".join(chunks)


@contextlib.contextmanager
def _closing_at(sock: socket.socket, seconds: float) -> Iterator[None]:
    """End I/O on ``sock`` in this block after ``seconds``, with TimeoutError.

    A socket's own timeout is for one recv, so a peer that sends a byte now and then could block us for ever.
    """
    import http.client
    import socket
    import threading

    over = threading.Event()
    # A second descriptor of the same connection, because TLS may replace the first descriptor in the meantime.
    twin = socket.socket(fileno=os.dup(sock.fileno()))

    def end() -> None:
        over.set()
        with contextlib.suppress(OSError):
            twin.shutdown(socket.SHUT_RDWR)  # wakes a recv in the other thread

    watchdog = threading.Timer(seconds, end)
    watchdog.daemon = True
    watchdog.start()
    try:
        sock.settimeout(seconds)
        yield
    except (OSError, http.client.HTTPException):
        if not over.is_set():
            raise
    finally:
        watchdog.cancel()
        twin.close()
    if over.is_set():
        raise TimeoutError


def _connect(filer: Filer, deadline: Deadline, *, once: bool = False) -> http.client.HTTPConnection:
    """A connection to the first of the filer's addresses that accepts it, before ``deadline`` is over.

    With ``once`` each is tried once, and leaves some of the time to the next ones.
    http.client itself would apply the whole timeout to each address, and no timeout to resolving the name.
    """
    import http.client
    import socket

    wrap = tls.wrapper(filer) if filer.tls else None
    connection = http.client.HTTPConnection(filer.hostname, filer.port or filer.default_port)
    connection.auto_open = 0  # it would connect without TLS and send the password
    addresses = resolver.addresses(connection.host, connection.port, CONNECT_SECONDS)
    failure: Exception = TimeoutError()
    # A timeout is retried: during a takeover, the addresses that a node of the filer takes over do not answer.
    while isinstance(failure, (TimeoutError, socket.timeout)):  # one class from Python 3.10 on
        for number, address in enumerate(addresses):
            if deadline.is_over():
                raise failure
            try:
                left = deadline.left("connecting")
                patience = min(CONNECT_SECONDS, left / (len(addresses) - number) if once else left)
                _open(connection, address, wrap, patience)
            except OSError as error:
                connection.close()
                failure = error
                if tls.has_other_name(error):
                    failure = _misnamed(connection, address, filer, patience)
            else:
                return connection
        if once:
            break
    raise failure


def _open(
    connection: http.client.HTTPConnection,
    address: tuple[str, int],
    wrap: Callable[..., socket.socket] | None,
    patience: float,
) -> None:
    """Open ``connection`` to ``address``: TCP and TLS may take ``patience`` seconds each."""
    import socket

    connection.sock = socket.create_connection(address, patience)
    connection.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    if wrap is not None:
        with _closing_at(connection.sock, patience):
            connection.sock = wrap(connection.sock, server_hostname=connection.host)


def _misnamed(
    connection: http.client.HTTPConnection, address: tuple[str, int], filer: Filer, patience: float
) -> TransportError:
    """The error for a certificate with another name. It takes a further connection to read the names."""
    names: list[str] = []
    with contextlib.suppress(OSError):
        _open(connection, address, tls.wrapper(filer, any_name=True), patience)
        names = tls.names(connection.sock)
    connection.close()
    return TransportError(tls.other_name(filer, names), sent=False)


def _explained(error: Exception, filer: Filer, *, sent: bool, limit: str) -> TransportError:
    """The error for a failure below HTTP, in terms of the options. ``limit`` is the time that was spent."""
    import http.client
    import socket

    transient = False
    if isinstance(error, socket.gaierror):
        why = f"cannot resolve HOSTNAME {filer.hostname!r}: {error.strerror}"
    elif isinstance(error, ConnectionRefusedError):
        why = f"{filer.address} refused the connection; check HOSTNAME and PORT"
    elif (of_tls := tls.explained(error, filer)) is not None:
        why = of_tls
    elif isinstance(error, (TimeoutError, socket.timeout)):  # one class from Python 3.10 on
        why = f"{filer.address} did not answer in time ({limit})"
        if not sent:
            why = f"{filer.address} does not answer ({limit}); check HOSTNAME, routes and firewalls"
    elif isinstance(error, http.client.BadStatusLine) and not isinstance(error, ConnectionResetError):
        why = f"{filer.address} does not speak HTTP; check PORT and TRANSPORT_TYPE"
    else:
        transient = isinstance(error, (ConnectionError, http.client.IncompleteRead)) or tls.broke_off(error)
        why = f"the connection to {filer.address} failed: {getattr(error, 'strerror', None) or error}"
        if isinstance(error, ConnectionResetError) and not filer.tls:
            why = f"{filer.address} reset the connection; it may require https: check TRANSPORT_TYPE and PORT"
    return TransportError(why, sent=sent, transient=transient)
