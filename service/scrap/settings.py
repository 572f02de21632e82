"""Every setting, once: its flag, its `SCRAP_…` variable, its type and its help.

The components define their limits as small frozen dataclasses with defaults; here each field that can be set from
outside gets its name. `scrap --help`, docs/settings.md and the chart's values are made from `GROUPS`.
"""

import ipaddress
import math
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from itertools import chain
from typing import Any, TypeVar, cast

import ada_url
import click

from scrap import admission, api, cache, clients, fetch, telemetry
from scrap.cache import freshness
from scrap.telemetry.sentry import SentrySettings
from scrap.web import PageSettings

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Serving:
    """Where the service listens, and how it ends."""

    host: str = "127.0.0.1"
    port: int = 8080
    management_host: str = "127.0.0.1"
    management_port: int = 8081
    linger: float = 0.0  # seconds


@dataclass(frozen=True, slots=True)
class RequestLimits:
    """What one request may take."""

    deadline: float = 8.0  # seconds
    html5lib_workers: int = 1


@dataclass(frozen=True, slots=True)
class Setting:
    """One setting."""

    name: str  # "max-redirects" is the flag --max-redirects and the variable SCRAP_MAX_REDIRECTS
    component: type[Any]  # the dataclass that has `field`; the field's default is the setting's
    field: str
    type: click.ParamType[Any]  # reads and validates it
    help: str  # its unit, its meaning, and what more or less of it costs
    secret: bool = False  # its value is never shown, and belongs into a Secret
    standard: str = ""  # the variable's name where it is another product's

    @property
    def key(self) -> str:
        return self.name.replace("-", "_")

    @property
    def variable(self) -> str:
        return self.standard or f"SCRAP_{self.key.upper()}"

    @property
    def default(self) -> Any:
        return getattr(self.component(), self.field)

    @property
    def default_text(self) -> str:
        match self.default:
            case tuple() | frozenset():
                return ",".join(map(str, sorted(self.default)))
            case bool():
                return str(self.default).lower()
            case float():
                return f"{self.default:g}"
            case _:
                return str(self.default)


class CommaSeparated(click.ParamType[Any]):
    """Several values as one word: items between commas, each read by `read`, which raises ValueError."""

    def __init__(self, name: str, read: Callable[[str], Any], collect: Callable[[Iterable[Any]], Any] = tuple) -> None:
        self.name = name
        self._read = read
        self._collect = collect

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        try:
            return self._collect(self._read(item.strip()) for item in value.split(",") if item.strip())
        except ValueError as error:
            self.fail(str(error), param, ctx)


