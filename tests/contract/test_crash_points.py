"""The crash sweep's kills are exact: what is before the point is done, and what is after it is not."""

from __future__ import annotations

import http.server
import json
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.testbed.crash import AFTER, BEFORE, DURING
from tests.testbed.node import soon
from tests.testbed.product import ROOT

# What the product does, in a few lines; "ran" is made by a program that does not end before its input does.
PROGRAM = """
import fcntl, http.client, json, os, subprocess, sys
from pathlib import Path
from tests.testbed.crash import Watch

place, port, wanted = Path(sys.argv[1]), int(sys.argv[2]), json.loads(sys.argv[3])
watch = Watch(1, wanted, {str(place): ""})
watch.begin()
Path(f"{place}/made").mkdir(exist_ok=True)
Path(f"{place}/made").mkdir(exist_ok=True)
with open(f"{place}/made/.new", "w") as file:
    file.write("whole")
Path(f"{place}/made/.new").replace(f"{place}/made/file")
with open(f"{place}/made/file") as file:
    fcntl.flock(file, fcntl.LOCK_EX)
Path("/dev/null").read_text()
connection = http.client.HTTPConnection("127.0.0.1", port)
connection.request("POST", "/asked", body=b"a body")
connection.getresponse().read()
child = subprocess.Popen(["sh", "-c", "read line; echo ran >ran"], cwd=place, stdin=subprocess.PIPE)
child.stdin.close()
child.wait()
Path(f"{place}/made/file").unlink()
watch.end()
"""
POINTS = [
    "mkdir made",
    "open made/.*",
    "rename made/*",
    "lock made/*",
    "request",
    "run sh",
    "remove made/*",
    "end",
]


class Server(http.server.ThreadingHTTPServer):
    """Counts requests whose body has come."""

    asked = 0


class Handler(http.server.BaseHTTPRequestHandler):
    server: Server

    def do_POST(self) -> None:
        if self.rfile.read(int(self.headers["Content-Length"])) == b"a body":
            self.server.asked += 1
        self.send_response(204)
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:
        return


@pytest.fixture
def server() -> Iterator[Server]:
    with Server(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def run(place: Path, server: Server, *wanted: object) -> tuple[int, list[str]]:
    """The exit status, and the points that were passed."""
    command = [sys.executable, "-c", PROGRAM, str(place), str(server.server_port), json.dumps(wanted or None)]
    done = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, text=True, check=False)
    return done.returncode, done.stdout.splitlines()


def test_every_point_is_listed_once(tmp_path: Path, server: Server) -> None:
    """And what changes nothing is none."""
    assert run(tmp_path, server) == (0, POINTS)


@pytest.mark.parametrize(
    ("point", "moment", "there"),
    [
        ("mkdir made", BEFORE, set()),
        ("mkdir made", AFTER, {"made"}),
        ("open made/.*", BEFORE, {"made"}),
        ("open made/.*", AFTER, {"made", "made/.new"}),
        ("rename made/*", BEFORE, {"made", "made/.new: whole"}),
        ("rename made/*", AFTER, {"made", "made/file: whole"}),
        ("lock made/*", AFTER, {"made", "made/file: whole"}),
        ("request", BEFORE, {"made", "made/file: whole"}),
        ("request", AFTER, {"made", "made/file: whole", "asked"}),
        ("run sh", BEFORE, {"made", "made/file: whole", "asked"}),
        ("run sh", AFTER, {"made", "made/file: whole", "asked", "ran: ran\n"}),
        ("remove made/*", BEFORE, {"made", "made/file: whole", "asked", "ran: ran\n"}),
        ("remove made/*", AFTER, {"made", "asked", "ran: ran\n"}),
        ("end", BEFORE, {"made", "asked", "ran: ran\n"}),
    ],
)
def test_a_kill_is_where_it_is_wanted(
    tmp_path: Path, server: Server, point: str, moment: str, there: set[str]
) -> None:
    assert run(tmp_path, server, point, 1, moment) == (-signal.SIGKILL, POINTS[: POINTS.index(point) + 1])
    assert seen(tmp_path, server) == there


def test_a_program_goes_on_without_the_killed_one(tmp_path: Path, server: Server) -> None:
    status, _ = run(tmp_path, server, "run sh", 1, DURING)
    assert status == -signal.SIGKILL
    assert soon(lambda: "ran: ran\n" in seen(tmp_path, server))


def test_the_second_one_of_a_kind(tmp_path: Path, server: Server) -> None:
    assert run(tmp_path, server, "mkdir made", 2, BEFORE) == (0, POINTS)


def seen(place: Path, server: Server) -> set[str]:
    """What others see of the program's work."""
    files = {
        f"{file.relative_to(place)}{file.is_file() and file.stat().st_size and f': {file.read_text()}' or ''}"
        for file in place.rglob("*")
    }
    return files | ({"asked"} if server.asked else set())
