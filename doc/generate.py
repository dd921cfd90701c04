"""Writes what is generated: ``python -m doc.generate``. It is made from the options' texts and the list of rights.

A unit test fails where a file in the tree differs from what this writes.
"""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterator, Sequence
from pathlib import Path

from dataontap.client.rest import rights
from dataontap.volume.requests import PARAMETERS
from doc.options import TEXTS, Block, Option, Section, sections, sentences

ROOT = Path(__file__).resolve().parents[1]
WIDTH = 79
# Stands for a space in code, where no line may end.
_HELD = "\x1f"
_ROFF = {"\\": r"\e", "-": r"\-", '"': r"\[dq]", "'": r"\[aq]", "^": r"\[ha]", "~": r"\[ti]"}


def files(texts: str, root: Path = ROOT) -> dict[Path, str]:
    """The files that are generated, with their contents. Parts written by hand are kept."""
    found = sections(texts)
    overview = root / "doc/ganeti-extstorage-dataontap.7"
    shipped = root / "etc/extstorage-dataontap.conf"
    manual = root / "doc/extstorage-dataontap.conf.5"
    return {
        shipped: _replaced(shipped, r"^# --- .*\Z", configuration(found)),
        manual: _replaced(manual, r"(?<=^\.SH OPTIONS\n).*?(?=^\.SH )", page(found)),
        overview: _replaced(overview, r"(?<=rest/rights\.py\.\n).*?(?=^\.\\\" End of)", rights_over_rest()),
        root / "scripts/parameters.list": parameters(found),
    }


def _replaced(file: Path, pattern: str, new: str) -> str:
    """The text of ``file`` with ``new`` in the place of what ``pattern`` matches."""
    text, count = re.subn(pattern, lambda _: new, file.read_text(encoding="ascii"), flags=re.M | re.S)
    if count != 1:
        raise ValueError(f"{file}: the place for what is generated is not in it")
    return text


def configuration(found: Sequence[Section]) -> str:
    """The configuration file's options, all of them commented out."""
    parts = []
    for section in found:
        parts.append(f"\n# --- {section.title} ---\n")
        if section.blocks:
            parts.append(_commented(section.blocks))
        parts += [_option(option) for option in section.options]
    return "\n".join(parts).lstrip("\n")


def _option(option: Option) -> str:
    """An option for the configuration file. A required option has its example in the place of a default."""
    if option.default is None:
        *blocks, example = option.blocks
        line = example.text
    else:
        blocks, line = [*option.blocks], f"{option.name} = {option.default}"
    gap = "#\n" if blocks[-1].literal else ""
    return f"{_commented(blocks)}{gap}{_commented([Block(option.value)])}#{line}\n"


def _commented(blocks: Sequence[Block]) -> str:
    """The blocks as comments, with an empty comment between them."""
    return "#\n".join("".join(f"# {line}\n" for line in _plain(block)) for block in blocks)


def _plain(block: Block) -> list[str]:
    return textwrap.indent(block.text, "    ").split("\n") if block.literal else _wrapped(block.text)


def _wrapped(text: str) -> list[str]:
    """``text`` in lines, without its marks, and with no line end inside code."""
    whole = re.sub(r"`([^`]*)`", lambda code: code[1].replace(" ", _HELD), " ".join(text.split()))
    return [line.replace(_HELD, " ") for line in _lines(whole, WIDTH - len("# "))]


def _lines(text: str, width: int) -> list[str]:
    return textwrap.wrap(text, width, break_long_words=False, break_on_hyphens=False)


def page(found: Sequence[Section]) -> str:
    """The manual's OPTIONS."""
    lines = [
        r'.\" Written by "python -m doc.generate" from doc/options.md: change that file.',
        "Each option is shown with its default.",
    ]
    for section in found:
        lines.append(f".SS {section.title}")
        lines += _body(section.blocks)
        for option in section.options:
            lines += _entry(option)
    return "\n".join(lines) + "\n"


def _entry(option: Option) -> Iterator[str]:
    yield ".TP"
    default = "" if option.default is None else " = " + _escaped(option.default)
    yield f".B {option.name}{default}"
    yield from _body(option.blocks)
    yield ".IP" if option.blocks[-1].literal else ".br"
    yield from _filled(option.value)


def _body(blocks: Sequence[Block]) -> Iterator[str]:
    for number, block in enumerate(blocks):
        if number:
            yield ".IP"
        if block.literal:
            yield from (".EX", *_escaped(block.text).split("\n"), ".EE")
        else:
            yield from _filled(block.text)


def _filled(text: str) -> Iterator[str]:
    """A paragraph in roff, each sentence on lines of its own."""
    for sentence in sentences(text):
        for line in _lines(_marked(sentence), WIDTH):
            whole = line.replace(_HELD * 2, "\\ ")
            yield f"\\&{whole}" if whole.startswith((".", "'")) else whole


def _marked(sentence: str) -> str:
    """A sentence with code in bold, files in italics and other pages' names as manuals write them."""
    marked = ""
    for part in re.split(r"(`[^`]*`|[a-z.-]+\([1-8]\))", sentence):
        if part.startswith("`"):
            code = _escaped(part.strip("`")).replace(" ", _HELD * 2)  # as long as what it becomes
            marked += rf"\fI{code}\fP" if part.startswith("`/") and _HELD not in code else rf"\fB{code}\fP"
        elif re.fullmatch(r"[a-z.-]+\([1-8]\)", part):
            name, _, rest = part.partition("(")
            marked += rf"\fB{_escaped(name)}\fP({rest}"
        else:
            marked += _escaped(part)
    return marked


def _escaped(text: str) -> str:
    return "".join(_ROFF.get(character, character) for character in text)


def rights_over_rest() -> str:
    """The manual's list of rights: each path, its level of access, and what for."""
    parts = (
        ("Always", (*rights.ALWAYS, *rights.SHARED)),
        ("With iSCSI", rights.TARGETS["iscsi"]),
        ("With Fibre Channel", rights.TARGETS["fc"]),
        ("With an igroup per node", rights.PER_NODE),
        ("With an igroup per node and iSCSI", rights.SESSIONS["iscsi"]),
        ("With an igroup per node and Fibre Channel", rights.SESSIONS["fc"]),
        ("Optional", rights.OPTIONAL),
    )
    lines = []
    levels: dict[str, str] = {}
    for title, found in parts:
        lines += [".PP", f"{title}:"]
        for right in found:
            access = f"{right.access}, instead of {levels[right.path]}" if right.path in levels else right.access
            levels[right.path] = right.access
            lines += [".TP", f'.BR {_escaped(right.path)} " ({access})"', _escaped(right.purpose)]
    return "\n".join(lines) + "\n"


def parameters(found: Sequence[Section]) -> str:
    """Ganeti's descriptions of the disk parameters, a line for each."""
    options = {option.name.lower(): option for section in found for option in section.options}
    return "".join(
        f"{name} {options[name].summary.replace('`', '')} (default: the option {name.upper()})\n"
        for name in PARAMETERS
    )


def main() -> None:
    """Write the files."""
    for file, text in files(TEXTS.read_text(encoding="ascii")).items():
        file.write_text(text, encoding="ascii")


if __name__ == "__main__":
    main()
