"""The filer's version is remembered for a day, for this filer, SVM and account."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from dataontap.state.cache import DAY, VersionCache


@pytest.fixture
def remembered(tmp_path: Path) -> VersionCache:
    version = VersionCache("filer:443", "svm1", "admin", directory=str(tmp_path))
    version.put((1, 180))
    return version


@pytest.fixture
def file(tmp_path: Path, remembered: VersionCache) -> Path:
    (found,) = (tmp_path / "version").iterdir()
    return found


def test_it_is_remembered(remembered: VersionCache) -> None:
    assert remembered.get() == (1, 180)
    remembered.drop()
    assert remembered.get() is None
    remembered.drop()


def test_another_filer_or_account_has_its_own(remembered: VersionCache, tmp_path: Path) -> None:
    for identity in (("other:443", "svm1", "admin"), ("filer:443", None, "admin"), ("filer:443", "svm1", "b")):
        assert VersionCache(*identity, directory=str(tmp_path)).get() is None


@pytest.mark.parametrize(("age", "known"), [(DAY - 60, True), (DAY + 60, False), (-60, False)])
def test_it_is_dropped_after_a_day(remembered: VersionCache, file: Path, age: int, known: bool) -> None:
    then = time.time() - age
    os.utime(file, (then, then))
    assert (remembered.get() is not None) == known


@pytest.mark.parametrize("content", [b"", b"1.180", b"one.two\n", b"\xff", b"1.180\n" * 1000, b"1.99999999\n"])
def test_what_makes_no_sense_is_ignored(remembered: VersionCache, file: Path, content: bytes) -> None:
    file.write_bytes(content)
    assert remembered.get() is None


def test_a_link_is_not_followed(remembered: VersionCache, file: Path) -> None:
    file.rename(file.with_name("elsewhere"))
    file.symlink_to("elsewhere")
    assert remembered.get() is None


def test_a_directory_that_cannot_be_written_stops_nothing() -> None:
    VersionCache("f", directory="/proc/nowhere").put((1, 180))
