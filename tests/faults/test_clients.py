"""Clients that are silent, stop reading, send half of what they began, or vanish, beside clients that behave."""

import json
import random
import re
import socket
import struct
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from callers import Load
from parts import PATIENCE, Gateway, wait

EACH = 12
# Of silence, and until a client that takes nothing is given up.
SETTINGS = {
    "APP__SERVER__HANDSHAKE_TIMEOUT": "500ms",
    "APP__SERVER__KEEP_ALIVE_INTERVAL": "500ms",
    "APP__SERVER__KEEP_ALIVE_TIMEOUT": "500ms",
}
PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
EMPTY_SETTINGS = bytes([0, 0, 0, 4, 0, 0, 0, 0, 0])


def silent(_: socket.socket, __: random.Random) -> None:
    """Connects, and says nothing."""


def half_a_request(client: socket.socket, chance: random.Random) -> None:
    """Says half of the head of a request of HTTP/1.1."""
    whole = b"POST /v1/online-features HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n"
    client.sendall(whole[: chance.randrange(1, len(whole))])


def half_a_body(client: socket.socket, chance: random.Random) -> None:
    """Announces more of a body than comes."""
    head = b"POST /v1/online-features HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n"
    client.sendall(head + b"content-length: 1000\r\n\r\n" + b'{"entity_ids": ["' + b"x" * chance.randrange(100))


def half_a_frame(client: socket.socket, chance: random.Random) -> None:
    """Begins HTTP/2 and ends in the midst of a frame."""
    frame = struct.pack(">I", 200)[1:] + bytes([1, 4, 0, 0, 0, 1]) + bytes(100)
    client.sendall(PREFACE + EMPTY_SETTINGS + frame[: chance.randrange(1, len(frame))])


def reset(client: socket.socket, chance: random.Random) -> None:
    """Asks, and resets the connection at once."""
    half_a_body(client, chance)
    client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    client.close()


def stops_reading(client: socket.socket, _: random.Random) -> None:
    """Asks for far more than fits between the two, and reads nothing of it."""
    client.sendall(b"GET /v1/online-features/large HTTP/1.1\r\nhost: localhost\r\n\r\n" * 40)


@dataclass(frozen=True)
class Behaviour:
    """What a client does, and what it is told before it is sent away."""

    behave: Callable[[socket.socket, random.Random], None]
    told: re.Pattern[bytes] | None
    """The whole of what it receives; None: it does not look."""


NOTHING = re.compile(b"")
# Frames of HTTP/2: settings, and pings.
FRAMES = re.compile(rb"(?!HTTP/1).*", re.DOTALL)
BEHAVIOURS = [
    Behaviour(silent, NOTHING),
    Behaviour(half_a_request, re.compile(rb"(HTTP/1\.1 408 .*)?", re.DOTALL)),
    Behaviour(half_a_body, re.compile(rb"HTTP/1\.1 504 .*DEADLINE_EXCEEDED.*", re.DOTALL)),
    Behaviour(half_a_frame, FRAMES),
    Behaviour(reset, None),
    Behaviour(stops_reading, None),
]


@contextmanager
def connected(gateway: Gateway) -> Iterator[socket.socket]:
    host, port = gateway.address.split(":")
    with socket.socket() as client:
        # Little room, so that what is not read stays with the gateway.
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        client.connect((host, int(port)))
        client.settimeout(PATIENCE)
        yield client


def received(client: socket.socket) -> bytes:
    """All that a client was sent before its connection was closed."""
    parts = []
    with suppress(ConnectionResetError):
        while part := client.recv(1 << 16):
            parts.append(part)
    return b"".join(parts)


def test_clients_that_misbehave(
    binary: Path, tmp_path: Path, chance: random.Random, report: Callable[[str], None]
) -> None:
    with Gateway(binary, tmp_path, f"embedded:{tmp_path / 'store'}", SETTINGS) as gateway:
        before = gateway.rest()
        large = [{"entity_id": "large", "text": "x" * 500_000}]
        assert gateway.status("/v1/views/default/rows", json.dumps(large).encode()) == 200
        load = Load(gateway, writers=1, readers=1)
        with load.flowing(), ExitStack() as stack:
            clients = [(behaviour, stack.enter_context(connected(gateway))) for behaviour in BEHAVIOURS * EACH]
            chance.shuffle(clients)
            for behaviour, client in clients:
                behaviour.behave(client, chance)
            # They stay connected as far as it is theirs to choose: the gateway sends them away.
            start = time.monotonic()
            # One connection of the writer, one of the reader, one that asks.
            wait("they are sent away", lambda: gateway.metric("unskew_connections_open") <= 3)
            report(f"the gateway was rid of {len(clients)} clients {time.monotonic() - start:.1f} s after the last one")
            for behaviour, client in clients:
                if behaviour.told is not None:
                    told = received(client)
                    assert behaviour.told.fullmatch(told), f"{behaviour.behave.__name__}: {told!r}"
        assert load.failures() == {}
        assert load.counts()["read OK"] > 20, load.counts()
        load.check()
        gateway.settles(before)
        assert "panicked" not in gateway.log()
