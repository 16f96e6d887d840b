"""What docs/operations.md tells operators to do, done."""

import re
from datetime import UTC, datetime
from pathlib import Path

import unskew
from servers import ROOT, free_port, running

PAGE = (ROOT / "docs" / "operations.md").read_text(encoding="utf-8")
PASSWORD = "unguessed"  # noqa: S105 (of a server of the test)
DEFINITIONS = Path(__file__).resolve().parent / "definitions"


def test_the_user_of_redis_may_do_what_the_gateway_needs(gateway_class: type, tmp_path: Path) -> None:
    found = re.search(r"^ +(user unskew .*)$", PAGE, re.MULTILINE)
    assert found
    users = tmp_path / "users.acl"
    users.write_text(f"user default off\n{found[1].replace('PASSWORD', PASSWORD)}\n", encoding="utf-8")
    port = free_port()
    command = ["redis-server", "--port", str(port), "--bind", "127.0.0.1", "--save", "", "--dir", str(tmp_path)]
    settings = {
        "APP__STORE__REDIS__USERNAME": "unskew",
        "APP__STORE__PASSWORD": PASSWORD,
        "APP__DEFINITIONS__PATH": str(DEFINITIONS),
    }
    store = f"redis://127.0.0.1:{port}"
    with (
        running([*command, "--aclfile", str(users)], port, tmp_path / "redis.log"),
        gateway_class(tmp_path, store=store, settings=settings) as gateway,
        unskew.FeatureStoreClient(gateway.address, timeout=5) as client,
    ):
        now = datetime.now(UTC)
        assert client.write_rows("default", [{"entity_id": "a", "event_time": now, "x": 1}]).accepted == 1
        profile = {"customer_id": 1, "event_time": now, "home_region": "north"}
        assert client.write_rows("customer_profile", [profile]).accepted == 1
        payment = {"payment_id": 1, "customer_id": 1, "paid_at": now, "amount": 1.5}
        assert client.write_events("payments", [payment]).accepted == 1
        assert client.online_features(["a"], ["x"])["a"]["x"] == 1
        assert client.online_features(["1"], ["customer_profile.home_region"])["1"].require(
            ["customer_profile.home_region"]
        ) == ["north"]
        vectors = client.vectors("shop_model", {"customer_id": [1]}, {"amount": [2.5]})
        assert [list(row) for row in vectors.require()] == [[2.5, 1.0]]
