"""The protocols by which nodes reach the filer's LUNs, and what is done by other commands over each of them."""

from __future__ import annotations

from dataclasses import dataclass

# What the first implementation ran after it.
_FOUND = (("multipath", "-r"), ("udevadm", "settle"))
_SCAN_ALL = "for host in /sys/class/fc_host/host*; do echo '- - -' >/sys/class/scsi_host/${host##*/}/scan; done"


@dataclass(frozen=True)
class San:
    """A protocol, ``name`` as in STORAGE_PROTOCOL. Everything but ``scan`` is a shell command.

    ``initiators`` says the node's initiators; ``states`` the states of its sessions to the filer, which are
    ``works`` if all is well, and of which ``sessions`` are there without anybody's doing. ``see_all`` lets the
    node see every LUN that the filer shows it, and every change of those that it sees already. ``scan`` are the
    first implementation's attach commands. ``log_in`` is what there was before, once a node: what an admin did
    by hand, or the kernel when it found the filer's ports.
    """

    name: str
    igroup_type: str
    initiators: str
    states: str
    works: str
    sessions: int
    see_all: str
    scan: tuple[tuple[str, ...], ...]
    log_in: str


ISCSI = San(
    "iscsi",
    "iscsi",
    initiators="sed -n s/^InitiatorName=//p /etc/iscsi/initiatorname.iscsi",
    states="cat /sys/class/iscsi_session/session*/state 2>/dev/null || :",
    works="LOGGED_IN",
    sessions=0,
    see_all="iscsiadm -m node -R >/dev/null",
    scan=(("iscsiadm", "-m", "node", "-R"), *_FOUND),
    log_in="iscsiadm -m session >/dev/null 2>&1 || "
    "{ iscsiadm -m discovery -t st -p 127.0.0.1 && iscsiadm -m node -l; } >/dev/null",
)
FC = San(
    "fc",
    "fcp",
    initiators="cat /sys/class/net/i[01]/address | sed s/^/20:00:/",
    states="cd /sys/class/fc_remote_ports; for port in $(grep -ls Target */roles); do "
    "tr -d ' \n' <${port%roles}port_state; echo; done",
    works="Online",
    sessions=2,
    see_all=f"{_SCAN_ALL}; for disk in /sys/block/sd*; do [ ! -e $disk ] || echo 1 >$disk/device/rescan; done",
    scan=(("rescan-scsi-bus.sh",), *_FOUND),
    log_in=_SCAN_ALL,
)
SANS = {san.name: san for san in (ISCSI, FC)}
