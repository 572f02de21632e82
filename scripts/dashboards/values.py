"""Values as a person reads them, in Grafana's units."""

_DURATIONS = ((86400.0, "d"), (3600.0, "h"), (60.0, "min"), (1.0, "s"), (1e-3, "ms"), (1e-6, "µs"))
_BINARY = ((2.0**30, "GiB"), (2.0**20, "MiB"), (2.0**10, "KiB"), (1.0, "B"))
_DECIMAL = ((1e9, "GB"), (1e6, "MB"), (1e3, "kB"), (1.0, "B"))
_BEHIND = {"reqps": " /s", "pps": " /s", "cpm": " /min", "suffix:x": " x", "suffix: times": " times"}


def shown(value: float, unit: str, decimals: int | None = None) -> str:
    """The value with its unit, in three digits by default."""
    match unit:
        case "s":
            return _scaled(value, _DURATIONS)
        case "bytes":
            return _scaled(value, _BINARY)
        case "Bps":
            return _scaled(value, _DECIMAL) + "/s"
        case "percentunit":
            return f"{_rounded(value * 100, decimals)} %"
        case "locale":
            return f"{value:,.0f}"
        case _:
            return _rounded(value, decimals) + _BEHIND.get(unit, "")


def _rounded(value: float, decimals: int | None) -> str:
    if decimals is not None:
        return f"{value:.{decimals}f}"
    return f"{value:.3g}" if abs(value) < 1000 else f"{value:,.0f}"


def _scaled(value: float, scales: tuple[tuple[float, str], ...]) -> str:
    for size, name in scales:
        if abs(value) >= size * 0.9995:
            return f"{value / size:.3g} {name}"
    return f"0 {scales[-1][1]}" if value == 0 else f"{value / scales[-1][0]:.2g} {scales[-1][1]}"
