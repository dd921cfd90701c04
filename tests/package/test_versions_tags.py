"""LUNs' comments while a cluster is upgraded: each version writes, the other reads, in whatever order."""

from __future__ import annotations

import sys
from dataclasses import dataclass, replace
from types import ModuleType
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from dataontap.volume import tag
from dataontap.volume.candidates import BEING_REMOVED
from dataontap.volume.tag import COMMENT_LIMIT, DISK, SNAPSHOT, UNKNOWN, Tag
from tests.testbed import earlier


# Lengths are what matters: where a comment is cut. So names are one letter, repeated.
def of_length(letters: str, least: int, most: int) -> st.SearchStrategy[str]:
    """One of the letters, as often as that."""
    return st.builds(str.__mul__, st.sampled_from(letters), st.integers(least, most))


# What ssconf takes for a cluster's name, and literals for an igroup's form.
CLUSTERS = of_length("ab", 1, 255)
UUIDS = of_length("0u-", 1, 36)  # as long as Ganeti's
FORMS = st.one_of(st.none(), of_length("g:", 1, 90).map(lambda name: f"f{name}{{node}}"))
SERIALS = st.sampled_from(["674b6d74763f4d366e474f48", "0" * 24])
# Ganeti leaves no other characters than these in VOL_METADATA, and cuts it (3.0.2, ExtStorageDevice.SetInfo).
METADATA = of_length("t+", 0, 128)
# What Ganeti cannot say, but an admin can write into a comment.
FOREIGN = st.builds(
    "{}dataontap:{}:other:u-9:{}{}{}".format,
    of_length("t ", 0, 200),
    st.sampled_from([1, 2]),
    st.sampled_from(["disk", "snap", "disks"]),
    st.sampled_from(["", ":", ":-", ":" + "9" * 24, ":" + "9" * 24 + ":x"]),
    st.sampled_from(["", " c"]),
)
ANYTHING = st.one_of(METADATA, st.text(st.characters(blacklist_categories=["Cs"])), FOREIGN)
TRUE = st.builds(Tag, st.just(UNKNOWN), UUIDS, st.sampled_from([DISK, SNAPSHOT]), SERIALS, FORMS)
QUICK = settings(deadline=None)
# The earlier version's ssconf takes a longer name for none.
EARLIER_CLUSTER_LIMIT = 100


def load() -> ModuleType:
    """The tag module of the earlier version."""
    module = ModuleType("earlier_tag")
    sys.modules[module.__name__] = module  # where dataclasses looks for a class's module
    exec(compile(earlier.text("dataontap/tag.py"), "earlier/tag.py", "exec"), module.__dict__)
    return module


OLD = load()


@dataclass(frozen=True)
class Write:
    """One version's rewriting of a comment: by which of its verbs, in a cluster of which name, with which text."""

    verb: str
    cluster: str
    text: str = ""


