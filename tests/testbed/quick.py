"""A node's scripts and hooks without the time that Python and the libraries take to start; see prefork.py."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tests.testbed.node import Node, Outcome
from tests.testbed.product import PATH, Product
from tests.testbed.starter import Starter


class Quick:
    """Runs programs of the product on ``node`` by ``starter``."""

    def __init__(self, node: Node, product: Product, starter: Starter) -> None:
        self._node = node
        self._product = product
        self._starter = starter
        self._watch: dict[str, object] = {}
        self.points: list[str] = []  # that the last program passed that was watched

    def watch(self, *wanted: str | int) -> None:
        """Note the points of the next program, or kill it at one: its label, which one of these, the moment."""
        self._watch = {"watch": wanted or None}

    def settle(self) -> None:
        """Wait for the end of what killed programs had started."""
        self._ask({"settle": True})

    def script(self, verb: str, *arguments: str, **variables: str) -> Outcome:
        """Run one of the provider's scripts as Ganeti would."""
        program = str(self._product.scripts / verb)
        return self._run({"program": program}, arguments, {"LC_ALL": "C", **variables})

    def hook(self, name: str, environ: Mapping[str, str], *arguments: str) -> Outcome:
        """Run one of the hooks in this environment."""
        return self._run({"program": str(self._product.hooks / name)}, arguments, environ)

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
        watch, self._watch = self._watch, {}
        environ = {"PATH": "/usr/bin:/bin", **environ}
        answer = self._ask({**what, **watch, "arguments": arguments, "environ": environ})
        if watch:
            self.points = answer["points"].splitlines()
        return Outcome(answer["status"], answer["stdout"], answer["stderr"], answer["seconds"])

    def _ask(self, request: Mapping[str, object]) -> dict[str, Any]:
        return self._starter.ask({**request, "node": self._node.pid})
