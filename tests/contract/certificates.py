"""A CA whose certificates are as they should not be: expired, for later, of nobody."""

from __future__ import annotations

import datetime
import ipaddress
import ssl
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import NameOID

DAY = datetime.timedelta(days=1)


class Authority:
    """A certificate authority below ``directory``; ``file`` is its own certificate."""

    def __init__(self, directory: Path, name: str = "ca") -> None:
        self._directory = directory
        self._name = _name(name)
        self._key = rsa.generate_private_key(65537, 2048)
        self.file = directory / f"{name}.pem"
        certificate = self._sign(self._name, self._key, valid=(-2, 2), names=(), is_authority=True)
        self.file.write_bytes(certificate)

    def server(self, *names: str, valid: tuple[int, int] = (-1, 1), self_signed: bool = False) -> ssl.SSLContext:
        """A server's side of TLS, with a certificate for ``names`` that is valid between two days from now."""
        key = rsa.generate_private_key(65537, 2048)
        signer = key if self_signed else None
        certificate = self._sign(_name("server"), key, valid=valid, names=names, signer=signer)
        file = self._directory / f"server-{len(list(self._directory.iterdir()))}.pem"
        form = (serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
        file.write_bytes(certificate + key.private_bytes(*form))
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(file)
        return context

    def _sign(
        self,
        subject: x509.Name,
        key: rsa.RSAPrivateKey,
        *,
        valid: tuple[int, int],
        names: tuple[str, ...],
        is_authority: bool = False,
        signer: rsa.RSAPrivateKey | None = None,
    ) -> bytes:
        now = datetime.datetime.now(datetime.timezone.utc).replace(tzinfo=None)
        builder = (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(subject if signer else self._name)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now + valid[0] * DAY)
            .not_valid_after(now + valid[1] * DAY)
            .add_extension(x509.BasicConstraints(ca=is_authority, path_length=None), critical=True)
        )
        if names:
            builder = builder.add_extension(x509.SubjectAlternativeName(map(_alternative, names)), critical=False)
        certificate = builder.sign(signer or self._key, hashes.SHA256())
        return certificate.public_bytes(serialization.Encoding.PEM)


def _name(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


def _alternative(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name)
