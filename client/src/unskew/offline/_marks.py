"""Up to where a view is materialized: a row of the built-in view `default`, in the store that has the view's rows.

So it is as durable as they are, and lost when they are: a store that is emptied, or goes back to a backup, has the mark
that belongs to what is in it. It is written after the gateway has acknowledged all that it stands for, as one key.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any

from unskew import _times
from unskew._client import FeatureStoreClient
from unskew.errors import Internal

VIEW = "default"
PREFIX = "unskew/materialized/"
FORMAT = 1.0


@dataclass(frozen=True)
class Mark:
    """What of a table is in the store."""

    table: str
    """Its name."""
    uuid: str
    """That of the table: another one may take its name."""
    snapshot: int
    cut: int
    """All rows of the snapshot up to this event time are stored, in microseconds."""
    digest: str
    """Of the view's definition."""
    forgotten: int | None
    """The snapshot of the record of forgotten entities whose entities are away; None: of no entity it is known."""

    def to_row(self, view: str) -> dict[str, Any]:
        """A row of the built-in view. Numbers that a double can't hold are texts."""
        return {
            "entity_id": PREFIX + view,
            "event_time": _times.from_micros(time.time_ns() // 1000),
            "format": FORMAT,
            "table": self.table,
            "uuid": self.uuid,
            "snapshot": str(self.snapshot),
            "cut": str(self.cut),
            "digest": self.digest,
            "forgotten": "" if self.forgotten is None else str(self.forgotten),
        }


def read(client: FeatureStoreClient, view: str) -> Mark | None:
    """The mark of a view; None if it has none that this version knows."""
    row = client.online_features([PREFIX + view])[PREFIX + view]
    if row.get("format") != FORMAT:
        return None
    return Mark(
        table=str(row["table"]),
        uuid=str(row["uuid"]),
        snapshot=int(str(row["snapshot"])),
        cut=int(str(row["cut"])),
        digest=str(row["digest"]),
        # Marks of older versions have none.
        forgotten=int(str(row.get("forgotten") or 0)) or None,
    )


def write(client: FeatureStoreClient, view: str, mark: Mark) -> None:
    """Writes the mark of a view."""
    result = client.write_rows(VIEW, [mark.to_row(view)])
    if result.bad:
        raise Internal(f"the gateway refuses to store how far {view!r} is materialized: {result.bad[0]}")
