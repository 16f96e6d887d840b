"""The rows that are served."""

import json
import random
import socket
import struct
from collections.abc import Iterator

from bench_lib.errors import BenchError

ENTITIES = 10_000
FEATURES = [f"f{number:02}" for number in range(50)]
# Rows in one MSET.
CHUNK = 250

Rows = dict[str, list[float]]


def make_rows() -> Rows:
    """Random doubles with all their digits: what costs the most to read and write. Always the same."""
    source = random.Random(2026)
    return {f"customer_{number}": [source.random() for _ in FEATURES] for number in range(ENTITIES)}


def row_json(values: list[float]) -> bytes:
    """The JSON object of a row, about 1.2 KB; Python writes the shortest digits that read back the same."""
    return json.dumps(dict(zip(FEATURES, values, strict=True)), separators=(",", ":")).encode()


def load_redis(address: str, rows: Rows) -> None:
    """Store each row as JSON at `features:{id}`, and as raw float64 at `packed:{id}` for the pass-through limit."""
    host, _, port = address.rpartition(":")
    items = list(rows.items())
    with socket.create_connection((host, int(port)), timeout=30) as connection, connection.makefile("rb") as replies:
        for start in range(0, len(items), CHUNK):
            arguments = [b"MSET"]
            for entity, values in items[start : start + CHUNK]:
                arguments += [f"features:{entity}".encode(), row_json(values)]
                arguments += [f"packed:{entity}".encode(), struct.pack(f"<{len(values)}d", *values)]
            connection.sendall(b"".join(_command(arguments)))
            if (reply := replies.readline()) != b"+OK\r\n":
                raise BenchError(f"Redis at {address} refused the rows: {reply.decode(errors='replace').strip()}")


def _command(arguments: list[bytes]) -> Iterator[bytes]:
    yield b"*%d\r\n" % len(arguments)
    for argument in arguments:
        yield b"$%d\r\n%s\r\n" % (len(argument), argument)


def choose(batch: int, round_number: int) -> list[str]:
    """The ids of a round: others in each round, the same for all targets of one."""
    numbers = random.Random(f"{batch}/{round_number}").sample(range(ENTITIES), batch)
    return [f"customer_{number}" for number in numbers]
