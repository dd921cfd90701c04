"""The SVM that requests are for: they name it by its uuid once that is noted, and by its name before."""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING, Protocol

from dataontap.client.rest.api import RestServer, any_of
from dataontap.client.rest.fields import Record, text
from dataontap.client.rest.listing import listed
from dataontap.client.svm import Svm, ambiguous, chosen, no_such_svm, noted, take_note, twin

if TYPE_CHECKING:
    from dataontap.state.cache import Text

SVMS = "/svm/svms"


class SvmMemory(Protocol):
    """What is cached of the SVM between processes; see ``state.cache.FilerCaches``."""

    def svm(self) -> Text:
        """The name of the account's only SVM."""

    def noted_svm(self) -> Text:
        """The uuid of the SVM. It outlives a reboot."""


class SvmIdentity:
    """The SVM at ``server`` that is ``configured`` by its name, or the account's only SVM."""

    def __init__(self, server: RestServer, memory: SvmMemory, configured: str | None) -> None:
        self._server = server
        self._memory = memory
        self._configured = configured
        self._name = configured
        self._uuid = ""

    @property
    def key(self) -> tuple[str, str]:
        """The field, "uuid" or "name", by which requests name the SVM, and its value.

        The uuid is noted when a LUN is listed. A MetroCluster's switchover changes the name only.
        """
        if not self._uuid:
            self._uuid = noted(self._memory.noted_svm()) or ""
        return ("uuid", self._uuid) if self._uuid else ("name", self.name)

    @property
    def name(self) -> str:
        """The SVM's name. Asks the filer for it, once a day, if the configuration does not tell."""
        if self._name is None:
            self._name = self._memory.svm().get() or self._ask_name()
        return self._name

    def _ask_name(self) -> str:
        found = self.listed()
        if len(found) != 1:
            raise ambiguous(len(found))
        self._memory.svm().put(found[0].name)
        return found[0].name

    def learn(self, uuid: str) -> None:
        """Note the SVM's uuid, if the filer has told it."""
        if uuid and uuid != self._uuid:
            take_note(self._memory.noted_svm(), uuid)
            self._uuid = noted(self._memory.noted_svm()) or ""

    def forget(self) -> None:
        """Go by the SVM's name until its uuid is told again."""
        self._memory.noted_svm().drop()
        self._uuid = ""

    def listed(self, names: Collection[str] = (), *, once: bool = False) -> list[Svm]:
        """The SVMs with these names that the account sees, or all."""
        return listed(
            self._server,
            SVMS,
            {"name": any_of(names) if names else "*", "fields": "name,uuid,state"},
            _svm,
            key=lambda found: (found.name,),
            is_asked=lambda found: not names or found.name in names,
            once=once,
        )

    def find(self, *, once: bool = False) -> Svm:
        """Ask the filer for the SVM, and note its uuid. Raises OntapError if it is not there."""
        name = self._configured
        there = self.listed([name, twin(name)] if name else [], once=once)
        found = chosen(there, name, noted(self._memory.noted_svm()))
        self.learn(found.uuid)
        return found

    def confirm(self) -> None:
        """Raise OntapError if requests did not name the SVM that the filer has."""
        by, asked = self.key
        self._memory.svm().drop()  # the only SVM may have been renamed since it was cached
        found = self.find()
        if asked != (found.uuid if by == "uuid" else found.name):  # it was made anew, or renamed
            raise no_such_svm(self._configured or asked)


def _svm(record: Record) -> Svm:
    return Svm(text(record, "name"), text(record, "uuid"), text(record, "state"))
