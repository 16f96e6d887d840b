"""The requests for the rows, as files."""

import json
import struct
from pathlib import Path

from bench_lib import vectors
from bench_lib.dataset import choose


def grpc_body(ids: list[str]) -> bytes:
    """An OnlineFeaturesRequest for all features of the ids, in its gRPC frame."""
    message = b"".join(b"\x0a" + bytes([len(entity)]) + entity.encode() for entity in ids)
    return b"\0" + struct.pack(">I", len(message)) + message


class Bodies:
    """Request bodies as files, written when first asked for."""

    def __init__(self, folder: Path) -> None:
        """Write into the folder."""
        self._folder = folder

    def grpc(self, batch: int, round_number: int) -> Path:
        """A gRPC request."""
        return self._file(f"{batch}-{round_number}.bin", grpc_body(choose(batch, round_number)))

    def vectors(self, batch: int, round_number: int) -> Path:
        """A gRPC request for vectors."""
        return self._file(f"vectors-{batch}-{round_number}.bin", vectors.grpc_body(choose(batch, round_number)))

    def rest_vectors(self, batch: int, round_number: int) -> Path:
        """A JSON request for vectors."""
        return self._file(f"vectors-{batch}-{round_number}.json", vectors.rest_body(choose(batch, round_number)))

    def rest(self, batch: int, round_number: int) -> Path:
        """A JSON request."""
        return self._file(
            f"{batch}-{round_number}.json", json.dumps({"entity_ids": choose(batch, round_number)}).encode()
        )

    def urls(self, address: str, round_number: int) -> Path:
        """A list of a thousand GET requests, each for another entity."""
        ids = choose(1000, round_number)
        lines = "".join(f"http://{address}/v1/online-features/{entity}\n" for entity in ids)
        return self._file(f"urls-{round_number}.txt", lines.encode())

    def _file(self, name: str, content: bytes) -> Path:
        path = self._folder / name
        if not path.is_file():
            path.write_bytes(content)
        return path
