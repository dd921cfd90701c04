"""The base of all calls over REST: server, SVM, lists, and what is known of uuids."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Callable, Protocol, TypeVar

from dataontap.client.array import LunRef
from dataontap.client.rest.api import RestServer, literal
from dataontap.client.rest.fields import Record, records, required, text
from dataontap.client.rest.listing import listed
from dataontap.client.rest.recent import Fact, Recent
from dataontap.client.retry import Tries
from dataontap.client.svm import ambiguous, no_such_svm

T = TypeVar("T")

SVMS = "/svm/svms"


class Text(Protocol):
    """A text that is cached between processes; see ``state.cache.Cache``."""

    def get(self) -> str | None:
        """The cached text, or None."""

    def put(self, text: str) -> None:
        """Cache it."""

    def drop(self) -> None:
        """Delete it from the cache."""


class Memory(Protocol):
    """What is cached of a filer between processes; see ``state.cache.FilerCaches``."""

    def svm(self) -> Text:
        """The name of the account's only SVM."""

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
        self._svm = svm
        self._uuids: dict[str, str] = {}
        self._has_svm = False

    def tries(self) -> Tries:
        """See ``Array``."""
        return Tries(self.server.patience)

    def expect(self, lun: LunRef) -> None:
        """See ``Array``."""
        self.recent.note(("lun", lun.path), True)

    @property
    def svm(self) -> str:
        """The SVM's name. Asks the filer for it, once a day, if the configuration does not tell."""
        if self._svm is None:
            self._svm = self.memory.svm().get() or self._ask_svm()
        return self._svm

    def _ask_svm(self) -> str:
        names = self.get_svm_names()
        if len(names) != 1:
            raise ambiguous(len(names))
        self.memory.svm().put(names[0])
        return names[0]

    def get_svm_uuid(self) -> str:
        """The SVM's uuid. It makes one request, which is not repeated."""
        query = {"fields": "name,uuid", **({"name": literal(self._svm)} if self._svm else {})}
        found = [*records(self.server.send("GET", SVMS, query, once=True))]
        if len(found) == 1 and self._svm in {None, text(found[0], "name")}:
            return required(found[0], "uuid")
        if self._svm is None:
            raise ambiguous(len(found))
        raise no_such_svm(self._svm)

    def get_svm_names(self, name: str = "*") -> list[str]:
        """The SVMs of this name that the account sees, or all."""
        query = {"name": name if name == "*" else literal(name), "fields": "name"}
        return listed(
            self.server,
            SVMS,
            query,
            _name,
            key=lambda found: (found,),
            is_asked=lambda found: name in {"*", found},
        )

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
        parameters = {"svm.name": self.svm, **query, "fields": fields}
        rows = listed(self.server, path, parameters, read, key=key, is_asked=is_asked)
        self._has_svm |= bool(rows)
        return rows

    def require_svm(self) -> None:
        """See ``Svm``: a filer answers a query about an SVM that does not exist with an empty list."""
        if self._has_svm or self.svm in self.get_svm_names(self.svm):
            self._has_svm = True
            return
        self.memory.svm().drop()  # the only SVM was renamed since it was cached
        raise no_such_svm(self.svm)

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


def _name(record: Record) -> str:
    return text(record, "name")
