"""Unit tests start no program, open no socket and never sleep."""

from __future__ import annotations

import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NoReturn

import pytest
from hypothesis import settings

from tests.unit.stage import Stage

settings.register_profile("quick", max_examples=30, deadline=None)
settings.load_profile("quick")


class OutsideWorld(BaseException):
    """Not an Exception, so that no handler in the code under test can swallow it."""


@pytest.fixture(autouse=True)
def nothing_outside(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever wants the outside world here wants the contract level."""

    def refuse(*arguments: Any, **options: Any) -> NoReturn:
        raise OutsideWorld(arguments)

    monkeypatch.setattr(subprocess, "Popen", refuse)
    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(time, "sleep", refuse)


@pytest.fixture
def repository() -> Path:
    """The source tree."""
    return Path(__file__).resolve().parents[2]


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[Stage]:
    """A provider whose filer is an object."""
    stage = Stage(tmp_path)
    yield stage
    stage.filer.close()
