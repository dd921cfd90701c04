"""README's code blocks: commands as people are to type them, and the output that it shows.

A block's kind is the word behind its fence: ``sh`` is for a node's shell and ``ontap`` for the filer's, ``text``
is output, ``python`` the configuration file.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from tests.testbed.product import ROOT

README = ROOT / "README.md"
BY_HAND = ROOT / "doc/INSTALL-BY-HAND.md"
COMMANDS = frozenset({"sh", "ontap"})


@dataclass(frozen=True)
class Block:
    """A code block below the heading ``chapter``."""

    chapter: str
    kind: str
    text: str


def all_blocks(page: Path = README) -> list[Block]:
    """Every block of the page, in order."""
    found = []
    chapter = ""
    lines = iter(page.read_text(encoding="utf-8").splitlines())
    for line in lines:
        if heading := re.fullmatch("#{1,3} (.+)", line):
            chapter = heading[1]
        elif fence := re.fullmatch("```([a-z]*)", line):
            code = []
            for inner in lines:
                if inner == "```":
                    break
                code.append(inner)
            found.append(Block(chapter, fence[1], "\n".join(code) + "\n"))
    return found


def blocks(chapter: str, kind: str, page: Path = README) -> list[str]:
    """The blocks of a kind below a heading, up to the next heading."""
    return [block.text for block in all_blocks(page) if (block.chapter, block.kind) == (chapter, kind)]


def block(chapter: str, kind: str, first: str = "", page: Path = README) -> str:
    """The only one of them that begins with ``first``."""
    (found,) = [text for text in blocks(chapter, kind, page) if text.startswith(first)]
    return found


def without_versions(output: str) -> str:
    """Output of dpkg or apt with V in the place of this package's versions."""
    return re.sub(r"(ganeti-extstorage-dataontap(?: \(|_))[0-9][0-9a-z.~+-]*", r"\1V", output)


def in_order(shown: str, output: str) -> bool:
    """Whether the lines that README shows are ends of lines of the output, in this order."""
    rest = iter(output.splitlines())
    return all(any(line.rstrip().endswith(wanted.rstrip()) for line in rest) for wanted in shown.splitlines())
