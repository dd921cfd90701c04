"""Chooses between REST and ZAPI, for ``API = "auto"``: by what the filer answers, never by its release."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any, Callable, Protocol

from dataontap.client.status import UNAUTHORIZED
from dataontap.errors import ApiOff, ApiSuspended, NotAllowed, OntapError

if TYPE_CHECKING:
    from dataontap.client.array import Array

LOG = logging.getLogger(__name__)

REST, ZAPI = "rest", "zapi"


class Note(Protocol):
    """What this node noted of the filer's APIs; see ``state.cache.ApiNote``."""

    def get(self) -> str | None:
        """The API that worked last, or None."""

    def put(self, api: str) -> None:
        """This API works."""

    def is_refused(self, api: str) -> bool:
        """Whether the account was refused over this API, by the present configuration."""

    def refuse(self, api: str) -> None:
        """The account is refused over this API."""


class Auto:
    """An ``Array`` that speaks the API that worked last, or the other API where the filer does not serve that.

    ``make`` connects by an API. Without a note the filer is asked which API it serves, REST first.
    """

    def __init__(self, make: Callable[[str], Array], note: Note) -> None:
        self._make = make
        self._note = note
        self._api = ""
        self._array: Array | None = None
        self._may_switch = True

    def __getattr__(self, name: str) -> Any:
        array = self._chosen()
        found = getattr(array, name)
        if not callable(found):
            return found

        def call(*args: Any, **kwargs: Any) -> Any:
            try:
                return getattr(array, name)(*args, **kwargs)
            except (ApiOff, ApiSuspended) as error:
                return getattr(self._other(error), name)(*args, **kwargs)

        return call

    def _chosen(self) -> Array:
        if self._array is None:
            noted = self._note.get()
            if noted:
                self._api, self._array = noted, self._make(noted)
            else:
                self._array = self._ask()
        return self._array

    def _ask(self) -> Array:
        """The array over an API that the filer serves for this account. Raises ZAPI's error if it serves neither.

        ZAPI is then asked by each verb, as if the configuration named it.
        """
        if not self._note.is_refused(REST):
            try:
                return self._probe(REST)
            except OntapError as error:
                if not _is_refusal(error):
                    raise
                LOG.warning("%s; trying ZAPI", error)
        return self._probe(ZAPI)

    def _probe(self, api: str) -> Array:
        """The array over this API, after its simplest call. Notes that the API works."""
        array = self._make(api)
        try:
            array.check_connection()
        except OntapError as error:
            if _is_refusal(error) and not isinstance(error, ApiOff):
                self._note.refuse(api)
            raise
        self._note.put(api)
        self._api = api
        return array

    def _other(self, error: OntapError) -> Array:
        """The array over the other API. Raises ``error`` if the filer does not serve that, either."""
        other = REST if self._api == ZAPI else ZAPI
        if not self._may_switch or self._note.is_refused(other):
            raise error
        self._may_switch = False  # a filer whose APIs come and go must not keep a verb
        LOG.warning("%s; trying %s", error, other.upper())
        try:
            self._array = self._probe(other)
        except OntapError as failure:
            error.add(f"nor does {other.upper()} work: {failure}")
            raise error from None
        return self._array


def _is_refusal(error: OntapError) -> bool:
    """Whether the filer answered, and refuses the API or the account."""
    return isinstance(error, (ApiOff, NotAllowed)) or getattr(error, "status", None) == UNAUTHORIZED
