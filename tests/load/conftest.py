"""How much is tried: the same few examples each time, or with --hypothesis-profile=explore new and many ones."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, Phase, settings

from tests.testbed import product
from tests.testbed.product import Product

_SLOW = [HealthCheck.too_slow, HealthCheck.filter_too_much]
settings.register_profile(
    "load",
    max_examples=12,
    stateful_step_count=18,
    deadline=None,
    derandomize=True,
    suppress_health_check=_SLOW,
    # Shrinking costs minutes, and a failure is found again with the same examples.
    phases=(Phase.explicit, Phase.generate),
)
settings.register_profile(
    "explore",
    max_examples=500,
    stateful_step_count=50,
    deadline=None,
    suppress_health_check=_SLOW,
    print_blob=True,
)
settings.load_profile("load")


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Show what the tests measured, wherever they ran."""
    for report in terminalreporter.getreports("passed"):
        for _, measured in report.user_properties:
            terminalreporter.write_line(str(measured))


@pytest.fixture(scope="session")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Product:
    """The product, installed by setup.py."""
    return product.install(tmp_path_factory.mktemp("product") / "installed")
