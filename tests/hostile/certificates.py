"""Certificates, good and bad, made for the test."""

import datetime as dt
import ssl
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import trustme
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from scrap.fetch import tls

NAME = "origin.example"


class Certificates:
    """An authority of our own that a fetcher trusts, and origins' contexts with what it issued or did not.

    Attributes:
        trusting: a client's context that trusts the authority as well.
    """

    def __init__(self) -> None:
        self._authority = trustme.CA()
        self.trusting = tls.context()
        self._authority.configure_trust(self.trusting)

    def write_trust(self, path: Path) -> None:
        """Writes the authority's certificate, for a process that is to trust it (SSL_CERT_FILE)."""
        self._authority.cert_pem.write_to_path(str(path))

    def good(self, *names: str) -> ssl.SSLContext:
        return self._serving(self._authority.issue_cert(*(names or (NAME,))))

    def expired(self) -> ssl.SSLContext:
        yesterday = dt.datetime.now(dt.UTC) - dt.timedelta(days=1)
        return self._serving(self._authority.issue_cert(NAME, not_after=yesterday))

    def of_a_stranger(self) -> ssl.SSLContext:
        return self._serving(trustme.CA().issue_cert(NAME))

    @staticmethod
    def _serving(certificate: trustme.LeafCert) -> ssl.SSLContext:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        certificate.configure_cert(context)
        return context


@dataclass(frozen=True)
class Issued:
    """A certificate of a chain, extension by extension, with its key."""

    certificate: x509.Certificate
    key: ec.EllipticCurvePrivateKey

    @property
    def pem(self) -> str:
        return self.certificate.public_bytes(serialization.Encoding.PEM).decode()


def issue(
    name: str,
    issuer: Issued | None = None,
    *,
    is_authority: bool = False,
    is_critical: bool = True,
    has_identifiers: bool = True,
    days: int = 1,
) -> Issued:
    """Issues a certificate.

    Args:
        issuer: signs it; itself where there is none.
        is_authority: whether it may issue others; else it is valid for its name.
        is_critical: of its basic constraints.
        has_identifiers: of its own key (authorities) and of its issuer's.
        days: from now to its end; below 0, it has expired.
    """
    key = ec.generate_private_key(ec.SECP256R1())
    signer = issuer.key if issuer else key
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = dt.datetime.now(dt.UTC)
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer.certificate.subject if issuer else subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(days=10))
        .not_valid_after(now + dt.timedelta(days=days))
        .add_extension(x509.BasicConstraints(ca=is_authority, path_length=None), critical=is_critical)
    )
    if is_authority:
        usage = x509.KeyUsage(False, False, False, False, False, True, True, False, False)  # signs certificates
        builder = builder.add_extension(usage, critical=True)
    else:
        builder = builder.add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
    if has_identifiers:
        own = x509.SubjectKeyIdentifier.from_public_key(key.public_key())
        issuers = x509.AuthorityKeyIdentifier.from_issuer_public_key(signer.public_key())
        builder = builder.add_extension(own, critical=False).add_extension(issuers, critical=False)
    return Issued(builder.sign(signer, hashes.SHA256()), key)


def serving_chain(leaf: Issued, *between: Issued) -> ssl.SSLContext:
    """An origin's context that shows a chain, without its root."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    key = leaf.key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    ).decode()
    with tempfile.NamedTemporaryFile("w", suffix=".pem") as file:
        file.write("".join((key, leaf.pem, *(each.pem for each in between))))
        file.flush()
        context.load_cert_chain(file.name)
    return context


def trusting(roots: Sequence[Issued]) -> ssl.SSLContext:
    """The service's context, which trusts these as well."""
    context = tls.context()
    context.load_verify_locations(cadata="".join(root.pem for root in roots))
    return context
