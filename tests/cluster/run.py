"""The tests on a real cluster, from nothing to nothing: `python -m tests.cluster.run SUITE [pytest's…]`.

PROVIDER says which cluster (tests/cluster/providers); `which` prints the one that would be taken. Where there is none,
one sentence says what to install, and the exit code is 2. After a failure the clusters' logs and the state of their
objects are in .cache/cluster-logs.
"""

import argparse
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

from tests.chart.rendering import ROOT
from tests.cluster.clusters import IMAGE, NEXT_IMAGE
from tests.cluster.providers.choice import NoProviderError, chosen
from tests.cluster.providers.provider import Provider, output

LOGS = ROOT / ".cache" / "cluster-logs"
API_OUTPUT = ROOT / ".cache" / "cluster-api.txt"
FOLDER = "tests/cluster"
WITHOUT_PODS = (f"{FOLDER}/api", f"{FOLDER}/operator")
# Alone: what measures. Then what needs the chart: the alerts after the dashboards, for they fill a disk that would be
# in them, then the runbooks, which read that disk, and the scaling last, for it ends Prometheus and Alertmanager, and
# they forget.
ALONE = (f"{FOLDER}/test_lose_nothing.py", f"{FOLDER}/test_start.py")
STACK = (f"{FOLDER}/dashboards", f"{FOLDER}/alerts", f"{FOLDER}/test_runbooks.py", f"{FOLDER}/test_scaling.py")
APART = (*WITHOUT_PODS, *ALONE, *STACK, f"{FOLDER}/story", f"{FOLDER}/faults")
SHOWN = ("--capture=no", "--quiet")


def tests(provider: Provider, arguments: list[str]) -> None:
    """All but the faults, which take forty minutes; of the story its short form."""
    with ThreadPoolExecutor() as pool:
        # The tests without pods run beside the making of the nodes and those of the others that measure nothing.
        api = provider.api()
        beside = pool.submit(_without_pods, api, arguments) if api else None
        try:
            provider.up()
            if not api:
                _pytest(provider, *WITHOUT_PODS, *arguments)
            _stack_and_image(provider, pool)
            _pytest(provider, FOLDER, *(f"--ignore={path}" for path in APART), *arguments)
        finally:
            if beside:
                beside.exception()  # waits
                sys.stdout.write(API_OUTPUT.read_text() if API_OUTPUT.exists() else "")
        if beside:
            beside.result()
    began = time.monotonic()
    _pytest(provider, *ALONE, *arguments)
    _say(f"alone in {time.monotonic() - began:.0f} s")
    _pytest(provider, *STACK, *arguments)
    _story(provider, ["--exitfirst", *arguments], "short")


def story(provider: Provider, arguments: list[str], length: str = "whole") -> None:
    """Load, alerts, Slack, replicas, faults and a new version."""
    provider.up()
    with ThreadPoolExecutor() as pool:
        _stack_and_image(provider, pool)
    _story(provider, ["--exitfirst", *arguments], length)


def faults(provider: Provider, arguments: list[str]) -> None:
    """The fault matrix; writes docs/faults.md."""
    provider.up()
    with ThreadPoolExecutor() as pool:
        _stack_and_image(provider, pool)
    _pytest(provider, f"{FOLDER}/faults", *SHOWN, *arguments)


def course(provider: Provider, arguments: list[str]) -> None:
    """Every command of the course, and all eighteen mysteries; `tests` has the short pages and three mysteries."""
    provider.up()
    with ThreadPoolExecutor() as pool:
        _stack_and_image(provider, pool)
    _pytest(provider, f"{FOLDER}/test_mystery.py", *SHOWN, *arguments, COURSE="whole")


SUITES: dict[str, tuple[Callable[[Provider, list[str]], None], int]] = {
    "tests": (tests, 2),
    "story": (story, 1),
    "faults": (faults, 2),
    "course": (course, 1),
}


def _stack_and_image(provider: Provider, pool: ThreadPoolExecutor) -> None:
    image = pool.submit(provider.build, IMAGE, VERSION="tests", REVISION=output("git", "rev-parse", "HEAD"))
    provider.stack()
    image.result()


def _story(provider: Provider, arguments: list[str], length: str) -> None:
    provider.build(NEXT_IMAGE, VERSION="next")
    _pytest(provider, f"{FOLDER}/story", *SHOWN, *arguments, STORY=length)


def _without_pods(api: Provider, arguments: list[str]) -> None:
    with API_OUTPUT.open("w") as file, _removed(api):
        api.up()
        command, given = _command(api, *WITHOUT_PODS, *arguments)
        subprocess.run(command, check=True, env=given, cwd=ROOT, stdout=file, stderr=subprocess.STDOUT)


def _pytest(provider: Provider, *arguments: str, **environment: str) -> None:
    """One at a time, for the pods share their cluster."""
    command, given = _command(provider, *arguments)
    subprocess.run(command, check=True, env={**given, **environment}, cwd=ROOT)


def _command(provider: Provider, *arguments: str) -> tuple[list[str], dict[str, str]]:
    flags = ("-p", "no:cacheprovider", "--numprocesses", "0", "--durations=8", "--durations-min=15")
    given = {"PROVIDER": provider.name, "CLUSTER": provider.cluster, "SCRAP_CLUSTER_TESTS": "required"}
    environment = {**os.environ, **given, **provider.environment()}
    return provider.command(sys.executable, "-m", "pytest", *flags, *arguments), environment


@contextmanager
def _removed(provider: Provider) -> Iterator[None]:
    """Has the cluster gone after the block; where that failed, the logs are kept."""
    try:
        yield
    except BaseException:
        _keep(provider)
        raise
    finally:
        provider.down()


def _keep(provider: Provider) -> None:
    try:
        provider.export_logs(LOGS / provider.cluster)
    except (OSError, shutil.Error, subprocess.SubprocessError) as error:
        _say(f"not all of the logs are kept: {error}")


def _say(text: str) -> None:
    sys.stderr.write(f"cluster tests: {text}\n")


def main() -> int:
    """Reads the command line; what it does not know is pytest's."""
    parser = argparse.ArgumentParser(prog="tests.cluster.run", description=__doc__)
    parser.add_argument("suite", choices=[*SUITES, "which"])
    parser.add_argument("--short", action="store_true", help="the story in fewer minutes, without what takes long")
    options, arguments = parser.parse_known_args()
    suite, nodes = SUITES.get(options.suite, (None, 1))
    try:
        provider = chosen(os.environ.get("PROVIDER", ""), os.environ.get("CLUSTER", f"scrap-{options.suite}"), nodes)
    except NoProviderError as error:
        _say(str(error))
        return 2
    if suite is None:
        print(provider.name)
        return 0
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that the cluster is removed
    shutil.rmtree(LOGS, ignore_errors=True)
    API_OUTPUT.parent.mkdir(exist_ok=True)
    API_OUTPUT.unlink(missing_ok=True)
    provider.setup()
    began = time.monotonic()
    try:
        with _removed(provider):
            if options.short:
                story(provider, arguments, "short")
            else:
                suite(provider, arguments)
    except subprocess.CalledProcessError as error:
        _say(f"failed: {' '.join(map(str, error.cmd))}; logs are in {LOGS.relative_to(ROOT)}")
        return 1
    finally:
        _say(f"all on {provider.name} in {time.monotonic() - began:.0f} s")
    return 0


if __name__ == "__main__":
    sys.exit(main())
