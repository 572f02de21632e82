"""Limits of one fetch."""

from dataclasses import dataclass

KIB = 1024
MIB = 1024 * KIB


@dataclass(frozen=True, slots=True)
class FetchLimits:
    """What a hostile web is held to. The total deadline is not here: `Deadline` gets it, and it spans all hops."""

    # Seconds for a hop's name look-up, TCP and TLS together; then TIMEOUT_CONNECT. Lower loses far-away hosts.
    connect_seconds: float = 4.0
    # Seconds from a hop's request to its response's head; then TIMEOUT_FIRST_BYTE. Lower loses slow origins.
    first_byte_seconds: float = 6.0
    # Bytes of one response's head, interim (1xx) heads included; then HEADERS_TOO_LARGE. Browsers: 256 KiB, Node: 16.
    header_bytes: int = 64 * KIB
    # Lines of one response's head, 200 bytes of memory each; then HEADERS_TOO_LARGE. Real pages have fewer than 100.
    header_fields: int = 512
    # Interim responses (1xx) before it; then HEADERS_TOO_LARGE. Each costs 5 µs, and real hosts send one or two.
    interim_responses: int = 128
    # Bytes read of one response, framing included; then the page is cut there and `truncated`. Bounds what decodes
    # to nothing: chunk extensions, trailers.
    wire_bytes: int = 4 * MIB
    # Bytes that TLS itself takes of one connection: the handshake, tickets and keys, 22 bytes or so of each record.
    # Then the page is cut there and `truncated`, and what has no head yet is TLS_FAILED. Lower loses hosts with many
    # certificates (30 KiB), and pages that are sent in driblets.
    tls_overhead_bytes: int = 256 * KIB
    # Those of the handshake, which are certificates mostly; then TLS_FAILED. Real chains have 3 to 10 KiB. OpenSSL 3.5
    # takes 9 ms for 32 KiB of them, and 45 for the 100 that it allows: nothing else runs meanwhile.
    tls_handshake_bytes: int = 32 * KIB
    # Chunks of one body, counted as they are read; then the page is cut there and `truncated`. Each costs about 1 µs,
    # whatever it holds. Lower loses the ends of pages that are sent in driblets.
    chunks: int = 64 * KIB
    # Bytes of a page after decoding, and of what any layer of a stacked coding gives; then `truncated`, never an error.
    # The last og: tag of real pages lies at up to 991 KB: lower loses previews.
    decoded_bytes: int = MIB
    # Bytes that one decompression step may give: what is inflated beyond the parser's need, and how long a step holds
    # the event loop (32 KiB: about 0.05 ms).
    inflate_step: int = 32 * KIB
    # Content codings stacked on one body; then BODY_UNREADABLE. Real pages have one.
    codings: int = 2
    # Members (gzip) or frames (zstd) of one coding; then BODY_UNREADABLE. An empty one is nine bytes that cost 5 µs.
    members: int = 1024
    # Redirects followed; then REDIRECT_LIMIT.
    redirects: int = 5
    # Cookies of one fetch, the first ones; RFC 6265 asks for 50 a domain.
    cookies: int = 50
    # Bytes of their names and values; a cookie beyond it is not kept. Servers accept 8 KiB of header, mostly.
    cookie_bytes: int = 8 * KIB
    # Checked addresses tried for one hop, in the resolver's order.
    addresses: int = 4
    # Seconds after which the next address is tried beside the one that has not answered yet (RFC 8305, section 5).
    address_delay: float = 0.25
    # Fetches under way at one host name at once; more wait, inside their own deadline. Lower is more polite, slower.
    per_host: int = 16
    # Fetches that wait for one host name; more are FULL at once, so one slow host cannot take all slots.
    per_host_waiting: int = 64
    # Seconds for which a host's Retry-After (429, 503) is honoured at most; it may ask for a year.
    retry_after_seconds: float = 60.0
    # Hosts whose Retry-After is remembered at once; the one that ends first goes. About 200 bytes each.
    retry_after_hosts: int = 1024
    # Names looked up at once, a thread each (getaddrinfo blocks); one more is FULL. A name whose servers are
    # silent holds its thread for 3 s, also when its fetch is over, so: several times the fetches. 30 KB each, in use.
    resolver_threads: int = 1024
