"""Clients that are silent, stop reading, send half of what they began, or vanish, beside clients that behave."""

import json
import random
import socket
import struct
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from callers import Load
from parts import Gateway, wait

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


BEHAVIOURS = [silent, half_a_request, half_a_body, half_a_frame, reset, stops_reading]


@contextmanager
def connected(gateway: Gateway) -> Iterator[socket.socket]:
    host, port = gateway.address.split(":")
    with socket.socket() as client:
        # Little room, so that what is not read stays with the gateway.
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        client.connect((host, int(port)))
        yield client


def test_clients_that_misbehave(
    binary: Path, tmp_path: Path, chance: random.Random, report: Callable[[str], None]
) -> None:
    with Gateway(binary, tmp_path, f"embedded:{tmp_path / 'store'}", SETTINGS) as gateway:
        gateway.settles(10_000)
        before = gateway.descriptors()
        large = [{"entity_id": "large", "text": "x" * 500_000}]
        assert gateway.status("/v1/views/default/rows", json.dumps(large).encode()) == 200
        load = Load(gateway.address, writers=1, readers=1)
        with load.flowing(), ExitStack() as clients:
            behaviours = BEHAVIOURS * EACH
            chance.shuffle(behaviours)
            for behave in behaviours:
                behave(clients.enter_context(connected(gateway)), chance)
            # They stay connected as far as it is theirs to choose: the gateway sends them away.
            start = time.monotonic()
            # One connection of the writer, one of the reader, one that asks.
            wait("they are sent away", lambda: gateway.metric("unskew_connections_open") <= 3)
            report(
                f"the gateway was rid of {len(behaviours)} clients {time.monotonic() - start:.1f} s after the last one"
            )
        counts = load.counts()
        assert all(what.endswith(" OK") for what in counts), counts
        assert counts["read OK"] > 20, counts
        load.check()
        gateway.settles(before)
        assert "panicked" not in gateway.log()
