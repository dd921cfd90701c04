"""The control socket of a running simulator: faults are armed here while it runs.

    python3 -m tests.simulator.control --state DIR arm --kind reset --api lun-map --after
    python3 -m tests.simulator.control --state DIR list | clear | kinds
    python3 -m tests.simulator.control --state DIR login | logout VSERVER INITIATOR
    python3 -m tests.simulator.control --state DIR switchover | switchback
    python3 -m tests.simulator.control --state DIR serve zapi=suspended rest=false job_seconds=2

STATE/control is a unix socket. A request is a line of JSON, and so is its answer. There are {"do": "arm", "kind":
...} with the fields of faults.Fault, {"do": "list"} and {"do": "clear"}. An answer is {"faults": [{"fault": {...},
"struck": N}, ...]}, where N is how often that one did; or {"error": TEXT}. {"do": "login", "vserver": ...,
"initiator": ...} and "logout" say who is logged in, because no SAN tells this filer. {"do": "serve", ...} changes
fields of filer.Serving; "switchover" and "switchback" are MetroCluster's. These two, and a takeover or a giveback
(``taken_over``), reset every connection.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import socket
import socketserver
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

if __name__ == "__main__":
    # Not this directory, whose modules are no top-level ones, but the repository.
    sys.path[0] = str(Path(__file__).resolve().parents[2])

from tests.simulator.faults import KINDS, Fault
from tests.simulator.server import Server

NAME = "control"
SECONDS = 10


class ControlError(Exception):
    """The simulator would not do it; the text says why."""


class Control:
    """The client's side, for the simulator whose state directory this is."""

    def __init__(self, state: Path) -> None:
        self._state = state

    def arm(self, fault: Fault) -> None:
        """From the next call on."""
        self._ask({"do": "arm", **fault.to_json()})

    def armed(self) -> list[tuple[Fault, int]]:
        """What is armed, with how often it struck."""
        return self._ask({"do": "list"})

    def clear(self) -> list[tuple[Fault, int]]:
        """All is well again: no fault, the first certificate, no takeover. Returns what was armed."""
        return self._ask({"do": "clear"})

    def log_in(self, vserver: str, initiator: str) -> None:
        """An initiator is logged in to a vserver from now on."""
        self._ask({"do": "login", "vserver": vserver, "initiator": initiator})

    def log_out(self, vserver: str, initiator: str) -> None:
        """It is not any more."""
        self._ask({"do": "logout", "vserver": vserver, "initiator": initiator})

    def serve(self, **changes: Any) -> None:
        """The filer serves otherwise from now on: see filer.Serving."""
        self._ask({"do": "serve", **changes})

    def switch_over(self, *, back: bool = False) -> None:
        """MetroCluster's switchover, or switchback."""
        self._ask({"do": "switchback" if back else "switchover"})

    @contextlib.contextmanager
    def armed_with(self, *faults: Fault) -> Iterator[None]:
        """These faults, meanwhile."""
        for fault in faults:
            self.arm(fault)
        try:
            yield
        finally:
            self.clear()

    def _ask(self, request: dict[str, Any]) -> list[tuple[Fault, int]]:
        with _short(self._state) as path, socket.socket(socket.AF_UNIX) as connection:
            connection.settimeout(SECONDS)
            connection.connect(path)
            with connection.makefile("rw", encoding="utf-8") as stream:
                print(json.dumps(request), file=stream, flush=True)
                answer = json.loads(stream.readline())
        if "error" in answer:
            raise ControlError(answer["error"])
        return [(Fault.from_json(entry["fault"]), entry["struck"]) for entry in answer["faults"]]


class _Requests(socketserver.StreamRequestHandler):
    """One client's requests."""

    server: ControlServer

    def handle(self) -> None:
        """Answer each line."""
        for line in self.rfile:
            try:
                found = self.server.carry_out(json.loads(line))
                faults = [{"fault": fault.to_json(), "struck": struck} for fault, struck in found]
                answer: dict[str, Any] = {"faults": faults}
            except ValueError as error:  # JSON's own is one, too
                answer = {"error": str(error)}
            self.wfile.write(json.dumps(answer).encode() + b"\n")


