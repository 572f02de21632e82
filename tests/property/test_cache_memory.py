"""The level in memory against a model: a list in the order of use."""

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from scrap.cache.entry import OVERHEAD, Entry, preview
from scrap.cache.freshness import Freshness
from scrap.cache.memory import Memory
from scrap.errors import Outcome

BOUND = 4 * OVERHEAD
keys = st.sampled_from(["a", "bb", "ccc", "dddd", "eeeee", "ffffff"])


class Comparison(RuleBasedStateMachine):
    """Does the same to both."""

    def __init__(self) -> None:
        super().__init__()
        self.memory = Memory(BOUND)
        self.model: list[tuple[str, Entry]] = []  # the least recently used first

    def weight(self) -> int:
        return sum(len(key) + len(entry.body) + OVERHEAD for key, entry in self.model)

    @rule(key=keys, size=st.integers(0, 5 * OVERHEAD))
    def put(self, key: str, size: int) -> None:
        entry = preview(bytes(size), Outcome.OK, Freshness(1), now=0)
        self.memory.put(key, entry)
        self.model = [item for item in self.model if item[0] != key]
        if len(key) + size + OVERHEAD <= BOUND:
            self.model.append((key, entry))
            while self.weight() > BOUND:
                self.model.pop(0)

    @rule(key=keys)
    def get(self, key: str) -> None:
        expected = dict(self.model).get(key)
        assert self.memory.get(key) is expected
        if expected is not None:
            self.model.sort(key=lambda item: item[0] == key)

    @invariant()
    def agree(self) -> None:
        assert self.memory.used == self.weight() <= BOUND
        assert len(self.memory) == len(self.model)


TestMemory = Comparison.TestCase
TestMemory.settings = settings(max_examples=50, stateful_step_count=30, deadline=None)
