"""A service with the fitted parameters that it had when it was given."""

from __future__ import annotations

from dataclasses import dataclass

from unskew.service import Fitted, OfflineVectors, Service


@dataclass(frozen=True)
class FixedService:
    """A service and its fitted parameters: what is computed stays the same if a file beside the definitions changes.

    Attributes:
        service: of some definitions.
        fitted: its parameters; None for a service that learns nothing.
    """

    service: Service
    fitted: Fitted | None

    @classmethod
    def of(cls, service: Service, fitted: Fitted | None) -> FixedService:
        """With the parameters beside the definitions, if the service needs some and none are given.

        Raises:
            NotFitted: there are none.
            FittedFileError: they were fitted on other definitions.
        """
        if fitted is None and service.needs_fit:
            fitted = service.fitted()
        service.fingerprint(fitted)
        return cls(service, fitted)

    @property
    def fingerprint(self) -> str:
        """In hexadecimal."""
        return self.service.fingerprint(self.fitted)

    @property
    def names(self) -> tuple[str, ...]:
        """What each column of the vectors is."""
        return self.service.names(self.fitted)

    def vectors(self, table: object) -> OfflineVectors:
        """The vectors of a table."""
        return self.service.vectors(table, self.fitted)
