"""Tests whether TCP ports accept connections, several at the same time."""

from __future__ import annotations

from collections.abc import Iterable

Place = tuple[str, int]  # an IP address and a TCP port

_AT_A_TIME = 32


def reached(places: Iterable[Place], seconds: float) -> dict[Place, str]:
    """For each place, the reason why it accepts no connection within ``seconds``; "" if it accepts."""
    from concurrent.futures import ThreadPoolExecutor

    wanted = list(dict.fromkeys(places))
    if not wanted:
        return {}
    with ThreadPoolExecutor(min(len(wanted), _AT_A_TIME)) as pool:
        return dict(zip(wanted, pool.map(lambda place: _why_unreachable(place, seconds), wanted)))


def _why_unreachable(place: Place, seconds: float) -> str:
    import socket

    try:
        socket.create_connection(place, timeout=seconds).close()
    except OSError as error:
        return error.strerror or f"no answer within {seconds:g} s"
    return ""
