"""A long run: 200 connections read and write over REST and gRPC, while Redis is restarted again and again.

Fails when a value is wrong, an acknowledged write is lost, more than 0.1 % of calls fail while Redis is well,
memory grows or descriptors leak; reports the error budget, latencies, memory and descriptors.
"""

import argparse
import asyncio
import gc
import itertools
import json
import os
import random
import statistics
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from parts import Gateway, Redis
from unskew._generated import feature_store_pb2 as wire

import grpc

ROOT = Path(__file__).resolve().parents[2]
MEMORY = Path("/dev/shm")  # noqa: S108 (a folder of its own is made there)
CONNECTIONS = 200
# Requests a second of each connection.
RATE = 2.0
WRITES = 0.2
ENTITIES = 10
DEADLINE = 1.0
# Calls that begin so long after Redis is back may still fail: the gateway connects again after 200 ms.
AFTER = 2.0
# How a call may fail.
PROMISED = {"UNAVAILABLE", "DEADLINE_EXCEEDED", "OVERLOADED", "bad STORE"}
# The part of the calls that may fail while Redis is well: what the objective of the alerts leaves.
BUDGET = 0.001
WARM_UP_PART = 0.1
GROWTH = 0.15
GROWTH_BYTES = 24 << 20


@dataclass
class Found:
    """What the calls showed."""

    outcomes: Counter[str] = field(default_factory=Counter)
    outside: Counter[str] = field(default_factory=Counter)
    """Failures of calls while Redis was well."""
    seconds: list[float] = field(default_factory=list)
    """Of calls while Redis was well."""
    wrong: list[str] = field(default_factory=list)
    sent: dict[str, int] = field(default_factory=dict)
    acknowledged: dict[str, int] = field(default_factory=dict)
    troubled_from: float = float("inf")
    troubled_until: float = 0.0

    def tell(self, kind: str, outcome: str, start: float) -> None:
        """A call that began then has ended so."""
        self.outcomes[f"{kind} {outcome}"] += 1
        now = time.monotonic()
        if start < self.troubled_until or now >= self.troubled_from:
            return
        self.seconds.append(now - start)
        if outcome != "OK":
            self.outside[f"{kind} {outcome}"] += 1

    def check(self, entity: str, least: int, features: dict[str, Any]) -> None:
        """What was read of an entity of which this version was acknowledged before."""
        version = int(features.get("version", 0))
        right = not features if version == 0 else features.get("text") == text(entity, version)
        if not right or not least <= version <= self.sent.get(entity, 0):
            self.wrong.append(f"{entity}: at least {least} was acknowledged, {features} is there")


def text(entity: str, version: int) -> str:
    """Follows from the entity and the version."""
    return f"{entity}:{version}:" + "x" * (version % 60)


def time_of(version: int) -> str:
    """Event times grow with the versions."""
    return f"2020-09-13T00:{version // 60000 % 60:02}:{version // 1000 % 60:02}.{version % 1000:03}Z"


class Caller:
    """One connection with entities of its own."""

    def __init__(self, name: str, address: str, found: Found) -> None:
        """Nothing is connected yet."""
        self.entities = [f"{name}_{number}" for number in range(ENTITIES)]
        self.address = address
        self.found = found
        self.versions = itertools.count(1)

    async def run(self, end: float) -> None:
        """Calls at its rate until then."""
        chance = random.Random(self.entities[0])
        await asyncio.sleep(chance.random() / RATE)
        due = time.monotonic()
        while due < end:
            kind = "write" if chance.random() < WRITES else "read"
            start = time.monotonic()
            try:
                async with asyncio.timeout(DEADLINE * 5):
                    outcome = await (self._write() if kind == "write" else self._read())
            except (OSError, TimeoutError, EOFError) as error:
                outcome = type(error).__name__
                await self.close()
            self.found.tell(kind, outcome, start)
            due += 1 / RATE
            await asyncio.sleep(max(0.0, due - time.monotonic()))
        await self.close()

    async def _write(self) -> str:
        version = next(self.versions)
        rows = [
            {"entity_id": it, "event_time": time_of(version), "version": version, "text": text(it, version)}
            for it in self.entities
        ]
        self.found.sent |= dict.fromkeys(self.entities, version)
        outcome = await self.write(rows)
        if outcome == "OK":
            self.found.acknowledged |= dict.fromkeys(self.entities, version)
        return outcome

    async def _read(self) -> str:
        least = {entity: self.found.acknowledged.get(entity, 0) for entity in self.entities}
        outcome, results = await self.read()
        if outcome == "OK":
            for entity in self.entities:
                self.found.check(entity, least[entity], results[entity])
        return outcome

    async def write(self, rows: list[dict[str, Any]]) -> str:
        """Writes rows; how it ended."""
        raise NotImplementedError

    async def read(self) -> tuple[str, dict[str, dict[str, Any]]]:
        """Reads all entities; how it ended, and the features of each."""
        raise NotImplementedError

    async def close(self) -> None:
        """Closes the connection; the next call opens another."""
        raise NotImplementedError


