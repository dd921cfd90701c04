"""The base of all calls over REST: server, SVM, lists, and what is known of uuids."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import Callable, Protocol, TypeVar

from dataontap.client.array import LunRef
from dataontap.client.rest import codes
from dataontap.client.rest.api import RestServer, any_of
from dataontap.client.rest.fields import Record, text
from dataontap.client.rest.listing import listed
from dataontap.client.rest.recent import Fact, Recent
from dataontap.client.retry import Tries
from dataontap.client.svm import Svm, Text, ambiguous, chosen, no_such_svm, noted, take_note, twin
from dataontap.errors import Refusal

T = TypeVar("T")

SVMS = "/svm/svms"


class Memory(Protocol):
    """What is cached of a filer between processes; see ``state.cache.FilerCaches``."""

    def svm(self) -> Text:
        """The name of the account's only SVM."""

    def noted_svm(self) -> Text:
        """The uuid of the SVM. It outlives a reboot."""

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
        self._configured = svm
        self._svm = svm
        self._svm_uuid = ""
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

    @property
    def svm_key(self) -> tuple[str, str]:
        """The field, "uuid" or "name", by which requests name the SVM, and its value.

        The uuid is noted when a LUN is listed. A MetroCluster's switchover changes the name only.
        """
        if not self._svm_uuid:
            self._svm_uuid = noted(self.memory.noted_svm()) or ""
        return ("uuid", self._svm_uuid) if self._svm_uuid else ("name", self.svm)

    def learn_svm(self, uuid: str) -> None:
        """Note the SVM's uuid, if the filer has told it."""
        if uuid and uuid != self._svm_uuid:
            take_note(self.memory.noted_svm(), uuid)
            self._svm_uuid = noted(self.memory.noted_svm()) or ""

    def forget_svm(self) -> None:
        """Go by the SVM's name until its uuid is told again."""
        self.memory.noted_svm().drop()
        self._svm_uuid, self._has_svm = "", False

    def get_svm_uuid(self) -> str:
        """The SVM's uuid. Its request is not repeated."""
        found = chosen(self._ask_svms(once=True), self._configured, noted(self.memory.noted_svm()))
        self.learn_svm(found.uuid)
        return found.uuid

    def _ask_svms(self, *, once: bool = False) -> list[Svm]:
        """The SVMs that may be the configuration's."""
        name = self._configured
        return self.get_svms([name, twin(name)], once=once) if name else self.get_svms(once=once)

    def get_svms(self, names: Collection[str] = (), *, once: bool = False) -> list[Svm]:
        """The SVMs with these names that the account sees, or all."""
        return listed(
            self.server,
            SVMS,
            {"name": any_of(names) if names else "*", "fields": "name,uuid,state"},
            _svm,
            key=lambda found: (found.name,),
            is_asked=lambda found: not names or found.name in names,
            once=once,
        )

    def get_svm_names(self) -> list[str]:
        """The names of all SVMs that the account sees."""
        return [svm.name for svm in self.get_svms()]

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
        by, value = self.svm_key
        parameters = {f"svm.{by}": value, **query, "fields": fields}
        rows = listed(self.server, path, parameters, read, key=key, is_asked=is_asked)
        self._has_svm |= bool(rows)
        return rows

    def require_svm(self) -> None:
        """See ``Svm``: a filer answers a query about an SVM that does not exist with an empty list."""
        if self._has_svm:
            return
        by, asked = self.svm_key
        self.memory.svm().drop()  # the only SVM may have been renamed since it was cached
        found = chosen(self._ask_svms(), self._configured, noted(self.memory.noted_svm()))
        self.learn_svm(found.uuid)
        if asked != (found.uuid if by == "uuid" else found.name):  # it was made anew, or renamed
            raise no_such_svm(self._configured or asked)
        self._has_svm = True

    def make(self, path: str, body: Record, *, repeatable: bool = True, once: bool = False) -> Record:
        """The answer to POST of a new object of the SVM. Raises Refusal and others as ``RestServer.send`` does."""
        by, value = self.svm_key
        whole = {"svm": {by: value}, **body}
        try:
            return self.server.send(
                "POST", path, {"return_records": "true"}, whole, repeatable=repeatable, once=once
            )
        except Refusal as error:
            if error.code == codes.SVM_NOT_FOUND:
                self.forget_svm()  # the next verb asks for it by its name
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


def _svm(record: Record) -> Svm:
    return Svm(text(record, "name"), text(record, "uuid"), text(record, "state"))
