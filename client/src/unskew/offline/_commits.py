"""Data files and commits: files are written first, and one commit makes all of them visible or none.

PyIceberg tries a commit again by itself, blindly. Here each attempt looks at the table anew, because another may have
committed the same batch meanwhile: so its own attempts are switched off.
"""

import contextlib
import json
import random
import time
import warnings
from collections.abc import Callable, Iterable, Iterator
from itertools import pairwise

import numpy as np
import pyarrow as pa
from pyiceberg.catalog import Catalog
from pyiceberg.io import FileIO, InputFile, OutputFile
from pyiceberg.io.pyarrow import _dataframe_to_data_files
from pyiceberg.manifest import DataFile
from pyiceberg.table import Table, TableProperties, Transaction
from pyiceberg.table.snapshots import Snapshot, ancestors_of

from unskew import errors
from unskew.offline._faults import CONFLICT, translated

BATCH = "unskew.batch-id"
"""In the summary of a snapshot: which batch it committed."""
TAKEN_BACK = "unskew.taken-back-batch"
"""In the summary of a snapshot: whose rows it deleted, because the batch failed after a part of it was committed."""
EXPIRED = "unskew.expired-batches"
"""A property of a table: the batches of snapshots that expired, and the milliseconds at which they did."""

PART = "unskew.part"

ATTEMPTS = 100
FIRST_WAIT, LONGEST_WAIT = 0.02, 2.0


def write(table: Table, rows: pa.Table, files: list[DataFile]) -> None:
    """Writes rows into data files, which nobody sees before they are committed. Each partition has its own.

    Those that were written stand in `files`, also when a later one fails. What that one has is removed: it would take
    the room of a full disk.
    """
    recorded = _Recorded(table.io)
    try:
        with translated(f"rows can't be written for the table {_name(table)!r}", table.location()):
            for part in _partitions(table, rows):
                files.extend(_dataframe_to_data_files(table.metadata, part, recorded))
    except BaseException:
        whole = {file.file_path for file in files}
        remove(table, (path for path in recorded.begun if path not in whole))
        raise


class _Recorded(FileIO):
    """The files of a table, and which of them were begun."""

    def __init__(self, io: FileIO) -> None:
        super().__init__(io.properties)
        self.io = io
        self.begun: list[str] = []

    def new_input(self, location: str) -> InputFile:
        return self.io.new_input(location)

    def new_output(self, location: str) -> OutputFile:
        self.begun.append(location)
        return self.io.new_output(location)

    def delete(self, location: str | InputFile | OutputFile) -> None:
        self.io.delete(location)


def _partitions(table: Table, rows: pa.Table) -> Iterator[pa.Table]:
    """The rows of each partition, in the order of the table.

    PyIceberg would look through all rows for each partition again.
    """
    order = [(name, "ascending") for name in _order(table)]
    parts, count = np.zeros(rows.num_rows, np.int64), 1
    for field in table.spec().fields:
        source = table.schema().find_field(field.source_id)
        values = field.transform.pyarrow_transform(source.field_type)(rows[source.name])
        coded = pa.chunked_array([values] if isinstance(values, pa.Array) else values.chunks).combine_chunks()
        coded = coded.dictionary_encode(null_encoding="encode")
        parts, count = parts * len(coded.dictionary) + coded.indices.to_numpy(), count * len(coded.dictionary)
    if count > 1:
        rows, order = rows.append_column(PART, pa.array(parts)), [(PART, "ascending"), *order]
    rows = rows.sort_by(order) if order else rows
    if count <= 1:
        yield rows
        return
    bounds = np.flatnonzero(np.diff(rows[PART].to_numpy())) + 1
    rows = rows.drop_columns(PART)
    for start, end in pairwise([0, *bounds.tolist(), rows.num_rows]):
        yield rows.slice(start, end - start)


def _order(table: Table) -> list[str]:
    found = (table.schema().find_column_name(field.source_id) for field in table.sort_order().fields)
    return [name for name in found if name is not None]


