"""The names of initiators and of FC interfaces in one form, so that they can be compared."""

from __future__ import annotations

import re
from collections.abc import Collection

# Filers tell WWPNs in lower or upper case (Cinder); they accept them with and without colons.
_WWPN = re.compile("[0-9a-f]{16}|[0-9a-f]{2}(:[0-9a-f]{2}){7}")


def canonical(name: str) -> str:
    """A name in lower case, and a WWPN with colons: 20:00:00:25:b5:00:00:01."""
    lower = name.lower()
    if not _WWPN.fullmatch(lower):
        return lower
    digits = lower.replace(":", "")
    return ":".join(digits[at : at + 2] for at in range(0, 16, 2))


def spellings(names: Collection[str]) -> list[str]:
    """All forms in which a filer may have these names, for a query: it may tell the forms apart [?]."""
    found = {*names, *map(canonical, names)}
    wwpns = {name for name in map(canonical, names) if _WWPN.fullmatch(name)}
    for name in wwpns:
        plain = name.replace(":", "")
        found |= {name.upper(), plain, plain.upper()}
    return sorted(found)
