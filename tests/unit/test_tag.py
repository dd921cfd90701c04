"""The tag is found wherever it was put, and only there."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dataontap.volume import tag
from dataontap.volume.tag import COMMENT_LIMIT, DISK, SNAPSHOT, Tag

# The names of these arguments that Debian 12's hypothesis knows, too: the package is built with that.
WORDS = st.text(st.characters(blacklist_characters=": ", blacklist_categories=["Cs"]), min_size=1, max_size=60)
SERIAL = "674b6d74763f4d366e474f48"
TAGS = st.builds(
    Tag,
    WORDS,
    WORDS,
    st.sampled_from([DISK, SNAPSHOT]),
    st.sampled_from([tag.UNKNOWN, SERIAL]),
    st.sampled_from([None, "fast-{node}", "a:b:{node}"]),
)


def test_the_form_that_filers_hold() -> None:
    mark = Tag("c.example", "e5d84ccc", DISK)
    assert tag.compose("originstname+inst1", mark) == "originstname+inst1 dataontap:2:c.example:e5d84ccc:disk:-"
    assert tag.compose("", mark) == "dataontap:2:c.example:e5d84ccc:disk:-"
    whole = Tag("c.example", "e5d84ccc", DISK, SERIAL, "a:{node}")
    assert tag.compose("", whole) == f"dataontap:2:c.example:e5d84ccc:disk:{SERIAL}:a:{{node}}"


def test_no_tag() -> None:
    for comment in (
        "",
        "originstname+inst1",
        "dataontap:3:c:u:disk:-",
        "dataontap:2:c:u:disk:-x y:z"[:17],
        "xdataontap:1:c:u:disk",
        "xdataontap:2:c:u:disk:-",
        "dataontap:1:c:u:disk x",
    ):
        assert tag.find(comment) is None


@pytest.mark.parametrize(
    "comment",
    [
        f"dataontap:2:{'c' * 65}:u:disk:-",
        f"dataontap:2:cluster.example:{'u' * 65}:disk:674b6d74763f4d366e474f48",
        f"dataontap:1:cluster.example:{'u' * 65}:disk",
    ],
)
def test_a_tag_with_a_longer_word_than_we_write_is_none(comment: str) -> None:
    """A filer's comment may be longer than ours; such a tag would not fit into one (found by the fuzzer)."""
    assert tag.split(comment) == (comment, None)
    assert tag.find(comment.replace("c" * 65, "c" * 64).replace("u" * 65, "u" * 64))


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


class TestBesideATagOfForm1:
    """What nodes of earlier versions leave of ours: they take it for text, which gives way to their own tag."""

    OURS = Tag("c.example", "e5d84ccc", DISK, SERIAL, "fast-{node}")
    THEIRS = "dataontap:1:c.example:-:disk"

    def test_it_counts_but_for_its_igroup(self) -> None:
        """Whose end may be missing, however long the comment is."""
        for cut in (0, 3):
            ours = str(self.OURS)[: len(str(self.OURS)) - cut]
            assert tag.split(f"text {ours} {self.THEIRS}") == ("text", replace(self.OURS, igroup=None))

    def test_a_serial_number_that_was_cut_is_none(self) -> None:
        mark = replace(self.OURS, igroup=None)
        for cut in (1, 23, 24, 25):
            found = tag.split(f"text {str(mark)[:-cut]} {self.THEIRS}")
            assert found == ("text", replace(mark, serial=tag.UNKNOWN))

    def test_the_rest_of_one_is_neither_a_tag_nor_text(self) -> None:
        mark = str(replace(self.OURS, igroup=None))
        for length in (len("dataontap:2:"), len("dataontap:2:c.ex"), len("dataontap:2:c.example:e5d84ccc:dis")):
            assert tag.split(f"text {mark[:length]} {self.THEIRS}") == ("text", Tag("c.example", "-", DISK))
            assert tag.split(f"{mark[:length]} {self.THEIRS}") == ("", Tag("c.example", "-", DISK))


def test_a_tag_in_the_text_is_none() -> None:
    """Or it would be what is left, once an earlier version has cut off ours."""
    other = Tag("other.example", "u-9", DISK, "0" * 24)
    comment = tag.compose(f"x {other}", Tag("c.example", "e5d84ccc", DISK, SERIAL))
    cut = comment[: comment.rindex(" dataontap:2:")]
    assert tag.find(cut) is None
    assert tag.find(f"{cut} dataontap:1:c.example:-:disk") == Tag("c.example", "-", DISK)
