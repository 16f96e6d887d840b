"""The example end to end: a gateway that lives through three months serves what is made from history afterwards."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from commands import NIGHTLY, Ended, run_command
from gateways import Gateway
from grocery.history import SERVICES, Folder


@pytest.fixture
def gateway(trained: tuple[Folder, Ended], tmp_path: Path) -> Iterator[Gateway]:
    """A gateway over a store that knows nothing yet."""
    folder, ended = trained
    assert ended.code == 0, ended.err
    with Gateway(tmp_path, None, folder.definitions) as gateway:
        yield gateway


def test_what_is_served_is_what_was_made_offline(trained: tuple[Folder, Ended], gateway: Gateway) -> None:
    folder, ended = trained
    print(ended.out)
    replay = ["--data", str(folder.path), "--address", gateway.address]
    ended = run_command("replay", *replay)
    assert ended.code == 0, ended.out + ended.err
    print(ended.out)
    if NIGHTLY:
        assert "196362 pairs of 13 Mondays, 59881 of them bought" in ended.out
    rows = {line.split()[0]: line.split()[1:] for line in ended.out.split("AUC ROC")[1].splitlines()[1:]}
    for service in SERVICES:
        assert f"{service}: vectors online and offline: equal bit for bit" in ended.out
        offline, online, difference = rows[service]
        assert offline == online
        assert float(difference) == 0
    with_windows, without = (float(rows[service][0]) for service in SERVICES)
    assert with_windows > without > 0.5
    # A store that knows what is still to come must not be asked.
    again = run_command("replay", *replay)
    assert (again.code, again.err.count("\n")) == (2, 1), again.err
    assert "give the gateway a new one" in again.err


def test_other_definitions_are_refused(trained: tuple[Folder, Ended], tmp_path: Path) -> None:
    folder, _ = trained
    definitions = tmp_path / "definitions"
    definitions.mkdir()
    (definitions / "grocery.yaml").write_text((folder.definitions / "grocery.yaml").read_text())
    with Gateway(tmp_path, None, definitions) as gateway:
        ended = run_command("replay", "--data", str(folder.path), "--address", gateway.address)
    assert (ended.code, ended.out, ended.err.count("\n")) == (2, "", 1), ended.err
    assert "the model was trained on vectors of" in ended.err
