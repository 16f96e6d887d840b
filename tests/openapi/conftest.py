"""The gateway whose answers are compared with the document knows what the examples of the document name."""

from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def settings(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """The environment of the gateway: definitions beside the built-in view, and a place for backups."""
    return {
        "APP__DEFINITIONS__PATH": str(Path(__file__).resolve().parent / "definitions"),
        "APP__STORE__EMBEDDED__BACKUP_DIRECTORY": str(tmp_path_factory.mktemp("backups")),
    }
