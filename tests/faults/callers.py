"""Callers that write and read without a pause, remember what they were told, and check each answer as it comes."""

import contextlib
import http.client
import itertools
import json
import statistics
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import unskew
from parts import Gateway, wait
from unskew.errors import UnskewError
from unskew.results import Status

DEADLINE = 1.0
# What a busy machine may add to a deadline.
SLACK = 3.0
ENTITIES = 40
BATCH = 8
PAUSE = 0.004
# Event times: one a version, long past.
EPOCH = datetime(2020, 9, 13, tzinfo=UTC)
# How a call may end after its deadline.
OUT_OF_TIME = ("DEADLINE_EXCEEDED", "UNREACHABLE")
# A text that depends on the entity and the version, so that parts of two values are found out.
PADDING = 50


def row(entity: str, version: int) -> dict[str, Any]:
    """A row whose members all follow from its entity and its version."""
    text = f"{entity}:{version}:" + "x" * (version % PADDING)
    return {
        "entity_id": entity,
        "event_time": EPOCH + timedelta(microseconds=version),
        "version": version,
        "text": text,
    }


class Load:
    """Writers and readers of one gateway. Each writer has entities of its own, whose versions only grow."""

    def __init__(self, gateway: Gateway, writers: int = 2, readers: int = 2) -> None:
        """Nothing is called yet."""
        self._gateway = gateway
        self._stop = threading.Event()
        # By entity: the newest version that was sent, and the newest that was acknowledged.
        self.sent: dict[str, int] = {}
        self.acknowledged: dict[str, int] = {}
        self.outcomes: Counter[str] = Counter()
        self.slowest = 0.0
        # By the way they ended: how long the calls took.
        self._took: dict[str, list[float]] = defaultdict(list)
        self._faults: list[str] = []
        self._lock = threading.Lock()
        names = [f"w{number}" for number in range(writers)]
        self._versions = {name: itertools.count(1) for name in names}
        self._entities = [f"{name}_{number}" for name in names for number in range(ENTITIES)]
        targets: list[tuple[Callable[[str], None], str]] = [
            (self._write_grpc if number % 2 else self._write_rest, name) for number, name in enumerate(names)
        ]
        targets += [(self._read_rest if number % 2 else self._read_grpc, f"r{number}") for number in range(readers)]
        self._targets = targets

    @contextlib.contextmanager
    def flowing(self) -> Iterator["Load"]:
        """The calls go on within the block; what was wrong with any answer is raised after it."""
        threads = [threading.Thread(target=self._guarded, args=target, daemon=True) for target in self._targets]
        self._stop.clear()
        for thread in threads:
            thread.start()
        try:
            yield self
        finally:
            self._stop.set()
            for thread in threads:
                thread.join()
        assert not self._faults, self._faults[:5]
        # Of each way to end, half of the calls at least: single ones a busy machine may delay.
        late = {way: took for way, seconds in self._took.items() if (took := statistics.median(seconds)) > DEADLINE}
        assert all(way.endswith(OUT_OF_TIME) for way in late), f"most calls ended so after their deadline: {late}"

    def counts(self) -> Counter[str]:
        """How the calls ended so far, such as `read OK` or `write UNAVAILABLE`."""
        with self._lock:
            return self.outcomes.copy()

    def until_more(self, count: int, *outcomes: str) -> float:
        """Waits until so many more calls have ended in each of these ways, else well; the seconds that this took."""
        before, outcomes = self.counts(), outcomes or ("read OK", "write OK")
        what = f"{count} more of each of {outcomes}"
        return wait(what, lambda: all(self.counts()[outcome] >= before[outcome] + count for outcome in outcomes))

    def failures(self, since: Counter[str] | None = None) -> dict[str, int]:
        """How the calls failed since these counts, or ever."""
        counts = self.counts() - (since or Counter())
        return {what: count for what, count in counts.items() if not what.endswith(" OK")}

    def check(self) -> int:
        """Every acknowledged version is there, or one sent after it, and right. Gives how many there are."""
        with self._client(timeout=10) as client:
            reply = client.online_features(list(self.acknowledged))
        for entity, version in self.acknowledged.items():
            self._check(entity, reply[entity], version)
        assert not self._faults, self._faults[:5]
        return len(self.acknowledged)

    def _client(self, **options: Any) -> unskew.FeatureStoreClient:
        return unskew.FeatureStoreClient(self._gateway.address, retries=0, tls=self._gateway.tls, **options)

    def _guarded(self, target: Any, name: str) -> None:
        try:
            target(name)
        except Exception as fault:
            self._faults.append(f"{name}: {fault!r}")

    def _tell(self, what: str, outcome: str, start: float) -> None:
        took = time.monotonic() - start
        with self._lock:
            self.outcomes[f"{what} {outcome}"] += 1
            self.slowest = max(self.slowest, took)
            self._took[f"{what} {outcome}"].append(took)
        if took > DEADLINE + SLACK:
            self._faults.append(f"a {what} took {took:.1f} s: {outcome}")

    def _batches(self, name: str) -> Iterator[list[dict[str, Any]]]:
        for version in self._versions[name]:
            for first in range(0, ENTITIES, BATCH):
                if self._stop.wait(PAUSE):
                    return
                rows = [row(f"{name}_{number}", version) for number in range(first, first + BATCH)]
                self.sent |= {row["entity_id"]: version for row in rows}
                yield rows

    def _stored(self, rows: list[dict[str, Any]], bad: set[int]) -> None:
        self.acknowledged |= {row["entity_id"]: row["version"] for at, row in enumerate(rows) if at not in bad}

    def _write_grpc(self, name: str) -> None:
        with self._client(write_timeout=DEADLINE) as client:
            for rows in self._batches(name):
                start = time.monotonic()
                try:
                    result = client.write_rows("default", rows)
                    self._stored(rows, {bad.row for bad in result.bad})
                    outcome = f"bad {result.bad[0].code}" if result.bad else "OK"
                except UnskewError as error:
                    outcome = error.code
                self._tell("write", outcome, start)

    def _write_rest(self, name: str) -> None:
        with Connection(self._gateway) as connection:
            for rows in self._batches(name):
                start = time.monotonic()
                texts = [row | {"event_time": row["event_time"].isoformat()} for row in rows]
                outcome, body = connection.post("/v1/views/default/rows", texts, DEADLINE)
                if outcome == "OK":
                    self._stored(rows, {bad["row"] for bad in body["bad"]})
                    outcome = f"bad {body['bad'][0]['code']}" if body["bad"] else "OK"
                self._tell("write", outcome, start)

    def _read_grpc(self, _: str) -> None:
        with self._client(timeout=DEADLINE) as client:
            while not self._stop.wait(PAUSE):
                start, least = time.monotonic(), dict(self.acknowledged)
                try:
                    reply = client.online_features(self._entities)
                    outcome = "OK"
                    for entity in self._entities:
                        self._check(entity, reply[entity], least.get(entity, 0))
                except UnskewError as error:
                    outcome = error.code
                self._tell("read", outcome, start)

    def _read_rest(self, _: str) -> None:
        with Connection(self._gateway) as connection:
            while not self._stop.wait(PAUSE):
                start, least = time.monotonic(), dict(self.acknowledged)
                outcome, body = connection.post("/v1/online-features", {"entity_ids": self._entities}, DEADLINE)
                if outcome == "OK":
                    for entity in self._entities:
                        found = body["results"][entity]
                        status = found.get("status", {}).get("status", "PRESENT")
                        self._check_row(entity, status, found["features"], least.get(entity, 0))
                self._tell("read", outcome, start)

    def _check(self, entity: str, found: Any, least: int) -> None:
        self._check_row(entity, str(found.status), found.features, least)

    def _check_row(self, entity: str, status: str, features: dict[str, Any], least: int) -> None:
        if status == Status.MISSING and least == 0:
            return
        version = int(features.get("version", -1)) if status == Status.PRESENT else -1
        expected = row(entity, version)
        right = features.get("text") == expected["text"] and least <= version <= self.sent.get(entity, 0)
        if not right:
            self._faults.append(
                f"{entity}: at least version {least} was acknowledged, and {status} {features} is there"
            )


class Connection:
    """A kept connection of REST, made anew when it broke."""

    def __init__(self, gateway: Gateway) -> None:
        """Nothing is connected yet."""
        address, timeout, trust = gateway.address, DEADLINE + SLACK, gateway.trust
        plain, secured = http.client.HTTPConnection, http.client.HTTPSConnection
        self._connection = (
            secured(address, timeout=timeout, context=trust) if trust else plain(address, timeout=timeout)
        )

    def __enter__(self) -> "Connection":
        return self

    def __exit__(self, *_: object) -> None:
        self._connection.close()

    def post(self, path: str, body: Any, deadline: float) -> tuple[str, Any]:
        """The code of the answer, and its body; `UNREACHABLE` when there is none. The deadline is in seconds."""
        headers = {"content-type": "application/json", "x-request-timeout-ms": str(int(deadline * 1000))}
        try:
            self._connection.request("POST", path, json.dumps(body), headers)
            with self._connection.getresponse() as answer:
                found = json.loads(answer.read())
        except (OSError, http.client.HTTPException):
            self._connection.close()
            return "UNREACHABLE", None
        return ("OK", found) if answer.status == 200 else (str(found["error"]["code"]), found)
