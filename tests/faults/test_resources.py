"""What the machine runs out of: disk and file descriptors."""

import contextlib
import json
import os
import random
import socket
from collections.abc import Callable, Iterator
from pathlib import Path
from signal import SIGTERM

from callers import Connection, Load
from disks import fill, needs_root, small_disk
from parts import FILES, Gateway, wait

# Reads wait for nothing while the store is opened again: for that moment they are refused.
TOLD = {"write UNAVAILABLE", "read UNAVAILABLE"}


@needs_root
def test_the_disk_of_the_store_is_full(
    binary: Path, tmp_path: Path, chance: random.Random, report: Callable[[str], None]
) -> None:
    with (
        small_disk(tmp_path / "disk", chance.randint(160, 256)) as disk,
        Gateway(binary, tmp_path, f"embedded:{disk / 'store'}") as gateway,
    ):
        before = gateway.rest()
        load = Load(gateway)
        with load.flowing():
            load.until_more(chance.randint(1, 40))
            filler = fill(disk)
            load.until_more(chance.randint(1, 20), "write UNAVAILABLE")
            assert gateway.status("/readyz") == 503
            load.until_more(20, "read OK")
            filler.unlink()
            took = load.until_more(20)
            report(f"writes were taken {took:.1f} s after there was room: {load.failures()}")
            assert gateway.status("/readyz") == 200
        assert set(load.failures()) <= TOLD, load.counts()
        load.check()
        gateway.settles(before, FILES)
        # What is on the disk is what was acknowledged, too.
        assert gateway.end(SIGTERM) == 0
        gateway.start()
        load.check()
        assert "panicked" not in gateway.log()


@needs_root
def test_the_disk_of_a_backup_is_full(binary: Path, tmp_path: Path) -> None:
    with small_disk(tmp_path / "disk", 1) as disk:
        settings = {"APP__STORE__EMBEDDED__BACKUP_DIRECTORY": str(disk)}
        with Gateway(binary, tmp_path, f"embedded:{tmp_path / 'store'}", settings) as gateway:
            rows = [{"entity_id": f"e{number}", "text": os.urandom(2000).hex()} for number in range(500)]
            assert gateway.status("/v1/views/default/rows", json.dumps(rows).encode()) == 200
            status, body = gateway.ask("/v1/admin/backup", b"")
            assert status == 503, body
            assert "No space left on device" in body.decode(), body
            assert list(disk.iterdir()) == []
            # The store itself has lost nothing by it.
            assert gateway.status("/readyz") == 200
            assert gateway.status("/v1/views/default/rows", json.dumps(rows).encode()) == 200


@contextlib.contextmanager
def used_up(gateway: Gateway, chance: random.Random) -> Iterator[None]:
    """So many clients connect that the gateway can open nothing more."""
    room = chance.randint(1, 30)
    allowed = gateway.descriptors() + room
    gateway.allow_descriptors(allowed)
    host, port = gateway.address.split(":")
    with contextlib.ExitStack() as clients:
        for _ in range(room + chance.randint(10, 50)):
            clients.enter_context(socket.create_connection((host, int(port)), 5))
        wait("they are used up", lambda: gateway.descriptors() >= allowed)
        wait("it is logged", lambda: "could not accept a connection" in gateway.log())
        yield


def test_file_descriptors_are_used_up(
    binary: Path, tmp_path: Path, chance: random.Random, report: Callable[[str], None]
) -> None:
    with Gateway(binary, tmp_path, f"embedded:{tmp_path / 'store'}") as gateway:
        before = gateway.rest()
        load = Load(gateway)
        with load.flowing():
            load.until_more(20)
            with used_up(gateway, chance):
                # Who is connected is served.
                load.until_more(chance.randint(1, 40))
            took = wait("new clients are served", lambda: gateway.status("/readyz") == 200)
            report(f"new clients were served {took:.2f} s after there were descriptors")
        assert load.failures() == {}
        load.check()
        gateway.settles(before)
        assert "panicked" not in gateway.log()


def test_the_store_needs_a_file_descriptor_and_there_is_none(
    binary: Path, tmp_path: Path, chance: random.Random, report: Callable[[str], None]
) -> None:
    settings = {"APP__STORE__EMBEDDED__WRITE_BUFFER": "1MiB"}
    with Gateway(binary, tmp_path, f"embedded:{tmp_path / 'store'}", settings) as gateway:
        before = gateway.rest()
        load = Load(gateway)
        with load.flowing(), Connection(gateway) as connection:
            load.until_more(20)
            assert connection.post("/v1/online-features", {"entity_ids": ["any"]}, 10)[0] == "OK"
            with used_up(gateway, chance):
                outcomes = set()
                while "UNAVAILABLE" not in outcomes:
                    # A full buffer is written to a new file.
                    rows = [{"entity_id": f"large_{number}", "text": os.urandom(5000).hex()} for number in range(20)]
                    outcomes.add(connection.post("/v1/views/default/rows", rows, 10)[0])
                    assert outcomes <= {"OK", "UNAVAILABLE"}
                load.until_more(20, "read OK")
            took = load.until_more(20)
            report(f"writes were taken {took:.2f} s after there were descriptors: {load.failures()}")
        assert set(load.failures()) <= TOLD, load.counts()
        load.check()
        assert gateway.status("/readyz") == 200
        gateway.settles(before, FILES)
        assert "panicked" not in gateway.log()
