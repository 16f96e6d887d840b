"""From the wire to Python: replies and failed calls. Shared by the sync and the asyncio client."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Protocol

import grpc
from google.protobuf.struct_pb2 import Value

from unskew._generated import feature_store_pb2 as wire
from unskew.errors import BY_GRPC_CODE, Unknown, UnskewError
from unskew.results import FeatureRow, FeatureValue, OnlineFeatures, Reason, Status

# Indexed by the number on the wire; a test compares them with the contract.
STATUSES = (Status.PRESENT, Status.NULL, Status.MISSING, Status.EXPIRED, Status.ERROR)
REASONS = (
    Reason.NONE,
    Reason.STORE,
    Reason.UNDECODABLE,
    Reason.BAD_KEY,
    Reason.NEWER_THAN_AS_OF,
    Reason.AS_OF_TOO_OLD,
    Reason.INCOMPLETE,
    Reason.OVERFLOW,
    Reason.STATE_LIMIT,
    Reason.REFUSED,
)

Metadata = Iterable[tuple[str, str | bytes]] | None


def to_python(value: Value) -> FeatureValue:
    """The Python value of a protobuf Value; a Value without a kind is None."""
    kind = value.WhichOneof("kind")
    if kind == "number_value":
        return value.number_value
    if kind == "string_value":
        return value.string_value
    if kind == "bool_value":
        return value.bool_value
    if kind == "list_value":
        return [to_python(item) for item in value.list_value.values]
    if kind == "struct_value":
        return {name: to_python(member) for name, member in value.struct_value.fields.items()}
    return None


def to_dict(values: Mapping[str, Value]) -> dict[str, FeatureValue]:
    """Python values by name. A number that is not 0 is told without asking for its kind, which costs more."""
    return {name: value.number_value or to_python(value) for name, value in values.items()}


def decode_status(status: int, reason: int) -> tuple[Status, Reason]:
    """Status and reason of their numbers; a number of a newer gateway is ERROR and UNKNOWN."""
    if not 0 <= status < len(STATUSES):
        return Status.ERROR, Reason.UNKNOWN
    known = REASONS[reason] if 0 <= reason < len(REASONS) else Reason.UNKNOWN
    return STATUSES[status], known


def decode_row(entity_id: str, feature_set: wire.FeatureSet, feature_names: Sequence[str]) -> FeatureRow:
    """One row; the sparse statuses of the wire become a status for every feature asked for or listed.

    A feature asked for that comes neither with a value nor with a status (an older gateway lists none) has the status
    of its row, or is MISSING.
    """
    status, reason = decode_status(feature_set.status.status, feature_set.status.reason)
    unordered = to_dict(feature_set.features)
    features = {name: unordered[name] for name in feature_names or sorted(unordered) if name in unordered}
    statuses: dict[str, Status] = {}
    reasons: dict[str, Reason] = {}
    listed = {name: decode_status(item.status, item.reason) for name, item in feature_set.statuses.items()}
    without_value = Status.MISSING if status is Status.PRESENT else status
    for name in feature_names or [*features, *sorted(name for name in listed if name not in features)]:
        if name in listed:
            statuses[name], why = listed[name]
            if statuses[name] is Status.ERROR:
                reasons[name] = why
        elif name in features:
            statuses[name] = Status.NULL if features[name] is None else Status.PRESENT
        else:
            statuses[name] = without_value
            if without_value is Status.ERROR:
                reasons[name] = reason
    return FeatureRow(
        entity_id=entity_id,
        features=features,
        statuses=statuses,
        reasons=reasons,
        status=status,
        reason=reason,
        message=feature_set.status.message,
        event_time_us=feature_set.event_time if feature_set.HasField("event_time") else None,
        event_times_us=dict(feature_set.event_times),
    )


def decode_reply(request: wire.OnlineFeaturesRequest, reply: wire.OnlineFeaturesResponse) -> OnlineFeatures:
    """The reply in the order of the request, each id once."""
    names = list(dict.fromkeys(request.feature_names))
    results = reply.results
    rows: dict[str, FeatureRow] = {}
    for entity_id in dict.fromkeys(request.entity_ids):
        if entity_id in results:
            rows[entity_id] = decode_row(entity_id, results[entity_id], names)
        else:
            rows[entity_id] = _left_out(entity_id, names)
    return OnlineFeatures(rows=rows, as_of_us=reply.as_of)


def _left_out(entity_id: str, names: Sequence[str]) -> FeatureRow:
    """A gateway answers every id; one that did not must not turn a fault into a MISSING, nor fail the batch."""
    return FeatureRow(
        entity_id=entity_id,
        features={},
        statuses=dict.fromkeys(names, Status.ERROR),
        reasons=dict.fromkeys(names, Reason.UNKNOWN),
        status=Status.ERROR,
        reason=Reason.UNKNOWN,
        message="the gateway's reply holds no entry for this entity id",
        event_time_us=None,
    )


class FailedCall(Protocol):
    """What grpc's sync and asyncio errors have in common."""

    def code(self) -> grpc.StatusCode: ...
    def details(self) -> str | None: ...
    def trailing_metadata(self) -> Metadata: ...
    def initial_metadata(self) -> Metadata: ...


def decode_error(call: FailedCall) -> UnskewError:
    """The exception of a failed call, with what the gateway's metadata says of it."""
    grpc_code = call.code()
    # The request id comes as a header; in a reply that is nothing but trailers that header is trailing metadata.
    metadata = _texts(call.initial_metadata()) | _texts(call.trailing_metadata())
    kind = BY_GRPC_CODE.get(grpc_code, Unknown)
    return kind(
        call.details() or f"the call failed with {grpc_code.name} and no message",
        code=metadata.get("error-code"),
        grpc_code=grpc_code,
        request_id=metadata.get("x-request-id"),
        retry_after=_retry_after(metadata.get("retry-after-ms")),
    )


def _texts(metadata: Metadata) -> dict[str, str]:
    return {key: value for key, value in metadata or () if isinstance(value, str)}


def _retry_after(milliseconds: str | None) -> float | None:
    """Seconds of a hint; one that is no non-negative whole number is no hint."""
    if milliseconds is None or not (milliseconds.isascii() and milliseconds.isdigit()):
        return None
    return int(milliseconds) / 1000
