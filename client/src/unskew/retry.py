"""Retries: on UNAVAILABLE only, after an exponential back-off with jitter, inside the deadline of the call."""

import random
import time
from dataclasses import dataclass

import grpc

from unskew._replies import FailedCall, decode_error
from unskew.errors import DeadlineExceeded, InvalidArgument, UnskewError

__all__ = ["RetryPolicy"]


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """How often a call is tried again, and how long is waited before.

    The wait before retry n (from 0) lies between half and all of `initial_backoff * multiplier**n`, at most
    `max_backoff`; longer when the gateway says so (`retry-after-ms`). A retry that could not start before the deadline
    is not waited for.
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


class Attempts:
    """Deadline and retries of one call. It never sleeps: the caller does, in its own way."""

    def __init__(self, policy: RetryPolicy, timeout: float, address: str) -> None:
        self._policy = policy
        self._timeout = timeout
        self._address = address
        self._deadline = time.monotonic() + timeout
        self._failed = 0

    def remaining(self) -> float:
        """Seconds left until the deadline.

        Raises:
            DeadlineExceeded: none are left.
        """
        left = self._deadline - time.monotonic()
        if left <= 0:
            raise self._no_answer()
        return left

    def after(self, call: FailedCall) -> float:
        """Seconds to wait before the next attempt, after a failed one.

        Raises:
            UnskewError: the error of the failed attempt, when no other may follow.
        """
        error = decode_error(call)
        self._failed += 1
        if error.grpc_code is grpc.StatusCode.DEADLINE_EXCEEDED and error.request_id is None:
            # grpc's own words hold no number.
            error = self._no_answer()
        if error.grpc_code is not grpc.StatusCode.UNAVAILABLE or self._failed > self._policy.retries:
            raise self._final(error) from None
        delay = max(self._policy.backoff(self._failed - 1), error.retry_after or 0.0)
        if time.monotonic() + delay >= self._deadline:
            raise self._final(error) from None
        return delay

    def _no_answer(self) -> DeadlineExceeded:
        return DeadlineExceeded(
            f"no answer from {self._address} within {self._timeout} s", grpc_code=grpc.StatusCode.DEADLINE_EXCEEDED
        )

    def _final(self, error: UnskewError) -> UnskewError:
        if self._failed > 1:
            error.add_note(f"{self._failed} attempts within {self._timeout} s; this is the error of the last")
        return error
