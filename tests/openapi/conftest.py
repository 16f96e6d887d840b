"""The gateway whose answers are compared with the document knows what the examples of the document name."""

from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def settings() -> dict[str, str]:
    """The environment of the gateway: definitions beside the built-in view."""
    return {"APP__DEFINITIONS__PATH": str(Path(__file__).resolve().parent / "definitions")}
