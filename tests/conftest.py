"""For all levels: a test run that is told to stop takes down what it has put up."""

from __future__ import annotations

import signal

import pytest


def pytest_addoption(parser: pytest.Parser) -> None:
    """Which product is tested."""
    parser.addoption("--packaged", action="store_true", help="test what the Debian package has installed here")


def pytest_configure() -> None:
    """SIGTERM ends the run as Ctrl-C does, fixtures and all."""
    signal.signal(signal.SIGTERM, lambda *_: pytest.exit("stopped by SIGTERM"))
