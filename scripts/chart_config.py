"""Writes the chart's `config` from the service's own table of settings, in values.yaml and values.schema.json; and into
the schema which values have to be there: all that values.yaml has.

`python scripts/chart_config.py` writes them; a test says whether they are current.
"""

import json
import re
from pathlib import Path
from typing import Any

import click
import yaml

from scrap.settings import GROUPS, CommaSeparated, Setting

CHART = Path(__file__).parent.parent / "charts" / "scrap"
BEGIN, END = "# <config>\n", "# </config>\n"

RANGE = "^[0-9]+(-[0-9]+)?$"  # of ports

# The chart knows where the service listens, and tells it by itself.
FIXED = frozenset({"host", "port", "management-host", "management-port"})

# Where a cluster asks for something else than a laptop does. None leaves it to the service.
CHOSEN: dict[str, Any] = {
    "linger": 5.0,  # callers who keep their connections hear `Connection: close` with their next answer
    "user-agent": None,  # it names the image's version, which only the image knows
}

# Whatever is not said in these, the service or Kubernetes knows by itself.
OPTIONAL = frozenset(
    {"config", "resources", "operator.resources", "probes.startup", "probes.readiness", "probes.liveness"}
)


# null means something for these: who else sets the replicas, and what else they are set by.
NULLABLE = frozenset({"replicaCount", "autoscaling.targetCPUUtilizationPercentage"})


def key(setting: Setting) -> str:
    """The setting's name in the values: max-redirects is maxRedirects."""
    first, *rest = setting.name.split("-")
    return first + "".join(word.capitalize() for word in rest)


def configurable() -> dict[str, tuple[Setting, ...]]:
    """The settings that the values have, under their headings; a secret comes from a Secret instead."""
    groups = {
        heading: tuple(setting for setting in settings if setting.name not in FIXED and not setting.secret)
        for heading, settings in GROUPS.items()
    }
    return {heading: settings for heading, settings in groups.items() if settings}


def value(setting: Setting) -> Any:
    """Its value in the chart, as JSON would have it."""
    chosen = CHOSEN.get(setting.name, setting.default)
    if isinstance(setting.type, CommaSeparated):
        words = [word for word in setting.default_text.split(",") if word]
        return [int(word) if word.isdecimal() else word for word in words]
    if isinstance(chosen, float) and chosen.is_integer():
        return int(chosen)
    return chosen


def schema(setting: Setting) -> dict[str, Any]:
    """Which values it takes, as JSON Schema; null leaves it to the service."""
    kind = setting.type
    match kind:
        case CommaSeparated():
            word = {"type": "string", "pattern": "^[^, ]+$"}
            port = {
                "anyOf": [{"type": "integer", "minimum": 1, "maximum": 65535}, {"type": "string", "pattern": RANGE}]
            }
            return {"type": ["array", "null"], "items": port if kind.name == "ports" else word}
        case click.Choice():
            return {"enum": [*kind.choices, None]}
        case click.IntRange() | click.FloatRange():
            number = "integer" if isinstance(kind, click.IntRange) else "number"
            lowest = {"exclusiveMinimum" if kind.min_open else "minimum": kind.min}
            highest = {} if kind.max is None else {"maximum": kind.max}
            return {"type": [number, "null"], **lowest, **highest}
        case _ if kind is click.BOOL:
            return {"type": ["boolean", "null"]}
        case _ if kind is click.STRING:
            return {"type": ["string", "null"]}
        case _:
            raise TypeError(f"{setting.name}: the chart does not know how to check {kind!r}")


def values_block() -> str:
    """The `config` of values.yaml, with helm-docs comments."""
    lines = ["config:"]
    for heading, settings in configurable().items():
        lines.append(f"  # {heading}")
        for setting in settings:
            lines += [f"  # config.{key(setting)} -- {setting.help}", f"  {key(setting)}: {json.dumps(value(setting))}"]
    return "\n".join(lines) + "\n"


def require(schema: dict[str, Any], values: dict[str, Any], path: str = "") -> None:
    """Says in the schema which keys its objects need: a null takes one away, and templates fail without it."""
    present = [name for name, value in values.items() if value is not None and name in schema["properties"]]
    names = [name for name in present if f"{path}.{name}".removeprefix(".") not in NULLABLE]
    schema.pop("required", None)
    if names and path not in OPTIONAL:
        schema["required"] = names
    for name in names:
        if "properties" in schema["properties"][name]:
            require(schema["properties"][name], values[name], f"{path}.{name}".removeprefix("."))


def written_values(text: str) -> str:
    """values.yaml with the current `config` in its place."""
    return re.sub(f"(?<={BEGIN}).*?(?={END})", lambda _: values_block(), text, flags=re.DOTALL)


def written_schema(text: str) -> str:
    """values.schema.json with the current `config` in its place, and with what the current values.yaml requires."""
    whole = json.loads(text)
    whole["properties"]["config"]["properties"] = {
        key(setting): schema(setting) for settings in configurable().values() for setting in settings
    }
    require(whole, yaml.safe_load((CHART / "values.yaml").read_text()))
    return json.dumps(whole, indent=2) + "\n"


def main() -> None:
    """Writes both files."""
    for name, written in (("values.yaml", written_values), ("values.schema.json", written_schema)):
        path = CHART / name
        path.write_text(written(path.read_text()))


if __name__ == "__main__":
    main()
