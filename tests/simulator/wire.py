"""How a response reaches the client, or does not: slowly, in part, not at all; and when nobody is reached."""

from __future__ import annotations

import contextlib
import select
import socket
import struct
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from http import HTTPStatus

from tests.simulator.faults import Fault
from tests.simulator.filer import Answer

XML = "text/xml; charset=utf-8"

_ABORT = struct.pack("ii", 1, 0)  # SO_LINGER with no time: closing sends a reset


class Gone(ConnectionAbortedError):
    """The connection is to end here and now, without another word."""


@dataclass(frozen=True)
class Delivery:
    """``pause`` seconds first; then ``share`` of the bytes, with ``gap`` seconds between any two if there is
    one; then go on, or ``end`` the connection: with a "reset", or a "hangup".
    """

    pause: float = 0.0
    share: float = 1.0
    gap: float = 0.0
    end: str | None = None

    def carry(self, data: bytes, connection: socket.socket) -> None:
        """Send ``data`` so; raises Gone where the connection ends, also because the client left meanwhile."""
        if self.pause and not patient(connection, self.pause):
            raise Gone
        part = data[: int(len(data) * self.share)]
        if self.gap:
            for byte in part:
                connection.sendall(bytes([byte]))
                if not patient(connection, self.gap):
                    raise Gone
        elif part:
            connection.sendall(part)
        if self.end == "reset":
            abort(connection)
        if self.end is not None:
            raise Gone


@dataclass(frozen=True)
class Reply:
    """An HTTP response, what the filer said if it was asked, and the fault that befell it."""

    status: HTTPStatus
    body: bytes = b""
    content_type: str = "text/html"
    headers: dict[str, str] = field(default_factory=dict)
    answer: Answer | None = None
    fault: Fault | None = None
    delivery: Delivery = field(default_factory=Delivery)


def patient(connection: socket.socket, seconds: float) -> bool:
    """Wait; False as soon as the client has gone (or, which it should not, has said something)."""
    readable, _, _ = select.select([connection], [], [], seconds)
    return not readable


def abort(connection: socket.socket) -> None:
    """Let the closing of this connection be a reset."""
    with contextlib.suppress(OSError):
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _ABORT)


class Outage:
    """The open connections, and whether they are answered: during a takeover nobody is."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._open: set[socket.socket] = set()
        self._until = 0.0
        self._over = threading.Condition(self._lock)

    @contextlib.contextmanager
    def watching(self, connection: socket.socket) -> Iterator[None]:
        """This connection is open meanwhile."""
        with self._lock:
            self._open.add(connection)
        try:
            yield
        finally:
            with self._lock:
                self._open.discard(connection)

    def begin(self, seconds: float) -> None:
        """Reset every connection, and let new ones wait."""
        with self._lock:
            self._until = time.monotonic() + seconds
            for connection in self._open:
                abort(connection)
                with contextlib.suppress(OSError):
                    # Of the base class: TLS's own would take the session from the thread that is using it.
                    socket.socket.shutdown(connection, socket.SHUT_RDWR)

    def refuse(self) -> None:
        """Raise Gone during a takeover.

        A request comes all the same where ``begin`` has not reached its connection yet, or did not know of
        it: it was being made.
        """
        with self._lock:
            if time.monotonic() < self._until:
                raise Gone

    def end(self) -> None:
        """It is over."""
        with self._lock:
            self._until = 0.0
            self._over.notify_all()

    def wait(self) -> None:
        """Return as soon as this filer answers."""
        with self._lock:
            while (left := self._until - time.monotonic()) > 0:
                self._over.wait(left)
