"""`unskew materialize` and `unskew verify`."""

import datetime as dt
from pathlib import Path

import pytest

import unskew
from tests.command import Command
from tests.gateway import Gateway
from tests.offline.online import DEFINITIONS, Rows
from unskew import offline

pytestmark = pytest.mark.integration


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Command:
    return Command(capsys)


def test_materialize_and_verify(run: Command, tmp_path: Path) -> None:
    folder = tmp_path / "definitions"
    folder.mkdir()
    (folder / "all.yaml").write_text(DEFINITIONS)
    store = offline.open(folder, warehouse=tmp_path / "warehouse")
    store.apply()
    rows = Rows(1)
    names = rows.names(100)
    key = names.select(["bank", "number"]).to_pylist()[0]
    store.append("names", names)
    store.append("profiles", rows.profiles(100))
    with Gateway(tmp_path, settings={"APP__DEFINITIONS__PATH": str(folder)}) as gateway:
        where: list[str | Path] = [folder, "--warehouse", str(tmp_path / "warehouse"), "--address", gateway.address]
        dry = run("materialize", "--dry-run", *where, "owner")
        assert dry.code == 0
        assert "owner: all of shop.names, this store has nothing of it yet: at most 100 rows; snapshot " in dry.out
        before = run("verify", *where, "owner")
        assert before.code == 1
        assert "offline, MISSING online" in before.out

        done = run("materialize", *where, "owner", "profile", "--json").document
        assert [(it["view"], it["mode"], it["rows"], it["refused"]) for it in done["views"]] == [
            ("owner", "full", 100, {}),
            ("profile", "full", 100, {}),
        ]
        told = run("materialize", *where, "owner", "profile", "--concurrency", "2")
        assert told.code == 0
        assert f"owner: shop.names since {done['views'][0]['snapshot']}: 0 rows read, 0 rows written in " in told.out

        same = run("verify", *where, "owner", "profile", "--entities", "5", "--json")
        assert same.code == 0
        assert [(it["entities"], it["differ"]) for it in same.document["views"]] == [(5, 0), (5, 0)]
        with unskew.FeatureStoreClient(gateway.address, timeout=5.0) as client:
            newest = dt.datetime.fromtimestamp(rows.end / 1e6, dt.timezone.utc)
            client.write_rows("owner", [key | {"event_time": newest, "owner": "nobody"}])
        wrong = run("verify", *where, "owner", "--entities", "1000")
        assert wrong.code == 1
        assert "owner: 1 difference in " in wrong.out
        assert f"bank={key['bank']!r}, number={key['number']}: owner.owner is 'owner " in wrong.out
        assert "offline, 'nobody' online" in wrong.out

    gone = run("materialize", *where, "owner", "--timeout", "0.2", "--json")
    assert (gone.code, gone.document["error"]["code"]) == (2, "UNAVAILABLE")
    absent = run("verify", *where, "owners", "--json")
    assert (absent.code, absent.document["error"]["code"]) == (2, "NOT_FOUND")
