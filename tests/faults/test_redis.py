"""Redis in trouble under reads and writes of both protocols: the promised errors in time, and service by itself."""

import random
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from signal import SIGKILL, SIGTERM

import pytest
from callers import DEADLINE, Load
from parts import FILES, Gateway, Redis, Way, wait

# How long after its Redis the gateway may need. It asks again after 200 ms; the rest is a busy machine.
RECOVERY = 5.0
ANOTHER = "another"


@contextmanager
def killed(redis: Redis, _: Way) -> Iterator[None]:
    redis.kill()
    yield
    redis.start()


@contextmanager
def paused(redis: Redis, _: Way) -> Iterator[None]:
    with redis.paused():
        yield


@contextmanager
def slow(_: Redis, way: Way) -> Iterator[None]:
    # Longer than a write waits for it too, which is 80 % of the deadline.
    way.delay = DEADLINE
    yield
    way.delay = 0.0


@contextmanager
def silent(_: Redis, way: Way) -> Iterator[None]:
    # As where a firewall has forgotten the connections: new ones are well.
    way.silence()
    yield


@contextmanager
def out_of_memory(redis: Redis, _: Way) -> Iterator[None]:
    redis.run("CONFIG SET maxmemory-policy noeviction")
    redis.run("CONFIG SET maxmemory 1")
    yield
    redis.run("CONFIG SET maxmemory 0")


@contextmanager
def read_only(redis: Redis, _: Way) -> Iterator[None]:
    # A replica of nobody who is there keeps what it has, and takes no writes.
    redis.run("CONFIG SET replica-serve-stale-data yes")
    redis.run("REPLICAOF 127.0.0.1 1")
    yield
    redis.run("REPLICAOF NO ONE")


@contextmanager
def wrong_password(redis: Redis, _: Way) -> Iterator[None]:
    redis.run(f"CONFIG SET requirepass {ANOTHER}")
    # Connections that are open stay as they are: new ones are refused.
    redis.run("CLIENT KILL TYPE normal SKIPME yes", password=ANOTHER)
    yield
    redis.run('CONFIG SET requirepass ""', password=ANOTHER)


@dataclass(frozen=True)
class Fault:
    """What goes wrong within a block, and what is promised of it."""

    happens: Callable[[Redis, Way], AbstractContextManager[None]]
    told: frozenset[str]
    """The failures that whole calls are told, each and no other."""
    logged: str
    """A part of a line of the gateway's log."""


# A batch of which some rows were written before it happened lists the others.
IN_PART = "write bad STORE"
UNREACHED = frozenset({"read UNAVAILABLE", "write UNAVAILABLE"})
FAULTS = [
    Fault(killed, UNREACHED, "can't be reached"),
    Fault(paused, UNREACHED, "did not answer in time"),
    Fault(slow, UNREACHED, "did not answer in time"),
    Fault(silent, UNREACHED, "did not answer in time"),
    # The store answers reads meanwhile.
    Fault(out_of_memory, frozenset({"write UNAVAILABLE"}), "OOM"),
    Fault(read_only, frozenset({"write UNAVAILABLE"}), "READONLY"),
    Fault(wrong_password, UNREACHED, "NOAUTH"),
]


def test_redis_in_trouble(
    binary: Path, redis: Redis, tmp_path: Path, chance: random.Random, report: Callable[[str], None]
) -> None:
    with Way(redis.port) as way, Gateway(binary, tmp_path, f"redis://127.0.0.1:{way.port}") as gateway:
        gateway.connects()
        before = gateway.rest()
        load = Load(gateway)
        for fault in chance.sample(FAULTS, len(FAULTS)):
            name, log = fault.happens.__name__, gateway.log()
            with load.flowing():
                load.until_more(20)
                since = load.counts()
                with fault.happens(redis, way):
                    load.until_more(1, *fault.told)
                    # A line a second at most.
                    gateway.logs(fault.logged, since=log)
                    time.sleep(chance.uniform(0, 0.8))
                took = wait(f"ready after {name}", lambda: gateway.status("/readyz") == 200, RECOVERY)
                load.until_more(10)
            told = load.failures(since)
            assert set(told) - {IN_PART} == fault.told, f"{name}: promised is {set(fault.told)}, calls were told {told}"
            rows = load.check()
            gateway.connects()
            gateway.settles(before)
            report(f"{name}: {told}, ready {took:.2f} s later, {rows} rows are right")
        report(f"the slowest call took {load.slowest:.2f} s")
        assert gateway.is_alive()
        assert "panicked" not in gateway.log()


@pytest.mark.parametrize("kind", ["embedded", "redis"])
def test_the_gateway_ends_with_writes_in_flight(
    binary: Path, redis: Redis, tmp_path: Path, chance: random.Random, kind: str
) -> None:
    url = redis.url if kind == "redis" else f"embedded:{tmp_path / 'store'}"
    with Gateway(binary, tmp_path, url) as gateway:
        before = gateway.rest()
        load = Load(gateway)
        with load.flowing():
            for how in (SIGKILL, SIGTERM, SIGKILL):
                load.until_more(20)
                time.sleep(chance.uniform(0, 0.3))
                code = gateway.end(how)
                assert code == (0 if how == SIGTERM else -SIGKILL), gateway.log()
                gateway.start()
            load.until_more(20)
        # Who asked was cut off, or found nobody there.
        assert set(load.failures()) <= {
            f"{call} {told}" for call in ("read", "write") for told in ("UNAVAILABLE", "UNREACHABLE")
        }
        assert load.check() > 20
        gateway.settles(before, FILES)
        assert "panicked" not in gateway.log()
