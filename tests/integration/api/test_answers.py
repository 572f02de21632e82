"""What a client reads, from the real service on a real socket."""

import json
import re

import pytest

from tests import client, running


def test_a_card(service: running.Service, origin: running.Origin) -> None:
    answer = client.scrap(service.url, f"{origin.url}/card.html")
    assert answer.status == 200
    assert answer.headers["Content-Type"] == "application/json"
    assert answer.json == {
        "title": "A card & its picture",
        "type": "website",
        "url": f"{origin.url}/card",
        "image": f"{origin.url}/pictures/card.png",
        "description": "What a chat shows when somebody shares a link.",
        "site_name": "scrap's own pages",
        "images": [{"url": f"{origin.url}/pictures/card.png"}],
        "properties": [
            ["og:type", "website"],
            ["og:title", "A card & its picture"],
            ["og:description", "What a chat shows when somebody shares a link."],
            ["og:url", "/card"],
            ["og:image", "/pictures/card.png"],
            ["og:site_name", "scrap's own pages"],
        ],
    }


def test_sizes_belong_to_the_picture_before_them(service: running.Service, origin: running.Origin) -> None:
    answer = client.scrap(service.url, f"{origin.url}/images.html")
    assert answer.json["images"] == [
        {"url": "https://static.example/media/rock.jpg", "width": 300, "height": 300},
        {"url": "https://static.example/media/rock2.jpg"},
        {"url": "https://static.example/media/rock3.jpg", "height": 1000},
    ]


def test_korean(service: running.Service, origin: running.Origin) -> None:
    assert client.scrap(service.url, f"{origin.url}/korean.html").json["title"] == "안녕하세요, 똠방각하"


def test_no_open_graph_is_nothing(service: running.Service, origin: running.Origin) -> None:
    answer = client.scrap(service.url, f"{origin.url}/nothing.html")
    assert (answer.status, answer.body) == (200, b"{}")


def test_every_answer_names_its_request_and_its_phases(service: running.Service, origin: running.Origin) -> None:
    answer = client.scrap(service.url, f"{origin.url}/card.html")
    assert re.fullmatch(r"[0-9a-f]{16}", answer.headers["X-Request-ID"])
    phases = [phase.partition(";")[0].strip() for phase in answer.headers["Server-Timing"].split(",")]
    assert phases == ["dns", "connect", "fetch", "parse"]
    assert answer.headers["Cache-Control"].startswith("public, max-age=")


def test_head_is_get_without_the_body(service: running.Service, origin: running.Origin) -> None:
    get = client.scrap(service.url, f"{origin.url}/card.html")
    head = client.scrap(service.url, f"{origin.url}/card.html", method="HEAD")
    assert (head.status, head.body) == (200, b"")
    assert head.headers["Content-Length"] == str(len(get.body))


def test_a_clients_request_id_is_taken_over(service: running.Service, origin: running.Origin) -> None:
    answer = client.scrap(service.url, f"{origin.url}/card.html", headers={"X-Request-ID": "my.own-id_1"})
    assert answer.headers["X-Request-ID"] == "my.own-id_1"


@pytest.mark.parametrize("hostile", ["a b", "x" * 65, 'a"b', "ä"])
def test_a_hostile_request_id_is_not(service: running.Service, hostile: str) -> None:
    answer = client.request(service.url, "/api/v1/scrap", headers={"X-Request-ID": hostile})
    assert re.fullmatch(r"[0-9a-f]{16}", answer.headers["X-Request-ID"])


@pytest.mark.parametrize(
    ("path", "status", "reason"),
    [
        ("/api/v1/scrap", 400, "url_missing"),
        ("/api/v1/scrap?url=ftp%3A%2F%2Fexample.com%2F", 400, "url_scheme"),
        ("/api/v1/scrap?url=http%3A%2F%2F169.254.169.254%2F", 403, "blocked_address"),
        ("/api/v1/scrap?url=http%3A%2F%2F%5B%3A%3Affff%3A10.0.0.1%5D%2F", 403, "blocked_address"),
        ("/api/v1/scrap?url=http%3A%2F%2Fprometheus.monitoring.svc%2F", 403, "blocked_name"),
        ("/api/v1/scrap?url=https%3A%2F%2Fkubernetes.default%2F", 403, "blocked_name"),
        ("/api/v1/scrap?url=http%3A%2F%2Fno-such-host.invalid%2F", 502, "dns_failed"),
        ("/api/v1/scrap?url=http%3A%2F%2F127.0.0.1%3A1%2F", 502, "connect_failed"),
        ("/api/v1/scrap//", 404, "not_found"),
        ("//", 404, "not_found"),
        ("/problems/", 404, "not_found"),
        ("/problems/nothing", 404, "not_found"),
        ("/docs/../docs.py", 404, "not_found"),
        ("/metrics", 404, "not_found"),
        ("/livez", 404, "not_found"),
    ],
)
def test_problems(service: running.Service, path: str, status: int, reason: str) -> None:
    answer = client.request(service.url, path)
    assert (answer.status, answer.json["reason"]) == (status, reason)
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert answer.headers["Cache-Control"] == "no-store"
    assert answer.json["instance"] == answer.headers["X-Request-ID"]
    assert {"type", "title", "status", "detail", "instance"} <= answer.json.keys()


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH", "OPTIONS"])
def test_other_methods_are_refused(service: running.Service, method: str) -> None:
    answer = client.request(service.url, "/api/v1/scrap?url=http://example.com/", method=method)
    assert (answer.status, answer.json["reason"]) == (405, "method_not_allowed")
    assert set(answer.headers["Allow"].split(", ")) == {"GET", "HEAD"}


def test_a_missing_page_is_the_webs_fault(service: running.Service, origin: running.Origin) -> None:
    answer = client.scrap(service.url, f"{origin.url}/missing.html")
    assert answer.status == 502
    assert answer.json["fault"] == "web"
    assert answer.json["upstream_status"] == 404


def test_nothing_internal_reaches_the_client(service: running.Service) -> None:
    answer = client.scrap(service.url, "http://127.0.0.1:1/")
    assert "127.0.0.1" not in answer.body.decode()
    assert "Errno" not in answer.body.decode()


def test_the_description_is_served(service: running.Service) -> None:
    answer = client.request(service.url, "/openapi.json")
    assert answer.status == 200
    assert json.loads(answer.body)["openapi"] == "3.1.0"
