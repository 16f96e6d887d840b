"""Vectors and fits on an executor: rows that have their features, batch by batch."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa

from unskew import _tables
from unskew._engine import translated
from unskew.definitions import Definitions
from unskew.service import Fitted
from unskew.spark._stream import STATUS

VECTOR, STATUSES, INCOMPLETE = "vector", "statuses", "incomplete"
"""The columns that are added to rows with their features."""
WHY = ("slot", "status", "reason", "message")
"""What is told of a row that is not complete."""
SAVED = "saved"
"""The column of what a fit saved."""


@dataclass(frozen=True)
class Asked:
    """A service and what rows have for it. It is pickled."""

    definitions: Definitions
    service: str
    features: tuple[str, ...]
    """Features whose statuses stand beside them."""


@dataclass(frozen=True)
class Vectors:
    """How vectors are made."""

    asked: Asked
    fitted: Fitted | None


@dataclass(frozen=True)
class Pass:
    """A pass of a fit."""

    asked: Asked
    names: tuple[tuple[str, str], ...]
    """The columns of rows that are read, and what the engine calls them."""
    time: str | None
    start: bytes
    """What the fit had saved when the pass began."""


def vectors(how: Vectors, batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    """The rows with `VECTOR`, `STATUSES` and `INCOMPLETE`, and without a column for each status."""
    service = how.asked.definitions.services[how.asked.service]
    plan, inputs = service._plan(how.fitted), list(service.inputs)
    for batch in batches:
        values = np.empty((batch.num_rows, plan.width), np.float32)
        with translated():
            found = plan.transform_into(batch.select(inputs), values, _statuses(batch, how.asked))
        offsets = pa.array(np.arange(batch.num_rows + 1, dtype=np.int32) * plan.width)
        why: list[Any] = [None] * batch.num_rows
        for row, *facts in found:
            why[row] = dict(zip(WHY, facts, strict=True))
        statuses = [batch[STATUS + name] for name in how.asked.features]
        kept = [name for name in batch.schema.names if not name.startswith(STATUS)]
        yield pa.RecordBatch.from_arrays(
            [
                *(batch[name] for name in kept),
                pa.ListArray.from_arrays(offsets, pa.array(values.reshape(-1))),
                *([pa.StructArray.from_arrays(statuses, names=list(how.asked.features))] if statuses else []),
                pa.array(why, pa.struct([(name, pa.string()) for name in WHY])),
            ],
            names=[*kept, VECTOR, *([STATUSES] if statuses else []), INCOMPLETE],
        )


def fit(how: Pass, batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    """What a fit saves that has seen the rows of a partition; nothing where there are none."""
    service = how.asked.definitions.services[how.asked.service]
    rows = 0
    with translated():
        fitter = service._native.fitter(how.time)
        fitter.merge(how.start)
        for batch in batches:
            named = pa.RecordBatch.from_arrays(
                [batch[name] for name, _ in how.names], names=[called for _, called in how.names]
            )
            for at in range(0, named.num_rows, _tables.BATCH_ROWS):
                part = named.slice(at, _tables.BATCH_ROWS)
                states = _statuses(batch, how.asked)
                fitter.update(part, None if states is None else states.slice(at, _tables.BATCH_ROWS))
            rows += batch.num_rows
        if rows:
            yield pa.RecordBatch.from_arrays([pa.array([fitter.save()], pa.binary())], names=[SAVED])


def _statuses(batch: pa.RecordBatch, asked: Asked) -> pa.RecordBatch | None:
    if not asked.features:
        return None
    # As the engine gives and takes them.
    arrays = [batch[STATUS + name].dictionary_encode() for name in asked.features]
    return pa.RecordBatch.from_arrays(arrays, names=list(asked.features))
