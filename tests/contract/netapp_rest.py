"""NetApp's own Python client, netapp-ontap, on a simulated filer: its connection, and what tests make by it."""

from __future__ import annotations

from typing import Any

import pytest
from netapp_ontap import HostConnection, NetAppRestError
from netapp_ontap.resources import Igroup, Lun, LunMap

from tests.simulator.process import Simulator

MIB = 1 << 20
IQN, OTHER, WWPN = "iqn.1993-08.org.debian:01:node1", "iqn.1993-08.org.debian:01:node2", "21:00:00:0e:1e:0a:0b:0c"


def connection(simulator: Simulator, *, user: str = "admin", password: str = "secret") -> HostConnection:
    """As programs make it; it verifies the filer's certificate, and asks for a job often."""
    return HostConnection(
        "127.0.0.1",
        username=user,
        password=password,
        verify=str(simulator.ca),
        port=simulator.port,
        poll_interval=0.05,
        poll_timeout=20,
    )


def code(call: Any, /, *arguments: Any, **options: Any) -> str:
    """The code that a call is refused with."""
    with pytest.raises(NetAppRestError) as caught:
        call(*arguments, **options)
    response = caught.value.http_err_response
    return str(response.http_response.json()["error"]["code"]) if response else str(caught.value)


def new(name: str = "a", size: int | str = 10 * MIB, /, **more: Any) -> Lun:
    """A LUN that is not made yet."""
    body = {"svm": {"name": "svm1"}, "name": f"/vol/vol1/{name}", "os_type": "linux", "space": {"size": size}}
    return Lun.from_dict({**body, **more})


def made(name: str = "a", /, **more: Any) -> Lun:
    """A LUN, as the answer to its POST shows it."""
    lun = new(name, **more)
    lun.post(hydrate=True)
    return lun


def group(name: str, *initiators: str, os_type: str = "linux", protocol: str = "iscsi") -> Igroup:
    """An igroup with these initiators, made in one call."""
    body = {"svm": {"name": "svm1"}, "name": name, "os_type": os_type, "protocol": protocol}
    igroup = Igroup.from_dict({**body, "initiators": [{"name": each} for each in initiators]})
    igroup.post(hydrate=True)
    return igroup


def mapping(lun: Lun, igroup: Igroup, /, **more: Any) -> LunMap:
    """A map that is not made yet."""
    return LunMap.from_dict(
        {"svm": {"name": "svm1"}, "lun": {"uuid": lun.uuid}, "igroup": {"uuid": igroup.uuid}, **more}
    )


def names(found: Any) -> list[str]:
    """The last parts of LUNs' names."""
    return sorted(lun.name.rpartition("/")[2] for lun in found)
