"""For all levels: a test run that is told to stop takes down what it has put up."""

from __future__ import annotations

import signal

import pytest

from tests.testbed.node import Node


def pytest_addoption(parser: pytest.Parser) -> None:
    """Which product is tested."""
    parser.addoption("--packaged", action="store_true", help="test what the Debian package has installed here")
    parser.addoption("--api", choices=("rest", "zapi"), default="rest", help="what the nodes speak to the filer")
    parser.addoption("--protocol", choices=("iscsi", "fc"), default="iscsi", help="how guests reach its LUNs")


def pytest_configure(config: pytest.Config) -> None:
    """SIGTERM ends the run as Ctrl-C does, fixtures and all."""
    Node.api = config.getoption("--api")
    signal.signal(signal.SIGTERM, lambda *_: pytest.exit("stopped by SIGTERM"))
