"""Retries: on UNAVAILABLE, OVERLOADED and RATE_LIMITED, after a back-off with jitter, inside the call's deadline."""

import random
import time
from dataclasses import dataclass
from typing import TypedDict

import grpc

from unskew._replies import FailedCall, decode_error
from unskew._targets import Balancer
from unskew.errors import DeadlineExceeded, InvalidArgument, UnskewError

__all__ = ["RetryPolicy"]

# The gateway's codes for what it refused before anything was done.
REFUSED_UNDONE = ("OVERLOADED", "RATE_LIMITED")


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """How often a call is tried again, and how long is waited before.

    The wait before retry n (from 0) lies between half and all of `initial_backoff * multiplier**n`, at most
    `max_backoff`; longer when the gateway says so (`retry-after-ms`). A retry that could not start before the deadline
    is not waited for. If the gateway could not be reached, the retry waits for the connection, until the deadline.
    """

    retries: int = 5
    """Retries after the first attempt; 0 for none."""
    initial_backoff: float = 0.025
    """Seconds."""
    multiplier: float = 2.0
    max_backoff: float = 1.0
    """Seconds."""

    def __post_init__(self) -> None:
        if self.retries < 0:
            raise InvalidArgument(f"retries must be 0 or more, not {self.retries}")
        if not 0 < self.initial_backoff <= self.max_backoff:
            raise InvalidArgument(
                f"initial_backoff {self.initial_backoff} must lie above 0 and not above max_backoff {self.max_backoff}"
            )
        if not self.multiplier >= 1:
            raise InvalidArgument(f"multiplier must be 1 or more, not {self.multiplier}")

    @classmethod
    def of(cls, retries: "RetryPolicy | int") -> "RetryPolicy":
        """A policy as it is, or the default one with that many retries."""
        return retries if isinstance(retries, RetryPolicy) else cls(retries=retries)

    def backoff(self, retry: int) -> float:
        """Seconds to wait before a retry, from 0. Jitter spreads clients that failed together."""
        try:
            longest = min(self.max_backoff, self.initial_backoff * float(self.multiplier) ** retry)
        except OverflowError:
            longest = self.max_backoff
        return longest * random.uniform(0.5, 1.0)  # noqa: S311 (jitter is no secret)


DEFAULT_RETRY = RetryPolicy()
NO_RETRY = RetryPolicy(retries=0)

Headers = tuple[tuple[str, str], ...]


class CallOptions(TypedDict):
    """Options of one attempt of a call."""

    timeout: float
    """Seconds."""
    wait_for_ready: bool
    metadata: Headers | None


class Attempts:
    """Deadline, retries and addresses of one call. It never sleeps: the caller does, in its own way.

    `place` is the position of the address that the attempt under way goes to.
    """

    __slots__ = (
        "_addresses",
        "_balancer",
        "_counted",
        "_deadline",
        "_failed",
        "_headers",
        "_policy",
        "_timeout",
        "_unreachable",
        "place",
    )

    def __init__(
        self, policy: RetryPolicy, timeout: float, addresses: tuple[str, ...], balancer: Balancer, headers: Headers
    ) -> None:
        self._policy = policy
        self._timeout = timeout
        self._addresses = addresses
        self._balancer = balancer
        self._headers = headers or None
        self._deadline = time.monotonic() + timeout
        self._failed = 0
        self._counted = 0
        self._unreachable: UnskewError | None = None
        self.place = balancer.pick()

    def next(self) -> CallOptions:
        """Options of the next attempt.

        With one address, after an attempt that did not reach the gateway the next waits for the connection: else the
        retries could be used up while grpc waits to connect again, and before 1.80 grpcio connects only while a call
        waits for it. With several it does not wait, as another one may be there first.

        Raises:
            UnskewError: the deadline has passed.
        """
        left = self._deadline - time.monotonic()
        if left <= 0:
            raise self._out_of_time()
        wait = self._unreachable is not None and not self._balancer.several
        return {"timeout": left, "wait_for_ready": wait, "metadata": self._headers}

    def elsewhere(self) -> int:
        """The position of an address for a second request beside the one under way: another one, if there is."""
        return self._balancer.pick(self.place)

    def succeeded(self, place: int) -> None:
        """The gateway of an address gave a reply."""
        self._balancer.succeeded(place)

    def after(self, call: FailedCall) -> float:
        """Seconds to wait before the next attempt, after a failed one; `place` is then where it goes.

        Raises:
            UnskewError: the error of the failed attempt, when no other may follow.
        """
        error = decode_error(call)
        self._failed += 1
        # An error that the gateway did not make bears no request id.
        answered = error.request_id is not None
        if error.grpc_code is grpc.StatusCode.DEADLINE_EXCEEDED and not answered:
            self._balancer.failed(self.place)
            raise self._out_of_time() from None
        if error.grpc_code is not grpc.StatusCode.UNAVAILABLE and error.code not in REFUSED_UNDONE:
            self._balancer.succeeded(self.place)
            raise self._final(error) from None
        self._balancer.failed(self.place)
        # Addresses that can't be reached are gone through until the deadline, as a single one is waited for.
        self._counted += answered or not self._balancer.several
        if self._counted > self._policy.retries or not self._policy.retries:
            raise self._final(error) from None
        self._unreachable = None if answered else error
        delay = self._delay(error)
        if time.monotonic() + delay >= self._deadline:
            raise self._final(error) from None
        self.place = self._balancer.pick(self.place)
        return delay

    def _delay(self, error: UnskewError) -> float:
        """None before another gateway is asked; the hint is only that of the gateway that gave it."""
        if self._balancer.has_healthy(self.place):
            return 0.0
        return max(self._policy.backoff(self._failed - 1), error.retry_after or 0.0)

    def _out_of_time(self) -> UnskewError:
        """Why the gateway could not be reached, if that was so; else that it did not answer."""
        no_answer = f"no answer from {self._addresses[self.place]} within {self._timeout} s"
        return self._final(
            self._unreachable or DeadlineExceeded(no_answer, grpc_code=grpc.StatusCode.DEADLINE_EXCEEDED)
        )

    def _final(self, error: UnskewError) -> UnskewError:
        if self._failed > 1 and hasattr(error, "add_note"):  # from Python 3.11
            error.add_note(f"{self._failed} attempts within {self._timeout} s")
        return error
