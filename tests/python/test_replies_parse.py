"""Every reply is read by Python's protobuf, and by its json module, and both give what was written.

Rows go in over REST as text that Python's json module wrote. They come out over gRPC as raw bytes, for
`ParseFromString`, and over REST as JSON.
"""

import json
import math
import random
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import pytest

import contract
import grpc
import random_json

SEED = 596
BATCH = 100
METHOD = "/feature_store.FeatureStore/GetOnlineFeatures"

Read = Callable[[Sequence[str]], Any]
Written = dict[str, dict[str, Any]]


def as_wire(value: Any) -> Any:
    """What a JSON value is on the wire, where every number is a double."""
    match value:
        case bool() | None | str():
            return value
        case int() | float():
            return float(value)
        case list():
            return [as_wire(item) for item in value]
        case dict():
            return {name: as_wire(item) for name, item in value.items()}
        case _:
            raise TypeError(f"{type(value).__name__} is no JSON")


def from_wire(value: Any) -> Any:
    """A `google.protobuf.Value` as Python's own values."""
    match value.WhichOneof("kind"):
        case "null_value":
            return None
        case "number_value" | "string_value" | "bool_value" as kind:
            return getattr(value, kind)
        case "list_value":
            return [from_wire(item) for item in value.list_value.values]
        case "struct_value":
            return {name: from_wire(item) for name, item in value.struct_value.fields.items()}
        case kind:
            raise AssertionError(f"a Value of no kind: {kind}")


def same(left: Any, right: Any) -> bool:
    """Equal, and doubles equal to the bit: -0.0 is not 0.0."""
    if isinstance(left, float) and isinstance(right, float):
        return left == right and math.copysign(1, left) == math.copysign(1, right)
    if isinstance(left, dict) and isinstance(right, dict):
        return left.keys() == right.keys() and all(same(item, right[name]) for name, item in left.items())
    if isinstance(left, list) and isinstance(right, list):
        return len(left) == len(right) and all(map(same, left, right))
    return type(left) is type(right) and bool(left == right)


def post(address: str, path: str, body: bytes, content_type: str) -> Any:
    """Posts a body; returns the JSON of the reply."""
    request = urllib.request.Request(f"http://{address}{path}", body, {"content-type": content_type})
    with urllib.request.urlopen(request, timeout=30) as response:  # noqa: S310 (a gateway of ours)
        return json.load(response)


@pytest.fixture(scope="module")
def written(address: str, random_cases: int) -> Written:
    """The rows that were written, by entity id."""
    source = random.Random(SEED)
    rows: Written = {}
    for at in range(random_cases):
        rows[f"{at}_{random_json.text(source)[:20].strip()}"] = random_json.features(source)
    assert sum(map(len, rows.values())) > random_cases
    for batch in batches(rows):
        lines = []
        for entity_id in batch:
            row = {"entity_id": entity_id, "event_time": "2018-04-01T12:00:00Z", **rows[entity_id]}
            lines.append(random_json.encode(row, source))
        if source.random() < 0.5:
            reply = post(address, "/v1/views/default/rows", "\n".join(lines).encode(), "application/x-ndjson")
        else:
            reply = post(address, "/v1/views/default/rows", f"[{','.join(lines)}]".encode(), "application/json")
        assert (reply["accepted"], reply["bad"]) == (len(batch), [])
    return rows


def batches(rows: Written) -> Iterator[list[str]]:
    """The ids of the rows, in parts."""
    ids = list(rows)
    yield from (ids[start : start + BATCH] for start in range(0, len(ids), BATCH))


@pytest.fixture(scope="module")
def read(address: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Read]:
    """Reads all features of entities over gRPC."""
    messages = contract.generate(tmp_path_factory.mktemp("contract"))
    options = [("grpc.enable_http_proxy", 0), ("grpc.max_receive_message_length", 1 << 26)]
    with grpc.insecure_channel(address, options=options) as channel:
        call: Callable[..., bytes] = channel.unary_unary(METHOD)

        def ask(entity_ids: Sequence[str]) -> Any:
            request = messages.OnlineFeaturesRequest(entity_ids=entity_ids)
            reply = messages.OnlineFeaturesResponse()
            raw = call(request.SerializeToString(), timeout=30)
            assert reply.ParseFromString(raw) == len(raw)
            return reply

        yield ask


def test_protobuf_reads_what_was_written(written: Written, read: Read) -> None:
    for batch in batches(written):
        results = read(batch).results
        assert set(results) == set(batch)
        for entity_id in batch:
            got = {name: from_wire(value) for name, value in results[entity_id].features.items()}
            wanted = as_wire(written[entity_id])
            assert same(got, wanted), f"{entity_id!r}: {got!r} is not {wanted!r}"
            assert results[entity_id].event_time == 1_522_584_000_000_000


def test_json_reads_what_was_written(address: str, written: Written) -> None:
    for batch in batches(written):
        body = json.dumps({"entity_ids": batch}).encode()
        results = post(address, "/v1/online-features", body, "application/json")["results"]
        assert set(results) == set(batch)
        for entity_id in batch:
            got, wanted = as_wire(results[entity_id]["features"]), as_wire(written[entity_id])
            assert same(got, wanted), f"{entity_id!r}: {got!r} is not {wanted!r}"


def test_one_entity_by_its_path(address: str, written: Written) -> None:
    for entity_id in list(written)[:50]:
        path = f"/v1/online-features/{urllib.parse.quote(entity_id, safe='')}"
        with urllib.request.urlopen(f"http://{address}{path}", timeout=30) as response:
            (result,) = json.load(response)["results"].items()
        assert result[0] == entity_id
        assert same(as_wire(result[1]["features"]), as_wire(written[entity_id]))