class RestCaller(Caller):
    """Over HTTP/1.1."""

    _streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def write(self, rows: list[dict[str, Any]]) -> str:
        """See the base."""
        outcome, body = await self._post("/v1/views/default/rows", rows)
        return outcome if outcome != "OK" or not body["bad"] else f"bad {body['bad'][0]['code']}"

    async def read(self) -> tuple[str, dict[str, dict[str, Any]]]:
        """See the base."""
        outcome, body = await self._post("/v1/online-features", {"entity_ids": self.entities})
        if outcome != "OK":
            return outcome, {}
        return "OK", {entity: found["features"] for entity, found in body["results"].items()}

    async def close(self) -> None:
        """See the base."""
        if self._streams is not None:
            self._streams[1].close()
            self._streams = None

    async def _post(self, path: str, value: Any) -> tuple[str, Any]:
        if self._streams is None:
            host, port = self.address.split(":")
            self._streams = await asyncio.open_connection(host, int(port))
        reader, writer = self._streams
        body = json.dumps(value).encode()
        head = f"POST {path} HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n"
        head += f"x-request-timeout-ms: {DEADLINE * 1000:.0f}\r\ncontent-length: {len(body)}\r\n\r\n"
        writer.write(head.encode() + body)
        answer = (await reader.readuntil(b"\r\n\r\n")).decode().lower()
        length = next(int(line.split(":")[1]) for line in answer.split("\r\n") if line.startswith("content-length:"))
        found = json.loads(await reader.readexactly(length))
        # Its age is over: the gateway closes it.
        if "\r\nconnection: close\r\n" in answer:
            await self.close()
        return ("OK", found) if answer.startswith("http/1.1 200 ") else (str(found["error"]["code"]), found)


class GrpcCaller(Caller):
    """Over gRPC, with a connection that no other channel shares."""

    _channel: grpc.aio.Channel | None = None

    async def write(self, rows: list[dict[str, Any]]) -> str:
        """See the base."""
        batch = wire.WriteRowsRequest(view="default", ndjson="\n".join(json.dumps(row) for row in rows).encode())
        call = self._call("stream_stream", "WriteRows", wire.WriteRowsRequest, wire.WriteRowsResponse)
        try:
            async for report in call(iter([batch]), timeout=DEADLINE):
                return f"bad {report.bad[0].code}" if report.bad else "OK"
        except grpc.aio.AioRpcError as error:
            return _code(error)
        return "no answer"

    async def read(self) -> tuple[str, dict[str, dict[str, Any]]]:
        """See the base."""
        call = self._call("unary_unary", "GetOnlineFeatures", wire.OnlineFeaturesRequest, wire.OnlineFeaturesResponse)
        try:
            reply = await call(wire.OnlineFeaturesRequest(entity_ids=self.entities), timeout=DEADLINE)
        except grpc.aio.AioRpcError as error:
            return _code(error), {}
        values = {
            entity: {name: getattr(value, str(value.WhichOneof("kind"))) for name, value in found.features.items()}
            for entity, found in reply.results.items()
        }
        return "OK", values

    async def close(self) -> None:
        """See the base."""
        if self._channel is not None:
            await self._channel.close()
            self._channel = None

    def _call(self, kind: str, method: str, request: Any, reply: Any) -> Any:
        if self._channel is None:
            options = [("grpc.use_local_subchannel_pool", 1)]
            self._channel = grpc.aio.insecure_channel(self.address, options=options)
        make = getattr(self._channel, kind)
        path = f"/feature_store.FeatureStore/{method}"
        return make(path, request_serializer=request.SerializeToString, response_deserializer=reply.FromString)


def _code(error: grpc.aio.AioRpcError) -> str:
    name = str(error.code().name)
    return name if name in PROMISED else f"{name}: {error.details()}"


async def trouble(redis: Redis, found: Found, every: float, end: float) -> int:
    """Kills and starts Redis again and again; how often."""
    times = 0
    while time.monotonic() + every < end:
        await asyncio.sleep(every)
        found.troubled_from = time.monotonic()
        redis.kill()
        await asyncio.sleep(1.0)
        await asyncio.to_thread(redis.start)
        found.troubled_until = time.monotonic() + AFTER
        await asyncio.sleep(AFTER)
        found.troubled_from = float("inf")
        times += 1
    return times


async def watch(gateway: Gateway, samples: list[tuple[int, int]], end: float) -> None:
    """Reads memory and descriptors each second."""
    page = os.sysconf("SC_PAGE_SIZE")
    while time.monotonic() < end:
        pages = int(Path(f"/proc/{gateway.pid}/statm").read_text().split()[1])
        samples.append((pages * page, gateway.descriptors()))
        await asyncio.sleep(1.0)


