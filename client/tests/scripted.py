"""A gRPC server that fails as told: the real gateway can't be made to give each status, hint, delay and reply."""

import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import grpc

from unskew import _channel
from unskew._generated import feature_store_pb2 as wire


@dataclass(frozen=True)
class Failure:
    """A call that ends with an error status."""

    code: grpc.StatusCode
    message: str = "as told"
    trailing: tuple[tuple[str, str], ...] = ()
    initial: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True)
class Slow:
    """What is played after a while."""

    seconds: float
    step: "Step"


Written = wire.WriteRowsResponse | wire.WriteEventsResponse | wire.WriteStatesResponse
Step = Failure | Slow | wire.OnlineFeaturesResponse | wire.FeatureVectorsResponse | Written


@dataclass
class Script:
    """What the server does, a step a call; the last step is repeated."""

    steps: Sequence[Step]
    address: str = ""
    requests: list[Any] = field(default_factory=list)
    metadata: list[dict[str, str | bytes]] = field(default_factory=list)
    cancelled: int = 0

    def next(self, request: Any, context: grpc.ServicerContext) -> Any:
        """Plays the next step."""
        step = self.steps[min(len(self.requests), len(self.steps) - 1)]
        self.requests.append(request)
        self.metadata.append(dict(context.invocation_metadata()))
        if isinstance(step, Slow):
            time.sleep(step.seconds)
            self.cancelled += not context.is_active()
            step = step.step
        if isinstance(step, Failure):
            if step.initial:
                context.send_initial_metadata(step.initial)
            context.set_trailing_metadata(step.trailing)
            context.abort(step.code, step.message)
        return step

    def stream(self, requests: Iterator[Any], context: grpc.ServicerContext) -> Iterator[Any]:
        """Plays a step for each message."""
        for request in requests:
            yield self.next(request, context)


@contextmanager
def scripted(
    *steps: Step, credentials: grpc.ServerCredentials | None = None, address: str = "127.0.0.1:0"
) -> Iterator[Script]:
    """A server on loopback, on a free port unless told otherwise, that plays `steps`."""
    script = Script(steps)
    unary: dict[str, Any] = {
        "GetOnlineFeatures": wire.OnlineFeaturesRequest,
        "GetFeatureVectors": wire.FeatureVectorsRequest,
        "Explain": wire.ExplainRequest,
    }
    handlers: dict[str, grpc.RpcMethodHandler[Any, Any]] = {
        name: grpc.unary_unary_rpc_method_handler(script.next, request.FromString, _serialize)
        for name, request in unary.items()
    }
    streams: dict[str, Any] = {
        "WriteRows": wire.WriteRowsRequest,
        "WriteEvents": wire.WriteEventsRequest,
        "WriteStates": wire.WriteStatesRequest,
    }
    handlers |= {
        name: grpc.stream_stream_rpc_method_handler(script.stream, request.FromString, _serialize)
        for name, request in streams.items()
    }
    service = _channel.GET_ONLINE_FEATURES.path.split("/")[1]
    server = grpc.server(ThreadPoolExecutor(4))
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(service, handlers),))
    port = server.add_insecure_port(address) if credentials is None else server.add_secure_port(address, credentials)
    script.address = f"127.0.0.1:{port}"
    server.start()
    try:
        yield script
    finally:
        server.stop(None).wait()


def _serialize(message: Any) -> bytes:
    return bytes(message.SerializeToString())
