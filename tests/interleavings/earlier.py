"""The filer as a node sees it that is not upgraded yet: it knows tags of form 1 only, and writes these.

Its policy is ours otherwise. The earlier version itself is tested in tests/package, without a scheduler.
"""

from __future__ import annotations

from dataclasses import replace

from dataontap.client.array import Lun, LunRef, LunSpec
from dataontap.client.retry import Patience
from dataontap.volume import tag
from tests.interleavings.baton import Process
from tests.interleavings.wire import Late, SharedArray
from tests.simulator import model as simulated
from tests.simulator.filer import Filer

FORM_2, HIDDEN = "dataontap:2:", "dataontap-2:"


def form_1(comment: str) -> str:
    """What the earlier version writes for ``comment``: its own tag last. Both are cut as it does."""
    text, mark = tag.split(comment)
    shown = text.replace(HIDDEN, FORM_2)
    if mark is None:
        return shown
    old = f"dataontap:1:{mark.cluster}:{mark.uuid}:{mark.kind}"
    kept = shown[: tag.COMMENT_LIMIT - len(old) - 1].rstrip()
    return f"{kept} {old}" if kept else old


class EarlierArray(SharedArray):
    """The filer for a process of such a node. A tag of form 2 is text like any other."""

    def __init__(self, filer: Filer, process: Process, patience: Patience, late: Late, own: str) -> None:
        super().__init__(filer, process, patience, late, own)
        self._comments: dict[str, str] = {}  # that the process has seen, by path

    def _described(self, lun: simulated.Lun) -> Lun:
        self._comments[lun.path] = lun.comment
        return replace(super()._described(lun), comment=lun.comment.replace(FORM_2, HIDDEN))

    def create_lun(self, lun: LunRef, size: int, metadata: LunSpec) -> Lun | None:
        return super().create_lun(lun, size, replace(metadata, comment=form_1(metadata.comment)))

    def set_lun_comment(self, lun: LunRef, comment: str) -> None:
        if self._comments.get(lun.path) != form_1(comment):  # else only our policy wants to write, for form 2
            super().set_lun_comment(lun, form_1(comment))
