"""What a SCSI disk's answers mean: pages and sense data as a Debian 12 guest with LIO got them, and others."""

from __future__ import annotations

import json
from array import array
from pathlib import Path

import pytest

from dataontap import inquiry

DATA = Path(__file__).parents[1] / "data"
NAA = "600a0980383054723324526c68717745"


def designator(kind: int, code_set: int, association: int, data: bytes) -> bytes:
    """One of the page's identities (SPC-4, 7.8.6)."""
    return bytes((code_set, association << 4 | kind, 0, len(data))) + data


def page(*designators: bytes, qualifier: int = 0) -> bytes:
    """Vital product data page 0x83."""
    body = b"".join(designators)
    return bytes((qualifier << 5, 0x83, len(body) >> 8, len(body) & 255)) + body


UNIT = designator(3, 1, 0, bytes.fromhex(NAA))
# In the order of LIO's page: the unit's NAA, its T10 name, then the port's.
T10 = designator(1, 2, 0, b"NETAPP  LUN C-Mode:0383054723324526c68717745")
PORT = designator(3, 1, 1, bytes.fromhex("5001405000000001"))


@pytest.mark.parametrize("order", [(UNIT, T10, PORT), (PORT, T10, UNIT), (T10, UNIT)])
def test_the_units_own_naa_counts(order: tuple[bytes, ...]) -> None:
    assert inquiry._naa(page(*order)) == (inquiry.NAA, NAA)


def test_pages_that_a_guest_recorded() -> None:
    """Those of both paths, as tests/vm/recordings.py took them."""
    recorded = json.loads((DATA / "node.json").read_text(encoding="utf-8"))
    pages = [bytes.fromhex(text[4:]) for path, text in recorded["sysfs"].items() if path.endswith("/vpd_pg83")]
    assert [inquiry._naa(page) for page in pages] == [(inquiry.NAA, recorded["naa"])] * 2


def test_what_comes_after_the_page_does_not_count() -> None:
    assert inquiry._naa(page(T10) + UNIT)[0] == inquiry.DEAD


@pytest.mark.parametrize("answer", [b"", b"\0", page(T10, PORT), page(UNIT)[:6], b"\0\x80" + page(UNIT)[2:]])
def test_an_answer_without_an_identity(answer: bytes) -> None:
    assert inquiry._naa(answer)[0] == inquiry.DEAD


def test_a_qualifier_says_that_there_is_no_lun() -> None:
    """Even with an identity in the page: scsi_debug sends the old one, and scsi_id believes it."""
    assert inquiry._naa(page(UNIT, qualifier=3)) == (inquiry.NO_LUN, "peripheral qualifier 3")


@pytest.mark.parametrize(
    ("sense", "answer"),
    [
        (bytes((0x70, 0, 5, 0, 0, 0, 0, 10, 0, 0, 0, 0, 0x25, 0)), (inquiry.NO_LUN, "sense 5/25/00")),
        (bytes((0x72, 5, 0x25, 0)), (inquiry.NO_LUN, "sense 5/25/00")),
        (bytes((0x70, 0, 5, 0, 0, 0, 0, 10, 0, 0, 0, 0, 0x20, 0)), (inquiry.DEAD, "sense 5/20/00")),
        (bytes((0x70, 0, 2, 0, 0, 0, 0, 10, 0, 0, 0, 0, 4, 3)), (inquiry.DEAD, "sense 2/04/03")),
        (bytes((0x70, 0, 6, 0, 0, 0, 0, 10, 0, 0, 0, 0, 0x3F, 0x0E)), ("again", "")),
    ],
)
def test_what_a_refusal_means(sense: bytes, answer: tuple[str, str]) -> None:
    assert inquiry._refusal(array("B", sense.ljust(64, b"\0"))) == answer


@pytest.mark.parametrize("device", ["/dev/no-such-disk", "/dev/null"])
def test_what_cannot_be_asked_is_dead(device: str) -> None:
    assert inquiry.identity(device)[0] == inquiry.DEAD
    assert inquiry.capacity(device)[0] == inquiry.DEAD
