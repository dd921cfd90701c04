"""The tag in a LUN's comment: which cluster's which disk it is, and which LUN the tag was written for.

A comment is Ganeti's text, a space and the tag, 254 characters at most:

    dataontap:2:<cluster>:<VOL_UUID or ->:<disk|snap>:<serial or ->[:<igroup form>]

The serial is the LUN's own, as 24 hexadecimal digits. A copy of a LUN (``lun copy``, a FlexClone that was split, a
broken mirror) has its comment and another serial number: so it is told from the original. Earlier versions wrote
form 1, ``dataontap:1:<cluster>:<VOL_UUID or ->:<disk|snap>``, and put it after a tag of form 2, which they do not
know. Nodes of both versions work side by side while a cluster is upgraded.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass

# What the REST API documents for a LUN's comment; ZAPI takes the same in practice.
COMMENT_LIMIT = 254
# A longer name of a cluster gives way to a digest: with all else at its longest, a tag still fits into a comment.
_CLUSTER_LIMIT = 64

DISK = "disk"
SNAPSHOT = "snap"
UNKNOWN = "-"

_FORM_2 = re.compile(
    r"(?:^|(?<= ))dataontap:2:(?P<cluster>[^: ]+):(?P<uuid>[^: ]+):(?P<kind>disk|snap)"
    r"(?::(?P<serial>[^: ]*)(?::(?P<igroup>[^ ]+))?)?(?= |\Z)"
)
_FORM_1 = re.compile(
    r"(?:(?P<text>.*) )?dataontap:1:(?P<cluster>[^: ]+):(?P<uuid>[^: ]+):(?P<kind>disk|snap)", re.S
)
# What is left of a tag of form 2 of which an older node cut off so much that it is none any more.
_REST_OF_FORM_2 = re.compile(r"(?:^| )dataontap:2:[^ ]*\Z")
_SERIAL = re.compile("[0-9a-f]{24}")


@dataclass(frozen=True)
class Tag:
    """Which cluster's which disk a LUN is, and the LUN that this was written for.

    ``cluster`` is as ``cluster_word`` has it, ``uuid`` VOL_UUID or ``-``, ``serial`` 24 hexadecimal digits or
    ``-`` as long as nobody knew it; ``igroup`` the disk's form of initiator group where that is not IGROUP.
    """

    cluster: str
    uuid: str
    kind: str
    serial: str = UNKNOWN
    igroup: str | None = None

    def __str__(self) -> str:
        mark = f"dataontap:2:{self.cluster}:{self.uuid}:{self.kind}:{self.serial}"
        whole = f"{mark}:{self.igroup}" if self.igroup else mark
        return whole if len(whole) <= COMMENT_LIMIT else mark


def cluster_word(name: str) -> str:
    """The name of a cluster as tags have it."""
    if len(name) <= _CLUSTER_LIMIT:
        return name
    return "=" + hashlib.sha256(name.encode()).hexdigest()[:16]


def compose(text: str, tag: Tag) -> str:
    """The comment for ``text`` and ``tag``; the text gives way where both are too long.

    What looks like a tag in the text is made harmless: it would count where an older node cuts ours.
    """
    harmless = text.replace("dataontap:2:", "dataontap-2:")
    kept = harmless[: max(0, COMMENT_LIMIT - len(str(tag)) - 1)].rstrip()
    return f"{kept} {tag}" if kept else str(tag)


def split(comment: str) -> tuple[str, Tag | None]:
    """The text in ``comment``, and the tag if there is one; of several the last one of form 2."""
    found = [*_FORM_2.finditer(comment)]
    if not found:
        return _split_form_1(comment)
    newest = found[-1]
    before, after = comment[: newest.start()].rstrip(" "), comment[newest.end() :].lstrip(" ")
    rest, older = _split_form_1(after)
    # An older node may have cut the text, and our tag, to make room for its own; so the form may lack its end.
    # The comment's length does not tell: the node's own tag got shorter if the cluster got a shorter name since.
    igroup = None if older else newest["igroup"]
    serial = (newest["serial"] or "").lower()
    mark = Tag(
        newest["cluster"],
        newest["uuid"],
        newest["kind"],
        serial if _SERIAL.fullmatch(serial) else UNKNOWN,
        igroup,
    )
    return " ".join(filter(None, (before, rest))), mark


def _split_form_1(comment: str) -> tuple[str, Tag | None]:
    match = _FORM_1.fullmatch(comment)
    if match is None:
        return comment, None
    text = _REST_OF_FORM_2.sub("", match["text"] or "")
    return text, Tag(cluster_word(match["cluster"]), match["uuid"], match["kind"])


def igroup_of(comment: str) -> str | None:
    """The form of initiator group that the tag in ``comment`` names; None where that is IGROUP, or nobody
    knows.
    """
    found = find(comment)
    return found.igroup if found else None


def find(comment: str) -> Tag | None:
    """The tag in ``comment``, if there is one."""
    return split(comment)[1]
