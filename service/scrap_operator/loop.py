"""One loop for each AlertScaler: read, poll, decide, write, report; every `interval`.

Each tick reads the AlertScaler anew, so nothing depends on a watch that may hang or be late. What a watch sees only
starts a loop, ends it, or makes it tick at once.
"""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field, replace

from scrap_operator import manifest
from scrap_operator.decision import Decision, decide, record_replicas
from scrap_operator.kube import Kube, KubeError, NotFound, WriteConflict
from scrap_operator.manifest import Body, InvalidSpec, ProblemReason
from scrap_operator.model import Direction, Labels, Observation, Observations, ScaleTarget, Source, Spec
from scrap_operator.recorder import Action, EventRecorder, EventType, event_type
from scrap_operator.telemetry import OperatorMetrics

ATTEMPTS = 3  # to read, decide and write within one tick, where another client writes in between
INTERVAL = 15  # seconds from tick to tick, where the spec cannot be read

_log = logging.getLogger(__name__)

Poll = Callable[[Source, Sequence[str]], Awaitable[Observation]]
Clock = Callable[[], float]


class Gone(Exception):
    """The AlertScaler was deleted, or the selector does not match it any more."""


@dataclass(slots=True)
class Scaler:
    """Ticks for one AlertScaler.

    Args:
        clock: seconds since the epoch.
        selector: labels that it must carry to be served.
    """

    name: str
    kube: Kube
    poll: Poll
    metrics: OperatorMetrics
    clock: Clock
    selector: Labels = field(default_factory=dict)
    _uid: str = ""
    _memory: Observations = field(default_factory=Observations)
    _recorder: EventRecorder = field(init=False)

    def __post_init__(self) -> None:
        self._recorder = EventRecorder(self.kube)

    async def tick(self) -> int:
        """Decides once and acts on it; gives back the seconds until the next tick.

        Raises:
            Gone: there is no such AlertScaler any more.
            KubeError: the API server did not respond.
        """
        scalers = [body for body in await self.kube.alert_scalers() if manifest.is_served(body, {})]
        body = next((body for body in scalers if body["metadata"]["name"] == self.name), None)
        if body is None or not manifest.is_served(body, self.selector):
            raise Gone
        if self._uid != body["metadata"]["uid"]:
            self._uid, self._memory = body["metadata"]["uid"], manifest.memory_of(body)
        interval = INTERVAL
        try:
            spec = manifest.spec_of(body)
            interval = spec.source.interval
            await self._act(body, spec, scalers)
        except InvalidSpec as invalid:
            await self._report_problem(ProblemReason.INVALID_SPEC, f"The spec cannot be read: {invalid}.", body)
        except KubeError as error:
            if error.status is None:
                raise
            await self._report_problem(ProblemReason.REFUSED, f"The API server refused: {error}.", body)
        return interval

    async def _act(self, body: Body, spec: Spec, scalers: list[Body]) -> None:
        conflicting = manifest.conflicting_scalers(body, scalers, await self.kube.horizontal_autoscalers())
        started = time.monotonic()
        observation = await self.poll(spec.source, spec.alertnames)
        self.metrics.polled(self.name, time.monotonic() - started)
        decision = await self._decide_and_write(spec, conflicting, observation)
        await self._report(body, spec, decision)

    async def _decide_and_write(self, spec: Spec, conflicting: tuple[str, ...], observation: Observation) -> Decision:
        before = self._memory  # of the tick before: one poll is one poll, however often it is decided on
        for attempt in range(1, ATTEMPTS + 1):
            replicas = await self._replicas(spec)
            target = ScaleTarget(replicas, conflicting)
            decision = decide(spec, target, observation, before, self._now())
            self._memory = decision.memory  # a rejected write is no gap in the polls
            self.metrics.wanted(self.name, decision.current, decision.desired)
            if not decision.writes or decision.desired is None or replicas is None:
                return decision
            try:
                await self.kube.write_replicas(spec.target, decision.desired, instead_of=replicas)
            except WriteConflict:
                _log.info("%s: another client wrote first, attempt %d of %d", self.name, attempt, ATTEMPTS)
                continue
            direction = Direction.UP if decision.desired > replicas else Direction.DOWN
            self.metrics.scaled(self.name, direction, decision.desired)
            self._memory = record_replicas(decision.memory, decision.desired, self._now())
            return replace(decision, memory=self._memory)
        raise WriteConflict(f"{spec.target} was written by another client {ATTEMPTS} times in a row", 409)

    async def _replicas(self, spec: Spec) -> int | None:
        try:
            return await self.kube.replicas(spec.target)
        except NotFound:
            return None

    async def _report(self, body: Body, spec: Spec, decision: Decision) -> None:
        status = manifest.status_of(decision, body, self._now())
        self.metrics.decided(self.name, spec, decision, manifest.conditions_of(status))
        kind = event_type(decision.reason)
        news = kind and (decision.writes or decision.reason != body.get("status", {}).get("reason"))
        if news:
            _log.info(
                "%s: %s",
                self.name,
                decision.sentence,
                extra={"alertscaler": self.name, "reason": decision.reason.value, "desired": decision.desired},
            )
        if manifest.outdated(status, body, spec.source.warm_up // 4):
            await self.kube.write_status(self.name, status)
        if kind and news:
            action = Action.SCALE if decision.writes else Action.KEEP
            await self._record(body, decision.reason, decision.sentence, kind, action)

    async def _report_problem(self, reason: ProblemReason, sentence: str, body: Body) -> None:
        """Reports that there is no decision, where even that may fail."""
        self.metrics.failed(self.name)
        status = manifest.status_of_problem(reason, sentence, body, self._now())
        if manifest.outdated(status, body, 0):
            _log.warning("%s: %s", self.name, sentence, extra={"alertscaler": self.name, "reason": reason})
            await self.kube.write_status(self.name, status)
            await self._record(body, reason, sentence, EventType.WARNING, Action.KEEP)

    async def _record(self, body: Body, reason: str, sentence: str, kind: EventType, action: Action) -> None:
        """Records an event; a failure is logged alone, for the status has the same, and the replicas are written."""
        try:
            await self._recorder.record(body, reason, sentence, kind, action)
        except KubeError as error:
            _log.warning("%s: no event: %s", self.name, error, extra={"alertscaler": self.name})

    def _now(self) -> int:
        return int(self.clock())


@dataclass(slots=True)
class _Running:
    """A loop and when it is due."""

    generation: int
    task: asyncio.Task[None] | None = None
    awake: asyncio.Event = field(default_factory=asyncio.Event)
    ticked: float = field(default_factory=time.monotonic)  # when a tick last ended, however it did
    interval: int = INTERVAL


class Loops:
    """The loops of all AlertScalers; a watch starts and ends them."""

    def __init__(self, new_scaler: Callable[[str], Scaler]) -> None:
        self._new_scaler = new_scaler
        self._running: dict[str, _Running] = {}

    def seen(self, name: str, generation: int) -> None:
        """An AlertScaler is there, perhaps edited: the next tick is now."""
        running = self._running.get(name)
        if running is None:
            running = self._running[name] = _Running(generation)
            running.task = asyncio.create_task(self._follow(name, running), name=f"alertscaler {name}")
        elif running.generation != generation:
            running.generation = generation
            running.awake.set()

    def gone(self, name: str) -> None:
        """An AlertScaler was deleted; its target stays as it is."""
        running = self._running.pop(name, None)
        if running and running.task:
            running.task.cancel()

    async def stop(self) -> None:
        """Ends all loops; a tick that is under way does not finish."""
        tasks = [running.task for running in self._running.values() if running.task]
        for name in list(self._running):
            self.gone(name)
        await asyncio.gather(*tasks, return_exceptions=True)

    def age(self) -> float:
        """Seconds since the oldest of the last ticks; 0 where there is no loop."""
        return max((time.monotonic() - running.ticked for running in self._running.values()), default=0.0)

    def lateness(self) -> float:
        """Seconds by which the latest loop has missed its next tick; not above 0 where none has."""
        late = (time.monotonic() - running.ticked - running.interval for running in self._running.values())
        return max(late, default=0.0)

    async def _follow(self, name: str, running: _Running) -> None:
        scaler = self._new_scaler(name)
        try:
            while True:
                started = time.monotonic()
                running.awake.clear()
                await self._tick(scaler, running)
                running.ticked = time.monotonic()
                try:
                    async with asyncio.timeout(max(0.0, started + running.interval - running.ticked)):
                        await running.awake.wait()
                except TimeoutError:
                    pass
        except Gone:
            self._running.pop(name, None)
        finally:
            scaler.metrics.forget(name)

    @staticmethod
    async def _tick(scaler: Scaler, running: _Running) -> None:
        try:
            running.interval = await scaler.tick()
        except Gone:
            raise
        except KubeError as error:
            scaler.metrics.failed(scaler.name)
            _log.warning("%s: %s", scaler.name, error, extra={"alertscaler": scaler.name})
        except Exception:  # noqa: BLE001 - a bug must end neither this loop nor the others
            scaler.metrics.failed(scaler.name)
            _log.exception("%s: the tick failed", scaler.name, extra={"alertscaler": scaler.name})
