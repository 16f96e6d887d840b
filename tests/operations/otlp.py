"""A collector for tests: it takes spans by OTLP/gRPC, and keeps them."""

import contextlib
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from opentelemetry.proto.collector.trace.v1 import trace_service_pb2, trace_service_pb2_grpc
from opentelemetry.proto.trace.v1.trace_pb2 import Span as WireSpan
from servers import wait

import grpc

SERVER = WireSpan.SPAN_KIND_SERVER
CLIENT = WireSpan.SPAN_KIND_CLIENT
INTERNAL = WireSpan.SPAN_KIND_INTERNAL


@dataclass(frozen=True)
class Span:
    """One span, in plain types."""

    service: str
    trace: str
    id: str
    parent: str
    name: str
    kind: int
    start: int
    end: int
    failed: bool
    state: str
    attributes: dict[str, Any]


class Collector(trace_service_pb2_grpc.TraceServiceServicer):
    """Keeps what it is sent."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._calls: list[tuple[trace_service_pb2.ExportTraceServiceRequest, dict[str, Any]]] = []

    def Export(  # noqa: N802 (the name of the contract)
        self, request: trace_service_pb2.ExportTraceServiceRequest, context: grpc.ServicerContext
    ) -> trace_service_pb2.ExportTraceServiceResponse:
        """Takes spans."""
        with self._lock:
            self._calls.append((request, dict(context.invocation_metadata())))
        return trace_service_pb2.ExportTraceServiceResponse()

    def text(self) -> str:
        """All that it was ever sent."""
        with self._lock:
            return "\n".join(str(request) for request, _ in self._calls)

    def spans(self, trace: str | None = None) -> list[Span]:
        """The spans of a trace, or all."""
        with self._lock:
            found = [span for request, _ in self._calls for span in _spans(request)]
        return [span for span in found if trace in (None, span.trace)]

    def metadata(self, trace: str) -> dict[str, Any]:
        """That of the first call with a span of this trace."""
        with self._lock:
            return next(sent for request, sent in self._calls if any(span.trace == trace for span in _spans(request)))

    def wait_for(self, trace: str, count: int) -> list[Span]:
        """The spans of a trace, once there are so many; they must not be more."""
        wait(f"{count} spans of {trace} have come", lambda: len(self.spans(trace)) >= count)
        found = self.spans(trace)
        assert len(found) == count, found
        return found


def _spans(request: trace_service_pb2.ExportTraceServiceRequest) -> list[Span]:
    return [
        _plain(str(_attributes(resource.resource.attributes).get("service.name")), span)
        for resource in request.resource_spans
        for scope in resource.scope_spans
        for span in scope.spans
    ]


def _plain(service: str, span: Any) -> Span:
    return Span(
        service=service,
        trace=span.trace_id.hex(),
        id=span.span_id.hex(),
        parent=span.parent_span_id.hex(),
        name=span.name,
        kind=span.kind,
        start=span.start_time_unix_nano,
        end=span.end_time_unix_nano,
        failed=span.status.code == 2,
        state=span.trace_state,
        attributes=_attributes(span.attributes),
    )


def _attributes(attributes: Any) -> dict[str, Any]:
    return {each.key: getattr(each.value, each.value.WhichOneof("value")) for each in attributes}


@contextlib.contextmanager
def collecting(port: int, credentials: grpc.ServerCredentials | None = None) -> Iterator[Collector]:
    """A collector that listens on this port."""
    collector = Collector()
    server = grpc.server(ThreadPoolExecutor(2), options=[("grpc.so_reuseport", 0)])
    register: Any = trace_service_pb2_grpc.add_TraceServiceServicer_to_server
    register(collector, server)
    address = f"127.0.0.1:{port}"
    bound = server.add_insecure_port(address) if credentials is None else server.add_secure_port(address, credentials)
    assert bound == port
    server.start()
    try:
        yield collector
    finally:
        server.stop(None).wait()
