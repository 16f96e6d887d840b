"""What was done, as the JSON that Airflow keeps of a task."""

from __future__ import annotations

import dataclasses
import json
from typing import Any

SHOWN = 20
"""Of what can be long, so many are kept."""


def document(done: Any) -> Any:
    """Dataclasses, and lists of them, as JSON has them."""
    if isinstance(done, list):
        return [document(it) for it in done]
    fields = {field.name: getattr(done, field.name) for field in dataclasses.fields(done)}
    return {name: _value(value) for name, value in fields.items()}


def _value(value: Any) -> Any:
    if isinstance(value, tuple):
        return [_value(it) for it in value[:SHOWN]]
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return document(value)
    # Keys can be bytes, and Airflow takes no numpy.
    return json.loads(json.dumps(value, default=str))
