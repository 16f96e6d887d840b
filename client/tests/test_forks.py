"""A client that was made before a fork works in the child, as servers that fork their workers need it."""

import os
import subprocess
import sys

import pytest

from tests.gateway import Gateway

pytestmark = [
    pytest.mark.integration,
    pytest.mark.skipif(not hasattr(os, "fork"), reason="the system has no fork"),
]

# Three children fork one after the other; the parent may have called already. A child that hangs is ended by its alarm.
FORKS = """
import gc, os, signal, sys, threading
import unskew

address, parent_calls = sys.argv[1], sys.argv[2] == "calls"
client = unskew.FeatureStoreClient(address, timeout=5.0)
if parent_calls:
    client.online_features(["a"], ["x"])
    parents = client._connections.get(0).channel
statuses = []
for child in range(3):
    pid = os.fork()
    if pid == 0:
        signal.alarm(20)
        assert client.online_features(["a"], ["x"])["a"].status is unskew.Status.MISSING
        if parent_calls:
            assert client._connections.get(0).channel is not parents
        threads = [threading.Thread(target=client.online_features, args=(["a"],)) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        if child == 1:
            client.close()
        if child == 2:
            del client
            gc.collect()
        sys.exit(0)
    statuses.append(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
client.online_features(["a"], ["x"])
client.close()
assert statuses == [0, 0, 0], statuses
"""


def run(gateway: Gateway, parent: str, fork_support: str | None) -> None:
    environment = {name: value for name, value in os.environ.items() if name != "GRPC_ENABLE_FORK_SUPPORT"}
    if fork_support is not None:
        environment["GRPC_ENABLE_FORK_SUPPORT"] = fork_support
    command = [sys.executable, "-W", "ignore::DeprecationWarning", "-c", FORKS, gateway.address, parent]
    run = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=90, check=False)
    assert run.returncode == 0, run.stderr


@pytest.mark.parametrize("fork_support", [None, "0", "1"])
def test_a_client_made_before_the_fork_works_in_the_child(gateway: Gateway, fork_support: str | None) -> None:
    run(gateway, "made", fork_support)


@pytest.mark.parametrize("fork_support", [None, "1"])
def test_a_client_that_was_used_before_the_fork_works_in_the_child(gateway: Gateway, fork_support: str | None) -> None:
    run(gateway, "calls", fork_support)
