"""Which initiator groups are this cluster's, and this node's own: found by name, made when it is missing.

Fixed (``IGROUP = "ganeti"``): one group for all nodes, which the storage admin keeps. Per node
(``IGROUP = "ganeti-{node}"``): a group for each, with that node's initiators and no others, kept by the nodes.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Collection, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import cached_property
from typing import TYPE_CHECKING, Callable

from dataontap import literals
from dataontap.client.zapi import codes
from dataontap.client.zapi.base import Igroup
from dataontap.errors import ConfigError, DeviceError, NaApiError, VolumeError
from dataontap.findings import Finding, enforce
from dataontap.literals import NODE
from dataontap.volume import membership, tag
from dataontap.volume.twins import twins

if TYPE_CHECKING:
    from dataontap.client.zapi.cmode import CmodeClient
    from dataontap.config import Settings
    from dataontap.state.memory import Memory
    from dataontap.volume.cluster import Cluster

LOG = logging.getLogger(__name__)

# As many as ONTAP takes in a group's name.
_LONGEST = 96
# What a node may be called: Ganeti 3.0.2, netutils, _VALID_NAME_RE; capitals are for machines outside of a
# cluster.
_ANY_NODE = "([A-Za-z0-9._-]+)"
# What ONTAP calls the protocols of groups.
_PROTOCOLS = {"iscsi": "iscsi", "fc": "fcp"}
_NO_INITIATORS = {
    "iscsi": "this node has no initiator name; see /etc/iscsi/initiatorname.iscsi",
    "fc": "this node has no Fibre Channel port with a WWPN; see /sys/class/fc_host",
}


class Igroups:
    """The groups that ``settings`` mean, on a node of ``cluster``. Nothing is asked for before it is needed."""

    def __init__(
        self,
        settings: Settings,
        *,
        cluster: Cluster,
        client: Callable[[], CmodeClient],
        initiators: Callable[[], list[str]],
        memory: Callable[[str], Memory],
    ) -> None:
        self._settings = settings
        self._cluster = cluster
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

    @property
    def clusters(self) -> frozenset[str]:
        """The names that this node's cluster has or had, as tags have them; none if it is in no cluster."""
        names = (self._cluster.name, *self._settings.former_clusters)
        return frozenset(map(tag.cluster_word, names)) - {tag.UNKNOWN}

    @cached_property
    def own(self) -> str:
        """The group by which this node sees its LUNs. Raises ConfigError where there can be none."""
        igroup = self._settings.igroup
        if igroup is None:
            raise ConfigError('IGROUP: must be given: an initiator group, or one per node as in "ganeti-{node}"')
        own = self._of_this_node(igroup)
        if len(own) > _LONGEST:
            raise ConfigError(f"IGROUP: {own} has more than the {_LONGEST} characters that ONTAP takes")
        if not literals.is_igroup(own) or not _fits(own, igroup):
            raise ConfigError(f"IGROUP: ONTAP takes no initiator group called {own!r}")
        return own

    @cached_property
    def mine(self) -> frozenset[str]:
        """The groups by which this node gets a volume's LUN.

        Its own; and this node's of the other forms, too: the disk may have had another ``igroup`` when it was
        mapped, and hooks map to the usual one where the LUN's tag does not tell them.
        """
        return frozenset({self.own, *map(self._of_this_node, self._private_forms)})

    @property
    def private(self) -> frozenset[str]:
        """Those of ``mine`` that are for this node alone."""
        return self.mine if self.is_per_node else self.mine - {self.own}

    @property
    def _private_forms(self) -> list[str]:
        """The forms of groups per node that disks may have: this one's, IGROUP, and those of ALLOWED_IGROUPS."""
        settings = self._settings
        forms = (settings.igroup, settings.usual_igroup, *settings.allowed_igroups)
        return [*dict.fromkeys(form for form in forms if form and NODE in form)]

    def _of_this_node(self, form: str) -> str:
        return form.replace(NODE, self._cluster.node) if NODE in form else form

    @cached_property
    def former(self) -> Igroups | None:
        """Those that volumes are moving away from, as if they were the configured ones."""
        form = self._settings.former_igroup
        return self._as_if(igroup=form, usual_igroup=form, former_igroup=None) if form is not None else None

    def of_form(self, form: str) -> Igroups:
        """Those of a disk whose ext-param ``igroup`` is ``form``. Raises VolumeError for what is none."""
        try:
            return self._as_if(igroup=literals.igroup(form))
        except ValueError as error:
            raise VolumeError(f"the LUN's tag names an impossible igroup: {error}") from None

    def _as_if(self, **changes: str | None) -> Igroups:
        return Igroups(
            replace(self._settings, **changes),  # type: ignore[arg-type]
            cluster=self._cluster,
            client=self._client,
            initiators=self._initiators,
            memory=self._memory,
        )

    def are_ours(self, igroup: str) -> bool:
        """Whether it is this cluster's: IGROUP, or a group per node of any node, also by ALLOWED_IGROUPS."""
        return any(_fits(igroup, form) for form in (self._settings.igroup, *self._private_forms))

    def are_former(self, igroup: str) -> bool:
        """Whether it is one that volumes are moving away from: FORMER_IGROUP, not being ours."""
        return _fits(igroup, self._settings.former_igroup) and not self.are_ours(igroup)

    def are_known(self, igroup: str) -> bool:
        """Whether this cluster's configuration lets LUNs be mapped to it, this disk's or another one's."""
        return self.are_ours(igroup) or self.are_former(igroup) or igroup in self._settings.allowed_igroups

    def strange(self, igroups: Iterable[str]) -> list[str]:
        """Those of ``igroups`` that are called like a node's group, of a node that is not in this cluster."""
        return sorted({igroup for igroup in igroups if self._is_strange(igroup)})

    def _is_strange(self, igroup: str) -> bool:
        nodes = self._nodes_of(igroup, (*self._private_forms, self._settings.former_igroup))
        return bool(nodes) and not self._cluster.nodes & {*nodes}

    @staticmethod
    def _nodes_of(igroup: str, forms: Iterable[str | None]) -> list[str]:
        """The nodes whose group it is, by those of ``forms`` that are per node."""
        found = (_match(igroup, form) for form in forms if form and NODE in form)
        return [match[1] for match in found if match]

    def with_this_node(self, names: Collection[str]) -> set[str]:
        """Those of the groups called ``names`` that have an initiator of this node's. The filer is asked."""
        initiators = {*self._initiators()}
        found = self._client().get_igroups("|".join(sorted(names)))
        return {one.name for one in found if initiators & {name.lower() for name in one.initiators}}

    def logged_in(self, igroup: str) -> bool:
        """Whether an initiator of the group is logged in to the SVM now. The filer is asked."""
        found = self._client().get_igroups(igroup)
        names = {name for one in found for name in one.initiators}
        return bool(self._client().logged_in(names, self._settings.storage_protocol))

    def require_allowed(self) -> None:
        """ConfigError unless LUNs may be mapped to this form of group."""
        if not self._settings.allows_igroup:
            raise ConfigError(f"the disk's igroup {self._settings.igroup!r} is not among ALLOWED_IGROUPS")

    def ensure(self) -> None:
        """See to it that the node's own group exists with its initiators, and with no other machine's.

        What was seen so is remembered for a day, or until ``doubt``. A fixed group is the storage admin's: nothing
        is looked at. Raises VolumeError for a group that has other machines' initiators, and for an initiator that
        another machine has, too.
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
        """This node's initiators; DeviceError where it has none."""
        initiators = self._initiators()
        if not initiators:
            raise DeviceError(_NO_INITIATORS[self._settings.storage_protocol])
        return initiators

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

    def check(self) -> Iterator[Finding]:
        """What is wrong with the group, or with making it. Nothing is changed, and nothing remembered is believed.

        Raises DeviceError where a group per node would have no initiators.
        """
        if self.is_per_node:
            initiators = self.require_initiators()
            found, groups = self._look(initiators)
            if found is not None:
                yield from self._unfit(found, initiators)
            yield from self._twins(found, groups)
            return
        # Commands of the admin's may log in by a name that only they know.
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
            LOG.info("adding %s to the initiator group %s", initiator, found.name)
            self._unless(codes.INITGROUP_HAS_NODE, self._client().add_igroup_initiator, found.name, initiator)
        if missing:
            self._look_again(initiators, missing)

    def _look(self, initiators: Collection[str]) -> tuple[Igroup | None, list[Igroup]]:
        """The node's own group, and all groups that have an initiator which is or was this node's."""
        groups = self._client().get_igroups_of({*initiators, *self._former()})
        found = next((group for group in groups if group.name == self.own), None)
        return found or self._find(), groups

    def _look_again(self, initiators: list[str], added: list[str]) -> None:
        """VolumeError if another machine has put itself into this group, or into another one by our name, too.

        Then what was added is taken out again, unless the group has maps: a LUN may be in use by them.
        """
        found, groups = self._look(initiators)
        try:
            if found is None or self._require_fit(found, initiators):
                raise VolumeError(f"IGROUP: {self.own} loses what is put into it; is another program changing it?")
            enforce(self._twins(found, groups), LOG)
        except VolumeError:
            if found is not None and not self._client().get_igroup_maps(found.name):
                for initiator in added:
                    LOG.warning("taking %s out of %s again", initiator, found.name)
                    self._client().remove_igroup_initiator(found.name, initiator)
            raise

    def _twins(self, found: Igroup | None, groups: Collection[Igroup]) -> Iterator[Finding]:
        """See ``twins``; the groups that this node may have by right are no twin's."""
        alike = [
            (group, self._nodes_of(group.name, self._private_forms))
            for group in groups
            if group.name not in self.mine and not self.are_former(group.name)
        ]
        mine = {*self._initiators(), *((name.lower() for name in found.initiators) if found else ())}
        return twins(self._client(), self.own, mine, alike, self._cluster.nodes)

    def _require_fit(self, found: Igroup, initiators: list[str]) -> list[str]:
        """The node's initiators that the group lacks; VolumeError for one that can never be this node's."""
        enforce(self._unfit(found, initiators), LOG)
        return sorted(set(initiators) - {name.lower() for name in found.initiators})

    def _unfit(self, found: Igroup, initiators: list[str]) -> Iterator[Finding]:
        """What keeps the group from being this node's alone."""
        yield from membership.wrong_protocol(found, self._protocol, fails=True)
        yield from membership.strangers(found, initiators, self._former())

    @property
    def _protocol(self) -> str:
        """What ONTAP calls the storage protocol."""
        return _PROTOCOLS[self._settings.storage_protocol]

    def _find(self) -> Igroup | None:
        return next(iter(self._client().get_igroups(self.own)), None)

    def _create(self) -> Igroup:
        LOG.info("making the initiator group %s", self.own)
        if self._unless(
            codes.INITGROUP_EXISTS, self._client().create_igroup, self.own, self._protocol, membership.OSTYPE
        ):
            return Igroup(self.own, self._protocol, ())
        found = self._find()
        if found is None:
            raise VolumeError(f"IGROUP: {self.own} was made and is gone again; is another program removing it?")
        return found

    @staticmethod
    def _unless(expected: str, call: Callable[..., None], *arguments: str) -> bool:
        """Whether this did it: another verb may have, or a request whose answer was lost."""
        try:
            call(*arguments)
        except NaApiError as error:
            if error.code != expected:
                raise
            return False
        return True


def _match(igroup: str, form: str) -> re.Match[str] | None:
    return re.fullmatch(_ANY_NODE.join(map(re.escape, form.split(NODE))), igroup)


def _fits(igroup: str, form: str | None) -> bool:
    return form is not None and _match(igroup, form) is not None
