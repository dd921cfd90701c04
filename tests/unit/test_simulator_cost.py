"""Asking for one LUN costs the same however many there are; counted in function calls, not in seconds."""

from __future__ import annotations

import gc
import sys
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import Any

import pytest

from tests.simulator.filer import Filer
from tests.simulator.model import MIB, Lun
from tests.simulator.rest.wire import Request
from tests.unit.zapi import Arguments, document

ONE = {"lun-info": {"path": "/vol/vol1/wanted"}}


class Thousands(Filer):
    """A filer with ``count`` LUNs beside the one that is wanted; without files, which nobody reads here."""

    def fill(self, count: int) -> None:
        names = ["wanted", *(f"other{number:05}" for number in range(count - 1))]
        # In order of nothing: what is wanted is neither first nor last.
        luns = [self._lun(number, name) for number, name in enumerate(sorted(names, key=lambda each: each[::-1]))]
        self.state.commit(*luns)

    def _lun(self, number: int, name: str) -> Lun:
        uuid = f"uuid-{number:05}"
        return Lun("svm1", f"/vol/vol1/{name}", uuid, f"serial{number:06}", 10 * MIB, MIB, 0, maps={"g": number})


def filled(directory: Path, count: int) -> Thousands:
    """A filer with so many LUNs, all mapped to one group."""
    filer = Thousands(directory, seed="cost")
    filer(document("igroup-create", {"initiator-group-name": "g", "initiator-group-type": "iscsi"}))
    filer.fill(count)
    return filer


@pytest.fixture(scope="module")
def filers(tmp_path_factory: pytest.TempPathFactory) -> tuple[Thousands, Thousands]:
    """A filer with ten LUNs and one with ten thousand."""
    few, many = (filled(tmp_path_factory.mktemp("filer"), count) for count in (10, 10_000))
    return few, many


def work(filer: Filer, api: str, arguments: Arguments) -> int:
    """How many calls of functions, Python's and C's, a request takes; the least of a few times."""
    request = document(api, arguments)
    assert b'status="passed"' in filer(request), "and whatever is done once is done"
    gc.disable()  # what it would call has nothing to do with the request
    try:
        return min(counted(filer, request) for _ in range(3))
    finally:
        gc.enable()


def counted(filer: Filer, request: bytes) -> int:
    """How many calls of functions this request takes this time."""
    return profiled(lambda: filer(request))


def profiled(ask: Callable[[], object]) -> int:
    """How many calls of functions something takes."""
    count = 0

    def note(frame: FrameType, event: str, argument: Any) -> None:
        nonlocal count
        count += event in {"call", "c_call"}

    sys.setprofile(note)
    try:
        ask()
    finally:
        sys.setprofile(None)
    return count


@pytest.mark.parametrize(
    ("api", "arguments"),
    [
        ("lun-get-iter", {"query": ONE}),
        ("lun-get-iter", {"query": ONE, "max-records": 100, "desired-attributes": {"lun-info": {"size": ""}}}),
        ("lun-get-iter", {"query": {"lun-info": {"path": "/vol/vol1/wanted|/vol/vol1/none"}}}),
        ("lun-get-iter", {"query": {"lun-info": {"path": "/vol/*/wanted"}}}),
        ("lun-map-get-iter", {"query": {"lun-map-info": {"path": "/vol/vol1/wanted"}}}),
        ("lun-map-list-info", {"path": "/vol/vol1/wanted"}),
        ("lun-set-comment", {"path": "/vol/vol1/wanted", "comment": "x"}),
        ("lun-get-geometry", {"path": "/vol/vol1/wanted"}),
    ],
)
def test_one_lun_costs_the_same_among_ten_and_ten_thousand(
    filers: tuple[Thousands, Thousands], api: str, arguments: Arguments
) -> None:
    few, many = (work(filer, api, arguments) for filer in filers)
    assert few == many


def test_the_measure_sees_a_search(tmp_path: Path) -> None:
    everything = {"query": {"lun-info": {"serial-number": "serial000003"}}}
    few, many = (work(filled(tmp_path / str(count), count), "lun-get-iter", everything) for count in (10, 300))
    assert many > 5 * few


def rest_work(filer: Filer, method: str, path: str, query: str, body: str) -> int:
    """As ``work``, for REST."""
    request = Request(method, path, query, body.encode())

    def ask() -> None:
        answer = filer.rest.answer(request, "admin")
        assert answer.status == 200, answer.content
        assert method != "GET" or b'"/vol/vol1/wanted"' in answer.body

    ask()
    gc.disable()
    try:
        return min(profiled(ask) for _ in range(3))
    finally:
        gc.enable()


@pytest.mark.parametrize(
    ("method", "path", "query", "body"),
    [
        ("GET", "/storage/luns", "name=/vol/vol1/wanted&fields=*,lun_maps", ""),
        ("GET", "/storage/luns", "name=/vol/*/wanted&svm.name=svm1", ""),
        ("GET", "/storage/luns", "name=/vol/vol1/wanted|/vol/vol1/none", ""),
        ("GET", "/storage/luns", "uuid=UUID", ""),
        ("GET", "/storage/luns", "location.logical_unit=wanted", ""),
        ("GET", "/storage/luns/UUID", "", ""),
        ("PATCH", "/storage/luns/UUID", "", '{"comment": "x"}'),
        ("GET", "/protocols/san/lun-maps", "lun.name=/vol/vol1/wanted", ""),
        ("GET", "/protocols/san/lun-maps", "lun.uuid=UUID", ""),
        ("GET", "/protocols/san/lun-maps/UUID/GROUP", "", ""),
    ],
)
def test_rest_costs_the_same_among_ten_and_ten_thousand(
    filers: tuple[Thousands, Thousands], method: str, path: str, query: str, body: str
) -> None:
    costs = []
    for filer in filers:
        names = {"UUID": filer.luns["svm1", "/vol/vol1/wanted"].uuid, "GROUP": filer.igroups["svm1", "g"].uuid}
        known = [each for each in (path, query)]
        for name, uuid in names.items():
            known = [each.replace(name, uuid) for each in known]
        costs.append(rest_work(filer, method, known[0], known[1], body))
    assert costs[0] == costs[1]
