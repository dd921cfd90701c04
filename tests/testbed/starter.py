"""Programs of the product without the time that Python and the libraries take to start; see prefork.py."""

from __future__ import annotations

import atexit
import json
import subprocess
import threading
from collections.abc import Mapping
from functools import cache
from types import TracebackType
from typing import Any

from tests.testbed.product import PATH, PYTHON, ROOT, Product


class Starter:
    """Runs programs of ``product``, one after the other, each in the namespaces of a node. A context manager."""

    def __init__(self, product: Product) -> None:
        self._lock = threading.Lock()
        self._child = subprocess.Popen(
            [PYTHON, str(ROOT / "tests/testbed/prefork.py")],
            env={"PATH": PATH, "PYTHONPATH": str(product.library), "LC_ALL": "C"},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            start_new_session=True,  # Ctrl-C is for us, who then close it in good order
        )

    def __enter__(self) -> Starter:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """End it."""
        self._child.communicate()

    def ask(self, request: Mapping[str, object]) -> dict[str, Any]:
        """The answer to a request, when no other one is under way."""
        with self._lock:
            return self._answer(request)

    def ask_if_idle(self, request: Mapping[str, object]) -> dict[str, Any] | None:
        """The same; None if another request is under way."""
        if not self._lock.acquire(blocking=False):
            return None
        try:
            return self._answer(request)
        finally:
            self._lock.release()

    def _answer(self, request: Mapping[str, object]) -> dict[str, Any]:
        assert self._child.stdin is not None
        assert self._child.stdout is not None
        print(json.dumps(request), file=self._child.stdin, flush=True)
        answer: dict[str, Any] = json.loads(self._child.stdout.readline())
        return answer


@cache
def starter(product: Product) -> Starter:
    """The one that all nodes with this product share in this process."""
    shared = Starter(product)
    atexit.register(shared.close)
    return shared
