"""Waiting for udev's events, and for those alone that are about what is waited for."""

from __future__ import annotations

import socket
from collections.abc import Iterator

import pytest

from dataontap.host.udev import Events, Names

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


@pytest.mark.parametrize("name", ["volume-a", "6b59051c-cb68.ext.disk0", "a+b@c:1=2#3_"])
def test_names_that_udev_can_give(name: str) -> None:
    assert Names().can_give(f"/dev/disk/filer/vol1/{name}")


@pytest.mark.parametrize(
    "path",
    [
        *("/dev/disk/../sda", "/dev/disk/filer/vol1/..", "/etc/passwd", "/development/a", "dev/a", "/run/disk/a"),
        *(
            "/dev/disk/a b",
            "/dev/disk/a\nDEVLINKS=b",
            '/dev/disk/a", RUN+="/bin/sh',
            "/dev/disk/$env{x}",
            "/dev/disk/%k",
        ),
        *("/dev/disk/a;b", "/dev/disk/a\\x2f", "/dev/disk/\u00e4", "/dev/disk/a\0b", "/dev/disk/a*", ""),
    ],
)
def test_names_that_would_escape_or_mean_something_to_udev(path: str) -> None:
    assert not Names().can_give(path)


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


class Paced(Events):
    """Nothing comes; time passes while it waits, and while ``cost`` seconds are spent on each look."""

    def __init__(self, cost: float) -> None:
        super().__init__([NAA], clock=lambda: self.now)
        self.now = 0.0
        self.pauses: list[float] = []
        self._cost = cost

    def never(self) -> bool:
        self.now += self._cost
        return False

    def _wait(self, seconds: float) -> None:
        self.pauses.append(round(seconds, 2))
        self.now += seconds


@pytest.mark.parametrize(
    ("cost", "pauses"),
    [(0, [0.02, 0.04, 0.08, 0.16, 0.32, 0.5, 0.38]), (0.1, [0.3, 0.3, 0.3]), (1, [0.5])],
    ids=["a look is cheap", "it takes its time", "and all of it"],
)
def test_it_looks_now_and_then_without_events(cost: float, pauses: list[float]) -> None:
    """At once, then less and less often, and it spends no more than a quarter of its time on looking."""
    events = Paced(cost)
    assert not events.until(events.never, 1.5)
    assert events.pauses[: len(pauses)] == pauses
    assert 1.5 <= events.now <= 1.5 + 2 * cost


def test_what_is_there_until_it_goes() -> None:
    events = Paced(0)
    held = [["b"], ["a", "b"]]
    assert events.until_none(lambda: held.pop() if held else [], 10) == []
    assert events.until_none(lambda: ["a"], 1) == ["a"]
