"""The clock is set back while the gateway runs: libfaketime answers its calls of the clock."""

import json
import random
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from callers import Load
from parts import Gateway

LIBRARY = next(Path("/usr/lib").glob("*/faketime/libfaketime.so.1"), None)
# Seconds: more than the five minutes that rows may be ahead of the clock (`ingest.max_future`).
BACK = 3600, 30 * 86400


class Clock:
    """The clock of one gateway."""

    def __init__(self, file: Path) -> None:
        """It is right."""
        self._file = file
        self.environment = {
            "LD_PRELOAD": str(LIBRARY),
            "FAKETIME_TIMESTAMP_FILE": str(file),
            "FAKETIME_NO_CACHE": "1",
            # A kernel never sets this one back.
            "FAKETIME_DONT_FAKE_MONOTONIC": "1",
        }
        self.set(timedelta())

    def set(self, ahead: timedelta) -> None:
        """Sets it this much ahead of the right time."""
        draft = self._file.with_suffix(".new")
        draft.write_text(f"{ahead.total_seconds():+.0f}\n")
        draft.rename(self._file)


def test_the_clock_is_set_back(binary: Path, tmp_path: Path, chance: random.Random) -> None:
    assert LIBRARY is not None, "libfaketime is not installed: apt-get install libfaketime"
    clock, back = Clock(tmp_path / "clock"), timedelta(seconds=chance.randint(*BACK))
    gateway = Gateway(binary, tmp_path, f"embedded:{tmp_path / 'store'}")
    gateway.environment = clock.environment

    def write(**row: Any) -> Any:
        status, body = gateway.ask("/v1/views/default/rows", json.dumps([row]).encode())
        assert status == 200, body
        return json.loads(body)

    def read(entity: str) -> Any:
        status, body = gateway.ask(f"/v1/online-features/{entity}")
        assert status == 200, body
        return json.loads(body)["results"][entity]

    with gateway:
        before, load = gateway.rest(), Load(gateway)
        with load.flowing():
            load.until_more(20)
            old = (datetime.now(UTC) - 4 * back).isoformat()
            write(entity_id="of_arrival", x=1)
            write(entity_id="of_old", event_time=old, x=1)
            assert read("of_arrival")["features"] == read("of_old")["features"] == {"x": 1}

            clock.set(-back)
            load.until_more(chance.randint(1, 20))
            assert gateway.status("/readyz") == 200
            # A row of the future is an error that says so, and no other row stands in its place.
            status = read("of_arrival")["status"]
            assert (status["status"], status["reason"]) == ("ERROR", "NEWER_THAN_AS_OF")
            assert read("of_old")["features"] == {"x": 1}
            # Rows that bring their time are ordered by it, as ever; one ahead of the gateway's clock is refused.
            late = (datetime.now(UTC) - 2 * back).isoformat()
            assert write(entity_id="of_old", event_time=late, x=2)["accepted"] == 1
            assert read("of_old")["features"] == {"x": 2}
            future = write(entity_id="of_old", event_time=datetime.now(UTC).isoformat(), x=3)
            assert [bad["code"] for bad in future["bad"]] == ["FUTURE"]
            # Rows without a time arrive before those of just now.
            write(entity_id="of_arrival", x=2)
            write(entity_id="of_after", x=1)
            assert read("of_after")["features"] == {"x": 1}

            clock.set(timedelta())
            load.until_more(chance.randint(1, 20))
            assert read("of_arrival")["features"] == {"x": 1}
            assert read("of_after")["features"] == {"x": 1}
            write(entity_id="of_arrival", x=3)
            assert read("of_arrival")["features"] == {"x": 3}
        # Deadlines did not notice.
        assert load.failures() == {}
        assert load.check() > 20
        gateway.settles(before)
        assert "panicked" not in gateway.log()
