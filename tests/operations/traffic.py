"""What clients do with a gateway: reads and writes over both protocols, some of them wrong."""

import contextlib
import itertools
import json
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import unskew
from unskew.errors import UnskewError

CUSTOMERS = 20
PAUSE = 0.02


class Traffic:
    """Calls a gateway until it is told to stop."""

    def __init__(self, address: str) -> None:
        """Calls the gateway at this address; `rounds` counts how often it has done all that it does."""
        self.rounds = 0
        self._address = address
        self._stop = threading.Event()
        self._fault: BaseException | None = None

    @contextlib.contextmanager
    def flowing(self) -> Iterator["Traffic"]:
        """The traffic flows within the block, and none of it may fail otherwise than with an error of the gateway."""
        thread = threading.Thread(target=self._run)
        thread.start()
        try:
            yield self
        finally:
            self._stop.set()
            thread.join()
        if self._fault is not None:
            raise self._fault

    def _run(self) -> None:
        try:
            with unskew.FeatureStoreClient(self._address, retries=0) as client:
                for number in itertools.count():
                    if self._stop.wait(PAUSE):
                        return
                    self._grpc(client, number)
                    self._rest(number)
                    self.rounds += 1
        except BaseException as fault:  # raised again by the thread that waits
            self._fault = fault

    def _grpc(self, client: unskew.FeatureStoreClient, number: int) -> None:
        now = datetime.now(UTC)
        customer = number % CUSTOMERS
        old = now - timedelta(days=3 if number % 5 == 0 else 0)
        profile = {"customer_id": customer, "event_time": old, "home_region": "north"}
        payment = {"payment_id": number, "customer_id": customer, "paid_at": now, "amount": 1.5}
        # Each is refused for another reason: too old, too new, malformed.
        wrong = [
            {**payment, "payment_id": -number - 1, "paid_at": now - timedelta(days=9)},
            {**payment, "payment_id": -number - 2, "paid_at": now + timedelta(days=9)},
            {**payment, "amount": "much"},
        ]
        calls = (
            lambda: client.write_rows("default", [{"entity_id": f"c{customer}", "x": number}]),
            lambda: client.write_rows("customer_profile", [profile, {**profile, "home_region": 7}]),
            lambda: client.write_events("payments", [payment, *wrong]),
            lambda: client.online_features([f"c{customer}", "nobody", ""], ["x"]),
            lambda: client.online_features([str(customer)], ["customer_profile.home_region"]),
            lambda: client.vectors("shop_model", {"customer_id": [customer]}, {"amount": [1.5]}),
            lambda: client.vectors("no_such_model", {"customer_id": [customer]}, {"amount": [1.5]}),
            client.definitions,
        )
        for call in calls:
            with contextlib.suppress(UnskewError):
                call()

    def _rest(self, number: int) -> None:
        self._call("/v1/online-features", {"entity_ids": [f"c{number % CUSTOMERS}"]})
        self._call("/v1/online-features", {"entity_ids": []})
        self._call(
            "/v1/feature-vectors",
            {"service": "shop_model", "entities": {"customer_id": [1]}, "request": {"amount": [2.5]}},
        )
        self._call("/v1/views/default/rows", [{"entity_id": "r", "x": number}])
        self._call("/readyz")

    def _call(self, path: str, body: Any = None) -> None:
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(f"http://{self._address}{path}", data, {"content-type": "application/json"})
        with contextlib.suppress(urllib.error.HTTPError), urllib.request.urlopen(request, timeout=10) as response:  # noqa: S310
            response.read()
