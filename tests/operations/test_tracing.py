"""Distributed tracing against a real collector: the tree from client to stages, who decides, and what is never told."""

import asyncio
import contextlib
import itertools
import json
import re
import secrets
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import unskew
import unskew.aio
from opentelemetry import trace
from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from otlp import CLIENT, INTERNAL, SERVER, Collector, Span, collecting
from servers import free_port, wait
from unskew._generated import feature_store_pb2 as wire

import grpc

DEFINITIONS = Path(__file__).resolve().parent / "definitions"
FEATURES = "/feature_store.FeatureStore/GetOnlineFeatures"
NAME = FEATURES.removeprefix("/")
# What no span may hold: the id of an entity, a key, a value.
ENTITY = "nobody-may-know-me"
CUSTOMER = 987654321
VALUE = "told-to-nobody"
STAGES = {"decode", "store", "encode"}
TRACEPARENT = re.compile("00-([0-9a-f]{32})-([0-9a-f]{16})-(0[01])")
TIMING = re.compile(r"total;dur=\d+\.\d{3}(, (decode|store|encode);dur=\d+\.\d{3})*")


def settings(port: int, **more: str) -> dict[str, str]:
    """The environment of a gateway that exports to this port."""
    return {
        "APP__DEFINITIONS__PATH": str(DEFINITIONS),
        "APP__TELEMETRY__TRACING__OTLP_ENDPOINT": f"http://127.0.0.1:{port}",
        **{f"APP__TELEMETRY__{key.upper()}": value for key, value in more.items()},
    }


@pytest.fixture(scope="module")
def collector() -> Iterator[tuple[Collector, int]]:
    """A collector and its port."""
    port = free_port()
    with collecting(port) as collector:
        yield collector, port


@pytest.fixture(scope="module")
def by_parent(collector: tuple[Collector, int], gateway_class: type, tmp_path_factory: Any) -> Iterator[str]:
    """A gateway that traces what its clients trace, and nothing else."""
    more = settings(collector[1], tracing__sample_ratio="0", server_timing="true")
    with gateway_class(tmp_path_factory.mktemp("parent"), settings=more) as gateway:
        yield gateway.address


@pytest.fixture(scope="module")
def always(collector: tuple[Collector, int], gateway_class: type, tmp_path_factory: Any) -> Iterator[str]:
    """A gateway that traces each request whose client does not say."""
    more = settings(collector[1], tracing__sample_ratio="1", tracing__otlp_headers="x-tenant=one,x-token=two")
    with gateway_class(tmp_path_factory.mktemp("always"), settings=more) as gateway:
        yield gateway.address


@pytest.fixture(scope="module")
def provider(collector: tuple[Collector, int]) -> Iterator[TracerProvider]:
    """OpenTelemetry's SDK for this process, as an application sets it up."""
    provider = TracerProvider(resource=Resource.create({"service.name": "application"}))
    exporter = OTLPSpanExporter(endpoint=f"127.0.0.1:{collector[1]}", insecure=True)
    provider.add_span_processor(BatchSpanProcessor(exporter, schedule_delay_millis=100))
    trace.set_tracer_provider(provider)
    yield provider
    provider.shutdown()


@dataclass(frozen=True)
class Reply:
    """A reply of REST."""

    status: int
    headers: Mapping[str, str]
    body: bytes


def rest(address: str, path: str, body: Any = None, **headers: str) -> Reply:
    """Asks by REST."""
    data = None if body is None else json.dumps(body).encode()
    given = {"content-type": "application/json", **{name.replace("_", "-"): value for name, value in headers.items()}}
    request = urllib.request.Request(f"http://{address}{path}", data, given)
    try:
        with urllib.request.urlopen(request, timeout=10) as reply:  # noqa: S310
            return Reply(reply.status, dict(reply.headers), reply.read())
    except urllib.error.HTTPError as error:
        with error:
            return Reply(error.code, dict(error.headers), error.read())


