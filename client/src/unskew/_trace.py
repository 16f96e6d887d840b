"""Distributed tracing of calls by OpenTelemetry, where its API is installed; nothing is made where it is not."""

import contextlib
import functools
import importlib
from collections.abc import Callable, Iterator, MutableMapping
from dataclasses import dataclass
from typing import Any

import grpc

from unskew._channel import METHODS
from unskew.errors import UnskewError

Headers = tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class _Api:
    """What of OpenTelemetry is used. No dependency: the modules are imported if they are there."""

    tracer: Any
    inject: Callable[[MutableMapping[str, str]], None]
    current: Callable[[], Any]
    use: Callable[..., contextlib.AbstractContextManager[Any]]
    client_kind: Any
    error_status: Any

    def headers(self) -> Headers:
        """`traceparent` and what else the propagators set; empty outside of a span."""
        carrier: dict[str, str] = {}
        self.inject(carrier)
        return tuple((name.lower(), value) for name, value in carrier.items())


@functools.cache
def _api() -> _Api | None:
    try:
        propagate = importlib.import_module("opentelemetry.propagate")
        trace = importlib.import_module("opentelemetry.trace")
        context = importlib.import_module("opentelemetry.context")
    except ImportError:
        return None
    # A tracer that is made before its provider is set goes over to it then.
    return _Api(
        tracer=trace.get_tracer("unskew"),
        inject=propagate.inject,
        current=context.get_current,
        use=trace.use_span,
        client_kind=trace.SpanKind.CLIENT,
        error_status=trace.StatusCode.ERROR,
    )


class Call:
    """One call, retries and hedged requests included: the headers that carry its span, and what it tells of itself."""

    __slots__ = ("_span", "headers")

    def __init__(self, headers: Headers = (), span: Any = None) -> None:
        self.headers = headers
        self._span = span

    def goes_to(self, address: str) -> None:
        """The address that is asked first."""
        if self._span is not None and self._span.is_recording():
            host, port, number = address.rpartition(":")
            if port and number.isdigit():
                self._span.set_attributes({"server.address": host, "server.port": int(number)})
            else:
                self._span.set_attribute("server.address", address)


@contextlib.contextmanager
def call(method: str) -> Iterator[Call]:
    """A span around a call of the method that the stubs have under this name.

    It holds no message of an error, which can name an entity.
    """
    api = _api()
    if api is None:
        yield Call()
        return
    name = METHODS[method].path.removeprefix("/")
    attributes = {"rpc.system.name": "grpc", "rpc.method": name}
    span = api.tracer.start_span(name, kind=api.client_kind, attributes=attributes)
    if not span.get_span_context().is_valid:
        # Nobody records. What the caller's context has goes with the call all the same: without an SDK, older
        # versions of OpenTelemetry make spans that know of no parent.
        yield Call(api.headers() if api.current() else ())
        return
    with api.use(span, end_on_exit=True, record_exception=False, set_status_on_exception=False):
        try:
            yield Call(api.headers(), span)
        except BaseException as error:
            code = error.grpc_code if isinstance(error, UnskewError) else None
            if code is not None:
                span.set_attribute("rpc.response.status_code", code.name)
            span.set_attribute("error.type", type(error).__name__ if code is None else code.name)
            span.set_status(api.error_status)
            raise
        span.set_attribute("rpc.response.status_code", grpc.StatusCode.OK.name)