@contextlib.contextmanager
def removed_on_failure(table: Table, files: list[DataFile]) -> Iterator[None]:
    """Removes the files that were written when the block fails, and nothing can refer to them.

    Whoever is interrupted may have committed: as for one that is killed, what stays is found by `expire_snapshots`.
    """
    try:
        yield
    except Exception as error:
        if not isinstance(error, errors.Unavailable):
            remove(table, (file.file_path for file in files))
        raise


def remove(table: Table, paths: Iterable[str]) -> int:
    """Removes files, as far as that is possible: what stays is found by `expire_snapshots`."""
    removed = 0
    for path in paths:
        with contextlib.suppress(OSError):
            table.io.delete(path)
            removed += 1
    return removed


def committed(
    catalog: Catalog, table: Table, stage: Callable[[Table, Transaction], None], batch: str | None = None
) -> tuple[Table, Snapshot | None, bool]:
    """Commits what `stage` does to a transaction; again on the newest table when others were faster.

    Args:
        catalog: where the table is.
        table: the table; it may be out of date.
        stage: is called for each attempt. If it does nothing, nothing is committed.
        batch: the id of the batch; what has it is committed already.

    Returns:
        The table afterwards, the snapshot, and whether this call committed it.

    Raises:
        Aborted: others committed all the time.
        Unavailable: the catalog does not answer; whether it committed is not known. The same batch can be given again.
    """
    identifier, wait = _name(table), FIRST_WAIT
    for _ in range(ATTEMPTS):
        with translated(f"the table {identifier!r} can't be opened"):
            table = catalog.load_table(identifier)
        if batch is not None and (is_there := find(table, batch)):
            return table, is_there.snapshot, False
        before = table.metadata.current_snapshot_id
        table.metadata = table.metadata.model_copy(
            update={"properties": {**table.metadata.properties, TableProperties.COMMIT_NUM_RETRIES: "0"}}
        )
        table.io = recorded = _Recorded(table.io)
        try:
            what = f"the table {identifier!r} can't be committed to"
            with translated(what, table.location()), warnings.catch_warnings():
                warnings.simplefilter("ignore")
                transaction = table.transaction()
                stage(table, transaction)
                transaction.commit_transaction()
        except errors.UnskewError as error:
            if not isinstance(error, errors.Unavailable):
                remove(table, recorded.begun)
            if not isinstance(error.__cause__, CONFLICT):
                raise
            time.sleep(wait * random.uniform(0.5, 1.5))  # noqa: S311 (it spreads writers)
            wait = min(wait * 2, LONGEST_WAIT)
            continue
        finally:
            table.io = recorded.io
        now = table.current_snapshot()
        changed = now is not None and now.snapshot_id != before
        return table, now, changed
    raise errors.Aborted(f"the table {identifier!r}: others committed {ATTEMPTS} times in between; try again")


class Batch:
    """A batch that was committed before."""

    def __init__(self, snapshot: Snapshot | None) -> None:
        self.snapshot = snapshot
        """None if it expired."""


def find(table: Table, batch: str) -> Batch | None:
    """Whether a batch is in the table: in a snapshot that the current one comes from, or in one that expired.

    What was taken back is not.
    """
    for snapshot in ancestors_of(table.current_snapshot(), table.metadata):
        facts = summary(snapshot)
        if facts.get(TAKEN_BACK) == batch:
            return None
        if facts.get(BATCH) == batch:
            return Batch(snapshot)
    return Batch(None) if batch in expired_batches(table) else None


def summary(snapshot: Snapshot) -> dict[str, str]:
    """What a snapshot says of itself."""
    return dict(snapshot.summary.additional_properties) if snapshot.summary else {}


def expired_batches(table: Table) -> dict[str, int]:
    """Batches that are remembered since their snapshots, or some after them, expired; and since when."""
    return dict(json.loads(table.properties.get(EXPIRED, "{}")))


def _name(table: Table) -> str:
    return ".".join(table.name())
