"""A wanted LUN, and a LUN's answers about itself on a path."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Callable

from dataontap import inquiry

# SAM-5: a LUN id of 256 or more needs the flat space method. The kernel's number contains the method's bits.
FLAT_SPACE = 0x4000
LARGEST_PERIPHERAL = 255


@dataclass(frozen=True)
class Wanted:
    """A LUN that is to become a device: its possible identities, its ``size`` in bytes, the device's ``path``.

    There can be two identities: a LUN that came from 7-Mode may have kept its prefix.
    """

    naas: tuple[str, ...]
    size: int
    path: str


@dataclass(frozen=True)
class Answer:
    """A path's answer to the query of identity and size: see ``inquiry``. ``size`` is None without an answer."""

    kind: str
    told: str
    size: int | None = None

    @property
    def naa(self) -> str | None:
        """The LUN's identity, if the answer has it."""
        return self.told if self.kind == inquiry.NAA else None


def ask(path: str) -> Answer:
    """Query a SCSI disk for identity and size, in this process. A dead path may block the process for long."""
    kind, told = inquiry.identity(f"/dev/{path}")
    if kind != inquiry.NAA:
        return Answer(kind, told)
    kind_of_size, size = inquiry.capacity(f"/dev/{path}")
    return Answer(kind, told, int(size) if kind_of_size == inquiry.SIZE else None)


def kernel_numbers(lun_id: int) -> tuple[int, ...]:
    """The kernel's possible numbers for a LUN id: filers use the flat space method where SAM-5 requires it.

    LIO takes large ids without it, so the plain number is tried as well.
    """
    return (lun_id,) if lun_id <= LARGEST_PERIPHERAL else (lun_id | FLAT_SPACE, lun_id)


def lun_ids(numbers: Collection[int]) -> set[int]:
    """The possible LUN ids for these numbers of the kernel: the inverse of ``kernel_numbers``."""
    return {*numbers, *(number & ~FLAT_SPACE for number in numbers)}


def in_words(question: Callable[[str], Answer], path: str) -> str:
    """The answer to ``question`` as a text, for a child's message; ``from_words`` parses it."""
    answer = question(path)
    return f"{answer.kind}\n{answer.told}\n{'' if answer.size is None else answer.size}"


def from_words(words: str) -> Answer:
    """Parse the text of ``in_words``."""
    kind, told, size = words.split("\n")
    return Answer(kind, told, int(size) if size else None)
