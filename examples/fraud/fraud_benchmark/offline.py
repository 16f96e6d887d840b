"""The vectors of both weeks, made from the history, and the folder in which they are kept for serving."""

import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import unskew
from fraud_data.errors import InputError
from fraud_data.files import reason, write_whole
from numpy.typing import NDArray

from .stream import SOURCE, events
from .weeks import Weeks

SERVICE = "fraud_benchmark"
SPINE = ["customer_id", "terminal_id", "tx_datetime", "tx_amount"]
"""The columns that tell what is asked for: keys, time, and what a request brings."""
DEFINITIONS = Path(__file__).resolve().parents[1] / "definitions"
VECTORS = "test_vectors.npy"

Vectors = NDArray[np.float32]


@dataclass(frozen=True)
class Offline:
    """A folder with what the training made: definitions with the fitted parameters, and the tested week's vectors."""

    folder: Path

    @property
    def definitions(self) -> Path:
        """What a gateway is to serve: the definitions of the example, with what was fitted beside them."""
        return self.folder / "definitions"

    def service(self) -> unskew.Service:
        """The service of these definitions (InputError if there are none)."""
        try:
            return unskew.load(self.definitions).services[SERVICE]
        except (OSError, KeyError, unskew.UnskewError) as error:
            raise InputError(f"can't read {self.definitions}: {reason(error)}; `train.py` writes it") from error

    def vectors(self) -> Vectors:
        """The vectors of the tested week (InputError if there are none)."""
        path = self.folder / VECTORS
        try:
            found: Vectors = np.load(path)
        except (OSError, ValueError) as error:
            raise InputError(f"can't read {path}: {reason(error)}; `train.py` writes it") from error
        return found

    def keep(self, fitted: unskew.Fitted, vectors: Vectors, definitions: Path = DEFINITIONS) -> None:
        """Write both, and a copy of the definitions."""
        for old in self.definitions.glob("*.yaml"):
            old.unlink()
        shutil.copytree(definitions, self.definitions, dirs_exist_ok=True)
        fitted.save(self.definitions)
        write_whole(self.folder / VECTORS, lambda unfinished: _save(vectors, unfinished))


def training_sets(transactions: Any, weeks: Weeks, definitions: Path = DEFINITIONS) -> tuple[Any, Any]:
    """The training sets of the week that is trained on and of the one that is tested, which learns nothing.

    Each row sees what was known when it happened: the labels of all transactions are given, and the windows of the
    terminals end seven days before the row.
    """
    loaded = unskew.load(definitions)
    sources = {SOURCE: events(transactions, labelled=True)}
    train = unskew.training_set(loaded, SERVICE, weeks.train.select(SPINE), sources)
    test = unskew.training_set(loaded, SERVICE, weeks.test.select(SPINE), sources, fitted=train.fitted)
    return train, test


def _save(vectors: Vectors, path: Path) -> None:
    with path.open("wb") as file:
        np.save(file, vectors)
