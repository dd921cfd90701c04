"""This node's igroup on the filer: created if it is missing, and checked that it is this node's alone."""

from __future__ import annotations

import logging
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import cached_property
from typing import TYPE_CHECKING, Callable

from dataontap import literals
from dataontap.client.array import Igroup
from dataontap.errors import ConfigError, DeviceError, VolumeError
from dataontap.findings import Finding, enforce
from dataontap.volume import membership
from dataontap.volume.igroup_names import IgroupNames
from dataontap.volume.twins import twins

if TYPE_CHECKING:
    from dataontap.client.array import Array
    from dataontap.config import Settings
    from dataontap.state.cache import Cache
    from dataontap.volume.cluster import Cluster

LOG = logging.getLogger(__name__)

# How iSCSI initiators' names begin (RFC 7143, 4.2.7). All others are WWPNs.
_ISCSI_NAMES = ("iqn.", "eui.", "naa.")
# ONTAP's names of the igroups' protocols.
_PROTOCOLS = {"iscsi": "iscsi", "fc": "fcp"}
_NO_INITIATORS = {
    "iscsi": "this node has no initiator name; see /etc/iscsi/initiatorname.iscsi",
    "fc": "this node has no Fibre Channel port with a WWPN; see /sys/class/fc_host",
}


class Igroups(IgroupNames):
    """The igroups that ``settings`` name, on a node of ``cluster``. Nothing is asked for before it is needed."""

    def __init__(
        self,
        settings: Settings,
        cluster: Cluster,
        array: Callable[[], Array],
        initiators: Callable[[], list[str]],
        memory: Callable[[str], Cache],
    ) -> None:
        super().__init__(settings, cluster)
        self._array = array
        self._initiators = initiators
        self._memory = memory

    @cached_property
    def former(self) -> Igroups | None:
        """The igroups that volumes are moving away from, as if they were the configured igroups."""
        form = self._settings.former_igroup
        return self._as_if(igroup=form, usual_igroup=form, former_igroup=None) if form is not None else None

    def of_form(self, form: str) -> Igroups:
        """The igroups of a disk whose ext-param ``igroup`` is ``form``. Raises VolumeError if it is not valid."""
        try:
            return self._as_if(igroup=literals.igroup(form))
        except ValueError as error:
            raise VolumeError(f"the LUN's tag names an impossible igroup: {error}") from None

    def _as_if(self, **changes: str | None) -> Igroups:
        return Igroups(
            replace(self._settings, **changes),  # type: ignore[arg-type]
            self._cluster,
            self._array,
            self._initiators,
            self._memory,
        )

    def with_this_node(self, names: Collection[str]) -> set[str]:
        """The igroups among ``names`` that have an initiator of this node. Asks the filer."""
        initiators = {*self._initiators()}
        found = self._array().get_igroups(*sorted(names))
        return {one.name for one in found if initiators & {name.lower() for name in one.initiators}}

    def logged_in(self, igroup: str) -> bool:
        """Whether an initiator of the igroup is logged in to the SVM now, over any protocol. Asks the filer."""
        found = self._array().get_igroups(igroup)
        names = {name for one in found for name in one.initiators}
        wwpns = {name for name in names if not name.lower().startswith(_ISCSI_NAMES)}
        asked = (("iscsi", names - wwpns), ("fc", wwpns))
        return any(self._array().logged_in(some, protocol) for protocol, some in asked if some)

    def require_allowed(self) -> None:
        """ConfigError unless LUNs may be mapped to igroups of this form, and this node's igroup has a name."""
        self.own  # noqa: B018 - raises
        if not self._settings.allows_igroup:
            raise ConfigError(f"the disk's igroup {self._settings.igroup!r} is not among ALLOWED_IGROUPS")

    def ensure(self) -> None:
        """Make sure that the node's own igroup exists with its initiators, and with no other machine's.

        A good result is cached for a day, or until ``doubt``. A fixed igroup is the storage admin's and is not
        checked. Raises VolumeError if the igroup has another machine's initiator, or if another machine has an
        initiator of this node.
        """
        if not self.is_per_node:
            return
        initiators = self.require_initiators()
        memory = self._memory(self.own)
        seen = "\n".join(sorted({*initiators, *self._former()}))
        if memory.get() == seen:
            return
        self._make(initiators)
        memory.put(seen)

    def require_initiators(self) -> list[str]:
        """This node's initiators; DeviceError if it has none."""
        initiators = self._initiators()
        if not initiators:
            raise DeviceError(_NO_INITIATORS[self._settings.storage_protocol])
        return initiators

    def doubt(self) -> None:
        """Check the igroup again at the next ``ensure``."""
        if self.is_per_node:
            self._memory(self.own).age()

    @contextmanager
    def doubted(self) -> Iterator[None]:
        """Doubt the igroup if no device comes up: an admin may have taken this node out of it."""
        try:
            yield
        except DeviceError:
            self.doubt()
            raise

    def _former(self) -> set[str]:
        """The initiators that this node was seen to have since it booted, also those that it no longer has."""
        return set((self._memory(self.own).get(of_any_age=True) or "").split())

    def check(self) -> Iterator[Finding]:
        """What is wrong with the igroup, or with creating it. Changes nothing, and ignores the cache.

        Raises DeviceError if an igroup per node would have no initiators.
        """
        if self.is_per_node:
            initiators = self.require_initiators()
            found, groups = self._look(initiators)
            if found is not None:
                yield from self._unfit(found, initiators)
            yield from self._twins(found, groups)
            return
        # The admin's commands may log in by a name that only they know.
        fails = self._settings.attach_commands is None
        yield from membership.for_all_nodes(
            self.own, self._find(), self._protocol, self._initiators(), fails=fails
        )

    def _make(self, initiators: list[str]) -> None:
        found, groups = self._look(initiators)
        enforce(self._twins(found, groups), LOG)
        found = found or self._create()
        missing = self._require_fit(found, initiators)
        for initiator in missing:
            LOG.info("adding %s to the igroup %s", initiator, found.name)
            self._array().add_igroup_initiator(found.name, initiator)
        if missing:
            self._look_again(initiators, missing)

    def _look(self, initiators: Collection[str]) -> tuple[Igroup | None, list[Igroup]]:
        """The node's own igroup, and all igroups that have an initiator which is or was this node's."""
        groups = self._array().get_igroups_of({*initiators, *self._former()})
        found = next((group for group in groups if group.name == self.own), None)
        return found or self._find(), groups

    def _look_again(self, initiators: list[str], added: list[str]) -> None:
        """VolumeError if another machine added itself to this igroup, or added our initiator to another igroup.

        Then the added initiators are removed again, unless the igroup has maps: a LUN may be in use through them.
        """
        found, groups = self._look(initiators)
        try:
            if found is None or self._require_fit(found, initiators):
                raise VolumeError(
                    f"IGROUP: initiators that are added to {self.own} disappear; is another program changing it?"
                )
            enforce(self._twins(found, groups), LOG)
        except VolumeError:
            if found is not None and not self._array().get_igroup_maps(found.name):
                for initiator in added:
                    LOG.warning("removing %s from %s again", initiator, found.name)
                    self._array().remove_igroup_initiator(found.name, initiator)
            raise

    def _twins(self, found: Igroup | None, groups: Collection[Igroup]) -> Iterator[Finding]:
        """See ``twins``. An igroup that this node may rightly be in is not a twin's."""
        alike = [
            (group, self.nodes_of(group.name, self.private_forms))
            for group in groups
            if group.name not in self.mine and not self.are_former(group.name)
        ]
        mine = {*self._initiators(), *((name.lower() for name in found.initiators) if found else ())}
        return twins(self._array(), self.own, mine, alike, self._cluster.nodes)

    def _require_fit(self, found: Igroup, initiators: list[str]) -> list[str]:
        """The node's initiators that the igroup lacks. VolumeError if the igroup cannot be this node's."""
        enforce(self._unfit(found, initiators), LOG)
        return sorted(set(initiators) - {name.lower() for name in found.initiators})

    def _unfit(self, found: Igroup, initiators: list[str]) -> Iterator[Finding]:
        """The findings why the igroup cannot be this node's alone."""
        yield from membership.wrong_protocol(found, self._protocol, fails=True)
        yield from membership.strangers(found, initiators, self._former())

    @property
    def _protocol(self) -> str:
        """ONTAP's name of the storage protocol."""
        return _PROTOCOLS[self._settings.storage_protocol]

    def _find(self) -> Igroup | None:
        return next(iter(self._array().get_igroups(self.own)), None)

    def _create(self) -> Igroup:
        LOG.info("creating the igroup %s", self.own)
        if self._array().create_igroup(self.own, self._protocol, membership.OSTYPE):
            return Igroup(self.own, self._protocol, ())
        found = self._find()
        if found is None:
            raise VolumeError(f"IGROUP: {self.own} was created and is gone again; is another program removing it?")
        return found
