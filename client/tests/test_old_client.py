"""A client made from the first contract, three messages and one method, still works with the real gateway."""

import json
import subprocess
import sys
from importlib.resources import files
from pathlib import Path

import pytest

from tests.gateway import Gateway
from unskew import FeatureStoreClient

pytestmark = pytest.mark.integration

FIRST_CONTRACT = """
syntax = "proto3";
package feature_store;
import "google/protobuf/struct.proto";
service FeatureStore {
  rpc GetOnlineFeatures(OnlineFeaturesRequest) returns (OnlineFeaturesResponse);
}
message OnlineFeaturesRequest  { repeated string entity_ids = 1; repeated string feature_names = 2; }
message OnlineFeaturesResponse { map<string, FeatureSet> results = 1; }
message FeatureSet             { map<string, google.protobuf.Value> features = 1; }
"""

OLD_CLIENT = """
import json, sys
import grpc
import feature_store_pb2, feature_store_pb2_grpc
from google.protobuf import json_format

address, ids, names = sys.argv[1], json.loads(sys.argv[2]), json.loads(sys.argv[3])
with grpc.insecure_channel(address, options=[("grpc.enable_http_proxy", 0)]) as channel:
    stub = feature_store_pb2_grpc.FeatureStoreStub(channel)
    request = feature_store_pb2.OnlineFeaturesRequest(entity_ids=ids, feature_names=names)
    try:
        reply = stub.GetOnlineFeatures(request, timeout=10)
    except grpc.RpcError as error:
        print(json.dumps(error.code().name))
    else:
        print(json.dumps(json_format.MessageToDict(reply)))
"""


def generate(folder: Path) -> Path:
    """Makes the old client in `folder`, by the usual protoc and its usual stubs."""
    (folder / "feature_store.proto").write_text(FIRST_CONTRACT, encoding="utf-8")
    script = folder / "old_client.py"
    script.write_text(OLD_CLIENT, encoding="utf-8")
    well_known = files("grpc_tools") / "_proto"
    protoc = [sys.executable, "-m", "grpc_tools.protoc", f"-I{folder}", f"-I{well_known}"]
    outputs = [f"--python_out={folder}", f"--grpc_python_out={folder}", "feature_store.proto"]
    subprocess.run([*protoc, *outputs], check=True)
    return script


def test_the_first_contract_still_works(gateway: Gateway, client: FeatureStoreClient, tmp_path: Path) -> None:
    script = generate(tmp_path)

    def call(ids: list[str], names: list[str]) -> object:
        arguments = [gateway.address, json.dumps(ids), json.dumps(names)]
        run = subprocess.run([sys.executable, str(script), *arguments], check=True, capture_output=True, text=True)
        return json.loads(run.stdout)

    client.write_rows(
        "default", [{"entity_id": "old", "event_time": "2018-04-01T12:00:00Z", "a": 1.5, "n": None, "l": [1, "ż"]}]
    )
    assert call(["old", "old_nobody"], []) == {
        "results": {"old": {"features": {"a": 1.5, "n": None, "l": [1.0, "ż"]}}, "old_nobody": {}}
    }
    assert call(["old"], ["a", "x"]) == {"results": {"old": {"features": {"a": 1.5}}}}
    assert call([], []) == "INVALID_ARGUMENT"
