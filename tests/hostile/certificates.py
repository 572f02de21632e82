"""Certificates, good and bad, made for the test."""

import datetime as dt
import ssl
from pathlib import Path

import trustme

NAME = "origin.example"


class Certificates:
    """An authority of our own that a fetcher trusts, and origins' contexts with what it issued or did not.

    Attributes:
        trusting: a client's context that trusts the authority and nobody else.
    """

    def __init__(self) -> None:
        self._authority = trustme.CA()
        self.trusting = ssl.create_default_context()
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
