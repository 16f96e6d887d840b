"""The asyncio client: the same methods, arguments, results and errors as `unskew.FeatureStoreClient`, awaited."""

import asyncio
import contextlib
import datetime as dt
import functools
from collections.abc import AsyncIterable, AsyncIterator, Awaitable, Callable, Iterable, Mapping
from types import TracebackType
from typing import Any, Self, SupportsIndex, TypeVar, cast

import grpc
import grpc.aio

from unskew import _channel, _requests
from unskew._generated import feature_store_pb2 as wire
from unskew._replies import FailedCall, decode_reply
from unskew._rows import Batch, Batcher, Tally, check_rows
from unskew.errors import ClientClosed
from unskew.results import OnlineFeatures, WriteResult
from unskew.retry import DEFAULT_RETRY, Attempts, CallOptions, RetryPolicy

__all__ = ["FeatureStoreClient"]

Reply = TypeVar("Reply")


class FeatureStoreClient:
    """Asyncio client of an unskew gateway. One channel, opened by the first call; it belongs to that call's event loop.

    Close it, or use it in an `async with`. The arguments are those of `unskew.FeatureStoreClient`.
    """

    def __init__(
        self,
        address: str,
        *,
        timeout: float = _channel.DEFAULT_TIMEOUT,
        write_timeout: float = _channel.DEFAULT_WRITE_TIMEOUT,
        retries: RetryPolicy | int = DEFAULT_RETRY,
        max_receive_bytes: int = _channel.DEFAULT_MAX_RECEIVE_BYTES,
        credentials: grpc.ChannelCredentials | None = None,
    ) -> None:
        self._settings = _channel.Settings.of(address, timeout, write_timeout, retries, max_receive_bytes)
        self._credentials = credentials
        self._closed = False

    async def get_online_features(
        self,
        entity_ids: Iterable[str],
        feature_names: Iterable[str] | None = None,
        *,
        as_of: dt.datetime | SupportsIndex | None = None,
        timeout: float | None = None,
        all_statuses: bool = False,
    ) -> OnlineFeatures:
        """See `unskew.FeatureStoreClient.get_online_features`."""
        request = _requests.online_features(entity_ids, feature_names, as_of, all_statuses)
        attempts = self._settings.read(timeout)
        return decode_reply(request, await self._call(lambda options: self._get(request, **options), attempts))

    async def write_rows(
        self,
        rows: Iterable[Mapping[str, Any]] | AsyncIterable[Mapping[str, Any]],
        batch_size: int = 1000,
        *,
        view: str = "default",
        timeout: float | None = None,
        strict: bool = False,
    ) -> WriteResult:
        """See `unskew.FeatureStoreClient.write_rows`; `rows` may be an asynchronous iterable too."""
        limit = self._settings.write_limit(timeout)
        check_rows(rows)
        batcher, tally = Batcher(batch_size), Tally(strict)
        async for row in _iterate(rows):
            if batch := batcher.add(row):
                await self._write_batch(batch, tally, view, limit)
        if batch := batcher.rest():
            await self._write_batch(batch, tally, view, limit)
        return tally.result

    async def close(self) -> None:
        """Closes the channel; calls in flight are cancelled. A second time does nothing."""
        self._closed = True
        if "_opened" in self.__dict__:
            await self._opened.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    @functools.cached_property
    def _opened(self) -> grpc.aio.Channel:
        # Made late: a channel takes the event loop that runs when it is made.
        address, options = self._settings.address, self._settings.options
        if self._credentials is None:
            return grpc.aio.insecure_channel(address, options=options)
        return grpc.aio.secure_channel(address, self._credentials, options=options)

    @functools.cached_property
    def _get(self) -> "grpc.aio.UnaryUnaryMultiCallable[wire.OnlineFeaturesRequest, wire.OnlineFeaturesResponse]":
        method = _channel.GET_ONLINE_FEATURES
        return self._opened.unary_unary(method.path, method.serialize, method.deserialize)

    @functools.cached_property
    def _write(self) -> "grpc.aio.StreamStreamMultiCallable[wire.WriteRowsRequest, wire.WriteRowsResponse]":
        method = _channel.WRITE_ROWS
        return self._opened.stream_stream(method.path, method.serialize, method.deserialize)

    async def _write_batch(self, batch: Batch, tally: Tally, view: str, limit: float) -> None:
        request = batch.request(view)
        if request is None:
            tally.add(batch, None)
            return
        attempts = self._settings.write(limit, batch.repeatable)
        with tally.on_error():
            reply = await self._call(lambda options: self._attempt_write(request, options), attempts)
        tally.add(batch, reply)

    async def _attempt_write(
        self, request: wire.WriteRowsRequest, options: CallOptions
    ) -> wire.WriteRowsResponse | None:
        replies = aiter(self._write(iter((request,)), **options))
        reply = await anext(replies, None)
        # The batch is acknowledged; how the stream ends says nothing more of it.
        with contextlib.suppress(grpc.RpcError):
            async for _ in replies:
                pass
        return reply

    async def _call(self, attempt: Callable[[CallOptions], Awaitable[Reply]], attempts: Attempts) -> Reply:
        """The reply of the first attempt that has one."""
        while True:
            if self._closed:
                raise ClientClosed("the client is closed")
            try:
                return await attempt(attempts.next())
            except grpc.RpcError as error:
                delay = attempts.after(cast(FailedCall, error))
            await asyncio.sleep(delay)


async def _iterate(
    rows: Iterable[Mapping[str, Any]] | AsyncIterable[Mapping[str, Any]],
) -> AsyncIterator[Mapping[str, Any]]:
    if isinstance(rows, AsyncIterable):
        async for row in rows:
            yield row
    else:
        for row in rows:
            yield row
