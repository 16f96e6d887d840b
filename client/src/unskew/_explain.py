"""Requests to explain a row, and their replies. Shared by the sync and the asyncio client."""

from collections.abc import Mapping
from typing import Any

from unskew import _times
from unskew._columns import encode_columns
from unskew._generated import feature_store_pb2 as wire
from unskew._replies import decode_status
from unskew._vectors import Time, check_service, to_fingerprint
from unskew.explanation import ExplainedInput, ExplainedSlot, ExplainedStep, Explanation


def explain_request(
    service: str,
    entities: Mapping[str, Any],
    request: Mapping[str, Any] | None,
    fingerprint: str | bytes | None,
    as_of: Time | None,
) -> wire.ExplainRequest:
    """The request of `explain`: each value becomes a column of one row."""
    message = wire.ExplainRequest(service=check_service(service))
    message.MergeFromString(encode_columns("entities", _columns("entities", entities)))
    if request is not None:
        message.MergeFromString(encode_columns("request", _columns("request", request)))
    if fingerprint is not None:
        message.fingerprint = to_fingerprint(fingerprint)
    if as_of is not None:
        message.as_of = _times.to_micros(as_of, "as_of")
    return message


def _columns(field: str, values: Mapping[str, Any]) -> dict[str, list[Any]]:
    if not isinstance(values, Mapping):
        raise TypeError(f"{field} must be a mapping of names to values, not {type(values).__name__}")
    return {name: [value] for name, value in values.items()}


def decode_explanation(reply: wire.ExplainResponse) -> Explanation:
    """The result of a reply."""
    return Explanation(
        service=reply.service,
        fingerprint=reply.fingerprint.hex(),
        as_of_us=reply.as_of,
        inputs=tuple(_input(given) for given in reply.inputs),
        slots=tuple(_slot(given) for given in reply.slots),
    )


def _input(given: wire.ExplainedInput) -> ExplainedInput:
    status, reason = decode_status(given.status, given.reason)
    return ExplainedInput(
        name=given.name,
        dtype=given.dtype,
        value=given.value,
        status=status,
        reason=reason,
        message=given.message,
        view=given.view,
        key=given.key,
        event_time_us=given.event_time if given.HasField("event_time") else None,
        age_us=given.age if given.HasField("age") else None,
    )


def _slot(given: wire.ExplainedSlot) -> ExplainedSlot:
    status, reason = decode_status(given.status, given.reason)
    return ExplainedSlot(
        name=given.name,
        reads=tuple(given.reads),
        source=given.source,
        steps=tuple(ExplainedStep(step.name, step.value) for step in given.steps),
        positions=tuple(given.positions),
        status=status,
        reason=reason,
        message=given.message,
    )
