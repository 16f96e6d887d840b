"""Build hook: makes the wire messages from `feature_store.proto`; its one copy is in `proto/` of the repository.

The messages are kept as a serialized descriptor, from which `unskew._descriptors` builds the classes at import, and
as a stub file with their types. Nothing that was generated is committed.
"""

import importlib.resources
import tempfile
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

PROTO = "feature_store.proto"
MODULE = "feature_store_pb2"
GENERATED = Path("src", "unskew", "_generated")

MODULE_TEXT = '''"""Messages of {proto}. Made at build time, not to be edited."""

from unskew import _descriptors

DESCRIPTOR = _descriptors.build({descriptor_set!r}, {proto!r}, globals())
'''


class ProtoBuildHook(BuildHookInterface):  # type: ignore[type-arg]
    """Compiles the contract for a wheel or an editable install; puts the contract itself into an sdist."""

    PLUGIN_NAME = "proto"

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:  # noqa: ARG002 (hatchling's signature)
        """Called by hatchling before each target is built."""
        proto = self.find_proto()
        if self.target_name == "sdist":
            build_data["force_include"][str(proto)] = f"proto/{PROTO}"
            return
        target = Path(self.root) / GENERATED
        target.mkdir(parents=True, exist_ok=True)
        descriptor_set, stub = compile_proto(proto)
        (target / "__init__.py").write_text('"""Made at build time."""\n', encoding="utf-8")
        text = MODULE_TEXT.format(proto=PROTO, descriptor_set=descriptor_set)
        (target / f"{MODULE}.py").write_text(text, encoding="utf-8")
        (target / f"{MODULE}.pyi").write_text(stub, encoding="utf-8")
        build_data["artifacts"].append(f"/{GENERATED.as_posix()}/*")

    def find_proto(self) -> Path:
        """The contract: inside an unpacked sdist, else beside `client/` in the repository."""
        root = Path(self.root)
        candidates = [root / "proto" / PROTO, root.parent / "proto" / PROTO]
        for candidate in candidates:
            if candidate.is_file():
                return candidate
        places = " nor ".join(str(candidate) for candidate in candidates)
        raise FileNotFoundError(
            f"the contract is neither at {places}; build from a clone of the repository or an sdist"
        )


def compile_proto(proto: Path) -> tuple[bytes, str]:
    """Runs protoc; returns the serialized FileDescriptorSet of `proto` alone, and its type stub."""
    from grpc_tools import protoc  # noqa: PLC0415 (an sdist is built without it)

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
