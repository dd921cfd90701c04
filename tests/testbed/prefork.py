"""Runs the provider's programs without their start-up: a process that has imported everything forks for each.

A program of its own, because it needs the system's Python and the node's namespace. A request is a line of JSON,
{"program": PATH, "arguments": [...], "environ": {...}} or {"module": NAME, ...}; so is the answer: {"status": N,
"stdout": TEXT, "stderr": TEXT, "seconds": N}. The child is a process as any script's is, but for its birth.
"""

from __future__ import annotations

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
# The fabric's, which is run at every attach and detach of the test-bed.
FABRIC = ("tests.simulator.links", "tests.simulator.replay")
REPOSITORY = str(pathlib.Path(__file__).resolve().parents[2])


def warm_up() -> None:
    """Import all that a script may."""
    import dataontap

    ours = [module.name for module in pkgutil.walk_packages(dataontap.__path__, "dataontap.")]
    for name in (*LIBRARIES, *MORE, *ours):
        importlib.import_module(name)
    sys.path.insert(0, REPOSITORY)
    for name in FABRIC:
        importlib.import_module(name)
    sys.path.remove(REPOSITORY)  # the product is not to find its modules there


def be(request: dict[str, Any], stdout: IO[bytes], stderr: IO[bytes]) -> NoReturn:
    """Be the program, in the child."""
    status: object = 1
    try:
        os.setsid()
        null = os.open(os.devnull, os.O_RDONLY)
        for descriptor, number in ((null, 0), (stdout.fileno(), 1), (stderr.fileno(), 2)):
            os.dup2(descriptor, number)
        os.chdir("/")
        os.environ.clear()
        os.environ.update(request["environ"])
        name = request.get("program") or request["module"]
        sys.argv = [name, *request["arguments"]]
        (runpy.run_path if "program" in request else runpy.run_module)(name, run_name="__main__")
        status = 0
    except SystemExit as ending:
        status = ending.code
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(status if isinstance(status, int) else 0 if status is None else 1)


def run(request: dict[str, Any]) -> dict[str, Any]:
    """Run the program and wait for its end."""
    began = time.monotonic()
    with tempfile.TemporaryFile() as stdout, tempfile.TemporaryFile() as stderr:
        child = os.fork()
        if child == 0:
            be(request, stdout, stderr)
        _, status = os.waitpid(child, 0)
        seconds = time.monotonic() - began
        said = [file.seek(0) or file.read().decode("utf-8", "replace") for file in (stdout, stderr)]
    return {"status": os.waitstatus_to_exitcode(status), "stdout": said[0], "stderr": said[1], "seconds": seconds}


def main() -> None:
    """Serve requests until standard input ends."""
    warm_up()
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    for line in sys.stdin:
        print(json.dumps(run(json.loads(line))), file=answers, flush=True)


main()
