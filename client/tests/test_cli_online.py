"""`unskew online` and `unskew explain`, against the real gateway."""

import datetime as dt

import numpy as np
import pytest

import unskew
from tests.command import Command
from tests.gateway import Gateway, free_address

pytestmark = pytest.mark.integration

LAST = "2018-09-30T09:30:00Z"
AT = "2018-10-01T23:10:00Z"
ROW = ["--entity", "customer_id=7001", "--request", "tx_amount=57.16", "--request", f"tx_datetime={AT}"]
NOBODY = ["--entity", "customer_id=7999", "--request", "tx_amount=null", "--request", f"tx_datetime={AT}"]


@pytest.fixture
def unskew_command(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, gateway: Gateway) -> Command:
    """The command line of a user whose environment names the gateway, over one customer."""
    row = {
        "customer_id": 7001,
        "event_time": LAST,
        "nb_tx": 7,
        "avg_amount": 12.5,
        "last_amount": 1.0,
        "last_time": LAST,
    }
    with unskew.FeatureStoreClient(gateway.address, timeout=5.0) as client:
        assert client.write_rows("customer_history", [row]).ok
    monkeypatch.setenv("UNSKEW_ADDRESS", gateway.address)
    return Command(capsys)


def test_features_as_json(unskew_command: Command) -> None:
    names = "customer_history.nb_tx,customer_history.avg_amount,customer_history.last_terminal"
    ran = unskew_command("online", "features", "7001", "7999", "--names", names, "--json")
    assert ran.code == 0
    document = ran.document
    assert list(document) == ["as_of", "entities"]
    assert document["as_of"].endswith("Z")
    present, missing = document["entities"]
    assert list(present) == [
        "entity_id", "status", "reason", "message", "event_time", "features", "statuses", "reasons",
    ]  # fmt: skip
    assert (present["entity_id"], present["status"], present["reason"]) == ("7001", "PRESENT", None)
    assert present["features"]["customer_history.nb_tx"] == 7
    assert present["statuses"]["customer_history.last_terminal"] == "NULL"
    # A default is served beside the status.
    assert missing["features"] == {"customer_history.nb_tx": 0}
    assert set(missing["statuses"].values()) == {"MISSING"}


def test_features_as_a_table(unskew_command: Command) -> None:
    ran = unskew_command("online", "features", "7001", "7999", "--names", "customer_history.avg_amount,nb_tx")
    assert ran.code == 0
    assert "12.5" in ran.out
    assert "0.0 (MISSING)" in ran.out
    assert "MISSING" in ran.out
    assert unskew_command("online", "features", "7001", "7999", "--names", "avg_amount", "--strict").code == 1
    assert unskew_command("online", "features", "7001", "--names", "avg_amount", "--strict").code == 0


def test_vectors_are_those_of_the_client(unskew_command: Command, gateway: Gateway) -> None:
    ran = unskew_command("online", "vectors", "fraud_model", *ROW, *NOBODY, "--json")
    document = ran.document
    at = dt.datetime.fromisoformat(AT.replace("Z", "+00:00"))
    with unskew.FeatureStoreClient(gateway.address, timeout=5.0) as client:
        asked = {"tx_amount": [57.16, None], "tx_datetime": [at, at]}
        expected = client.vectors("fraud_model", {"customer_id": [7001, 7999]}, asked, names=True)
    assert (ran.code, document["rows"], document["columns"]) == (0, 2, expected.columns)
    assert document["fingerprint"] == expected.fingerprint
    assert tuple(document["names"]) == expected.names
    numbers = np.array([[np.nan if it is None else it for it in row] for row in document["vectors"]], "f4")
    assert numbers.tobytes() == np.asarray(expected.values).tobytes()
    (incomplete,) = document["incomplete"]
    assert (incomplete["row"], incomplete["slot"], incomplete["status"]) == (1, "tx_amount", "NULL")
    assert incomplete["reason"] is None
    assert document["oldest_event_time"] == LAST
    assert unskew_command("online", "vectors", "fraud_model", *ROW, *NOBODY, "--strict").code == 1
    same = unskew_command("online", "vectors", "fraud_model", *ROW, "--fingerprint", document["fingerprint"])
    assert same.code == 0
    assert document["fingerprint"] in same.out
    assert "customer_history.nb_tx" in same.out


