"""The log file: where it may be, and that nobody can have root write somewhere else."""

from __future__ import annotations

import logging
import os
from pathlib import Path

import pytest

from dataontap.logfile import LogFile


@pytest.fixture(autouse=True)
def nothing_on_stderr(monkeypatch: pytest.MonkeyPatch) -> None:
    """As ``log.setup`` has it: a record that cannot be written is no traceback."""
    monkeypatch.setattr(logging, "raiseExceptions", False)


def say(handler: logging.Handler, text: str) -> None:
    handler.handle(logging.LogRecord("dataontap", logging.INFO, "", 1, text, (), None))


def test_appended_to_and_for_root_alone(tmp_path: Path) -> None:
    file = tmp_path / "log"
    for text in ("one", "zwei ä", "a\udcffb"):
        handler = LogFile(str(file))
        say(handler, text)
        handler.close()
    assert file.read_bytes() == "one\nzwei ä\na\\udcffb\n".encode()
    assert file.stat().st_mode & 0o777 == 0o600


def test_rotated_away(tmp_path: Path) -> None:
    file = tmp_path / "log"
    handler = LogFile(str(file))
    say(handler, "before")
    file.rename(tmp_path / "log.1")
    say(handler, "after")
    handler.close()
    assert ((tmp_path / "log.1").read_text(), file.read_text()) == ("before\n", "after\n")


def test_a_symbolic_link(tmp_path: Path) -> None:
    target = tmp_path / "shadow"
    target.write_text("root\n")
    (tmp_path / "log").symlink_to(target)
    with pytest.raises(OSError, match="is a symbolic link"):
        LogFile(str(tmp_path / "log"))
    (tmp_path / "log").unlink()
    (tmp_path / "log").symlink_to(tmp_path / "fresh")
    with pytest.raises(OSError, match="is a symbolic link"):
        LogFile(str(tmp_path / "log"))
    assert target.read_text() == "root\n"
    assert not (tmp_path / "fresh").exists()


def test_a_symbolic_link_that_comes_later(tmp_path: Path) -> None:
    """It is not followed, and whoever logs does not notice."""
    file, target = tmp_path / "log", tmp_path / "shadow"
    target.write_text("root\n")
    handler = LogFile(str(file))
    file.unlink()
    file.symlink_to(target)
    say(handler, "lost")
    assert target.read_text() == "root\n"
    file.unlink()
    say(handler, "found")
    handler.close()
    assert file.read_text() == "found\n"


def test_a_symbolic_link_on_the_way_is_the_admins(tmp_path: Path) -> None:
    (tmp_path / "disk2").mkdir()
    (tmp_path / "logs").symlink_to(tmp_path / "disk2")
    handler = LogFile(str(tmp_path / "logs/log"))
    say(handler, "here")
    handler.close()
    assert (tmp_path / "disk2/log").read_text() == "here\n"


@pytest.mark.parametrize("mode", [0o777, 0o1777, 0o703])
def test_a_directory_that_everybody_may_write(tmp_path: Path, mode: int) -> None:
    """Whoever made the file first would read what we write, or have made it a link."""
    folder = tmp_path / "public"
    folder.mkdir()
    folder.chmod(mode)
    with pytest.raises(OSError, match=f"every user can write to {folder}"):
        LogFile(str(folder / "log"))
    assert not (folder / "log").exists()


def test_a_directory_that_everybody_may_exchange(tmp_path: Path) -> None:
    folder = tmp_path / "public/ours"
    folder.mkdir(parents=True)
    folder.parent.chmod(0o777)
    with pytest.raises(OSError, match="every user can write to"):
        LogFile(str(folder / "log"))
    folder.parent.chmod(0o1777)  # where only its owner may
    LogFile(str(folder / "log")).close()


def test_a_directory_that_a_group_may_write(tmp_path: Path) -> None:
    """Ubuntu's /var/log is syslog's."""
    tmp_path.chmod(0o775)
    LogFile(str(tmp_path / "log")).close()


def test_what_is_no_plain_file(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "fifo")
    reader = os.open(tmp_path / "fifo", os.O_RDONLY | os.O_NONBLOCK)
    with pytest.raises(OSError, match="is not a regular file"):
        LogFile(str(tmp_path / "fifo"))
    os.close(reader)
    with pytest.raises(OSError, match="No such device"):
        LogFile(str(tmp_path / "fifo"))
    with pytest.raises(OSError, match="Is a directory"):
        LogFile(str(tmp_path))