def call(address: str, ids: list[str], **headers: str) -> tuple[grpc.StatusCode, dict[str, Any], dict[str, Any]]:
    """Asks by gRPC: the status, the first metadata and the last."""
    with grpc.insecure_channel(address) as channel:
        method: Any = channel.unary_unary(FEATURES, wire.OnlineFeaturesRequest.SerializeToString)
        future = method.future(wire.OnlineFeaturesRequest(entity_ids=ids), timeout=10, metadata=tuple(headers.items()))
        return future.code(), dict(future.initial_metadata()), dict(future.trailing_metadata())


def parent(flags: str = "01") -> tuple[str, str]:
    """A new trace id, and the `traceparent` of a span in it."""
    trace_id = secrets.token_hex(16)
    return trace_id, f"00-{trace_id}-{secrets.token_hex(8)}-{flags}"


def answered(headers: Mapping[str, str]) -> tuple[str, str, str]:
    """Trace, span and flags of the `traceparent` of a reply."""
    found = TRACEPARENT.fullmatch(headers["traceparent"])
    assert found
    return found[1], found[2], found[3]


def request_span(spans: list[Span]) -> Span:
    """The one span of a request to the gateway; its stages lie within it."""
    spans = [span for span in spans if span.service == "unskew-gateway"]
    (request,) = [span for span in spans if span.kind == SERVER]
    stages = [span for span in spans if span.kind == INTERNAL]
    for stage in stages:
        assert (stage.parent, stage.attributes) == (request.id, {})
        assert request.start <= stage.start <= stage.end <= request.end
    in_order = sorted(stages, key=lambda stage: stage.start)
    assert all(before.end <= after.start for before, after in itertools.pairwise(in_order))
    return request


async def use(client: Any) -> None:
    """Each kind of call, of a client of either kind."""
    now = datetime.now(UTC)
    payment = {"payment_id": time.time_ns(), "customer_id": CUSTOMER, "paid_at": now, "amount": 1.5}
    profile = {"customer_id": CUSTOMER, "event_time": now, "home_region": VALUE}
    for result in (
        lambda: client.write_rows("default", [{"entity_id": ENTITY, "event_time": now, "x": VALUE}]),
        lambda: client.write_rows("customer_profile", [profile, {**profile, "home_region": 7}]),
        lambda: client.write_events("payments", [payment]),
        lambda: client.online_features([ENTITY, "nobody"], ["x"]),
        lambda: client.online_features([str(CUSTOMER)], ["customer_profile.home_region"]),
        lambda: client.vectors("shop_model", {"customer_id": [CUSTOMER, 2]}, {"amount": [1.5, None]}),
        lambda: client.explain("shop_model", {"customer_id": CUSTOMER}, {"amount": 1.5}),
        client.definitions,
    ):
        given = result()
        if asyncio.iscoroutine(given):
            await given


# By method: the stages, and the attributes beside those of every call.
EXPECTED: list[tuple[str, list[str], dict[str, Any]]] = [
    ("WriteRows", ["decode", "store"], {"unskew.view": "default", "unskew.rows.accepted": 1}),
    ("WriteRows", ["decode", "store"], {"unskew.view": "customer_profile", "unskew.rows.refused": 1}),
    ("WriteEvents", ["store", "store"], {"unskew.source": "payments", "unskew.rows.accepted": 1}),
    ("GetOnlineFeatures", ["decode", "store", "encode"], {"unskew.entities.count": 2, "unskew.entities.present": 1}),
    ("GetOnlineFeatures", ["decode", "store", "encode"], {"unskew.features.present": 1}),
    (
        "GetFeatureVectors",
        ["decode", "store", "encode"],
        {"unskew.service": "shop_model", "unskew.vectors.count": 2, "unskew.vectors.incomplete": 1},
    ),
    ("Explain", ["decode", "store", "encode"], {"unskew.service": "shop_model"}),
    ("GetDefinitions", [], {}),
]


