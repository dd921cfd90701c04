"""Whether this node's LVM reads a LUN: a guest's volume group on it would become the node's."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from dataontap import literals
from dataontap.host.facts import Facts

_CLOSING = {"(": ")", "[": "]", "{": "}"}
_LISTS = "/etc/lvm/devices"  # the folder of LVM's devices files


class Lvm:
    """LVM on this node; ``facts`` runs its programs."""

    def __init__(self, facts: Facts) -> None:
        self._facts = facts

    def accepts(self, names: Sequence[str]) -> bool:
        """Whether LVM would read a device with these ``names``; CommandError if lvmconfig fails."""
        if not self._facts.has_program("lvmconfig"):
            return False
        said = self._facts.ask("lvmconfig", "--type", "full", "devices")
        listed = _values(said, "devicesfile")
        if _values(said, "use_devicesfile") == ["1"] and listed and self._facts.exists(f"{_LISTS}/{listed[0]}"):
            return False  # LVM reads only the devices that the admin has listed
        return all(passes(_values(said, option), names) for option in ("global_filter", "filter"))


def passes(patterns: Iterable[str], names: Iterable[str]) -> bool:
    """Whether a device with these ``names`` passes a filter, by the rules in lvm.conf.

    For each name the first matching pattern counts. A single accepted name is enough. If no name is accepted, a
    rejected name excludes the device; a name without a matching pattern does not matter.
    """
    compiled = [(pattern[:1], found) for pattern in patterns if (found := _compiled(pattern[1:]))]
    verdicts = [next((kind for kind, found in compiled if found.search(name)), "") for name in names]
    return "a" in verdicts or "r" not in verdicts


def _compiled(delimited: str) -> re.Pattern[str] | None:
    """The expression between delimiters; None if it cannot be parsed: then it matches nothing."""
    opening, closing = delimited[:1], delimited[1:][-1:]
    if not closing or closing != _CLOSING.get(opening, opening):
        return None
    try:
        return literals.compiled(delimited[1:-1])
    except ValueError:
        return None


def _values(said: str, option: str) -> list[str]:
    """An option's value or values in lvmconfig's output, without quotes; none where it is not set."""
    found = re.search(rf"^\s*{option}=(.*)$", said, re.M)
    if found is None:
        return []
    quoted = re.findall(r'"((?:[^"\\]|\\.)*)"', found[1])
    return [re.sub(r"\\(.)", r"\1", text) for text in quoted] or [found[1].strip()]
