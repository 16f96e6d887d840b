"""The benchmark online: a gateway that scores the tested week as it happens serves what was made offline."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from conftest import Ended, run_command
from fraud_benchmark.offline import DEFINITIONS, Offline
from fraud_benchmark.published import PUBLISHED
from gateways import Gateway, redis

pytestmark = pytest.mark.full

NIGHTLY = "UNSKEW_FRAUD_NIGHTLY" in os.environ
# 45 days, with as many rows in a request as don't depend on each other; at night all days, and each row in its own.
RUNS = [([], ""), (["--days", "44", "--most", "1"], "in 67080 requests")] if NIGHTLY else [(["--days", "45"], "")]


@pytest.fixture(params=["embedded", "redis"])
def gateway(
    request: pytest.FixtureRequest, trained: tuple[Path, Ended], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Gateway]:
    """A gateway over a store that knows nothing yet."""
    folder, ended = trained
    assert ended.code == 0, ended.err
    place = tmp_path_factory.mktemp(request.param)
    with (
        redis(place) if request.param == "redis" else Gateway.nothing() as store,
        Gateway(place, store, Offline(folder).definitions) as gateway,
    ):
        yield gateway


@pytest.mark.parametrize(("options", "said"), RUNS)
def test_what_is_served_is_what_was_made_offline(
    gateway: Gateway, trained: tuple[Path, Ended], full_file: Path, options: list[str], said: str
) -> None:
    places = ["--data", str(full_file.parent), "--benchmark", str(trained[0]), "--address", gateway.address]
    ended = run_command("replay.py", *places, *options)
    assert ended.code == 0, ended.out + ended.err
    print(ended.out)
    assert "scored 67080 transactions" in ended.out
    assert said in ended.out
    for when in ("before", "after"):
        assert f"vectors asked for {when} it was written, and those made offline: equal bit for bit" in ended.out
    rows = [line for line in ended.out.splitlines() if line.startswith(tuple(PUBLISHED))]
    assert len(rows) == len(PUBLISHED)
    for row in rows:
        *_, offline, online, difference, by_days, loss = row.split()
        assert offline == online
        assert float(difference) == 0
        assert float(by_days) < float(offline)
        assert float(loss) < 0
    # A store that knows what is still to come must not be asked.
    again = run_command("replay.py", *places, "--days", "44")
    assert (again.code, again.err.count("\n")) == (2, 1)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ([], "can't read"),
        (["--days", "43"], "--days is 43; the windows of the tested week need 44 or more"),
        (["--most", "501"], "--most is 501; it must be from 1 to 500"),
    ],
)
def test_bad_input_is_one_line(tmp_path: Path, options: list[str], said: str) -> None:
    ended = run_command("replay.py", "--data", str(tmp_path), *options)
    assert (ended.code, ended.out, ended.err.count("\n")) == (2, "", 1), ended.err
    assert ended.err.startswith("replay.py: error: ")
    assert said in ended.err


def test_it_says_that_there_is_no_gateway_or_another(
    trained: tuple[Path, Ended], full_file: Path, tmp_path: Path
) -> None:
    places = ["--data", str(full_file.parent), "--benchmark", str(trained[0])]
    ended = run_command("replay.py", *places, "--address", "127.0.0.1:1")
    assert (ended.code, ended.err.count("\n")) == (2, 1), ended.err
    with Gateway(tmp_path, None, DEFINITIONS) as gateway:
        ended = run_command("replay.py", *places, "--address", gateway.address)
    assert (ended.code, ended.err.count("\n")) == (2, 1), ended.err
    assert "has other definitions" in ended.err
