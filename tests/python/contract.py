"""Python's protobuf messages of the contract, made from `proto/feature_store.proto` by the usual compiler."""

import importlib.util
import subprocess
import sys
from importlib.resources import files
from pathlib import Path
from types import ModuleType

ROOT = Path(__file__).resolve().parents[2]


def generate(folder: Path) -> ModuleType:
    """Compiles the contract into `folder`, and imports its messages."""
    well_known = files("grpc_tools") / "_proto"
    command = [sys.executable, "-m", "grpc_tools.protoc", f"-I{ROOT / 'proto'}", f"-I{well_known}"]
    subprocess.run([*command, f"--python_out={folder}", "feature_store.proto"], check=True)
    spec = importlib.util.spec_from_file_location("full_contract_pb2", folder / "feature_store_pb2.py")
    if spec is None or spec.loader is None:
        raise RuntimeError(f"protoc wrote no module into {folder}")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
