"""The real Prometheus and its tools, where they are."""

import os
import shutil
from pathlib import Path

import pytest


def tool(name: str) -> Path:
    """Finds a program of Prometheus: in SCRAP_CLUSTER_CACHE, where ../shared/cluster/setup puts it, or on PATH."""
    cache = Path(os.environ.get("SCRAP_CLUSTER_CACHE", Path.home() / ".cache" / "scrap-cluster"))
    found = shutil.which(name, path=cache / "bin") or shutil.which(name)
    if not found:
        pytest.skip(f"{name} is not installed: put it on PATH")
    return Path(found)
