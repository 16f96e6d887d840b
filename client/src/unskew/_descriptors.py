"""Builds message classes from a serialized descriptor, with protobuf's public API only.

Code that protoc writes for Python refuses to run with a protobuf older, or two major versions newer, than protoc. A
descriptor has no such bound. It is loaded into a pool of its own, so that stubs which a user generated from the same
`.proto` (or an older copy) can live in the same process.
"""

from typing import Any

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory, struct_pb2
from google.protobuf.descriptor import FileDescriptor


def build(descriptor_set: bytes, file_name: str, namespace: dict[str, Any]) -> FileDescriptor:
    """Puts the classes of the messages and the values of the enums of `file_name` into `namespace`."""
    pool = descriptor_pool.DescriptorPool()
    pool.AddSerializedFile(struct_pb2.DESCRIPTOR.serialized_pb)
    for file in descriptor_pb2.FileDescriptorSet.FromString(descriptor_set).file:
        pool.AddSerializedFile(file.SerializeToString())
    descriptor = pool.FindFileByName(file_name)
    for name, message in descriptor.message_types_by_name.items():
        namespace[name] = message_factory.GetMessageClass(message)
    for enum in descriptor.enum_types_by_name.values():
        namespace.update((value.name, value.number) for value in enum.values)
    return descriptor
