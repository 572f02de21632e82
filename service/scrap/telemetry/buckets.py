"""The upper bounds of every histogram's buckets, but for the infinite one."""

from typing import Final

# Durations, in seconds: from a cached response (well under 1 ms) to beyond the deadline of 8 s.
SECONDS: Final = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 1.5, 2.5, 5.0, 8.0, 10.0)
LAG_SECONDS: Final = (0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5)
REDIRECTS: Final = tuple(map(float, range(6)))
BYTES: Final = tuple(float(1024 << shift) for shift in (0, 2, 4, 6, 8, 10, 12))  # 1 KiB to 4 MiB
