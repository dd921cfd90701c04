"""What ``verify`` checks on this node: whether the verbs will find here what they need."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING

from dataontap import paths
from dataontap.errors import CommandError, DeviceError
from dataontap.findings import Check, Finding, failure, problem, unchecked, warning
from dataontap.host.lun import FLAT_SPACE, LARGEST_PERIPHERAL

if TYPE_CHECKING:
    from dataontap.config import Settings
    from dataontap.host.facts import Facts
    from dataontap.host.lvm import Lvm
    from dataontap.volume.cluster import Cluster
    from dataontap.volume.igroups import Igroups

LOG_DIRECTORY = "/var/log/ganeti/extstorage"
RULES = "57-ganeti-extstorage-dataontap.rules"
# With these values multipathd makes multipath maps of LUNs that are new to it.
_MAKES_ALL_MAPS = frozenset({"no", "off", "greedy"})
# A volume as Ganeti names it.
_VOLUME = "6b59051c-cb68-467a-a4aa-e4d8e6a2b6b9.ext.disk0"
# An example LUN, as LVM would see its multipath map or its disk. LVM itself ignores disks that are in a map.
_NAA = "600a0980383054723324526c68717745"
_WWN = f"/dev/disk/by-id/wwn-0x{_NAA}"
_MAP = (f"/dev/mapper/3{_NAA}", "/dev/dm-7", f"/dev/disk/by-id/dm-uuid-mpath-3{_NAA}", _WWN)
_DISK = ("/dev/sdq", f"/dev/disk/by-id/scsi-3{_NAA}", _WWN)
# Directories that also have other devices in them.
_SHARED = re.compile("/dev/(disk/(by-[^/]*/)?|mapper/|block/)?")


class NodeChecks:
    """One method per check; ``checks`` has them by name. Nothing is asked of the filer."""

    def __init__(
        self,
        settings: Settings,
        cluster: Cluster,
        igroups: Igroups,
        facts: Facts,
        lvm: Lvm,
    ) -> None:
        self._settings = settings
        self._igroups = igroups
        self._facts = facts
        self._lvm = lvm
        self._cluster = cluster

    @property
    def checks(self) -> Mapping[str, Check]:
        """All checks."""
        return {
            "params": self.params,
            "config": self.config,
            "ganeti": self.ganeti,
            "run": self.run,
            "initiator": self.initiator,
            "multipath": self.multipath,
            "udev": self.udev,
            "lvm": self.lvm,
        }

    def params(self) -> Iterable[Finding]:
        """The ext-params are valid: invalid ones were refused before any check could run."""
        return ()

    def config(self) -> Iterator[Finding]:
        """The file is valid, for the same reason. Finds options that need another option, or are imprudent."""
        settings = self._settings
        if settings.transport_type == "http":
            what = "TRANSPORT_TYPE: with http any machine on the way can read the password and change answers"
            yield warning("config", what, 'set TRANSPORT_TYPE = "https"')
        elif not settings.verify_cert:
            what = "VERIFY_CERT: without it any machine can pretend to be the filer and get the password"
            yield warning("config", what, "put the filer's certificate into CA_FILE")
        # Without KEY_FILE the key is in CERT_FILE.
        option, key = ("KEY_FILE", settings.key_file) if settings.key_file else ("CERT_FILE", settings.cert_file)
        if key and self._facts.is_open_to_others(key):
            what = f"{option}: others can read or change the private key"
            yield warning("config", what, f"chown root {key} && chmod 600 {key}")
        self._igroups.own  # noqa: B018 - raises if IGROUP is missing

    def ganeti(self) -> Iterator[Finding]:
        """Ganeti can run the scripts, and create instances on their volumes."""
        if not self._facts.exists(LOG_DIRECTORY):
            what = f"{LOG_DIRECTORY} is missing: without it Ganeti runs no script but attach"
            yield failure("ganeti", what, f"install -d -m 0750 {LOG_DIRECTORY}")
        templates = self._cluster.disk_templates()
        if templates is None:
            return
        modify = "gnt-cluster modify"
        # Only warnings: Ganeti refuses the instance before it runs a script, so no verb fails.
        if "ext" not in templates.enabled:
            what = "the cluster does not have the disk template ext enabled"
            enabled = ",".join(sorted({*templates.enabled, "ext"}))
            yield warning("ganeti", what, f"{modify} --enabled-disk-templates={enabled}")
        if "ext" not in templates.allowed:
            what = "the cluster's instance policy does not allow the disk template ext"
            allowed = ",".join(sorted({*templates.allowed, "ext"}))
            yield warning("ganeti", what, f"{modify} --ipolicy-disk-templates={allowed}")

    def run(self) -> Iterator[Finding]:
        """Locks can be created. The other files there only save time."""
        why = self._facts.why_unwritable(paths.RUN)
        if why:
            yield failure("run", f"no lock can be made in {paths.RUN}: {why}", "see mount, df -i /run")

    def initiator(self) -> Iterator[Finding]:
        """The node has an initiator name, and the programs that bring LUNs up with it."""
        settings = self._settings
        by_commands = settings.attach_commands is not None
        try:
            self._igroups.require_initiators()
        except DeviceError as error:  # an igroup per node consists of them, also where commands bring LUNs up
            yield problem("initiator", str(error), fails=not by_commands or self._igroups.is_per_node)
        if by_commands:
            return
        if settings.storage_protocol == "fc":
            yield from self._lun_ids()
        elif not self._facts.has_program("iscsiadm"):
            yield failure("initiator", "iscsiadm is not installed", "apt install open-iscsi")
        elif not self._facts.has_iscsid():
            fails = not self._facts.can_start_iscsid()
            what = "iscsid does not run" if fails else "iscsid does not run until iscsiadm starts it"
            yield problem("initiator", what, "systemctl enable --now iscsid.socket", fails=fails)
        else:
            yield from self._interfaces()

    def _interfaces(self) -> Iterator[Finding]:
        """A finding if open-iscsi lacks interfaces that logins are to be made by. One is enough for a session."""
        wanted = self._settings.iscsi_interfaces
        if not wanted:
            return
        try:
            there = self._facts.iscsi_interfaces()
        except CommandError as error:
            yield unchecked("initiator", str(error))
            return
        missing = [name for name in wanted if name not in there]
        if missing:
            what, remedy = (
                f"open-iscsi has no interface {', '.join(missing)}",
                "see ISCSI_INTERFACES, iscsiadm -m iface",
            )
            yield problem("initiator", what, remedy, fails=len(missing) == len(wanted))

    def _lun_ids(self) -> Iterator[Finding]:
        """A finding if an FC adapter does not see all LUN ids that may be assigned."""
        limit = self._settings.lun_id_limit
        needed = limit if limit <= LARGEST_PERIPHERAL else limit | FLAT_SPACE
        for host, largest in self._facts.largest_lun_ids().items():
            if largest < needed:
                seen = min(largest, LARGEST_PERIPHERAL)
                what = f"{host} sees LUN ids up to {seen} only (lpfc_max_luns); LUN_ID_LIMIT is {limit}"
                remedy = f"set LUN_ID_LIMIT = {seen}, or the module option lpfc_max_luns=65535"
                yield failure("initiator", what, remedy)

    def multipath(self) -> Iterator[Finding]:
        """multipathd runs, and makes multipath maps of LUNs that are new to it."""
        settings = self._settings
        if settings.attach_commands is not None:
            yield unchecked("multipath", "LUNs come by configured commands")
            return
        if not settings.multipath:
            yield unchecked("multipath", "MULTIPATH is False")
            return
        if not self._facts.has_program("multipathd"):
            what, remedy = "multipathd is not installed", "apt install multipath-tools"
            yield failure("multipath", what, remedy)
            return
        try:
            found = self._facts.find_multipaths()
        except CommandError:
            yield failure("multipath", "multipathd does not run", "systemctl enable --now multipathd")
            return
        if found and found not in _MAKES_ALL_MAPS:
            # No failure: attach writes each LUN there before it scans for it. Other programs that scan do not.
            what = f"find_multipaths is {found}: only LUNs in /etc/multipath/wwids have maps"
            yield warning(
                "multipath", what, "set find_multipaths no in /etc/multipath.conf, then multipathd reconfigure"
            )

    def udev(self) -> Iterator[Finding]:
        """Our rules are in force: they name the devices, and keep the node's other programs off them."""
        settings = self._settings
        if settings.attach_commands is not None:
            yield unchecked("udev", "LUNs come by configured commands")
        elif not self._facts.has_rules(RULES):
            fails = settings.lun_device_path_format.startswith("/dev/")
            remedy = "reinstall the package, or put the file into /etc/udev/rules.d; then udevadm control --reload"
            yield problem("udev", f"udev does not read {RULES}", remedy, fails=fails)

    def lvm(self) -> Iterator[Finding]:
        """The node's LVM does not use the volume groups on guests' disks."""
        settings = self._settings
        names = settings.lun_device_path_format
        link = names.format(hostname=settings.hostname, pool=settings.pool, name=_VOLUME)
        try:
            accepts = self._lvm.accepts((link, *(_MAP if settings.multipath else _DISK)))
        except CommandError as error:
            yield unchecked("lvm", str(error))
            return
        if accepts:
            what = "LVM reads guests' disks, and takes a guest's volume group for the node's"
            folder = names.partition("{pool}")[0].partition("{name}")[0].format(hostname=settings.hostname)
            remedy = (
                "give lvm.conf a global_filter that rejects the names of LUN_DEVICE_PATH_FORMAT, and no others"
            )
            if folder.startswith("/dev/") and folder.endswith("/") and not _SHARED.fullmatch(folder):
                remedy = f'global_filter = [ "r|^{folder}|" ] in /etc/lvm/lvm.conf'
            yield warning("lvm", what, remedy)
