"""Name look-ups that lie: a resolver of our own at the resolver's seam."""

from collections.abc import Mapping, Sequence


class Names:
    """Answers look-ups from a list of answers a name, in turn; the last one stays.

    Attributes:
        asked: every look-up, in order.
    """

    def __init__(self, answers: Mapping[str, Sequence[list[str]]]) -> None:
        self._answers = {name: list(turns) for name, turns in answers.items()}
        self.asked: list[str] = []

    async def __call__(self, host: str) -> list[str]:
        self.asked.append(host)
        turns = self._answers.get(host.rstrip("."))
        if turns is None:
            raise OSError(f"no such name: {host}")
        return turns.pop(0) if len(turns) > 1 else turns[0]
