"""Retries: on UNAVAILABLE only, after an exponential back-off with jitter, inside the deadline of the call."""

import random
import time
from dataclasses import dataclass
from typing import TypedDict

import grpc

from unskew._replies import FailedCall, decode_error
from unskew.errors import DeadlineExceeded, InvalidArgument, UnskewError

__all__ = ["RetryPolicy"]


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


class CallOptions(TypedDict):
    """Options of one attempt of a call."""

    timeout: float
    """Seconds."""
    wait_for_ready: bool


class Attempts:
    """Deadline and retries of one call. It never sleeps: the caller does, in its own way."""

    def __init__(self, policy: RetryPolicy, timeout: float, address: str) -> None:
        self._policy = policy
        self._timeout = timeout
        self._address = address
        self._deadline = time.monotonic() + timeout
        self._failed = 0
        self._unreachable: UnskewError | None = None

    def next(self) -> CallOptions:
        """Options of the next attempt.

        After an attempt that did not reach the gateway the next waits for the connection: else the retries could be
        used up while grpc waits to connect again, and before 1.80 grpcio connects only while a call waits for it.

        Raises:
            UnskewError: the deadline has passed.
        """
        left = self._deadline - time.monotonic()
        if left <= 0:
            raise self._out_of_time()
        return {"timeout": left, "wait_for_ready": self._unreachable is not None}

    def after(self, call: FailedCall) -> float:
        """Seconds to wait before the next attempt, after a failed one.

        Raises:
            UnskewError: the error of the failed attempt, when no other may follow.
        """
        error = decode_error(call)
        self._failed += 1
        # An error that the gateway did not make bears no request id.
        if error.grpc_code is grpc.StatusCode.DEADLINE_EXCEEDED and error.request_id is None:
            raise self._out_of_time() from None
        if error.grpc_code is not grpc.StatusCode.UNAVAILABLE or self._failed > self._policy.retries:
            raise self._final(error) from None
        self._unreachable = error if error.request_id is None else None
        delay = max(self._policy.backoff(self._failed - 1), error.retry_after or 0.0)
        if time.monotonic() + delay >= self._deadline:
            raise self._final(error) from None
        return delay

    def _out_of_time(self) -> UnskewError:
        """Why the gateway could not be reached, if that was so; else that it did not answer."""
        no_answer = f"no answer from {self._address} within {self._timeout} s"
        return self._final(
            self._unreachable or DeadlineExceeded(no_answer, grpc_code=grpc.StatusCode.DEADLINE_EXCEEDED)
        )

    def _final(self, error: UnskewError) -> UnskewError:
        if self._failed > 1:
            error.add_note(f"{self._failed} attempts within {self._timeout} s")
        return error
