"""The asyncio client: the same methods, arguments, results and errors as `unskew.FeatureStoreClient`, awaited."""

import asyncio
import contextlib
import datetime as dt
import inspect
import os
from collections.abc import Awaitable, Callable, Iterable, Mapping
from types import TracebackType
from typing import Any, SupportsIndex, TypeVar, cast

import grpc
import grpc.aio

from unskew import _explain, _requests, _settings, _trace, _vectors, _writes
from unskew._connections import Connections, Stubs
from unskew._generated import feature_store_pb2 as wire
from unskew._hedge import first_good_async
from unskew._replies import FailedCall, decode_reply
from unskew._rows import Tally
from unskew._served import decode_definitions
from unskew.errors import Internal, WrongEventLoop
from unskew.explanation import Explanation
from unskew.results import OnlineFeatures, WriteResult
from unskew.retry import DEFAULT_RETRY, Attempts, CallOptions, Headers, RetryPolicy
from unskew.security import TLS, ApiKey, authorization
from unskew.served import GatewayDefinitions
from unskew.vectors import Vectors

__all__ = ["FeatureStoreClient"]

Client = TypeVar("Client", bound="FeatureStoreClient")


class FeatureStoreClient:
    """Asyncio client of unskew gateways. Its channels are opened by its first calls, and belong to their event loop.

    Close it, or use it in an `async with`. The arguments are those of `unskew.FeatureStoreClient`; what a callable
    `api_key` returns may be awaitable. A process may fork before the first call, not after it.
    """

    def __init__(  # noqa: PLR0913 (each is an option of its own)
        self,
        address: str | Iterable[str],
        *,
        timeout: float = _settings.DEFAULT_TIMEOUT,
        write_timeout: float = _settings.DEFAULT_WRITE_TIMEOUT,
        retries: RetryPolicy | int = DEFAULT_RETRY,
        hedge_after: float | None = None,
        max_receive_bytes: int = _settings.DEFAULT_MAX_RECEIVE_BYTES,
        keep_alive: float = _settings.DEFAULT_KEEP_ALIVE,
        tls: TLS | grpc.ChannelCredentials | None = None,
        api_key: ApiKey | None = None,
        allow_insecure: bool = False,
    ) -> None:
        self._settings = _settings.Settings.of(
            address,
            timeout=timeout,
            write_timeout=write_timeout,
            retries=retries,
            hedge_after=hedge_after,
            max_receive_bytes=max_receive_bytes,
            keep_alive=keep_alive,
            tls=tls,
            api_key=api_key,
            allow_insecure=allow_insecure,
        )
        self._connections = Connections(len(self._settings.addresses), self._open)
        self._owner: tuple[int, asyncio.AbstractEventLoop] | None = None

    async def online_features(
        self,
        entity_ids: Iterable[str],
        feature_names: Iterable[str] | None = None,
        *,
        as_of: dt.datetime | SupportsIndex | None = None,
        timeout: float | None = None,
        all_statuses: bool = False,
    ) -> OnlineFeatures:
        """See `unskew.FeatureStoreClient.online_features`."""
        request = _requests.online_features(entity_ids, feature_names, as_of, all_statuses)
        return decode_reply(request, await self._read("get_online_features", request, timeout))

    async def vectors(  # noqa: PLR0913 (the members of the request)
        self,
        service: str,
        entities: Mapping[str, Any],
        request: Mapping[str, Any] | None = None,
        *,
        fingerprint: str | bytes | None = None,
        as_of: _vectors.Time | Iterable[_vectors.Time] | None = None,
        as_numpy: bool = True,
        names: bool = False,
        slot_statuses: bool = False,
        event_times: bool = False,
        timeout: float | None = None,
    ) -> Vectors:
        """See `unskew.FeatureStoreClient.vectors`."""
        message = _vectors.vectors_request(
            service,
            entities,
            request,
            fingerprint,
            as_of,
            names=names,
            slot_statuses=slot_statuses,
            event_times=event_times,
        )
        return _vectors.decode_vectors(await self._read("get_feature_vectors", message, timeout), as_numpy)

    async def explain(
        self,
        service: str,
        entities: Mapping[str, Any],
        request: Mapping[str, Any] | None = None,
        *,
        fingerprint: str | bytes | None = None,
        as_of: _vectors.Time | None = None,
        timeout: float | None = None,
    ) -> Explanation:
        """See `unskew.FeatureStoreClient.explain`."""
        message = _explain.explain_request(service, entities, request, fingerprint, as_of)
        return _explain.decode_explanation(await self._read("explain", message, timeout))

    async def definitions(self, *, timeout: float | None = None) -> GatewayDefinitions:
        """See `unskew.FeatureStoreClient.definitions`."""
        return decode_definitions(await self._read("get_definitions", wire.DefinitionsRequest(), timeout))

    async def write_rows(
        self,
        view: str,
        rows: Any,
        *,
        batch_size: int = 1000,
        ignore_unknown: bool = False,
        timeout: float | None = None,
        strict: bool = False,
    ) -> WriteResult:
        """See `unskew.FeatureStoreClient.write_rows`; `rows` may be an asynchronous iterable of mappings too."""
        return await self._write(_writes.of_rows(view, rows, batch_size, ignore_unknown), timeout, strict)

    async def write_events(
        self,
        source: str,
        events: Any,
        *,
        batch_size: int = 1000,
        ignore_unknown: bool = False,
        idempotent: bool = False,
        timeout: float | None = None,
        strict: bool = False,
    ) -> WriteResult:
        """See `unskew.FeatureStoreClient.write_events`; `events` may be an asynchronous iterable of mappings too."""
        write = _writes.of_events(source, events, batch_size, ignore_unknown, idempotent)
        return await self._write(write, timeout, strict)

    async def write_states(  # noqa: PLR0913 (each is an option of its own)
        self,
        view: str,
        states: Any,
        cut: dt.datetime | SupportsIndex,
        complete_since: dt.datetime | SupportsIndex | None = None,
        *,
        batch_size: int = 1000,
        done: bool = True,
        timeout: float | None = None,
        strict: bool = False,
    ) -> WriteResult:
        """See `unskew.FeatureStoreClient.write_states`."""
        load = _writes.of_states(view, states, cut, complete_since, batch_size)
        result = await self._write(load.write, timeout, strict)
        if done and result.ok:
            await self._end(load, result, timeout)
        return result

    async def close(self) -> None:
        """Closes the channels; calls in flight are cancelled. A second time does nothing."""
        for channel in self._connections.close():
            await channel.close()

    async def __aenter__(self: Client) -> Client:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    def _open(self, place: int) -> grpc.aio.Channel:
        # Made late: a channel takes the event loop that runs when it is made.
        address, options = self._settings.addresses[place], self._settings.options(place)
        credentials = self._settings.credentials()
        if credentials is None:
            return grpc.aio.insecure_channel(address, options=options)
        return grpc.aio.secure_channel(address, credentials, options=options)

    def _stubs(self, place: int) -> Stubs:
        stubs = self._connections.get(place)
        caller = (os.getpid(), asyncio.get_running_loop())
        if self._owner is None or self._owner[0] != caller[0]:
            self._owner = caller
        elif self._owner[1] is not caller[1]:
            raise WrongEventLoop("the client belongs to the event loop of its first call: make one for each loop")
        return stubs

    async def _headers(self, call: _trace.Call) -> Headers:
        key = self._settings.api_key
        if key is None:
            return call.headers
        given = key() if callable(key) else key
        return (*call.headers, authorization(await given if inspect.isawaitable(given) else given))

    async def _read(self, method: str, request: Any, timeout: float | None) -> Any:
        hedge_after = self._settings.hedge_after
        with _trace.call(method) as call:
            attempts = self._settings.read(timeout, await self._headers(call))
            call.goes_to(self._settings.addresses[attempts.place])
            if hedge_after is None:
                return await self._call(lambda stubs, options: getattr(stubs, method)(request, **options), attempts)

            def start(place: int, options: CallOptions) -> Any:
                return getattr(self._stubs(place), method)(request, **options)

            return await self._call(lambda _stubs, _options: first_good_async(start, attempts, hedge_after), attempts)

    async def _write(self, write: _writes.Write, timeout: float | None, strict: bool) -> WriteResult:
        limit = self._settings.write_limit(timeout)
        tally = Tally(strict)
        with tally.on_error():
            async for batch in write.batches_async():
                message = write.request(batch)
                repeatable = write.is_repeatable(batch)
                reply = None if message is None else await self._send(write.method, message, limit, repeatable)
                tally.add(batch, reply)
        return tally.result

    async def _end(self, load: _writes.States, result: WriteResult, timeout: float | None) -> None:
        """Says that all states of a view are loaded."""
        tally = Tally(strict=False, result=result)
        with tally.on_error():
            limit = self._settings.write_limit(timeout)
            if await self._send(load.write.method, load.end, limit, True) is None:
                raise Internal("the gateway ended the stream without acknowledging the end of the load")

    async def _send(self, method: str, message: Any, limit: float, repeatable: bool) -> Any | None:
        """The reply to one message of a stream."""
        with _trace.call(method) as call:
            attempts = self._settings.write(limit, repeatable, await self._headers(call))
            call.goes_to(self._settings.addresses[attempts.place])
            return await self._call(
                lambda stubs, options: _attempt_write(getattr(stubs, method), message, options), attempts
            )

    async def _call(self, attempt: Callable[[Stubs, CallOptions], Awaitable[Any]], attempts: Attempts) -> Any:
        """The reply of the first attempt that has one."""
        while True:
            place = attempts.place
            stubs = self._stubs(place)
            options = attempts.next()
            try:
                reply = await attempt(stubs, options)
            except grpc.RpcError as error:
                delay = attempts.after(cast(FailedCall, error))
            else:
                attempts.succeeded(place)
                return reply
            await asyncio.sleep(delay)


async def _attempt_write(method: Any, message: Any, options: CallOptions) -> Any | None:
    replies = aiter(method(iter((message,)), **options))
    reply = await anext(replies, None)
    # The batch is acknowledged; how the stream ends says nothing more of it.
    with contextlib.suppress(grpc.RpcError):
        async for _ in replies:
            pass
    return reply
