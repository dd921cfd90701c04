"""How a process ends: what the admin reads of a failure, and what never gets into it."""

from __future__ import annotations

import io
from pathlib import Path
from typing import NoReturn

import pytest

from dataontap.config import Settings
from dataontap.errors import OntapError
from dataontap.ganeti.script import Process, attempt
from dataontap.volume.requests import Disk

CONFIG = """HOSTNAME = 'filer.example'
LOGIN = 'admin'
PASSWORD = 'hunter2'
CLUSTER_MODE_VSERVER = 'svm1'
IGROUP = 'ganeti'
POOL = 'vol1'
LOGFILE = None
"""


@pytest.fixture
def config_file(tmp_path: Path) -> Path:
    file = tmp_path / "extstorage-dataontap.conf"
    file.touch(mode=0o600)
    file.write_text(CONFIG)
    return file


def fail(config_file: Path, error: Exception) -> list[str]:
    """What stderr has when ``error`` ends a verb."""

    def perform(request: Disk, settings: Settings) -> NoReturn:
        raise error from ValueError("the filer said hunter2\x9b31m")

    stderr = io.StringIO()
    process = Process([], {}, io.StringIO(), stderr, str(config_file))
    assert attempt("attach", "v", process, lambda: Disk({}), perform) == 1
    return stderr.getvalue().split("\n")


def test_a_bugs_traceback_has_no_secret_and_nothing_that_a_terminal_obeys(config_file: Path) -> None:
    lines = fail(config_file, KeyError("hunter2\n\x1b[2J"))
    assert lines[0] == "ValueError: the filer said ***?31m"
    assert "Traceback (most recent call last):" in lines
    assert lines[-2].startswith(
        "dataontap: attach v: internal error, please report the traceback above: KeyError:"
    )
    assert "hunter2" not in "".join(lines)
    assert [line for line in lines if not line.isprintable()] == []


def test_a_bug_before_the_configuration_is_read(config_file: Path) -> None:
    def read() -> NoReturn:
        raise KeyError("password = 'hunter2'")

    stderr = io.StringIO()
    process = Process([], {}, io.StringIO(), stderr, str(config_file))
    assert attempt("attach", "v", process, read, lambda request, settings: None) == 1
    assert "Traceback" in stderr.getvalue()
    assert "hunter2" not in stderr.getvalue()


def test_what_a_failure_leaves_behind_is_told_after_a_reason_that_is_too_long(config_file: Path) -> None:
    error = OntapError("lun-map failed: " + 30 * "so it is ")
    error.add("its LUN may be left in vol1")
    (line, _) = fail(config_file, error)
    assert line.startswith("dataontap: attach v: lun-map failed: so it is so it is")
    assert line.endswith("...; its LUN may be left in vol1")
    assert len(line) == 200


def test_the_message_is_one_line(config_file: Path) -> None:
    (line, end) = fail(config_file, OntapError("the SVM has a volume 'a\r\nb\u2028c\x1b[2J\u202ed'"))
    assert line == "dataontap: attach v: the SVM has a volume 'a b c?[2J?d'"
    assert end == ""
