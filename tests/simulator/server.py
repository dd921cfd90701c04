"""The filer behind HTTP/1.1 and TLS: keep-alive, Basic and certificate login, one thread a connection."""

from __future__ import annotations

import base64
import binascii
import itertools
import socket
import socketserver
import ssl
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from tests.simulator import chunks, documents, malice
from tests.simulator.faults import Fault, Faults
from tests.simulator.filer import NOT_CARRIED_OUT, Answer, Filer
from tests.simulator.limits import Limit
from tests.simulator.metrocluster import plain
from tests.simulator.model import Account
from tests.simulator.requestlog import Logged, RequestLog
from tests.simulator.rest import malice as rest_malice
from tests.simulator.rest.wire import HAL, Request, Response
from tests.simulator.wire import XML, Delivery, Outage, Reply, patient

Wait = Callable[[float], bool]

API = "/api/"
URL = "/servlets/netapp.servlets.admin.XMLrequest_filer"
LARGEST_BODY = 16 << 20
IDLE_SECONDS = 600
HANDSHAKE_SECONDS = 30
# The code is one that nobody has published; clients go by the status.
UNAUTHORIZED = b'{"error": {"message": "User is not authorized.", "code": "6691623"}}'


class Place:
    """Which accounts an address lets in: an SVM's own, with ``svm`` "" the cluster's own, with None all."""

    def __init__(self, svm: str | None = None, limit: Limit | None = None) -> None:
        self.svm, self.limit = svm, limit or Limit()

    def lets_in(self, account: Account) -> bool:
        """An account of an SVM has no business at the cluster's address, nor at another SVM's."""
        return self.svm is None or self.svm == plain(account.vserver or "")


