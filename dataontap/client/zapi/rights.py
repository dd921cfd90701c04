"""All calls that this provider makes to a clustered filer. Its account must have the rights for them.

A test compares the list with the calls in this package. etc/ontap-account-zapi.txt has the filer's commands that
give an account these rights.
"""

from __future__ import annotations

ALWAYS = frozenset(
    {
        "clone-create",
        "igroup-get-iter",
        "lun-create-by-size",
        "lun-destroy",
        "lun-get-iter",
        "lun-map",
        "lun-map-get-iter",
        "lun-resize",
        "lun-set-comment",
        "lun-unmap",
        "system-get-ontapi-version",
        "system-user-capability-get-iter",
        "volume-get-iter",
        "vserver-get-iter",
    }
)
# If each node has an initiator group of its own, the nodes create the groups.
PER_NODE = frozenset({"igroup-add", "igroup-create", "igroup-remove"})
# Also with a group for each node: to check whether the node that a LUN is mapped for is logged in.
SESSIONS = {
    "iscsi": frozenset({"iscsi-initiator-get-iter"}),
    "fc": frozenset({"fcp-initiator-get-iter"}),
}
# To find the target of a LUN's paths.
TARGETS: dict[str, frozenset[str]] = {
    "iscsi": frozenset({"iscsi-interface-get-iter", "iscsi-service-get-iter"}),
    "fc": frozenset({"fcp-interface-get-iter", "fcp-service-get-iter"}),
}


def needed(protocol: str, *, per_node: bool) -> frozenset[str]:
    """The calls of a provider that speaks ``protocol`` ("iscsi" or "fc") and has an igroup per node or not."""
    return ALWAYS | TARGETS[protocol] | (PER_NODE | SESSIONS[protocol] if per_node else frozenset())
