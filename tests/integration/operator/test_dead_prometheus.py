"""A real Prometheus dies behind a real Alertmanager: its heartbeat is late before its other alerts end."""

import asyncio
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from scrap_operator.decision import ScalingReason, decide
from scrap_operator.model import (
    Behavior,
    Effect,
    Observations,
    PolicyType,
    Reference,
    Rule,
    ScaleTarget,
    ScalingPolicy,
    Source,
    Spec,
)
from scrap_operator.source import poller
from tests.integration.operator.alertmanager import Alertmanager, binary, free_port

# Evaluated each second and sent again after more than RESEND, so each 5 s; Alertmanager keeps what is not repeated for
# four times RESEND. As in a cluster, where it is 30 s, a minute, 90 s and 240 s.
RESEND = 4
RULES = """
groups:
  - {name: a, interval: 1s, rules: [{alert: Hold, expr: vector(1)}]}
  - {name: b, interval: 1s, rules: [{alert: Watchdog, expr: vector(1)}]}
"""
CONFIG = """
rule_files: [rules.yml]
alerting: {alertmanagers: [{static_configs: [{targets: ["127.0.0.1:%d"]}]}]}
"""


@contextmanager
def prometheus(directory: Path, alertmanager: Alertmanager) -> Iterator[subprocess.Popen[bytes]]:
    """Sends what fires to the Alertmanager."""
    program = binary("prometheus")
    if program is None:
        pytest.skip("no prometheus on PATH or in the cluster's tools: ../shared/cluster/setup tools builds it")
    (directory / "rules.yml").write_text(RULES)
    (directory / "prometheus.yml").write_text(CONFIG % alertmanager.port)
    arguments = [
        f"--config.file={directory / 'prometheus.yml'}",
        f"--storage.tsdb.path={directory / 'data'}",
        f"--web.listen-address=127.0.0.1:{free_port()}",
        f"--rules.alert.resend-delay={RESEND}s",
        "--log.level=error",
    ]
    with subprocess.Popen([program, *arguments]) as process:
        try:
            yield process
        finally:
            process.kill()


@pytest.mark.servers
async def test_its_heartbeat_is_late_before_its_hold_ends(alertmanager: Alertmanager, tmp_path: Path) -> None:
    spec = Spec(
        target=Reference("apps/v1", "Deployment", "scrap"),
        minimum=1,
        maximum=9,
        source=Source(alertmanager.url, interval=1, warm_up=2),
        rules=(Rule("hold", {"alertname": "Hold"}, Effect.HOLD),),
        down=Behavior(0, (ScalingPolicy(PolicyType.PODS, 1, 1),)),
    )
    memory, ask = Observations(), poller()

    async def look() -> tuple[ScalingReason, tuple[str, ...]]:
        nonlocal memory
        await asyncio.sleep(0.1)
        decision = decide(spec, ScaleTarget(5), await ask(spec.source, spec.alertnames), memory, int(time.time()))
        memory = decision.memory
        return decision.reason, decision.firing

    async def seen_until(reason: ScalingReason, firing: tuple[str, ...]) -> list[ScalingReason]:
        found, deadline = [], time.monotonic() + 30
        while True:
            now = await look()
            found.append(now[0])
            if now == (reason, firing):
                return found
            assert time.monotonic() < deadline, now

    with prometheus(tmp_path, alertmanager) as process:
        await seen_until(ScalingReason.HELD, ("hold",))
        process.kill()
        after = await seen_until(ScalingReason.HEARTBEAT_MISSING, ())
    assert after == [ScalingReason.HELD] * after.count(ScalingReason.HELD) + [
        ScalingReason.HEARTBEAT_MISSING
    ] * after.count(ScalingReason.HEARTBEAT_MISSING)
