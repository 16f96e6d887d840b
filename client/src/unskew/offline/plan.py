"""What `apply` would do to the tables of the sources, and doing it: evolution of schemas, never of data."""

import itertools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from pyiceberg.catalog import Catalog
from pyiceberg.exceptions import TableAlreadyExistsError
from pyiceberg.schema import Schema
from pyiceberg.table import Table
from pyiceberg.table.update.schema import UpdateSchema
from pyiceberg.types import ListType, NestedField

from unskew import errors
from unskew.definitions import Definitions, Source
from unskew.offline import _catalog, _schema
from unskew.offline._faults import translated

__all__ = ["Change", "Plan"]

Renames = Mapping[str, Mapping[str, str]]
"""By source: the new name of a column by its old one."""


@dataclass(frozen=True)
class Change:
    """One change to the table of a source."""

    source: str
    table: str
    kind: str
    """`create`, `add`, `rename`, `widen`, `reorder` or `drop`."""
    column: str | None
    detail: str
    """In words."""

    @property
    def loses(self) -> bool:
        """Whether values can no longer be read afterwards, but in older snapshots."""
        return self.kind == "drop"

    def __str__(self) -> str:
        return f"{self.table}: {self.detail}{' (loses its values)' if self.loses else ''}"


@dataclass(frozen=True)
class Plan:
    """All changes that make the tables what the definitions say; none rewrites data."""

    changes: tuple[Change, ...]
    unmanaged: tuple[str, ...]
    """Sources without `iceberg:`, which have no table."""

    @property
    def loses(self) -> tuple[Change, ...]:
        """Those after which values can no longer be read."""
        return tuple(change for change in self.changes if change.loses)

    def __bool__(self) -> bool:
        return bool(self.changes)

    def __str__(self) -> str:
        return "\n".join(map(str, self.changes)) or "the tables are as defined"


def plan(catalog: Catalog, definitions: Definitions, renames: Renames, layout: _schema.Layout) -> Plan:
    """Compares the tables with the definitions.

    Raises:
        FailedPrecondition: a change is none that Iceberg knows; all of them are told.
    """
    _check_renames(definitions, renames)
    changes: list[Change] = []
    refused: list[str] = []
    for source in definitions.sources.values():
        if not source.iceberg:
            continue
        there = _there(catalog, _schema.table_of(source))
        if there is None:
            changes.append(_creation(definitions, source, layout))
        else:
            changes += _evolution(source, there, renames.get(source.name, {}), refused)
    if refused:
        raise errors.FailedPrecondition("; ".join(refused))
    unmanaged = tuple(source.name for source in definitions.sources.values() if not source.iceberg)
    return Plan(tuple(changes), unmanaged)


def apply(catalog: Catalog, definitions: Definitions, found: Plan, renames: Renames, layout: _schema.Layout) -> None:
    """Does what a plan says, the changes of each table in one commit."""
    for name, changes in itertools.groupby(found.changes, key=lambda change: change.source):
        source = definitions.sources[name]
        with translated(f"the table {source.iceberg!r} can't be changed", catalog.properties.get("warehouse")):
            if next(changes).kind == "create":
                _create(catalog, definitions, source, layout)
            else:
                _evolve(catalog.load_table(_schema.table_of(source)), source, renames.get(name, {}))


def _there(catalog: Catalog, identifier: str) -> Table | None:
    try:
        with translated(f"the table {identifier!r} can't be opened"):
            return catalog.load_table(identifier)
    except errors.NotFound:
        return None


def _check_renames(definitions: Definitions, renames: Renames) -> None:
    for name, columns in renames.items():
        source = _schema.source_of(definitions, name)
        declared = {column.name for column in source.columns}
        for old, new in columns.items():
            if new not in declared:
                raise errors.InvalidArgument(
                    f"{old!r} can't become {new!r}, which the source {name!r} does not have: name the column as it is "
                    f"defined now, one of {sorted(declared)}"
                )


def _creation(definitions: Definitions, source: Source, layout: _schema.Layout) -> Change:
    key = _schema.key_of(definitions, source)
    parts = [] if layout.period == "none" else [f"{layout.period} of {source.event_time}"]
    parts += [f"{layout.buckets} buckets of {key}"] if key and layout.buckets else []
    cut = f", in partitions by {' and '.join(parts)}" if parts else ""
    detail = f"create it with {len(_schema.columns_of(source))} columns{cut}"
    return Change(source.name, _schema.table_of(source), "create", None, detail)


