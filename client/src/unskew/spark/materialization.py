"""From the offline store to the online one by the executors of Spark, through a gateway."""

from __future__ import annotations

import pickle
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial

import pyarrow as pa
from pyspark.sql import Column, DataFrame, SparkSession
from pyspark.sql import functions as F  # noqa: N812
from pyspark.sql import types as t

from unskew import bulk_load
from unskew._client import FeatureStoreClient
from unskew._histories import MODEST_LIMIT, nobody
from unskew.errors import InvalidArgument
from unskew.offline._deliver import SHOWN, Delivered
from unskew.offline._forgotten import Forgotten
from unskew.offline._snapshots import between
from unskew.offline._work import Part, Run, Work, times_of
from unskew.offline._writing import around
from unskew.offline.materialize import BATCH_ROWS, MaterializedView, until_now, written
from unskew.offline.store import OfflineStore
from unskew.spark import _delivery
from unskew.spark._columns import column, spark_type, without_path
from unskew.spark._faults import translated
from unskew.spark._shipping import mapped

__all__ = ["materialize"]

CONCURRENCY = 2
"""Batches of a task that are on their way at once."""
PIECE = 32 << 20
PATIENCE = {"timeout": 10.0, "write_timeout": 30.0, "retries": 100}
"""Of clients of executors that are given an address alone: for about half a minute a gateway may be away."""

TASK = t.StructType([t.StructField("file", t.BinaryType()), t.StructField("where", t.IntegerType())])
COUNTS = [t.StructField(name, t.LongType()) for name in _delivery.COUNTS.names]
TOLD = t.StructType(
    [
        t.StructField(_delivery.ACCEPTED, t.LongType()),
        t.StructField(_delivery.REFUSED, t.StringType()),
        t.StructField(_delivery.FIRST, t.StringType()),
        *COUNTS,
    ]
)


def materialize(  # noqa: PLR0913 (each is an option of its own)
    spark: SparkSession,
    store: OfflineStore,
    gateway: str | _delivery.Connect,
    views: Sequence[str] | None = None,
    *,
    until: int | None = None,
    full: bool = False,
    dry_run: bool = False,
    concurrency: int = CONCURRENCY,
    batch_rows: int = BATCH_ROWS,
    memory_limit: int = MODEST_LIMIT,
) -> Iterator[MaterializedView]:
    """Writes views to the online store as `OfflineStore.materialize` does, from all executors at once.

    What is written, the marks, and what a run does after one that was killed are the same; either may go on where the
    other ended. Data files are read by PyIceberg on the executors, so that the session needs no jars of Iceberg.

    Args:
        spark: a session, whose executors have the package with the extra `iceberg`, reach the files and the gateway.
        store: the offline store.
        gateway: the address of a gateway; or what opens a client, on the driver and in each task:
            `functools.partial(unskew.FeatureStoreClient, address, tls=…, api_key=…)`.
        views: their names; None: every view whose source has a table.
        until: as in `unskew.offline.materialize`.
        full: as there.
        dry_run: as there.
        concurrency: how many batches each task has on their way at once.
        batch_rows: rows or states of a batch.
        memory_limit: about how many bytes a Python worker may take; a state is made of all rows of its entity, for
            which a quarter of it is left. Room for it has to be there beside the memory of the JVM.

    Yields:
        What was done for each view, when it is done.

    Raises:
        NotFound: there is no such view, here or at the gateway, or no such table.
        FailedPrecondition: the gateway has other definitions, or executors have not the package.
        Unavailable: the gateway, its store or the catalog does not answer.
        DataError: a table can't be read.
        ResourceExhausted: an entity has more rows than a worker may look at at once.
    """
    for name, value in (("concurrency", concurrency), ("batch_rows", batch_rows), ("memory_limit", memory_limit)):
        if value < 1:
            raise InvalidArgument(f"{name} must be 1 or more, not {value}")
    connect = partial(FeatureStoreClient, gateway, **PATIENCE) if isinstance(gateway, str) else gateway  # type: ignore[arg-type]
    with connect() as client:
        run = Run(
            client=client,
            until=until_now(until),
            concurrency=concurrency,
            batch_rows=batch_rows,
            threads=1,
            memory_limit=memory_limit,
            told=nobody,
            forgotten=Forgotten.load(store.catalog),
        )
        write = _Writer(spark, connect).write
        yield from written(store.definitions, views, run, store.catalog, write, full=full, dry_run=dry_run)


