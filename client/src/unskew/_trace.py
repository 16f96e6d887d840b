"""The trace context of the caller, for the headers of a call: OpenTelemetry's, where its API is installed."""

import functools
import importlib
from collections.abc import Callable, MutableMapping


@functools.cache
def _inject() -> Callable[[MutableMapping[str, str]], None] | None:
    # No dependency: used if it is there.
    try:
        inject: Callable[[MutableMapping[str, str]], None] = importlib.import_module("opentelemetry.propagate").inject
    except ImportError:
        return None
    return inject


def headers() -> tuple[tuple[str, str], ...]:
    """`traceparent` and what else the propagators set; empty outside of a span, or without OpenTelemetry."""
    inject = _inject()
    if inject is None:
        return ()
    carrier: dict[str, str] = {}
    inject(carrier)
    return tuple((name.lower(), value) for name, value in carrier.items())
