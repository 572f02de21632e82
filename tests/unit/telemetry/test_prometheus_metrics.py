"""The metrics, read as a scraper reads them."""

import threading
from dataclasses import replace

import pytest
from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse_openmetrics

from scrap.cache.entry import failure
from scrap.cache.freshness import FreshnessPolicy
from scrap.cache.shared_errors import SharedCacheErrorKind
from scrap.errors import Outcome, Reason, ScrapError
from scrap.events import Content, Event, FetchEnded, Hop, RequestStarted, Timings
from scrap.fetch.verdict import GuardVerdict
from scrap.opengraph.document import Bound, FallbackReason
from scrap.telemetry import FanOut, Metrics
from scrap.telemetry.trace import Trace, current_trace
from tests.clock import Clock
from tests.exposition import Exposition
from tests.unit.telemetry.events import ENDED, EVENTS, FAILED, HOP
from tests.unit.telemetry.owners import FakeAdmission, FakeCache, observed

ROUTES = ("/api/v1/scrap", "/openapi.json")


def metrics_after(*events: Event, clock: Clock | None = None) -> Metrics:
    metrics = Metrics(version="1.2.3", routes=ROUTES, clock=clock or Clock())
    failures: list[str] = []
    emit = FanOut(failures.append, metrics=metrics.handlers)
    for event in events:
        emit(event)
    assert failures == []
    return metrics


def read(metrics: Metrics) -> Exposition:
    return Exposition(metrics.exposition("")[0].decode())


def test_calls_are_counted_by_how_they_ended() -> None:
    metrics = metrics_after(ENDED, ENDED, FAILED)
    found = read(metrics)
    assert found.value("scrap_requests_total", status="200", outcome="ok", fault="none", route=ROUTES[0]) == 2
    assert found.value("scrap_requests_total", status="502", fault="web", route=ROUTES[0]) == 1
    assert found.value("scrap_failures_total", reason="dns_failed", outcome="upstream_error", fault="web") == 1


def test_what_alerts_watch_begins_at_zero() -> None:
    metrics = metrics_after()
    found = read(metrics)
    for reason in Reason:
        assert found.value("scrap_failures_total", reason=reason) == 0
    for outcome in Outcome:
        assert found.value("scrap_requests_total", outcome=outcome, route=ROUTES[0], method="GET") == 0


def test_every_word_of_the_core_begins_at_zero() -> None:
    found = read(metrics_after())
    for verdict in GuardVerdict:
        if verdict.reason:
            assert found.value("scrap_targets_blocked_total", verdict=verdict) == 0
    for fallback_reason in FallbackReason:
        assert found.value("scrap_pages_parsed_total", parser="reference", fallback_reason=fallback_reason) == 0
    assert {s.labels["kind"] for s in found.samples("scrap_cache_shared_failures_total")} == set(SharedCacheErrorKind)
    assert {s.labels["bound"] for s in found.samples("scrap_pages_bounded_total")} == set(Bound)
    for status in ("200", "404", "503", "none"):
        assert found.value("scrap_hops_total", status=status) == 0


def test_requests_in_flight_have_started_and_not_ended() -> None:
    found = read(metrics_after(*[RequestStarted()] * 3, ENDED, FAILED))
    assert found.value("scrap_requests_in_flight") == 1


def test_what_nobody_measured_is_in_no_mean() -> None:
    shed = replace(FAILED, outcome=Outcome.SHED, reason=Reason.FULL, status=503, seconds=None)
    found = read(metrics_after(ENDED, *[shed] * 7))
    assert found.value("scrap_requests_total", outcome="shed", route=ROUTES[0]) == 7
    assert found.value("scrap_request_duration_seconds_count", outcome="shed", route=ROUTES[0]) == 0
    assert found.sum("scrap_request_duration_seconds_count") == 1


def test_requests_of_every_method_and_status_are_one_histogram() -> None:
    metrics = metrics_after(ENDED, replace(ENDED, method="HEAD"), replace(ENDED, status=304))
    assert read(metrics).value("scrap_request_duration_seconds_count", outcome="ok", route=ROUTES[0]) == 3


def test_a_scrape_in_another_thread_loses_nothing() -> None:
    metrics = Metrics(version="1", routes=ROUTES)
    emit = FanOut(pytest.fail, metrics=metrics.handlers)
    over = threading.Event()
    seen: list[float] = []

    def scrape() -> None:
        while not over.is_set():
            seen.append(read(metrics).sum("scrap_requests_total"))

    scraper = threading.Thread(target=scrape)
    scraper.start()
    for number in range(20_000):
        emit(replace(ENDED, method=("GET", "HEAD", "PUT")[number % 3], status=200 + number % 7))
    over.set()
    scraper.join()
    assert seen == sorted(seen)
    found = read(metrics)
    assert found.sum("scrap_requests_total") == 20_000
    assert found.sum("scrap_request_duration_seconds_count") == 20_000


