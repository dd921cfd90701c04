"""A node's scripts and hooks without the time that Python and the libraries take to start; see prefork.py."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Mapping
from types import TracebackType

from tests.testbed.node import PATH, PYTHON, Node, Outcome
from tests.testbed.product import ROOT, Product


class Quick:
    """Runs programs of the product on ``node``, one after the other; use it as a context manager."""

    def __init__(self, node: Node, product: Product) -> None:
        self._node = node
        self._product = product
        self._child: subprocess.Popen[str] | None = None

    def __enter__(self) -> Quick:
        self._child = self._node.run(
            PYTHON,
            str(ROOT / "tests/testbed/prefork.py"),
            environ={"PYTHONPATH": str(self._product.library), "LC_ALL": "C"},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._child is not None:
            self._child.communicate()

    def script(self, verb: str, *arguments: str, **variables: str) -> Outcome:
        """Run one of the provider's scripts as Ganeti would."""
        program = str(self._product.scripts / verb)
        return self._run({"program": program}, arguments, {"LC_ALL": "C", **variables})

    def hook(self, name: str, environ: Mapping[str, str]) -> Outcome:
        """Run one of the hooks in this environment."""
        return self._run({"program": str(self._product.hooks / name)}, (), environ)

    def fabric(self, verb: str, *arguments: str) -> None:
        """Run the fabric on this node: attach, detach or clear."""
        _, program, *command = self._node.fabric_command(verb)
        outcome = self._run({"program": program}, (*command, *arguments), {"LC_ALL": "C", "PATH": PATH})
        if outcome.status != 0:
            raise RuntimeError(f"fabric {verb} failed on {self._node.name}: {outcome.stderr}")

    def module(self, name: str, *arguments: str) -> Outcome:
        """Run a module of the library, as ``python3 -m`` does."""
        return self._run({"module": name}, arguments, {"LC_ALL": "C"})

    def _run(self, what: Mapping[str, str], arguments: tuple[str, ...], environ: Mapping[str, str]) -> Outcome:
        assert self._child is not None
        assert self._child.stdin is not None
        assert self._child.stdout is not None
        request = {**what, "arguments": arguments, "environ": {"PATH": "/usr/bin:/bin", **environ}}
        print(json.dumps(request), file=self._child.stdin, flush=True)
        answer = json.loads(self._child.stdout.readline())
        return Outcome(answer["status"], answer["stdout"], answer["stderr"], answer["seconds"])
