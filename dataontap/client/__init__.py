"""The ONTAP client: the protocol to the filer. It knows nothing of Ganeti and of block devices."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from dataontap.errors import ConfigError

if TYPE_CHECKING:
    from dataontap.client.array import Array
    from dataontap.config import Settings
    from dataontap.deadline import Deadline

LOG = logging.getLogger(__name__)


def connect(settings: Settings, deadline: Deadline) -> Array:
    """A client for the filer in ``settings``. Logs a warning if the filer's identity is not verified.

    Nothing is sent before the client's first call.
    """
    if settings.storage_family != "ontap_cluster":
        raise ConfigError(f"STORAGE_FAMILY: {settings.storage_family!r} is not supported yet; use 'ontap_cluster'")

    from dataontap.client.retry import Patience
    from dataontap.client.transport import Filer, Transport
    from dataontap.client.zapi.api import NaServer
    from dataontap.client.zapi.cmode import CmodeClient
    from dataontap.state.cache import FilerCaches

    filer = Filer(
        hostname=settings.hostname,
        port=settings.port,
        tls=settings.transport_type == "https",
        verify=settings.verify_cert,
        ca_file=settings.ca_file,
        login=settings.login,
        password=settings.password,
        cert_file=settings.cert_file,
        key_file=settings.key_file,
    )
    if not filer.tls:
        LOG.warning("TRANSPORT_TYPE is http: LOGIN, PASSWORD and all requests are sent unencrypted; use https")
    elif not filer.verify:
        LOG.warning("VERIFY_CERT is False: any machine in the filer's place gets LOGIN and PASSWORD; see CA_FILE")
    transport = Transport(filer, deadline)
    server = NaServer(transport, tunnel=settings.cluster_mode_vserver, again=Patience(deadline))
    return CmodeClient(server, FilerCaches(settings).version())
