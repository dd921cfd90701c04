"""A relay before the filer, which counts what goes through: connections, and bytes each way."""

from __future__ import annotations

import contextlib
import socket
import threading
from dataclasses import dataclass
from types import TracebackType

CHUNK = 65536


@dataclass(frozen=True)
class Traffic:
    """What went to the filer and what came from it."""

    connections: int = 0
    sent: int = 0
    received: int = 0


class Relay:
    """Listens on ``port`` and connects each caller to the filer's port; use it as a context manager."""

    def __init__(self, filer_port: int) -> None:
        self._filer = ("127.0.0.1", filer_port)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._listener.getsockname()[1])
        self._acceptor = threading.Thread(target=self._accept)
        self._carriers: list[threading.Thread] = []
        self._lock = threading.Lock()
        self._traffic = Traffic()

    def __enter__(self) -> Relay:
        self._acceptor.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)  # close() alone leaves a thread in accept()
        self._acceptor.join()
        self._listener.close()
        self.take()

    def take(self) -> Traffic:
        """The traffic since the last call. Waits for connections to end: call it when the callers have."""
        while True:
            with self._lock:
                if not self._carriers:
                    traffic, self._traffic = self._traffic, Traffic()
                    return traffic
                carrier = self._carriers.pop()
            carrier.join()

    def _accept(self) -> None:
        while True:
            try:
                caller, _ = self._listener.accept()
            except OSError:
                return  # shut down in __exit__
            filer = socket.create_connection(self._filer)
            for end in (caller, filer):
                end.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            carrier = threading.Thread(target=self._carry, args=(caller, filer))
            with self._lock:
                self._count(connections=1)
                self._carriers.append(carrier)
                carrier.start()

    def _carry(self, caller: socket.socket, filer: socket.socket) -> None:
        """Carry bytes both ways until both ends are done."""
        with caller, filer:
            back = threading.Thread(target=self._pour, args=(filer, caller, "received"))
            back.start()
            self._pour(caller, filer, "sent")
            back.join()

    def _pour(self, source: socket.socket, sink: socket.socket, counter: str) -> None:
        """Carry bytes one way; what the sink no longer wants was on its way all the same."""
        with contextlib.suppress(OSError):
            while data := source.recv(CHUNK):
                with self._lock:
                    self._count(**{counter: len(data)})
                with contextlib.suppress(OSError):
                    sink.sendall(data)
        with contextlib.suppress(OSError):
            sink.shutdown(socket.SHUT_WR)

    def _count(self, connections: int = 0, sent: int = 0, received: int = 0) -> None:
        now = self._traffic
        self._traffic = Traffic(now.connections + connections, now.sent + sent, now.received + received)
