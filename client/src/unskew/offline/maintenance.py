"""Keeping tables small and quick: snapshots that expire, files that nobody needs, small files made into large ones."""

import datetime as dt
import json
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlparse

import pyarrow.fs as pafs
from pyiceberg.catalog import Catalog
from pyiceberg.io.pyarrow import ArrowScan
from pyiceberg.manifest import DataFile
from pyiceberg.table import FileScanTask, Table, Transaction
from pyiceberg.table.snapshots import Snapshot, ancestors_of
from pyiceberg.table.update.snapshot import ExpireSnapshots, ManageSnapshots

from unskew import errors
from unskew.offline import _catalog, _commits
from unskew.offline._faults import translated
from unskew.offline._predicates import EVERYTHING

__all__ = ["Compacted", "Expired"]

TARGET_BYTES = 128 << 20
BATCH_MEMORY = dt.timedelta(days=90)
"""How long the id of a batch is remembered when its snapshot, or one after it, has expired."""
ORPHANS_AFTER = dt.timedelta(days=3)
"""A file that no snapshot has may be one whose commit is still to come."""
ATTEMPTS = 5


@dataclass(frozen=True)
class Expired:
    """What was removed from a table."""

    table: str
    snapshots: tuple[int, ...]
    files: int
    """Files that only these snapshots had, or none."""


@dataclass(frozen=True)
class Compacted:
    """What a compaction did to a table."""

    table: str
    files_before: int
    """Data files that were rewritten."""
    files_after: int
    """Those that took their place."""
    rows: int


def expire(
    catalog: Catalog, identifier: str, older_than: dt.datetime, retain_last: int, untag: Iterable[str] = ()
) -> Expired:
    """Removes snapshots, and the files that only they had.

    Those with a tag stay, unless it is in `untag`, and so do the newest `retain_last`.
    """
    table, expired = _catalog.table(catalog, identifier), tuple[int, ...]()
    millis, tags = int(older_than.timestamp() * 1000), set(untag)
    before: set[str] = set()

    def stage(table: Table, transaction: Transaction) -> None:
        nonlocal expired, before
        ids = {ref.snapshot_id for name, ref in table.refs().items() if name not in tags}
        kept = list(ancestors_of(table.current_snapshot(), table.metadata))[:retain_last]
        ids |= {snapshot.snapshot_id for snapshot in kept}
        chosen = [it for it in table.snapshots() if it.timestamp_ms < millis and it.snapshot_id not in ids]
        expired = tuple(it.snapshot_id for it in chosen)
        before = _files_of(table, chosen)
        dropped = [name for name in table.refs() if name in tags]
        if dropped:
            with ManageSnapshots(transaction) as manage:
                for name in dropped:
                    manage.remove_tag(name)
        if chosen:
            transaction.set_properties({_commits.EXPIRED: json.dumps(_remembered(table, chosen))})
            with ExpireSnapshots(transaction) as expiring:
                expiring.by_ids(list(expired))

    table, _, _ = _commits.committed(catalog, table, stage)
    with translated(f"the files of the table {identifier!r} can't be listed"):
        unneeded = before - _files_of(table, table.snapshots())
    return Expired(identifier, expired, _commits.remove(table, unneeded))


def remove_orphans(catalog: Catalog, identifier: str, older_than: dt.timedelta) -> int:
    """Removes files in the folder of a table that no snapshot has: what a writer left that was killed."""
    table = _catalog.table(catalog, identifier)
    with translated(f"the files of the table {identifier!r} can't be listed"):
        until = dt.datetime.now(dt.timezone.utc) - older_than
        filesystem, folder = pafs.FileSystem.from_uri(table.location())
        listed = filesystem.get_file_info(pafs.FileSelector(folder, recursive=True, allow_not_found=True))
        # Read after the listing: what was committed meanwhile is known.
        table = _catalog.table(catalog, identifier)
        needed = {_place(path) for path in _files_of(table, table.snapshots())}
        needed |= {_place(entry.metadata_file) for entry in table.metadata.metadata_log}
        needed.add(_place(table.metadata_location))
        found = [
            info.path
            for info in listed
            if info.is_file and info.mtime is not None and info.mtime < until and _place(info.path) not in needed
        ]
        for path in found:
            filesystem.delete_file(path)
        return len(found)


