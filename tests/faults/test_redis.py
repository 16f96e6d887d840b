"""Redis in trouble under reads and writes of both protocols: the promised errors in time, and service by itself."""

import random
import time
from collections.abc import Callable
from pathlib import Path
from signal import SIGKILL, SIGTERM

import pytest
from callers import Load
from parts import Gateway, Redis, SlowWay, wait

# Longer than store.timeout (250 ms): calls meet it.
SHORTEST = 0.5
LONGEST = 1.1
# How long after its Redis the gateway may need. It asks again after 200 ms; the rest is a busy machine.
RECOVERY = 5.0
ANOTHER = "another"


def killed(redis: Redis, _: SlowWay, seconds: float) -> None:
    redis.kill()
    time.sleep(seconds)
    redis.start()


def paused(redis: Redis, _: SlowWay, seconds: float) -> None:
    with redis.paused():
        time.sleep(seconds)


def slow(_: Redis, way: SlowWay, seconds: float) -> None:
    way.delay = 0.4
    time.sleep(seconds)
    way.delay = 0.0


def out_of_memory(redis: Redis, _: SlowWay, seconds: float) -> None:
    redis.run("CONFIG SET maxmemory-policy noeviction")
    redis.run("CONFIG SET maxmemory 1")
    time.sleep(seconds)
    redis.run("CONFIG SET maxmemory 0")


def read_only(redis: Redis, _: SlowWay, seconds: float) -> None:
    # A replica of nobody who is there keeps what it has, and takes no writes.
    redis.run("CONFIG SET replica-serve-stale-data yes")
    redis.run("REPLICAOF 127.0.0.1 1")
    time.sleep(seconds)
    redis.run("REPLICAOF NO ONE")


def wrong_password(redis: Redis, _: SlowWay, seconds: float) -> None:
    redis.run(f"CONFIG SET requirepass {ANOTHER}")
    # Connections that are open stay as they are: new ones are refused.
    redis.run("CLIENT KILL TYPE normal SKIPME yes", password=ANOTHER)
    time.sleep(seconds)
    redis.run('CONFIG SET requirepass ""', password=ANOTHER)


FAULTS: list[Callable[[Redis, SlowWay, float], None]] = [killed, paused, slow, out_of_memory, read_only, wrong_password]
# What a client may be told, and nothing else.
TOLD = {"OK", "UNAVAILABLE", "DEADLINE_EXCEEDED", "bad STORE"}
# The store answers reads meanwhile.
WRITES_ALONE = {"out_of_memory", "read_only"}


def test_redis_in_trouble(
    binary: Path, redis: Redis, tmp_path: Path, chance: random.Random, report: Callable[[str], None]
) -> None:
    with SlowWay(redis.port) as way, Gateway(binary, tmp_path, f"redis://127.0.0.1:{way.port}") as gateway:
        gateway.connects()
        before = gateway.descriptors(), gateway.threads()
        load = Load(gateway.address)
        with load.flowing():
            load.until_more(20)
            for fault in chance.sample(FAULTS, len(FAULTS)):
                name, seconds = fault.__name__, chance.uniform(SHORTEST, LONGEST)
                calm = load.counts()
                fault(redis, way, seconds)
                troubled = load.counts() - calm
                failed = {what: count for what, count in troubled.items() if not what.endswith(" OK")}
                assert failed, f"{name} was not noticed: {troubled}"
                assert name not in WRITES_ALONE or not any(what.startswith("read ") for what in failed), failed
                took = wait(f"ready after {name}", lambda: gateway.status("/readyz") == 200, RECOVERY)
                load.until_more(10)
                gateway.connects()
                report(f"{name} for {seconds:.1f} s: {failed}, ready {took:.2f} s later")
        told = {what.split(" ", 1)[1] for what in load.counts()}
        assert told <= TOLD, load.counts()
        rows = load.check()
        gateway.settles(before[0])
        wait("no thread is left", lambda: gateway.threads() <= before[1] + 16)
        report(f"{rows} rows are right, the slowest call took {load.slowest:.2f} s")
        assert gateway.is_alive()
        assert "panicked" not in gateway.log()


@pytest.mark.parametrize("kind", ["embedded", "redis"])
def test_the_gateway_ends_with_writes_in_flight(
    binary: Path, redis: Redis, tmp_path: Path, chance: random.Random, kind: str
) -> None:
    url = redis.url if kind == "redis" else f"embedded:{tmp_path / 'store'}"
    with Gateway(binary, tmp_path, url) as gateway:
        load = Load(gateway.address)
        with load.flowing():
            for how in (SIGKILL, SIGTERM, SIGKILL):
                load.until_more(20)
                time.sleep(chance.uniform(0, 0.3))
                code = gateway.end(how)
                assert code == (0 if how == SIGTERM else -SIGKILL), gateway.log()
                gateway.start()
            load.until_more(20)
        assert load.check() > 20
        gateway.settles(10_000)
        assert "panicked" not in gateway.log()
