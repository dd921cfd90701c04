"""Inputs that are near valid ones: most bugs of a parser are a few changes away from what it expects."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from hypothesis import strategies as st
from hypothesis.strategies import DrawFn, SearchStrategy
from lxml import etree

# Texts that programs often get wrong: empty, blank, control characters, surrogates, other digits, long ones, parts
# of paths, queries, formats and markup.
ODD_TEXTS = (
    *(
        "",
        " ",
        "-",
        ".",
        "..",
        "../../x",
        "/",
        "//",
        "*",
        "a|b",
        "a,b",
        ":",
        "=",
        "#",
        "'",
        '"',
        "\\",
        "%s%n",
        "{0}",
    ),
    *(
        "\0",
        "\n",
        "a\nb",
        "\r\n",
        "\t",
        "\x1b[2J",
        "\x7f",
        "\x85",
        "\u2028",
        "\ud800",
        "\udc80",
        "\ufffe",
        "\uffff",
    ),
    *("\u00e9", "\U0001f4be", "\uff11\uff12", "\u0661", "None", "null", "nan", "inf", "1e999", "0x10", "1_0"),
    *("0", "-1", "00", "4096", "65536", "2147483648", "18446744073709551616", "9" * 5000, "x" * 300, "x " * 300),
    *("<a/>", "&amp;", "]]>", "dataontap:2:", "dataontap:1:c:u:disk", "fe80::1%eth0", "::", "256.1.1.1", "+99:00"),
)
ODD_VALUES: tuple[Any, ...] = (
    *(None, True, False, 0, -1, 1.5, float("nan"), float("inf"), 10**18, 10**4000, [], {}, [[]], [None], {"": {}}),
    *ODD_TEXTS,
)
texts = st.one_of(st.sampled_from(ODD_TEXTS), st.text(max_size=12))
values = st.one_of(st.sampled_from(ODD_VALUES), st.text(max_size=12), st.integers())


@st.composite
def changed(draw: DrawFn, samples: Sequence[bytes]) -> bytes:
    """A sample with a few changes: parts taken out, doubled, or replaced."""
    data = draw(st.sampled_from(samples))
    for _ in range(draw(st.integers(1, 4))):
        begin = draw(st.integers(0, len(data)))
        end = begin + draw(st.sampled_from((0, 0, 1, 2, 5, 20, len(data))))
        new = draw(st.one_of(_bytes(), st.just(data[begin:end] * 2), st.just(b"")))
        data = data[:begin] + new + data[end:]
    return data


def _bytes() -> SearchStrategy[bytes]:
    odd = [text.encode("utf-8", "surrogatepass") for text in ODD_TEXTS]
    return st.one_of(st.sampled_from(odd), st.binary(max_size=8))


def changed_text(samples: Sequence[str]) -> SearchStrategy[str]:
    """As ``changed``, for text. What is not UTF-8 became surrogates, as the file system's names have them."""
    encoded = [sample.encode("utf-8", "surrogatepass") for sample in samples]
    return changed(encoded).map(lambda data: data.decode("utf-8", "surrogateescape"))


@st.composite
def changed_json(draw: DrawFn, sample: bytes) -> bytes:
    """A JSON document in which a few values are odd, missing or doubled."""
    content = json.loads(sample)
    for _ in range(draw(st.integers(1, 3))):
        content = _change(draw, content)
    return json.dumps(content).encode()


def _change(draw: DrawFn, content: Any) -> Any:
    """``content`` with another value at one place, chosen from the top down."""
    keys: list[Any] = []
    if isinstance(content, (dict, list)):
        keys = list(content) if isinstance(content, dict) else list(range(len(content)))
    if not isinstance(content, (dict, list)) or not keys or draw(st.integers(0, 5)) == 0:
        return draw(values)
    key = draw(st.sampled_from(keys))
    what = draw(st.sampled_from(("inside", "inside", "inside", "inside", "without", "more")))
    if what == "inside":
        content[key] = _change(draw, content[key])
    elif what == "without":
        del content[key]
    elif isinstance(content, list):
        content.append(content[key])
    else:
        content[draw(texts)] = draw(values)
    return content


@st.composite
def changed_xml(draw: DrawFn, sample: bytes) -> bytes:
    """An XML document in which a few elements are odd, missing or doubled."""
    root = etree.fromstring(sample)
    for _ in range(draw(st.integers(1, 3))):
        element = draw(st.sampled_from(list(root.iter("*"))))
        what = draw(st.sampled_from(("text", "text", "text", "without", "twice", "attribute", "name")))
        parent = element.getparent()
        if what == "text":
            element.text = _for_xml(draw(texts))
        elif what == "attribute" and element.attrib:
            element.set(draw(st.sampled_from(sorted(map(str, element.attrib)))), _for_xml(draw(texts)))
        elif what == "name":
            element.tag = draw(st.sampled_from(sorted({str(one.tag) for one in root.iter("*")})))
        elif parent is not None and what == "without":
            parent.remove(element)
        elif parent is not None:
            parent.append(etree.fromstring(etree.tostring(element)))
    return bytes(etree.tostring(root))


def _for_xml(text: str) -> str:
    """What XML can carry of a text."""
    return "".join(one for one in text if one in "\t\n" or (one >= " " and not "\ud800" <= one <= "\udfff"))[
        :5000
    ].translate({0xFFFE: None, 0xFFFF: None})
