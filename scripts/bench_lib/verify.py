"""Replies must be right before their speed means anything."""

import http.client
import json
import math
from typing import Any

from bench_lib.cases import BATCHES
from bench_lib.dataset import FEATURES, choose
from bench_lib.errors import BenchError
from bench_lib.options import Options
from bench_lib.processes import Server
from bench_lib.testbed import TestBed
from bench_lib.tools import say
from bench_lib.vectors import as_float32, rest_body

# The baseline's JSON parser does not round correctly: its values may differ in the last bits.
BASELINE_TOLERANCE = 1e-12


def verify(bed: TestBed, options: Options) -> None:
    """Compare replies with the rows that were loaded; raises at the first difference."""
    say("comparing replies with the rows loaded")
    for server in bed.gateways():
        for batch in BATCHES:
            ids = choose(batch, 1)
            for names in ([], FEATURES[3:8]):
                reply = bed.client.fetch(server.address, ids, names)
                _compare(bed, server, ids, names, reply)
    if not options.cases or any("REST" in pattern for pattern in options.cases):
        _verify_rest(bed)
    _verify_vectors(bed)


def _verify_vectors(bed: TestBed) -> None:
    connection = http.client.HTTPConnection(bed.gateway.address, timeout=10)
    try:
        for batch in BATCHES:
            ids = choose(batch, 1)
            connection.request("POST", "/v1/feature-vectors", rest_body(ids), {"content-type": "application/json"})
            response = connection.getresponse()
            text = response.read()
            try:
                vectors = json.loads(text)["vectors"]
            except (ValueError, KeyError, TypeError) as error:
                raise BenchError(f"REST answered {response.status} without vectors: {text[:300]!r}") from error
            for entity, vector in zip(ids, vectors, strict=True):
                if as_float32(vector) != as_float32(bed.rows[entity]):
                    raise BenchError(f"gateway: the vector of {entity} is not its row rounded to float32: {vector}")
    finally:
        connection.close()


def _verify_rest(bed: TestBed) -> None:
    connection = http.client.HTTPConnection(bed.gateway.address, timeout=10)
    try:
        for batch in BATCHES:
            ids = choose(batch, 1)
            body = json.dumps({"entity_ids": ids})
            connection.request("POST", "/v1/online-features", body, {"content-type": "application/json"})
            _compare(bed, bed.gateway, ids, [], _rest_features(connection.getresponse()))
        entity, names = choose(1, 2), FEATURES[:2]
        connection.request("GET", f"/v1/online-features/{entity[0]}?feature_names={','.join(names)}")
        _compare(bed, bed.gateway, entity, names, _rest_features(connection.getresponse()))
    finally:
        connection.close()


def _rest_features(response: http.client.HTTPResponse) -> dict[str, dict[str, Any]]:
    text = response.read()
    try:
        results = json.loads(text)["results"]
        return {entity: result["features"] for entity, result in results.items()}
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise BenchError(f"REST answered {response.status} without results: {text[:300]!r}") from error


def _compare(bed: TestBed, server: Server, ids: list[str], names: list[str], reply: dict[str, dict[str, Any]]) -> None:
    title = bed.title(server)
    if sorted(reply) != sorted(ids):
        raise BenchError(f"{title}: asked for {len(ids)} entities, got {len(reply)}")
    tolerance = 0.0 if server is bed.gateway else BASELINE_TOLERANCE
    for entity in ids:
        stored = dict(zip(FEATURES, bed.rows[entity], strict=True))
        wanted = {name: stored[name] for name in names or FEATURES}
        got = reply[entity]
        if sorted(got) != sorted(wanted):
            raise BenchError(f"{title}: {entity} should have the features {sorted(wanted)}, it has {sorted(got)}")
        for name, value in wanted.items():
            if not isinstance(got[name], float) or not math.isclose(got[name], value, rel_tol=tolerance, abs_tol=0.0):
                raise BenchError(f"{title}: {entity}.{name} should be {value!r}, it is {got[name]!r}")
