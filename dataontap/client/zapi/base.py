"""What every call over ZAPI goes through: server, version, lists, refusals that mean "done already"."""

from __future__ import annotations

from typing import Callable, Protocol, TypeVar

from dataontap.client.array import Found
from dataontap.client.retry import Tries
from dataontap.client.zapi.api import Arguments, NaElement, NaServer
from dataontap.client.zapi.listing import Question, complete, listed
from dataontap.errors import Refusal

T = TypeVar("T")


class Memory(Protocol):
    """Where the filer's version is remembered between processes."""

    def get(self) -> tuple[int, int] | None:
        """The version, unless it is unknown."""

    def put(self, version: tuple[int, int]) -> None:
        """Remember it."""

    def drop(self) -> None:
        """Forget it."""


class BaseClient:
    """One SVM over ``server``. Method names are the Cinder driver's, ZAPI's names are in the bodies."""

    def __init__(self, server: NaServer, remembered: Memory | None = None) -> None:
        self.server = server
        self._remembered = remembered

    def tries(self) -> Tries:
        """See ``Array``."""
        return Tries(self.server.again)

    def get_ontapi_version(self) -> tuple[int, int]:
        """The filer's API version, asked for; later requests go by it."""
        results = self.server.send_request("system-get-ontapi-version", enable_tunneling=False)
        self.server.version = (results.get_int("major-version"), results.get_int("minor-version"))
        if self._remembered is not None:
            self._remembered.put(self.server.version)
        return self.server.version

    def prepare(self) -> None:
        """Let later requests go by the filer's version, as remembered or else asked for."""
        version = self._remembered.get() if self._remembered is not None else None
        if version is None:
            self.get_ontapi_version()
        else:
            self.server.version = version

    def unless(
        self, expected: frozenset[str] | set[str], api: str, arguments: Arguments, *, once: bool = False
    ) -> bool:
        """Call ``api``; False instead of an error when the filer answers with one of the ``expected`` errnos.

        True if it is such an answer to a repeated request, because then the first one has done it.
        """
        try:
            self.server.send_request(api, arguments, once=once)
        except Refusal as error:
            if error.code not in expected:
                raise
            return error.after_lost_answer
        return True

    def iterate(
        self,
        api: str,
        record: str,
        read: Callable[[NaElement], T],
        *,
        key: tuple[str, ...],
        query: Arguments,
        wanted: Arguments,
        tunnelled: bool = True,
        may_be_partial: bool = False,
    ) -> Found[T]:
        """All records, as ``read`` makes them; see ``listing.Question`` for the other arguments.

        Raises OntapError for an answer that lacks a volume with which the question is concerned, unless it
        ``may_be_partial``.
        """

        def ask(arguments: Arguments) -> NaElement:
            return self.server.send_request(api, arguments, enable_tunneling=tunnelled)

        found = listed(Question(api, record, key, query, wanted), ask, read)
        return found if may_be_partial else complete(found)
