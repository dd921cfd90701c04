"""What a target is."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Callable

from hypothesis.strategies import SearchStrategy

from tests.fuzz.judge import Judge


@dataclass(frozen=True)
class Target:
    """Reads ``inputs``. ``attack`` gets a judge, an input, and a directory that is empty."""

    inputs: SearchStrategy[Any]
    attack: Callable[[Judge, Any, Path], object]


def target(inputs: SearchStrategy[Any]) -> Callable[[Callable[[Judge, Any, Path], object]], Target]:
    """Turns a function into a Target, as its ``attack``."""
    return lambda attack: Target(inputs, attack)