def compact(catalog: Catalog, identifier: str, target_bytes: int = TARGET_BYTES) -> Compacted:
    """Rewrites small data files of each partition as larger ones; what the table holds stays the same.

    Raises:
        Aborted: others deleted or rewrote the same files all the time.
    """
    for _ in range(ATTEMPTS):
        try:
            return _compacted(catalog, _catalog.table(catalog, identifier), target_bytes)
        except Overtaken:
            continue
    raise errors.Aborted(f"the table {identifier!r}: others rewrote its files {ATTEMPTS} times in between; try again")


class Overtaken(Exception):
    """Another has removed a file that is being rewritten."""


def _compacted(catalog: Catalog, table: Table, target_bytes: int) -> Compacted:
    identifier, old, new, rows = ".".join(table.name()), list[DataFile](), list[DataFile](), 0
    if table.current_snapshot() is None:
        return Compacted(identifier, 0, 0, 0)

    def stage(table: Table, transaction: Transaction) -> None:
        if not old:
            return
        there = {task.file.file_path for task in table.scan().plan_files()}
        if any(file.file_path not in there for file in old):
            raise Overtaken
        with transaction.update_snapshot(snapshot_properties={"unskew.operation": "compact"}).overwrite() as made:
            for file in old:
                made.delete_data_file(file)
            for file in new:
                made.append_data_file(file)

    with _commits.removed_on_failure(table, new):
        with translated(f"the table {identifier!r} can't be compacted"):
            for tasks in _small(table.scan().plan_files(), target_bytes):
                read = ArrowScan(table.metadata, table.io, table.schema(), EVERYTHING).to_table(tasks)
                _commits.write(table, read, new)
                old += [task.file for task in tasks]
                rows += read.num_rows
        _commits.committed(catalog, table, stage)
    return Compacted(identifier, len(old), len(new), rows)


def _small(tasks: Iterable[FileScanTask], target_bytes: int) -> Iterator[list[FileScanTask]]:
    """Files of one partition that together make one of about the target; those that are large already are left."""
    partitions: defaultdict[Any, list[FileScanTask]] = defaultdict(list)
    for task in tasks:
        if task.file.file_size_in_bytes < target_bytes * 3 // 4:
            partitions[task.file.spec_id, repr(task.file.partition)].append(task)
    for files in partitions.values():
        waiting: list[FileScanTask] = []
        size = 0
        for task in sorted(files, key=lambda it: it.file.file_path):
            if waiting and size + task.file.file_size_in_bytes > target_bytes:
                if len(waiting) > 1:
                    yield waiting
                waiting, size = [], 0
            waiting.append(task)
            size += task.file.file_size_in_bytes
        if len(waiting) > 1:
            yield waiting


def _remembered(table: Table, chosen: Iterable[Snapshot]) -> dict[str, int]:
    """The batches to remember when these snapshots are gone, and since when.

    The line of the current snapshot ends at the newest of them then, so that those before it are met no more, also
    where a tag keeps them. What was rolled back is in no line: it may be appended again.
    """
    gone, found = {snapshot.snapshot_id for snapshot in chosen}, _commits.expired_batches(table)
    now, ended, newer = dt.datetime.now(dt.timezone.utc), False, set[str]()
    for snapshot in ancestors_of(table.current_snapshot(), table.metadata):
        ended = ended or snapshot.snapshot_id in gone
        facts = _commits.summary(snapshot)
        batch, taken_back = facts.get(_commits.BATCH), facts.get(_commits.TAKEN_BACK)
        if taken_back and taken_back not in newer:
            found.pop(taken_back, None)
            newer.add(taken_back)
        if ended and batch and batch not in newer:
            found.setdefault(batch, int(now.timestamp() * 1000))
            newer.add(batch)
    oldest = int((now - BATCH_MEMORY).timestamp() * 1000)
    return {batch: at for batch, at in found.items() if at >= oldest}


def _files_of(table: Table, snapshots: Iterable[Snapshot]) -> set[str]:
    """All files of some snapshots: lists, manifests, and what these name."""
    found: set[str] = set()
    for snapshot in snapshots:
        found.add(snapshot.manifest_list)
        for manifest in snapshot.manifests(table.io):
            if manifest.manifest_path not in found:
                found.add(manifest.manifest_path)
                entries = manifest.fetch_manifest_entry(table.io, discard_deleted=True)
                found |= {entry.data_file.file_path for entry in entries}
    return found


def _place(path: str) -> str:
    """A path without its scheme, which libraries write in several ways."""
    parsed = urlparse(path)
    return (parsed.netloc + parsed.path).lstrip("/") if parsed.scheme else path.lstrip("/")
