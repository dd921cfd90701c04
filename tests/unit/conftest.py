"""Unit tests start no program, open no socket and never wait."""

from __future__ import annotations

import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Callable, NoReturn

import pytest
from hypothesis import settings

from dataontap.host.udev import Events
from tests.unit.stage import Stage
from tests.unit.volume import CREATION, make

settings.register_profile("quick", max_examples=30, deadline=None)
settings.load_profile("quick")


class OutsideWorld(BaseException):
    """Not an Exception, so that no handler in the code under test can swallow it."""


@pytest.fixture(scope="session")
def sleepers() -> list[dict[str, object]]:
    """The default arguments of our constructors that are time.sleep: the test that needs one passes its own."""
    modules = [module for name, module in sys.modules.items() if name.partition(".")[0] == "dataontap"]
    classes = {member for module in modules for member in vars(module).values() if isinstance(member, type)}
    defaults = [getattr(vars(one).get("__init__"), "__kwdefaults__", None) or {} for one in classes]
    return [default for default in defaults if time.sleep in default.values()]


@pytest.fixture(autouse=True)
def nothing_outside(monkeypatch: pytest.MonkeyPatch, sleepers: list[dict[str, object]]) -> None:
    """A test that needs the outside world, or time, belongs to the contract level; see clock.py."""

    def refuse(*arguments: Any, **options: Any) -> NoReturn:
        raise OutsideWorld(arguments)

    monkeypatch.setattr(subprocess, "Popen", refuse)
    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(Events, "_wait", refuse)
    for defaults in sleepers:
        for name in [name for name, value in defaults.items() if value is time.sleep]:
            monkeypatch.setitem(defaults, name, refuse)
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
