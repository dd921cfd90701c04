"""Odd inputs at every boundary; see tests/fuzz. New ones at each run."""

from __future__ import annotations

import logging
import os
import shutil
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings

from dataontap.errors import VolumeError
from dataontap.volume.requests import Disk
from tests.fuzz.judge import SECRETS, Judge
from tests.fuzz.mutation import ODD_TEXTS, changed_text
from tests.fuzz.targets import TARGETS

# For each target; together they take some seconds.
EXAMPLES = 40


@pytest.mark.parametrize("name", sorted(TARGETS))
def test_odd_inputs_end_in_documented_errors(name: str, tmp_path: Path) -> None:
    target = TARGETS[name]
    judge = Judge(tmp_path)
    directory = tmp_path / "here"

    # The same inputs each time: what a run finds must not depend on luck. New ones are for tests/run fuzz.
    @settings(
        max_examples=EXAMPLES,
        derandomize=True,
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
    )
    @given(target.inputs)
    def attack(given: object) -> None:
        shutil.rmtree(directory, ignore_errors=True)
        directory.mkdir()
        target.attack(judge, given, directory)

    attack()


@pytest.mark.parametrize("text", ODD_TEXTS)
def test_an_odd_text_can_be_changed_again(text: str) -> None:
    """Also half a character, which an environment's second change may meet."""

    @settings(max_examples=1, derandomize=True)
    @given(changed_text([text]))
    def change(changed: str) -> None:
        os.fsencode(changed)

    change()


def fail(message: str) -> None:
    raise VolumeError(message)


class TestTheJudge:
    """It would notice."""

    def test_success_and_a_message(self, tmp_path: Path) -> None:
        assert Judge(tmp_path).judge(lambda: 1) is None
        assert (
            Judge(tmp_path).judge(lambda: fail("its device is in use"))
            == "dataontap: fuzz v: its device is in use"
        )

    def test_a_traceback(self, tmp_path: Path) -> None:
        with pytest.raises(ValueError, match="invalid literal"):
            Judge(tmp_path).judge(lambda: int("x"))

    def test_a_part_of_a_secret_in_a_message(self, tmp_path: Path) -> None:
        with pytest.raises(AssertionError, match="a secret"):
            Judge(tmp_path).judge(lambda: fail(f"cannot read {SECRETS[0][:8]}"))

    def test_a_part_of_a_secret_in_the_log(self, tmp_path: Path) -> None:
        with pytest.raises(AssertionError, match="a secret"):
            Judge(tmp_path).judge(lambda: logging.getLogger("dataontap.x").debug("read %s", SECRETS[1][:8]))

    def test_a_file_that_is_no_configuration(self, tmp_path: Path) -> None:
        judge = Judge(tmp_path)
        said = judge.judge_script(judge.configure(b"PASSWORD = hunter2"), lambda: Disk({}), lambda *_: None)
        assert said is not None
        assert "PASSWORD: not a plain value" in said
