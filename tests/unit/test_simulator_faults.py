"""Which call a fault befalls; what is no fault at all."""

from __future__ import annotations

from typing import Any

import pytest

from tests.simulator.faults import CERTIFICATES, KINDS, SLOW, Fault, Faults


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
    fault = Fault(kind, api="lun-map", nth=3, times=None, after=True, seconds=1.5 if kind in SLOW else 0)
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
    ],
)
def test_no_fault(fields: dict[str, Any], problem: str) -> None:
    with pytest.raises(ValueError, match=problem):
        Fault.from_json(fields)
