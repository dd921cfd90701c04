"""The tag in a LUN's comment that says what is provably ours.

A comment is Ganeti's text, a space and ``dataontap:1:<cluster name>:<VOL_UUID or ->:<disk|snap>``.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

# What the REST API documents for a LUN's comment; ZAPI takes the same in practice.
COMMENT_LIMIT = 254

DISK = "disk"
SNAPSHOT = "snap"

_TAG = re.compile(r"(?:(?P<text>.*) )?dataontap:1:(?P<cluster>[^: ]+):(?P<uuid>[^: ]+):(?P<kind>disk|snap)", re.S)


@dataclass(frozen=True)
class Tag:
    """Which cluster's which disk a LUN is. ``uuid`` is VOL_UUID, or ``-`` where Ganeti told none."""

    cluster: str
    uuid: str
    kind: str

    def __str__(self) -> str:
        return f"dataontap:1:{self.cluster}:{self.uuid}:{self.kind}"


def compose(text: str, tag: Tag) -> str:
    """The comment for ``text`` and ``tag``; the text gives way where both are too long."""
    kept = text[: COMMENT_LIMIT - len(str(tag)) - 1].rstrip()
    return f"{kept} {tag}" if kept else str(tag)


def split(comment: str) -> tuple[str, Tag | None]:
    """The text in ``comment``, and the tag if there is one."""
    match = _TAG.fullmatch(comment)
    if match is None:
        return comment, None
    return match["text"] or "", Tag(match["cluster"], match["uuid"], match["kind"])


def find(comment: str) -> Tag | None:
    """The tag in ``comment``, if there is one."""
    return split(comment)[1]
