"""What this process changed on the filer a moment ago, which lists may not show yet.

After a success a list may lack a new object, or show a former state, for up to 30 s (seen by Trident, Ansible
and the plug-ins for Proxmox). So a list that contradicts our own success is read again.
"""

from __future__ import annotations

import time
from collections.abc import Collection
from typing import Callable

# Trident's limit. The longest delay that was reported is shorter.
STALE_SECONDS = 30.0
# After a lost answer it is not known whether the change was made. So a list is believed after fewer seconds: a
# request that is repeated gets an answer that is not stale.
DOUBT_SECONDS = 5.0

# A kind of object, and its names: ("lun", PATH), ("igroup", NAME), ("map", PATH, IGROUP), ("member", IGROUP,
# INITIATOR).
Fact = tuple[str, ...]


class Recent:
    """Facts that this process knows better than lists. ``clock`` is in seconds."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._facts: dict[Fact, tuple[bool, float]] = {}

    def note(self, fact: Fact, is_so: bool, seconds: float = STALE_SECONDS) -> None:
        """Something was made, or removed (not ``is_so``), just now."""
        self._facts[fact] = (is_so, self._clock() + seconds)

    def is_made(self, fact: Fact) -> bool:
        """Whether this process made it, so recently that the filer may not find it yet."""
        is_so, until = self._facts.get(fact, (False, 0.0))
        return is_so and self._clock() < until

    def contradicts(self, shown: Collection[Fact], asked: Callable[[Fact], bool]) -> bool:
        """Whether a list that ``shown`` facts came from is older than a fact that was ``asked`` for.

        A fact that a list confirms is forgotten: from then on another machine may have changed it.
        """
        now = self._clock()
        for fact, (is_so, until) in list(self._facts.items()):
            if not asked(fact):
                continue
            if now >= until or (fact in shown) == is_so:
                del self._facts[fact]
            else:
                return True
        return False
