"""The errors, with the reason, outcome and fault of each.

    ScrapError
     ├── InvalidURL           the client's URL cannot be read
     ├── Blocked              the target may not be fetched
     ├── UpstreamError        the page could not be fetched: the web's fault
     ├── DeadlineExceeded     the page took too long: the web's fault
     └── Overloaded           the service is saturated or has run out of a resource: its own fault

Every error has a `Reason`; a reason has an `Outcome`, an outcome a `Fault`. The response, the log line and the metrics
all use these three, so they cannot disagree. A client gets the reason's sentence and nothing else;
`ScrapError.internal` is for the log alone.
"""

from enum import StrEnum


class Fault(StrEnum):
    """Whose fault a failed request is."""

    CALLER = "caller"
    WEB = "web"
    SERVICE = "service"


class Outcome(StrEnum):
    """How a request ended; metrics, logs and alerts have it as a label."""

    __hash__ = str.__hash__  # an enumeration's own is written in Python, and a metric's child is looked up by it

    fault: Fault | None
    status: int

    def __new__(cls, value: str, fault: Fault | None, status: int) -> "Outcome":
        member = str.__new__(cls, value)
        member._value_ = value
        member.fault = fault
        member.status = status
        return member

    OK = "ok", None, 200
    NO_OPEN_GRAPH = "no_open_graph", None, 200
    CALLER_ERROR = "caller_error", Fault.CALLER, 400
    BLOCKED = "blocked", Fault.CALLER, 403
    UPSTREAM_ERROR = "upstream_error", Fault.WEB, 502
    TIMEOUT = "timeout", Fault.WEB, 504
    SHED = "shed", Fault.SERVICE, 503
    INTERNAL_ERROR = "internal_error", Fault.SERVICE, 500


class Reason(StrEnum):
    """Why a request failed: a stable value, its outcome, and the sentence that the client gets."""

    outcome: Outcome
    fault: Fault
    sentence: str

    def __new__(cls, value: str, outcome: Outcome, sentence: str) -> "Reason":
        member = str.__new__(cls, value)
        member._value_ = value
        assert outcome.fault  # noqa: S101 - a reason belongs to a failed outcome, by the table above
        member.outcome, member.fault = outcome, outcome.fault
        member.sentence = sentence
        return member

    # The client's URL.
    URL_MISSING = "url_missing", Outcome.CALLER_ERROR, "Give the page's address as ?url=<percent-encoded>."
    QUERY_UNKNOWN = "query_unknown", Outcome.CALLER_ERROR, "Only url is a parameter; percent-encode its & as %26."
    URL_REPEATED = "url_repeated", Outcome.CALLER_ERROR, "Give one url, not several."
    URL_TOO_LONG = "url_too_long", Outcome.CALLER_ERROR, "The url is longer than 2,048 characters."
    URL_MALFORMED = "url_malformed", Outcome.CALLER_ERROR, "The url cannot be read as an absolute URL."
    URL_SCHEME = "url_scheme", Outcome.CALLER_ERROR, "Only http and https URLs can be fetched."
    URL_CREDENTIALS = "url_credentials", Outcome.CALLER_ERROR, "The url must not carry a user name or password."

    # The client's request.
    NOT_FOUND = "not_found", Outcome.CALLER_ERROR, "There is nothing at this path."
    METHOD_NOT_ALLOWED = "method_not_allowed", Outcome.CALLER_ERROR, "This path does not support that method."
    REQUEST_MALFORMED = "request_malformed", Outcome.CALLER_ERROR, "This is no HTTP/1.1 request with a known method."
    REQUEST_TOO_LARGE = "request_too_large", Outcome.CALLER_ERROR, "The request has too many header bytes or lines."
    REQUEST_TIMEOUT = "request_timeout", Outcome.CALLER_ERROR, "The request took too long to arrive."
    PREFLIGHT_REJECTED = "preflight_rejected", Outcome.CALLER_ERROR, "This origin, method or header is not allowed."
    CALLER_LEFT = "caller_left", Outcome.CALLER_ERROR, "The client closed the connection before the response."

    # The target, by policy.
    BLOCKED_NAME = "blocked_name", Outcome.BLOCKED, "Host names of this kind may not be fetched."
    BLOCKED_PORT = "blocked_port", Outcome.BLOCKED, "This port may not be fetched."
    BLOCKED_ADDRESS = "blocked_address", Outcome.BLOCKED, "The host is not on the public internet."

    # The web.
    DNS_FAILED = "dns_failed", Outcome.UPSTREAM_ERROR, "The host name does not resolve."
    CONNECT_FAILED = "connect_failed", Outcome.UPSTREAM_ERROR, "The host does not accept connections."
    TLS_FAILED = "tls_failed", Outcome.UPSTREAM_ERROR, "No trusted TLS connection to the host could be made."
    PROTOCOL_ERROR = "protocol_error", Outcome.UPSTREAM_ERROR, "The host's response is not valid HTTP."
    HEADERS_TOO_LARGE = "headers_too_large", Outcome.UPSTREAM_ERROR, "The header of the host's response is too large."
    BODY_UNREADABLE = "body_unreadable", Outcome.UPSTREAM_ERROR, "The page's content coding cannot be decoded."
    REDIRECT_INVALID = "redirect_invalid", Outcome.UPSTREAM_ERROR, "The page redirects to an invalid URL."
    REDIRECT_LOOP = "redirect_loop", Outcome.UPSTREAM_ERROR, "The page redirects in a loop."
    REDIRECT_LIMIT = "redirect_limit", Outcome.UPSTREAM_ERROR, "The page redirects too many times."
    UPSTREAM_STATUS = "upstream_status", Outcome.UPSTREAM_ERROR, "The page's response has an error status."
    TIMEOUT_TOTAL = "timeout_total", Outcome.TIMEOUT, "The page was not fetched within the deadline."
    TIMEOUT_CONNECT = "timeout_connect", Outcome.TIMEOUT, "The host did not accept a connection in time."
    TIMEOUT_FIRST_BYTE = "timeout_first_byte", Outcome.TIMEOUT, "The host did not begin to respond in time."

    # The service.
    FULL = "full", Outcome.SHED, "The service is saturated; try again later."
    EXHAUSTED = "exhausted", Outcome.SHED, "This instance has run out of sockets, threads or memory; try again."
    DRAINING = "draining", Outcome.SHED, "This instance is shutting down; try again."
    INTERNAL = "internal", Outcome.INTERNAL_ERROR, "An internal error occurred; it has been logged."


class ScrapError(Exception):
    """A request failed for a known reason; `internal` is for the log alone (addresses, a library's message)."""

    def __init__(self, reason: Reason, internal: str = "") -> None:
        super().__init__(f"{reason}: {internal}" if internal else str(reason))
        self.reason = reason
        self.internal = internal


class InvalidURL(ScrapError):
    """The client's URL cannot be read; nothing was fetched."""


class Blocked(ScrapError):
    """The target may not be fetched; nothing was sent to it."""


class UpstreamError(ScrapError):
    """The page could not be fetched; `status` and `retry_after` (seconds) are its response's, where there was one."""

    def __init__(
        self, reason: Reason, internal: str = "", *, status: int | None = None, retry_after: float | None = None
    ) -> None:
        super().__init__(reason, internal)
        self.status = status
        self.retry_after = retry_after


class DeadlineExceeded(ScrapError):
    """The page took too long."""


class Overloaded(ScrapError):
    """The service is saturated, or has run out of a resource; the response has Retry-After."""
