"""The table beside that of a source, with the rows that broke a rule."""

import itertools

import pyarrow as pa
from pyiceberg.catalog import Catalog
from pyiceberg.exceptions import TableAlreadyExistsError
from pyiceberg.manifest import DataFile
from pyiceberg.schema import Schema
from pyiceberg.table import Table, Transaction
from pyiceberg.types import NestedField, StringType

from unskew import errors
from unskew.definitions import Source
from unskew.offline import _commits, _schema
from unskew.offline._faults import translated
from unskew.offline.quality import BATCH, REASON, RULE

MARKS = (RULE, REASON, BATCH)


class Quarantine:
    """Takes rows; its table is made, or gets new columns, when there is a first one."""

    def __init__(self, catalog: Catalog, source: Source, batch: str) -> None:
        self._catalog, self._source, self._batch = catalog, source, batch
        self._table: Table | None = None
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
        if self._table is None:
            return

        def stage(_table: Table, transaction: Transaction) -> None:
            properties = {"unskew.operation": "append", _commits.BATCH: self._batch}
            with transaction.update_snapshot(snapshot_properties=properties).fast_append() as snapshot:
                for file in self.files:
                    snapshot.append_data_file(file)

        _, _, is_new = _commits.committed(self._catalog, self._table, stage, self._batch)
        if not is_new:
            self.discard()
        # They are not to be removed when what comes after the commit fails.
        self.files.clear()

    def discard(self) -> None:
        """Removes files that were not committed."""
        if self._table is not None:
            _commits.remove(self._table, (file.file_path for file in self.files))
            self.files.clear()

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
