"""Reads options.md, and joins each option's text with the option's default and values from ``Settings``."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import MISSING, Field, dataclass, fields
from pathlib import Path
from typing import Any

from dataontap.config import Settings

TEXTS = Path(__file__).with_name("options.md")
KNOWN: Mapping[str, Field[Any]] = {
    field.name.upper(): field for field in fields(Settings) if "read" in field.metadata
}


@dataclass(frozen=True)
class Block:
    """A paragraph, whose line ends mean nothing, or ``literal`` lines such as an example."""

    text: str
    literal: bool = False


@dataclass(frozen=True)
class Option:
    """An option. ``default`` and ``expected``, the accepted values, are written as in the configuration file."""

    name: str
    default: str | None
    expected: str
    blocks: tuple[Block, ...]

    @property
    def summary(self) -> str:
        """The first sentence, without its full stop."""
        return sentences(self.blocks[0].text)[0].rstrip(".")

    @property
    def value(self) -> str:
        """The sentence on the accepted values."""
        return f"Value: {self.expected}." + (" Required." if self.default is None else "")


@dataclass(frozen=True)
class Section:
    """Options that belong together, with an optional text on all of them."""

    title: str
    blocks: tuple[Block, ...]
    options: tuple[Option, ...]


def sections(text: str) -> list[Section]:
    """The options in ``text``, which has the form of options.md.

    Raises ValueError unless each option of ``Settings`` has one text, and no other option has any.
    """
    _, *parts = _split("##", text)
    found = [_section(title, part) for title, part in zip(parts[::2], parts[1::2])]
    names = [option.name for section in found for option in section.options]
    for name in names:
        if names.count(name) > 1:
            raise ValueError(f"{name}: has two texts")
    for name in KNOWN:
        if name not in names:
            raise ValueError(f"{name}: has no text")
    return found


def sentences(paragraph: str) -> list[str]:
    """A paragraph's sentences."""
    return re.split(r"(?<=[.?])\s+(?=[A-Z`])", " ".join(paragraph.split()))


def _split(mark: str, text: str) -> list[str]:
    """The text before the first heading with ``mark``, then each heading and the text below it."""
    return re.split(rf"^{mark} (.+)\n", text, flags=re.M)


def _section(title: str, text: str) -> Section:
    about, *parts = _split("###", text)
    options = tuple(_option(name, body) for name, body in zip(parts[::2], parts[1::2]))
    return Section(title, _blocks(about), options)


def _blocks(text: str) -> tuple[Block, ...]:
    return tuple(
        Block(re.sub("^    ", "", part, flags=re.M), literal=True) if part.startswith("    ") else Block(part)
        for part in re.split(r"\n{2,}", text.strip("\n"))
        if part
    )


def _option(name: str, body: str) -> Option:
    if name not in KNOWN:
        raise ValueError(f"{name}: there is no such option")
    blocks = _blocks(body)
    if not blocks or blocks[0].literal:
        raise ValueError(f"{name}: its text does not begin with a sentence")
    return Option(name, _default(KNOWN[name]), KNOWN[name].metadata["read"].expected, blocks)


def _default(field: Field[Any]) -> str | None:
    """An option's default as it is written in the configuration file; None if the option is required."""
    if field.default is MISSING:
        return None
    value = field.default.pattern if isinstance(field.default, re.Pattern) else field.default
    return json.dumps(value) if isinstance(value, str) else repr(value)
