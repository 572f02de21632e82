"""A tick, from end to end, over an API server in memory; and the loops that tick."""

import asyncio
import json
from collections.abc import Callable, Sequence
from typing import Any

import httpx2
import pytest

from scrap_operator.kube import KubeError
from scrap_operator.loop import ATTEMPTS, Gone, Loops, Scaler
from scrap_operator.model import Alert, Observation, PollFailed, PollResult, Source
from scrap_operator.recorder import KEPT
from scrap_operator.telemetry import OperatorMetrics
from tests.unit.operator.api import EVENTS, HPAS, SCALE, SCALERS, FakeApi, Json, alert_scaler

WATCHDOG = Alert({"alertname": "Watchdog"})


class LoopWorld:
    """A scaler, what it sees, and a clock that goes on by 15 s a tick."""

    def __init__(self, *scalers: Json, replicas: int | None = 3) -> None:
        self.api = FakeApi(*(scalers or (alert_scaler(),)), replicas=replicas)
        self.now = 1_800_000_000.5
        self.alerts: Observation = PollResult((WATCHDOG,), uptime=9999)
        self.metrics = OperatorMetrics(lambda: 0.0)
        self.scaler = self.new_scaler()

    def new_scaler(self) -> Scaler:
        return Scaler("scrap", self.api.kube(), self.poll, self.metrics, lambda: self.now)

    async def poll(self, source: Source, names: Sequence[str]) -> Observation:
        assert (source.url, names) == ("http://alertmanager.test", ("Hold", "Saturated", "Watchdog"))
        return self.alerts

    def fire(self, *names: str) -> None:
        self.alerts = PollResult((WATCHDOG, *(Alert({"alertname": name}) for name in names)), uptime=9999)

    async def tick(self) -> Json:
        """The status after it."""
        self.api.asked.clear()
        interval = await self.scaler.tick()
        self.now += interval
        status: Json = self.api.scalers["scrap"]["status"]
        return status

    def writes(self) -> list[str]:
        return [path for method, path in self.api.asked if method != "GET"]

    def reasons(self) -> list[str]:
        return [event["reason"] for event in self.api.events]


def refusing(status: int, wanted: str, text: str | None = None) -> Callable[[str, str], httpx2.Response | None]:
    """Refuses one path, in the API server's way or with a text of somebody else's."""

    def refuse(method: str, path: str) -> httpx2.Response | None:
        if f"{method} {path}" != wanted:
            return None
        return httpx2.Response(status, text=text) if text else httpx2.Response(status, json={"message": "for a reason"})

    return refuse


async def test_it_scales_says_so_and_remembers() -> None:
    world = LoopWorld()
    world.fire("Saturated")
    status = await world.tick()
    assert world.api.replicas == 5
    assert (status["currentReplicas"], status["desiredReplicas"], status["reason"]) == (5, 5, "ScaleUp")
    assert (status["firing"], status["firingNames"]) == (["saturated"], "saturated")
    assert status["lastScaleUpTime"] == "2027-01-15T08:00:00Z"
    [event] = world.api.events
    assert (event["type"], event["reason"]) == ("Normal", "ScaleUp")
    assert event["regarding"]["uid"] == "uid-of-scrap"
    assert (event["action"], event["note"]) == ("Scale", "3 → 5 replicas: saturated fires.")
    assert b'scrap_operator_scalings_total{alertscaler="scrap",direction="Up"} 1.0' in world.metrics.render()
    assert (await world.tick())["reason"] == "RateLimited"
    assert world.api.replicas == 5


async def test_what_it_may_come_to_count_is_there_at_zero() -> None:
    world = LoopWorld()
    await world.tick()
    for counter in (
        'scalings_total{alertscaler="scrap",direction="Up"}',
        'scalings_total{alertscaler="scrap",direction="Down"}',
        'problems_total{alertscaler="scrap"}',
    ):
        assert f"scrap_operator_{counter} 0.0".encode() in world.metrics.render()


