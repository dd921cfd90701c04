"""The tag is found wherever it was put, and only there."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from dataontap import tag
from dataontap.tag import COMMENT_LIMIT, DISK, SNAPSHOT, Tag

# The names of these arguments that Debian 12's hypothesis knows, too: the package is built with that.
WORDS = st.text(st.characters(blacklist_characters=": ", blacklist_categories=["Cs"]), min_size=1, max_size=60)
TAGS = st.builds(Tag, WORDS, WORDS, st.sampled_from([DISK, SNAPSHOT]))


def test_the_form_that_filers_hold() -> None:
    mark = Tag("c.example", "e5d84ccc", DISK)
    assert tag.compose("originstname+inst1", mark) == "originstname+inst1 dataontap:1:c.example:e5d84ccc:disk"
    assert tag.compose("", mark) == "dataontap:1:c.example:e5d84ccc:disk"


def test_no_tag() -> None:
    for comment in (
        "",
        "originstname+inst1",
        "dataontap:2:c:u:disk",
        "xdataontap:1:c:u:disk",
        "dataontap:1:c:u:disk x",
    ):
        assert tag.find(comment) is None


def test_a_text_that_is_too_long() -> None:
    mark = Tag("c.example", "e5d84ccc", DISK)
    comment = tag.compose("x" * 300, mark)
    assert len(comment) == COMMENT_LIMIT
    assert comment == "x" * (COMMENT_LIMIT - len(str(mark)) - 1) + f" {mark}"


@given(st.text(), TAGS)
def test_round_trip(text: str, mark: Tag) -> None:
    comment = tag.compose(text, mark)
    assert tag.find(comment) == mark
    assert len(comment) <= COMMENT_LIMIT
    assert comment.endswith(str(mark)), "the text gives way, never the tag"
