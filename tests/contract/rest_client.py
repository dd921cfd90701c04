"""A client of one simulated filer, over REST and one connection, and over ZAPI on the same one."""

from __future__ import annotations

import base64
import http.client
import json
import ssl
from typing import Any, NamedTuple

from tests.simulator.process import Simulator

ZAPI = "/servlets/netapp.servlets.admin.XMLrequest_filer"
LUNS = "/api/storage/luns"
NEW = {"svm.name": "svm1", "name": "/vol/vol1/a", "os_type": "linux", "space.size": 1 << 20}
ADMIN = ("admin", "secret")


class Answer(NamedTuple):
    """An HTTP answer."""

    status: int
    headers: http.client.HTTPMessage
    body: bytes

    @property
    def content(self) -> Any:
        """Its JSON."""
        return json.loads(self.body)

    @property
    def code(self) -> str:
        """The code of a refusal."""
        return str(self.content["error"]["code"])


class Client:
    """A client of one filer, over one connection."""

    def __init__(
        self, filer: Simulator, login: tuple[str, str] | None = ADMIN, place: tuple[str, int] | None = None
    ) -> None:
        context = ssl.create_default_context(cafile=str(filer.ca))
        host, port = place or ("127.0.0.1", filer.port)
        self._connection = http.client.HTTPSConnection(host, port, context=context, timeout=30)
        self._login = login

    def __call__(self, method: str, path: str, body: Any = None, **headers: str) -> Answer:
        if self._login is not None:
            headers["Authorization"] = "Basic " + base64.b64encode(":".join(self._login).encode()).decode()
        document = json.dumps(body).encode() if body is not None else None
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        self._connection.request(method, path, document, sent)
        answer = self._connection.getresponse()
        return Answer(answer.status, answer.headers, answer.read())

    def zapi(self, request: bytes) -> Answer:
        """The admin's call of ZAPI."""
        self._connection.request("POST", ZAPI, request, {"Authorization": "Basic YWRtaW46c2VjcmV0"})
        answer = self._connection.getresponse()
        return Answer(answer.status, answer.headers, answer.read())

    def close(self) -> None:
        """Hang up."""
        self._connection.close()
