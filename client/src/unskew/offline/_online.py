"""Deleting entities online, through a gateway."""

from collections.abc import Mapping, Sequence
from functools import partial

import pyarrow as pa

from unskew import _tables
from unskew._client import FeatureStoreClient
from unskew.definitions import Definitions, View
from unskew.offline import _compare
from unskew.offline._deliver import deliver
from unskew.offline._forgotten import Key
from unskew.offline._probe import Probe
from unskew.results import FeatureRow, Reason, Status

AHEAD = 366 * 24 * 3_600_000_000
"""Microseconds from now on in which a gateway may have rows and events: `ingest.max_future` is 365 days at most, and
clocks differ."""
AT_ONCE = 500
"""Entities of a call."""
TIME = pa.timestamp("us", "UTC")


def delete(client: FeatureStoreClient, definitions: Definitions, view: View, keys: Sequence[Key], at: int) -> bool:
    """Deletes the rows or the states of entities, at the present time; whether all of them are away then."""
    schema = pa.schema([(key.name, _tables.arrow_type(key.dtype)) for key in definitions.entities[view.entity].keys])
    delete = _delete_rows if view.kind == "row" else partial(_delete_states, Probe(definitions, view.name))
    parts = [keys[first : first + AT_ONCE] for first in range(0, len(keys), AT_ONCE)]
    away = [delete(client, view, schema, part, at) for part in parts]
    return all(away)


def _delete_rows(client: FeatureStoreClient, view: View, schema: pa.Schema, keys: Sequence[Key], at: int) -> bool:
    """Rows without features delete: they compete like any other, so that older rows stay away too."""
    _send_rows(client, view, schema, dict.fromkeys(keys, at))
    # Rows from ahead of now, which the gateway takes up to `ingest.max_future`, win over these.
    if later := _left(client, view, keys, at):
        _send_rows(client, view, schema, {key: max(time, at) + 1 for key, time in later.items()})
    return not (later and _left(client, view, list(later), at))


def _send_rows(client: FeatureStoreClient, view: View, schema: pa.Schema, times: Mapping[Key, int]) -> None:
    rows = _columns(schema, list(times)).append_column("event_time", pa.array(list(times.values()), TIME))
    deliver(rows.to_batches(), partial(client.write_rows, view.name), keys=schema.names, concurrency=1)


def _left(client: FeatureStoreClient, view: View, keys: Sequence[Key], at: int) -> dict[Key, int]:
    """The entities that have a row, and its event time."""
    names = [f"{view.name}.{feature.name}" for feature in view.features]
    ids = {_compare.key_text(list(key)): key for key in keys}
    rows = client.online_features(ids, names, as_of=at + 2 * AHEAD)
    return {key: rows[text].event_times_us.get(view.name, at) for text, key in ids.items() if _is_there(rows[text])}


def _is_there(row: FeatureRow) -> bool:
    # What the gateway takes for no key it has no row of.
    return row.reason is not Reason.BAD_KEY and any(status is not Status.MISSING for status in row.statuses.values())


def _delete_states(
    probe: Probe, client: FeatureStoreClient, view: View, schema: pa.Schema, keys: Sequence[Key], at: int
) -> bool:
    """A load of null states, up to a time that no event has that is there."""
    cut = at + AHEAD
    if probe.resolution is not None:
        cut = -(-cut // probe.resolution) * probe.resolution
    states = _columns(schema, keys).append_column("state", pa.nulls(len(keys), pa.binary()))
    write = partial(client.write_states, view.name, cut=cut, done=False)
    delivered = deliver(states.to_batches(), write, keys=schema.names, concurrency=1)
    return not set(delivered.refused) - {"BAD_KEY"}


def _columns(schema: pa.Schema, keys: Sequence[Key]) -> pa.Table:
    return pa.table(
        [pa.array(part, field.type) for part, field in zip(zip(*keys, strict=True), schema, strict=True)], schema
    )
