"""What an attack may come to: success, or a documented error's message, on one line and without a secret."""

from __future__ import annotations

import io
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Callable

from dataontap import log
from dataontap.config import Settings
from dataontap.errors import DataOntapError
from dataontap.ganeti.script import MESSAGE_LIMIT, Process, attempt
from dataontap.volume.requests import Disk

# None of their parts is in a message or in the log. A secret's length says nothing.
SECRETS = ("hunter2-Ohg7ae", "ch4p-Secr3t-ieYo9")
_PART = 6
CONFIGURATION = f"""HOSTNAME = "filer.example.org"
LOGIN = "ganeti"
PASSWORD = "{SECRETS[0]}"
CLUSTER_MODE_VSERVER = "svm1"
POOL = "vol1"
IGROUP = "ganeti-{{node}}"
ISCSI_CHAP_USER = "node"
ISCSI_CHAP_PASSWORD = "{SECRETS[1]}"
"""


@dataclass
class Judge:
    """Runs attacks as scripts run verbs; ``directory`` is for the configuration."""

    directory: Path

    def configure(self, text: bytes = CONFIGURATION.encode()) -> str:
        """A configuration file with this text; returns its path."""
        file = self.directory / "extstorage-dataontap.conf"
        file.touch(mode=0o600)
        file.write_bytes(text)
        return str(file)

    def judge(self, attack: Callable[[], object]) -> str | None:
        """Run the attack; returns its message, or None if it succeeded. AssertionError if it may not end so."""
        return self.judge_script(self.configure(), lambda: Disk({}), lambda request, settings: attack())

    def judge_script(
        self,
        config_file: str,
        read: Callable[[], Disk | None],
        perform: Callable[[Disk, Settings], object],
    ) -> str | None:
        """The same for what reads the request, the configuration, or both."""
        bugs: list[Exception] = []

        def noting(request: Disk, settings: Settings) -> None:
            with _noting(bugs):
                perform(request, settings)

        def reading() -> Disk | None:
            with _noting(bugs):
                return read()

        stderr = io.StringIO()
        process = Process([], {}, None, stderr, config_file)
        with watched() as lines:
            status = attempt("fuzz", "v", process, reading, noting)
        if bugs:
            raise bugs[0]
        for line in lines:
            _require_line(line)
        said = stderr.getvalue()
        assert (status == 1) == bool(said), "a failure has a message"
        if not said:
            return None
        assert said.endswith("\n")
        assert len(said) <= MESSAGE_LIMIT + 1
        assert "internal error" not in said
        _require_line(said[:-1])
        return said[:-1]


@contextmanager
def _noting(bugs: list[Exception]) -> Iterator[None]:
    """An exception without a class of ours is raised again afterwards, with its own traceback."""
    try:
        yield
    except DataOntapError:
        raise
    except Exception as error:
        bugs.append(error)
        raise


def _require_line(text: str) -> None:
    assert text == log.printable(text), "one line, without control characters"
    for secret in SECRETS:
        parts = (secret[at : at + _PART] for at in range(len(secret) - _PART + 1))
        assert not any(part in text for part in parts), "a secret"


class _Lines(logging.Handler):
    """Keeps what the log would get."""

    def __init__(self) -> None:
        super().__init__()
        self.setFormatter(log.Safe(logging.Formatter(), SECRETS))
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(self.format(record))


@contextmanager
def watched() -> Iterator[list[str]]:
    """The log's lines of this block, DEBUG's included."""
    logger, handler = logging.getLogger("dataontap"), _Lines()
    level, propagate = logger.level, logger.propagate
    logger.addHandler(handler)
    logger.setLevel(logging.DEBUG)
    logger.propagate = False
    try:
        yield handler.lines
    finally:
        logger.removeHandler(handler)
        logger.setLevel(level)
        logger.propagate = propagate
