"""The sync client."""

import contextlib
import datetime as dt
import time
from collections.abc import Callable, Iterable, Mapping
from types import TracebackType
from typing import Any, Self, SupportsIndex, TypeVar, cast

import grpc

from unskew import _channel, _requests
from unskew._generated import feature_store_pb2 as wire
from unskew._replies import FailedCall, decode_reply
from unskew._rows import Batch, Batcher, Tally, check_rows
from unskew.errors import ClientClosed
from unskew.results import OnlineFeatures, WriteResult
from unskew.retry import DEFAULT_RETRY, Attempts, CallOptions, RetryPolicy

Reply = TypeVar("Reply")


class FeatureStoreClient:
    """Client of an unskew gateway. One channel, which all threads may share; close it, or use it in a `with`.

    Args:
        address: `host:port` of the gateway, or another gRPC target such as `unix:/path` or `dns:///name:port`.
        timeout: seconds a read may take, retries included.
        write_timeout: seconds each batch of a write may take, retries included.
        retries: of a call that failed with UNAVAILABLE: their number, or a `RetryPolicy`.
        max_receive_bytes: the longest reply taken.
        credentials: for TLS, e.g. `grpc.ssl_channel_credentials()`; without them the connection is plain text.
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
        settings = _channel.Settings.of(address, timeout, write_timeout, retries, max_receive_bytes)
        self._settings = settings
        self._closed = False
        self._channel = (
            grpc.insecure_channel(settings.address, options=settings.options)
            if credentials is None
            else grpc.secure_channel(settings.address, credentials, options=settings.options)
        )
        get, write = _channel.GET_ONLINE_FEATURES, _channel.WRITE_ROWS
        self._get = self._channel.unary_unary(get.path, get.serialize, get.deserialize)
        self._write = self._channel.stream_stream(write.path, write.serialize, write.deserialize)

    def get_online_features(
        self,
        entity_ids: Iterable[str],
        feature_names: Iterable[str] | None = None,
        *,
        as_of: dt.datetime | SupportsIndex | None = None,
        timeout: float | None = None,
        all_statuses: bool = False,
    ) -> OnlineFeatures:
        """Features of several entities, read in one round trip.

        Args:
            entity_ids: at least one; each is answered once.
            feature_names: the features wanted; None or none: all that each entity has.
            as_of: the time t of the request: an aware datetime, or an int of microseconds since 1970-01-01 UTC.
                Without it t is the time of arrival.
            timeout: seconds for this call, retries included, instead of the client's.
            all_statuses: lets the gateway list every status. The result has them all anyway.

        Raises:
            UnskewError: the call failed; `Unavailable` after the last retry, `DeadlineExceeded` in time.
        """
        request = _requests.online_features(entity_ids, feature_names, as_of, all_statuses)
        attempts = self._settings.read(timeout)
        return decode_reply(request, self._call(lambda options: self._get(request, **options), attempts))

    def write_rows(
        self,
        rows: Iterable[Mapping[str, Any]],
        batch_size: int = 1000,
        *,
        view: str = "default",
        timeout: float | None = None,
        strict: bool = False,
    ) -> WriteResult:
        """Writes rows: each replaces the row of its entity, unless that one is newer.

        A row holds `entity_id`, optionally `event_time` (an aware datetime, or RFC 3339 text), then the features. A row
        without event time takes the time of its arrival. Bad rows don't stop the others; they are in the result.

        A batch that failed with UNAVAILABLE is written again only if all of its rows have an event time: then a row
        that the store has already changes nothing. Otherwise the error is raised at once.

        Args:
            rows: taken one batch at a time.
            batch_size: rows that are sent and acknowledged together; fewer if they are large.
            view: the view to write to.
            timeout: seconds for each batch, retries included, instead of the client's `write_timeout`.
            strict: stop after the first batch with a bad row, with `BadRows`.

        Raises:
            UnskewError: a batch failed; `written` says what was acknowledged before it.
        """
        limit = self._settings.write_limit(timeout)
        check_rows(rows)
        batcher, tally = Batcher(batch_size), Tally(strict)
        for row in rows:
            if batch := batcher.add(row):
                self._write_batch(batch, tally, view, limit)
        if batch := batcher.rest():
            self._write_batch(batch, tally, view, limit)
        return tally.result

    def close(self) -> None:
        """Closes the channel; calls in flight are cancelled. A second time does nothing."""
        self._closed = True
        self._channel.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _write_batch(self, batch: Batch, tally: Tally, view: str, limit: float) -> None:
        request = batch.request(view)
        if request is None:
            tally.add(batch, None)
            return
        attempts = self._settings.write(limit, batch.repeatable)
        with tally.on_error():
            reply = self._call(lambda options: self._attempt_write(request, options), attempts)
        tally.add(batch, reply)

    def _attempt_write(self, request: wire.WriteRowsRequest, options: CallOptions) -> wire.WriteRowsResponse | None:
        replies = self._write(iter((request,)), **options)
        reply = next(replies, None)
        # The batch is acknowledged; how the stream ends says nothing more of it.
        with contextlib.suppress(grpc.RpcError):
            for _ in replies:
                pass
        return reply

    def _call(self, attempt: Callable[[CallOptions], Reply], attempts: Attempts) -> Reply:
        """The reply of the first attempt that has one."""
        while True:
            if self._closed:
                raise ClientClosed("the client is closed")
            try:
                return attempt(attempts.next())
            except grpc.RpcError as error:
                delay = attempts.after(cast(FailedCall, error))
            time.sleep(delay)
