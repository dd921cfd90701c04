"""The simulator, the nodes and a model of both agree, whatever verbs come in whatever order under whatever faults.

The nodes speak REST, or ZAPI with ``--api zapi``. The examples are the same each time; ``pytest tests/load
--hypothesis-profile=explore`` tries others, for long.
"""

from __future__ import annotations

from pathlib import Path
from typing import Callable

import pytest
from hypothesis import seed, settings
from hypothesis.stateful import run_state_machine_as_test

from tests.load.machine import machine
from tests.load.site import Site
from tests.testbed.product import Product


@pytest.mark.parametrize("number", [1, 2])  # at the same time
def test_filer_nodes_and_model_agree(
    tmp_path: Path, installed: Product, record_property: Callable[[str, object], None], number: int
) -> None:
    with Site(tmp_path, installed) as site:
        examples = machine(site)
        if settings().derandomize:  # then both halves would have the same ones
            examples = seed(number)(examples)
        run_state_machine_as_test(examples, settings=settings())
        requests = site.simulator.requests()
    faults = sum(1 for request in requests if request.fault)
    told = f"{len(requests)} requests, {faults} of them under a fault, {site.failures} verbs failed by one"
    record_property("measured", told)
    assert faults > 15, "the examples hold what they are for"
    assert site.failures > 5
