"""What a `.keras` archive says of the vectors that its model takes: a member `unskew.json` beside those of Keras.

Keras opens such an archive as any other, and leaves the member alone. A model that Keras itself saves again has lost
it.
"""

from __future__ import annotations

import json
import os
import zipfile
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from unskew.errors import InvalidArgument

__all__ = ["MEMBER", "TrainedOn", "read_archive"]

MEMBER = "unskew.json"
"""The name of the member."""

FORMAT = 1
DIGITS = 64


@dataclass(frozen=True)
class TrainedOn:
    """The vectors that a model was trained on.

    Attributes:
        service: the name of the service.
        fingerprint: of the service with its fitted parameters, 64 hexadecimal digits.
        columns: what each position of a vector is, in order.
        fitted: the text of the fitted file; None for a service that learns nothing from data.
    """

    service: str
    fingerprint: str
    columns: tuple[str, ...]
    fitted: str | None = None

    def to_json(self) -> str:
        """The text of the member."""
        return json.dumps({"format": FORMAT, **asdict(self)}, ensure_ascii=False, indent=1) + "\n"

    @classmethod
    def from_json(cls, text: str, where: str) -> TrainedOn:
        """Reads the text of a member.

        Args:
            text: what `to_json` wrote.
            where: the file, for messages.

        Raises:
            InvalidArgument: the text is no such member, or one of a newer format.
        """
        try:
            members = json.loads(text)
        except ValueError as error:
            raise InvalidArgument(
                f"{where}: {MEMBER} is no JSON ({error}): save the model again with unskew.keras.save"
            ) from None
        if not isinstance(members, Mapping) or members.get("format") != FORMAT:
            found = members.get("format") if isinstance(members, Mapping) else None
            raise InvalidArgument(
                f"{where}: {MEMBER} has the format {found!r}, and this unskew reads {FORMAT}: use the version that "
                "saved the model, or save it again"
            )
        return cls(
            service=_text(members, "service", where),
            fingerprint=_fingerprint(members, where),
            columns=_columns(members, where),
            fitted=None if members.get("fitted") is None else _text(members, "fitted", where),
        )


def _text(members: Mapping[str, Any], name: str, where: str) -> str:
    value = members.get(name)
    if not isinstance(value, str) or not value:
        raise InvalidArgument(f"{where}: {MEMBER} has no text {name!r}: save the model again with unskew.keras.save")
    return value


def _fingerprint(members: Mapping[str, Any], where: str) -> str:
    value = _text(members, "fingerprint", where)
    if len(value) != DIGITS or not set(value) <= set("0123456789abcdef"):
        raise InvalidArgument(
            f"{where}: the fingerprint in {MEMBER} must be {DIGITS} hexadecimal digits, not {value!r}"
        )
    return value


def _columns(members: Mapping[str, Any], where: str) -> tuple[str, ...]:
    value = members.get("columns")
    if not isinstance(value, list) or not all(isinstance(name, str) for name in value):
        raise InvalidArgument(
            f"{where}: {MEMBER} has no list of texts 'columns': save the model again with unskew.keras.save"
        )
    return tuple(value)


def add_member(path: Path, trained_on: TrainedOn) -> None:
    """Adds the member to an archive that Keras wrote."""
    with zipfile.ZipFile(path, "a", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(MEMBER, trained_on.to_json())


def read_archive(path: str | os.PathLike[str]) -> TrainedOn:
    """Reads what a model was trained on; needs no Keras.

    Args:
        path: a `.keras` file that `unskew.keras.save` wrote.

    Raises:
        InvalidArgument: there is no such file, it is no archive, or it has no member `unskew.json`.
    """
    file = Path(path)
    if not file.is_file():
        raise InvalidArgument(f"there is no model file {file}")
    try:
        with zipfile.ZipFile(file) as archive:
            text = archive.read(MEMBER).decode()
    except KeyError:
        raise InvalidArgument(
            f"the model {file} does not say which vectors it takes: it has no {MEMBER}. Save it with "
            "unskew.keras.save; model.save() of Keras leaves that out"
        ) from None
    except (zipfile.BadZipFile, OSError, UnicodeDecodeError) as error:
        raise InvalidArgument(f"{file} is no .keras archive that can be read: {error}") from error
    return TrainedOn.from_json(text, str(file))
