"""Options of the commands that ask a gateway, and the values that they send."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, TypeVar

import click

from unskew import FeatureStoreClient
from unskew._times import from_micros
from unskew.retry import RetryPolicy
from unskew.security import TLS

Function = TypeVar("Function", bound=Callable[..., Any])

DEFAULT_ADDRESS = "127.0.0.1:50051"
DEFAULT_TIMEOUT = 5.0
MANY = 1_000_000
"""Retries, where a time ends them."""


def gateway_options(function: Function) -> Function:
    """`--address`, `--timeout` and the options of TLS and keys: what `connect` takes."""
    options = [
        click.option(
            "--address",
            default=DEFAULT_ADDRESS,
            envvar="UNSKEW_ADDRESS",
            show_default=True,
            show_envvar=True,
            help="host:port of the gateway; several behind commas.",
        ),
        click.option(
            "--timeout",
            type=click.FloatRange(min=0, min_open=True),
            default=DEFAULT_TIMEOUT,
            show_default=True,
            metavar="SECONDS",
            help="What the call may take, retries included.",
        ),
        click.option("--tls", is_flag=True, help="Connect by TLS."),
        click.option(
            "--ca",
            type=click.Path(path_type=Path),
            metavar="FILE",
            help="Connect by TLS, and trust the authorities of this PEM file.",
        ),
        click.option(
            "--certificate",
            type=click.Path(path_type=Path),
            metavar="FILE",
            help="Connect by TLS, and show the certificate of this PEM file; needs --certificate-key.",
        ),
        click.option(
            "--certificate-key",
            type=click.Path(path_type=Path),
            metavar="FILE",
            help="PEM file of the private key of --certificate.",
        ),
        click.option(
            "--allow-insecure",
            is_flag=True,
            help="Send the API key of UNSKEW_API_KEY over plain text to other machines too.",
        ),
    ]
    for option in reversed(options):
        function = option(function)
    return function


def connect(  # noqa: PLR0913 (one for each option)
    address: str,
    timeout: float,
    tls: bool,
    ca: Path | None,
    certificate: Path | None,
    certificate_key: Path | None,
    allow_insecure: bool,
    *,
    retry_for: float | None = None,
) -> FeatureStoreClient:
    """The client that these options ask for. `retry_for`: seconds for which each batch of a write is tried again."""
    wanted = tls or ca or certificate or certificate_key
    secured = TLS(ca=ca, certificate=certificate, key=certificate_key) if wanted else None
    write: dict[str, Any] = {} if retry_for is None else {"write_timeout": retry_for, "retries": RetryPolicy(MANY)}
    return FeatureStoreClient(address, timeout=timeout, tls=secured, allow_insecure=allow_insecure, **write)


def as_of_option(function: Function) -> Function:
    """`--as-of`: the time t of the request."""
    return click.option(
        "--as-of",
        metavar="TIME",
        callback=lambda _context, _parameter, text: None if text is None else instant(text),
        help="The time t of the request: RFC 3339, such as 2026-01-31T09:30:00Z, or microseconds since 1970-01-01 UTC.",
    )(function)


def instant(text: str) -> dt.datetime | int:
    """A time of the command line.

    >>> instant("1970-01-01T00:00:01Z"), instant("1000000")
    (datetime.datetime(1970, 1, 1, 0, 0, 1, tzinfo=datetime.timezone.utc), 1000000)
    """
    if text.removeprefix("-").isdecimal():
        return int(text)
    try:
        # Python 3.10 does not know Z.
        found = dt.datetime.fromisoformat(f"{text[:-1]}+00:00" if text[-1:] in {"Z", "z"} else text)
    except ValueError:
        found = None
    if found is None or found.tzinfo is None:
        raise click.BadParameter(f"{text!r} is no time with Z or an offset, such as 2026-01-31T09:30:00Z")
    return found


def columns(pairs: Iterable[str], option: str) -> dict[str, list[Any]]:
    """`name=value` texts as columns: a name that stands again is the next row.

    >>> columns(["customer_id=596", "customer_id=5000", "region=north"], "--entity")
    {'customer_id': [596, 5000], 'region': ['north']}
    """
    found: dict[str, list[Any]] = {}
    for pair in pairs:
        name, equals, text = pair.partition("=")
        if not equals or not name:
            raise click.BadParameter(f"{pair!r} is not NAME=VALUE, such as customer_id=596", param_hint=option)
        found.setdefault(name, []).append(value(text))
    return {name: _alike(values) for name, values in found.items()}


def value(text: str) -> Any:
    """A value: JSON if it is that, else the text itself. Quotes make a text of digits: `"007"`.

    >>> value("57.16"), value("null"), value("north"), value('"596"'), value("[1, 2]"), value("007")
    (57.16, None, 'north', '596', [1, 2], '007')
    """
    try:
        return json.loads(text, parse_constant=lambda constant: constant)
    except ValueError:
        return text


def _alike(values: list[Any]) -> list[Any]:
    """Whole numbers beside others are floats, so that a column has one type."""
    numbers = [it for it in values if it is not None]
    mixed = {type(it) for it in numbers} == {int, float}
    return [float(it) if mixed and it is not None else it for it in values]


def time_text(micros: int | None) -> str | None:
    """A time as RFC 3339; as the number of its microseconds where its year has more than four digits.

    >>> time_text(1_000_000), time_text(None)
    ('1970-01-01T00:00:01Z', None)
    """
    if micros is None:
        return None
    try:
        return from_micros(micros).isoformat().replace("+00:00", "Z")
    except OverflowError:
        return str(micros)


def age_text(micros: int | None) -> str:
    """A length of time, in the two largest of its units.

    >>> age_text(93_784_000_000), age_text(1_500_000), age_text(-2_000_000), age_text(None)
    ('1 d 2 h', '1.5 s', '-2 s', '')
    """
    if micros is None:
        return ""
    sign, seconds = "-" if micros < 0 else "", abs(micros) / 1e6
    for name, unit, below, lower in (("d", 86_400, "h", 3_600), ("h", 3_600, "min", 60), ("min", 60, "s", 1)):
        if seconds >= unit:
            whole = int(seconds // unit)
            return f"{sign}{whole} {name} {int(seconds - whole * unit) // lower} {below}"
    return f"{sign}{seconds:.6g} s"


def number(value: float) -> float:
    """A float32 as the double nearest to its shortest text: 0.1, not 0.10000000149011612.

    >>> import struct
    >>> number(struct.unpack("f", struct.pack("f", 0.1))[0])
    0.1
    """
    import numpy as np  # noqa: PLC0415 (slow to import, and not needed for --help)

    return float(str(np.float32(value)))
