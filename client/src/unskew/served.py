"""What a gateway serves: its views, and its services with the fingerprints that are loaded."""

import datetime as dt
from dataclasses import dataclass

__all__ = ["GatewayColumn", "GatewayDefinitions", "GatewayService", "GatewayView"]


@dataclass(frozen=True)
class GatewayColumn:
    """A feature, a key column or a request column."""

    name: str
    dtype: str
    """Its declared type, such as `float64` or `list<string>`."""
    ttl_us: int | None = None
    """Of a feature: microseconds after its event time for which a value is served; None: for ever."""
    description: str = ""

    @property
    def ttl(self) -> dt.timedelta | None:
        """`ttl_us` as a timedelta; None: for ever."""
        return None if self.ttl_us is None else dt.timedelta(microseconds=self.ttl_us)


@dataclass(frozen=True)
class GatewayView:
    """A defined view."""

    name: str
    kind: str
    """`row` or `window`."""
    entity: str
    version: int
    features: tuple[GatewayColumn, ...]
    description: str = ""


@dataclass(frozen=True)
class GatewayService:
    """A service, which `vectors` and `explain` can be asked for."""

    name: str
    fingerprints: tuple[str, ...]
    """Those that are loaded, in hexadecimal; none: the service can't be served, and `problem` says why."""
    default_fingerprint: str | None
    """That of requests that bring none, in hexadecimal; None: such requests are refused, and `problem` says why."""
    problem: str
    """Why there is no default; empty if there is one."""
    entities: tuple[GatewayColumn, ...]
    """The key columns of every entity that it reads."""
    request: tuple[GatewayColumn, ...]
    """Its request columns."""
    time: str | None
    """The request column that is the time t; None: there is none."""
    description: str = ""


@dataclass(frozen=True)
class GatewayDefinitions:
    """Reply to `definitions`."""

    views: dict[str, GatewayView]
    """By name. The built-in view `default` is not among them."""
    services: dict[str, GatewayService]
    """By name."""
