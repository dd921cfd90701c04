"""TLS with a filer: the settings of a connection, and the meaning of a failure. The only importer of ssl."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Callable

from dataontap.errors import ConfigError

if TYPE_CHECKING:
    import ssl

    from dataontap.client.transport import Filer

# OpenSSL's X509_V_ERR_* (<openssl/x509_vfy.h>), each with the problem and the remedy.
_OTHER_NAME = frozenset({62, 64})  # the host name does not match, the IP address does not match
_DISTRUST = (
    ({9}, "is not valid yet; compare this node's clock with the filer's"),
    ({10}, "or its CA's has expired; renew it on the filer (security certificate show)"),
    ({18}, "is self-signed and not in {store}; check it, then put it into CA_FILE"),
    ({2, 19, 20, 21}, "is from a CA not in {store}; put the CA's certificate into CA_FILE"),
    ({66, 67, 68}, "is too weak for this node ({reason}); create a new one on the filer"),
)

# Errors of a peer, by their names in OpenSSL 3.0 to 3.5. OpenSSL 3.0 reports "legacy sigalg" for TLS 1.0 and 1.1,
# because its security level 2 does not accept their SHA-1. The command is from memory [?].
_FAILURES = (
    (
        {
            *("UNSUPPORTED_PROTOCOL", "TLSV1_ALERT_PROTOCOL_VERSION", "VERSION_TOO_LOW", "WRONG_SSL_VERSION"),
            "LEGACY_SIGALG_DISALLOWED_OR_UNSUPPORTED",
        },
        "{address}'s TLS is too old for this node; enable TLS 1.2 on the filer (security config modify)",
    ),
    (
        {
            *(
                "DH_KEY_TOO_SMALL",
                "EE_KEY_TOO_SMALL",
                "CA_KEY_TOO_SMALL",
                "CA_MD_TOO_WEAK",
                "WRONG_SIGNATURE_TYPE",
            ),
            *("SSLV3_ALERT_HANDSHAKE_FAILURE", "SSL/TLS_ALERT_HANDSHAKE_FAILURE", "NO_CIPHERS_AVAILABLE"),
            *("TLSV1_ALERT_INSUFFICIENT_SECURITY", "UNSAFE_LEGACY_RENEGOTIATION_DISABLED"),
        },
        "{address}'s TLS is too weak for this node ({reason}); see its certificate and security config show",
    ),
    (
        {
            *("WRONG_VERSION_NUMBER", "RECORD_LAYER_FAILURE", "PACKET_LENGTH_TOO_LONG", "UNKNOWN_PROTOCOL"),
            *("HTTP_REQUEST", "HTTPS_PROXY_REQUEST"),
        },
        "{address} does not speak TLS; check PORT and TRANSPORT_TYPE",
    ),
    (
        {
            *("TLSV13_ALERT_CERTIFICATE_REQUIRED", "TLSV1_ALERT_UNKNOWN_CA", "SSLV3_ALERT_BAD_CERTIFICATE"),
            *("SSLV3_ALERT_CERTIFICATE_EXPIRED", "SSLV3_ALERT_CERTIFICATE_UNKNOWN"),
        },
        "{address} requires another client certificate ({reason}); see CERT_FILE",
    ),
)

_NAMES_SHOWN = 3


def wrapper(filer: Filer, *, any_name: bool = False) -> Callable[..., ssl.SSLSocket]:
    """A function that wraps a socket in TLS with ``filer``. It changes no process-wide settings.

    With ``any_name`` the certificate must be trusted, but may be for any name.
    """
    import ssl

    try:
        rules = ssl.create_default_context(cafile=filer.ca_file)
    except ssl.SSLError:
        raise ConfigError(f"CA_FILE: no certificate in PEM form: {filer.ca_file}") from None
    except OSError as error:
        raise ConfigError(f"CA_FILE: {error.strerror}: {filer.ca_file}") from None
    # Python 3.13 made this strictness a default. A filer's self-signed certificate may lack what it requires (it
    # was made for older rules), and an upgrade of a node must not cut the node off from its disks.
    rules.verify_flags &= ~ssl.VERIFY_X509_STRICT
    if any_name or not filer.verify:
        rules.check_hostname = False
    if not filer.verify:
        rules.verify_mode = ssl.CERT_NONE
    if filer.cert_file:
        try:
            # Without a password OpenSSL would ask for it on a terminal, and there is none.
            rules.load_cert_chain(filer.cert_file, filer.key_file, password="")
        except OSError as error:
            what = (
                "not a certificate and its key in PEM form" if isinstance(error, ssl.SSLError) else error.strerror
            )
            key = f" or KEY_FILE {filer.key_file} (it must not be encrypted)" if filer.key_file else ""
            raise ConfigError(f"CERT_FILE: {what}: {filer.cert_file}{key}") from None
    return rules.wrap_socket


def broke_off(error: Exception) -> bool:
    """Whether the peer closed the connection during TLS."""
    import ssl

    return isinstance(error, (ssl.SSLEOFError, ssl.SSLZeroReturnError))


def has_other_name(error: Exception) -> bool:
    """Whether the filer's certificate is trusted, but for another name."""
    import ssl

    return isinstance(error, ssl.SSLCertVerificationError) and error.verify_code in _OTHER_NAME


def names(connection: Any) -> list[str]:
    """The names in the peer's certificate. ``connection`` is a socket from ``wrapper``."""
    certificate = connection.getpeercert() or {}
    return [str(entry[1]) for entry in certificate.get("subjectAltName", ())]


def other_name(filer: Filer, names: list[str]) -> str:
    """The message for a certificate that is for ``names``."""
    shown = ", ".join(names[:_NAMES_SHOWN]) + (", ..." if len(names) > _NAMES_SHOWN else "")
    return f"HOSTNAME is {filer.hostname}, the certificate is for {shown or 'another name'}; use a name in it"


def explained(error: Exception, filer: Filer) -> str | None:
    """Why TLS failed, and what to do about it; None if TLS did not fail, for example after a reset."""
    import ssl

    if isinstance(error, ssl.SSLCertVerificationError):
        return f"{filer.address}'s certificate {_distrust(error, filer)}"
    if not isinstance(error, ssl.SSLError) or broke_off(error):
        return None
    reason = _reason(error)
    for reasons, sentence in _FAILURES:
        if reason in reasons:
            return sentence.format(address=filer.address, reason=reason)
    return f"TLS with {filer.address} failed: {reason}"


def _distrust(error: ssl.SSLCertVerificationError, filer: Filer) -> str:
    store = "CA_FILE" if filer.ca_file else "the system's store"
    for errors, sentence in _DISTRUST:
        if error.verify_code in errors:
            return sentence.format(store=store, reason=error.verify_message)
    return f"is not trusted: {error.verify_message}"


def _reason(error: ssl.SSLError) -> str:
    """OpenSSL's name of the error. For an error that Python does not know, it is made from the error's text."""
    text = error.reason or re.sub(r"^\[.*?\] | \(_ssl.*\)$", "", str(error.args[-1]))
    return text.upper().replace(" ", "_")
