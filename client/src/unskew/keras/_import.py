"""Keras, imported when it is needed: it is an extra, and its backend has to be chosen before."""

from __future__ import annotations

import importlib
from types import ModuleType


def import_keras() -> ModuleType:
    """Keras 3 on the backend of `KERAS_BACKEND`, or of Keras's own configuration.

    Raises:
        ImportError: Keras or its backend is not installed; the message says how to install it.
    """
    try:
        keras = importlib.import_module("keras")
    except ImportError as error:
        raise ImportError(
            f"unskew.keras needs Keras 3 and a backend ({error}): install them with `pip install 'unskew[keras]'`, "
            "which brings jax, and set KERAS_BACKEND=jax; or install tensorflow or torch beside keras"
        ) from error
    version = str(getattr(keras, "__version__", "0"))
    if int(version.split(".", 1)[0]) < 3:  # noqa: PLR2004 (the major version that runs on several backends)
        raise ImportError(f"unskew.keras needs Keras 3, and {version} is installed: `pip install 'keras>=3'`")
    return keras
