"""scrap beside its peers as one picture: `python -m scripts.peers_picture peers.json peers.svg`.

Left, pages a second in every mode; right, the CPU of a whole page. Medians of the rounds, on logarithmic scales.
"""

import json
import statistics
import sys
from pathlib import Path
from typing import Any

import matplotlib as mpl
from matplotlib import pyplot as plt

from tests.benchmarks.bench_peers import PEERS

mpl.use("svg")
mpl.rcParams |= {"svg.hashsalt": "scrap", "svg.fonttype": "none", "font.size": 9}
mpl.rcParams |= {"axes.spines.top": False, "axes.spines.right": False}
MODES = {
    "p": ("whole pages", "#0969da"),
    "s": ("chunked", "#54aeff"),
    "g": ("gzip", "#2da44e"),
    "t": ("TLS", "#d4a72c"),
}


def draw(results: dict[str, Any], labels: dict[str, str], file: Path) -> None:
    """Writes the picture; the peers stand in the order of their labels, the first at the top."""

    def median(peer: str, mode: str, what: str) -> float:
        found = [row[what] for row in results["rows"] if (row["peer"], row["mode"]) == (peer, mode)]
        return statistics.median(found) if found else float("nan")

    figure, (throughput, cpu) = plt.subplots(1, 2, sharey=True, figsize=(12, 5), layout="constrained")
    for number, (mode, (name, color)) in enumerate(MODES.items()):
        at = [row + (number - 1.5) * 0.2 for row in range(len(labels))]
        throughput.barh(at, [median(peer, mode, "per_second") for peer in labels], height=0.18, color=color, label=name)
    bars = cpu.barh(range(len(labels)), [median(peer, "p", "cpu") for peer in labels], height=0.5, color=MODES["p"][1])
    cpu.bar_label(bars, fmt="{:,.0f}", padding=3)
    throughput.set_yticks(range(len(labels)), labels.values())
    throughput.invert_yaxis()
    throughput.legend(loc="lower right", fontsize=8, framealpha=1, edgecolor="none")
    for axes, name, least in ((throughput, "pages a second, one core", 1), (cpu, "CPU µs a page", 100)):
        axes.set_xscale("log")
        axes.set_xlim(left=least)
        axes.set_xlabel(name)
        axes.grid(axis="x", color="#d0d7de", linewidth=0.5)
        axes.set_axisbelow(True)
    figure.savefig(file, metadata={"Date": None})
    plt.close(figure)


def main() -> None:
    """Draws one file to another."""
    source, target = map(Path, sys.argv[1:])
    draw(json.loads(source.read_text()), {peer.name: peer.label.strip("*") for peer in PEERS}, target)


if __name__ == "__main__":
    main()
