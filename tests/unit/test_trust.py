"""doc/TRUST.md: its tests exist, and each target of tests/fuzz is in it."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest

from dataontap.state.cache import Cache
from dataontap.state.records import Records
from tests.fuzz.targets import TARGETS

# Files in /run that another user made are not believed.
OTHERS = 65534


def named(repository: Path, pattern: str) -> set[str]:
    return set(re.findall(pattern, (repository / "doc/TRUST.md").read_text(encoding="utf-8")))


def test_each_test_exists(repository: Path) -> None:
    tests = named(repository, r"`((?:unit|contract)/\w+\.py::\w+)`")
    assert len(tests) > 30
    for test in sorted(tests):
        file, _, name = test.partition("::")
        code = (repository / "tests" / file).read_text(encoding="utf-8")
        assert re.search(rf"^ *def {name}\(", code, re.M), test


def test_each_target_is_there_and_has_its_place(repository: Path) -> None:
    assert named(repository, r"`fuzz (\w+)`") == set(TARGETS)


def test_each_row_names_a_test(repository: Path) -> None:
    lines = (repository / "doc/TRUST.md").read_text(encoding="utf-8").splitlines()
    rows = [line for line in lines if line.startswith("| ")][1:]
    assert len(rows) > 10
    assert [row for row in rows if "`" not in row.split("|")[3]] == []


def test_what_is_written_is_roots_alone(tmp_path: Path) -> None:
    """Whatever the umask is."""
    before = os.umask(0)
    try:
        records = Records({}, directory=str(tmp_path / "run"), creator=lambda: "1 1")
        records.begin("v")
        records.clones.begin("v", "/vol/vol1/v")
        Cache("version", directory=str(tmp_path / "run")).put("1.180\n")
    finally:
        os.umask(before)
    folders = [path for path in (tmp_path / "run").rglob("*") if path.is_dir()]
    assert len(folders) == 3
    assert [folder for folder in folders if folder.stat().st_mode & 0o077] == []


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a file away")
def test_another_users_record_is_none(tmp_path: Path) -> None:
    records = Records({}, directory=str(tmp_path), creator=lambda: "1 1")
    records.begin("v")
    assert records.is_new("v")
    os.chown(tmp_path / "new/v", OTHERS, 0)
    assert not records.is_new("v")
