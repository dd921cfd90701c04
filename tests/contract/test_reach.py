"""Which places of a list take a TCP connection, asked all at once."""

from __future__ import annotations

import socket
import time

from dataontap.host.reach import reached

PATIENCE = 1.0
PLACES = 8


def test_served_and_refused() -> None:
    with (
        socket.create_server(("127.0.0.1", 0)) as server,
        socket.create_server(("::1", 0), family=socket.AF_INET6) as other,
        socket.socket() as nobody,
    ):
        nobody.bind(("127.0.0.1", 0))  # taken, and nobody listens
        places = [place.getsockname()[:2] for place in (server, other, nobody)]
        assert reached([*places, places[0]], 10) == {places[0]: "", places[1]: "", places[2]: "Connection refused"}


def test_nothing_to_reach() -> None:
    assert reached([], PATIENCE) == {}


def test_those_that_are_silent_are_waited_for_together() -> None:
    """A full queue of connections: the kernel answers no further one."""
    with socket.socket() as server, socket.socket() as first, socket.socket() as second:
        server.bind(("", 0))
        server.listen(0)
        port = server.getsockname()[1]
        for one in (first, second):
            one.setblocking(False)
            one.connect_ex(("127.0.0.1", port))
        places = [(f"127.0.0.{host}", port) for host in range(1, PLACES + 1)]
        began = time.monotonic()
        assert reached(places, PATIENCE) == dict.fromkeys(places, "no answer within 1 s")
        assert time.monotonic() - began < PATIENCE * PLACES / 2