@pytest.mark.parametrize("kind", ["sync", "asyncio"])
def test_one_tree_from_the_application_through_the_gateway(
    kind: str, collector: tuple[Collector, int], provider: TracerProvider, by_parent: str
) -> None:
    async def with_asyncio() -> None:
        async with unskew.aio.FeatureStoreClient(by_parent, timeout=10) as client:
            await use(client)

    with trace.get_tracer("test").start_as_current_span("application") as root:
        trace_id = f"{root.get_span_context().trace_id:032x}"
        if kind == "asyncio":
            asyncio.run(with_asyncio())
        else:
            with unskew.FeatureStoreClient(by_parent, timeout=10, hedge_after=10) as client:
                asyncio.run(use(client))
    provider.force_flush()
    spans = collector[0].wait_for(trace_id, 1 + 2 * len(EXPECTED) + sum(len(stages) for _, stages, _ in EXPECTED))
    (top,) = [span for span in spans if not span.parent]
    calls = sorted((span for span in spans if span.kind == CLIENT), key=lambda span: span.start)
    assert len(calls) == len(EXPECTED)
    for client_span, (method, stages, attributes) in zip(calls, EXPECTED, strict=True):
        host, port = by_parent.split(":")
        rpc = {"rpc.system.name": "grpc", "rpc.method": f"feature_store.FeatureStore/{method}"}
        rpc["rpc.response.status_code"] = "OK"
        assert (client_span.service, client_span.parent, client_span.failed) == ("application", top.id, False)
        assert client_span.attributes == {**rpc, "server.address": host, "server.port": int(port)}
        (server_span,) = [span for span in spans if span.parent == client_span.id]
        below = [span for span in spans if span.parent == server_span.id]
        assert request_span([server_span, *below]) == server_span
        assert [span.name for span in sorted(below, key=lambda span: span.start)] == stages
        assert server_span.name == client_span.name == f"feature_store.FeatureStore/{method}"
        assert client_span.start <= server_span.start <= server_span.end <= client_span.end
        # The two clocks are one; the gateway reads it in microseconds.
        assert {**server_span.attributes, **rpc, **attributes, "unskew.code": "OK"} == server_span.attributes


def test_an_error_of_the_client_says_its_code_and_no_more(
    collector: tuple[Collector, int], provider: TracerProvider, by_parent: str
) -> None:
    with trace.get_tracer("test").start_as_current_span("application") as root:
        trace_id = f"{root.get_span_context().trace_id:032x}"
        with unskew.FeatureStoreClient(by_parent, timeout=10) as client, pytest.raises(unskew.UnskewError):
            client.online_features([ENTITY], [f"customer_profile.{VALUE}"])
    provider.force_flush()
    spans = collector[0].wait_for(trace_id, 3)
    (client_span,) = [span for span in spans if span.kind == CLIENT]
    assert client_span.failed
    assert client_span.attributes["error.type"] == "INVALID_ARGUMENT"
    server_span = request_span(spans)
    assert (server_span.failed, server_span.attributes["unskew.code"]) == (False, "INVALID_ARGUMENT")
    assert server_span.attributes["rpc.response.status_code"] == "INVALID_ARGUMENT"


def test_the_client_decides(collector: tuple[Collector, int], by_parent: str) -> None:
    quiet, unsampled = parent("00")
    assert rest(by_parent, "/v1/definitions", traceparent=unsampled).status == 200
    code, initial, _ = call(by_parent, [ENTITY], traceparent=unsampled)
    assert code is grpc.StatusCode.OK
    assert answered(initial)[::2] == (quiet, "00")
    traced, sampled = parent()
    reply = rest(by_parent, "/v1/online-features", {"entity_ids": [ENTITY]}, traceparent=sampled, tracestate="a=1,b=2")
    spans = collector[0].wait_for(traced, 4)
    span = request_span(spans)
    assert answered(reply.headers) == (traced, span.id, "01")
    assert span.parent == sampled.split("-")[2]
    assert span.state == "a=1,b=2"
    assert {each.name for each in spans} == STAGES | {"POST /v1/online-features"}
    # It would have come before.
    assert not collector[0].spans(quiet)


