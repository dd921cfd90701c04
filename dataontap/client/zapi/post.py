"""Sends ZAPI's documents: POST, to one URL."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dataontap.client.text import NOT_SERVED, refusal
from dataontap.errors import ApiOff

if TYPE_CHECKING:
    from dataontap.client.transport import Transport

# The URL of all calls (NetApp's SDK, Cinder and Trident use it, too).
URL = "/servlets/netapp.servlets.admin.XMLrequest_filer"
_HEADERS = {"Content-Type": 'text/xml; charset="UTF-8"'}
_OK = 200
_ENABLE = "vserver services web modify -name ontapi -enabled true"


class Post:
    """POSTs documents over ``transport``."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    def __call__(self, document: bytes) -> bytes:
        """The body of the filer's answer.

        Raises TransportError if there is no answer or its status is not 200, and ApiOff if the filer has no ZAPI.
        """
        answer = self._transport.exchange("POST", URL, document, _HEADERS)
        if answer.status == _OK:
            return answer.body
        filer = self._transport.filer
        if answer.status in NOT_SERVED:
            why = f"has no ONTAPI (HTTP status {answer.status}); {_ENABLE} switches it on, if this is a filer"
            raise ApiOff(f"{filer.address} {why}", status=answer.status)
        raise refusal(answer.status, filer)