async def run(gateway: Gateway, redis: Redis, seconds: float, every: float) -> list[str]:
    """Calls for so long; prints what was seen, and gives what is wrong with it."""
    found, samples = Found(), list[tuple[int, int]]()
    end = time.monotonic() + seconds
    callers = [(GrpcCaller if at % 2 else RestCaller)(f"c{at}", gateway.address, found) for at in range(CONNECTIONS)]
    await asyncio.to_thread(gateway.connects)
    before = await asyncio.to_thread(gateway.rest)
    watching = asyncio.create_task(watch(gateway, samples, end))
    troubling = asyncio.create_task(trouble(redis, found, every, end))
    await asyncio.gather(*(caller.run(end) for caller in callers))
    await watching
    restarts = await troubling
    for caller in callers:
        least = {entity: found.acknowledged.get(entity, 0) for entity in caller.entities}
        outcome, results = await caller.read()
        await caller.close()
        if outcome != "OK":
            found.wrong.append(f"{caller.entities[0]} is not served at the end: {outcome}")
            continue
        for entity in caller.entities:
            found.check(entity, least[entity], results[entity])
    faults = judge(found, samples, restarts, seconds)
    # A closed channel of grpc keeps its connection until Python is rid of it.
    callers.clear()
    del caller
    gc.collect()
    try:
        await asyncio.to_thread(gateway.settles, before)
    except AssertionError as error:
        faults.append(f"the gateway does not settle: {error}")
    return faults


def judge(found: Found, samples: list[tuple[int, int]], restarts: int, seconds: float) -> list[str]:
    """Prints the report; what is wrong."""
    calls = sum(found.outcomes.values())
    failed = sum(count for what, count in found.outcomes.items() if not what.endswith(" OK"))
    centiles = statistics.quantiles(found.seconds, n=1000)
    part = max(1, len(samples) // 10)
    warm = int(len(samples) * WARM_UP_PART)
    first, last = (statistics.median(rss for rss, _ in some) for some in (samples[warm : warm + part], samples[-part:]))
    print(
        f"{calls} calls in {seconds / 60:.1f} minutes over {CONNECTIONS} connections, Redis restarted {restarts} times"
    )
    print(f"ended: {dict(found.outcomes.most_common())}")
    print(f"error budget: {failed / calls:.4%} of all calls failed; {sum(found.outside.values())} while Redis was well")
    p50, p99, p999 = (centiles[at] * 1000 for at in (499, 989, 998))
    print(f"latency while Redis was well: p50 {p50:.1f} ms, p99 {p99:.1f} ms, p99.9 {p999:.1f} ms")
    most_rss, most_open = max(rss for rss, _ in samples), max(count for _, count in samples)
    mebibytes = [f"{rss / 2**20:.1f} MiB" for rss in (first, last, most_rss)]
    print("memory: {} after the warm-up, {} at the end, at most {}".format(*mebibytes))
    print(f"descriptors: {samples[warm][1]} after the warm-up, {samples[-1][1]} at the end, at most {most_open}")
    print(f"{len(found.acknowledged)} entities written, {len(found.wrong)} wrong")
    faults = found.wrong[:5]
    if sum(found.outside.values()) > BUDGET * len(found.seconds):
        faults.append(f"calls failed while Redis was well: {dict(found.outside)}")
    unexpected = {what: n for what, n in found.outcomes.items() if what.split(" ", 1)[1] not in PROMISED | {"OK"}}
    if unexpected:
        faults.append(f"calls failed otherwise than promised: {unexpected}")
    if last - first > max(GROWTH * first, GROWTH_BYTES):
        faults.append(f"memory grew from {first:.0f} to {last:.0f} bytes")
    if samples[-1][1] > samples[warm][1] + 20:
        faults.append(f"descriptors grew from {samples[warm][1]} to {samples[-1][1]}")
    return faults


def main() -> int:
    """Runs it; answers with the exit code."""
    parser = argparse.ArgumentParser(
        prog="scripts/soak", description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--minutes", type=float, default=30.0, help="how long it runs (30)")
    parser.add_argument("--restart-every", type=float, default=300.0, metavar="SECONDS", help="of Redis (300)")
    options = parser.parse_args()
    binary = Path(os.environ.get("UNSKEW_GATEWAY_BIN") or ROOT / "target" / "release" / "unskew-gateway")
    with (
        # In memory, where there is such a place: a Redis that syncs each write should not measure the disk.
        tempfile.TemporaryDirectory(dir=MEMORY if MEMORY.is_dir() else None) as folder,
        Redis(Path(folder)) as redis,
        Gateway(binary, Path(folder), redis.url) as gateway,
    ):
        faults = asyncio.run(run(gateway, redis, options.minutes * 60, options.restart_every))
    for fault in faults:
        print(f"WRONG: {fault}")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
