"""The tested week as it would have been online: a gateway is told what happens, and asked before it happens."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import unskew
from fraud_data.errors import InputError
from numpy.typing import NDArray

from .stream import MOST_ROWS, SOURCE, Stream, requests
from .weeks import DAY, Weeks, numbers, times

# Events that are acknowledged together: one sync to disk for all of them.
WRITE_BATCH = 5_000

Vectors = NDArray[np.float32]


@dataclass(frozen=True)
class Replayed:
    """What the gateway served."""

    before: Vectors
    """One for each transaction of the tested week, asked for before the transaction was written."""
    after: Vectors
    """The same, asked for once more when it was written."""
    events: int
    """How many events were written, labels included."""
    requests: int
    """How many requests served `before`."""


class Replay:
    """Writes transactions and labels to a gateway, and asks it for vectors.

    Its store must not know the transactions: it would answer from what is still to come.
    """

    def __init__(self, client: unskew.FeatureStoreClient, service: unskew.Service) -> None:
        """Ask `client` for the vectors of `service`, as it is defined and fitted here."""
        self._client = client
        self._service = service
        self._fingerprint = service.fingerprint()
        self._events = 0

    def run(self, transactions: Any, weeks: Weeks, most: int = MOST_ROWS) -> Replayed:
        """Write the days before the tested week and that week, and score the latter, at most `most` rows at once.

        `transactions`: a pyarrow.Table of `generate.py` that ends with the tested week.
        """
        stream = Stream(transactions)
        first_day, week = int(times(transactions)[0]) // DAY, int(times(weeks.test)[0]) // DAY
        for midnight in range(first_day + 1, week + 1):
            self._write(stream.happened_before(midnight * DAY))
            self._write(stream.labels_by(midnight * DAY))
        before, after = [], []
        for rows in requests(weeks.test, most):
            # What is labelled between the first row and the last is in no window of the first yet.
            self._write(stream.labels_by(int(times(rows)[-1])))
            before.append(self._ask(rows))
            self._write(stream.next(rows.num_rows))
            after.append(self._ask(rows))
        return Replayed(np.concatenate(before), np.concatenate(after), self._events, len(before))

    def _write(self, events: Any) -> None:
        if events.num_rows == 0:
            return
        try:
            written = self._client.write_events(SOURCE, events, batch_size=WRITE_BATCH, idempotent=True, strict=True)
        except unskew.errors.BadRows as error:
            advice = "if the store holds later events, give the gateway one of its own: serve --store embedded:DIR"
            raise InputError(f"{error}; {advice}") from error
        self._events += written.accepted

    def _ask(self, rows: Any) -> Vectors:
        asked = self._client.vectors(
            self._service.name,
            {name: numbers(rows, name) for name in ("customer_id", "terminal_id")},
            {name: rows.column(name) for name in ("tx_amount", "tx_datetime")},
            fingerprint=self._fingerprint,
        )
        return np.asarray(asked.require())