def test_the_offline_fingerprint_is_the_one_that_is_served(unskew_command: Command) -> None:
    from tests.conftest import DEFINITIONS  # noqa: PLC0415 (fixtures and paths of the same module)

    served = unskew_command("online", "vectors", "fraud_model", *ROW, "--json").document["fingerprint"]
    assert served == unskew.load(DEFINITIONS).fingerprint("fraud_model")


def test_many_rows_are_not_all_shown(unskew_command: Command) -> None:
    ran = unskew_command("online", "vectors", "fraud_model", *(ROW * 10))
    assert "2 more rows: --json has all" in ran.out


def test_explain_tells_inputs_and_slots(unskew_command: Command) -> None:
    ran = unskew_command("explain", "fraud_model", *ROW, "--json")
    document = ran.document
    assert list(document) == ["service", "fingerprint", "as_of", "inputs", "slots"]
    assert document["as_of"] == AT
    inputs = {it["name"]: it for it in document["inputs"]}
    assert inputs["customer_history.nb_tx"]["value"] == "7"
    assert inputs["customer_history.nb_tx"]["event_time"] == LAST
    assert inputs["customer_history.nb_tx"]["age_us"] == 135_600_000_000
    assert inputs["tx_amount"]["view"] is None
    slots = {it["name"]: it for it in document["slots"]}
    vectors = unskew_command("online", "vectors", "fraud_model", *ROW, "--json").document["vectors"]
    assert [position for slot in document["slots"] for position in slot["positions"]] == vectors[0]
    assert [step["name"] for step in slots["hour"]["steps"]] == ["date_part", "cyclic"]

    ran = unskew_command("explain", "fraud_model", *ROW)
    assert ran.code == 0
    for text in ("fraud_model at 2018-10-01T23:10:00Z", "customer_history", "1 d 13 h", "cyclic", "amount_ratio"):
        assert text in ran.out


def test_explain_shows_what_lacks(unskew_command: Command) -> None:
    ran = unskew_command("explain", "fraud_model", *NOBODY)
    assert ran.code == 0
    assert "MISSING" in ran.out
    assert "NULL" in ran.out


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["explain", "fraud_model", *ROW, *ROW], "USAGE", "one row is explained"),
        (["explain", "fraud_model", "--entity", "customer_id"], "USAGE", "is not NAME=VALUE"),
        (["online", "features", "1", "--as-of", "yesterday"], "USAGE", "no time with Z or an offset"),
        (["online", "features", "1", "--as-of", "2026-01-31T09:30:00"], "USAGE", "no time with Z or an offset"),
        (["online", "vectors", "nothing", *ROW], "INVALID_ARGUMENT", "nothing"),
        (["online", "vectors", "fraud_model", *ROW, "--fingerprint", "ab"], "INVALID_ARGUMENT", "64 hexadecimal"),
        (["online", "vectors", "fraud_model", *ROW, "--fingerprint", "ab" * 32], "FAILED_PRECONDITION", "fingerprint"),
        (["online", "vectors", "fraud_model", *ROW, "--ca", "no.pem"], "INVALID_ARGUMENT", "no.pem"),
    ],
)
def test_faults_say_what_is_wrong(unskew_command: Command, arguments: list[str], code: str, said: str) -> None:
    ran = unskew_command(*arguments, "--json")
    assert ran.code == 2
    assert ran.document["error"]["code"] == code
    assert said in ran.document["error"]["message"]
    assert said in unskew_command(*arguments).err


def test_a_gateway_that_is_away_is_named(unskew_command: Command) -> None:
    address = free_address()
    ran = unskew_command("online", "features", "1", "--address", address, "--timeout", "0.3", "--json")
    assert (ran.code, ran.document["error"]["code"]) == (2, "UNAVAILABLE")


def test_a_time_may_be_given(unskew_command: Command) -> None:
    ran = unskew_command(
        "online", "features", "7001", "--names", "avg_amount", "--as-of", "2018-09-01T00:00:00Z", "--json"
    )
    assert ran.document["as_of"] == "2018-09-01T00:00:00Z"
    assert ran.document["entities"][0]["features"] == {}
