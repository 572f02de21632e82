"""The private names of libraries that the service uses: where one disappears, this says which."""

import importlib
import inspect
import re
from pathlib import Path

import pytest
import uvicorn
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle
from uvicorn.server import ServerState

import scrap

SOURCE = Path(scrap.__file__).parent
DESIGN = (SOURCE.parents[1] / "DESIGN.md").read_text(encoding="utf-8")
MODULES = {
    "uvicorn._types": ["ASGI3Application"],
    "opentelemetry._logs": ["Logger", "SeverityNumber"],
    "opentelemetry.exporter.otlp.proto.http._log_exporter": ["OTLPLogExporter"],
    "opentelemetry.sdk._logs": ["LoggerProvider"],
    "opentelemetry.sdk._logs.export": ["BatchLogRecordProcessor"],
}
# uvicorn's protocol is documented by its class alone: all that `Connection` uses of it.
PROTOCOL = {
    "_start_asgi_task",
    "config",
    "connection_lost",
    "connection_made",
    "connections",
    "cycle",
    "data_received",
    "eof_received",
    "headers",
    "loop",
    "on_headers_complete",
    "on_response_complete",
    "parser",
    "pipeline",
    "send_400_response",
    "transport",
}
CYCLE = ["disconnected", "keep_alive", "message_event", "more_body", "response_complete", "response_started", "scope"]
STATE = ["default_headers", "tasks"]


@pytest.mark.parametrize("module", MODULES)
def test_a_private_module_has_what_is_used_of_it(module: str) -> None:
    found = importlib.import_module(module)
    assert [name for name in MODULES[module] if not hasattr(found, name)] == []


async def test_uvicorns_protocol_has_what_is_used_of_it() -> None:
    config = uvicorn.Config(app="", log_config=None)
    # No application is needed to look at the names of the protocol.
    config.load_app = lambda: None  # type: ignore[method-assign]
    config.load()
    protocol = HttpToolsProtocol(config=config, server_state=ServerState(), app_state={})
    assert [name for name in PROTOCOL if not hasattr(protocol, name)] == []
    made = inspect.getsource(RequestResponseCycle.__init__)
    assert [name for name in CYCLE if f"self.{name} " not in made and f"self.{name}:" not in made] == []
    assert [name for name in STATE if not hasattr(ServerState(), name)] == []
    assert hasattr(config, "encoded_headers")


def imported() -> dict[str, str]:
    """The private modules of the two libraries that are imported, and by which file."""
    form = re.compile(r"^\s*(?:from|import) ((?:uvicorn|opentelemetry)(?:\.\w+)*\._\w+(?:\.\w+)*)", re.MULTILINE)
    return {
        module: path.relative_to(SOURCE).as_posix()
        for path in SOURCE.rglob("*.py")
        for module in form.findall(path.read_text(encoding="utf-8"))
    }


def test_no_other_private_module_is_used() -> None:
    found = imported()
    assert found.keys() == MODULES.keys()
    assert found["uvicorn._types"] == "api/connection.py"
    assert {path for module, path in found.items() if "opentelemetry" in module} == {
        "telemetry/otel/exporting.py",
        "telemetry/otel/logs.py",
    }


@pytest.mark.parametrize("name", sorted([*MODULES, *PROTOCOL, *CYCLE, *STATE, "encoded_headers"]))
def test_each_is_listed_in_the_design(name: str) -> None:
    section = DESIGN.partition("## Private names of libraries")[2].partition("\n## ")[0]
    assert f"`{name}`" in section
