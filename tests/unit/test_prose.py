"""Words that are not plain English do not appear in what people read, nor long lines in CONTRIBUTING."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

# The folders and files that people read.
READ = (
    *("dataontap", "udev"),
    *("scripts", "hooks", "etc", "doc", "README.md", "CONTRIBUTING.md"),
)
# Characters. Tables, commands and links in other pages are longer.
LINE = 120
# A noun says more than any of these.
WORDS = re.compile(r"\b(whoever|whichever|somebody|nobody|anybody|everybody)\b", re.IGNORECASE)


def files(repository: Path) -> Iterator[Path]:
    for place in READ:
        for found in sorted(repository.glob(place)):
            yield from (
                file for file in ([found] if found.is_file() else sorted(found.rglob("*"))) if is_text(file)
            )


def is_text(file: Path) -> bool:
    return file.is_file() and "__pycache__" not in file.parts


def vague(file: Path) -> Iterator[str]:
    for number, line in enumerate(file.read_text(encoding="utf-8").splitlines(), 1):
        for word in WORDS.findall(line):
            yield f"{file}:{number}: {word!r} in: {line.strip()}"


def test_contributing_has_no_long_lines(repository: Path) -> None:
    lines = (repository / "CONTRIBUTING.md").read_text(encoding="utf-8").splitlines()
    assert [line for line in lines if len(line) > LINE] == []


def test_every_place_has_files(repository: Path) -> None:
    assert [place for place in READ if not any(repository.glob(place))] == []


def test_nouns_stand_where_nouns_do(repository: Path) -> None:
    found = [line for file in files(repository) for line in vague(file)]
    assert not found, "use a noun for these words:\n" + "\n".join(found)


def test_a_word_is_found(tmp_path: Path) -> None:
    file = tmp_path / "page"
    file.write_text("Plain.\nWhoever reads this.\n", encoding="utf-8")
    assert list(vague(file)) == [f"{file}:2: 'Whoever' in: Whoever reads this."]
