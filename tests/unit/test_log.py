"""What may not be logged."""

from __future__ import annotations

import pytest
from oslo_utils import strutils

from dataontap import log


def test_each_name_of_a_password_is_suspicious() -> None:
    """As far as this version of the library knows any."""
    names = strutils._SANITIZE_KEYS
    assert len(names) > 10
    assert [name for name in names if not any(word in name.lower() for word in log.SUSPICIOUS)] == []


@pytest.mark.parametrize(
    ("text", "masked"),
    [
        ("chappassword = abc", "chappassword = ***"),
        ("run --Admin_Pass 'abc' now", "run --Admin_Pass '***' now"),
        ("mapping it to ganeti-node1", "mapping it to ganeti-node1"),
        ("the filer said: hunter2", "the filer said: ***"),
    ],
)
def test_mask(text: str, masked: str) -> None:
    assert log.mask(text, ["hunter2"]) == masked
