"""Runs scripts in a node by its stopwatch, alone or in pairs with a bare interpreter."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import TracebackType

from tests.testbed.node import Node
from tests.testbed.product import PATH, PYTHON, ROOT, Product

BARE = (PYTHON, "-I", "-c", "pass")


@dataclass(frozen=True)
class Timed:
    """How a program ended, and what it took."""

    status: int
    seconds: float
    cpu: float
    peak_kib: int
    stdout: str
    stderr: str


@dataclass(frozen=True)
class Pair:
    """A script, and a bare interpreter directly before or after it."""

    script: Timed
    bare: Timed

    @property
    def ratio(self) -> float:
        """How many bare interpreters the script took."""
        return self.script.seconds / self.bare.seconds


class Stopwatch:
    """Starts ``product``'s scripts on ``node``, which has these ``options``; use it as a context manager."""

    def __init__(self, node: Node, product: Product, options: Mapping[str, object]) -> None:
        self.node = node
        self.product = product
        self.options = options
        self._child: subprocess.Popen[str] | None = None
        self._script_comes_first = False

    def __enter__(self) -> Stopwatch:
        program = str(ROOT / "tests/bench/stopwatch.py")
        self._child = self.node.run(PYTHON, "-I", "-S", program, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._child is not None:
            self._child.communicate()

    def run(self, argv: Sequence[str], variables: Mapping[str, str]) -> Timed:
        """Run a program, with what is in a script's environment in the test-bed."""
        assert self._child is not None
        assert self._child.stdin is not None
        assert self._child.stdout is not None
        environ = {"PATH": PATH, "LC_ALL": "C", "PYTHONPATH": str(self.product.library), **variables}
        print(json.dumps({"argv": argv, "environ": environ}), file=self._child.stdin, flush=True)
        return Timed(**json.loads(self._child.stdout.readline()))

    def script(self, verb: str, variables: Mapping[str, str], *before: str) -> Timed:
        """Run a script, by way of the program ``before`` if there is one; raises RuntimeError when it fails."""
        timed = self.run([*before, str(self.product.scripts / verb)], variables)
        if timed.status != 0:
            raise RuntimeError(f"{verb} {variables['VOL_NAME']}: exit status {timed.status}: {timed.stderr}")
        return timed

    def pair(self, verb: str, variables: Mapping[str, str]) -> Pair:
        """Run a script and a bare interpreter, in turns the one and the other first."""
        self._script_comes_first = not self._script_comes_first
        if self._script_comes_first:
            return Pair(self.script(verb, variables), self.run(BARE, variables))
        bare = self.run(BARE, variables)
        return Pair(self.script(verb, variables), bare)
