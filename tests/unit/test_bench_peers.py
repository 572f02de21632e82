"""The benchmark beside other services: what is pure in it."""

from dataclasses import replace
from pathlib import Path

import pytest

from tests.benchmarks import bench_peers
from tests.benchmarks.bench_peers import (
    BEGIN,
    END,
    PEERS,
    PeerRow,
    Results,
    at,
    half,
    is_right,
    memory,
    missing,
    modes,
    parse_wrk,
    report,
    table,
    written,
)

WRK = """Running 3s test @ http://127.0.0.1:9104
  1 threads and 32 connections
Requests/sec:    212.10
KIT {"requests":636,"us":3000000,"p50":120500,"p99":310000,"e_connect":1,"e_read":0,"e_status":2}
"""


def row(number: int, peer: str, per_second: float, mode: str = "p") -> PeerRow:
    return PeerRow(number, mode, peer, per_second, p50=10, p99=20, cpu=1e6 / per_second, rss=50, errors=0)


@pytest.fixture
def results() -> Results:
    found = Results("a machine", "2026-11-29", "c0ffee", 3)
    for number, factor in enumerate((1, 2, 10)):
        found.rows += [row(number, "scrap", 600 * factor), row(number, "unfurl", 200 * factor + number)]
    found.right["scrap"] = (110, 112)
    found.half.append(("unfurl", 300.0, 900, 600, 2000.5))
    found.memory += [(0, 50.0), (24_000, 60.0), (51_000, 61.0)]
    return found


def test_what_wrk_prints_is_read() -> None:
    load = parse_wrk(WRK)
    assert (load.requests, load.seconds, load.p50, load.p99, load.errors) == (636, 3.0, 120.5, 310.0, 3)
    with pytest.raises(ValueError, match="unable to connect"):
        parse_wrk("unable to connect to 127.0.0.1")


def test_medians_are_of_the_rounds(results: Results) -> None:
    assert results.median("scrap", "per_second") == 1200
    assert str(results.median("scrap", "per_second", "t")) == "nan"


def test_ratios_are_of_the_same_round(results: Results) -> None:
    assert results.ratios("unfurl", "p") == [600 / 200, 1200 / 401, 6000 / 2002]
    assert results.ratios("ogs", "p") == []


def test_the_tables(results: Results) -> None:
    lines = table(results).splitlines()
    assert len(lines) == len(PEERS) + 2
    assert "| **scrap** | 1,200 | 10 | 20 | 833 | 50 | 110 of 112 |" in lines
    assert "| metascraper | - | - | - | - | - | - |" in lines
    assert "| scrap / unfurl.js | 3.00 (2.99 to 3.00) | - | - | - |" in modes(results)
    assert "| unfurl.js | 300 | 900 | 600 | 2,000.5 |" in half(results)
    assert memory(results).splitlines()[-1] == "| RSS MiB | 50 | 60 | 60 | 61 | 61 | 61 |"


def test_the_report_names_who_made_errors(results: Results) -> None:
    assert "Errors: none." in report(results)
    results.rows.append(replace(row(3, "unfurl", 200), errors=1234))
    assert "Errors: unfurl 1,234." in report(results)


def test_results_are_kept_and_read_again(results: Results, tmp_path: Path) -> None:
    results.write(tmp_path / "new" / "peers.json")
    assert report(Results.read(tmp_path / "new" / "peers.json")) == report(results)


def test_the_report_goes_between_its_marks(results: Results) -> None:
    text = report(results)
    document = written(f"# Title\n\n{BEGIN}\n\nold\n\n{END}\n\nrest\n", text)
    assert document == f"# Title\n\n{BEGIN}\n\n{text}\n\n{END}\n\nrest\n"
    assert written(document, text) == document
    with pytest.raises(ValueError, match="bench-peers: begin"):
        written("# Title\n", text)


@pytest.mark.parametrize(
    ("found", "pairs", "expected"),
    [
        ({"title": "A  page ", "description": "x"}, [["og:title", "A page"], ["og:description", "x"]], True),
        ({"title": "second"}, [["og:title", "first"], ["og:title", "second"]], True),
        ({"title": "A page"}, [["og:title", "A page"], ["og:description", "x"]], False),
        (None, [["og:title", "A page"]], False),
        ({"title": "made up"}, [["og:image", "/x.png"], ["og:title", " "]], None),
    ],
)
def test_what_is_right(found: object, pairs: list[list[str | None]], expected: bool | None) -> None:
    assert is_right(found, ("title", "description"), pairs) is expected


def test_values_are_found_by_keys_and_indices() -> None:
    document = {"og": {"og:title": ["A page", None]}}
    assert [at(document, path) for path in ("og.og:title.0", "og.og:title.1", "og.og:title.2", "x.y")] == [
        "A page",
        "",
        "",
        "",
    ]


def test_one_sentence_says_what_is_missing(tmp_path: Path) -> None:
    assert "set KIT" in missing(tmp_path, tmp_path)
    (tmp_path / "bench.lua").touch()
    assert missing(tmp_path, tmp_path).endswith("/setup.")


def test_without_the_kit_the_exit_code_is_2(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(bench_peers, "missing", lambda: missing(tmp_path))
    assert bench_peers.main([]) == 2
    assert capsys.readouterr().err.count("\n") == 1
