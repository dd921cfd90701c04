"""Which call a fault befalls; what is no fault at all."""

from __future__ import annotations

import re
from http import HTTPStatus
from pathlib import Path
from typing import Any

import pytest

from tests.simulator import documents, malice
from tests.simulator.faults import CERTIFICATES, KINDS, LISTS, OF_REST, SLOW, Fault, Faults
from tests.simulator.filer import NOT_CARRIED_OUT, Answer, Filer
from tests.simulator.wire import XML, Reply
from tests.unit.zapi import Arguments, ask, document


def struck(faults: Faults, *apis: str) -> str:
    """What befalls these calls, by the first letters of kinds; a dash for nothing."""
    return "".join((fault.kind[0] if (fault := faults.strike(api)) else "-") for api in apis)


@pytest.mark.parametrize(
    ("fault", "expected"),
    [
        (Fault("reset"), "r-----"),
        (Fault("reset", api="b"), "-r----"),
        (Fault("reset", api="b", nth=2), "---r--"),
        (Fault("reset", api="b", nth=2, times=2), "---r-r"),
        (Fault("reset", nth=3, times=2), "--rr--"),
        (Fault("reset", api="b", times=None), "-r-r-r"),
        (Fault("reset", api="c"), "------"),
    ],
)
def test_the_nth_call(fault: Fault, expected: str) -> None:
    faults = Faults()
    assert struck(faults, "b") == "-", "what came before the arming does not count"
    faults.arm(fault)
    assert struck(faults, "a", "b", "a", "b", "a", "b") == expected
    assert faults.armed() == [(fault, expected.count("r"))]


def test_of_two_the_first_strikes_and_both_count() -> None:
    faults = Faults()
    for fault in (Fault("reset", nth=2), Fault("garbage", nth=2, times=2)):
        faults.arm(fault)
    assert struck(faults, "a", "a", "a", "a") == "-rg-"
    assert [times for _, times in faults.clear()] == [1, 1]
    assert struck(faults, "a") == "-"


@pytest.mark.parametrize("kind", KINDS)
def test_there_and_back_again(kind: str) -> None:
    api = "lun-get-iter" if kind in LISTS else "lun-map"
    if kind in OF_REST:
        api = "GET /storage/luns" if kind == "unready" else "POST /storage/luns"
    fault = Fault(kind, api=api, nth=3, times=None, after=True, seconds=1.5 if kind in SLOW else 0)
    assert Fault.from_json(fault.to_json()) == fault
    assert fault.certificate in CERTIFICATES


@pytest.mark.parametrize(
    ("fields", "problem"),
    [
        ({}, "needs a kind"),
        ({"kind": "flood"}, "kind 'flood': there are errno, status"),
        ({"kind": "reset", "colour": 1, "size": 2}, "no such field: colour, size"),
        ({"kind": "reset", "nth": 0}, "count from 1"),
        ({"kind": "reset", "times": 0}, "count from 1"),
        ({"kind": "reset", "nth": "x"}, "not supported between"),
        ({"kind": "delay"}, "delay: needs seconds"),
        ({"kind": "reset", "seconds": 1}, "reset: has no seconds"),
        ({"kind": "certificate", "certificate": "x"}, "certificate 'x': there are renewed, foreign"),
        ({"kind": "status", "status": 99}, "99 is no HTTP status"),
        ({"kind": "miscounted", "api": "lun-map"}, "miscounted: lun-map is no list"),
        ({"kind": "unready", "api": "GET /storage/luns/{uuid}"}, "unready: GET .* is no list"),
        ({"kind": "unready", "api": "lun-get-iter"}, "unready: lun-get-iter is no list"),
        ({"kind": "bomb", "api": "GET /cluster"}, "bomb: GET /cluster is no such call"),
        ({"kind": "stale", "seconds": 1, "api": "GET /storage/luns"}, "stale: GET .* is no such call"),
        ({"kind": "job", "seconds": 1, "api": "lun-map"}, "job: lun-map is no such call"),
    ],
)
def test_no_fault(fields: dict[str, Any], problem: str) -> None:
    with pytest.raises(ValueError, match=problem):
        Fault.from_json(fields)


def test_faults_of_lists_befall_only_lists() -> None:
    faults = Faults()
    faults.arm(Fault("miscounted", nth=2, times=2))
    apis = ("lun-map", "lun-get-iter", "lun-create-by-size", "lun-map-get-iter", "lun-map", "lun-get-iter")
    assert struck(faults, *apis) == "---m-m"


