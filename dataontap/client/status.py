"""HTTP statuses that mean the same over each API, as errors."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dataontap.errors import ApiOff, TransportError

if TYPE_CHECKING:
    from dataontap.client.transport import Filer

OK = 200
UNAUTHORIZED = 401
# From a filer that does not serve an API, or from another server. No source says which of them [?].
NOT_SERVED = frozenset({403, 404, 405, 410})


def refusal(status: int, filer: Filer) -> TransportError:
    """The error for a status that is no success."""
    if status == UNAUTHORIZED and filer.is_one_of_several:
        account = "CERT_FILE" if filer.cert_file else f"LOGIN {filer.login!r}"
        why = f"does not accept {account} (status 401); an SVM's account works at the SVM's interfaces only"
    elif status == UNAUTHORIZED and filer.cert_file:
        why = f"does not accept the certificate in CERT_FILE {filer.cert_file} (HTTP status 401)"
    elif status == UNAUTHORIZED:
        why = f"does not accept LOGIN {filer.login!r} with this PASSWORD (HTTP status 401)"
    else:
        why = f"answered with HTTP status {status}"
    # 429: too many requests. No source shows that a filer sends it [?].
    return TransportError(f"{filer.address} {why}", status=status, transient=status >= 500 or status == 429)


def api_off(status: int, filer: Filer, api: str, service: str) -> ApiOff:
    """The error for a status in NOT_SERVED. ``service`` is the name of the ``api`` in ONTAP's commands."""
    enable = f"vserver services web modify -name {service} -enabled true"
    why = f"serves no {api} (HTTP status {status}); {enable} switches it on, if this is a filer"
    return ApiOff(f"{filer.address} {why}", status=status)
