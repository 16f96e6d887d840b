"""The addresses of a client, and which of them takes the next call."""

import itertools
import random
import time
from collections.abc import Iterable

from unskew.errors import InvalidArgument

# An address that failed is passed over for so long, doubled with each failure in a row, while another one is there.
COOL_DOWN = 1.0
LONGEST_COOL_DOWN = 30.0


def parse_addresses(address: str | Iterable[str]) -> tuple[str, ...]:
    """One address, several with commas between them, or a list of them.

    Raises:
        InvalidArgument: there is none, one is there twice, or one is a URL, whose scheme gRPC takes for a resolver.
    """
    if isinstance(address, str):
        # gRPC's own targets of literal addresses have commas too.
        found = [address] if address.startswith(("ipv4:", "ipv6:")) else [part.strip() for part in address.split(",")]
    elif isinstance(address, Iterable) and not isinstance(address, bytes):
        found = list(address)
    else:
        found = [address]
    for one in found:
        if not isinstance(one, str):
            raise TypeError(f"address must be a str such as '127.0.0.1:50051', not {type(one).__name__}")
        if not one or one.startswith(("http://", "https://")):
            raise InvalidArgument(
                f"address {one!r} must be host:port, e.g. '127.0.0.1:50051'; TLS is asked for with `tls`"
            )
    if not found:
        raise InvalidArgument("address must be host:port, e.g. '127.0.0.1:50051', and not an empty list")
    if len(set(found)) != len(found):
        raise InvalidArgument(f"an address is there twice: {', '.join(found)}")
    return tuple(found)


class Balancer:
    """Round robin over addresses, by their position; those that failed just now come last.

    It has no lock: what it keeps is one number for each address, and a race costs a call to the other address. So a
    process that forks can't leave a lock behind in its child.
    """

    def __init__(self, count: int) -> None:
        self._count = count
        # Clients that start together begin at different addresses.
        self._turns = itertools.count(random.randrange(count))  # noqa: S311 (no secret)
        self._failures = [0] * count
        self._down_until = [0.0] * count

    @property
    def several(self) -> bool:
        """Whether there is more than one address."""
        return self._count > 1

    def pick(self, avoid: int | None = None) -> int:
        """The address for the next attempt: not `avoid`, if there is another one."""
        if self._count == 1:
            return 0
        # What follows a call to one address goes on to its neighbour, and takes no turn from other calls.
        turn = next(self._turns) if avoid is None else avoid + 1
        now = time.monotonic()
        order = [place for step in range(self._count) if (place := (turn + step) % self._count) != avoid]
        return next((place for place in order if self._down_until[place] <= now), order[0])

    def has_healthy(self, avoid: int) -> bool:
        """Whether an address other than `avoid` has not failed just now."""
        now = time.monotonic()
        return any(until <= now for place, until in enumerate(self._down_until) if place != avoid)

    def failed(self, place: int) -> None:
        """An attempt did not reach the gateway of this address, or was refused by it for now."""
        if self._count > 1:
            self._failures[place] += 1
            longest = min(LONGEST_COOL_DOWN, COOL_DOWN * 2.0 ** min(self._failures[place] - 1, 10))
            self._down_until[place] = time.monotonic() + longest * random.uniform(0.5, 1.0)  # noqa: S311 (jitter)

    def succeeded(self, place: int) -> None:
        """An attempt was answered."""
        if self._failures[place]:
            self._failures[place] = 0
            self._down_until[place] = 0.0
