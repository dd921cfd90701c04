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
# For a filer whose certificate changes: another one of the same CA, and one of a CA that nobody trusts.
OTHERS = {"renewed": "server-renewed.pem", "foreign": "server-foreign.pem"}
_NAMES = ("127.0.0.1", "127.0.0.11", "127.0.0.12", "::1", "localhost", "filer.example")


def ensure(state: Path, account: str = "admin") -> None:
    """Write the certificates unless they are there; the CA comes last and so vouches for the others."""
    if (state / CA).exists():
        return
    import trustme  # noqa: PLC0415 - slow to load, and wanted only once

    authority = trustme.CA()
    server = authority.issue_cert(*_NAMES)
    client = authority.issue_cert(f"{account}@localhost", common_name=account)
    server.private_key_and_cert_chain_pem.write_to_path(str(state / SERVER))
    for name, signer in (("renewed", authority), ("foreign", trustme.CA())):
        other = signer.issue_cert(*_NAMES)
        other.private_key_and_cert_chain_pem.write_to_path(str(state / OTHERS[name]))
    (state / CLIENT).write_bytes(b"".join(blob.bytes() for blob in client.cert_chain_pems))
    client.private_key_pem.write_to_path(str(state / CLIENT_KEY))
    fresh = state / f"{CA}.new"
    authority.cert_pem.write_to_path(str(fresh))
    for name in (SERVER, CLIENT_KEY, *OTHERS.values()):
        (state / name).chmod(0o600)
    fresh.replace(state / CA)


def context(state: Path, certificate: str = SERVER) -> ssl.SSLContext:
    """The server's side of TLS; a client may show a certificate of our CA instead of a password."""
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(state / certificate)
    tls.load_verify_locations(state / CA)
    tls.verify_mode = ssl.CERT_OPTIONAL
    return tls
