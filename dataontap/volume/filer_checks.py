"""What ``verify`` asks the filer: whether it answers, knows the account, has room for LUNs and shows them here."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Callable

from dataontap.errors import NotAllowed, TransportError, first_of
from dataontap.findings import Check, Finding, failure, problem, unchecked, warning
from dataontap.volume.orphans import Orphans

LOG = logging.getLogger(__name__)

if TYPE_CHECKING:
    from dataontap.client.array import Array, Pool
    from dataontap.config import Settings
    from dataontap.volume.cluster import Cluster
    from dataontap.volume.igroups import Igroups
    from dataontap.volume.targets import FilerTarget

# ONTAP's own threshold for "nearly full" (space-nearly-full-threshold-percent), in per cent.
_NEARLY_FULL = 95
# How long it waits for a portal to answer.
_REACH_SECONDS = 2.0
# Less than this is no room even for the smallest disk of Ganeti's.
_NO_ROOM = 1 << 20


@dataclass(frozen=True)
class Looks:
    """What this node tries beside requests.

    ``target`` reaches the filer's interfaces. ``addresses`` connects to each address in HOSTNAME, if there are
    several.
    """

    target: FilerTarget
    addresses: Callable[[], Iterable[Finding]]


class FilerChecks:
    """One method per check; ``checks`` has them by name. ``array`` connects at its first call."""

    def __init__(
        self,
        settings: Settings,
        cluster: Cluster,
        array: Callable[[], Array],
        igroups: Igroups,
        looks: Looks,
    ) -> None:
        self._settings = settings
        self._connect = array
        self._igroups = igroups
        self._looks = looks
        self._cluster = cluster
        self._refusal: TransportError | None = None

    @property
    def checks(self) -> Mapping[str, Check]:
        """All of them, in the order in which the first failure tells most."""
        return {
            "connection": self.connection,
            "credentials": self.credentials,
            "pool": self.pool,
            "igroup": self.igroup,
            "portals": self.portals,
            "orphans": self.orphans,
        }

    def _array(self) -> Array:
        """The filer. Raises its refusal again without a further login: a few refusals lock an account."""
        if self._refusal is not None:
            raise self._refusal
        return self._connect()

    def connection(self) -> Iterator[Finding]:
        """The filer answers, at each of its addresses. A refusal is an answer, too."""
        try:
            self._array().check_connection()
        except TransportError as error:
            if error.status is None:
                raise
            self._refusal = error
            return  # no other address gets the password
        except NotAllowed as error:
            LOG.info("the filer answers: %s", error)
        yield from self._looks.addresses()

    def credentials(self) -> Iterator[Finding]:
        """The filer knows the account, the account has every right that it needs, and the SVM is clear."""
        lacking = [*self._rights()]
        yield from lacking
        if any(finding.is_failure for finding in lacking):
            return  # the questions below may fail for the same reason
        self._array().check_connection()
        if self._settings.cluster_mode_vserver is None and self._array().is_whole_cluster():
            what = "LOGIN is an account of the whole cluster: CLUSTER_MODE_VSERVER must name the SVM"
            yield failure("credentials", what)

    def _rights(self) -> Iterator[Finding]:
        """The calls that the verbs need and that the account may not make, according to the filer."""
        protocol, per_node = self._settings.storage_protocol, self._igroups.is_per_node
        role = f"see {self._array().account_commands}"
        try:
            missing = self._array().get_missing_rights(protocol, per_node=per_node)
        except NotAllowed as error:
            yield failure("credentials", f"LOGIN may not ask for its rights ({error.call})", role)
            return
        if missing is None:
            yield warning("credentials", "this filer is too old to tell which rights LOGIN has", role)
        elif missing:
            yield failure("credentials", f"LOGIN may not call {', '.join(missing)}", role)

    def pool(self) -> Iterator[Finding]:
        """The SVM has the volume for new LUNs, and LUNs can be created in it."""
        name = self._settings.pool.partition("/")[0]
        found = next(iter(self._array().get_pools([name])), None)
        if found is None:
            yield failure("pool", f"POOL: the SVM has no volume {name!r}", "see volume show")
            return
        if not found.writable:
            what = f"POOL: {name} is a mirror's destination (type {found.type}): no LUN can be created in it"
            yield failure("pool", what, "name another volume, or snapmirror break")
        if not found.online:
            yield failure("pool", f"POOL: {name} is {found.state}", f"volume online -volume {name}")
        else:
            yield from self._room(found)

    def _room(self, pool: Pool) -> Iterator[Finding]:
        """Findings if the volume has little room.

        Without room the filer refuses a reserved LUN, so ``create`` fails. It accepts a thin LUN (the guest gets
        I/O errors later), and any LUN in a volume that grows by itself.
        """
        if pool.available is None or pool.size is None:
            return
        remedy = f"volume size -volume {pool.name}, or remove snapshots; see df"
        if pool.available < _NO_ROOM:
            fails = self._settings.lun_space_reservation and not pool.grows
            yield problem("pool", f"POOL: {pool.name} is full", remedy, fails=fails)
        elif pool.available * 100 <= pool.size * (100 - _NEARLY_FULL):
            what = f"POOL: {pool.name} is nearly full: {pool.available >> 20} of {pool.size >> 20} MiB are left"
            yield warning("pool", what, remedy)

    def igroup(self) -> Iterator[Finding]:
        """The SVM has the igroup that LUNs are mapped to, with this node in it, or the node can create it."""
        self._igroups.own  # noqa: B018 - raises if IGROUP is missing, before the filer is asked
        self._array()
        yield from self._igroups.check()

    def portals(self) -> Iterator[Finding]:
        """This node reaches the SVM's portals, or FC interfaces. One is enough; without any, attach fails."""
        if self._settings.attach_commands is not None:
            yield unchecked("portals", "LUNs come by configured commands")
            return
        target = self._looks.target
        target.learn(self._array())
        nodes = target.interfaces()
        lost = target.unreached(_REACH_SECONDS)
        yield from self._hidden({node for interface, node in nodes.items() if interface not in lost})
        if lost:
            is_fc = self._settings.storage_protocol == "fc"
            what = ("FC interface" if is_fc else "portal") + ("s " if len(lost) > 1 else " ")
            what += first_of([f"{interface} ({why})" for interface, why in lost.items()])
            remedy = "check the zoning and this node's FC ports" if is_fc else "check this node's storage network"
            yield problem("portals", f"cannot reach the {what}", remedy, fails=len(lost) == len(nodes))

    def _hidden(self, reached: set[str]) -> Iterator[Finding]:
        """A finding if LUNs are mapped for this node, but no node of the filer that it ``reached`` shows them.

        Only some of the filer's nodes show a LUN (selective LUN map). When its volume moves to other nodes, they
        stay the same until the admin changes them.
        """
        if not all(reached) or not reached:
            return
        shown_by = self._array().get_reporting_nodes(self._igroups.own) or {}
        hidden = sorted(path for path, nodes in shown_by.items() if nodes and not reached & {*nodes})
        if hidden:
            more = f" and {len(hidden) - 1} more" if hidden[1:] else ""
            what = f"no path to {hidden[0]}{more}: only {', '.join(sorted(shown_by[hidden[0]]))} shows it here"
            yield failure("portals", what, "see lun mapping add-reporting-nodes")

    def orphans(self) -> Iterable[Finding]:
        """Ganeti knows every LUN that this cluster created. Only the master node can tell."""
        Orphans(self._array(), self._settings, self._cluster).check()
        return ()
