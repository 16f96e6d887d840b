"""What a training set was made of, where its histories lay in an offline store."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from unskew.errors import DataError

if TYPE_CHECKING:
    from unskew.training import TrainingSet

__all__ = ["Origin", "TableRead"]


@dataclass(frozen=True)
class TableRead:
    """One table, as it was read."""

    table: str
    """Its identifier: `fraud.transactions`."""
    uuid: str
    """What the catalog knows it by: another table of the same name has another."""
    snapshot_id: int | None
    """None: it was empty."""
    schema_id: int
    """Of the schema whose column names were read."""


@dataclass(frozen=True)
class Origin:
    """Enough to make a training set again."""

    catalog: str
    """The name of the catalog."""
    tables: Mapping[str, TableRead]
    """By source."""
    given: tuple[str, ...]
    """Sources whose histories were given as tables, which are not kept."""
    definitions: tuple[tuple[str, str], ...]
    """The definitions as they were: names of files, and their texts."""
    time_column: str
    """The time of each row, where the service names none."""
    digest: str
    """SHA-256 of the fingerprint, the positions and the vectors, in hexadecimal."""

    def to_dict(self) -> dict[str, Any]:
        """The same as JSON can hold it."""
        return {
            "catalog": self.catalog,
            "tables": {source: vars(read) for source, read in self.tables.items()},
            "given": list(self.given),
            "definitions": [list(file) for file in self.definitions],
            "time_column": self.time_column,
            "digest": self.digest,
        }

    @classmethod
    def from_dict(cls, facts: Mapping[str, Any]) -> "Origin":
        """What `to_dict` made.

        Raises:
            DataError: it is something else.
        """
        try:
            return cls(
                facts["catalog"],
                {source: TableRead(**read) for source, read in facts["tables"].items()},
                tuple(facts["given"]),
                tuple((name, text) for name, text in facts["definitions"]),
                facts["time_column"],
                facts["digest"],
            )
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise DataError(f"this tells of no origin of a training set: {error!r}") from None


def digest(made: "TrainingSet") -> str:
    """What two training sets have in common that are the same, bit for bit."""
    found = hashlib.sha256()
    found.update("\n".join([made.fingerprint, *made.slots, str(made.vectors.shape)]).encode())
    found.update(np.ascontiguousarray(made.vectors).tobytes())
    return found.hexdigest()
