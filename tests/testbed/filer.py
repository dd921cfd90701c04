"""The storage admin's side of the simulated filer: what is set up there for Ganeti, and a look at it after."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from dataontap.client.retry import Patience, never_again
from dataontap.client.transport import Filer, Transport
from dataontap.client.zapi.api import NaServer
from dataontap.client.zapi.cmode import CmodeClient
from dataontap.client.zapi.post import Post
from dataontap.deadline import Deadline
from tests.simulator.process import Simulator


@contextmanager
def admin(
    simulator: Simulator, vserver: str = "svm1", *, tls: bool = True, patient: bool = False
) -> Iterator[CmodeClient]:
    """A client with the admin's rights on one SVM; ``.server.send_request`` makes any call.

    A ``patient`` one asks again when its connection is lost.
    """
    filer = Filer(
        hostname="127.0.0.1",
        port=simulator.port,
        tls=tls,
        ca_file=str(simulator.ca),
        login="admin",
        password="secret",
    )
    deadline = Deadline(86400)  # guests that no machine helps to run take hours
    transport = Transport(filer, deadline)
    client = CmodeClient(
        NaServer(Post(transport), tunnel=vserver, again=Patience(deadline) if patient else never_again)
    )
    try:
        client.get_ontapi_version()
        yield client
    finally:
        transport.close()


def make_igroup(client: CmodeClient, name: str, *initiators: str, kind: str = "iscsi") -> None:
    """An initiator group for Linux with these members; its ``kind`` is iscsi or fcp."""
    arguments = {"initiator-group-name": name, "initiator-group-type": kind, "os-type": "linux"}
    client.server.send_request("igroup-create", arguments)
    for initiator in initiators:
        client.server.send_request("igroup-add", {"initiator-group-name": name, "initiator": initiator})


def destroy(client: CmodeClient, path: str) -> None:
    """Destroy a LUN, whatever sees it."""
    client.server.send_request("lun-destroy", {"path": path, "force": True})
