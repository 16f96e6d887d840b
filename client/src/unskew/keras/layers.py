"""A service as layers of Keras, as far as Keras has them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from unskew.errors import InvalidArgument
from unskew.keras._fixed import FixedService
from unskew.keras._import import import_keras
from unskew.keras._mapping import NoLayer, layers_of

if TYPE_CHECKING:
    from unskew.service import Fitted, Service

__all__ = ["ExportedLayers", "ExportedSlot", "ExportedStep", "export_layers"]


@dataclass(frozen=True)
class ExportedStep:
    """A step of a slot.

    Attributes:
        slot: the name of the slot.
        name: that of the step; `expr` for the expression that a slot begins with.
        layers: `keras.layers.Layer`s that compute it, one after the other; none if there is no such layer.
        reason: why there is none; empty if there is.
    """

    slot: str
    name: str
    layers: tuple[Any, ...] = ()
    reason: str = ""

    def __str__(self) -> str:
        found = ", ".join(type(layer).__name__ for layer in self.layers)
        return f"{self.slot}: {self.name}: {found or 'no layer: ' + self.reason}"


@dataclass(frozen=True)
class ExportedSlot:
    """A slot of the vector: call it with the values of its inputs.

    Attributes:
        name: that of the slot.
        inputs: what it reads: the input of the slot, then those that a `cross` has besides; none for an expression.
        steps: its steps in their order.
    """

    name: str
    inputs: tuple[str, ...]
    steps: tuple[ExportedStep, ...]

    @property
    def complete(self) -> bool:
        """Whether every step has its layers, so that the slot can be called."""
        return not any(step.reason for step in self.steps)

    @property
    def layers(self) -> tuple[Any, ...]:
        """The layers of all steps, one after the other."""
        return tuple(layer for step in self.steps for layer in step.layers)

    def __call__(self, *values: Any) -> Any:
        """The output of the layers.

        Args:
            values: for each of `inputs` an array or tensor, (rows,), without nulls; (rows, items) for a list.

        Raises:
            InvalidArgument: a step has no layer.
        """
        lacking = [str(step) for step in self.steps if step.reason]
        if lacking:
            raise InvalidArgument(f"the slot can't be computed by layers: {'; '.join(lacking)}")
        if len(values) != len(self.inputs):
            raise InvalidArgument(
                f"the slot {self.name!r} takes {len(self.inputs)} inputs ({', '.join(self.inputs)}), not {len(values)}"
            )
        found: Any = values[0] if len(values) == 1 else list(values)
        for layer in self.layers:
            found = layer(found)
        return found


@dataclass(frozen=True)
class ExportedLayers:
    """A service as layers: what `export_layers` gives.

    Attributes:
        service: its name.
        fingerprint: of the service with its fitted parameters, in hexadecimal.
        slots: in the order of the vector.
    """

    service: str
    fingerprint: str
    slots: tuple[ExportedSlot, ...] = field(repr=False)

    @property
    def missing(self) -> tuple[ExportedStep, ...]:
        """The steps that have no layer, each with the reason."""
        return tuple(step for slot in self.slots for step in slot.steps if step.reason)

    def __getitem__(self, name: str) -> ExportedSlot:
        for slot in self.slots:
            if slot.name == name:
                return slot
        raise KeyError(
            f"the service {self.service!r} has no slot {name!r}; it has {', '.join(slot.name for slot in self.slots)}"
        )

    def __iter__(self) -> Iterator[ExportedSlot]:
        return iter(self.slots)

    def __len__(self) -> int:
        return len(self.slots)

    def __str__(self) -> str:
        return "\n".join(str(step) for slot in self.slots for step in slot.steps)

    def vectors(self, columns: Mapping[str, Any]) -> npt.NDArray[np.float32]:
        """The vectors of some rows, computed by the layers.

        Args:
            columns: for every input of the service an array, (rows,) or (rows, items), without nulls.

        Returns:
            float32, (rows, columns).

        Raises:
            InvalidArgument: a step has no layer, or an input is not there.
        """
        blocks = []
        for slot in self.slots:
            absent = [name for name in slot.inputs if name not in columns]
            if absent:
                raise InvalidArgument(f"the slot {slot.name!r} reads {absent[0]!r}, and there is no such column")
            found = import_keras().ops.convert_to_numpy(slot(*(columns[name] for name in slot.inputs)))
            blocks.append(np.asarray(found, dtype=np.float32).reshape(len(found), -1))
        return np.concatenate(blocks, axis=1)


def export_layers(service: Service, fitted: Fitted | None = None) -> ExportedLayers:
    """A service with its fitted parameters as layers of Keras, to compute in a model what the engine computes outside.

    Layers compute in float32, where the engine computes in float64 and rounds once: buckets, hashes, indices and
    one-hot positions of float32 values are equal, scaled numbers differ in the last digits. Layers take no nulls.
    Lookups and hashes need TensorFlow beside any backend, as Keras has it.

    Args:
        service: of some definitions.
        fitted: what was fitted for it; None: the service's default, or nothing for one that learns nothing.

    Returns:
        The slots with their layers; `missing` lists the steps that have none, and why.

    Raises:
        ImportError: Keras is not installed, or a step needs TensorFlow.
    """
    keras = import_keras()
    fixed = FixedService.of(service, fitted)
    described = service.steps(fixed.fitted)
    parameters = described["fitted"] or []
    slots = []
    for position, slot in enumerate(described["definition"]["slots"]):
        of_slot = parameters[position] if parameters else [None] * len(slot["steps"])
        slots.append(_slot(keras, slot, of_slot))
    return ExportedLayers(service.name, fixed.fingerprint, tuple(slots))


def _slot(keras: Any, slot: Mapping[str, Any], fitted: list[Any]) -> ExportedSlot:
    steps = []
    inputs = [slot["input"]] if "input" in slot else []
    if not inputs:
        steps.append(ExportedStep(slot["name"], "expr", reason="no layer of Keras computes expressions"))
    for position, step in enumerate(slot["steps"]):
        others = step["arguments"].get("inputs", []) if step["name"] == "cross" else []
        try:
            if others and position > 0:
                raise NoLayer("HashedCrossing takes inputs, not what another step gives")
            steps.append(ExportedStep(slot["name"], step["name"], tuple(layers_of(keras, step, fitted[position]))))
        except NoLayer as why:
            steps.append(ExportedStep(slot["name"], step["name"], reason=str(why)))
        inputs += others
    return ExportedSlot(slot["name"], tuple(inputs), tuple(steps))