class ControlServer(socketserver.ThreadingUnixStreamServer):
    """Listens beside ``filer``; use it as a context manager."""

    daemon_threads = True

    def __init__(self, state: Path, filer: Server) -> None:
        self._filer = filer
        (state / NAME).unlink(missing_ok=True)  # of a simulator that was killed
        with _short(state) as path:
            super().__init__(path, _Requests)
        threading.Thread(target=self.serve_forever, kwargs={"poll_interval": 0.1}, daemon=True).start()

    def carry_out(self, request: object) -> list[tuple[Fault, int]]:
        """Do what a request says; a ValueError says what is wrong with it."""
        if not isinstance(request, dict):
            raise ValueError("a request is an object")
        do = request.pop("do", None)
        if do == "arm":
            self._filer.faults.arm(Fault.from_json(request))
        elif do == "clear":
            self._filer.recover()
            return self._filer.faults.clear()
        elif do in {"login", "logout"}:
            self._change_session(do, request)
        elif do == "serve":
            self._serve(request)
        elif do in {"switchover", "switchback"}:
            self._filer.filer.switch_over(back=do == "switchback")
            self._filer.outage.begin(0.0)
        elif do != "list":
            raise ValueError(
                f"do {do!r}: there are arm, list, clear, login, logout, serve, switchover, switchback"
            )
        return self._filer.faults.armed()

    def _serve(self, changes: dict[str, Any]) -> None:
        filer = self._filer.filer
        before = filer.serving.taken_over
        filer.serve(**changes)
        if filer.serving.taken_over != before:
            self._filer.outage.begin(0.0)

    def _change_session(self, do: str, request: dict[str, Any]) -> None:
        vserver, initiator = str(request.get("vserver", "")), str(request.get("initiator", ""))
        if not (vserver and initiator):
            raise ValueError(f"{do} takes a vserver and an initiator")
        filer = self._filer.filer
        change = filer.log_in if do == "login" else filer.log_out
        change(vserver, initiator)

    def __exit__(self, *_: object) -> None:
        self.shutdown()
        self.server_close()


@contextlib.contextmanager
def _short(state: Path) -> Iterator[str]:
    """The socket's path by way of an open directory: a socket's address has room for 107 characters only."""
    directory = os.open(state, os.O_PATH | os.O_DIRECTORY)
    try:
        yield f"/proc/self/fd/{directory}/{NAME}"
    finally:
        os.close(directory)


def _change(text: str) -> tuple[str, Any]:
    name, equals, value = text.partition("=")
    if not equals:
        raise argparse.ArgumentTypeError(f"{text!r} is not FIELD=VALUE")
    try:
        return name, json.loads(value)
    except ValueError:
        return name, value


def _arguments(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python3 -m tests.simulator.control", description="Arm faults.")
    parser.add_argument("--state", type=Path, required=True, metavar="DIR", help="the simulator's")
    verbs = parser.add_subparsers(dest="do", required=True)
    verbs.add_parser("list", help="what is armed, and how often it struck")
    verbs.add_parser("clear", help="all is well again")
    verbs.add_parser("kinds", help="what there is")
    for name, about in (("login", "an initiator is logged in"), ("logout", "it is not any more")):
        session = verbs.add_parser(name, help=about)
        session.add_argument("vserver", metavar="VSERVER")
        session.add_argument("initiator", metavar="INITIATOR")
    verbs.add_parser("switchover", help="MetroCluster's: vservers are called NAME-mc")
    verbs.add_parser("switchback", help="and back")
    serve = verbs.add_parser("serve", help="what the filer serves from now on; VALUE is JSON, or a text")
    serve.add_argument("changes", nargs="+", type=_change, metavar="FIELD=VALUE")
    arm = verbs.add_parser("arm", help="from the next call on")
    arm.add_argument("--kind", required=True, choices=list(KINDS))
    arm.add_argument("--api", help="any, unless given")
    arm.add_argument("--nth", type=int, default=1, metavar="N", help="the first call that it befalls")
    arm.add_argument("--times", type=int, default=1, metavar="N", help="how many; 0: all from then on")
    arm.add_argument("--after", action="store_true", help="the filer carries the call out all the same")
    texts = dict.fromkeys(("errno", "reason", "certificate", "volume"), str)
    for name, read in {"seconds": float, "status": int, **texts}.items():
        arm.add_argument(f"--{name}", type=read, default=argparse.SUPPRESS)
    return parser.parse_args(arguments)


def main(arguments: list[str] | None = None) -> None:
    """Do one thing, and print the faults that it is about, a line each."""
    options = vars(_arguments(arguments))
    control, do = Control(options.pop("state")), options.pop("do")
    if do == "kinds":
        print("\n".join(f"{name:13} {about}" for name, about in KINDS.items()))
        return
    try:
        if do in {"login", "logout"}:
            change = control.log_in if do == "login" else control.log_out
            change(options["vserver"], options["initiator"])
            return
        if do in {"switchover", "switchback"}:
            control.switch_over(back=do == "switchback")
            return
        if do == "serve":
            control.serve(**dict(options["changes"]))
            return
        if do == "arm":
            options["times"] = options["times"] or None
            control.arm(Fault.from_json(options))
        for fault, struck in control.clear() if do == "clear" else control.armed():
            print(json.dumps({**fault.to_json(), "struck": struck}))
    except (ControlError, ValueError, OSError) as error:
        raise SystemExit(f"control: {error}") from None


if __name__ == "__main__":
    main()
