"""Looks at each of several addresses of a filer, for verify."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING

from dataontap import client
from dataontap.client import status
from dataontap.client.addresses import Addresses, Unanswered
from dataontap.client.transport import Transport
from dataontap.errors import OntapError
from dataontap.findings import Finding, Severity, failure, warning
from dataontap.state.addresses import AddressNotes
from dataontap.state.cache import ApiNote, FilerCaches

if TYPE_CHECKING:
    from dataontap.client.transport import Filer
    from dataontap.config import Settings
    from dataontap.deadline import Deadline

_CHECK = "connection"


def examine(settings: Settings, deadline: Deadline, config_file: str) -> Iterator[Finding]:
    """What is wrong with each of several addresses, and which one is used. Nothing for a single address.

    An address that cannot be connected to, or whose certificate is wrong, makes no verb fail while another one
    serves. One that is another filer's, or that refuses the account, makes the verb fail that meets it. After a
    refused password no other address gets it.
    """
    names = (settings.hostname, *settings.other_addresses)
    if len(names) == 1:
        return
    notes = AddressNotes(FilerCaches(settings))
    used = notes.last()
    for name in names:
        notes.forget_svm(name)
    api = settings.api if settings.api != "auto" else ApiNote(settings, config_file).get() or "rest"
    for name in sorted(names, key=lambda name: name != used):
        filer = replace(client.filer_of(settings), hostname=name)
        transport = Transport(filer, deadline, Addresses([filer], notes, among=names))
        client.of_api(settings, deadline, transport, api)
        error = _connected(transport)
        yield _finding(filer, error, is_used=name == used)
        if getattr(error, "status", None) == status.UNAUTHORIZED:
            return


def _connected(transport: Transport) -> OntapError | None:
    """Why the address is of no use, after comparing its SVM with those of the addresses before it."""
    try:
        transport.open()
    except OntapError as error:
        return error
    finally:
        transport.close()
    return None


def _finding(filer: Filer, error: OntapError | None, *, is_used: bool) -> Finding:
    if error is None:
        return Finding(_CHECK, Severity.FINE, f"{filer.address} {'is used' if is_used else 'works, too'}")
    return (warning if isinstance(error, Unanswered) else failure)(_CHECK, str(error))
