"""`scrap serve` that says on SIGUSR1, to the file named by WATCHED_TO, how many tasks it has: for the soak alone."""

import asyncio
import gc
import os
import signal
import sys
from pathlib import Path

from scrap.cli import main


def _say(*_: object) -> None:
    gc.collect()
    tasks = [thing for thing in gc.get_objects() if isinstance(thing, asyncio.Task) and not thing.done()]
    names = sorted(task.get_coro().__qualname__ for task in tasks)  # type: ignore[union-attr]  # ours are coroutines
    Path(os.environ["WATCHED_TO"]).write_text("\n".join(names) + "\n")


if __name__ == "__main__":
    signal.signal(signal.SIGUSR1, _say)
    sys.argv[1:] = ["serve"]
    main()