@dataclass(frozen=True)
class _Writer:
    spark: SparkSession
    connect: _delivery.Connect

    def write(self, run: Run, work: Work) -> Delivered:
        """Writes a view."""
        with translated(f"the view {work.probe.view.name!r} can't be materialized"):
            return (self._rows if work.probe.view.kind == "row" else self._states)(run, work)

    def _rows(self, run: Run, work: Work) -> Delivered:
        """Writes the newest row of each entity."""
        probe = work.probe
        keys, times = [key.name for key in probe.keys], times_of(probe)
        newest = self._read(run, work, work.parts, reduce=True)
        if not isinstance(work.since, str) and probe.created is None:
            # As where one process writes: of equal times the gateway has to be given all rows again.
            newest = newest.persist()
            try:
                bounds = newest.agg(*(f(F.unix_micros(column(times[0]))) for f in (F.min, F.max))).first()
                again = around(work, pa.chunked_array([pa.array(list(bounds or ()), pa.int64())]))
                wanted = without_path([*keys, *times], newest.where(_is_row())).distinct()
                found = self._read(run, work, [again], reduce=False).where(_is_row())
                found = without_path(newest.columns, found.join(wanted, [*keys, *times], "left_semi"))
                counts = newest.where(~_is_row())
                return self._sent(run, work, _delivery.rows, found.unionAll(counts))
            finally:
                newest.unpersist()
        return self._sent(run, work, _delivery.rows, newest)

    def _states(self, run: Run, work: Work) -> Delivered:
        """Writes the states of the entities that have something new."""
        probe = work.probe
        keys = [key.name for key in probe.keys]
        events = self._read(run, work, work.parts, reduce=False)
        if isinstance(work.since, str):
            delivered = self._sent(run, work, _delivery.states, events)
        else:
            new = without_path([*keys, *_delivery.COUNTS.names], events).persist()
            try:
                touched = without_path(keys, new.where(_is_row())).distinct()
                where = between(probe.source.event_time, None, work.cut)
                part = Part(work.history.tasks(where), where)
                if new.where(_is_row()).isEmpty():
                    part = Part([], where)
                found = self._read(run, work, [part], reduce=False).where(_is_row())
                found = without_path(events.columns, found.join(touched, keys, "left_semi"))
                counts = new.where(~_is_row()).select(
                    *(
                        column(field.name) if field.name in {*keys, *_delivery.COUNTS.names}
                        else F.lit(None).cast(field.dataType).alias(field.name)
                        for field in events.schema.fields
                    )
                )  # fmt: skip
                delivered = self._sent(run, work, _delivery.states, found.unionAll(counts))
            finally:
                new.unpersist()
            if not delivered.accepted:
                return delivered
        if not delivered.refused:
            none = bulk_load.states(probe.definitions, probe.view.name, work.history.schema.empty_table(), cut=work.cut)
            run.client.write_states(probe.view.name, none.read_all(), cut=work.cut)
        return delivered

    def _read(self, run: Run, work: Work, parts: Sequence[Part], *, reduce: bool) -> DataFrame:
        """The rows of parts of the table, and those that count them."""
        history, probe = work.history, work.probe
        names = {it.name: it for it in probe.source.columns}
        files = _delivery.Files(
            identifier=history.table.name(),
            metadata=history.table.metadata,
            location=history.table.metadata_location,
            # A REST catalog has put an object among them, by which it signs its own requests.
            properties={name: it for name, it in history.table.io.properties.items() if isinstance(it, str)},
            columns=tuple(names[name] for name in history.schema.names),
            definitions=probe.definitions,
            view=probe.view.name,
            forgotten=run.forgotten,
            wheres=tuple(part.where for part in parts),
            reduce=reduce,
        )
        tasks = [(pickle.dumps(task), number) for number, part in enumerate(parts) for task in part.tasks]
        found = self.spark.createDataFrame(tasks, TASK)
        slices = max(1, min(len(tasks), self.spark.sparkContext.defaultParallelism * 4))
        fields = [t.StructField(it.name, spark_type(it.dtype)) for it in files.columns]
        return mapped(found.repartition(slices), _delivery.read, files, t.StructType([*fields, *COUNTS]))

    def _sent(self, run: Run, work: Work, function: _delivery.Function, rows: DataFrame) -> Delivered:
        probe = work.probe
        keys = [column(key.name) for key in probe.keys]
        send = _delivery.Send(
            probe.definitions,
            probe.view.name,
            self.connect,
            run.concurrency,
            run.batch_rows,
            work.cut,
            work.history.schema,
            min(PIECE, run.memory_limit // _delivery.SHARE),
            run.memory_limit,
        )
        sorted_rows = rows.repartition(*keys).sortWithinPartitions(*keys)
        told = mapped(sorted_rows, function, send, TOLD).collect()
        delivered, work.rows, work.without_key = _delivery.merged(told)
        del delivered.first[SHOWN:]
        return delivered


def _is_row() -> Column:
    """Whether it is a row, and none that counts."""
    return column(_delivery.READ).isNull()
