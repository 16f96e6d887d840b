"""A second request when the first one takes long: the first good answer wins, the other request is cancelled."""

import asyncio
import queue
from collections.abc import Awaitable, Callable, Iterable
from typing import Any, cast

import grpc

from unskew.retry import Attempts, CallOptions

# What is wrong with the request itself: another gateway would say the same.
FINAL = (grpc.StatusCode.INVALID_ARGUMENT, grpc.StatusCode.UNAUTHENTICATED, grpc.StatusCode.PERMISSION_DENIED)

Start = Callable[[int, CallOptions], Any]
"""Starts a call at the position of an address."""


def first_good(start: Start, attempts: Attempts, hedge_after: float) -> Any:
    """The reply of the first of up to two calls that has one; both in the deadline of `attempts`.

    Raises:
        grpc.RpcError: neither has one.
        UnskewError: the deadline has passed.
    """
    ended: queue.SimpleQueue[tuple[int, Any]] = queue.SimpleQueue()
    calls: list[Any] = []

    def launch(place: int) -> None:
        call = start(place, attempts.next())
        calls.append(call)
        call.add_done_callback(lambda call: ended.put((place, call)))

    failed: list[Any] = []
    try:
        launch(attempts.place)
        try:
            place, call = ended.get(timeout=hedge_after)
        except queue.Empty:
            launch(attempts.elsewhere())
            place, call = ended.get()
        while True:
            if call.code() is grpc.StatusCode.OK:
                attempts.succeeded(place)
                return call.result()
            failed.append(call)
            if call.code() in FINAL or len(failed) == len(calls):
                raise _worst(failed)
            place, call = ended.get()
    finally:
        for call in calls:
            call.cancel()


async def first_good_async(start: Start, attempts: Attempts, hedge_after: float) -> Any:
    """The same for calls that are awaited."""
    places: dict[asyncio.Task[Any], int] = {}

    def launch(place: int) -> None:
        task = asyncio.create_task(_reply(start(place, attempts.next())))
        # The error of the call that lost is of no interest.
        task.add_done_callback(lambda task: task.cancelled() or task.exception())
        places[task] = place

    failed: list[Any] = []
    try:
        launch(attempts.place)
        done, pending = await asyncio.wait(places, timeout=hedge_after)
        if not done:
            launch(attempts.elsewhere())
            done, pending = await asyncio.wait(places, return_when=asyncio.FIRST_COMPLETED)
        while True:
            for task in done:
                error = task.exception()
                if error is None:
                    attempts.succeeded(places[task])
                    return task.result()
                if not isinstance(error, grpc.RpcError):
                    raise error
                failed.append(error)
                if cast(Any, error).code() in FINAL or len(failed) == len(places):
                    raise _worst(failed)
            done, pending = await asyncio.wait(pending, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in places:
            task.cancel()


async def _reply(call: Awaitable[Any]) -> Any:
    return await call


def _worst(failed: Iterable[Any]) -> Any:
    """What says most: UNAVAILABLE only if no call said more."""
    calls = list(failed)
    return next((call for call in calls if call.code() is not grpc.StatusCode.UNAVAILABLE), calls[-1])
