"""Names that operators and clients build on: none of them may disappear."""

from scrap import api, api_docs, web
from scrap.errors import Reason
from scrap.settings import SETTINGS
from scrap.telemetry.log_lines import fields_of
from scrap.telemetry.trace import Trace
from tests.unit.telemetry.owners import LINES
from tests.unit.telemetry.test_documented_signals import exported

ROUTES = {"/api/v1/explain", "/api/v1/scrap", "/openapi.json", "/docs", "/problems/{name}"}
PAGE_ROUTES = {"/", "/static/page.css", "/static/page.js", "/static/icon.svg"}
METRICS = {
    "scrap_requests_total": {"method", "outcome", "route", "status", "fault"},
    "scrap_failures_total": {"fault", "reason", "outcome"},
    "scrap_request_duration_seconds": {"outcome", "route"},
    "scrap_request_duration_max_seconds": {"outcome", "route"},
    "scrap_requests_in_flight": set(),
    "scrap_phase_duration_seconds": {"phase"},
    "scrap_hops_total": {"status"},
    "scrap_fetch_redirects": set(),
    "scrap_fetch_received_bytes": set(),
    "scrap_fetch_decoded_bytes": set(),
    "scrap_fetches_truncated_total": set(),
    "scrap_targets_blocked_total": {"verdict"},
    "scrap_pages_parsed_total": {"fallback_reason", "parser"},
    "scrap_pages_bounded_total": {"bound"},
    "scrap_admission_in_flight": set(),
    "scrap_admission_waiting": set(),
    "scrap_admission_capacity": set(),
    "scrap_admission_refused_total": set(),
    "scrap_admission_saturation_ratio": set(),
    "scrap_cache_lookups_total": {"level", "state"},
    "scrap_flights_joined_total": set(),
    "scrap_cache_entries": set(),
    "scrap_cache_bytes": set(),
    "scrap_cache_shared_failures_total": {"kind"},
    "scrap_cache_shared_up": set(),
    "scrap_cache_shared_writes_total": {"result"},
    "scrap_cpu_limit_cores": set(),
    "scrap_event_loop_lag_seconds": set(),
    "scrap_event_loop_lag_max_seconds": set(),
    "scrap_log_lines_dropped_total": set(),
    "scrap_background_failures_total": set(),
    "scrap_telemetry_failures_total": {"sink"},
    "scrap_build_info": {"version", "python"},
    "process_cpu_seconds_total": set(),
    "process_resident_memory_bytes": set(),
    "process_virtual_memory_bytes": set(),
    "process_start_time_seconds": set(),
    "process_open_fds": set(),
    "process_max_fds": set(),
    "python_gc_objects_collected_total": {"generation"},
    "python_gc_objects_uncollectable_total": {"generation"},
    "python_gc_collections_total": {"generation"},
}
LOG_FIELDS = {
    "body",
    "bound",
    "cache",
    "client_address",
    "connect",
    "dns",
    "event",
    "exception",
    "fault",
    "first_byte",
    "internal",
    "level",
    "logger",
    "message",
    "method",
    "outcome",
    "parse",
    "reason",
    "request_id",
    "route",
    "seconds",
    "shared_cache",
    "span_id",
    "status",
    "target",
    "target_host",
    "trace_id",
    "truncated",
    "fallback_reason",
    "upstream_status",
    "user_agent",
    "wait",
}
SETTINGS_NAMES = {
    "SCRAP_CORS_ORIGINS",
    "SCRAP_HOST",
    "SCRAP_PORT",
    "SCRAP_MANAGEMENT_HOST",
    "SCRAP_MANAGEMENT_PORT",
    "SCRAP_LINGER",
    "SCRAP_SHUTDOWN",
    "SCRAP_KEEP_ALIVE",
    "SCRAP_BACKLOG",
    "SCRAP_CONNECTIONS",
    "SCRAP_REQUEST_BYTES",
    "SCRAP_REQUEST_SECONDS",
    "SCRAP_WRITE_SECONDS",
    "SCRAP_DEADLINE",
    "SCRAP_MAX_FETCHES",
    "SCRAP_MAX_HELD_BYTES",
    "SCRAP_MAX_WAITING",
    "SCRAP_MAX_WAIT",
    "SCRAP_HTML5LIB_WORKERS",
    "SCRAP_ALLOWED_NETWORKS",
    "SCRAP_ALLOWED_HOSTS",
    "SCRAP_ALLOWED_PORTS",
    "SCRAP_USER_AGENT",
    "SCRAP_ACCEPT_LANGUAGE",
    "SCRAP_CONNECT_SECONDS",
    "SCRAP_FIRST_BYTE_SECONDS",
    "SCRAP_RESOLVER_THREADS",
    "SCRAP_MAX_REDIRECTS",
    "SCRAP_MAX_HEADER_BYTES",
    "SCRAP_INFLATE_STEP",
    "SCRAP_PAGE",
    "SCRAP_PAGE_IMAGES",
    "SCRAP_MAX_PAGE_BYTES",
    "SCRAP_MAX_PER_HOST",
    "SCRAP_MAX_WAITING_PER_HOST",
    "SCRAP_MAX_RETRY_AFTER",
    "SCRAP_CACHE_BYTES",
    "SCRAP_CACHE_URL",
    "SCRAP_CACHE_TIMEOUT",
    "SCRAP_CACHE_MIN",
    "SCRAP_CACHE_DEFAULT",
    "SCRAP_CACHE_MAX",
    "SCRAP_CACHE_FAILURES",
    "SCRAP_STALE_WHILE_REVALIDATE",
    "SCRAP_STALE_IF_ERROR",
    "SCRAP_LOG_FORMAT",
    "SCRAP_LOG_LEVEL",
    "SCRAP_LOG_QUERIES",
    "SCRAP_LOG_CLIENTS",
    "SCRAP_TRUSTED_PROXIES",
    "SENTRY_DSN",
    "SENTRY_ENVIRONMENT",
    "SENTRY_TRACES_SAMPLE_RATE",
}
REASONS = {
    "url_missing",
    "query_unknown",
    "url_repeated",
    "url_too_long",
    "url_malformed",
    "url_scheme",
    "url_credentials",
    "not_found",
    "method_not_allowed",
    "request_malformed",
    "request_too_large",
    "request_timeout",
    "preflight_rejected",
    "caller_left",
    "blocked_name",
    "blocked_port",
    "blocked_address",
    "dns_failed",
    "connect_failed",
    "tls_failed",
    "protocol_error",
    "headers_too_large",
    "body_unreadable",
    "redirect_invalid",
    "redirect_loop",
    "redirect_limit",
    "upstream_status",
    "timeout_total",
    "timeout_connect",
    "timeout_first_byte",
    "full",
    "exhausted",
    "draining",
    "internal",
}


def test_every_route_still_exists() -> None:
    assert ROUTES <= api.ROUTES | api_docs.ROUTES
    assert PAGE_ROUTES <= web.ROUTES


def test_every_metric_still_exists_with_its_labels() -> None:
    found = {
        f"{family.name}_total" if family.type == "counter" else family.name: {
            label for sample in family.samples for label in sample.labels
        }
        - {"le"}
        for family in exported().families.values()
    }
    assert {name: found.get(name) for name in METRICS} == METRICS


def test_every_field_of_log_lines_still_exists() -> None:
    trace = Trace({"trace_id": "a" * 32, "span_id": "b" * 16})
    assert {name for line in LINES for name in fields_of(line, trace, queries=False)} >= LOG_FIELDS


def test_every_setting_still_exists() -> None:
    assert {setting.variable for setting in SETTINGS} >= SETTINGS_NAMES


def test_every_reason_still_exists() -> None:
    assert set(map(str, Reason)) >= REASONS