class Server(ThreadingHTTPServer):
    """Listens; ``tls`` is None for plain HTTP. ``certify`` makes the context for another certificate.

    ``place`` is which accounts it lets in. One that listens ``beside`` another is the same filer at another
    address: the same faults befall it.
    """

    daemon_threads = True
    allow_reuse_address = True
    request_queue_size = 1024

    def __init__(
        self,
        address: tuple[str, int],
        filer: Filer,
        log: RequestLog,
        tls: ssl.SSLContext | None,
        certify: Callable[[str], ssl.SSLContext] | None = None,
        *,
        place: Place | None = None,
        beside: Server | None = None,
    ) -> None:
        self.address_family = socket.AF_INET6 if ":" in address[0] else socket.AF_INET
        super().__init__(address, Connection)
        self.filer, self.log, self.tls = filer, log, tls
        self.place = place or Place()
        self.connections: Iterator[int] = beside.connections if beside else itertools.count(1)
        self.faults: Faults = beside.faults if beside else Faults()
        self.outage: Outage = beside.outage if beside else Outage()
        self._own_tls, self._certify = tls, certify

    def server_bind(self) -> None:
        """Bind, without HTTPServer's look-up of our name, which may ask a name server."""
        socketserver.TCPServer.server_bind(self)
        self.server_name, self.server_port = self.server_address[:2]  # type: ignore[assignment]

    def reply(self, body: bytes, account: str, wait: Wait = lambda _: True) -> Reply:
        """The one way from HTTP to the filer; here armed faults strike. ``wait`` is False if the client left.

        Raises Gone during a takeover.
        """
        self.outage.refuse()
        api = documents.api_name(body)
        led_on = malice.led_on(body)
        fault = led_on or self.faults.strike(api)
        if _acts(fault, wait) and led_on is None:
            answer = self.filer.answer(malice.question(fault, body), account)
        else:
            answer = Answer(documents.passed({}, self.filer.ontapi), api, status=NOT_CARRIED_OUT)
        reply = Reply(HTTPStatus.OK, answer.document, XML, answer=answer)
        return self._struck(fault, reply, lambda struck: malice.struck(struck, reply, self.filer.ontapi))

    def rest_reply(self, request: Request, account: str, wait: Wait = lambda _: True) -> Reply:
        """As ``reply``, for REST."""
        self.outage.refuse()
        rest = self.filer.rest
        api = rest.api_name(request)
        led_on = rest_malice.led_on(request)
        fault = led_on or self.faults.strike(api)
        acts = _acts(fault, wait) and led_on is None
        response = rest.answer(request, account, rest_malice.trouble(fault), wait) if acts else Response(200, {})
        status = NOT_CARRIED_OUT if not acts else "failed" if response.code else "passed"
        answer = Answer(response.body, api, request.svm or None, request.shown, status, response.code)
        reply = Reply(HTTPStatus(response.status), response.body, HAL, dict(response.headers), answer=answer)
        return self._struck(
            fault,
            reply,
            lambda struck: rest_malice.struck(
                struck, reply, request, lambda other: rest.answer(other, account).content or {}
            ),
        )

    def _struck(self, fault: Fault | None, reply: Reply, content: Callable[[Fault], Reply]) -> Reply:
        """The reply under a fault: of this server's, or as ``content`` makes it."""
        if fault is None:
            return reply
        if fault.kind == "certificate" and self._certify is not None:
            self.tls = self._certify(fault.certificate)
        if fault.kind == "takeover":
            self.outage.begin(fault.seconds)
        if fault.kind == "delay":
            return replace(reply, fault=fault, delivery=Delivery(pause=fault.seconds if fault.after else 0.0))
        return content(fault)

    def recover(self) -> None:
        """The certificate is the first one again, a takeover is over, and collections show what there is."""
        self.tls = self._own_tls
        self.outage.end()
        self.filer.rest.sight.clear()

    def finish_request(self, request: Any, client_address: Any) -> None:
        """Serve one connection, in its own thread: a slow handshake holds up nobody else."""
        request.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        with self.place.limit.held(client_address[0]):
            self.outage.wait()
            if self.tls is None:
                with self.outage.watching(request):
                    Connection(request, client_address, self)
                return
            request.settimeout(HANDSHAKE_SECONDS)
            with self.tls.wrap_socket(request, server_side=True) as secured, self.outage.watching(secured):
                Connection(secured, client_address, self)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that is gone or speaks no TLS is no trouble; anything else is a bug and is shown."""
        if not isinstance(sys.exc_info()[1], OSError):
            super().handle_error(request, client_address)


class Connection(BaseHTTPRequestHandler):
    """One client's connection, and the requests that come over it."""

    protocol_version = "HTTP/1.1"
    timeout = IDLE_SECONDS
    server: Server

    def setup(self) -> None:
        """Number the connection."""
        super().setup()
        self.number = next(self.server.connections)

    def do_POST(self) -> None:
        """A ZAPI call, or something new over REST."""
        if self._is_rest():
            self._rest()
            return
        started, clock = time.time(), time.monotonic()
        body, problem = self._body()
        account = self._account()
        if problem is not None:
            reply = problem
        elif not self._is_zapi():
            reply = Reply(HTTPStatus.NOT_FOUND, b"<html><body>404 Not Found</body></html>")
        elif account is None:
            reply = _unauthorized()
        else:
            reply = self.server.reply(body, account, lambda seconds: patient(self.connection, seconds))
        self._finish(reply, account, started, clock)

    def do_PATCH(self) -> None:
        """A change over REST."""
        self._rest()

    def do_DELETE(self) -> None:
        """A removal over REST."""
        self._rest()

    def _is_zapi(self) -> bool:
        return self.path == URL and self.server.filer.zapi != "off"

    def _is_rest(self) -> bool:
        return self.path.lstrip("/").partition("?")[0].split("/")[0] == API.strip("/")

    def _rest(self) -> None:
        """A request of REST; one without a body has no length either."""
        started, clock = time.time(), time.monotonic()
        has_body = {"Content-Length", "Transfer-Encoding"} & set(self.headers)
        body, problem = self._body() if has_body else (b"", None)
        account = self._account("http")
        path, _, query = self.path.partition("?")
        if problem is not None:
            reply = problem
        elif not self._is_rest() or not self.server.filer.serving.rest:
            reply = Reply(HTTPStatus.NOT_FOUND, b"<html><body>404 Not Found</body></html>")
        elif account is None:
            reply = replace(_unauthorized(), body=UNAUTHORIZED, content_type=HAL)
        else:
            accept, svm = self.headers.get("Accept", HAL), self.headers.get("X-Dot-SVM-Name", "")
            inner = "/" + "/".join(part for part in path.split("/") if part).partition("/")[2]
            request = Request(self.command, inner, query, body, accept, svm)
            reply = self.server.rest_reply(request, account, lambda seconds: patient(self.connection, seconds))
        self._finish(reply, account, started, clock)

    def do_GET(self) -> None:
        """REST's; else there is nothing to get here: the ZAPI URL says so in its own way (a recorded answer), any
        other does not exist.
        """
        if self._is_rest():
            self._rest()
            return
        started, clock = time.time(), time.monotonic()
        account = self._account()
        # A body would be taken for the next request.
        self.close_connection = self.close_connection or "Content-Length" in self.headers
        if not self._is_zapi():
            reply = Reply(HTTPStatus.NOT_FOUND, b"<html><body>404 Not Found</body></html>")
        elif account is None:
            reply = _unauthorized()
        else:
            refused = documents.failed("Not_Allowed", "Only POST is allowed", self.server.filer.ontapi)
            reply = Reply(HTTPStatus.OK, refused, XML)
        self._finish(reply, account, started, clock)

    def _body(self) -> tuple[bytes, Reply | None]:
        """The request's body, or why there is none; then the connection cannot go on."""
        if self.headers.get("Transfer-Encoding", "").lower() == "chunked":
            try:
                return chunks.read(self.rfile, LARGEST_BODY), None
            except chunks.ChunkError as error:
                self.close_connection = True
                return b"", Reply(HTTPStatus.BAD_REQUEST, str(error).encode())
        length = self.headers.get("Content-Length", "")
        if not (length.isascii() and length.isdecimal()):
            self.close_connection = True
            return b"", Reply(HTTPStatus.LENGTH_REQUIRED)
        if int(length) > LARGEST_BODY:
            self.close_connection = True
            return b"", Reply(HTTPStatus.REQUEST_ENTITY_TOO_LARGE)
        body = self.rfile.read(int(length))
        if len(body) < int(length):
            raise ConnectionResetError("the request ended early")
        return body, None

    def _account(self, application: str = "ontapi") -> str | None:
        """The account that a request is from, if this address accepts it."""
        name = self._login(application)
        account = self.server.filer.state.accounts.get((name,)) if name is not None else None
        return name if account is None or self.server.place.lets_in(account) else None

    def _login(self, application: str) -> str | None:
        """The account, by Basic authentication, else by the client certificate's common name."""
        scheme, _, credentials = self.headers.get("Authorization", "").partition(" ")
        if scheme.lower() == "basic":
            try:
                name, _, password = base64.b64decode(credentials, validate=True).decode().partition(":")
            except (binascii.Error, UnicodeDecodeError):
                return None
            return name if self.server.filer.authenticate(name, password, application) else None
        if isinstance(self.connection, ssl.SSLSocket):
            subject: Any = (self.connection.getpeercert() or {}).get("subject", ())
            names = [value for part in subject for key, value in part if key == "commonName"]
            return names[0] if names and self.server.filer.knows(names[0], application) else None
        return None

    def _finish(self, reply: Reply, account: str | None, started: float, clock: float) -> None:
        """Log the request, then answer it with one send."""
        answer = reply.answer
        self.server.log.write(
            Logged(
                time=started,
                connection=self.number,
                peer="{}:{}".format(*self.client_address[:2]),
                account=account,
                http=int(reply.status),
                api=answer.api if answer else None,
                vserver=answer.vserver if answer else None,
                arguments=answer.arguments if answer else "",
                status=answer.status if answer else None,
                errno=answer.errno if answer else None,
                seconds=round(time.monotonic() - clock, 6),
                fault=reply.fault.kind if reply.fault else None,
            )
        )
        headers = {
            "Server": "libzapid-httpd",
            "Date": self.date_time_string(),
            "Content-Type": reply.content_type,
            "Content-Length": str(len(reply.body)),
            "Connection": "close" if self.close_connection else "keep-alive",
            **reply.headers,
        }
        head = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
        status = f"{self.protocol_version} {int(reply.status)} {reply.status.phrase}\r\n"
        reply.delivery.carry(f"{status}{head}\r\n".encode("latin-1") + reply.body, self.connection)

    def log_message(self, format: str, *args: Any) -> None:
        """Nothing on stderr: requests.jsonl is the log."""


def _acts(fault: Fault | None, wait: Wait) -> bool:
    """Whether the filer is asked at all; a delay comes first, and it is not if the client leaves meanwhile."""
    return fault is None or fault.is_carried_out or (fault.kind == "delay" and wait(fault.seconds))


def _unauthorized() -> Reply:
    """Without the challenge, netapp-lib and libstoragemgmt would never send their password."""
    challenge = {"WWW-Authenticate": 'Basic realm="Administrator"'}
    return Reply(HTTPStatus.UNAUTHORIZED, b"<html><body>401 Unauthorized</body></html>", headers=challenge)
