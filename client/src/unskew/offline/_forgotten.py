"""The record of entities that were forgotten: a table that every writer and reader looks at."""

import json
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from pyiceberg.catalog import Catalog
from pyiceberg.exceptions import TableAlreadyExistsError
from pyiceberg.expressions import BooleanExpression
from pyiceberg.manifest import DataFile
from pyiceberg.table import Table, Transaction

from unskew import _tables, errors
from unskew.definitions import Definitions, Entity, Source
from unskew.offline import _catalog, _commits, _schema
from unskew.offline._faults import translated
from unskew.offline._predicates import all_of, any_of, equal, is_in

FORGOTTEN = "unskew.forgotten"
RECORD = pa.schema([("entity", pa.string()), ("key", pa.string()), ("forgotten_at", pa.timestamp("us", "UTC"))])

Key = tuple[Any, ...]


@dataclass(frozen=True)
class Forgotten:
    """The keys of forgotten entities."""

    snapshot_id: int | None
    """Of the record; it changes when an entity is forgotten."""
    keys: Mapping[str, frozenset[str]]
    """By entity, as texts."""

    @classmethod
    def load(cls, catalog: Catalog, snapshot_id: int | None = None) -> "Forgotten":
        """What the record says now, or said at a snapshot; nothing if there is none."""
        try:
            table = _catalog.table(catalog, FORGOTTEN)
        except errors.NotFound:
            return cls(None, {})
        snapshot = table.current_snapshot() if snapshot_id is None else table.snapshot_by_id(snapshot_id)
        if snapshot is None:
            return cls(None, {})
        with translated(f"the table {FORGOTTEN!r} can't be read"):
            rows = table.scan(selected_fields=("entity", "key"), snapshot_id=snapshot.snapshot_id).to_arrow()
        found: defaultdict[str, set[str]] = defaultdict(set)
        for entity, key in zip(rows["entity"].to_pylist(), rows["key"].to_pylist(), strict=True):
            found[entity].add(key)
        keys = {entity: frozenset(those) for entity, those in found.items()}
        return cls(snapshot.snapshot_id, keys)

    def of(self, entity: Entity) -> list[Key]:
        """The keys of an entity, as its columns have them."""
        return [parse(entity, text) for text in sorted(self.keys.get(entity.name, ()))]

    def since(self, before: "Forgotten", entity: Entity) -> list[Key]:
        """The keys of an entity that an older state of the record did not have."""
        known = before.keys.get(entity.name, frozenset())
        return [parse(entity, text) for text in sorted(self.keys.get(entity.name, frozenset()) - known)]

    def without(self, definitions: Definitions, source: Source, rows: pa.Table) -> pa.Table:
        """The rows of entities that are not forgotten."""
        for entity in _schema.entities_of(definitions, source):
            if keys := self.of(entity):
                mask = matching(entity, keys, rows)
                if mask.any():
                    rows = rows.filter(pa.array(~mask))
        return rows


def matching(entity: Entity, keys: Sequence[Key], rows: pa.Table | pa.RecordBatch) -> np.ndarray[Any, Any]:
    """Which rows have one of the keys."""
    found = np.ones(rows.num_rows, np.bool_)
    for at, column in enumerate(entity.keys):
        values = pa.array({key[at] for key in keys}, _tables.arrow_type(column.dtype))
        found &= np.asarray(pc.is_in(rows[column.name], value_set=values))
    if len(entity.keys) > 1:
        wanted, places = set(keys), np.flatnonzero(found)
        parts = [rows[column.name].take(pa.array(places)).to_pylist() for column in entity.keys]
        found[places] = [key in wanted for key in zip(*parts, strict=True)]
    return found


def predicate(entity: Entity, keys: Sequence[Key]) -> BooleanExpression:
    """What rows of the keys meet, and no others."""
    if len(entity.keys) == 1:
        return is_in(entity.keys[0].name, (key[0] for key in keys))
    names = [column.name for column in entity.keys]
    return any_of(all_of(equal(*part) for part in zip(names, key, strict=True)) for key in keys)


def record(catalog: Catalog, entity: Entity, keys: Iterable[Key], at: int) -> int:
    """Adds keys to the record; those that are there are not added again. Gives how many were new."""
    try:
        with translated(f"the table {FORGOTTEN!r} can't be created", catalog.properties.get("warehouse")):
            _catalog.create(catalog, FORGOTTEN)
            catalog.create_table(FORGOTTEN, schema=RECORD, properties=_schema.PROPERTIES)
    except errors.UnskewError:
        raise
    except TableAlreadyExistsError:
        pass
    there = Forgotten.load(catalog).keys.get(entity.name, frozenset())
    new = sorted({text(key) for key in keys} - there)
    if not new:
        return 0
    table = _catalog.table(catalog, FORGOTTEN)
    count = len(new)
    rows = pa.table([[entity.name] * count, new, pa.array([at] * count, RECORD.field(2).type)], schema=RECORD)
    files: list[DataFile] = []

    def stage(_table: Table, transaction: Transaction) -> None:
        with transaction.update_snapshot().fast_append() as snapshot:
            for file in files:
                snapshot.append_data_file(file)

    with _commits.removed_on_failure(table, files):
        _commits.write(table, rows, files)
        _commits.committed(catalog, table, stage)
    return count


def erase(catalog: Catalog, definitions: Definitions, source: Source) -> None:
    """Deletes the rows of all forgotten entities from the tables of a source."""
    forgotten = Forgotten.load(catalog)
    for entity in _schema.entities_of(definitions, source):
        if keys := forgotten.of(entity):
            for name in tables_of(catalog, source):
                delete(catalog, name, entity, keys)


def tables_of(catalog: Catalog, source: Source) -> list[str]:
    """The table of a source and the one beside it that holds what it refused, as far as they are there."""
    identifier = _schema.table_of(source)
    return [name for name in (identifier, f"{identifier}{_schema.QUARANTINE}") if _is_there(catalog, name)]


def _is_there(catalog: Catalog, identifier: str) -> bool:
    try:
        _catalog.table(catalog, identifier)
    except errors.NotFound:
        return False
    return True


def delete(catalog: Catalog, identifier: str, entity: Entity, keys: Sequence[Key]) -> int:
    """Deletes the rows of some keys from a table, by rewriting the files they lie in. Gives how many there were."""
    table, wanted, count = _catalog.table(catalog, identifier), predicate(entity, keys), 0

    def stage(table: Table, transaction: Transaction) -> None:
        nonlocal count
        count = table.scan(row_filter=wanted).count() if table.current_snapshot() else 0
        if count:
            transaction.delete(wanted, {"unskew.operation": "forget"})

    _commits.committed(catalog, table, stage)
    return count


def has(table: Table, snapshot_id: int, entity: Entity, keys: Sequence[Key]) -> bool:
    """Whether a snapshot has rows of some keys."""
    with translated(f"the table {'.'.join(table.name())!r} can't be read"):
        return table.scan(row_filter=predicate(entity, keys), snapshot_id=snapshot_id).count() > 0


def text(key: Key) -> str:
    """A key as the record has it."""
    return json.dumps([part.hex() if isinstance(part, bytes) else part for part in key], ensure_ascii=False)


def parse(entity: Entity, text: str) -> Key:
    """A key of the record."""
    parts = json.loads(text)
    return tuple(
        bytes.fromhex(part) if column.dtype == "bytes" else part
        for column, part in zip(entity.keys, parts, strict=True)
    )