def _create(catalog: Catalog, definitions: Definitions, source: Source, layout: _schema.Layout) -> None:
    identifier, schema, key = _schema.table_of(source), _schema.schema_of(source), _schema.key_of(definitions, source)
    _catalog.create(catalog, identifier)
    try:
        catalog.create_table(
            identifier,
            schema=schema,
            partition_spec=_schema.partitions_of(schema, source, key, layout),
            sort_order=_schema.order_of(schema, source, key),
            properties={**_schema.PROPERTIES, "unskew.source": source.name},
        )
    except TableAlreadyExistsError:
        raise errors.Aborted(f"the table {identifier!r} was created by another meanwhile: apply again") from None


def _evolution(source: Source, table: Table, renames: Mapping[str, str], refused: list[str]) -> list[Change]:
    """The changes of a table; what can't be done is added to `refused`."""
    schema, identifier = table.schema(), _schema.table_of(source)
    names = [field.name for field in schema.fields]
    done = {old: new for old, new in renames.items() if old in names}
    steps = [("rename", new, f"rename {old} to {new}") for old, new in done.items()]
    refused += [f"{identifier}: {fault}" for fault in _bad_renames(names, renames)]
    olds = {new: old for old, new in done.items()}
    for column in _schema.columns_of(source):
        field = _field(schema, olds.get(column.name, column.name))
        wanted = _schema.iceberg_type(column.dtype, itertools.count(1))
        if field is None:
            steps.append(("add", column.name, f"add {column.name} {column.dtype}"))
        elif _same(field, wanted):
            continue
        elif _schema.WIDER.get(type(field.field_type)) is type(wanted):
            steps.append(("widen", column.name, f"widen {column.name} from {field.field_type} to {wanted}"))
        else:
            refused.append(
                f"{identifier}: {column.name!r} is {field.field_type} there and {column.dtype} in the definitions: "
                "Iceberg widens int32 to int64 and float32 to float64; anything else needs a column of a new name"
            )
    declared = [column.name for column in _schema.columns_of(source)]
    there = [done.get(name, name) for name in names]
    dropped = [name for name in there if name not in declared]
    bound = {schema.find_column_name(field.source_id) for field in table.spec().fields}
    refused += [
        f"{identifier}: {it!r} can't be dropped, the table is partitioned by it" for it in dropped if it in bound
    ]
    steps += [("drop", name, f"drop {name}") for name in dropped]
    kept = [name for name in there if name in declared]
    found = [Change(source.name, identifier, *step) for step in steps]
    if not _appended(declared, kept):
        found.append(Change(source.name, identifier, "reorder", None, f"order the columns as {', '.join(declared)}"))
    return found


def _bad_renames(names: Sequence[str], renames: Mapping[str, str]) -> Iterator[str]:
    """What is wrong with renaming columns of a table; one that was done before is not."""
    for old, new in renames.items():
        if old in names and new in names:
            yield f"{old!r} can't become {new!r}, which is there already"
        elif old not in names and new not in names:
            yield f"there is no column {old!r} to rename; there is {sorted(names)}"


def _appended(wanted: Sequence[str], kept: Sequence[str]) -> bool:
    """Whether new columns stand behind those there are, where Iceberg adds them."""
    return list(wanted[: len(kept)]) == list(kept)


def _field(schema: Schema, name: str) -> NestedField | None:
    return next((field for field in schema.fields if field.name == name), None)


def _same(field: NestedField, wanted: object) -> bool:
    if isinstance(field.field_type, ListType) and isinstance(wanted, ListType):
        return field.field_type.element_type == wanted.element_type
    return field.field_type == wanted


def _evolve(table: Table, source: Source, renames: Mapping[str, str]) -> None:
    """All changes of a table as one commit, computed from the table as it is now."""
    refused: list[str] = []
    changes = _evolution(source, table, renames, refused)
    if refused:
        raise errors.Aborted(f"another changed it meanwhile: {'; '.join(refused)}")
    dtypes = {column.name: column.dtype for column in _schema.columns_of(source)}
    olds = {new: old for old, new in renames.items() if _field(table.schema(), old)}
    with table.update_schema() as update:
        for change in changes:
            _stage(update, change, dtypes, olds)


def _stage(update: UpdateSchema, change: Change, dtypes: Mapping[str, str], olds: Mapping[str, str]) -> None:
    name = change.column or ""
    there = olds.get(name, name)
    if change.kind == "rename":
        update.rename_column(there, name)
    elif change.kind == "add":
        update.add_column(name, _schema.iceberg_type(dtypes[name], itertools.count(1)))
    elif change.kind == "widen":
        update.update_column(there, field_type=_schema.TYPES[dtypes[name]])
    elif change.kind == "drop":
        update.delete_column(there)
    else:
        before: str | None = None
        for wanted in dtypes:
            column = olds.get(wanted, wanted)
            if before is None:
                update.move_first(column)
            else:
                update.move_after(column, before)
            before = column