async def test_a_new_process_goes_on_where_the_old_one_ended() -> None:
    world = LoopWorld()
    world.fire("Saturated")
    await world.tick()
    world.scaler = world.new_scaler()
    assert (await world.tick())["reason"] == "RateLimited"


async def test_the_same_name_anew_is_another_one() -> None:
    world = LoopWorld()
    world.fire("Saturated")
    await world.tick()
    anew = alert_scaler()
    anew["metadata"]["uid"] = "another"
    world.api.scalers["scrap"] = anew
    assert (await world.tick())["reason"] == "ScaleUp"


async def test_scaling_in_takes_warm_up_and_window_and_is_counted() -> None:
    world = LoopWorld()
    for _ in range((120 + 300) // 15 + 1):
        assert world.api.replicas == 3
        await world.tick()
    assert world.api.replicas == 2
    assert b'scrap_operator_scalings_total{alertscaler="scrap",direction="Down"} 1.0' in world.metrics.render()
    assert world.reasons() == ["Settling", "ScaleDown"]


async def test_a_steady_state_writes_a_status_now_and_then_and_nothing_else() -> None:
    world = LoopWorld(replicas=1)
    for _ in range(12):
        await world.tick()
    written = []
    for _ in range(8):
        await world.tick()
        written += world.writes()
    assert written == [f"{SCALERS}/scrap/status"] * 4  # each warm-up / 4


async def test_somebody_else_writes_first() -> None:
    world = LoopWorld()
    world.fire("Saturated")
    interfered = 0

    def interfere(method: str, path: str) -> None:
        nonlocal interfered
        if method == "PATCH" and path == SCALE and not interfered:
            interfered, world.api.replicas = 1, 6

    world.api.refuse = interfere
    await world.tick()
    assert world.api.replicas == 8


async def test_somebody_else_writes_again_and_again() -> None:
    world = LoopWorld()
    world.fire("Saturated")
    world.api.refuse = refusing(409, f"PATCH {SCALE}")
    assert (await world.tick())["reason"] == "Refused"
    assert world.writes().count(SCALE) == ATTEMPTS
    assert world.reasons() == ["Refused"]
    await world.tick()
    assert world.reasons() == ["Refused"]  # said once
    world.api.refuse = lambda method, path: None
    assert (await world.tick())["reason"] == "ScaleUp"


@pytest.mark.parametrize("refused", [f"GET {SCALE}", f"PATCH {SCALE}", f"GET {HPAS}"])
async def test_a_right_that_is_missing_is_said(refused: str) -> None:
    world = LoopWorld()
    await world.tick()
    world.fire("Saturated")
    world.api.refuse = refusing(403, refused)
    status = await world.tick()
    assert status["reason"] == "Refused"
    assert "403 for a reason" in status["message"]
    conditions = {each["type"]: each["status"] for each in status["conditions"]}
    assert conditions == {"Ready": "False", "SourceAvailable": "True", "Conflict": "False", "Limited": "False"}
    assert b'scrap_operator_problems_total{alertscaler="scrap"} 1.0' in world.metrics.render()
    assert world.api.replicas == 3


async def test_what_is_refused_for_an_hour_is_said_to_be_for_an_hour() -> None:
    world = LoopWorld()
    for _ in range((120 + 300) // 15):
        await world.tick()
    world.api.refuse = refusing(403, f"PATCH {SCALE}")
    assert {(await world.tick())["reason"] for _ in range(240)} == {"Refused"}
    assert world.reasons() == ["Settling", "Refused"]
    assert gauges(world) == {"desired": 2, "current": 3}
    world.api.refuse = lambda method, path: None
    assert (await world.tick())["reason"] == "ScaleDown"  # nothing that was seen meanwhile is forgotten
    assert gauges(world) == {"desired": 2, "current": 2}


def gauges(world: LoopWorld) -> dict[str, float]:
    """The replicas in the metrics."""
    lines = [line.split() for line in world.metrics.render().decode().splitlines() if not line.startswith("#")]
    values = {series: float(value) for series, value in lines}
    names = {name: f'scrap_operator_{name}_replicas{{alertscaler="scrap"}}' for name in ("desired", "current")}
    return {name: values[series] for name, series in names.items() if series in values}


async def test_a_dry_run_shows_what_it_would_do() -> None:
    world = LoopWorld(alert_scaler(mode="DryRun"))
    world.fire("Saturated")
    await world.tick()
    assert gauges(world) == {"desired": 5, "current": 3}


async def test_one_lost_poll_is_one_however_often_somebody_else_writes_first() -> None:
    world = LoopWorld(replicas=20)  # above the maximum, which needs no alerts
    world.alerts = PollFailed("timed out")
    world.api.refuse = refusing(409, f"PATCH {SCALE}")
    await world.tick()
    world.api.refuse = lambda method, path: None
    assert (await world.tick())["source"]["failures"] == 2


async def test_events_that_are_forbidden_cost_nothing_but_themselves(caplog: pytest.LogCaptureFixture) -> None:
    world = LoopWorld()
    world.fire("Saturated")
    world.api.refuse = refusing(403, f"POST {EVENTS}")
    status = await world.tick()
    assert (world.api.replicas, status["reason"]) == (5, "ScaleUp")
    assert "no event: POST" in caplog.text
    assert b'problems_total{alertscaler="scrap"} 0.0' in world.metrics.render()


async def flap(world: LoopWorld, times: int) -> None:
    """Another autoscaler comes and goes."""
    for _ in range(times):
        world.api.hpas = [alert_scaler("by-cpu")]
        await world.tick()
        world.api.hpas = []
        await world.tick()


async def test_what_repeats_is_one_event_with_a_count() -> None:
    world = LoopWorld(replicas=1)
    await flap(world, 20)
    assert len(world.reasons()) == len(set(world.reasons()))
    conflict = next(event for event in world.api.events if event["reason"] == "Conflict")
    assert (conflict["series"]["count"], conflict["action"]) == (20, "Keep")
    assert conflict["series"]["lastObservedTime"] > conflict["eventTime"]


async def test_an_event_that_has_expired_is_created_again() -> None:
    world = LoopWorld(replicas=1)
    await flap(world, 2)
    world.api.events.clear()
    await flap(world, 1)
    assert "series" not in next(event for event in world.api.events if event["reason"] == "Conflict")


async def test_a_count_that_the_api_server_refused_is_written_again() -> None:
    world = LoopWorld(replicas=1)
    await flap(world, 1)
    conflict = next(event for event in world.api.events if event["reason"] == "Conflict")
    world.api.refuse = refusing(500, f"PATCH {EVENTS}/{conflict['metadata']['name']}")
    await flap(world, 1)
    world.api.refuse = lambda method, path: None
    await flap(world, 1)
    assert conflict["series"]["count"] == 2


async def test_events_that_never_repeat_are_forgotten() -> None:
    world = LoopWorld()
    for replicas in range(200, 200 + 2 * KEPT):
        world.api.replicas = replicas  # above the maximum, each time by another number
        await world.tick()
    assert len(world.api.events) >= 2 * KEPT
    assert len(world.scaler._recorder._series) == KEPT


async def test_a_long_sentence_is_cut_to_what_the_api_server_takes() -> None:
    world = LoopWorld()
    for _ in range(3):
        world.alerts = PollFailed(f"x{'→' * 999}")
        await world.tick()
    event = next(event for event in world.api.events if event["reason"] == "SourceUnavailable")
    assert len(event["note"].encode()) == 1022  # the next character takes three


async def test_an_api_server_that_is_away_is_raised() -> None:
    world = LoopWorld()

    def away(method: str, path: str) -> httpx2.Response:
        raise httpx2.ConnectError("refused")

    world.api.refuse = away
    with pytest.raises(KubeError, match="ConnectError refused"):
        await world.scaler.tick()


async def test_an_api_server_that_goes_away_in_the_middle_is_raised() -> None:
    world = LoopWorld()

    def away(method: str, path: str) -> httpx2.Response | None:
        if path == SCALE:
            raise httpx2.ReadError("reset")
        return None

    world.api.refuse = away
    with pytest.raises(KubeError, match="ReadError reset"):
        await world.scaler.tick()


async def test_a_spec_that_cannot_be_read_is_said() -> None:
    world = LoopWorld(alert_scaler(mode="Sometimes"))
    status = await world.tick()
    assert status["reason"] == "InvalidSpec"
    assert "Sometimes" in status["message"]
    assert [each["reason"] for each in status["conditions"]] == ["InvalidSpec"]


async def test_other_scalers_are_a_conflict_and_a_warning() -> None:
    world = LoopWorld()
    world.api.hpas = [alert_scaler("by-cpu")]
    world.fire("Saturated")
    assert (await world.tick())["reason"] == "Conflict"
    assert world.api.events[0]["type"] == "Warning"
    assert world.api.replicas == 3


async def test_a_target_that_is_not_there() -> None:
    world = LoopWorld(replicas=None)
    status = await world.tick()
    assert status["reason"] == "TargetNotFound"
    assert "currentReplicas" not in status
    assert gauges(world) == {}


async def test_a_target_that_is_gone_has_no_replicas_any_more() -> None:
    world = LoopWorld()
    await world.tick()
    assert gauges(world) == {"desired": 3, "current": 3}
    world.api.replicas = None
    await world.tick()
    assert gauges(world) == {}


async def test_a_lost_poll_is_no_event() -> None:
    world = LoopWorld()
    await world.tick()
    world.alerts = PollFailed("timed out")
    assert (await world.tick())["reason"] == "SourceFailing"
    await world.tick()
    assert (await world.tick())["reason"] == "SourceUnavailable"
    assert world.reasons() == ["Settling", "SourceUnavailable"]
    assert b'scrap_operator_source_up{alertscaler="scrap"} 0.0' in world.metrics.render()


async def test_it_is_gone() -> None:
    world = LoopWorld(alert_scaler("other"))
    with pytest.raises(Gone):
        await world.scaler.tick()


def dying(scaler: Json) -> Json:
    """Somebody deletes it, and a finalizer of somebody else's keeps it."""
    scaler["metadata"] |= {"deletionTimestamp": "2027-01-15T08:00:00Z", "finalizers": ["example.com/hold"]}
    return scaler


async def test_one_that_is_being_deleted_is_gone() -> None:
    world = LoopWorld(dying(alert_scaler()), replicas=20)
    with pytest.raises(Gone):
        await world.scaler.tick()
    assert world.writes() == []


async def test_one_that_is_being_deleted_is_no_conflict() -> None:
    world = LoopWorld(alert_scaler(), dying(alert_scaler("other")))
    world.fire("Saturated")
    assert (await world.tick())["reason"] == "ScaleUp"


async def test_one_without_our_labels_is_not_served_and_a_conflict_all_the_same() -> None:
    ours, other = alert_scaler(), alert_scaler("other")
    ours["metadata"]["labels"] = {"release": "one", "team": "web"}
    other["metadata"]["labels"] = {"release": "two"}
    world = LoopWorld(ours, other)
    world.scaler.selector = {"release": "one"}
    assert (await world.tick())["reason"] == "Conflict"
    world.scaler.selector = {"release": "two"}
    with pytest.raises(Gone):
        await world.scaler.tick()


async def test_another_that_cannot_be_read_breaks_nobody_else() -> None:
    world = LoopWorld(
        alert_scaler(), {**alert_scaler("bad"), "spec": {}}, {**alert_scaler("worse"), "spec": {"scaleTargetRef": 7}}
    )
    world.api.hpas = [{"metadata": {"name": "odd"}, "spec": {}}]
    world.fire("Saturated")
    assert (await world.tick())["reason"] == "ScaleUp"


async def test_requests_have_one_field_manager_and_the_right_patch() -> None:
    world = LoopWorld()
    world.fire("Saturated")
    await world.tick()
    patches = [
        headers["Content-Type"]
        for (method, _), headers in zip(world.api.asked, world.api.headers, strict=True)
        if method == "PATCH"
    ]
    assert patches == ["application/json-patch+json", "application/merge-patch+json"]
    assert ("POST", EVENTS) in world.api.asked


# The loops.


class Ticking(Scaler):
    """Counts its ticks, and runs `does` in each."""

    ticks = 0
    ticked: asyncio.Event
    does: Callable[[], int]

    async def tick(self) -> int:
        self.ticks += 1
        self.ticked.set()
        return self.does()


def loops(does: Callable[[], int]) -> tuple[Loops, dict[str, Ticking], OperatorMetrics]:
    scalers: dict[str, Ticking] = {}
    metrics = OperatorMetrics(lambda: 0.0)

    async def poll(source: Source, names: Sequence[str]) -> Observation:
        raise AssertionError

    def new(name: str) -> Ticking:
        scaler = scalers[name] = Ticking(name, FakeApi().kube(), poll, metrics, lambda: 0.0)
        scaler.ticked, scaler.does = asyncio.Event(), does
        return scaler

    return Loops(new), scalers, metrics


async def nth_tick(scalers: dict[str, Ticking], count: int) -> None:
    async with asyncio.timeout(5):
        while "scrap" not in scalers or scalers["scrap"].ticks < count:
            if "scrap" in scalers:
                scalers["scrap"].ticked.clear()
                await scalers["scrap"].ticked.wait()
            else:
                await asyncio.sleep(0)


async def test_a_new_one_ticks_at_once_and_an_edit_makes_it_tick_again() -> None:
    running, scalers, _ = loops(lambda: 3600)
    running.seen("scrap", 1)
    await nth_tick(scalers, 1)
    running.seen("scrap", 1)  # its status was written: no news
    running.seen("scrap", 2)
    await nth_tick(scalers, 2)
    assert scalers["scrap"].ticks == 2
    assert 0 < running.age() < 5
    assert running.lateness() <= 0
    await running.stop()
    assert running.age() == 0


async def test_it_ticks_each_interval() -> None:
    running, scalers, _ = loops(lambda: 0)
    running.seen("scrap", 1)
    await nth_tick(scalers, 5)
    await running.stop()


def fails(error: Exception) -> Callable[[], int]:
    def tick() -> int:
        raise error

    return tick


@pytest.mark.parametrize("error", [KubeError("no answer"), ZeroDivisionError()])
async def test_a_tick_that_fails_ends_no_loop(error: Exception, caplog: pytest.LogCaptureFixture) -> None:
    running, scalers, metrics = loops(fails(error))
    running.seen("scrap", 1)
    await nth_tick(scalers, 1)
    await asyncio.sleep(0)
    assert b'scrap_operator_problems_total{alertscaler="scrap"} 1.0' in metrics.render()
    assert "scrap" in caplog.text
    running.seen("scrap", 2)
    await nth_tick(scalers, 2)
    await running.stop()


async def test_one_that_is_gone_ends_its_loop_and_its_series() -> None:
    running, scalers, metrics = loops(fails(Gone()))
    running.seen("scrap", 1)
    await nth_tick(scalers, 1)
    await asyncio.sleep(0)
    assert running.age() == 0
    running.gone("scrap")  # the watch says so, too, and later
    assert b'alertscaler="scrap"' not in metrics.render()


async def test_a_loop_that_misses_its_tick_is_late() -> None:
    running, scalers, _ = loops(lambda: -10)
    running.seen("scrap", 1)
    await nth_tick(scalers, 1)
    await asyncio.sleep(0)
    assert running.lateness() >= 10
    await running.stop()


def test_nothing_in_a_status_is_lost_on_its_way_through_json() -> None:
    status: dict[str, Any] = asyncio.run(LoopWorld().tick())
    assert json.loads(json.dumps(status)) == status
