"""The table beside that of a source, with the rows that broke a rule."""

import contextlib
import itertools
from collections.abc import Iterator

import pyarrow as pa
from pyiceberg.catalog import Catalog
from pyiceberg.exceptions import TableAlreadyExistsError
from pyiceberg.manifest import DataFile
from pyiceberg.schema import Schema
from pyiceberg.table import Table, Transaction
from pyiceberg.types import NestedField, StringType

from unskew import errors
from unskew.definitions import Source
from unskew.offline import _catalog, _commits, _schema
from unskew.offline._faults import translated
from unskew.offline._predicates import equal
from unskew.offline.quality import BATCH, REASON, RULE

MARKS = (RULE, REASON, BATCH)


class Quarantine:
    """Takes rows; its table is made, or gets new columns, when there is a first one."""

    def __init__(self, catalog: Catalog, source: Source, batch: str) -> None:
        self._catalog, self._source, self._batch = catalog, source, batch
        self._table: Table | None = None
        self._is_ours = False
        """Whether this call made the rows visible, and no other writer of the batch."""
        self.files: list[DataFile] = []
        self.rows = 0

    @property
    def identifier(self) -> str:
        """Its name."""
        return f"{_schema.table_of(self._source)}{_schema.QUARANTINE}"

    def add(self, rows: pa.Table | None) -> None:
        """Writes rows, which are not seen before `commit`."""
        if rows is None or not rows.num_rows:
            return
        self._table = self._table or self._opened()
        marked = rows.append_column(BATCH, pa.array([self._batch] * rows.num_rows, pa.string()))
        _commits.write(self._table, marked.select([field.name for field in self._table.schema().fields]), self.files)
        self.rows += rows.num_rows

    def commit(self) -> None:
        """Makes the rows visible, once for a batch."""
        if self._table is None or self._is_ours:
            return

        def stage(_table: Table, transaction: Transaction) -> None:
            properties = {"unskew.operation": "append", _commits.BATCH: self._batch}
            with transaction.update_snapshot(snapshot_properties=properties).fast_append() as snapshot:
                for file in self.files:
                    snapshot.append_data_file(file)

        with _commits.removed_on_failure(self._table, self.files):
            _, _, self._is_ours = _commits.committed(self._catalog, self._table, stage, self._batch)
        if self._is_ours:
            # They are not to be removed when what comes after the commit fails.
            self.files.clear()

    def settle(self) -> None:
        """The batch is committed: its rows stay, which another writer of it may have taken back just before."""
        self.commit()
        if self._table is not None:
            _commits.remove(self._table, (file.file_path for file in self.files))
            self.files.clear()

    @contextlib.contextmanager
    def taken_back_on_failure(self) -> Iterator[None]:
        """Deletes the rows that were made visible when the block fails, and with it the commit of their batch.

        Where it is not known whether the batch was committed they stay, as when the writer is killed.
        """
        try:
            yield
        except Exception as error:
            if not self._is_ours or isinstance(error, errors.Unavailable):
                raise
            try:
                self._take_back()
            except errors.UnskewError:
                if not isinstance(error, errors.UnskewError):
                    raise error from None
                raise type(error)(
                    f"{error.message}; its {self.rows} rows that broke a rule are in {self.identifier!r} already: they "
                    f"are not put there again when the next call has the batch id {self._batch!r}"
                ) from error
            raise

    def _take_back(self) -> None:
        """Deletes the rows of the batch, unless another writer has committed it."""

        def stage(_table: Table, transaction: Transaction) -> None:
            batches = _catalog.table(self._catalog, _schema.table_of(self._source))
            if _commits.find(batches, self._batch) is None:
                properties = {"unskew.operation": "take back", _commits.TAKEN_BACK: self._batch}
                transaction.delete(equal(BATCH, self._batch), properties)

        _commits.committed(self._catalog, _catalog.table(self._catalog, self.identifier), stage)

    def _opened(self) -> Table:
        schema = _schema.schema_of(self._source)
        ids = itertools.count(schema.highest_field_id + 1)
        marks = (NestedField(next(ids), name, StringType(), required=False) for name in MARKS)
        wanted = Schema(*schema.fields, *marks)
        place = self._catalog.properties.get("warehouse")
        with translated(f"the table {self.identifier!r} can't be created", place):
            try:
                made = self._catalog.create_table(self.identifier, wanted, properties=_schema.PROPERTIES)
            except TableAlreadyExistsError:
                made = self._catalog.load_table(self.identifier)
        have = {field.name for field in made.schema().fields}
        if any(field.name not in have for field in wanted.fields):
            with translated(f"the table {self.identifier!r} can't be changed"), made.update_schema() as update:
                update.union_by_name(wanted)
        lacking = have - {field.name for field in wanted.fields}
        if lacking:
            raise errors.FailedPrecondition(
                f"the table {self.identifier!r} has the column {min(lacking)!r}, which the source no longer has: "
                "move the table away"
            )
        return made
