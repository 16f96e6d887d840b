"""Replies to `definitions`. Shared by the sync and the asyncio client."""

from collections.abc import Iterable

from unskew._generated import feature_store_pb2 as wire
from unskew.served import GatewayColumn, GatewayDefinitions, GatewayService, GatewayView


def decode_definitions(reply: wire.DefinitionsResponse) -> GatewayDefinitions:
    """The result of a reply."""
    return GatewayDefinitions(
        views={
            view.name: GatewayView(
                name=view.name,
                kind=view.kind,
                entity=view.entity,
                version=view.version,
                features=_columns(view.features),
                description=view.description,
            )
            for view in reply.views
        },
        services={
            service.name: GatewayService(
                name=service.name,
                fingerprints=tuple(fingerprint.hex() for fingerprint in service.fingerprints),
                default_fingerprint=service.default_fingerprint.hex() or None,
                problem=service.no_default,
                entities=_columns(service.entities),
                request=_columns(service.request),
                time=service.time or None,
                description=service.description,
            )
            for service in reply.services
        },
    )


def _columns(columns: Iterable[wire.DefinedColumn]) -> tuple[GatewayColumn, ...]:
    return tuple(
        GatewayColumn(column.name, column.dtype, column.ttl if column.HasField("ttl") else None, column.description)
        for column in columns
    )
