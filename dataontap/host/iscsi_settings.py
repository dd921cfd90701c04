"""The text of a node record of open-iscsi's: its settings, as iscsiadm reads them, and CHAP's among them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

_METHOD = "node.session.auth.authmethod"

# Blanks as C's isspace(3) has them; at least one blank must stand before the "=".
_SETTING = re.compile(r"\s*([^\s=#][^\s=]*)\s+=\s*(.*\S)\s*", re.ASCII)


@dataclass(frozen=True)
class Chap:
    """This node's credentials for a target, and those that the target must have: None in one-way CHAP."""

    user: str
    secret: str
    target: Chap | None = None

    def __repr__(self) -> str:
        return f"Chap(user={self.user!r})"


@dataclass(frozen=True)
class _Side:
    """The settings of one side's credentials.

    The comment ``mark``, with the user's name, stands before settings that we wrote. iscsiadm writes a record
    without comments, so CHAP settings without this comment are the admin's.
    """

    mark: str
    user: str
    secret: str


_NODE = _Side(
    "# CHAP by ganeti-extstorage-dataontap for ", "node.session.auth.username", "node.session.auth.password"
)
# Versions that write one-way CHAP only leave this comment and these settings in the record.
_TARGET = _Side(
    "# Mutual CHAP by ganeti-extstorage-dataontap for ",
    "node.session.auth.username_in",
    "node.session.auth.password_in",
)


def _setting(line: str) -> tuple[str, str]:
    """Name and value in a record's line, as iscsiadm reads it; two empty strings for a line without a setting."""
    found = _SETTING.fullmatch(line)
    return (found[1], found[2]) if found else ("", "")


def settings(text: str) -> dict[str, str]:
    """A record's settings; of two lines for the same setting the last counts."""
    return dict(map(_setting, text.split("\n")))


def amended(text: str, wanted: Mapping[str, str], chap: Chap | None) -> str:
    """A record with these settings, and CHAP's. CHAP settings that we wrote are removed where ``chap`` is None."""
    found = settings(text)
    lines = text.removesuffix("\n").split("\n")
    new, gone, marks = dict(wanted), set[str](), dict[str, str]()
    for side, credentials in ((_NODE, chap), (_TARGET, chap.target if chap else None)):
        is_ours = f"{side.mark}{found.get(side.user, '')}" in lines
        if credentials is not None:
            method = {_METHOD: "CHAP"} if side is _NODE else {}
            told = {side.user: credentials.user, side.secret: credentials.secret, **method}
            new.update(told)
            if is_ours or told.items() - found.items():  # equal settings of the admin's stay the admin's
                marks[side.user] = f"{side.mark}{credentials.user}"
        elif is_ours:
            gone |= {side.user, side.secret}
            new.update({_METHOD: "None"} if side is _NODE else {})
    old = [line for line in lines if line.startswith((_NODE.mark, _TARGET.mark))]
    if old == [*marks.values()] and new.items() <= found.items() and not gone & found.keys():
        return text
    kept = [line for line in lines if line not in old and _setting(line)[0] not in new.keys() | gone]
    # The record ends with a comment: new lines go before it.
    at = next((number for number, line in enumerate(kept) if line.startswith("# END")), len(kept))
    added: list[str] = []
    for name, value in new.items():
        added += [marks[name]] if name in marks else []
        added.append(f"{name} = {value}")
    return "\n".join([*kept[:at], *added, *kept[at:]]) + "\n"
