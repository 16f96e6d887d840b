"""What the table of a source is like: its columns, its partitions, its order."""

import itertools
from dataclasses import dataclass

from pyiceberg.partitioning import UNPARTITIONED_PARTITION_SPEC, PartitionField, PartitionSpec
from pyiceberg.schema import Schema
from pyiceberg.table.sorting import NullOrder, SortField, SortOrder
from pyiceberg.transforms import BucketTransform, DayTransform, IdentityTransform, MonthTransform, Transform
from pyiceberg.types import (
    BinaryType,
    BooleanType,
    DoubleType,
    FloatType,
    IcebergType,
    IntegerType,
    ListType,
    LongType,
    NestedField,
    PrimitiveType,
    StringType,
    TimestamptzType,
)

from unskew import errors
from unskew.definitions import Column, Definitions, Entity, Source

CREATED = "unskew_created"
"""The column that holds when a row was accepted, where the source has none of its own."""

QUARANTINE = "__quarantine"
"""What the name of the table ends with that holds rows which broke a rule."""

TYPES: dict[str, PrimitiveType] = {
    "bool": BooleanType(),
    "int32": IntegerType(),
    "int64": LongType(),
    "float32": FloatType(),
    "float64": DoubleType(),
    "string": StringType(),
    "bytes": BinaryType(),
    "timestamp": TimestamptzType(),
}
WIDER: dict[type[IcebergType], type[IcebergType]] = {IntegerType: LongType, FloatType: DoubleType}
"""Iceberg reads what was written as the one as the other."""

PERIODS: dict[str, Transform[int, int] | None] = {"day": DayTransform(), "month": MonthTransform(), "none": None}
BUCKETS = 4
"""Few, because each append writes a file for every day and bucket; large tables are created with more."""

PROPERTIES = {
    "format-version": "2",
    "write.parquet.compression-codec": "zstd",
    # Each commit writes the metadata anew: a table must not keep them all.
    "write.metadata.delete-after-commit.enabled": "true",
    "write.metadata.previous-versions-max": "100",
}


@dataclass(frozen=True)
class Layout:
    """How the files of a new table are cut."""

    period: str = "day"
    """Of the event time: `day`, `month` or `none`."""
    buckets: int = BUCKETS
    """Of the first key; 0: none."""

    def __post_init__(self) -> None:
        if self.period not in PERIODS:
            raise errors.InvalidArgument(f"a period is one of {', '.join(PERIODS)}, not {self.period!r}")
        if self.buckets < 0:
            raise errors.InvalidArgument(f"buckets must be 0 or more, not {self.buckets}")


def source_of(definitions: Definitions, name: str) -> Source:
    """The source of a name, which has a table.

    Raises:
        UnknownName: there is no such source.
        FailedPrecondition: it has no table.
    """
    if name not in definitions.sources:
        there = ", ".join(map(repr, definitions.sources)) or "none"
        raise errors.UnknownName(f"there is no source {name!r}; there is {there}")
    source = definitions.sources[name]
    table_of(source)
    return source


def table_of(source: Source) -> str:
    """The identifier of the table of a source.

    Raises:
        FailedPrecondition: it has none, or what it says is none.
    """
    if not source.iceberg:
        raise errors.FailedPrecondition(
            f"the source {source.name!r} has no table: give it `iceberg: <namespace>.<table>` in its definition"
        )
    if "." not in source.iceberg.strip("."):
        raise errors.FailedPrecondition(
            f"the source {source.name!r} has `iceberg: {source.iceberg}`; <namespace>.<table> is right"
        )
    return source.iceberg


def iceberg_type(dtype: str, ids: "itertools.count[int]") -> IcebergType:
    """The Iceberg type of a declared one. `ids`: for elements of lists."""
    if dtype.startswith(("list<", "vector<")):
        item = dtype[5:-1] if dtype.startswith("list<") else "float32"
        return ListType(element_id=next(ids), element_type=TYPES[item], element_required=False)
    return TYPES[dtype]


def columns_of(source: Source) -> tuple[Column, ...]:
    """The columns of its table, in order."""
    return source.columns if source.created else (*source.columns, Column(CREATED, "timestamp"))


def schema_of(source: Source) -> Schema:
    """The schema of a new table. All columns may be null to Iceberg, which could not add others later."""
    columns, ids = columns_of(source), itertools.count(len(columns_of(source)) + 1)
    return Schema(
        *(
            NestedField(at, column.name, iceberg_type(column.dtype, ids), required=False)
            for at, column in enumerate(columns, start=1)
        )
    )


def entities_of(definitions: Definitions, source: Source) -> tuple[Entity, ...]:
    """The entities whose keys are columns of a source."""
    have = {(column.name, column.dtype) for column in source.columns}
    return tuple(
        entity for entity in definitions.entities.values() if all((key.name, key.dtype) in have for key in entity.keys)
    )


def key_of(definitions: Definitions, source: Source) -> str | None:
    """The column that buckets and orders its table: the first that is a key of an entity which a view reads it by."""
    read_by = {view.entity for view in definitions.views.values() if view.source == source.name}
    keys = {key.name for name in read_by for key in definitions.entities[name].keys if key.dtype != "bool"}
    return next((column.name for column in source.columns if column.name in keys), None)


def partitions_of(schema: Schema, source: Source, key: str | None, layout: Layout) -> PartitionSpec:
    """By the period of the event time, and by bucket of the key."""
    fields: list[tuple[str, Transform[int, int] | BucketTransform[int], str]] = []
    if (period := PERIODS[layout.period]) is not None:
        fields.append((source.event_time, period, f"{source.event_time}_{layout.period}"))
    if key is not None and layout.buckets:
        fields.append((key, BucketTransform(layout.buckets), f"{key}_bucket"))
    if not fields:
        return UNPARTITIONED_PARTITION_SPEC
    return PartitionSpec(
        *(
            PartitionField(source_id=schema.find_field(column).field_id, field_id=at, transform=transform, name=name)
            for at, (column, transform, name) in enumerate(fields, start=1000)
        )
    )


def order_of(schema: Schema, source: Source, key: str | None) -> SortOrder:
    """By key and time: what a reader of one entity wants lies together."""
    columns = [column for column in (key, source.event_time) if column is not None]
    return SortOrder(
        *(
            SortField(schema.find_field(name).field_id, IdentityTransform(), null_order=NullOrder.NULLS_FIRST)
            for name in columns
        )
    )
