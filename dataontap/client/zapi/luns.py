"""LUNs over ZAPI. They are addressed by their paths: ZAPI takes no uuid."""

from __future__ import annotations

import logging
from typing import Callable

from dataontap.client.array import Lun, LunRef, LunSpec
from dataontap.client.found import Found
from dataontap.client.zapi import codes
from dataontap.client.zapi.api import Arguments, NaElement
from dataontap.client.zapi.base import BaseClient
from dataontap.errors import OntapError, Refusal

LOG = logging.getLogger(__name__)

# The beginning of every LUN's path.
VOLUMES = "/vol/"

_LUN_FIELDS = (
    "path",
    "size",
    "serial-number",
    "uuid",
    "comment",
    "is-space-reservation-enabled",
    "online",
    "mapped",
    "creation-timestamp",
    "node",
)


class LunCalls(BaseClient):
    """Methods are described in ``Luns`` of ``client.array``."""

    # The ONTAPI versions in which lun-create-by-size got these arguments. A filer refuses unknown arguments.
    # use-exact-size: Cinder's figure. comment: it is not in the API definition of 1.30 and is in that of 1.180. In
    # which version it came is unknown [?], so before 1.180 a second call sets it.
    EXACT_SIZE_SINCE = (1, 110)
    COMMENT_SINCE = (1, 180)

    @property
    def comments_at_creation(self) -> bool:
        """Whether the filer's lun-create-by-size knows ``comment``."""
        return self.server.version >= self.COMMENT_SINCE

    def place(self, pool: str | None, name: str) -> LunRef:
        """See ``Luns``."""
        return LunRef(pool, name, f"{VOLUMES}{pool}/{name}")

    def recall(self, path: str, uuid: str) -> LunRef:
        """See ``Luns``."""
        return lun_at(path, uuid)

    def get_luns(self, *luns: LunRef) -> Found[Lun]:
        """See ``Luns``."""
        return self.get_lun_by_args(path=any_path(luns))

    def get_luns_called(self, name: str) -> Found[Lun]:
        """See ``Luns``: also in a pool's qtree."""
        return self.get_lun_by_args(path=f"{VOLUMES}*/{name}")

    def get_lun_list(self) -> Found[Lun]:
        """See ``Luns``."""
        return self.get_lun_by_args()

    def get_lun_by_args(self, **args: str) -> Found[Lun]:
        """The LUNs whose fields match ``args``, e.g. ``path="/vol/vol1/a"``; ``*`` and ``|`` work as in ONTAP.

        Only this list may be incomplete. A caller that must know that a LUN does not exist checks its problems.
        """
        return self.iterate(
            "lun-get-iter",
            "lun-info",
            _lun,
            key=("path",),
            query=dict(args),
            wanted=dict.fromkeys(_LUN_FIELDS, ""),
            may_be_partial=True,
        )

    def create_lun(self, lun: LunRef, size: int, metadata: LunSpec) -> Lun | None:
        """See ``Luns``. The filer's answer does not describe the LUN."""
        self._in_its_version(lambda: self._create(lun, size, metadata))
        return None

    def _in_its_version(self, call: Callable[[], object]) -> None:
        """``call``, once more if the filer refused it because the cached version is not the filer's."""
        try:
            call()
        except Refusal as error:
            if not self._is_other_version(error):
                raise
            call()

    def _is_other_version(self, error: Refusal) -> bool:
        """Whether ``error`` came because the cached version is not the filer's. Asks the filer for its version."""
        if self._remembered is None or error.code not in codes.UNKNOWN_TO_THIS_VERSION:
            return False
        before = self.server.version
        self._remembered.drop()
        try:
            return self.get_ontapi_version() != before
        except OntapError as failure:
            LOG.warning("%s", failure)  # the refusal says more than that
            return False

    def _create(self, lun: LunRef, size: int, metadata: LunSpec) -> None:
        self.server.send_request(
            "lun-create-by-size",
            {
                "path": lun.path,
                "size": size,
                "ostype": metadata.ostype,
                "space-reservation-enabled": metadata.space_reserved,
                "use-exact-size": True if self.server.version >= self.EXACT_SIZE_SINCE else None,
                "comment": metadata.comment if self.comments_at_creation else None,
            },
            repeatable=False,
        )

    def clone_lun(self, source: Lun, clone: LunRef) -> Lun | None:
        """See ``Luns``. The call takes paths below the volume, with the qtree."""
        self._in_its_version(lambda: self._clone(source, clone))
        return None

    def _clone(self, source: Lun, clone: LunRef) -> None:
        beginning = len(f"{VOLUMES}{source.volume}/")
        self.server.send_request(
            "clone-create",
            {
                "volume": source.volume,
                "source-path": source.path[beginning:],
                "destination-path": clone.path[beginning:],
                "space-reserve": source.space_reserved,
            },
            repeatable=False,
        )

    def destroy_lun(self, lun: LunRef, *, once: bool = False) -> bool:
        """See ``Luns``: never by force."""
        arguments: Arguments = {"path": lun.path}
        return self.unless(codes.NO_SUCH_LUN, "lun-destroy", arguments, once=once)

    def do_direct_resize(self, lun: LunRef, new_size_bytes: int) -> int | None:
        """Let a LUN grow; returns its actual size, or None if that is what it had."""
        arguments: Arguments = {"path": lun.path, "size": new_size_bytes}
        try:
            results = self.server.send_request("lun-resize", arguments)
        except Refusal as error:
            if error.code != codes.SIZE_UNCHANGED:
                raise
            return None
        return results.get_int("actual-size", new_size_bytes)

    def set_lun_comment(self, lun: LunRef, comment: str) -> None:
        """Replace a LUN's comment."""
        self.server.send_request("lun-set-comment", {"path": lun.path, "comment": comment})


def split(path: str) -> tuple[str, str]:
    """The pool and the name in a LUN's path."""
    pool, _, name = path[len(VOLUMES) :].rpartition("/")
    return pool, name


def lun_at(path: str, uuid: str = "") -> LunRef:
    """The LUN at this path."""
    return LunRef(*split(path), path, uuid)


def any_path(luns: tuple[LunRef, ...]) -> str:
    """A query for any of these LUNs."""
    return "|".join(lun.path for lun in luns)


def _lun(record: NaElement) -> Lun:
    path = record.get_child_content("path")
    pool, name = split(path)
    return Lun(
        pool=pool,
        name=name,
        path=path,
        size=record.get_int("size"),
        serial=record.get_child_content("serial-number"),
        uuid=record.get_child_content("uuid"),
        comment=record.get_child_content("comment"),
        space_reserved=is_true(record, "is-space-reservation-enabled"),
        online=is_true(record, "online"),
        mapped=is_true(record, "mapped"),
        created=number(record, "creation-timestamp"),
        node=record.get_child_content("node"),
    )


def number(record: NaElement, name: str) -> int:
    """A number; 0 if the record lacks it, because the other records are still usable."""
    text = record.get_child_content(name)
    return int(text) if text.isdecimal() and text.isascii() else 0


def is_true(record: NaElement, name: str) -> bool:
    return record.get_child_content(name).lower() == "true"
