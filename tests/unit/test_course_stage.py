"""What `make course` puts around the release, and `make ask`."""

import argparse
import asyncio
import importlib.util
import shlex
import sys
from types import ModuleType

import pytest
from starlette.requests import Request

from tests.cluster.course import query, stage
from tests.documents import ROOT, commands
from tests.varied_pages import PAGES, has_open_graph, page

OPTIONS = argparse.Namespace(rate=60.0, pause=1.0, slow_every=10)
WEB = stage.PROGRAMS[-1]


def test_every_pod_has_its_program_and_the_releases_image() -> None:
    config, *pods = stage.objects("registry.example/scrap:1", "10.96.0.7", "http://web.scrap.svc", OPTIONS)
    assert config["data"]["course_web.py"] == WEB.read_text()
    deployments = {each["metadata"]["name"]: each for each in pods if each["kind"] == "Deployment"}
    assert set(deployments) == {"web", "slack", "load"}
    for each in deployments.values():
        pod = each["spec"]["template"]["spec"]
        (container,) = pod["containers"]
        assert container["image"] == "registry.example/scrap:1"
        program = container["command"][3].removesuffix(":app")
        assert f"{program}.py" in {item["path"] for item in pod["volumes"][0]["configMap"]["items"]}
        assert {item["key"] for item in pod["volumes"][0]["configMap"]["items"]} <= config["data"].keys()


def test_all_of_it_is_found_again_by_its_label() -> None:
    """`--remove` deletes by it."""
    made = stage.objects("image", "10.96.0.7", "http://web.scrap.svc", OPTIONS)
    assert all("story" in each["metadata"]["labels"] for each in made)


def test_the_options_reach_the_pods() -> None:
    made = stage.objects("image", "10.96.0.7", "http://web.scrap.svc", OPTIONS)
    variables = {
        item["name"]: item["value"]
        for each in made
        if each["kind"] == "Deployment"
        for item in each["spec"]["template"]["spec"]["containers"][0]["env"]
    }
    assert variables == {
        "PAUSE": "1.0",
        "SLOW_EVERY": "10",
        "OPEN_GRAPH": "yes",
        "RATE": "60.0",
        "SERVICE": "10.96.0.7",
        "WEB": "http://web.scrap.svc",
    }


def test_the_course_prints_what_its_pages_have() -> None:
    documents = (str(path.relative_to(ROOT)) for path in (ROOT / "docs/course").glob("*.md"))
    printed = set()
    for command, output in (each for document in documents for each in commands(document)):
        if command.startswith("make course") and "--remove" not in command:
            arguments = command.partition("ARGS=")[2].strip("'")
            assert output == f"{stage.summary(stage.parsed(shlex.split(arguments)))}\n", command
            printed.add(output)
    assert "6 calls a second; the web takes 0.15 s for a page; one page in 10 takes 2 s longer.\n" in printed


def web(monkeypatch: pytest.MonkeyPatch, **environment: str) -> ModuleType:
    """The web's program, as a pod starts it."""
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    spec = importlib.util.spec_from_file_location("course_web", WEB)
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def served(module: ModuleType, number: int) -> bytes:
    """The body of a page."""
    request = Request({"type": "http", "path_params": {"number": number}, "headers": []})
    body: bytes = asyncio.run(module.serve(request)).body
    return body


def test_every_nth_page_is_slow(monkeypatch: pytest.MonkeyPatch) -> None:
    module, pauses = web(monkeypatch, PAUSE="0.25", SLOW_EVERY="10", OPEN_GRAPH="yes"), []

    async def sleep(seconds: float) -> None:
        pauses.append(seconds)

    monkeypatch.setattr(module, "asyncio", argparse.Namespace(sleep=sleep))
    for number in range(1, 21):
        served(module, number)
    assert pauses == [*[0.25] * 9, 2.25] * 2


@pytest.mark.parametrize("wanted", ["yes", "no"])
def test_all_pages_have_open_graph_or_none(wanted: str, monkeypatch: pytest.MonkeyPatch) -> None:
    module = web(monkeypatch, PAUSE="0", SLOW_EVERY="0", OPEN_GRAPH=wanted)
    bodies = {page(number) for number in range(PAGES) if has_open_graph(number) == (wanted == "yes")}
    assert {served(module, number) for number in range(PAGES)} == bodies


@pytest.mark.parametrize(
    ("arguments", "results", "code", "printed"),
    [
        ([], ["{} 2"], 0, "{} 2"),
        ([], [""], 0, "no result"),
        (["--until", "60"], ["", "", "{} 2"], 0, "{} 2"),
        (["--until", "0.1"], [""], 1, "no result"),
    ],
)
def test_a_query_waits_for_a_result_if_asked_to(
    arguments: list[str],
    results: list[str],
    code: int,
    printed: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    left = iter(results[:-1])
    monkeypatch.setattr(query, "ask", lambda _: next(left, results[-1]))
    monkeypatch.setattr(sys, "argv", ["ask", *arguments])
    assert query.main() == code
    assert capsys.readouterr().out == f"{printed}\n"


def test_the_environments_query_is_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    sent: list[str] = []

    def ask(text: str) -> str:
        sent.append(text)
        return "{} 1"

    monkeypatch.setattr(query, "ask", ask)
    monkeypatch.setattr(sys, "argv", ["ask"])
    monkeypatch.setenv("QUERY", 'up{job="scrap"}')
    query.main()
    assert set(sent) == {'up{job="scrap"}'}
