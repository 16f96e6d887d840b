"""A gRPC server that fails as told: the real gateway can't be made to give each status, hint and malformed reply."""

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


Step = Failure | wire.OnlineFeaturesResponse | wire.WriteRowsResponse


@dataclass
class Script:
    """What the server does, a step a call; the last step is repeated."""

    steps: Sequence[Step]
    address: str = ""
    requests: list[Any] = field(default_factory=list)

    def next(self, request: Any, context: grpc.ServicerContext) -> Any:
        """Plays the next step."""
        step = self.steps[min(len(self.requests), len(self.steps) - 1)]
        self.requests.append(request)
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
def scripted(*steps: Step) -> Iterator[Script]:
    """A server on a free port of loopback that plays `steps`."""
    script = Script(steps)
    get, write = _channel.GET_ONLINE_FEATURES, _channel.WRITE_ROWS
    handlers: dict[str, grpc.RpcMethodHandler[Any, Any]] = {
        "GetOnlineFeatures": grpc.unary_unary_rpc_method_handler(
            script.next, wire.OnlineFeaturesRequest.FromString, _serialize
        ),
        "WriteRows": grpc.stream_stream_rpc_method_handler(script.stream, wire.WriteRowsRequest.FromString, _serialize),
    }
    service = get.path.split("/")[1]
    assert write.path.split("/")[1] == service
    server = grpc.server(ThreadPoolExecutor(4))
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(service, handlers),))
    script.address = f"127.0.0.1:{server.add_insecure_port('127.0.0.1:0')}"
    server.start()
    try:
        yield script
    finally:
        server.stop(None).wait()


def _serialize(message: Any) -> bytes:
    return bytes(message.SerializeToString())