class Comment:
    """The comment of a LUN that is in truth what ``true`` says, as both versions rewrite it."""

    def __init__(self, true: Tag, text: str = "") -> None:
        self.true = true
        self.text = text
        self.clusters = {UNKNOWN}

    def write(self, write: Write) -> None:
        """Do it as the verb of this version does."""
        getattr(self, f"_{write.verb}")(write)

    def _setinfo(self, write: Write) -> None:
        self.text = tag.compose(write.text, self._mark(write))

    def _attach(self, write: Write) -> None:
        """luns.retag."""
        text, _ = tag.split(self.text)
        self.text = tag.compose(text, self._mark(write))

    def _mark(self, write: Write) -> Tag:
        word = tag.cluster_word(write.cluster)
        self.clusters |= {word}
        return replace(self.true, cluster=word)

    def _earlier_setinfo(self, write: Write) -> None:
        found = OLD.find(self.text)
        mark = self._earlier_mark(write, found, self.true.uuid)
        self.text = OLD.compose(write.text, mark)

    def _earlier_attach(self, write: Write) -> None:
        """luns.keep_findable, of a LUN outside the configured pool."""
        text, found = OLD.split(self.text)
        mark = self._earlier_mark(write, found, UNKNOWN)
        if mark != found:
            self.text = OLD.compose(text, mark)

    def _earlier_remove(self, write: Write) -> None:
        """luns._mark_if_elsewhere, of a removal that then failed."""
        mark = OLD.find(self.text)
        self.text = OLD.compose(BEING_REMOVED, mark) if mark else BEING_REMOVED

    def _earlier_mark(self, write: Write, found: Any, uuid: str) -> Any:
        cluster = write.cluster if len(write.cluster) <= EARLIER_CLUSTER_LIMIT else UNKNOWN
        self.clusters |= {cluster, tag.cluster_word(cluster)}
        if found is None:
            return OLD.Tag(cluster, uuid, OLD.DISK)
        return replace(found, cluster=cluster) if cluster != UNKNOWN else found

    def check(self) -> None:
        """Both versions read nothing in it that is not so."""
        read = tag.find(self.text)
        if read is not None:
            assert read.cluster in self.clusters
            assert read.uuid in {self.true.uuid, UNKNOWN}
            assert read.serial in {self.true.serial, UNKNOWN}
            assert read.igroup in {self.true.igroup, None}
            assert read.kind == self.true.kind or read.serial == UNKNOWN
        earlier_read = OLD.find(self.text)
        if earlier_read is not None:
            assert earlier_read.cluster in self.clusters
            assert earlier_read.uuid in {self.true.uuid, UNKNOWN}
            assert read is not None
        assert len(self.text) <= COMMENT_LIMIT


WRITES = st.one_of(
    st.builds(Write, st.just("setinfo"), CLUSTERS, ANYTHING),
    st.builds(Write, st.just("attach"), CLUSTERS),
    st.builds(Write, st.just("earlier_setinfo"), CLUSTERS, METADATA),
    st.builds(Write, st.sampled_from(["earlier_attach", "earlier_remove"]), CLUSTERS),
)


@QUICK
@given(TRUE, CLUSTERS, ANYTHING)
def test_the_earlier_version_finds_no_tag_in_a_comment_of_this_one(true: Tag, cluster: str, text: str) -> None:
    comment = Comment(true)
    comment.write(Write("setinfo", cluster, text))
    assert OLD.split(comment.text) == (comment.text, None)


@QUICK
@given(TRUE, CLUSTERS, METADATA)
def test_its_setinfo_leaves_a_tag_without_a_serial_number(true: Tag, cluster: str, text: str) -> None:
    """The disk is known by its UUID then, and gets its serial number back at the next attach."""
    comment = Comment(true)
    comment.write(Write("setinfo", cluster, text))
    comment.write(Write("earlier_setinfo", cluster, text))
    word = tag.cluster_word(cluster) if len(cluster) <= EARLIER_CLUSTER_LIMIT else UNKNOWN
    assert tag.split(comment.text)[1] == Tag(word, true.uuid, DISK)


@QUICK
@given(TRUE, CLUSTERS, METADATA)
def test_its_attach_adds_a_tag_and_takes_none_away_where_there_is_room(true: Tag, cluster: str, text: str) -> None:
    comment = Comment(true)
    comment.write(Write("setinfo", cluster, text))
    before = comment.text
    comment.write(Write("earlier_attach", cluster))
    if comment.text.startswith(f"{before} "):
        read, mark = tag.split(comment.text)
        assert mark == replace(true, cluster=tag.cluster_word(cluster), igroup=None)
        assert before == tag.compose(read, replace(true, cluster=tag.cluster_word(cluster)))
    comment.check()


@given(TRUE, st.one_of(st.just(""), METADATA), st.lists(WRITES, max_size=8))
@settings(QUICK, max_examples=500)
def test_no_order_of_writes_makes_a_wrong_tag(true: Tag, text: str, writes: list[Write]) -> None:
    """Of a disk, which is read as another disk, another cluster's, or another LUN's."""
    comment = Comment(true, text)
    for write in writes:
        comment.write(write)
        comment.check()
        if not write.verb.startswith("earlier"):
            assert tag.find(comment.text) == replace(true, cluster=tag.cluster_word(write.cluster))
