"""The maximum over a sliding minute."""

_SLOT = 5.0  # seconds
_SLOTS = 13  # the one being filled and the twelve before it


class Peak:
    """The largest of the values noted in the last 60 to 65 seconds.

    A histogram cannot tell a maximum, and a gauge of the largest value since the last scrape belongs to one scraper
    only. So every slot of five seconds keeps its own maximum, and reading takes the largest of the last thirteen
    and forgets nothing: a peak stays for a minute at least. With a scrape every 30 seconds each peak is seen twice,
    even where one scrape is lost, and by every scraper there is.

    Noting and reading may happen in different threads.
    """

    __slots__ = ("_ends", "_largest", "_peaks", "_written")

    def __init__(self) -> None:
        self._peaks = [0.0] * _SLOTS
        self._written = [-_SLOTS] * _SLOTS  # the number of the slot that each place was last written for
        self._ends = 0.0  # when the slot being filled is over
        self._largest = 0.0  # in it

    def note(self, value: float, now: float) -> None:
        """Notes a value at a time of the monotonic clock."""
        if value <= self._largest and now < self._ends:  # almost always
            return
        number = int(now // _SLOT)
        place = number % _SLOTS
        if self._written[place] != number:
            # In this order: a reader in between sees neither the old value as new nor a half-made slot.
            self._peaks[place] = value
            self._written[place] = number
        elif value > self._peaks[place]:
            self._peaks[place] = value
        self._largest = self._peaks[place]
        self._ends = (number + 1) * _SLOT

    def value(self, now: float) -> float:
        """The largest value; 0 where there was none."""
        oldest = int(now // _SLOT) - _SLOTS
        return max(
            (peak for peak, number in zip(self._peaks, self._written, strict=True) if number > oldest), default=0.0
        )
