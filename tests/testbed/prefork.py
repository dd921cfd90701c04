"""Runs the provider's programs without their start-up: a process that has imported everything forks for each.

A program of its own, because it needs the system's Python. A request is a line of JSON, {"program": PATH,
"arguments": [...], "environ": {...}, "node": PID} or {"module": NAME, ...}; so is the answer: {"status": N,
"stdout": TEXT, "stderr": TEXT, "seconds": N}. The child is a process as any script's is, but for its birth. It has
the mount and UTS namespaces of the process PID.
With {"watch": null, ...} the answer has the "points" that the child passed, a line each; and with {"watch":
[LABEL, N, MOMENT], ...} the child is killed at one of them: see crash.py. What a killed child has started goes on,
and belongs to this process then; {"settle": true} waits for all of that to end.
"""

from __future__ import annotations

import ctypes
import gc
import importlib
import json
import os
import pathlib
import pkgutil
import runpy
import sys
import tempfile
import time
import traceback
from typing import IO, Any, NoReturn

# What the library imports inside its functions.
LIBRARIES = ("http.client", "ssl", "subprocess", "lxml.etree", "six", "oslo_config.cfg", "oslo_log.log")
MORE = ("oslo_log.handlers", "oslo_utils.excutils", "oslo_utils.strutils", "threading", "glob", "queue", "difflib")
# The fabric's, which is run at every attach and detach of the test-bed; and ours.
TESTS = ("tests.simulator.links", "tests.simulator.replay", "tests.testbed.crash")
_LIBC = ctypes.CDLL(None, use_errno=True)
REPOSITORY = str(pathlib.Path(__file__).resolve().parents[2])


def warm_up() -> None:
    """Import all that a script may."""
    import dataontap

    ours = [module.name for module in pkgutil.walk_packages(dataontap.__path__, "dataontap.")]
    for name in (*LIBRARIES, *MORE, *ours):
        importlib.import_module(name)
    sys.path.insert(0, REPOSITORY)
    for name in TESTS:
        importlib.import_module(name)
    sys.path.remove(REPOSITORY)  # the product is not to find its modules there


def enter(process: int) -> None:
    """Enter the namespaces of a node, which ``process`` is in; the current directory is their root then."""
    places = [os.open(f"/proc/{process}/ns/{kind}", os.O_RDONLY) for kind in ("mnt", "uts")]
    for place in places:
        if _LIBC.setns(place, 0) != 0:  # os.setns is there from Python 3.12 on
            raise OSError(ctypes.get_errno(), "setns failed")
        os.close(place)


def be(request: dict[str, Any], stdout: IO[bytes], stderr: IO[bytes], points: IO[bytes]) -> NoReturn:
    """Be the program, in the child."""
    from tests.testbed.crash import Watch

    status: object = 1
    watch = Watch(points.fileno(), request.get("watch"))
    try:
        os.setsid()
        enter(request["node"])
        null = os.open(os.devnull, os.O_RDONLY)
        for descriptor, number in ((null, 0), (stdout.fileno(), 1), (stderr.fileno(), 2)):
            os.dup2(descriptor, number)
        os.chdir("/")
        os.environ.clear()
        os.environ.update(request["environ"])
        name = request.get("program") or request["module"]
        sys.argv = [name, *request["arguments"]]
        if "watch" in request:
            watch.begin()
        (runpy.run_path if "program" in request else runpy.run_module)(name, run_name="__main__")
        status = 0
    except SystemExit as ending:
        status = ending.code
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        if "watch" in request:
            watch.end()
        os._exit(status if isinstance(status, int) else 0 if status is None else 1)


def run(request: dict[str, Any]) -> dict[str, Any]:
    """Run the program and wait for its end."""
    began = time.monotonic()
    with (
        tempfile.TemporaryFile() as stdout,
        tempfile.TemporaryFile() as stderr,
        tempfile.TemporaryFile() as points,
    ):
        child = os.fork()
        if child == 0:
            be(request, stdout, stderr, points)
        _, status = os.waitpid(child, 0)
        seconds = time.monotonic() - began
        files = {"stdout": stdout, "stderr": stderr, "points": points}
        said = {name: file.seek(0) or file.read().decode("utf-8", "replace") for name, file in files.items()}
    return {**said, "status": os.waitstatus_to_exitcode(status), "seconds": seconds}


def main() -> None:
    """Serve requests until standard input ends."""
    warm_up()
    from tests.testbed.crash import adopt_orphans, wait_for_orphans

    adopt_orphans()
    gc.collect()
    gc.freeze()  # else the first collection in each child copies all that is shared
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    for line in sys.stdin:
        request = json.loads(line)
        if "settle" in request:
            wait_for_orphans()
        print(json.dumps({} if "settle" in request else run(request)), file=answers, flush=True)


main()
