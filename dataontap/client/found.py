"""An answer that may be incomplete: its rows, and the volumes that the filer could not list."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TypeVar

T = TypeVar("T")


@dataclass(frozen=True)
class VolumeProblem:
    """A volume that the filer could not list. ``volume`` is "" if the filer does not name it."""

    volume: str
    reason: str

    def __str__(self) -> str:
        which = f"volume {self.volume}" if self.volume else "a volume"
        return f"{which} could not be listed: {self.reason}"


class Found(list[T]):
    """The rows of an answer. ``problems`` are the missing volumes that may have rows that match the question.

    A row proves that its object exists. While there are problems, a missing row proves nothing.
    """

    def __init__(self, rows: Iterable[T] = (), problems: Iterable[VolumeProblem] = ()) -> None:
        super().__init__(rows)
        self.problems = tuple(problems)
