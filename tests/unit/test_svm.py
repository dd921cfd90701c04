"""Which SVM is the configuration's, of those that a filer lists."""

from __future__ import annotations

import pytest

from dataontap.client.svm import NoSuchSvm, Svm, chosen, noted, take_note, twin
from dataontap.client.zapi.api import NaServer
from dataontap.errors import OntapError, Refusal
from tests.unit.rest_wire import Text

OURS, OTHER = "01234567-89ab-cdef-0123-456789abcdef", "fedcba98-7654-3210-fedc-ba9876543210"
PLAIN, MOVED = Svm("svm1", OURS, "running"), Svm("svm1-mc", OURS, "running")


def test_the_name_on_the_other_side() -> None:
    assert (twin("svm1"), twin("svm1-mc")) == ("svm1-mc", "svm1")


@pytest.mark.parametrize(
    ("found", "name", "uuid", "expected"),
    [
        ([PLAIN], "svm1", None, PLAIN),
        ([PLAIN], "svm1", OTHER, PLAIN),  # it was made anew
        ([MOVED], "svm1", OURS, MOVED),
        ([PLAIN], "svm1-mc", OURS, PLAIN),  # the name of a switchover that is over
        ([Svm("svm1-mc", OTHER, "running"), PLAIN], "svm1", OURS, PLAIN),
        ([Svm("svm1", OURS)], "svm1", OURS, Svm("svm1", OURS)),  # a filer that tells no state
        ([MOVED], None, None, MOVED),
    ],
)
def test_it_is_found(found: list[Svm], name: str | None, uuid: str | None, expected: Svm) -> None:
    assert chosen(found, name, uuid) == expected


@pytest.mark.parametrize(
    ("found", "name", "uuid", "message"),
    [
        ([], "svm1", OURS, "the filer has no SVM 'svm1'; if CLUSTER_MODE_VSERVER is right, try again"),
        ([Svm("svm2", OURS)], "svm1", OURS, "the filer has no SVM 'svm1'; if"),
        ([MOVED], "svm1", None, "the filer has no SVM 'svm1'; there is 'svm1-mc', not known to be the same"),
        ([MOVED], "svm1", OTHER, "the filer has no SVM 'svm1'; there is 'svm1-mc', not known to be the same"),
        ([Svm("svm1-mc", OURS, "stopped")], "svm1", OURS, "SVM 'svm1-mc' does not run at this filer"),
        ([Svm("svm1", OURS, "stopped")], "svm1", OURS, "SVM 'svm1' does not run at this filer"),
        ([PLAIN, MOVED], None, OURS, "LOGIN sees 2 SVMs"),
    ],
)
def test_it_is_not_there(found: list[Svm], name: str | None, uuid: str | None, message: str) -> None:
    with pytest.raises(OntapError) as caught:
        chosen(found, name, uuid)
    assert str(caught.value).startswith(message)
    assert isinstance(caught.value, NoSuchSvm) == ("try again" in str(caught.value))


@pytest.mark.parametrize("content", [None, "", "svm1", f"{OURS}\n{OURS}", f"*{OURS}"])
def test_a_note_that_is_no_uuid_counts_for_nothing(content: str | None) -> None:
    note = Text(content)
    assert noted(note) is None
    take_note(note, OURS)
    assert noted(note) == OURS


class Peer:
    """A filer that has only the SVM svm1-mc, as ZAPI's calls meet it."""

    def __init__(self) -> None:
        self.calls: list[bytes] = []

    def __call__(self, document: bytes) -> bytes:
        self.calls.append(document)
        there = b'vfiler="svm1-mc"' in document
        result = b'status="passed"' if there else b'status="failed" errno="15698" reason="not found"'
        return b"<netapp><results %b/></netapp>" % result


def server(peer: Peer, found: str) -> NaServer:
    there = NaServer(peer, tunnel="svm1")
    there.find_tunnel = lambda error: found
    return there


class TestTunnel:
    def test_a_call_that_was_refused_is_made_again(self) -> None:
        peer = Peer()
        there = server(peer, "svm1-mc")
        for number in (2, 3):
            there.send_request("lun-map", repeatable=False)
            assert len(peer.calls) == number

    def test_not_one_whose_preconditions_count(self) -> None:
        """They were read under the former name: the policy reads them again."""
        peer = Peer()
        there = server(peer, "svm1-mc")
        with pytest.raises(Refusal) as caught:
            there.send_request("lun-unmap", once=True)
        assert caught.value.transient
        assert len(peer.calls) == 1
        there.send_request("lun-unmap", once=True)

    def test_nor_one_to_an_svm_that_is_nowhere(self) -> None:
        peer = Peer()
        with pytest.raises(Refusal) as caught:
            server(peer, "svm1").send_request("lun-map")
        assert not caught.value.transient
        assert len(peer.calls) == 1