def test_without_a_parent_the_ratio_decides(collector: tuple[Collector, int], by_parent: str, always: str) -> None:
    trace_id, _, flags = answered(rest(by_parent, f"/v1/online-features/{ENTITY}").headers)
    assert flags == "00"
    new, span_id, flags = answered(rest(always, f"/v1/online-features/{ENTITY}?feature_names={VALUE}").headers)
    span = request_span(collector[0].wait_for(new, 4))
    assert (flags, span.parent, span.id, span.state) == ("01", "", span_id, "")
    assert span.name == "GET /v1/online-features/{entity_id}"
    assert span.attributes["http.route"] == "/v1/online-features/{entity_id}"
    assert span.attributes["http.response.status_code"] == 200
    assert not collector[0].spans(trace_id)
    sent = collector[0].metadata(new)
    assert (sent["x-tenant"], sent["x-token"]) == ("one", "two")


MALFORMED = [
    "",
    "00",
    "garbage",
    f"00-{'0' * 32}-{'1' * 16}-01",
    f"00-{'A' * 32}-{'1' * 16}-01",
    f"ff-{'a' * 32}-{'1' * 16}-01",
]


def test_a_malformed_parent_is_none(collector: tuple[Collector, int], always: str) -> None:
    answers = []
    for malformed in MALFORMED:
        by_rest = rest(always, "/v1/definitions", traceparent=malformed, tracestate="a=1").headers
        by_grpc = call(always, [ENTITY], traceparent=malformed)[1]
        answers += [(malformed, answered(by_rest), 1), (malformed, answered(by_grpc), 4)]
    for malformed, (new, span_id, flags), count in answers:
        assert new not in malformed.lower()
        span = request_span(collector[0].wait_for(new, count))
        assert (span.id, span.parent, span.state, flags) == (span_id, "", "", "01")


def test_errors_have_spans_and_probes_have_none(collector: tuple[Collector, int], always: str) -> None:
    for path in ("/healthz", "/readyz", "/metrics"):
        assert "traceparent" not in rest(always, path).headers
    cases = [
        (rest(always, "/v1/nothing"), 404, "GET"),
        (rest(always, "/v1/explain"), 405, "GET /v1/explain"),
        (rest(always, FEATURES, {}), 415, f"POST {FEATURES}"),
    ]
    code, _, trailing = call(always, [])
    assert code is grpc.StatusCode.INVALID_ARGUMENT
    for reply, status, name in cases:
        span = request_span(collector[0].wait_for(answered(reply.headers)[0], 1))
        assert reply.status == span.attributes["http.response.status_code"] == status
        assert (span.name, span.failed) == (name, False)
    span = request_span(collector[0].wait_for(answered(trailing)[0], 1))
    assert span.attributes["rpc.response.status_code"] == "INVALID_ARGUMENT"


def test_server_timing_on_both_protocols(by_parent: str) -> None:
    replies = [
        rest(by_parent, "/v1/online-features", {"entity_ids": [ENTITY]}).headers,
        rest(by_parent, "/v1/online-features", {"entity_ids": []}).headers,
        call(by_parent, [ENTITY])[2],
        call(by_parent, [])[2],
    ]
    timings = [reply["server-timing"] for reply in replies]
    assert all(TIMING.fullmatch(timing) for timing in timings), timings
    for timing, stages in zip(timings, [STAGES, set(), STAGES, set()], strict=True):
        parts = {name: float(time) for name, time in re.findall(r"(\w+);dur=([\d.]+)", timing)}
        assert set(parts) == stages | {"total"}, timing
        assert sum(parts.values()) <= 2 * parts["total"] + 0.01, timing


def test_by_default_there_is_nothing(gateway_class: type, tmp_path: Path) -> None:
    trace_id, sampled = parent()
    with gateway_class(tmp_path) as gateway:
        initial, trailing = call(gateway.address, [ENTITY], traceparent=sampled)[1:]
        reply = rest(gateway.address, "/v1/online-features", {"entity_ids": [ENTITY]}, traceparent=sampled)
    for headers in (initial, trailing, reply.headers):
        assert not {"traceparent", "server-timing"} & set(headers)
    assert trace_id not in gateway.log()


