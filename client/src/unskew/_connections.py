"""The channels of a client: opened by the first call to their address, and by each process for itself.

A channel of grpc does not survive a fork: its threads and its connections stay with the parent. So a child opens its
own, and never touches the parent's, not even to destroy it. Shared by the sync and the asyncio client.
"""

import os
import threading
import weakref
from collections.abc import Callable
from typing import Any

from unskew import _channel
from unskew.errors import ClientClosed


class Stubs:
    """The methods of one channel. Untyped: grpc's sync and asyncio channels have no common type."""

    __slots__ = (
        "channel",
        "explain",
        "get_definitions",
        "get_feature_vectors",
        "get_online_features",
        "write_events",
        "write_rows",
        "write_states",
    )

    def __init__(self, channel: Any) -> None:
        self.channel = channel
        self.get_online_features = _unary(channel, _channel.GET_ONLINE_FEATURES)
        self.get_feature_vectors = _unary(channel, _channel.GET_FEATURE_VECTORS)
        self.explain = _unary(channel, _channel.EXPLAIN)
        self.get_definitions = _unary(channel, _channel.GET_DEFINITIONS)
        self.write_rows = _stream(channel, _channel.WRITE_ROWS)
        self.write_events = _stream(channel, _channel.WRITE_EVENTS)
        self.write_states = _stream(channel, _channel.WRITE_STATES)


def _unary(channel: Any, method: _channel.Method) -> Any:
    return channel.unary_unary(method.path, method.serialize, method.deserialize)


def _stream(channel: Any, method: _channel.Method) -> Any:
    return channel.stream_stream(method.path, method.serialize, method.deserialize)


class _Opened:
    """The channels of one process, by the position of their address."""

    def __init__(self, count: int) -> None:
        self.lock = threading.Lock()
        self.stubs: list[Stubs | None] = [None] * count


class Connections:
    """Channels that are opened by `open_channel`, given the position of an address."""

    def __init__(self, count: int, open_channel: Callable[[int], Any]) -> None:
        self._count = count
        self._open_channel = open_channel
        self._closed = False
        # By process: a lock that a thread of the parent held while it forked is never looked at in the child.
        self._by_process: dict[int, _Opened] = {}
        _living.add(self)

    def get(self, place: int) -> Stubs:
        """The methods of an address.

        Raises:
            ClientClosed: the client was closed.
        """
        opened = self._by_process.get(os.getpid())
        if opened is None:
            opened = self._by_process.setdefault(os.getpid(), _Opened(self._count))
        stubs = opened.stubs[place]
        if stubs is None or self._closed:
            stubs = self._open(opened, place)
        return stubs

    def _open(self, opened: _Opened, place: int) -> Stubs:
        with opened.lock:
            if self._closed:
                raise ClientClosed("the client is closed")
            stubs = opened.stubs[place]
            if stubs is None:
                stubs = opened.stubs[place] = Stubs(self._open_channel(place))
        return stubs

    def close(self) -> list[Any]:
        """Forbids further calls; returns the channels of this process, to be closed."""
        self._closed = True
        opened = self._by_process.pop(os.getpid(), None)
        if opened is None:
            return []
        with opened.lock:
            return [stubs.channel for stubs in opened.stubs if stubs is not None]

    def leave_to_parent(self) -> None:
        """In a child: keeps the parent's channels from ever being destroyed here."""
        _inherited.append(self._by_process)
        self._by_process = {}


_living: "weakref.WeakSet[Connections]" = weakref.WeakSet()
_inherited: list[object] = []


def _after_fork() -> None:
    for connections in _living:
        connections.leave_to_parent()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
