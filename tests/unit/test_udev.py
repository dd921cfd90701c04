"""Waiting for udev's events, and for those alone that are about what is waited for."""

from __future__ import annotations

import socket
from collections.abc import Iterator

import pytest

from dataontap.host.udev import Events

NAA = "600a0980383054723324526c68717745"
# As udev sends them, less most of their properties.
OURS = f"libudev\0...\0ACTION=change\0DEVPATH=/devices/virtual/block/dm-3\0DM_UUID=mpath-3{NAA}\0".encode()
ANOTHERS = OURS.replace(b"7745", b"7746")


@pytest.fixture
def pair() -> Iterator[tuple[socket.socket, socket.socket]]:
    """udev's end, and ours."""
    theirs, ours = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
    ours.setblocking(False)
    with theirs, ours:
        yield theirs, ours


@pytest.mark.parametrize(
    ("messages", "wakes"), [([ANOTHERS], False), ([ANOTHERS, OURS, ANOTHERS], True), ([OURS], True)]
)
def test_events_of_other_luns_wake_nobody(
    pair: tuple[socket.socket, socket.socket], messages: list[bytes], wakes: bool
) -> None:
    theirs, ours = pair
    for message in messages:
        theirs.send(message)
    assert Events([NAA]).are_ours(ours) == wakes
    with pytest.raises(BlockingIOError):
        ours.recv(1)  # all was read: what is old shall not wake anybody later


def test_without_time_it_looks_once() -> None:
    answers = [True, False]
    with Events([NAA]) as events:
        assert not events.until(answers.pop, 0)
        assert events.until(answers.pop, 0)
    assert answers == []
