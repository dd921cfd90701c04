"""When a request is sent again, and what an answer to the second one means."""

from __future__ import annotations

import pytest

from dataontap.client.retry import SILENCE_SECONDS, Patience
from dataontap.client.zapi.api import NaServer
from dataontap.client.zapi.cmode import CmodeClient
from dataontap.client.zapi.luns import lun_at
from dataontap.deadline import Deadline
from dataontap.errors import OntapError, Refusal, TransportError

ANSWER = b"<netapp><results %b></results></netapp>"
PASSED = ANSWER % b'status="passed"'
RESET = TransportError("reset", transient=True)


def failed(errno: int, reason: str = "no") -> bytes:
    return ANSWER % f'status="failed" errno="{errno}" reason="{reason}"'.encode()


class Peer:
    """A filer that gives these answers in turn; an exception is a lost one."""

    def __init__(self, *answers: bytes | Exception) -> None:
        self._answers = list(answers)
        self.asked = 0

    def __call__(self, document: bytes) -> bytes:
        self.asked += 1
        answer = self._answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer


class Time:
    """A clock that goes only while somebody sleeps."""

    def __init__(self) -> None:
        self.now = 0.0
        self.oversleeps = 0.0
        self.slept: list[float] = []

    def clock(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.slept.append(round(seconds, 3))
        self.now += seconds + self.oversleeps


@pytest.fixture
def time() -> Time:
    return Time()


def server(peer: Peer, time: Time, seconds: float = 120) -> NaServer:
    patience = Patience(Deadline(seconds, clock=time.clock), clock=time.clock, sleep=time.sleep)
    return NaServer(peer, again=patience)


def test_a_lost_request_is_repeated_with_growing_pauses(time: Time) -> None:
    peer = Peer(RESET, RESET, RESET, PASSED)
    server(peer, time).send_request("lun-map")
    assert (peer.asked, time.slept) == (4, [0.2, 0.4, 0.8])


@pytest.mark.parametrize("answer", [failed(9062), failed(16), TransportError("503", status=503, transient=True)])
def test_a_busy_filer_is_asked_again(time: Time, answer: bytes | Exception) -> None:
    peer = Peer(answer, PASSED)
    server(peer, time).send_request("lun-destroy")
    assert peer.asked == 2


def test_a_busy_clone_is_known_by_its_reason_alone(time: Time) -> None:
    peer = Peer(failed(13001, "Device busy"), PASSED)
    server(peer, time).send_request("clone-create", repeatable=False)
    assert peer.asked == 2
    with pytest.raises(Refusal, match="Device busy"):
        server(Peer(failed(13001, "Device busy")), time).send_request("lun-map")


@pytest.mark.parametrize(
    "answer",
    [failed(9017), failed(13001), TransportError("401", status=401), TransportError("timed out"), b"<html/>"],
)
def test_everything_else_is_final(time: Time, answer: bytes | Exception) -> None:
    peer = Peer(answer)
    with pytest.raises(OntapError):
        server(peer, time).send_request("lun-map")
    assert (peer.asked, time.slept) == (1, [])


def test_what_makes_something_is_not_repeated_after_a_lost_answer(time: Time) -> None:
    peer = Peer(RESET)
    with pytest.raises(TransportError):
        server(peer, time).send_request("lun-create-by-size", repeatable=False)
    assert peer.asked == 1


def test_the_deadline_ends_it_with_the_cause(time: Time) -> None:
    busy = [failed(9062)] * 100
    with pytest.raises(Refusal, match="errno 9062"):
        server(Peer(*busy), time, seconds=60).send_request("lun-destroy")
    assert 50 < time.now < 60
    assert max(time.slept) == 5.0


def test_the_cause_is_named_by_a_busy_node_that_slept_too_long(time: Time) -> None:
    time.oversleeps = 5.0
    peer = Peer(RESET, PASSED)
    with pytest.raises(TransportError, match="reset"):
        server(peer, time, seconds=1).send_request("lun-map")
    assert peer.asked == 1


def test_a_filer_that_says_nothing_at_all_is_given_up_sooner(time: Time) -> None:
    with pytest.raises(TransportError, match="reset"):
        server(Peer(*[RESET] * 100), time, seconds=120).send_request("lun-map")
    assert SILENCE_SECONDS <= time.now <= 20


@pytest.mark.parametrize(
    ("errno", "call"),
    [
        (15661, lambda client: client.destroy_lun(lun_at("/vol/v/l"))),
        (9016, lambda client: client.unmap_lun(lun_at("/vol/v/l"), "g")),
        (9023, lambda client: client.map_lun(lun_at("/vol/v/l"), "g")),
    ],
)
def test_done_already_after_a_lost_answer_means_done_by_us(time: Time, errno: int, call: object) -> None:
    assert callable(call)
    assert call(CmodeClient(server(Peer(RESET, failed(errno)), time))) is True
    assert call(CmodeClient(server(Peer(failed(errno)), time))) is False
