"""The simulator's TLS identity: a CA, a server certificate, and a client certificate that logs in as admin.

Made once per state directory with ``trustme``, which is loaded only then.
"""

from __future__ import annotations

import ssl
from pathlib import Path

CA = "ca.pem"
SERVER = "server.pem"
CLIENT = "client.pem"
CLIENT_KEY = "client-key.pem"


def ensure(state: Path, account: str = "admin") -> None:
    """Write the certificates unless they are there; the CA comes last and so vouches for the others."""
    if (state / CA).exists():
        return
    import trustme  # noqa: PLC0415 - slow to load, and wanted only once

    authority = trustme.CA()
    server = authority.issue_cert("127.0.0.1", "::1", "localhost")
    client = authority.issue_cert(f"{account}@localhost", common_name=account)
    server.private_key_and_cert_chain_pem.write_to_path(str(state / SERVER))
    (state / CLIENT).write_bytes(b"".join(blob.bytes() for blob in client.cert_chain_pems))
    client.private_key_pem.write_to_path(str(state / CLIENT_KEY))
    fresh = state / f"{CA}.new"
    authority.cert_pem.write_to_path(str(fresh))
    for name in (SERVER, CLIENT_KEY):
        (state / name).chmod(0o600)
    fresh.replace(state / CA)


def context(state: Path) -> ssl.SSLContext:
    """The server's side of TLS; a client may show a certificate of our CA instead of a password."""
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(state / SERVER)
    tls.load_verify_locations(state / CA)
    tls.verify_mode = ssl.CERT_OPTIONAL
    return tls
