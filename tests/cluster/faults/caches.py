"""What a shared cache does wrong and still listens."""

from collections.abc import Iterator
from contextlib import contextmanager

from tests.cluster.faults.breaking import Broken, Words
from tests.cluster.faults.scene import Scene


@contextmanager
def configured(scene: Scene, wrong: tuple[str, ...], right: tuple[str, ...]) -> Iterator[Words]:
    """A command to the server, and the one that undoes it."""
    scene.cache.command(*wrong)
    try:
        yield {}
    finally:
        scene.cache.command(*right)


def cache_full(scene: Scene) -> Broken:
    """Its memory is used up, and it may evict nothing: each write is refused."""
    return configured(scene, ("CONFIG", "SET", "maxmemory", "1"), ("CONFIG", "SET", "maxmemory", "0"))


def cache_read_only(scene: Scene) -> Broken:
    """It is a replica, of a primary that is gone: as after a failover that clients did not follow."""
    return configured(scene, ("REPLICAOF", "127.0.0.1", "1"), ("REPLICAOF", "NO", "ONE"))


@contextmanager
def cache_slow(scene: Scene) -> Iterator[Words]:
    """Each of its replies comes 180 ms late, which is within the time that a look-up may take."""
    scene.cache.relay.delay = 0.18
    try:
        yield {}
    finally:
        scene.cache.relay.delay = 0
