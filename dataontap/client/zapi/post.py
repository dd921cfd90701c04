"""Sends ZAPI's documents: POST, to one URL."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dataontap.client import status

if TYPE_CHECKING:
    from dataontap.client.transport import Transport

# The URL of all calls (NetApp's SDK, Cinder and Trident use it, too).
URL = "/servlets/netapp.servlets.admin.XMLrequest_filer"
_HEADERS = {"Content-Type": 'text/xml; charset="UTF-8"'}


class Post:
    """POSTs documents over ``transport``."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    def __call__(self, document: bytes) -> bytes:
        """The body of the filer's answer.

        Raises TransportError if there is no answer or its status is not 200, and ApiOff if the filer has no ZAPI.
        """
        answer = self._transport.exchange("POST", URL, document, _HEADERS)
        if answer.status == status.OK:
            return answer.body
        if answer.status in status.NOT_SERVED:
            raise status.api_off(answer.status, self._transport.filer, "ZAPI", "ontapi")
        raise status.refusal(answer.status, self._transport.filer)
