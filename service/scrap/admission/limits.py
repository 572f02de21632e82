"""How much work the service admits."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class AdmissionLimits:
    """Limits of slots, queue and memory; raises ValueError where one is out of its range."""

    # Fetches at once. More: more memory, 116 KiB each for pages within `own_bytes`, 252 where they are zstd, whose
    # decoder holds them once more. Fewer: origins that hang until their deadline occupy all slots sooner.
    capacity: int = 256
    # Fetches that may wait in the queue. More: larger bursts are smoothed. 0: no queue, and no limit per iteration.
    waiting: int = 128
    # Seconds that a fetch waits at most, and that an overload lasts after a rejection. CoDel's interval.
    max_wait: float = 0.25
    # Seconds that the first in the queue may have waited while others are admitted, in an overload. CoDel's target.
    target: float = 0.005
    # Seconds of an iteration of the event loop for which one more fetch may begin in the next. It has to be much more
    # than a fetch takes of the CPU, else long iterations make longer ones.
    iteration: float = 0.025
    # Rejections in an iteration for which one more may begin in the next. More: clients that retry at once take the CPU
    # from pages. So few that they cost less than a page: iterations become longer and longer in an overload.
    rejections: int = 40
    # Bytes of memory that each fetch may hold in any case. More: the worst case, times `capacity`, needs more memory.
    # Less: more pages need the shared memory; 91 % of real ones are complete within 64 KiB.
    own_bytes: int = 64 * 1024
    # Bytes that all fetches together may hold beyond; then a page that needs more is rejected. More: more large pages
    # at once. Less than `step_bytes`: pages beyond `own_bytes` are always rejected.
    shared_bytes: int = 24 * 1024 * 1024
    # Bytes that a page beyond `own_bytes` takes of it at once: as many as a page may have, so that a page that began
    # can end; one in zstd or brotli, whose decoder holds it once or twice more, may need a second or a third time. In
    # smaller steps many would grow together until none can.
    step_bytes: int = 1024 * 1024

    def __post_init__(self) -> None:
        counts = self.capacity, self.rejections, self.step_bytes
        others = self.waiting, self.max_wait, self.target, self.own_bytes, self.shared_bytes
        if min(counts) < 1 or min(others) < 0 or self.iteration <= 0:
            raise ValueError(f"impossible limits of admission: {self}")