def test_our_failures_and_the_webs_are_never_one_series() -> None:
    metrics = metrics_after(*(replace(FAILED, reason=r, outcome=r.outcome, status=r.outcome.status) for r in Reason))
    for family in ("scrap_requests", "scrap_failures"):
        faults: dict[str, str] = {}
        for sample in read(metrics).families[family].samples:
            assert faults.setdefault(sample.labels["outcome"], sample.labels["fault"]) == sample.labels["fault"]
    assert read(metrics).value("scrap_failures_total", fault="service", reason="internal") == 1


@pytest.mark.parametrize(("seconds", "le"), [(0.0004, "0.0005"), (0.001, "0.001"), (7.99, "8.0"), (8.01, "10.0")])
def test_a_duration_falls_into_its_bucket(seconds: float, le: str) -> None:
    metrics = metrics_after(replace(ENDED, seconds=seconds))
    labels = {"route": ROUTES[0], "outcome": "ok"}
    found = read(metrics)
    samples = [
        s for s in found.families["scrap_request_duration_seconds"].samples if labels.items() <= s.labels.items()
    ]
    first = next(s for s in samples if s.value == 1)
    assert first.labels["le"] == le
    assert found.value("scrap_request_duration_seconds_sum", **labels) == pytest.approx(seconds)
    assert found.value("scrap_request_duration_seconds_count", **labels) == 1


def test_the_maximum_is_the_maximum_for_a_minute() -> None:
    clock = Clock()
    metrics = metrics_after(*(replace(ENDED, seconds=s) for s in (0.1, 3.25, 0.2)), clock=clock)
    labels = {"route": ROUTES[0], "outcome": "ok"}
    clock.now += 59
    assert read(metrics).value("scrap_request_duration_max_seconds", **labels) == 3.25
    clock.now += 6
    assert read(metrics).value("scrap_request_duration_max_seconds", **labels) == 0


def test_phases_that_were_not_reached_are_not_counted() -> None:
    refused = Hop(
        "example.org", 443, "https://example.org/", 0.0, 0.003, 0.001, 0.002, 0.0, None, Reason.CONNECT_FAILED
    )
    metrics = metrics_after(FetchEnded(hops=[HOP, refused]))
    found = read(metrics)
    assert found.value("scrap_phase_duration_seconds_count", phase="dns") == 2
    assert found.value("scrap_phase_duration_seconds_count", phase="connect") == 2
    assert found.value("scrap_phase_duration_seconds_count", phase="first_byte") == 1
    assert found.value("scrap_hops_total", status="200") == 1
    assert found.value("scrap_hops_total", status="none") == 1
    kept = Hop("example.org", 443, "https://example.org/", 0.0, 0.003, 0.0, 0.0, 0.003, 200, None)
    assert read(metrics_after(FetchEnded(hops=[kept]))).value("scrap_phase_duration_seconds_count", phase="dns") == 0


def test_what_a_fetch_was_like() -> None:
    content = Content(wire_bytes=1000, decoded_bytes=1_048_576, seconds=0.02, truncated=True, ended=0.0)
    redirected = FetchEnded(hops=[HOP, HOP, HOP], content=content)
    unread = FetchEnded(content=replace(content, wire_bytes=0, decoded_bytes=0, seconds=0.0))
    metrics = metrics_after(redirected, FetchEnded(hops=[HOP], content=replace(content, truncated=False)))
    found = read(metrics)
    assert found.value("scrap_fetch_redirects_sum") == 2
    assert found.value("scrap_fetch_redirects_bucket", le="0.0") == 1
    assert found.value("scrap_fetch_received_bytes_sum") == 2000
    assert found.value("scrap_fetch_decoded_bytes_bucket", le="1.048576e+06") == 2
    assert found.value("scrap_fetches_truncated_total") == 1
    assert found.value("scrap_phase_duration_seconds_sum", phase="body") == pytest.approx(0.04)
    # An image, say, whose body is not read: a zero would lower the quantiles.
    assert read(metrics_after(unread)).value("scrap_phase_duration_seconds_count", phase="body") == 0


def test_every_other_event_is_counted() -> None:
    metrics = metrics_after(*EVENTS)
    found = read(metrics)
    assert found.value("scrap_flights_joined_total") == 1
    assert found.value("scrap_cache_shared_failures_total", kind="timeout") == 1
    assert found.value("scrap_targets_blocked_total", verdict="private") == 1
    assert found.value("scrap_pages_parsed_total", parser="fast", fallback_reason="none") == 1
    assert found.value("scrap_pages_parsed_total", parser="reference", fallback_reason="foreign") == 1
    assert found.value("scrap_pages_bounded_total", bound="seconds") == 1
    assert found.value("scrap_background_failures_total") == 1
    assert found.value("scrap_phase_duration_seconds_count", phase="parse") == 2
    assert found.value("scrap_phase_duration_seconds_count", phase="wait") == 1
    assert found.value("scrap_phase_duration_seconds_count", phase="shared_cache") == 0


def test_the_look_up_in_the_shared_cache_is_a_phase_of_its_request() -> None:
    found = read(metrics_after(replace(ENDED, cache="fresh", fetch=FetchEnded(Timings(shared_cache=0.18))), ENDED))
    assert found.value("scrap_phase_duration_seconds_count", phase="shared_cache") == 1
    assert found.value("scrap_phase_duration_seconds_sum", phase="shared_cache") == pytest.approx(0.18)


