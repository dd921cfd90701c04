"""The crash sweep's default choice, which point stands for which others; and a lock that is not free."""

from __future__ import annotations

import fcntl
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from tests.crashes.judge import locked
from tests.crashes.points import REQUEST, Crash, representatives
from tests.sweep.scenarios import SCENARIOS
from tests.testbed.crash import AFTER, BEFORE

BY_NAME = {scenario.name: scenario for scenario in SCENARIOS}
LIST, CHANGE = "GET /storage/luns", "PATCH /storage/luns/{uuid}"


def crashes(*names: str, label: str, kind: str = "") -> list[Crash]:
    return [
        Crash(BY_NAME[name], label, 1, f"{kind or label} 1", kind or label, moment)
        for name in names
        for moment in (BEFORE, AFTER)
    ]


def chosen(found: list[Crash]) -> list[str]:
    return [str(crash) for crash in representatives(found, set())]


def test_a_change_of_the_filer_is_tried_for_each_verb_and_a_question_once() -> None:
    assert chosen(crashes("setinfo", "grow", "setinfo (new)", label=REQUEST, kind=CHANGE)) == [
        f"{verb} / {CHANGE} 1 / {moment}" for verb in ("setinfo", "grow") for moment in (BEFORE, AFTER)
    ]
    assert chosen(crashes("setinfo", "grow", label=REQUEST, kind=LIST)) == [f"setinfo / {LIST} 1 / after"]


def test_so_is_a_program_but_not_a_file_nor_a_change_over_zapi() -> None:
    for label, kind, times in (("run sh", "", 4), ("rename attached/*", "", 1), (REQUEST, "lun-unmap", 2)):
        assert len(chosen(crashes("remove", "n: open", label=label, kind=kind))) == times


def test_a_verb_that_refuses_stands_for_others_only_where_it_is_alone() -> None:
    found = crashes("attach (copy)", "attach", label="mkdir attached")
    assert chosen(found) == ["attach / mkdir attached 1 / after"]
    assert len(chosen(crashes("attach (copy)", label="mkdir attached"))) == 1


def test_what_was_tried_over_another_api_is_not_tried_again() -> None:
    seen: set[object] = set()
    found = crashes("attach", label="mkdir attached")
    assert [len(list(representatives(found, seen))) for _ in range(2)] == [1, 0]


def test_a_lock_that_is_held_after_a_kill_is_told(tmp_path: Path) -> None:
    lab: Any = SimpleNamespace(node=SimpleNamespace(path=lambda _: tmp_path))
    (tmp_path / "lock").mkdir()
    with (tmp_path / "lock/volume").open("w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        assert list(locked(lab, patience=0)) == ["volume is locked"]
    assert list(locked(lab, patience=0)) == []
