"""The last three months as they happen: a gateway is told of each day, and asked each Monday."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pyarrow as pa  # type: ignore[import-untyped, unused-ignore]
import unskew
from numpy.typing import NDArray

from .command import InputError
from .profiles import Profiles
from .weeks import DAY, WEEK, before, candidates

WRITE_BATCH = 5_000
"""Events that are acknowledged together."""
MOST_ROWS = 333
"""Of one request: a gateway takes 1,000 keys, and each row has three."""

ADVICE = "if the store holds what is still to come, give the gateway a new one: serve --store embedded:DIR"


@dataclass
class Live:
    """Writes purchases and profiles to a gateway, and asks it for the vectors of some services."""

    client: unskew.FeatureStoreClient
    services: dict[str, str]
    """By name the fingerprint of what the model was trained on."""
    profiles: Profiles
    """The job that writes profiles, which was told of all purchases before."""
    vectors: dict[str, list[NDArray[np.float32]]] = field(default_factory=dict)
    """By service, in the order in which they were asked for."""
    pairs: list[Any] = field(default_factory=list)
    """Who was scored for what, in the same order: a pyarrow.Table for each Monday."""
    written: list[Any] = field(default_factory=list)
    """The profiles that were written, a pyarrow.Table for each Monday."""
    events: int = 0
    requests: int = 0

    def __post_init__(self) -> None:
        """Ask which keys and request columns the services read."""
        self._served = self.client.definitions().services

    def run(self, purchases: Any, mondays: range) -> None:
        """Live through weeks. `purchases`: all, by time; at a time those before are looked at, and no others."""
        for monday in mondays:
            self._score(candidates(purchases, monday))
            for day in range(monday, monday + WEEK, DAY):
                self._write(purchases, day)
            first, last = before(purchases, monday), before(purchases, monday + WEEK)
            self.written.append(self.profiles.after(purchases.slice(first, last - first), monday + WEEK))
            self.client.write_rows("household_profile", self.written[-1], strict=True)

    def of(self, service: str) -> NDArray[np.float32]:
        """All vectors of a service that were served."""
        return np.concatenate(self.vectors[service])

    def _score(self, pairs: Any) -> None:
        self.pairs.append(pairs)
        for first in range(0, pairs.num_rows, MOST_ROWS):
            rows = pairs.slice(first, MOST_ROWS)
            for name, fingerprint in self.services.items():
                reads = self._served[name]
                keys, request = ({it.name: rows.column(it.name) for it in of} for of in (reads.entities, reads.request))
                asked = self.client.vectors(name, keys, request, fingerprint=fingerprint)
                if asked.incomplete:
                    raise InputError(f"a vector of {name} is not complete: {asked.incomplete[0]}; {ADVICE}")
                self.vectors.setdefault(name, []).append(np.asarray(asked.values))
                self.requests += 1

    def _write(self, purchases: Any, day: int) -> None:
        first, last = before(purchases, day), before(purchases, day + DAY)
        if first == last:
            return
        events = pa.Table.from_batches(purchases.slice(first, last - first).to_batches())
        try:
            done = self.client.write_events("purchases", events, batch_size=WRITE_BATCH, idempotent=True, strict=True)
        except unskew.errors.BadRows as error:
            raise InputError(f"{error}; {ADVICE}") from error
        self.events += done.accepted
