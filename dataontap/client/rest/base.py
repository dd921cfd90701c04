"""The base of all calls over REST: server, SVM, lists, and what is known of LUNs' uuids."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Callable, Protocol, TypeVar

from dataontap.client.array import LunRef
from dataontap.client.rest import codes
from dataontap.client.rest.api import RestServer
from dataontap.client.rest.fields import Record
from dataontap.client.rest.listing import listed
from dataontap.client.rest.recent import Fact, Recent
from dataontap.client.rest.svm_identity import SvmIdentity, SvmMemory
from dataontap.client.retry import Tries
from dataontap.errors import Refusal

if TYPE_CHECKING:
    from dataontap.state.cache import Text

T = TypeVar("T")


class Memory(SvmMemory, Protocol):
    """What is cached of a filer between processes; see ``state.cache.FilerCaches``."""

    def kind(self) -> Text:
        """The kind of filer."""

    def igroup_uuid(self, name: str) -> Text:
        """The uuid of an initiator group."""


class RestBase:
    """One SVM, reached by ``server``. Without the name of the ``svm`` it is the account's only SVM.

    ``memory`` has what is cached between processes, ``recent`` what this process changed.
    """

    def __init__(self, server: RestServer, memory: Memory, svm: str | None, recent: Recent) -> None:
        self.server = server
        self.memory = memory
        self.recent = recent
        self.svm = SvmIdentity(server, memory, svm)
        self._uuids: dict[str, str] = {}
        self._has_svm = False

    def tries(self) -> Tries:
        """See ``Array``."""
        return Tries(self.server.patience)

    def expect(self, lun: LunRef) -> None:
        """See ``Array``."""
        self.recent.note(("lun", lun.path), True)

    def get_svm_uuid(self) -> str:
        """The SVM's uuid. Its request is not repeated."""
        return self.svm.find(once=True).uuid

    def iterate(
        self,
        path: str,
        read: Callable[[Record], T],
        *,
        key: Callable[[T], tuple[str, ...]],
        query: dict[str, str],
        fields: str,
        is_asked: Callable[[T], bool],
    ) -> list[T]:
        """All of the SVM's records that match ``query``; see ``listing.listed``."""
        by, value = self.svm.key
        parameters = {f"svm.{by}": value, **query, "fields": fields}
        rows = listed(self.server, path, parameters, read, key=key, is_asked=is_asked)
        self._has_svm |= bool(rows)
        return rows

    def require_svm(self) -> None:
        """See ``Svm``: a filer answers a query about an SVM that does not exist with an empty list."""
        if self._has_svm:
            return
        self.svm.confirm()
        self._has_svm = True

    def make(self, path: str, body: Record, *, repeatable: bool = True, once: bool = False) -> Record:
        """The answer to POST of a new object of the SVM. Raises Refusal and others as ``RestServer.send`` does."""
        by, value = self.svm.key
        whole = {"svm": {by: value}, **body}
        try:
            return self.server.send(
                "POST", path, {"return_records": "true"}, whole, repeatable=repeatable, once=once
            )
        except Refusal as error:
            if error.code == codes.SVM_NOT_FOUND:
                self.svm.forget()  # the next verb asks for it by its name
                self._has_svm = False
                if by == "name":
                    self.require_svm()  # its error says what to do
            raise

    def settled(
        self, ask: Callable[[], list[T]], facts: Callable[[T], Iterable[Fact]], asked: Callable[[Fact], bool]
    ) -> list[T]:
        """A list, read again while it is older than what this process changed a moment ago.

        ``facts`` are those that a row shows; ``asked`` is whether the list is about a fact.
        """
        for _ in self.server.patience.looks("waiting until the filer's lists show the last change"):
            rows = ask()
            shown = {fact for row in rows for fact in facts(row)}
            if not self.recent.contradicts(shown, asked):
                break
        return rows

    def learn(self, path: str, uuid: str) -> None:
        """Note the uuid of the LUN at ``path``, for changes of it by this process."""
        self._uuids[path] = uuid

    def known_uuid(self, lun: LunRef) -> str:
        """The LUN's uuid; "" if it is not known."""
        return lun.uuid or self._uuids.get(lun.path, "")
