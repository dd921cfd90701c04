"""Builds the ``Site`` that a verb works with from the settings. The only module that puts the parts together.

Each part is imported where it is made, so that a verb loads only what it uses.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import lru_cache, partial
from typing import TYPE_CHECKING, Callable

from dataontap.paths import CONFIG_FILE, RUN
from dataontap.volume.site import Site

if TYPE_CHECKING:
    from dataontap.client.array import Array
    from dataontap.config import Settings
    from dataontap.deadline import Deadline
    from dataontap.findings import Finding
    from dataontap.host.iscsi import Iscsi
    from dataontap.state.locks import Locks
    from dataontap.volume.checks import Checks
    from dataontap.volume.cluster import Cluster
    from dataontap.volume.devices import Devices
    from dataontap.volume.igroups import Igroups
    from dataontap.volume.targets import FilerTarget

Connect = Callable[[], "Array"]


def assemble(
    settings: Settings,
    cluster: Cluster,
    deadline: Deadline,
    environ: Mapping[str, str],
    config_file: str = CONFIG_FILE,
) -> Site:
    """The site for a verb; ``environ`` has its ext-params."""
    from dataontap import client
    from dataontap.state.cache import FilerCaches
    from dataontap.state.locks import Locks
    from dataontap.state.records import Records
    from dataontap.volume.reporting import Reporting

    array = lru_cache(maxsize=None)(partial(client.connect, settings, deadline, config_file))
    locks = Locks(deadline)
    igroups = _igroups(settings, cluster, array)
    return Site(
        settings,
        cluster,
        deadline,
        array,
        devices=_devices(settings, deadline, locks),
        igroups=igroups,
        reporting=Reporting(array, FilerCaches(settings).reporting),
        locks=locks,
        records=Records(environ, enabled=not settings.debug, config_file=config_file),
        checks=partial(_checks, settings, cluster, deadline, array, igroups, config_file=config_file),
    )


def _devices(settings: Settings, deadline: Deadline, locks: Locks) -> Devices:
    """This node's devices."""
    from dataontap.host import run as programs
    from dataontap.host.multipath import Multipath
    from dataontap.host.node import Limits, Node
    from dataontap.host.sysfs import Kernel, Sysfs
    from dataontap.host.udev import Names
    from dataontap.volume.devices import Devices

    node = Node(
        Sysfs(),
        Kernel(),
        Multipath(programs.run, deadline),
        Names(),
        deadline,
        wants_maps=settings.multipath,
        limits=Limits.of(deadline.seconds),
    )
    return Devices(settings, node, _target(settings, deadline), locks, programs.run)


def _igroups(settings: Settings, cluster: Cluster, array: Connect) -> Igroups:
    """The initiator groups."""
    from dataontap.host import fc, iscsi
    from dataontap.state.cache import FilerCaches
    from dataontap.volume.igroups import Igroups

    return Igroups(
        settings,
        cluster,
        array,
        initiators=fc.initiators if settings.storage_protocol == "fc" else iscsi.initiators,
        memory=FilerCaches(settings).igroup,
    )


def _checks(
    settings: Settings,
    cluster: Cluster,
    deadline: Deadline,
    array: Connect,
    igroups: Igroups,
    *,
    config_file: str,
) -> Checks:
    """The checks that verify runs."""
    from dataontap.host.facts import Facts
    from dataontap.host.lvm import Lvm
    from dataontap.volume.checks import Checks
    from dataontap.volume.filer_checks import FilerChecks, Looks
    from dataontap.volume.node_checks import NodeChecks

    facts = Facts(deadline)
    of_node = NodeChecks(settings, cluster, igroups, facts, Lvm(facts))
    looks = Looks(_target(settings, deadline), partial(_addresses, settings, deadline, config_file))
    of_filer = FilerChecks(settings, cluster, array, igroups, looks)
    return Checks(of_node.checks, of_filer.checks)


def _addresses(settings: Settings, deadline: Deadline, config_file: str) -> Iterable[Finding]:
    """What a look at each address in HOSTNAME finds."""
    from dataontap.client.examination import examine

    return examine(settings, deadline, config_file)


def _target(settings: Settings, deadline: Deadline) -> FilerTarget:
    """The SVM's interfaces for the storage protocol."""
    from dataontap.state.cache import FilerCaches

    cache = FilerCaches(settings).target(settings.storage_protocol)
    if settings.storage_protocol == "fc":
        from dataontap.host.fc import FibreChannel
        from dataontap.volume.fc_target import FcTarget

        return FcTarget(FibreChannel(deadline), cache)
    from dataontap.volume.targets import IscsiTarget

    return IscsiTarget(_iscsi(settings, deadline), cache)


def _iscsi(settings: Settings, deadline: Deadline) -> Iscsi:
    """This node's iSCSI initiator."""
    from dataontap.host import run as programs
    from dataontap.host.iscsi import Iscsi
    from dataontap.host.iscsi_problems import Failures
    from dataontap.host.iscsi_records import Records
    from dataontap.host.iscsi_scope import Scope
    from dataontap.host.iscsi_settings import Chap
    from dataontap.state.cache import Cache

    def chap(user: str | None, secret: str | None, target: Chap | None = None) -> Chap | None:
        return Chap(user, secret, target) if user and secret else None

    target = chap(settings.iscsi_chap_target_user, settings.iscsi_chap_target_password)
    own = chap(settings.iscsi_chap_user, settings.iscsi_chap_password, target)
    scope = Scope(settings.iscsi_networks, settings.iscsi_interfaces)
    records = Records(programs.run, deadline, chap=own, cache=partial(Cache, "iscsi-records"), scope=scope)
    return Iscsi(programs.run, deadline, records, Failures(f"{RUN}/portal"))
