"""The right to erasure: an entity leaves the tables and the online store, and nothing brings it back."""

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pyarrow as pa
from pyiceberg.catalog import Catalog

from unskew import _tables, _times, errors
from unskew.definitions import Definitions, Entity
from unskew.offline import _catalog, _forgotten, _online, _rows, _schema, maintenance

if TYPE_CHECKING:
    from unskew._client import FeatureStoreClient

__all__ = ["Erased", "Erasure"]


@dataclass(frozen=True)
class Erased:
    """What was done to one table."""

    table: str
    rows: int
    """Rows that were deleted."""
    kept_in: tuple[int, ...]
    """Snapshots that are still there and have them; reads leave the entity out of them too."""
    tags: tuple[str, ...]
    """Tags that keep such snapshots."""
    files: int
    """Files that were removed."""


@dataclass(frozen=True)
class Erasure:
    """What forgetting entities did."""

    entity: str
    keys: int
    recorded: int
    """Keys that the record did not have yet."""
    at: dt.datetime
    tables: tuple[Erased, ...]
    online: tuple[str, ...]
    """Views whose rows and states were deleted online."""
    online_left: tuple[str, ...]
    """Views that may still have the entity online: all of them without a client, with one those where it was read again
    after it was deleted, as from a writer who goes on."""

    @property
    def complete(self) -> bool:
        """Whether nothing is left of the entity, as far as this looked."""
        return not self.online_left and not any(table.kept_in for table in self.tables)


def forget(
    catalog: Catalog,
    definitions: Definitions,
    name: str,
    keys: Sequence[Mapping[str, Any]],
    *,
    purge: bool,
    client: "FeatureStoreClient | None",
) -> Erasure:
    """See `OfflineStore.forget`."""
    entity = _entity(definitions, name)
    wanted = list(dict.fromkeys(_key(entity, key) for key in keys))
    if not wanted:
        raise errors.InvalidArgument("there is no key to forget")
    at = _rows.now()
    # First the record, then the rows: who appends looks at the record once more after the commit.
    recorded = _forgotten.record(catalog, entity, wanted, at)
    tables = []
    for source in definitions.sources.values():
        if source.iceberg and entity in _schema.entities_of(definitions, source):
            tables += [_erased(catalog, it, entity, wanted, purge) for it in _forgotten.tables_of(catalog, source)]
    away = {
        view.name: client is not None and _online.delete(client, definitions, view, wanted, _rows.now())
        for view in definitions.views.values()
        if view.entity == name
    }
    online, left = (tuple(view for view in away if away[view] is it) for it in (True, False))
    return Erasure(name, len(wanted), recorded, _times.from_micros(at), tuple(tables), online, left)


def _entity(definitions: Definitions, name: str) -> Entity:
    if name not in definitions.entities:
        there = ", ".join(map(repr, definitions.entities)) or "none"
        raise errors.UnknownName(f"there is no entity {name!r}; there is {there}")
    return definitions.entities[name]


def _key(entity: Entity, given: Mapping[str, Any]) -> tuple[Any, ...]:
    """The parts of a key, of their declared types."""
    names = [column.name for column in entity.keys]
    if set(given) != set(names):
        raise errors.InvalidArgument(f"a key of {entity.name!r} has {names}, not {sorted(given)}")
    parts = []
    for column in entity.keys:
        try:
            part = pa.scalar(given[column.name], _tables.arrow_type(column.dtype)).as_py()
        except (pa.ArrowException, TypeError, ValueError, OverflowError):
            part = None
        if part is None:
            raise errors.InvalidArgument(
                f"the key {column.name!r} is {given[column.name]!r}, and must be {column.dtype}"
            )
        parts.append(part)
    return tuple(parts)


def _erased(catalog: Catalog, identifier: str, entity: Entity, keys: Sequence[tuple[Any, ...]], purge: bool) -> Erased:
    rows = _forgotten.delete(catalog, identifier, entity, keys)
    files = 0
    if purge:
        tags = [
            name for name, ref in _catalog.table(catalog, identifier).refs().items() if ref.snapshot_ref_type == "tag"
        ]
        now = dt.datetime.now(dt.timezone.utc) + dt.timedelta(days=1)
        files = maintenance.expire(catalog, identifier, now, 1, tags).files
    table = _catalog.table(catalog, identifier)
    current = table.metadata.current_snapshot_id
    old = tuple(it.snapshot_id for it in table.snapshots() if it.snapshot_id != current)
    holding = tuple(it for it in old if _forgotten.has(table, it, entity, keys))
    tags = [name for name, ref in table.refs().items() if ref.snapshot_id in holding]
    return Erased(identifier, rows, holding, tuple(sorted(tags)), files)
