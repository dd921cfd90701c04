"""The base of all calls over ZAPI: server, version, lists, refusals that mean "done already"."""

from __future__ import annotations

from typing import Callable, Protocol, TypeVar

from dataontap.client.array import LunRef
from dataontap.client.found import Found
from dataontap.client.retry import Tries
from dataontap.client.zapi.api import Arguments, NaElement, NaServer
from dataontap.client.zapi.listing import Question, complete, listed
from dataontap.errors import Refusal

T = TypeVar("T")


class Memory(Protocol):
    """Caches the filer's version between processes."""

    def get(self) -> tuple[int, int] | None:
        """The cached version, or None."""

    def put(self, version: tuple[int, int]) -> None:
        """Cache it."""

    def drop(self) -> None:
        """Delete it from the cache."""


class BaseClient:
    """One SVM, reached by ``server``. Methods have the Cinder driver's names; their bodies have ZAPI's names."""

    def __init__(self, server: NaServer, remembered: Memory | None = None) -> None:
        self.server = server
        self._remembered = remembered

    def tries(self) -> Tries:
        """See ``Array``."""
        return Tries(self.server.again)

    def expect(self, lun: LunRef) -> None:
        """See ``Array``. Over ZAPI lists show a LUN as soon as it exists."""

    def get_ontapi_version(self) -> tuple[int, int]:
        """Ask for the filer's API version. Later requests use it."""
        results = self.server.send_request("system-get-ontapi-version", enable_tunneling=False)
        self.server.version = (results.get_int("major-version"), results.get_int("minor-version"))
        if self._remembered is not None:
            self._remembered.put(self.server.version)
        return self.server.version

    def prepare(self) -> None:
        """Let later requests use the filer's version, from the cache or else from the filer."""
        version = self._remembered.get() if self._remembered is not None else None
        if version is None:
            self.get_ontapi_version()
        else:
            self.server.version = version

    def unless(
        self, expected: frozenset[str] | set[str], api: str, arguments: Arguments, *, once: bool = False
    ) -> bool:
        """Call ``api``; returns False instead of an error if the filer answers with an ``expected`` errno.

        Returns True if a retry after a lost answer gets such an errno, because then the first request was done.
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
        """All records, converted by ``read``. ``listing.Question`` describes the other arguments.

        Raises OntapError if a volume that may have matching records could not be listed, unless the answer
        ``may_be_partial``.
        """

        def ask(arguments: Arguments) -> NaElement:
            return self.server.send_request(api, arguments, enable_tunneling=tunnelled)

        found = listed(Question(api, record, key, query, wanted), ask, read)
        return found if may_be_partial else complete(found)