class _Finite(click.FloatRange):
    """A number within limits; `nan` and `inf` are none, though Python reads them."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        number = float(super().convert(value, param, ctx))
        if not math.isfinite(number):
            self.fail(f"{value!r} is not a finite number", param, ctx)
        return number


def _ports(text: str) -> range:
    """Reads a port, or several as 8000-8999."""
    first, _, last = text.partition("-")
    last = last or first
    if not (first.isdecimal() and last.isdecimal() and 0 < int(first) <= int(last) < 65536):
        raise ValueError(f"{text!r} is neither a port nor a range of ports")
    return range(int(first), int(last) + 1)


def _origin(text: str) -> str:
    """Reads an origin, as browsers write it into the Origin header (RFC 6454, section 6.2)."""
    is_origin = re.fullmatch(r"\*|[a-z][a-z0-9+.-]*://[a-z0-9._\[\]:-]+(?<!:)", text)
    # The URL standard has no origin for schemes of extensions and apps ("null"), which browsers send as well.
    if not is_origin or (text != "*" and _origin_of(text) not in {text, "null"}):
        form = "scheme://host[:port] in lower case, without a path and the scheme's own port"
        raise ValueError(f"{text!r} is neither * nor an origin: {form}")
    return text


def _origin_of(url: str) -> str | None:
    try:
        return ada_url.URL(url).origin
    except ValueError:
        return None


_POSITIVE = _Finite(min=0, min_open=True)
_SECONDS = _Finite(min=0)
_COUNT = click.IntRange(min=1)
_NONE_OR_MORE = click.IntRange(min=0)
_PORT = click.IntRange(0, 65535)
_NETWORKS = CommaSeparated("networks", ipaddress.ip_network)
_PORTS = CommaSeparated("ports", _ports, lambda ranges: frozenset(chain.from_iterable(ranges)))
_NAMES = CommaSeparated("names", str)
_ORIGINS = CommaSeparated("origins", _origin)

# By heading of the help; each line: name, component, field, type, then the help. The formatter would give each a line.
# fmt: off
GROUPS: Mapping[str, tuple[Setting, ...]] = {
    "Serving": (
        Setting("host", Serving, "host", click.STRING, "Address of the public port; 0.0.0.0 or :: for every one."),
        Setting("port", Serving, "port", _PORT, "The public port; 0 takes a free one."),
        Setting("management-host", Serving, "management_host", click.STRING, "Address of the management port."),
        Setting("management-port", Serving, "management_port", _PORT,
                "Port of /livez, /readyz, /metrics, /clients; 0 takes a free one."),
        Setting("cors-origins", api.CORSPolicy, "origins", _ORIGINS,
                "Origins whose scripts may read responses (https://app.example, comma-separated; CORS); * for every "
                "one, empty for none."),
        Setting("trusted-proxies", clients.ClientPolicy, "trusted", _NETWORKS,
                "Networks (CIDR, comma-separated) of proxies whose X-Forwarded-For or Forwarded names the client. Any "
                "other client that is in them can name another address as its own."),
        Setting("linger", Serving, "linger", _SECONDS,
                "Seconds to go on serving after SIGTERM, for clients that still connect; responses close "
                "connections."),
        Setting("shutdown", api.ServerLimits, "shutdown", _COUNT,
                "Seconds from SIGTERM until requests that still run are ended."),
        Setting("keep-alive", api.ServerLimits, "keep_alive", _COUNT,
                "Seconds that an idle connection is kept open; longer than clients do, so that they close first."),
        Setting("backlog", api.ServerLimits, "backlog", _COUNT,
                "Connections that wait to be accepted; the kernel refuses more."),
        Setting("connections", api.ConnectionLimits, "connections", _COUNT,
                "Connections open at once; one more is answered 503. Each costs about 10 KiB, and 100 KiB with the "
                "largest requests."),
        Setting("request-bytes", api.ConnectionLimits, "head_bytes", _COUNT,
                "Bytes of a request's line and headers; more is answered 431, and so are more than 100 lines."),
        Setting("request-seconds", api.ConnectionLimits, "head_seconds", _POSITIVE,
                "Seconds for a request's line and headers to arrive; slower is answered 408."),
        Setting("write-seconds", api.ServerLimits, "write", _POSITIVE,
                "Seconds for which a client may leave its response unread; then the connection is closed."),
    ),
    "Load": (
        Setting("deadline", RequestLimits, "deadline", _POSITIVE,
                "Seconds for a request, queue and redirects included; then 504."),
        Setting("max-fetches", admission.AdmissionLimits, "capacity", _COUNT,
                "Fetches at once (slots); more need more memory (0.1 MB each, 0.25 MB where pages are compressed), "
                "fewer are occupied sooner by origins that hang."),
        Setting("max-held-bytes", admission.AdmissionLimits, "shared_bytes", _NONE_OR_MORE,
                "Memory budget that the pages being read share, in bytes beyond 64 KiB each; a page that exceeds it "
                "is answered 503. More needs that much more memory, and several times as much where pages are "
                "compressed; less rejects large pages sooner."),
        Setting("max-waiting", admission.AdmissionLimits, "waiting", _NONE_OR_MORE,
                "Fetches of a burst that may wait in the queue; one more is answered 503 at once."),
        Setting("max-wait", admission.AdmissionLimits, "max_wait", _SECONDS,
                "Seconds that a fetch may wait in the queue; then it is answered 503. For so long after a rejection "
                "the service is overloaded."),
        Setting("html5lib-workers", RequestLimits, "html5lib_workers", _COUNT,
                "Threads for the few pages that need the reference parser (html5lib); more take the event loop's "
                "time."),
    ),
    "Fetching": (
        Setting("allowed-networks", fetch.EgressPolicy, "networks", _NETWORKS,
                "Networks (CIDR, comma-separated) that may be fetched although they are not public."),
        Setting("allowed-hosts", fetch.EgressPolicy, "hosts", _NAMES,
                "Host names that may be looked up although their kind is blocked; .example for all below. Their "
                "addresses still have to be public or in an allowed network."),
        Setting("allowed-ports", fetch.EgressPolicy, "ports", _PORTS,
                "Ports and ranges of them (80,8000-8999) that may be fetched."),
        Setting("user-agent", fetch.EgressPolicy, "user_agent", click.STRING,
                "The User-Agent header, by which hosts recognize the service; without the word bot, some sites have no "
                "Open Graph."),
        Setting("accept-language", fetch.EgressPolicy, "accept_language", click.STRING,
                "The Accept-Language header of fetches for clients that send none: the language of pages that have "
                "several."),
        Setting("connect-seconds", fetch.FetchLimits, "connect_seconds", _POSITIVE,
                "Seconds for a hop's look-up, TCP and TLS; then 504. Less fails for hosts that are far away."),
        Setting("first-byte-seconds", fetch.FetchLimits, "first_byte_seconds", _POSITIVE,
                "Seconds from a hop's request to the end of its response's header; then 504. Less fails for slow "
                "origins."),
        Setting("resolver-threads", fetch.FetchLimits, "resolver_threads", _COUNT,
                "Names looked up at once, a thread each; one more is answered 503. With fewer than max-fetches, "
                "name servers that do not respond block other names."),
        Setting("max-redirects", fetch.FetchLimits, "redirects", _NONE_OR_MORE,
                "Redirects followed; then 502. Less fails for short links to short links, more lets a chain cost "
                "more."),
        Setting("max-header-bytes", fetch.FetchLimits, "header_bytes", _COUNT,
                "Bytes of one response's header; then 502. Less fails for sites with many cookies, more needs "
                "memory."),
        Setting("inflate-step", fetch.FetchLimits, "inflate_step", _COUNT,
                "Bytes that one step of decompression may give; more blocks the event loop for longer (32 KiB: 0.05 "
                "ms), less costs more steps."),
        Setting("max-page-bytes", fetch.FetchLimits, "decoded_bytes", _COUNT,
                "Bytes of a page after decoding; the rest is not read. Less than 1 MiB loses previews."),
        Setting("max-per-host", fetch.FetchLimits, "per_host", _COUNT,
                "Fetches from one host at once; more wait. Less loads the host less, and is slower."),
        Setting("max-waiting-per-host", fetch.FetchLimits, "per_host_waiting", _NONE_OR_MORE,
                "Fetches that wait for one host; one more is answered 503, so that a slow host cannot occupy all "
                "slots."),
        Setting("max-retry-after", fetch.FetchLimits, "retry_after_seconds", _SECONDS,
                "Seconds for which a host's Retry-After is honoured at most. More leaves its pages without a "
                "preview for longer, less sends requests to a host that asked for none."),
    ),
    "Cache": (
        Setting("cache-bytes", cache.CacheLimits, "memory", _NONE_OR_MORE,
                "Bytes of memory for responses, about 2 KB each; less means more fetches. 0 keeps none."),
        Setting("cache-url", cache.SharedSettings, "url", click.STRING,
                "A Valkey or Redis server that replicas share: redis://, rediss:// or unix://; empty "
                "for none.", secret=True),
        Setting("cache-timeout", cache.SharedSettings, "timeout", _POSITIVE,
                "Seconds that a look-up in it may add to a request; a slower server counts as unavailable."),
        Setting("cache-min", freshness.FreshnessPolicy, "minimum", _SECONDS,
                "Seconds that a preview is fresh at least, no-store included; 0 obeys every page's headers exactly."),
        Setting("cache-default", freshness.FreshnessPolicy, "default", _SECONDS,
                "Seconds that a preview is fresh whose page does not say."),
        Setting("cache-max", freshness.FreshnessPolicy, "maximum", _SECONDS,
                "Seconds that a preview is fresh at most. More means fewer fetches, and edits that appear later."),
        Setting("cache-failures", freshness.FreshnessPolicy, "negative", _SECONDS,
                "Seconds for which a failure, or a page that ended early, is answered without another fetch. More "
                "spares broken hosts, less shows a fixed page sooner."),
        Setting("stale-while-revalidate", freshness.FreshnessPolicy, "stale_while_revalidate", _SECONDS,
                "Seconds past freshness for which a stale preview is answered while the page is fetched; with 0, "
                "clients wait."),
        Setting("stale-if-error", freshness.FreshnessPolicy, "stale_if_error", _SECONDS,
                "Seconds past freshness for which a stale preview is answered where the page cannot be fetched."),
    ),
    "Page": (
        Setting("page", PageSettings, "is_on", click.BOOL, "The pages for people, at / and at /docs: on or off."),
        Setting("page-images", PageSettings, "has_images", click.BOOL,
                "Whether the page has the browser load a card's image, which shows the browser's address to that "
                "host: on or off."),
    ),
    "Logs": (
        Setting("log-format", telemetry.LogSettings, "format", click.Choice(["auto", "json", "text"]),
                "One JSON object a line, or text for a person; auto is text on a terminal."),
        Setting("log-level", telemetry.LogSettings, "level", click.Choice(["debug", "info", "warning", "error"]),
                "The lowest level that is logged; at warning, only rejected requests and failures of the service."),
        Setting("log-queries", telemetry.LogSettings, "queries", click.BOOL,
                "Log targets with their query strings, which may hold secrets."),
        Setting("log-clients", clients.ClientPolicy, "log", click.Choice(["full", "prefix", "off"]),
                "How much of clients is in logs, traces and /clients: full, the address; prefix, its network (/24, for "
                "IPv6 /48); off, nothing, the User-Agent included."),
    ),
    "Errors": (
        Setting("sentry-dsn", SentrySettings, "dsn", click.STRING,
                "Where internal errors are reported; empty for nowhere.", secret=True, standard="SENTRY_DSN"),
        Setting("sentry-environment", SentrySettings, "environment", click.STRING,
                "The deployment's name in Sentry.", standard="SENTRY_ENVIRONMENT"),
        Setting("sentry-traces-sample-rate", SentrySettings, "traces_sample_rate", _Finite(0, 1),
                "Without effect: traces go to Sentry over OTLP.", standard="SENTRY_TRACES_SAMPLE_RATE"),
    ),
}
# fmt: on

SETTINGS: tuple[Setting, ...] = tuple(setting for group in GROUPS.values() for setting in group)


class SettingError(click.UsageError):
    """A setting is wrong; the message names it. The command line shows it as a wrong option."""


def variables(component: type[Any], *fields: str) -> str:
    """The variables that set these fields of a component, in words."""
    return " and ".join(s.variable for s in SETTINGS if s.component is component and s.field in fields)


class Settings:
    """All settings, as the components take them: `settings[fetch.FetchLimits]`.

    `values` are by `Setting.key`, and what is missing keeps its default; SettingError: a component rejects its values.
    """

    def __init__(self, values: Mapping[str, Any]) -> None:
        components = dict.fromkeys(setting.component for setting in SETTINGS)
        self._components = {component: _build(component, values) for component in components}

    def __getitem__(self, component: type[T]) -> T:
        return cast("T", self._components[component])


def _build(component: type[Any], values: Mapping[str, Any]) -> Any:
    fields = {s.field: values[s.key] for s in SETTINGS if s.component is component and s.key in values}
    try:
        return component(**fields)
    except ValueError as error:  # it names fields; an operator knows their variables
        words = re.findall(r"\w+", str(error))
        raise SettingError(f"{variables(component, *words)}: {error}") from error
