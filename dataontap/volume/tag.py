"""The tag in a LUN's comment: the LUN's cluster and disk, and the LUN that the tag was written for.

A comment is Ganeti's text, a space and the tag, 254 characters at most:

    dataontap:2:<cluster>:<VOL_UUID or ->:<disk|snap>:<serial or ->[:<igroup form>]

The serial is the LUN's own, as 24 hexadecimal digits. A copy of a LUN (``lun copy``, a FlexClone that was split, a
broken mirror) has the original's comment but another serial number, which tells it from the original. Earlier
versions wrote form 1, ``dataontap:1:<cluster>:<VOL_UUID or ->:<disk|snap>``, after a tag of form 2, which they do
not know. Nodes of both versions work side by side while a cluster is upgraded.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass

# The limit that the REST API documents for a LUN's comment. ZAPI has the same limit in practice.
COMMENT_LIMIT = 254
# A longer cluster name is replaced by a digest: so the longest tag still fits into a comment.
_CLUSTER_LIMIT = 64

DISK = "disk"
SNAPSHOT = "snap"
UNKNOWN = "-"

# A longer word than we write is none of ours: the tag would not fit into a comment again.
_FORM_2 = re.compile(
    r"(?:^|(?<= ))dataontap:2:(?P<cluster>[^: ]{1,64}):(?P<uuid>[^: ]{1,64}):(?P<kind>disk|snap)"
    r"(?::(?P<serial>[^: ]*)(?::(?P<igroup>[^ ]+))?)?(?= |\Z)"
)
_FORM_1 = re.compile(
    r"(?:(?P<text>.*) )?dataontap:1:(?P<cluster>[^: ]+):(?P<uuid>[^: ]{1,64}):(?P<kind>disk|snap)", re.S
)
# What is left of a tag of form 2 after an older node cut off so much that it is no longer a tag.
_REST_OF_FORM_2 = re.compile(r"(?:^| )dataontap:2:[^ ]*\Z")
_SERIAL = re.compile("[0-9a-f]{24}")


@dataclass(frozen=True)
class Tag:
    """The cluster and the disk that a LUN belongs to, and the LUN that the tag was written for.

    ``cluster`` has the form of ``cluster_word``. ``uuid`` is VOL_UUID or ``-``. ``serial`` is 24 hexadecimal
    digits, or ``-`` while it is unknown. ``igroup`` is the form of the disk's igroup if that is not IGROUP.
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
    """A cluster's name in the form that tags have."""
    if len(name) <= _CLUSTER_LIMIT:
        return name
    return "=" + hashlib.sha256(name.encode("utf-8", "replace")).hexdigest()[:16]


def compose(text: str, tag: Tag) -> str:
    """The comment for ``text`` and ``tag``. The text is shortened if both are too long.

    Text that looks like a tag is made harmless: it would count as the tag if an older node cut ours off.
    """
    harmless = text.replace("dataontap:2:", "dataontap-2:")
    kept = harmless[: max(0, COMMENT_LIMIT - len(str(tag)) - 1)].rstrip()
    return f"{kept} {tag}" if kept else str(tag)


def split(comment: str) -> tuple[str, Tag | None]:
    """The text in ``comment``, and the tag if there is one. Of several tags the last of form 2 counts."""
    found = [*_FORM_2.finditer(comment)]
    if not found:
        return _split_form_1(comment)
    newest = found[-1]
    before, after = comment[: newest.start()].rstrip(" "), comment[newest.end() :].lstrip(" ")
    rest, older = _split_form_1(after)
    # An older node may have cut the text and our tag to make room for its own tag, so the igroup form may lack its
    # end. The comment's length does not tell: that node's tag got shorter if the cluster got a shorter name since.
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
    """The form of igroup that the tag in ``comment`` names; None if that is IGROUP or unknown."""
    found = find(comment)
    return found.igroup if found else None


def find(comment: str) -> Tag | None:
    """The tag in ``comment``, if there is one."""
    return split(comment)[1]