def test_state_is_read_at_the_scrape() -> None:
    admission, cache = FakeAdmission(in_flight=3, rejected=5), FakeCache(lookups={("memory", "fresh"): 5})
    cache.memory.put("key", failure(ScrapError(Reason.DNS_FAILED), policy=FreshnessPolicy(), now=0.0))
    metrics = observed(metrics_after(), admission, cache)
    found = read(metrics)
    for name, value in (
        ("scrap_admission_in_flight", 3),
        ("scrap_admission_waiting", 1),
        ("scrap_admission_capacity", 4),
        ("scrap_admission_refused_total", 5),
        ("scrap_admission_saturation_ratio", 0.75),
        ("scrap_cache_entries", 1),
        ("scrap_cache_bytes", cache.memory.used),
        ("scrap_cache_lookups_total", 5),
        ("scrap_cache_shared_up", 1),
        ("scrap_cpu_limit_cores", 0.5),
    ):
        assert found.value(name) == value, name
    admission.in_flight, admission.rejected, cache.shared_up = 2, 6, False
    cache.lookups["shared", "miss"] = 1
    found = read(metrics)
    assert found.value("scrap_admission_in_flight") == 2
    assert found.value("scrap_admission_refused_total") == 6
    assert found.value("scrap_cache_lookups_total", level="shared", state="miss") == 1
    assert found.value("scrap_cache_shared_up") == 0
    cache.shared_writes["out_of_memory",] = 2
    assert read(metrics).value("scrap_cache_shared_writes_total", result="out_of_memory") == 2


def test_without_a_shared_cache_there_is_no_series_for_it() -> None:
    assert "scrap_cache_shared_up" not in read(observed(metrics_after(), cache=FakeCache(shared_up=None))).families


def test_what_has_no_event() -> None:
    clock = Clock()
    metrics = metrics_after(clock=clock)
    metrics.note_lag(0.2)
    metrics.note_lag(0.001)
    metrics.lines_dropped.inc(5)
    metrics.note_failed_sink("log")
    found = read(metrics)
    assert found.value("scrap_event_loop_lag_seconds_count") == 2
    assert found.value("scrap_event_loop_lag_max_seconds") == 0.2
    assert found.value("scrap_log_lines_dropped_total") == 5
    assert found.value("scrap_telemetry_failures_total", sink="log") == 1
    assert found.value("scrap_build_info", version="1.2.3") == 1
    assert found.value("process_resident_memory_bytes") > 1e6


def test_a_flood_of_names_moves_no_series() -> None:
    metrics = metrics_after(*EVENTS)
    emit = FanOut(pytest.fail, metrics=metrics.handlers)

    def flood(start: int, end: int) -> int:
        for n in range(start, end):
            host = f"host-{n}.example"
            emit(
                replace(
                    ENDED, route=f"/{n}", method=f"M{n}", status=1000 + n, target_host=host, target=f"http://{host}"
                )
            )
            emit(replace(FAILED, route=f"/{n}", method="GET", status=404, target_host=host, request_id=str(n)))
            emit(FetchEnded(hops=[replace(HOP, host=host, status=1000 + n)]))
        return metrics.exposition("")[0].count(b"\n")

    series = flood(0, 100)
    assert flood(100, 2000) == series
    assert series < 1300
    found = read(metrics)
    assert found.value("scrap_requests_total", route="unmatched", method="other", status="other") == 2000
    assert found.value("scrap_hops_total", status="other") == 2000


def test_a_scraper_that_asks_for_openmetrics_gets_it_with_exemplars() -> None:
    metrics = Metrics(version="1", routes=ROUTES)
    emit = FanOut(pytest.fail, metrics=metrics.handlers)
    recorded = {"trace_id": "0af7651916cd43dd8448eb211c80319c", "span_id": "b7ad6b7169203331"}
    for seconds, trace in (
        (0.03, Trace(recorded, exemplar=recorded)),
        (0.3, Trace({"trace_id": "f" * 32, "span_id": "f" * 16})),
        (3.0, None),
    ):
        token = current_trace.set(trace)
        emit(replace(ENDED, seconds=seconds))
        current_trace.reset(token)
    body, content_type = metrics.exposition("application/openmetrics-text;version=1.0.0;q=0.5,text/plain;q=0.2")
    assert content_type.startswith("application/openmetrics-text; version=1.0.0")
    families = parse_openmetrics(body.decode())  # type: ignore[no-untyped-call]  # the library's
    exemplars = [s.exemplar for f in families for s in f.samples if s.exemplar]
    assert [e.labels for e in exemplars] == [recorded]
    assert exemplars[0].value == 0.03


@pytest.mark.parametrize("accept", ["", "*/*", "text/html", "text/plain;version=0.0.4", "version=\x00;;=,,"])
def test_any_other_scraper_gets_text(accept: str) -> None:
    body, content_type = metrics_after(*EVENTS).exposition(accept)
    assert content_type.startswith("text/plain; version=0.0.4")
    assert b" # {" not in body
    assert b"_created" not in body
