"""The sync client."""

import contextlib
import datetime as dt
import time
from collections.abc import Callable, Iterable, Mapping
from types import TracebackType
from typing import Any, SupportsIndex, TypeVar, cast

import grpc

from unskew import _explain, _requests, _settings, _trace, _vectors, _writes
from unskew._connections import Connections, Stubs
from unskew._generated import feature_store_pb2 as wire
from unskew._hedge import first_good
from unskew._replies import FailedCall, decode_reply
from unskew._rows import Tally
from unskew._served import decode_definitions
from unskew.errors import Internal
from unskew.explanation import Explanation
from unskew.results import OnlineFeatures, WriteResult
from unskew.retry import DEFAULT_RETRY, Attempts, CallOptions, Headers, RetryPolicy
from unskew.security import TLS, ApiKey, authorization
from unskew.served import GatewayDefinitions
from unskew.vectors import Vectors

Client = TypeVar("Client", bound="FeatureStoreClient")


class FeatureStoreClient:
    """Client of unskew gateways, which all threads may share; close it, or use it in a `with`.

    A channel is opened by the first call. A process that was forked opens its own, so that a server which forks its
    workers may make the client before, and call with it. Only where grpc's own support for forks is switched off, by
    `GRPC_ENABLE_FORK_SUPPORT=0` in the environment, a process that has called must not fork.

    Args:
        address: `host:port` of the gateway, or another gRPC target such as `unix:/path` or `dns:///name:port`. Several,
            in a list or with commas between them: calls go to them in turn, and what one can't answer is tried at
            another.
        timeout: seconds a read may take, retries included.
        write_timeout: seconds each batch of a write may take, retries included.
        retries: of a call that failed with UNAVAILABLE: their number, or a `RetryPolicy`.
        hedge_after: seconds after which a read that has no answer is sent a second time, to another address if there
            are several. The first good answer wins, the other call is cancelled. None: never.
        max_receive_bytes: the longest reply taken.
        keep_alive: seconds of silence after which the gateway is pinged. A connection whose ping has no answer within 5
            seconds, or as long again where that is shorter, is made anew.
        tls: `unskew.TLS(...)`, or credentials of grpc; without it the connection is plain text.
        api_key: sent with every call as `authorization: Bearer …`: a str, or a callable that is asked for each call.
            Without it that of the environment, `UNSKEW_API_KEY`; an empty one is none.
        allow_insecure: lets the key go to other machines as plain text.

    Raises:
        InvalidArgument: an argument is malformed, or the key would go to another machine as plain text.
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

    def online_features(
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
        return decode_reply(request, self._read("get_online_features", request, timeout))

    def vectors(  # noqa: PLR0913 (the members of the request)
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
        """The vectors of a service for several rows, which a model takes: one row of float32 each.

        A column is a list, a numpy array, an Arrow array, a Series of pandas or polars, or any other iterable, one
        value a row: bools, ints, floats, texts, bytes, aware datetimes, or lists of them. None, NaT and NA are null.

        Args:
            service: its name.
            entities: the key columns of all entities that it reads, by name.
            request: its request columns, by name.
            fingerprint: that of the model, as `Vectors.fingerprint` has it, or its 32 bytes; None: the default one.
            as_of: the time t: an aware datetime or an int of microseconds since 1970-01-01 UTC, or one for each row.
                Without it t is the time of arrival, or the request column that the service names as its time.
            as_numpy: `values` as a numpy array; else as lists.
            names: adds what every column is.
            slot_statuses: adds the status of every slot of every row.
            event_times: adds the event time of every row of a view that was read.
            timeout: seconds for this call, retries included, instead of the client's.

        Raises:
            InvalidArgument: the request is malformed, e.g. a column lacks, or its times have no zone.
            FailedPrecondition: the service is not fitted, or the fingerprint is not loaded.
            UnskewError: the call failed. Rows that are not complete are no failure: see `Vectors.incomplete`, or call
                `require`.
        """
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
        return _vectors.decode_vectors(self._read("get_feature_vectors", message, timeout), as_numpy)

    def explain(
        self,
        service: str,
        entities: Mapping[str, Any],
        request: Mapping[str, Any] | None = None,
        *,
        fingerprint: str | bytes | None = None,
        as_of: _vectors.Time | None = None,
        timeout: float | None = None,
    ) -> Explanation:
        """One row of a service in words: every input with its view, key, age and status, and every slot step by step.

        Args:
            service: its name.
            entities: the keys of all entities that it reads, by name: one value each, not columns.
            request: the values of its request columns, by name.
            fingerprint: as in `vectors`.
            as_of: the time t: an aware datetime, or an int of microseconds since 1970-01-01 UTC.
            timeout: seconds for this call, retries included, instead of the client's.

        Raises:
            UnskewError: as in `vectors`.
        """
        message = _explain.explain_request(service, entities, request, fingerprint, as_of)
        return _explain.decode_explanation(self._read("explain", message, timeout))

    def definitions(self, *, timeout: float | None = None) -> GatewayDefinitions:
        """What the gateway serves: its defined views, and its services with the fingerprints that are loaded.

        Args:
            timeout: seconds for this call, retries included, instead of the client's.

        Raises:
            UnskewError: the call failed; `Unimplemented` if the gateway is older than this method.
        """
        return decode_definitions(self._read("get_definitions", wire.DefinitionsRequest(), timeout))

    def write_rows(
        self,
        view: str,
        rows: Any,
        *,
        batch_size: int = 1000,
        ignore_unknown: bool = False,
        timeout: float | None = None,
        strict: bool = False,
    ) -> WriteResult:
        """Writes rows to a view: each replaces the row of its entity, unless that one is newer.

        A row of the built-in view `default` holds `entity_id`, optionally `event_time` (an aware datetime, or RFC 3339
        text), then the features; without event time it takes the time of its arrival. A row of a defined view holds the
        key columns of its entity, `event_time` and the features. Bad rows don't stop the others; the result has them,
        at their positions in the rows given.

        A batch that failed with UNAVAILABLE is written again only if all of its rows have an event time: then a row
        that the store has already changes nothing. Otherwise the error is raised at once.

        Args:
            view: the view to write to; `default` is the built-in one.
            rows: an iterable of mappings, or a table: of pyarrow (also a RecordBatchReader), pandas, polars, DuckDB, or
                anything with `__arrow_c_stream__`. Taken one batch at a time. A table goes to a defined view as Arrow,
                where a time without a zone is UTC.
            batch_size: rows that are sent and acknowledged together; fewer if they are large.
            ignore_unknown: leaves out members that a defined view does not have, instead of refusing the row.
            timeout: seconds for each batch, retries included, instead of the client's `write_timeout`.
            strict: stop after the first batch with a bad row, with `BadRows`.

        Raises:
            UnskewError: a batch failed; `written` says what was acknowledged before it.
        """
        return self._write(_writes.of_rows(view, rows, batch_size, ignore_unknown), timeout, strict)

    def write_events(
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
        """Writes events of a source: every window view that reads it has them once this returns.

        An event holds the columns of the source by their names: its time, its id if the source names one, and the keys
        of every window view that reads the source; a version that it lacks is 0, any other column null. An event with
        an id that is stored already changes nothing, or takes the place of a version that is less. Events that a view
        can't use any more (LATE) or has no room for (STATE_LIMIT) are in `bad`, with the view in `field`.

        Args:
            source: the name of the source.
            events: an iterable of mappings, or a table, as in `write_rows`. Times in mappings are aware datetimes or
                RFC 3339 text.
            batch_size: events that are sent and acknowledged together; fewer if they are large.
            ignore_unknown: leaves out members that the source does not have, instead of refusing the event.
            idempotent: the source names an `event_id`, so that a batch that failed with UNAVAILABLE may be written
                again. With `event_id: none` it would count twice.
            timeout: seconds for each batch, retries included, instead of the client's `write_timeout`.
            strict: stop after the first batch with a bad event, with `BadRows`.

        Raises:
            UnskewError: a batch failed; `written` says what was acknowledged before it.
        """
        return self._write(_writes.of_events(source, events, batch_size, ignore_unknown, idempotent), timeout, strict)

    def write_states(  # noqa: PLR0913 (each is an option of its own)
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
        """Loads states that were computed from history up to a cut; live events go on from there.

        Live events may be written before, meanwhile and after: each counts once. When all states are stored, the view
        is complete; if one was refused it is not, and the load is to be repeated, which changes nothing twice.

        Args:
            view: the name of a window view.
            states: a table of the key columns of the view's entity and `state`, as `unskew.states` makes it. A null
                state forgets the entity: none of its events up to the cut is left.
            cut: the time up to which the states have all events: an aware datetime, or an int of microseconds since
                1970-01-01 UTC. A multiple of the view's `resolution`, if it has one.
            complete_since: the time from which on the history has all events; None: it always had.
            batch_size: states that are sent and acknowledged together; fewer if they are large.
            done: the load ends with these states. False: other calls load more, and the last of them ends it.
            timeout: seconds for each batch, retries included, instead of the client's `write_timeout`.
            strict: stop after the first batch with a bad state, with `BadRows`.

        Raises:
            UnskewError: a batch failed; `written` says what was acknowledged before it.
        """
        load = _writes.of_states(view, states, cut, complete_since, batch_size)
        result = self._write(load.write, timeout, strict)
        if done and result.ok:
            self._end(load, result, timeout)
        return result

    def close(self) -> None:
        """Closes the channels; calls in flight are cancelled. A second time does nothing."""
        for channel in self._connections.close():
            channel.close()

    def __enter__(self: Client) -> Client:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _open(self, place: int) -> grpc.Channel:
        address, options = self._settings.addresses[place], self._settings.options(place)
        credentials = self._settings.credentials()
        if credentials is None:
            return grpc.insecure_channel(address, options=options)
        return grpc.secure_channel(address, credentials, options=options)

    def _headers(self, call: _trace.Call) -> Headers:
        key = self._settings.api_key
        if key is None:
            return call.headers
        return (*call.headers, authorization(key() if callable(key) else key))

    def _read(self, method: str, request: Any, timeout: float | None) -> Any:
        hedge_after = self._settings.hedge_after
        with _trace.call(method) as call:
            attempts = self._settings.read(timeout, self._headers(call))
            call.goes_to(self._settings.addresses[attempts.place])
            if hedge_after is None:
                return self._call(lambda stubs, options: getattr(stubs, method)(request, **options), attempts)

            def start(place: int, options: CallOptions) -> Any:
                return getattr(self._connections.get(place), method).future(request, **options)

            return self._call(lambda _stubs, _options: first_good(start, attempts, hedge_after), attempts)

    def _write(self, write: _writes.Write, timeout: float | None, strict: bool) -> WriteResult:
        limit = self._settings.write_limit(timeout)
        tally = Tally(strict)
        with tally.on_error():
            for batch in write.batches():
                message = write.request(batch)
                repeatable = write.is_repeatable(batch)
                reply = None if message is None else self._send(write.method, message, limit, repeatable)
                tally.add(batch, reply)
        return tally.result

    def _end(self, load: _writes.States, result: WriteResult, timeout: float | None) -> None:
        """Says that all states of a view are loaded."""
        tally = Tally(strict=False, result=result)
        with tally.on_error():
            limit = self._settings.write_limit(timeout)
            if self._send(load.write.method, load.end, limit, True) is None:
                raise Internal("the gateway ended the stream without acknowledging the end of the load")

    def _send(self, method: str, message: Any, limit: float, repeatable: bool) -> Any | None:
        """The reply to one message of a stream."""
        with _trace.call(method) as call:
            attempts = self._settings.write(limit, repeatable, self._headers(call))
            call.goes_to(self._settings.addresses[attempts.place])
            return self._call(lambda stubs, options: _attempt_write(getattr(stubs, method), message, options), attempts)

    def _call(self, attempt: Callable[[Stubs, CallOptions], Any], attempts: Attempts) -> Any:
        """The reply of the first attempt that has one."""
        while True:
            place = attempts.place
            stubs = self._connections.get(place)
            options = attempts.next()
            try:
                reply = attempt(stubs, options)
            except grpc.RpcError as error:
                delay = attempts.after(cast(FailedCall, error))
            else:
                attempts.succeeded(place)
                return reply
            if delay:
                time.sleep(delay)


def _attempt_write(method: Any, message: Any, options: CallOptions) -> Any | None:
    replies = method(iter((message,)), **options)
    reply = next(replies, None)
    # The batch is acknowledged; how the stream ends says nothing more of it.
    with contextlib.suppress(grpc.RpcError):
        for _ in replies:
            pass
    return reply