def metric(address: str, result: str) -> float:
    """How many spans ended so."""
    text = rest(address, "/metrics").body.decode()
    found = re.search(rf'^unskew_spans_total{{result="{result}"}} (\d+)', text, re.MULTILINE)
    assert found
    return float(found[1])


def test_a_collector_that_is_away_harms_nobody(gateway_class: type, tmp_path: Path) -> None:
    port = free_port()
    more = settings(port, tracing__sample_ratio="1", tracing__max_queued="3")
    with gateway_class(tmp_path, settings=more) as gateway, contextlib.ExitStack() as later:
        for _ in range(200):
            assert rest(gateway.address, "/v1/online-features", {"entity_ids": [ENTITY]}).status == 200
        wait("spans are dropped", lambda: metric(gateway.address, "dropped") > 0)
        wait("the log says why", lambda: "spans can't be exported" in gateway.log())
        assert metric(gateway.address, "exported") == 0
        collector = later.enter_context(collecting(port))

        def comes() -> bool:
            rest(gateway.address, "/v1/definitions")
            return metric(gateway.address, "exported") > 0

        wait("spans come", comes)
        assert collector.spans()
        # What waits for more at the end is sent before the process ends.
        last = answered(rest(gateway.address, "/v1/definitions").headers)[0]
        log = gateway.log()
        assert gateway.stop() == 0
        assert collector.spans(last)
    assert log.count("spans can't be exported") == 1
    assert log.count("spans are exported again") == 1
    assert ENTITY not in collector.text()


def test_by_tls_and_log_lines_have_the_ids(gateway_class: type, tmp_path: Path) -> None:
    certificate, key = tmp_path / "certificate.pem", tmp_path / "key.pem"
    names = ["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost"]
    # Its own authority, and as a certificate of a server no authority of others.
    names += ["-addext", "basicConstraints=critical,CA:FALSE"]
    request = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", *names]
    made = [*request, "-days", "2", "-keyout", str(key), "-out", str(certificate)]
    subprocess.run(made, check=True, capture_output=True, timeout=30)
    credentials = grpc.ssl_server_credentials([(key.read_bytes(), certificate.read_bytes())])
    port = free_port()
    more = settings(port, tracing__otlp_endpoint=f"https://localhost:{port}", tracing__otlp_ca_file=str(certificate))
    more["APP__AUTH__KEYS"] = '[{name = "reader", sha256 = "' + 64 * "a" + '", scopes = ["read"]}]'
    trace_id, sampled = parent()
    with collecting(port, credentials) as collector, gateway_class(tmp_path, settings=more) as gateway:
        assert rest(gateway.address, "/v1/definitions", traceparent=sampled).status == 401
        span = request_span(collector.wait_for(trace_id, 1))
    assert span.attributes["unskew.code"] == "UNAUTHENTICATED"
    (line,) = [json.loads(line) for line in gateway.log().splitlines() if "was refused for its API key" in line]
    assert (line["span"]["trace_id"], line["span"]["span_id"]) == (trace_id, span.id)


def test_no_span_names_an_entity_a_key_or_a_value(collector: tuple[Collector, int], always: str) -> None:
    """Last, over all that the tests before have made too."""
    headers = [
        call(always, [ENTITY])[1],
        rest(always, f"/v1/online-features/{ENTITY}?feature_names={VALUE}").headers,
        rest(always, f"/v1/{ENTITY}?{VALUE}", {}).headers,
        rest(always, f"/v1/views/{VALUE}/rows", [{"entity_id": ENTITY}]).headers,
        rest(always, "/v1/views/default/rows", [{"entity_id": ENTITY, "event_time": VALUE}]).headers,
    ]
    for each, count in zip(headers, (4, 4, 1, 1, 2), strict=True):
        request_span(collector[0].wait_for(answered(each)[0], count))
    told = collector[0].text()
    assert NAME in told
    for secret in (ENTITY, str(CUSTOMER), VALUE):
        assert secret not in told
