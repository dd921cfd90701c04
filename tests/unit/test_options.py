"""What is made from the options' texts is in the tree as it is made, and the texts are true."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from dataontap import config
from dataontap.errors import ConfigError
from doc import generate
from doc.options import KNOWN, TEXTS, Option, sections

MINIMUM = {"HOSTNAME": "filer", "LOGIN": "admin", "PASSWORD": "s3cret"}
LINE = 80  # columns of a terminal, and mandoc's limit for a line of text in a man page's source
ALONE = "## Section\n\n### {name}\n\n{text}\n"


@pytest.fixture
def texts() -> str:
    return TEXTS.read_text(encoding="ascii")


@pytest.fixture
def options(texts: str) -> list[Option]:
    return [option for section in sections(texts) for option in section.options]


def parsed(lines: str) -> config.Settings:
    """The settings by ``lines`` and what they leave out of the minimum."""
    given = re.findall(r"^([A-Z_]+) = ", lines, re.M)
    others = "".join(f"{name} = {value!r}\n" for name, value in MINIMUM.items() if name not in given)
    return config.parse(others + lines, "f")


def with_port(texts: str, text: str) -> str:
    """The texts, with ``text`` on PORT."""
    before, heading, rest = texts.partition("### PORT\n")
    return f"{before}{heading}\n{text}\n\n###{rest.partition('###')[2]}"


def test_the_files_are_those_that_the_texts_make(texts: str) -> None:
    made = generate.files(texts)
    assert len(made) == 4
    stale = [file.name for file, text in made.items() if file.read_text(encoding="ascii") != text]
    assert stale == [], "run python -m doc.generate"


def test_a_change_of_a_text_is_in_both_files_and_nothing_else_changes(texts: str) -> None:
    before, after = (generate.files(with_port(texts, text)) for text in ("Before.", "After."))
    for file, text in after.items():
        new = [line for line in text.split("\n") if line not in before[file].split("\n")]
        assert new == {".conf": ["# After."], ".5": ["After."], ".7": [], ".list": []}[file.suffix]


def test_what_people_wrote_into_the_files_stays(texts: str, tmp_path: Path) -> None:
    for folder in ("etc", "doc"):
        (tmp_path / folder).mkdir()
    shipped, manual = tmp_path / "etc/extstorage-dataontap.conf", tmp_path / "doc/extstorage-dataontap.conf.5"
    shipped.write_text("# Head\n\n# --- Zyzzyva ---\n#ZYZZYVA = 1\n")
    manual.write_text(".SH NAME\nx\n.SH OPTIONS\nZyzzyva\n.SS ZYZZYVA\n.SH FILES\ny\n")
    overview = tmp_path / "doc/ganeti-extstorage-dataontap.7"
    marks = '.\\" Written from rest/rights.py.\n', '.\\" End of it.\n'
    overview.write_text(f".SH RIGHTS\n{marks[0]}Zyzzyva\n{marks[1]}.SH FILES\ny\n")
    made = generate.files(texts, tmp_path)
    assert made[overview].startswith(f".SH RIGHTS\n{marks[0]}.PP\nAlways:\n")
    assert made[overview].endswith(f"outcome of jobs\n{marks[1]}.SH FILES\ny\n")
    assert "Zyzzyva" not in made[overview]
    assert made[shipped].startswith("# Head\n\n# --- A first installation ---\n")
    assert made[manual].startswith(".SH NAME\nx\n.SH OPTIONS\n")
    assert made[manual].endswith("\n.SH FILES\ny\n")
    assert "zyzzyva" not in (made[shipped] + made[manual]).lower()
    manual.write_text(".SH NAME\nx\n")
    with pytest.raises(ValueError, match="the place for what is generated is not in it"):
        generate.files(texts, tmp_path)


def test_a_text_that_is_missing_invented_doubled_or_empty_is_refused(texts: str) -> None:
    without = with_port(texts, "").replace("### PORT\n", "")
    with pytest.raises(ValueError, match="^PORT: has no text$"):
        sections(without)
    with pytest.raises(ValueError, match="^XYZZY: there is no such option$"):
        sections(texts + ALONE.format(name="XYZZY", text="A text."))
    with pytest.raises(ValueError, match="^PORT: has two texts$"):
        sections(texts + ALONE.format(name="PORT", text="A text."))
    for text in ("", "    PORT = 1"):
        with pytest.raises(ValueError, match="^PORT: its text does not begin with a sentence$"):
            sections(without + ALONE.format(name="PORT", text=text))


def test_the_examples_are_accepted(options: list[Option]) -> None:
    examples = {
        option.name: block.text
        for option in options
        for block in option.blocks
        if block.literal and block.text.startswith(tuple(KNOWN))
    }
    assert len(examples) > 5
    for name, example in examples.items():
        settings = parsed(example)
        assert getattr(settings, name.lower()) != getattr(parsed(""), name.lower()), f"{name}: shows the default"


def test_options_that_a_text_names_exist(texts: str) -> None:
    named = {name for code in re.findall("`([^`]+)`", texts) for name in re.findall(r"\b[A-Z][A-Z_]{3,}\b", code)}
    assert len(named) > 10
    assert named - set(KNOWN) == set()


def test_no_line_is_longer_than_a_terminal(repository: Path, options: list[Option]) -> None:
    shipped = (repository / "etc/extstorage-dataontap.conf").read_text(encoding="ascii")
    manual = (repository / "doc/extstorage-dataontap.conf.5").read_text(encoding="ascii")
    text = re.sub(r"^\.EX\n.*?^\.EE$|^\.TH [^\n]*$", "", manual, flags=re.M | re.S)
    literal = [block.text for option in options for block in option.blocks if block.literal]
    indented = [f"{'':14}{line}" for block in literal for line in block.split("\n")]  # as man shows it
    for line in (*shipped.split("\n"), *text.split("\n"), *indented):
        assert len(line) <= LINE, line


@pytest.mark.parametrize(
    "line",
    [
        *("HOSTNAME = 'a b'", "PORT = 0", "VERIFY_CERT = 'maybe'", "CA_FILE = 'ca.pem'", "POOL = '../vol'"),
        *("IGROUP = 'a b'", "ALLOWED_IGROUPS = 'a'", "ISCSI_CHAP_USER = ' a'", "PASSWORD = 5"),
        *("LUN_DEVICE_PATH_FORMAT = '/dev/x'", "FC_DETACH_COMMANDS = 'a'", "SCSI_ID_COMMAND = 'a'"),
    ],
)
def test_an_error_says_what_the_manual_says(options: list[Option], line: str) -> None:
    (expected,) = (option.expected for option in options if line.startswith(f"{option.name} = "))
    with pytest.raises(ConfigError) as caught:
        parsed(line)
    assert f"expected {expected.removeprefix('None or ')}" in str(caught.value)


def test_what_a_first_installation_needs_comes_first_and_is_the_same_everywhere(
    texts: str, repository: Path
) -> None:
    first = [option.name for option in sections(texts)[0].options]
    with pytest.raises(ConfigError, match="no option is set") as caught:
        config.parse("", "f")
    needed = re.findall("[A-Z]{3,}", str(caught.value))
    assert set(needed) == set(first) - {"API", "CLUSTER_MODE_VSERVER"}
    readme = (repository / "README.md").read_text(encoding="utf-8")
    named = re.findall("^([A-Z_]+) = ", readme, re.M)
    assert [name for name in named if name != "CA_FILE"] == first  # a filer's own certificate is a step before


@pytest.mark.parametrize(
    ("text", "source"),
    [
        ("Words with `code here` in it.", r"Words with \fBcode\ here\fP in it."),
        ("See `/dev/disk`, a\\b.", r"See \fI/dev/disk\fP, a\eb."),
        ("See multipath.conf(5), too.", r"See \fBmultipath.conf\fP(5), too."),
        ('It\'s "x-y".', r"It\[aq]s \[dq]x\-y\[dq]."),
        (".nothing", r"\&.nothing"),
        ("A sentence. Another `one`. And a third?", "A sentence.\nAnother \\fBone\\fP.\nAnd a third?"),
    ],
)
def test_text_becomes_roff(texts: str, text: str, source: str) -> None:
    made = generate.page(sections(with_port(texts, text)))
    assert made.partition("\n.B PORT = None\n")[2].partition("\n.br\nValue: ")[0] == source
