"""The ONTAP client: the protocol to the filer. It knows nothing of Ganeti and of block devices."""

from __future__ import annotations

import logging
from functools import partial
from typing import TYPE_CHECKING, Callable, cast

from dataontap.errors import ConfigError

if TYPE_CHECKING:
    from dataontap.client.addresses import Addresses
    from dataontap.client.array import Array
    from dataontap.client.transport import Filer, Transport
    from dataontap.config import Settings
    from dataontap.deadline import Deadline

LOG = logging.getLogger(__name__)


def connect(settings: Settings, deadline: Deadline, config_file: str) -> Array:
    """A client for the filer in ``settings``, by the API that they name. Logs a warning if it is not verified.

    Nothing is sent before the client's first call.
    """
    if settings.storage_family != "ontap_cluster":
        raise ConfigError(f"STORAGE_FAMILY: {settings.storage_family!r} is not supported yet; use 'ontap_cluster'")

    from dataontap.client.transport import Transport

    filer = filer_of(settings)
    if not filer.tls:
        LOG.warning("TRANSPORT_TYPE is http: LOGIN, PASSWORD and all requests are sent unencrypted; use https")
    elif not filer.verify:
        LOG.warning("VERIFY_CERT is False: any machine in the filer's place gets LOGIN and PASSWORD; see CA_FILE")
    transport = Transport(filer, deadline, _addresses(settings, filer))
    make = partial(of_api, settings, deadline, transport)
    if settings.api != "auto":
        return make(settings.api)

    from dataontap.client.auto import Auto
    from dataontap.state.cache import ApiNote

    return cast("Array", Auto(make, ApiNote(settings, config_file)))


def filer_of(settings: Settings) -> Filer:
    """The filer, by the first of its addresses."""
    from dataontap.client.transport import Filer

    return Filer(
        hostname=settings.hostname,
        port=settings.port,
        tls=settings.transport_type == "https",
        verify=settings.verify_cert,
        ca_file=settings.ca_file,
        login=settings.login,
        password=settings.password,
        cert_file=settings.cert_file,
        key_file=settings.key_file,
        is_one_of_several=bool(settings.other_addresses),
    )


def _addresses(settings: Settings, filer: Filer) -> Addresses | None:
    """The addresses of a filer that has several."""
    if not settings.other_addresses:
        return None

    from dataclasses import replace

    from dataontap.client.addresses import Addresses
    from dataontap.state.addresses import AddressNotes
    from dataontap.state.cache import FilerCaches

    others = [replace(filer, hostname=name) for name in settings.other_addresses]
    return Addresses([filer, *others], AddressNotes(FilerCaches(settings)))


def of_api(settings: Settings, deadline: Deadline, transport: Transport, api: str) -> Array:
    """The client for an API, rest or zapi. Imports only what this API needs."""
    from dataontap.client.retry import Patience
    from dataontap.state.cache import FilerCaches

    caches, patience = FilerCaches(settings), Patience(deadline)
    if api == "rest":
        from dataontap.client.rest.api import RestServer
        from dataontap.client.rest.client import RestClient
        from dataontap.client.rest.recent import Recent

        rest = RestClient(RestServer(transport, patience), caches, settings.cluster_mode_vserver, Recent())
        _compare_addresses(transport, rest.get_svm_uuid)
        return rest

    from dataontap.client.zapi.api import NaServer
    from dataontap.client.zapi.cmode import CmodeClient
    from dataontap.client.zapi.post import Post

    server = NaServer(Post(transport), tunnel=settings.cluster_mode_vserver, again=patience)
    zapi = CmodeClient(server, caches.version(), caches)
    _compare_addresses(transport, zapi.get_svm_uuid)
    return zapi


def _compare_addresses(transport: Transport, identify: Callable[[], str]) -> None:
    """Let the filer at each new address be asked for its SVM, by the API that is spoken."""
    if transport.addresses is not None:
        transport.addresses.identify = identify
