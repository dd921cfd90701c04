"""Odd inputs at every boundary; see tests/fuzz. New ones at each run."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings

from tests.fuzz.judge import Judge
from tests.fuzz.targets import TARGETS

# For each target; together they take some seconds.
EXAMPLES = 40


@pytest.mark.parametrize("name", sorted(TARGETS))
def test_odd_inputs_end_in_documented_errors(name: str, tmp_path: Path) -> None:
    target = TARGETS[name]
    judge = Judge(tmp_path)
    directory = tmp_path / "here"

    @settings(max_examples=EXAMPLES, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
    @given(target.inputs)
    def attack(given: object) -> None:
        shutil.rmtree(directory, ignore_errors=True)
        directory.mkdir()
        target.attack(judge, given, directory)

    attack()
