"""Whether a gateway serves a view as these definitions have it: else it would be given what it does not expect."""

from __future__ import annotations

from unskew.definitions import Definitions
from unskew.errors import FailedPrecondition, NotFound, UnskewError
from unskew.served import GatewayDefinitions


def check(definitions: Definitions, served: GatewayDefinitions, view: str) -> None:
    """Compares a view, and the services that read it.

    Raises:
        NotFound: the gateway does not have the view.
        FailedPrecondition: it has another one of this name; the message says what differs.
    """
    ours = definitions.views[view]
    theirs = served.views.get(view)
    if theirs is None:
        there = ", ".join(map(repr, served.views)) or "none"
        raise NotFound(f"the gateway has no view {view!r}; it has {there}: let it read these definitions")
    for name in ("kind", "entity", "version"):
        _same(view, name, getattr(ours, name), getattr(theirs, name))
    here = {feature.name: (feature.dtype, feature.ttl or None) for feature in ours.features}
    there_is = {feature.name: (feature.dtype, feature.ttl_us or None) for feature in theirs.features}
    for name in sorted({*here, *there_is}):
        _same(view, f"feature {name!r}", _feature(here.get(name)), _feature(there_is.get(name)))
    for name in definitions.services:
        service = definitions.services[name]
        known = served.services.get(name)
        if view in service.views and known is not None:
            _check_service(definitions, name, known.fingerprints)


def _check_service(definitions: Definitions, name: str, fingerprints: tuple[str, ...]) -> None:
    """The fingerprint of a service covers all of a view that its features show nothing of: conditions, columns."""
    try:
        ours = definitions.fingerprint(name)
    except UnskewError:
        # Not fitted here: its fingerprint tells nothing of its views.
        return
    if fingerprints and ours not in fingerprints:
        raise FailedPrecondition(
            f"the gateway's service {name!r} has another fingerprint than these definitions give it, {ours[:12]}…: it"
            " has read other definitions, or other fitted files"
        )


def _feature(found: tuple[str, int | None] | None) -> str:
    if found is None:
        return "absent"
    return found[0] if found[1] is None else f"{found[0]} with a ttl of {found[1]} µs"


def _same(view: str, what: str, ours: object, theirs: object) -> None:
    if ours != theirs:
        raise FailedPrecondition(
            f"the view {view!r} differs: {what} is {ours} in these definitions, and {theirs} at the gateway; let both"
            " read the same"
        )
