"""Where the gateway and the offline store are: a connection of Airflow."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from airflow.sdk import BaseHook

from unskew._client import FeatureStoreClient
from unskew.errors import InvalidArgument
from unskew.retry import RetryPolicy
from unskew.security import TLS

if TYPE_CHECKING:
    from unskew.offline import OfflineStore

DEFAULT_CONN_ID = "unskew_default"
DEFAULT_PORT = 50051
READ_SECONDS = 60.0
"""What a read may take, retries included: nobody waits for a scheduled task."""
MANY = 1_000_000
"""Retries of a write, which its time ends."""

Definitions = str | os.PathLike[str]


@dataclass(frozen=True)
class Settings:
    """What a connection says. Host, port and password are the gateway's; all else is `extra`."""

    address: str
    api_key: str | None = field(repr=False)
    tls: bool = False
    ca: str | None = None
    certificate: str | None = None
    certificate_key: str | None = None
    allow_insecure: bool = False
    catalog: str = "unskew"
    warehouse: str | None = None
    properties: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def of(cls, conn_id: str) -> Settings:
        """Reads a connection.

        Raises:
            InvalidArgument: its `extra` has something else than the fields of this class, or of another type.
        """
        connection = BaseHook.get_connection(conn_id)
        extra = dict(connection.extra_dejson)
        types: dict[str, type] = {
            **dict.fromkeys(("tls", "allow_insecure"), bool),
            **dict.fromkeys(("ca", "certificate", "certificate_key", "catalog", "warehouse"), str),
            "properties": dict,
        }
        for name, value in extra.items():
            if name not in types:
                raise InvalidArgument(
                    f"the connection {conn_id!r} has {name!r} in its extra, which is none of {', '.join(types)}"
                )
            if not isinstance(value, types[name]):
                raise InvalidArgument(
                    f"the connection {conn_id!r} has {name!r} in its extra as {value!r}; "
                    f"it must be a {types[name].__name__}"
                )
        return cls(address=_address(connection.host, connection.port), api_key=connection.password or None, **extra)

    def store(self, definitions: Definitions) -> OfflineStore:
        """The offline store."""
        # PyIceberg takes a second to import, which whoever only reads the DAG should not wait.
        from unskew import offline  # noqa: PLC0415

        return offline.open(definitions, self.catalog, warehouse=self.warehouse, properties=self.properties)

    def client(self, retry_for: float | None = None) -> FeatureStoreClient:
        """A client of the gateway. `retry_for`: seconds for which each batch of a write is tried again."""
        wanted = self.tls or self.ca or self.certificate or self.certificate_key
        tls = TLS(ca=self.ca, certificate=self.certificate, key=self.certificate_key) if wanted else None
        write: dict[str, Any] = {} if retry_for is None else {"write_timeout": retry_for, "retries": RetryPolicy(MANY)}
        return FeatureStoreClient(
            self.address,
            timeout=READ_SECONDS,
            tls=tls,
            api_key=self.api_key,
            allow_insecure=self.allow_insecure,
            **write,
        )


def _address(host: str | None, port: int | None) -> str:
    """`host:port`; a host that has ports itself, or several behind commas, stands for itself."""
    host = host or "127.0.0.1"
    return host if port is None and ":" in host else f"{host}:{port or DEFAULT_PORT}"
