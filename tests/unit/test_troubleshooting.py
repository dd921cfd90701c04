"""TROUBLESHOOTING in the man page: every message that the code can end with is there, and no other.

An entry's headings are words of messages: bold is literal, italic stands for what is filled in. To mend a failure,
open doc/ganeti-extstorage-dataontap.7 at the heading that is named, and write the message's words there, with
``.TP`` (``.TQ`` for a further heading of an entry) and ``.B words`` or ``.BI "words " NAME " words"``. An
apostrophe is ``\\[aq]``.
"""

from __future__ import annotations

import difflib
import re
import shlex
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.unit.skeletons import GAP, LETTERS, Form, forms
from tests.unit.test_manual import page

# Paragraphs shorter than this explain nothing, in characters of the source.
TEXT = 20
# Messages of one kind may be in so many places of the source.
PLACES = 5


@dataclass(frozen=True)
class Entry:
    """Headings that share a paragraph."""

    headings: tuple[re.Pattern[str], ...]
    text: str


@pytest.fixture(scope="module")
def entries() -> list[Entry]:
    """Those of messages; what is below "Other symptoms" are other programs' messages, and questions."""
    repository = Path(__file__).parents[2]
    section = page(repository, "ganeti-extstorage-dataontap.7").partition("\n.SH TROUBLESHOOTING\n")[2]
    ours = section.partition("\n.SS Other symptoms\n")[0].replace(r"\[aq]", "'")
    found = []
    for part in re.split(r"^\.SS .*\n(?:\.TP\n)?|^\.TP\n", ours, flags=re.M)[1:]:
        first, *more = re.split(r"^\.TQ\n", part, flags=re.M)
        lines = [*(line.rstrip("\n") for line in (first, *more)[:-1])]
        last, _, text = (more[-1] if more else first).partition("\n")
        found.append(Entry(tuple(pattern(line) for line in (*lines, last)), text))
    return found


def pattern(heading: str) -> re.Pattern[str]:
    """A heading's words, with anything in the place of what is italic."""
    macro, _, words = heading.partition(" ")
    if macro == ".B":
        return re.compile(re.escape(words.replace('"', "").strip() if words.startswith('"') else words))
    lexer = shlex.shlex(words, posix=True)
    lexer.whitespace_split, lexer.commenters, lexer.quotes = True, "", '"'
    bold = {".BI": 0, ".IB": 1}[macro]
    return re.compile("".join(re.escape(part) if place % 2 == bold else ".+?" for place, part in enumerate(lexer)))


@pytest.fixture(scope="module")
def found() -> list[Form]:
    """Every form of every message."""
    return forms(Path(__file__).parents[2])


def test_every_message_is_there(entries: list[Entry], found: list[Form]) -> None:
    headings = [heading for entry in entries for heading in entry.headings]
    missing = [
        f"{form.place}: {form.words}\n    is no entry's; the nearest heading: {nearest(form, headings)}"
        for form in found
        if not any(heading.search(form.words) for heading in headings)
    ]
    assert not missing, "messages without an entry in TROUBLESHOOTING:\n" + "\n".join(missing)


def nearest(form: Form, headings: list[re.Pattern[str]]) -> str:
    """The heading that is most like a message: it may have its former words."""
    texts = [re.sub(r"\\(.)", r"\1", heading.pattern.replace(".+?", GAP)) for heading in headings]
    return max(texts, key=lambda text: difflib.SequenceMatcher(None, form.words, text).ratio())


def test_no_heading_is_invented(entries: list[Entry], found: list[Form]) -> None:
    invented = [
        heading.pattern.replace("\\", "")
        for entry in entries
        for heading in entry.headings
        if not any(heading.search(form.words) for form in found)
    ]
    assert not invented, "headings of TROUBLESHOOTING that no message has:\n" + "\n".join(invented)


def test_no_heading_is_too_general(entries: list[Entry], found: list[Form]) -> None:
    """One that fits many messages would hide that one of them has no entry of its own."""
    for entry in entries:
        for heading in entry.headings:
            assert len(re.sub("[^A-Za-z]", "", heading.pattern)) >= LETTERS, heading.pattern
            fits = {form.place for form in found if heading.search(form.words)}
            assert len(fits) <= PLACES, (heading.pattern, fits)


def test_each_entry_says_what_to_do(entries: list[Entry]) -> None:
    """With a command, a file, or an option in it."""
    poor = [
        entry.headings[0].pattern
        for entry in entries
        if len(entry.text) < TEXT or not re.search(r"^\.[BIR]{1,2} |/", entry.text, re.M)
    ]
    assert poor == []


def test_messages_of_all_kinds_are_read(found: list[Form]) -> None:
    """What this does not see would not be compared."""
    words = [form.words for form in found]
    for known in (
        "there is no LUN of this name in",  # an error's text
        "its LUN may be left in",  # a remark
        "iscsid does not run (could not connect to iscsid)",  # a table
        "is self-signed and not in",  # a table of another form
        "POOL: the SVM has no volume",  # a finding
        "VOL_METADATA: has a control character",  # of two arguments
        "internal error, please report",  # a bug
    ):
        assert any(known in text for text in words), known
    assert len(words) > 200
