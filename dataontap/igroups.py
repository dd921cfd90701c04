"""Which initiator groups are this cluster's, and this node's own: found by name, made when it is missing.

Fixed (``IGROUP = "ganeti"``): one group for all nodes, which the storage admin keeps. Per node
(``IGROUP = "ganeti-{node}"``): a group for each, with that node's initiators and no others, kept by the nodes.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import cached_property
from typing import TYPE_CHECKING, Callable

from dataontap.client import codes
from dataontap.errors import ConfigError, DeviceError, NaApiError, VolumeError
from dataontap.literals import NODE

if TYPE_CHECKING:
    from dataontap.client.client_base import Igroup
    from dataontap.client.client_cmode import CmodeClient
    from dataontap.config import Settings
    from dataontap.memory import Memory

LOG = logging.getLogger(__name__)

# 1 to 96 characters (ONTAP's manual of "lun igroup rename"); a node's name is a host name, which fits.
_LONGEST = 96
_ANY_NODE = "[A-Za-z0-9][A-Za-z0-9.-]*"
# What ONTAP calls the protocols of groups, and the type of host; nodes are Linux whatever their LUNs are.
_PROTOCOLS = {"iscsi": "iscsi", "fc": "fcp"}
_OSTYPE = "linux"


class Igroups:
    """The groups that ``settings`` mean, on the node called ``node``. Nothing is asked for before it is needed."""

    def __init__(
        self,
        settings: Settings,
        *,
        node: Callable[[], str],
        client: Callable[[], CmodeClient],
        initiators: Callable[[], list[str]],
        memory: Callable[[str], Memory],
    ) -> None:
        self._settings = settings
        self._node = node
        self._client = client
        self._initiators = initiators
        self._memory = memory

    @property
    def is_per_node(self) -> bool:
        """Whether each node has a group of its own."""
        return NODE in (self._settings.igroup or "")

    @property
    def may_be_unmapped(self) -> bool:
        """Whether a volume of ours may be mapped to nobody: stopped instances' are, by a group per node."""
        return self.is_per_node or NODE in (self._settings.former_igroup or "")

    @cached_property
    def own(self) -> str:
        """The group by which this node sees its LUNs. Raises ConfigError where there can be none."""
        igroup = self._settings.igroup
        if igroup is None:
            raise ConfigError('IGROUP: must be given: an initiator group, or one per node as in "ganeti-{node}"')
        own = self._of_this_node(igroup)
        if len(own) > _LONGEST:
            raise ConfigError(f"IGROUP: {own} has more than the {_LONGEST} characters that ONTAP takes")
        return own

    @cached_property
    def mine(self) -> frozenset[str]:
        """The groups by which this node gets a volume's LUN.

        Its own; and, for a disk with an ``igroup`` of its own, this node's usual one, too: hooks, which are not
        told of the disk's, map to that.
        """
        usual = self._usual
        return frozenset({self.own} | ({self._of_this_node(usual)} if usual else set()))

    @property
    def private(self) -> frozenset[str]:
        """Those of ``mine`` that are for this node alone."""
        return self.mine if self.is_per_node else self.mine - {self.own}

    @property
    def _usual(self) -> str | None:
        """IGROUP as configured, if that is a group per node."""
        usual = self._settings.usual_igroup
        return usual if usual and NODE in usual else None

    def _of_this_node(self, form: str) -> str:
        return form.replace(NODE, self._node()) if NODE in form else form

    @cached_property
    def former(self) -> Igroups | None:
        """Those that volumes are moving away from, as if they were the configured ones."""
        form = self._settings.former_igroup
        if form is None:
            return None
        settings = replace(self._settings, igroup=form, usual_igroup=None, former_igroup=None)
        return Igroups(
            settings, node=self._node, client=self._client, initiators=self._initiators, memory=self._memory
        )

    def are_ours(self, igroup: str) -> bool:
        """Whether it is this cluster's: IGROUP, or IGROUP of whatever node."""
        return _fits(igroup, self._settings.igroup) or _fits(igroup, self._usual)

    def are_former(self, igroup: str) -> bool:
        """Whether it is one that volumes are moving away from: FORMER_IGROUP, not being ours."""
        return _fits(igroup, self._settings.former_igroup) and not self.are_ours(igroup)

    def with_this_node(self, names: Collection[str]) -> set[str]:
        """Those of the groups called ``names`` that have an initiator of this node's. The filer is asked."""
        initiators = {*self._initiators()}
        found = self._client().get_igroups("|".join(sorted(names)))
        return {one.name for one in found if initiators & {name.lower() for name in one.initiators}}

    def ensure(self) -> None:
        """See to it that the node's own group exists with its initiators, and with no other machine's.

        What was seen so is remembered for a day, or until ``doubt``. A fixed group is the storage admin's: nothing
        is looked at. Raises VolumeError for a group that has other machines' initiators, for their sake.
        """
        if not self.is_per_node:
            return
        initiators = self._initiators()
        if not initiators:
            where = (
                "/etc/iscsi/initiatorname.iscsi" if self._settings.storage_protocol == "iscsi" else "FC adapters"
            )
            raise DeviceError(f"this node has no initiator name; see {where}")
        memory = self._memory(self.own)
        seen = "\n".join(sorted({*initiators, *self._former()}))
        if memory.get() == seen:
            return
        self._make(initiators)
        memory.put(seen)

    def doubt(self) -> None:
        """Look at the group again at the next ``ensure``."""
        if self.is_per_node:
            self._memory(self.own).age()

    @contextmanager
    def doubted(self) -> Iterator[None]:
        """Doubt the group when no device comes up: somebody may have taken this node out of it."""
        try:
            yield
        except DeviceError:
            self.doubt()
            raise

    def _former(self) -> set[str]:
        """The initiators that this node was seen to have since it booted: those that it has no more among them."""
        return set((self._memory(self.own).get(of_any_age=True) or "").split())

    def check(self) -> None:
        """VolumeError unless the group is there, or can be made, and is fit for this node."""
        found = self._find()
        if found is not None and self.is_per_node:
            self._require_fit(found, self._initiators())
        elif found is None and not self.is_per_node:
            raise VolumeError(f"IGROUP: the SVM has no initiator group {self.own!r}")

    def _make(self, initiators: list[str]) -> None:
        found = self._find() or self._create()
        for initiator in self._require_fit(found, initiators):
            LOG.info("adding %s to the initiator group %s", initiator, found.name)
            self._unless(codes.INITGROUP_HAS_NODE, self._client().add_igroup_initiator, found.name, initiator)

    def _require_fit(self, found: Igroup, initiators: list[str]) -> list[str]:
        """The node's initiators that the group lacks; VolumeError for one that can never be this node's."""
        wanted = _PROTOCOLS[self._settings.storage_protocol]
        if found.protocol not in {wanted, "mixed"}:
            raise VolumeError(f"IGROUP: {found.name} is a group for {found.protocol}, not for {wanted}")
        known = {initiator.lower() for initiator in found.initiators}
        others = known - set(initiators)
        former = others & self._former()
        remedy = f"see lun igroup remove -igroup {found.name}"
        if others - former:
            raise VolumeError(
                f"IGROUP: {found.name} has {', '.join(sorted(others - former))}, which is not this node; {remedy}"
            )
        if former:  # whoever has it now is not known; and LUNs that are in use may be mapped by it
            LOG.warning(
                "%s still has %s, which this node had before; %s", found.name, ", ".join(sorted(former)), remedy
            )
        return sorted(set(initiators) - known)

    def _find(self) -> Igroup | None:
        return next(iter(self._client().get_igroups(self.own)), None)

    def _create(self) -> Igroup:
        LOG.info("making the initiator group %s", self.own)
        protocol = _PROTOCOLS[self._settings.storage_protocol]
        self._unless(codes.INITGROUP_EXISTS, self._client().create_igroup, self.own, protocol, _OSTYPE)
        found = self._find()
        if found is None:
            raise VolumeError(f"IGROUP: {self.own} was made and is gone again; is somebody removing it?")
        return found

    @staticmethod
    def _unless(expected: str, call: Callable[..., None], *arguments: str) -> None:
        """Do it, unless it has just been done: by another verb, or by a request whose answer was lost."""
        try:
            call(*arguments)
        except NaApiError as error:
            if error.code != expected:
                raise


def _fits(igroup: str, form: str | None) -> bool:
    if form is None:
        return False
    return re.fullmatch(_ANY_NODE.join(map(re.escape, form.split(NODE))), igroup) is not None