@pytest.fixture
def filer(tmp_path: Path) -> Filer:
    """A filer with two LUNs."""
    filer = Filer(tmp_path, seed="faults", strict=True)
    for name in "ab":
        ask(filer, "lun-create-by-size", {"path": f"/vol/vol1/{name}", "size": 4 << 20})
    return filer


def befallen(filer: Filer, fault: Fault, arguments: Arguments) -> str:
    """What a client gets of lun-get-iter under the fault, without the frame and the LUNs' other fields."""
    body = document("lun-get-iter", {"desired-attributes": {"lun-info": {"path": ""}}, **arguments})
    answer = filer.answer(malice.question(fault, body), "admin")
    if not fault.is_carried_out or malice.led_on(body):
        answer = Answer(documents.passed({}, filer.ontapi), status=NOT_CARRIED_OUT)
    reply = Reply(HTTPStatus.OK, answer.document, XML, answer=answer)
    shown = malice.struck(fault, reply, filer.ontapi).body.decode()
    (results,) = re.findall("<results (.*)</results>", shown, re.DOTALL)
    return re.sub("<(qtree|volume|vserver)>[^<]*</[^>]*>", "", results)


A = {"query": {"lun-info": {"path": "/vol/vol1/a"}}}
LUN_A, LUN_B = (f"<lun-info><path>/vol/vol1/{name}</path></lun-info>" for name in "ab")
OFFLINE = (
    "<volume-errors><volume-error><errno>13042</errno><name>vol9</name><reason>is &lt;off&gt;</reason>"
    "</volume-error></volume-errors>"
)


@pytest.mark.parametrize(
    ("fault", "arguments", "expected"),
    [
        (Fault("miscounted"), A, f"<attributes-list>{LUN_A}</attributes-list><num-records>2</num-records>"),
        (Fault("miscounted"), {"query": {"lun-info": {"path": "/x"}}}, "<num-records>1</num-records>"),
        (
            Fault("endless"),
            A,
            f"<attributes-list>{LUN_A}</attributes-list><num-records>1</num-records><next-tag>endless</next-tag>",
        ),
        (
            Fault("endless"),
            {"max-records": 1},
            f"<attributes-list>{LUN_A}</attributes-list><num-records>1</num-records><next-tag>endless</next-tag>",
        ),
        (Fault("another"), A, f"<attributes-list>{LUN_B}</attributes-list><num-records>1</num-records>"),
        (
            Fault("another"),
            {"query": {"lun-info": {"path": "/vol/*/c"}}, "max-records": 100},
            f"<attributes-list>{LUN_A}</attributes-list><num-records>1</num-records>",
        ),
        (
            Fault("another"),
            {},
            f"<attributes-list>{LUN_A}{LUN_B}</attributes-list><num-records>2</num-records>",
        ),
        (
            Fault("volume-errors", volume="vol9", errno="13042", reason="is <off>"),
            A,
            f"<num-records>0</num-records>{OFFLINE}",
        ),
        (
            Fault("volume-errors", volume="vol9", errno="13042", reason="is <off>", after=True),
            A,
            f"<attributes-list>{LUN_A}</attributes-list><num-records>1</num-records>{OFFLINE}",
        ),
    ],
)
def test_a_list_that_cannot_be_believed(filer: Filer, fault: Fault, arguments: Arguments, expected: str) -> None:
    assert befallen(filer, fault, arguments) == f'status="passed">{expected}'


def test_a_list_that_is_refused_is_only_refused(filer: Filer) -> None:
    for kind in LISTS:
        answer = befallen(filer, Fault(kind, after=True), {"query": {"lun-info": {"colour": "red"}}})
        assert answer == 'reason="Extra input: colour" status="failed" errno="13001">'


def test_who_is_led_to_an_endless_page_never_leaves(filer: Filer) -> None:
    assert malice.led_on(document("lun-get-iter", A)) is None
    assert malice.led_on(document("lun-get-iter", {"tag": "<lun-get-iter-key-td/>"})) is None
    fault = malice.led_on(document("lun-get-iter", {"tag": "\nendless "}))
    assert fault is not None
    assert (
        befallen(filer, fault, {"tag": "endless"})
        == 'status="passed"><num-records>0</num-records><next-tag>endless</next-tag>'
    )
