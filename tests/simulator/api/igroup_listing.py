"""igroup-get-iter: what there is to know of igroups."""

from __future__ import annotations

from tests.simulator.call import Call, api
from tests.simulator.documents import Tree, Value
from tests.simulator.iterator import ITERATOR, Fields, Listing
from tests.simulator.model import Igroup

FIELDS: Fields = {
    **dict.fromkeys(
        f"initiator-group-{name}"
        for name in [
            "alua-enabled",
            "delete-on-unmap",
            "name",
            "os-type",
            "portset-name",
            "report-scsi-name-enabled",
            "throttle-borrow",
            "throttle-reserve",
            "type",
            "use-partner",
            "uuid",
            "vsa-enabled",
        ]
    ),
    "initiators": {"initiator-info": {"initiator-name": None}},
    "lun-id": None,
    "vserver": None,
}


def describe(igroup: Igroup) -> Tree:
    """An igroup, as initiator-group-info; one without initiators has no ``initiators`` (libstoragemgmt,
    Cinder).
    """
    tree: dict[str, Value] = {
        "initiator-group-alua-enabled": igroup.alua,
        "initiator-group-delete-on-unmap": False,
        "initiator-group-name": igroup.name,
        "initiator-group-os-type": igroup.ostype,
        "initiator-group-report-scsi-name-enabled": igroup.report_scsi_name,
        "initiator-group-throttle-borrow": igroup.throttle_borrow,
        "initiator-group-throttle-reserve": igroup.throttle_reserve,
        "initiator-group-type": igroup.protocol,
        "initiator-group-use-partner": True,
        "initiator-group-uuid": igroup.uuid,
        "initiator-group-vsa-enabled": False,
        "vserver": igroup.vserver,
    }
    if igroup.portset:
        tree["initiator-group-portset-name"] = igroup.portset
    if igroup.initiators:
        tree["initiators"] = {"initiator-info": [{"initiator-name": name} for name in igroup.initiators]}
    return tree


IGROUPS: Listing[Igroup] = Listing("initiator-group-info", ("vserver", "initiator-group-name"), FIELDS, describe)


@api("igroup-get-iter", optional=ITERATOR, tunnelled=False)
def igroup_get_iter(call: Call) -> Tree:
    """Igroups of one vserver or of the cluster."""
    seen = {key: igroup for key, igroup in call.filer.igroups.items() if call.scope in {None, igroup.vserver}}
    return IGROUPS.answer(call, seen)


@api("igroup-list-info", optional=("initiator-group-name",))
def igroup_list_info(call: Call) -> Tree:
    """Igroups as 7-Mode lists them; clustered ONTAP answers this, too [?]."""
    if call.container("initiator-group-name"):
        found = [call.igroup()]
    else:
        found = [igroup for key, igroup in sorted(call.filer.igroups.items()) if key[0] == call.vserver]
    groups = [describe(igroup) for igroup in found]
    return {"initiator-groups": {"initiator-group-info": groups} if groups else {}}
