"""Batches that threads compute before they are asked for: the engine and Arrow release the GIL while they work."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Hashable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, Generic, TypeVar

Key = TypeVar("Key", bound=Hashable)
Made = TypeVar("Made")


class Ahead(Generic[Key, Made]):
    """Makes what is asked for, and what comes next in the background.

    Keras has threads of its own for this, but hands on batches that one epoch left over to the next, so that the order
    depends on timing.

    Args:
        make: makes a value; called by several threads.
        threads: how many.
    """

    def __init__(self, make: Callable[[Key], Made], threads: int) -> None:
        self._make = make
        self._threads = threads
        self._start()

    def _start(self) -> None:
        self._lock = threading.Lock()
        self._process = os.getpid()
        self._executor: ThreadPoolExecutor | None = None
        self._made: dict[Key, Future[Made]] = {}

    def get(self, key: Key, following: Sequence[Key]) -> Made:
        """A value, while those that are likely to be asked for next are made; others are dropped."""
        if self._process != os.getpid():
            # A fork has the locks of its parent, and none of its threads.
            self._start()
        with self._lock:
            if self._executor is None:
                self._executor = ThreadPoolExecutor(self._threads, "unskew-vectors")
            wanted = [key, *following]
            for other in self._made.keys() - set(wanted):
                self._made.pop(other).cancel()
            for one in wanted:
                if one not in self._made:
                    self._made[one] = self._executor.submit(self._make, one)
            future = self._made.pop(key)
        return future.result()

    def __getstate__(self) -> dict[str, Any]:
        """Without what belongs to one process."""
        return {"_make": self._make, "_threads": self._threads}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self._start()
