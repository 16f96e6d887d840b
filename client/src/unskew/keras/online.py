"""A model on vectors that the gateway serves."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from unskew.errors import FailedPrecondition, FingerprintMismatch, InvalidArgument
from unskew.keras._fixed import FixedService
from unskew.keras._import import import_keras
from unskew.keras._predict import Policy, Predictions, Predictor, check_policy
from unskew.keras.archive import TrainedOn, add_member, read_archive

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from unskew._client import FeatureStoreClient
    from unskew.aio import FeatureStoreClient as AsyncFeatureStoreClient
    from unskew.served import GatewayDefinitions
    from unskew.service import Fitted, Service

__all__ = ["AsyncOnlineModel", "OnlineModel", "load", "load_async", "save"]


def save(
    model: Any,
    path: str | os.PathLike[str],
    service: Service,
    fitted: Fitted | None = None,
) -> TrainedOn:
    """Saves a model with the vectors that it takes: the service, its fingerprint, and the fitted parameters.

    The file is one of Keras, with one member more; `keras.saving.load_model` opens it. It appears whole or not at all.

    Args:
        model: a `keras.Model` that takes the vectors of the service, float32 of the shape (rows, columns).
        path: where to, ending in `.keras`.
        service: the service of the definitions that the model was trained on.
        fitted: what was fitted for it; None: the service's default, or nothing for one that learns nothing.

    Returns:
        What was stored beside the model.

    Raises:
        InvalidArgument: the path does not end in `.keras`, or the model takes something else than these vectors.
    """
    file = Path(path)
    if file.suffix != ".keras":
        raise InvalidArgument(
            f"a model is saved as a .keras file, and {file} is none: name it {file.with_suffix('.keras')}"
        )
    fixed = FixedService.of(service, fitted)
    trained_on = TrainedOn(service.name, fixed.fingerprint, fixed.names, fixed.fitted.text if fixed.fitted else None)
    _check_width(model, trained_on, str(file))
    unfinished = file.with_name(f".{file.stem}.{os.getpid()}.unfinished.keras")
    try:
        model.save(unfinished)
        add_member(unfinished, trained_on)
        unfinished.replace(file)
    finally:
        unfinished.unlink(missing_ok=True)
    return trained_on


def load(
    path: str | os.PathLike[str],
    client: FeatureStoreClient,
    *,
    on_incomplete: Policy = "raise",
    custom_objects: Mapping[str, Any] | None = None,
) -> OnlineModel:
    """A saved model on the vectors of a gateway that serves what the model was trained on.

    Args:
        path: a file that `save` wrote.
        client: of the gateway.
        on_incomplete: what becomes of rows that lack a number: see `OnlineModel`.
        custom_objects: classes and functions of the model by name, as Keras takes them.

    Raises:
        InvalidArgument: the file holds no model that Keras can read, or does not say which vectors it takes.
        FingerprintMismatch: the gateway serves other vectors under the name of the service.
        UnskewError: the gateway can't be asked.
    """
    check_policy(on_incomplete)
    trained_on = read_archive(path)
    mismatch = _mismatch(trained_on, client.definitions())
    if mismatch:
        raise mismatch
    return OnlineModel(_load_model(path, trained_on, custom_objects), trained_on, client, on_incomplete=on_incomplete)


async def load_async(
    path: str | os.PathLike[str],
    client: AsyncFeatureStoreClient,
    *,
    on_incomplete: Policy = "raise",
    custom_objects: Mapping[str, Any] | None = None,
) -> AsyncOnlineModel:
    """The same for asyncio: the model is read in a thread. Takes and raises what `load` does."""
    check_policy(on_incomplete)
    trained_on = read_archive(path)
    mismatch = _mismatch(trained_on, await client.definitions())
    if mismatch:
        raise mismatch
    model = await asyncio.to_thread(_load_model, path, trained_on, custom_objects)
    return AsyncOnlineModel(model, trained_on, client, on_incomplete=on_incomplete)


class OnlineModel:
    """A model with the gateway that serves its vectors. May be used by several threads; one of them predicts at a time.

    Every request carries the fingerprint of the model, so that a gateway whose definitions or fitted parameters changed
    refuses it: predictions are never made from vectors that mean something else.

    Args:
        model: a `keras.Model`.
        trained_on: the vectors that it takes.
        client: of the gateway; it stays the caller's to close.
        on_incomplete: what becomes of rows that lack a number, unless a call says otherwise. `"raise"`: an error names
            the first of them. `"nan"`: their predictions are NaN. `"skip"`: they have no predictions, and
            `Predictions.rows` tells which rows do. The model never sees them.
    """

    def __init__(
        self,
        model: Any,
        trained_on: TrainedOn,
        client: FeatureStoreClient,
        *,
        on_incomplete: Policy = "raise",
    ) -> None:
        self._predictor = Predictor(model, len(trained_on.columns))
        self._client = client
        self.model = model
        self.trained_on = trained_on
        self.on_incomplete = check_policy(on_incomplete)

    def predict(
        self,
        entities: Mapping[str, Any],
        request: Mapping[str, Any] | None = None,
        *,
        on_incomplete: Policy | None = None,
        **options: Any,
    ) -> Predictions:
        """Fetches the vectors of some rows in one call, and predicts.

        Args:
            entities: the key columns of the entities that the service reads, one value a row.
            request: its request columns, one value a row.
            on_incomplete: what becomes of rows that lack a number; None: as the model was loaded.
            options: of `FeatureStoreClient.vectors`, such as `as_of` and `timeout`.

        Raises:
            FingerprintMismatch: the gateway does not serve what the model was trained on.
            IncompleteVectors: under `"raise"`, a row is not complete.
            UnskewError: the call failed.
        """
        policy = self.on_incomplete if on_incomplete is None else check_policy(on_incomplete)
        trained_on = self.trained_on
        try:
            vectors = self._client.vectors(
                trained_on.service,
                entities=entities,
                request=request or {},
                fingerprint=trained_on.fingerprint,
                **options,
            )
        except FailedPrecondition as error:
            mismatch = _mismatch(trained_on, self._client.definitions(), error)
            if mismatch:
                raise mismatch from error
            raise
        return self._predictor.predict(vectors, policy)

    def predict_vectors(self, vectors: npt.NDArray[np.float32]) -> Any:
        """Predicts from vectors that are there already, such as those of `Service.transform`, the way `predict` does.

        Args:
            vectors: float32, (rows, columns), every row complete.

        Returns:
            An array of predictions, one a row; a list or dict of arrays for a model of several outputs.
        """
        return self._predictor.of(vectors)


class AsyncOnlineModel:
    """`OnlineModel` for asyncio: vectors are awaited, and the model predicts in a thread."""

    def __init__(
        self,
        model: Any,
        trained_on: TrainedOn,
        client: AsyncFeatureStoreClient,
        *,
        on_incomplete: Policy = "raise",
    ) -> None:
        self._predictor = Predictor(model, len(trained_on.columns))
        self._client = client
        self.model = model
        self.trained_on = trained_on
        self.on_incomplete = check_policy(on_incomplete)

    async def predict(
        self,
        entities: Mapping[str, Any],
        request: Mapping[str, Any] | None = None,
        *,
        on_incomplete: Policy | None = None,
        **options: Any,
    ) -> Predictions:
        """Takes, gives and raises what `OnlineModel.predict` does."""
        policy = self.on_incomplete if on_incomplete is None else check_policy(on_incomplete)
        trained_on = self.trained_on
        try:
            vectors = await self._client.vectors(
                trained_on.service,
                entities=entities,
                request=request or {},
                fingerprint=trained_on.fingerprint,
                **options,
            )
        except FailedPrecondition as error:
            mismatch = _mismatch(trained_on, await self._client.definitions(), error)
            if mismatch:
                raise mismatch from error
            raise
        return await asyncio.to_thread(self._predictor.predict, vectors, policy)


def _load_model(path: str | os.PathLike[str], trained_on: TrainedOn, custom_objects: Mapping[str, Any] | None) -> Any:
    """The model of an archive, not compiled: it is not to be trained."""
    keras = import_keras()
    try:
        model = keras.saving.load_model(path, custom_objects=dict(custom_objects or {}), compile=False)
    except Exception as error:  # Keras raises what it met inside the file: ValueError, KeyError, TypeError, OSError
        raise InvalidArgument(
            f"{os.fspath(path)} holds no model that Keras {keras.__version__} can read: {error}"
        ) from error
    _check_width(model, trained_on, os.fspath(path))
    return model


def _check_width(model: Any, trained_on: TrainedOn, where: str) -> None:
    """A model without declared inputs, one that was subclassed, is taken at its word."""
    shapes = [tuple(tensor.shape) for tensor in getattr(model, "inputs", None) or ()]
    width = len(trained_on.columns)
    if shapes and (len(shapes) != 1 or shapes[0][1:] not in {(width,), (None,)}):
        reads = ", ".join(map(str, shapes))
        raise InvalidArgument(
            f"{where}: the model takes {reads}, and the vectors of the service {trained_on.service!r} are "
            f"(None, {width}): give it one input of that shape"
        )


def _mismatch(
    trained_on: TrainedOn, definitions: GatewayDefinitions, error: FailedPrecondition | None = None
) -> FingerprintMismatch | None:
    """What is wrong if the gateway does not serve what the model was trained on."""
    service = definitions.services.get(trained_on.service)
    served = service.fingerprints if service else ()
    if trained_on.fingerprint in served:
        return None
    if service is None:
        there_is = ", ".join(map(repr, definitions.services)) or "none"
        has = f"has no service {trained_on.service!r}; it has {there_is}"
    elif served:
        has = f"serves {', '.join(served)}"
    else:
        has = f"serves no fingerprint of it{': ' + service.problem if service.problem else ''}"
    advice = (
        "put the definitions of the training on the gateway and the fitted file of the model, which is "
        "unskew.keras.read_archive(path).fitted, beside them as "
        f"{trained_on.service}.<name>.fitted.json, and reload"
        if trained_on.fitted
        else "put the definitions of the training on the gateway and reload"
    )
    return FingerprintMismatch(
        f"the model was trained on vectors of {trained_on.service!r} with the fingerprint {trained_on.fingerprint}, "
        f"and the gateway {has}. Train the model on what the gateway has, or {advice}",
        service=trained_on.service,
        fingerprint=trained_on.fingerprint,
        served=served,
        request_id=error.request_id if error else None,
    )
