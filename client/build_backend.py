"""Build backend: maturin, after the wire messages were made from `feature_store.proto`.

Its one copy is in `proto/` of the repository.

The messages are kept as a serialized descriptor, from which `unskew._descriptors` builds the classes at import, and
as a stub file with their types. Nothing that was generated is committed.
"""

import importlib.resources
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import maturin

get_requires_for_build_wheel = maturin.get_requires_for_build_wheel
get_requires_for_build_editable = maturin.get_requires_for_build_editable
get_requires_for_build_sdist = maturin.get_requires_for_build_sdist

PROTO = "feature_store.proto"
MODULE = "feature_store_pb2"
ROOT = Path(__file__).resolve().parent
GENERATED = ROOT / "src" / "unskew" / "_generated"

MODULE_TEXT = '''"""Messages of {proto}. Made at build time, not to be edited."""

from unskew import _descriptors

DESCRIPTOR = _descriptors.build({descriptor_set!r}, {proto!r}, globals())
'''

Settings = Mapping[str, Any] | None


def build_wheel(wheel_directory: str, config_settings: Settings = None, metadata_directory: str | None = None) -> str:
    """A wheel with the compiled engine."""
    generate()
    return str(maturin.build_wheel(wheel_directory, config_settings, metadata_directory))


def build_editable(
    wheel_directory: str, config_settings: Settings = None, metadata_directory: str | None = None
) -> str:
    """The same for `pip install --editable`."""
    generate()
    return str(maturin.build_editable(wheel_directory, config_settings, metadata_directory))


def build_sdist(sdist_directory: str, config_settings: Settings = None) -> str:
    """The sources with the messages in them: the contract itself lies outside of this folder."""
    generate()
    return str(maturin.build_sdist(sdist_directory, config_settings))


def generate() -> None:
    """Makes the messages; those of an unpacked sdist are there already."""
    proto = ROOT.parent / "proto" / PROTO
    if not proto.is_file():
        if (GENERATED / f"{MODULE}.py").is_file():
            return
        raise FileNotFoundError(f"the contract is not at {proto}; build from a clone of the repository or an sdist")
    GENERATED.mkdir(parents=True, exist_ok=True)
    descriptor_set, stub = compile_proto(proto)
    (GENERATED / "__init__.py").write_text('"""Made at build time."""\n', encoding="utf-8")
    text = MODULE_TEXT.format(proto=PROTO, descriptor_set=descriptor_set)
    (GENERATED / f"{MODULE}.py").write_text(text, encoding="utf-8")
    (GENERATED / f"{MODULE}.pyi").write_text(stub, encoding="utf-8")


def compile_proto(proto: Path) -> tuple[bytes, str]:
    """Runs protoc; returns the serialized FileDescriptorSet of `proto` alone, and its type stub."""
    from grpc_tools import protoc  # noqa: PLC0415 (an unpacked sdist is built without it)

    well_known = importlib.resources.files("grpc_tools") / "_proto"
    with tempfile.TemporaryDirectory() as folder:
        descriptor_set = Path(folder, "descriptor_set")
        arguments = [
            "protoc",
            f"--proto_path={proto.parent}",
            f"--proto_path={well_known}",
            f"--descriptor_set_out={descriptor_set}",
            f"--pyi_out={folder}",
            proto.name,
        ]
        if protoc.main(arguments) != 0:
            raise RuntimeError(f"protoc refused {proto}: its message stands above")
        return descriptor_set.read_bytes(), Path(folder, f"{MODULE}.pyi").read_text(encoding="utf-8")
