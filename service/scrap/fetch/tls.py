"""TLS as every hop has it: verified against the host's name, whatever address was connected to."""

import ssl

import certifi

_OP_LEGACY_SERVER_CONNECT = 0x4  # has a name in `ssl` from Python 3.12 on


def context() -> ssl.SSLContext:
    """Makes the context that all connections share (making one costs 20 ms).

    Trusts the machine's store and, for images without one, certifi's, alike on every Python. Offers HTTP/1.1 by ALPN:
    some hosts insist.
    """
    made = ssl.create_default_context(cafile=certifi.where())
    made.load_default_certs()
    made.set_alpn_protocols(["http/1.1"])
    made.minimum_version = ssl.TLSVersion.TLSv1_2
    # No finite-field key exchange in TLS 1.2, as in browsers: the host chooses the numbers, and 10,000 bits take 1.3 s.
    made.set_ciphers(":".join(suite["name"] for suite in made.get_ciphers() if suite["kea"] != "kx-dhe"))
    # Any certificate of the store ends a chain. Not VERIFY_X509_STRICT: it rejects roots that browsers trust.
    made.verify_flags = ssl.VERIFY_X509_TRUSTED_FIRST | ssl.VERIFY_X509_PARTIAL_CHAIN
    # No handshake for each 20 bytes that a host asks with (TLS 1.2). Hosts without RFC 5746 are read: that protects a
    # host that renegotiates with its clients, and we do not.
    made.options |= ssl.OP_NO_RENEGOTIATION | _OP_LEGACY_SERVER_CONNECT
    return made
