"""Whether an igroup fits this node, by its protocol and its members. Pure decisions.

Findings name the option that names the igroup. Initiators of this node are in lower case, as filers keep them.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import TYPE_CHECKING

from dataontap.findings import Finding, failure, problem, warning

if TYPE_CHECKING:
    from dataontap.client.array import Igroup

CHECK = "igroup"
# The type of the hosts, which are nodes with Linux. What is on the LUNs does not matter.
OSTYPE = "linux"


def wrong_protocol(group: Igroup, wanted: str, *, fails: bool) -> Iterator[Finding]:
    """A finding if the igroup does not show LUNs over the ``wanted`` protocol: iscsi or fcp."""
    if group.protocol not in {wanted, "mixed"}:
        yield problem(
            CHECK,
            f"IGROUP: {group.name} is an igroup for {group.protocol}, not for {wanted}",
            "see STORAGE_PROTOCOL",
            fails=fails,
        )


def strangers(group: Igroup, initiators: Collection[str], former: Collection[str]) -> Iterator[Finding]:
    """Findings about members that are not this node's, in an igroup that is to be this node's alone.

    ``former`` are initiators that this node had before. It is not known which machine has them now, and LUNs that
    are in use may be mapped through them.
    """
    others = _members(group) - {*initiators}
    remedy = f"see lun igroup remove -igroup {group.name}"
    if unknown := others - {*former}:
        first, *more = sorted(unknown)
        names = f"{first} and {len(more)} more" if more else first
        what = f"IGROUP: another machine's initiator is in {group.name}"
        yield failure(CHECK, what, f"take it out (lun igroup remove): {names}")
    elif others:
        names = ", ".join(sorted(others))
        yield warning(CHECK, f"{group.name} still has {names}, which this node had before", remedy)


def for_all_nodes(
    name: str, found: Igroup | None, wanted: str, initiators: Collection[str], *, fails: bool
) -> Iterator[Finding]:
    """Findings if the igroup ``name`` that all nodes share is missing, or if this node is not in it.

    One initiator of the node in the igroup is enough: the others are further paths. Without ``fails``, only a
    missing igroup is a failure: this node may have initiators that are not known here.
    """
    if found is None:
        remedy = f"lun igroup create -igroup {name} -protocol {wanted} -ostype {OSTYPE}"
        yield failure(CHECK, f"IGROUP: the SVM has no igroup {name!r}", remedy)
        return
    yield from wrong_protocol(found, wanted, fails=fails)
    lacking = sorted({*initiators} - _members(found))
    for initiator in lacking:
        yield problem(
            CHECK,
            f"IGROUP: {name} lacks an initiator of this node",
            f"lun igroup add -igroup {name} -initiator {initiator}",
            fails=fails and len(lacking) == len(initiators),
        )


def _members(group: Igroup) -> set[str]:
    return {name.lower() for name in group.initiators}
