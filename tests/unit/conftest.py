"""Unit tests start no program, open no socket and never sleep."""

from __future__ import annotations

import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Callable, NoReturn

import pytest
from hypothesis import settings

from tests.unit.stage import Stage
from tests.unit.volume import CREATION, make

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
def make_stage(tmp_path: Path) -> Iterator[Callable[..., Stage]]:
    """A provider whose filer is an object, on a filer of the wanted kind."""
    stages: list[Stage] = []

    def make(**options: int) -> Stage:
        stages.append(Stage(tmp_path, **options))
        return stages[-1]

    yield make
    for stage in stages:
        stage.filer.close()


@pytest.fixture
def stage(make_stage: Callable[..., Stage]) -> Stage:
    """A provider whose filer is an object; LUNs are mapped to one group for all nodes."""
    return make_stage()


@pytest.fixture
def group_per_node(stage: Stage) -> None:
    """LUNs are mapped to a group for each node, of which node1's acts until the test says otherwise."""
    stage.options["IGROUP"] = "g-{node}"


@pytest.fixture
def created(stage: Stage) -> Stage:
    """A stage with a volume that Ganeti is still making: setinfo is to come."""
    stage.provider.create(CREATION)
    return stage


@pytest.fixture
def created_per_node(group_per_node: None, created: Stage) -> Stage:
    """The same, mapped to the node's own group."""
    return created


@pytest.fixture
def made(stage: Stage) -> Stage:
    """A stage with a finished volume."""
    make(stage)
    return stage
