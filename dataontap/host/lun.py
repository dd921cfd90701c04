"""A LUN that is to be a device of this node, and what the LUN behind a path says of itself."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Callable

from dataontap import inquiry

# SAM-5: from 256 on a LUN needs the flat space method, whose marker the kernel counts as part of the number.
FLAT_SPACE = 0x4000
_LARGEST_PERIPHERAL = 255


@dataclass(frozen=True)
class Wanted:
    """A LUN that is to be a device: one of these identities, ``size`` bytes, to be found at ``path``.

    There can be two identities: a LUN that came from 7-Mode may have kept its prefix.
    """

    naas: tuple[str, ...]
    size: int
    path: str


@dataclass(frozen=True)
class Answer:
    """What a path's LUN said when it was asked: see ``inquiry``. ``size`` is None where it did not say."""

    kind: str
    told: str
    size: int | None = None

    @property
    def naa(self) -> str | None:
        """The identity, if it told one."""
        return self.told if self.kind == inquiry.NAA else None


def ask(path: str) -> Answer:
    """Ask a SCSI disk who it is and how large, in this very process. One that is dead may keep it for long."""
    kind, told = inquiry.identity(f"/dev/{path}")
    if kind != inquiry.NAA:
        return Answer(kind, told)
    kind_of_size, size = inquiry.capacity(f"/dev/{path}")
    return Answer(kind, told, int(size) if kind_of_size == inquiry.SIZE else None)


def kernel_numbers(lun_id: int) -> tuple[int, ...]:
    """The numbers under which the kernel may know a LUN id: filers use the flat space method where they must.

    LIO takes large ids the way they come, so that is tried, too.
    """
    return (lun_id,) if lun_id <= _LARGEST_PERIPHERAL else (lun_id | FLAT_SPACE, lun_id)


def lun_ids(numbers: Collection[int]) -> set[int]:
    """The LUN ids that the kernel may know under these numbers: the other way round."""
    return {*numbers, *(number & ~FLAT_SPACE for number in numbers)}


def in_words(question: Callable[[str], Answer], path: str) -> str:
    """An answer as what a child can say; ``from_words`` makes it one again."""
    answer = question(path)
    return f"{answer.kind}\n{answer.told}\n{'' if answer.size is None else answer.size}"


def from_words(words: str) -> Answer:
    """What ``in_words`` has said."""
    kind, told, size = words.split("\n")
    return Answer(kind, told, int(size) if size else None)
