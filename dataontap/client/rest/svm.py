"""The SVM over REST: its pools, its targets, and what the account may do."""

from __future__ import annotations

from collections.abc import Collection

from dataontap.client.array import FcPort, IscsiPortal, Pool
from dataontap.client.initiators import canonical
from dataontap.client.rest import rights
from dataontap.client.rest.api import JobUnclear, any_of
from dataontap.client.rest.fields import Record, flag, optional_number, text, value
from dataontap.client.rest.kinds import Kinds
from dataontap.client.svm import noted
from dataontap.errors import NotAllowed, Refusal

VOLUMES = "/storage/volumes"
SERVICES = "/protocols/san/iscsi/services"
INTERFACES = "/network/ip/interfaces"
FC_SERVICES = "/protocols/san/fcp/services"
FC_INTERFACES = "/network/fc/interfaces"
# Interfaces serve iSCSI at this port only (Cinder).
_ISCSI_PORT = 3260


class SvmCalls(Kinds):
    """Methods are described in ``Svm`` of ``client.array``."""

    account_commands = "ontap-account-rest.txt"

    def get_pools(self, names: Collection[str]) -> list[Pool]:
        """See ``Svm``."""
        if not names:
            return []
        return self.iterate(
            VOLUMES,
            _pool,
            key=lambda pool: (pool.name,),
            query={"name": any_of(names)},
            fields="name,type,state,clone.is_flexclone,space.afs_total,space.available,autosize.mode",
            is_asked=lambda pool: pool.name in names,
        )

    def get_iscsi_service_details(self) -> str | None:
        """See ``Svm``."""
        targets = self.iterate(
            SERVICES,
            lambda record: text(record, "target.name"),
            key=lambda name: (name,),
            query={},
            fields="target.name",
            is_asked=lambda name: True,
        )
        return next(iter(targets), None)

    def get_iscsi_target_details(self) -> list[IscsiPortal]:
        """See ``Svm``. REST does not tell the tags of the portal groups."""
        return self.iterate(
            INTERFACES,
            _portal,
            key=lambda portal: (),
            query={"services": "data_iscsi"},
            fields="ip.address,enabled,location.node.name",
            is_asked=lambda portal: True,
        )

    def is_fcp_enabled(self) -> bool | None:
        """See ``Svm``."""
        services = self.iterate(
            FC_SERVICES,
            _is_enabled,
            key=lambda enabled: (),
            query={},
            fields="enabled",
            is_asked=lambda enabled: True,
        )
        return next(iter(services), None)

    def get_fc_target_ports(self) -> list[FcPort]:
        """See ``Svm``."""
        return self.iterate(
            FC_INTERFACES,
            _fc_port,
            key=lambda port: (),
            query={"data_protocol": "fcp"},  # the others serve NVMe
            fields="wwpn,enabled,location.node.name",
            is_asked=lambda port: True,
        )

    def check_connection(self) -> None:
        """See ``Svm``: ask for the SVM, which every account may, and for the kind of filer."""
        uuids = {svm.uuid for svm in self.svm.listed()}
        if noted(self.memory.noted_svm()) not in uuids:
            self.svm.forget()
        self.memory.svm().drop()
        self.memory.kind().drop()
        self.require_served()

    def is_whole_cluster(self) -> bool:
        """See ``Svm``. Over REST an account of the whole cluster is recognized by the SVMs that it sees."""
        return len(self.svm.listed()) > 1

    def get_missing_rights(self, protocol: str, *, per_node: bool) -> list[str] | None:
        """See ``Svm``. It tries each right at an object that cannot exist, which changes nothing.

        The filer compares the account's role with the request before it looks for the object [?].
        """
        refused = [
            (right.path, [method for method in right.methods if not self._may(method, right)])
            for right in rights.needed(protocol, per_node=per_node)
        ]
        return [f"{path} ({', '.join(methods)})" for path, methods in refused if methods]

    def _may(self, method: str, right: rights.Right) -> bool:
        """Whether the account may send such a request. POST of an empty object is refused by every filer."""
        try:
            if method == "GET":
                self.server.get(right.collection, {"return_records": "false"})
            elif method == "POST":
                self.server.send("POST", right.collection, None, {})
            else:
                self.server.send(method, right.record, None, {} if method == "PATCH" else None)
        except NotAllowed:
            return False
        except (Refusal, JobUnclear):
            return True
        return True


def _portal(record: Record) -> IscsiPortal:
    address, node = text(record, "ip.address"), text(record, "location.node.name")
    return IscsiPortal(address, _ISCSI_PORT, None, flag(record, "enabled"), node)


def _fc_port(record: Record) -> FcPort:
    return FcPort(canonical(text(record, "wwpn")), _is_enabled(record), text(record, "location.node.name"))


def _is_enabled(record: Record) -> bool:
    return value(record, "enabled") is not False


def _pool(record: Record) -> Pool:
    return Pool(
        name=text(record, "name"),
        type=text(record, "type") or "rw",
        is_clone=flag(record, "clone.is_flexclone"),
        state=text(record, "state"),
        size=optional_number(record, "space.afs_total"),
        available=optional_number(record, "space.available"),
        grows=text(record, "autosize.mode") in {"grow", "grow_shrink"},
    )
