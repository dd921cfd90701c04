"""TLS with a filer: the rules of one connection, and what a failure means. The one importer of ssl."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Callable

from dataontap.errors import ConfigError

if TYPE_CHECKING:
    import ssl

    from dataontap.client.transport import Filer

# OpenSSL's X509_V_ERR_*, <openssl/x509_vfy.h>, and what there is to say and to do.
_OTHER_NAME = frozenset({62, 64})  # a host's, an IP address's
_DISTRUST = (
    ({9}, "is not valid yet; compare this node's clock with the filer's"),
    ({10}, "or its CA's has expired; renew it on the filer (security certificate show)"),
    ({18}, "is self-signed, and not in {store}; check it, and name a file with it in CA_FILE"),
    ({2, 19, 20, 21}, "is of a CA that is not in {store}; name a file with that CA's certificate in CA_FILE"),
    ({66, 67, 68}, "is too weak for this node ({reason}); let the filer have a new one"),
)

# What OpenSSL 3.0 to 3.5 call what a peer does wrong. "Legacy sigalg" is what 3.0 says of TLS 1.0 and 1.1, whose
# SHA-1 its security level 2 does not take. The command is from memory [?].
_FAILURES = (
    (
        {
            *("UNSUPPORTED_PROTOCOL", "TLSV1_ALERT_PROTOCOL_VERSION", "VERSION_TOO_LOW", "WRONG_SSL_VERSION"),
            "LEGACY_SIGALG_DISALLOWED_OR_UNSUPPORTED",
        },
        "{address}'s TLS is too old for this node; switch TLS 1.2 on there (security config modify)",
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
        "{address} wants another certificate from this node ({reason}); see CERT_FILE",
    ),
)

_NAMES_SHOWN = 3


def wrapper(filer: Filer, *, any_name: bool = False) -> Callable[..., ssl.SSLSocket]:
    """What makes a socket one that speaks TLS with ``filer``; nothing process-wide is changed.

    With ``any_name`` the certificate has to be trusted, but may be made out to anybody.
    """
    import ssl

    try:
        rules = ssl.create_default_context(cafile=filer.ca_file)
    except ssl.SSLError:
        raise ConfigError(f"CA_FILE: no certificate in PEM form: {filer.ca_file}") from None
    except OSError as error:
        raise ConfigError(f"CA_FILE: {error.strerror}: {filer.ca_file}") from None
    # Python 3.13 made this strictness a default. Filers' own self-signed certificates may lack what it wants
    # (they were made for older rules), and a node's upgrade must not cut it off from its disks.
    rules.verify_flags &= ~ssl.VERIFY_X509_STRICT
    if any_name or not filer.verify:
        rules.check_hostname = False
    if not filer.verify:
        rules.verify_mode = ssl.CERT_NONE
    if filer.cert_file:
        try:
            # A password for the key would be asked for on a terminal that is not there.
            rules.load_cert_chain(filer.cert_file, filer.key_file, password="")
        except OSError as error:
            what = (
                "not a certificate and its key in PEM form" if isinstance(error, ssl.SSLError) else error.strerror
            )
            key = f" or KEY_FILE {filer.key_file} (if it is encrypted: it must not be)" if filer.key_file else ""
            raise ConfigError(f"CERT_FILE: {what}: {filer.cert_file}{key}") from None
    return rules.wrap_socket


def broke_off(error: Exception) -> bool:
    """Whether the other end has gone in the middle of TLS."""
    import ssl

    return isinstance(error, (ssl.SSLEOFError, ssl.SSLZeroReturnError))


def has_other_name(error: Exception) -> bool:
    """Whether the filer's certificate is trusted, and made out to somebody else."""
    import ssl

    return isinstance(error, ssl.SSLCertVerificationError) and error.verify_code in _OTHER_NAME


def names(connection: Any) -> list[str]:
    """Whom the certificate at the other end of a socket that ``wrapper`` made is made out to."""
    certificate = connection.getpeercert() or {}
    return [str(entry[1]) for entry in certificate.get("subjectAltName", ())]


def other_name(filer: Filer, names: list[str]) -> str:
    """The sentence for a certificate that is made out to ``names``."""
    shown = ", ".join(names[:_NAMES_SHOWN]) + (", ..." if len(names) > _NAMES_SHOWN else "")
    return f"HOSTNAME is {filer.hostname}, its certificate is for {shown or 'another name'}; use a name in it"


def explained(error: Exception, filer: Filer) -> str | None:
    """What TLS failed at and what to do about it; None for what is no failure of TLS, such as a reset."""
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
    """OpenSSL's name of what went wrong. For a number that Python does not know it has a text only."""
    text = error.reason or re.sub(r"^\[.*?\] | \(_ssl.*\)$", "", str(error.args[-1]))
    return text.upper().replace(" ", "_")
