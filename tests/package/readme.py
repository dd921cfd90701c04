"""README's commands, as people are to type them: what is indented by four is one."""

from __future__ import annotations

import re

from tests.testbed.product import ROOT


def blocks(chapter: str) -> list[str]:
    """The indented blocks below README's heading ``chapter``, in order."""
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    (body,) = re.findall(rf"^## {re.escape(chapter)}\n(.*?)(?=^## |\Z)", text, re.M | re.S)
    found = re.findall(r"(?:^    .*\n)(?:(?:^    .*)?\n)*", body, re.M)
    return [re.sub("^    ", "", block, flags=re.M).strip() + "\n" for block in found]
