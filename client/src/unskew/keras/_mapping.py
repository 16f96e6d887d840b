"""Which layers of Keras compute what a step computes: one function a step, given its arguments and what was fitted."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from unskew.keras._numbers import boundaries

Json = Mapping[str, Any]
Layers = Sequence[Any]


class NoLayer(Exception):
    """The step has no layer; the message says why."""


def layers_of(keras: Any, step: Json, fitted: Json | None) -> Layers:
    """The layers of a step, to be called one after the other.

    Args:
        keras: the module.
        step: the step in canonical form: its `name` and `arguments`.
        fitted: what was fitted for it; None if it learns nothing.

    Raises:
        NoLayer: there are none that give the same.
    """
    make = MAKERS.get(step["name"])
    if make is None:
        raise NoLayer(WITHOUT.get(step["name"], "Keras has no layer for it"))
    return make(keras.layers, step["arguments"], fitted or {})


def _centred(layers: Any, centre: float, divisor: float) -> Layers:
    """(x - centre) / divisor, by `Normalization` where the variance is within its reach, else by a factor."""
    # The layer divides by no less than 1e-7, and a variance of 1e36 is near the end of float32.
    if 1e-7 <= divisor <= 1e18:  # noqa: PLR2004 (see above)
        return [layers.Normalization(axis=None, mean=centre, variance=divisor * divisor)]
    return [layers.Rescaling(1 / divisor, -centre / divisor)]


def _standardize(layers: Any, arguments: Json, fitted: Json) -> Layers:
    mean = arguments.get("mean", fitted.get("mean"))
    variance = arguments.get("var", fitted.get("var"))
    centre = mean if arguments["center"] else 0.0
    divisor = max(math.sqrt(variance), arguments["epsilon"]) if arguments["scale"] else 1.0
    return _centred(layers, centre, divisor)


def _robust_scale(layers: Any, _arguments: Json, fitted: Json) -> Layers:
    return _centred(layers, fitted["median"], (fitted["high"] - fitted["low"]) or 1.0)


def _rescale(layers: Any, arguments: Json, _fitted: Json) -> Layers:
    return [layers.Rescaling(arguments["scale"], arguments["offset"])]


def _min_max(layers: Any, arguments: Json, fitted: Json) -> Layers:
    if arguments["clip"]:
        raise NoLayer("no layer of Keras clips: leave `clip` away, or clip after the layers")
    low, high = arguments.get("range") or (0.0, 1.0)
    least, most = arguments.get("min", fitted.get("min")), arguments.get("max", fitted.get("max"))
    if most == least:
        return [layers.Rescaling(0.0, low)]
    # First as the engine computes it, then to the bounds: one factor for both would lose digits where min is large.
    scaled = _centred(layers, least, most - least)
    return scaled if (low, high) == (0.0, 1.0) else [*scaled, layers.Rescaling(high - low, low)]


def _max_abs(layers: Any, _arguments: Json, fitted: Json) -> Layers:
    most = fitted["max_abs"]
    return _centred(layers, 0.0, most) if most else [layers.Rescaling(0.0)]


def _binarize(layers: Any, arguments: Json, _fitted: Json) -> Layers:
    closed = {"gt": "right", "ge": "left"}.get(arguments["op"])
    if closed is None:
        raise NoLayer(f"Discretization knows ≥ and >, not `op: {arguments['op']}`")
    return [layers.Discretization(bin_boundaries=boundaries([arguments["threshold"]], closed=closed))]


def _bucketize(layers: Any, arguments: Json, fitted: Json) -> Layers:
    edges = fitted["boundaries"] if "boundaries" in fitted else arguments["boundaries"]
    if not edges:
        raise NoLayer("there is but one bucket, and Discretization needs a boundary")
    return [layers.Discretization(bin_boundaries=boundaries(edges, closed=arguments["closed"]))]


def _index_type(arguments: Json) -> str:
    """int32 where it holds every bin: jax has no int64 unless it is told to."""
    return "int32" if arguments["bins"] < 2**31 else "int64"


def _hash_bucket(layers: Any, arguments: Json, _fitted: Json) -> Layers:
    if arguments["hash"] == "murmur3":
        raise NoLayer("Hashing has farmhash64 and siphash64, not murmur3")
    salt = arguments.get("salt")
    given = {} if not salt else {"salt": salt[0] if len(salt) == 1 else list(salt)}
    return [layers.Hashing(arguments["bins"], mask_value=arguments.get("mask"), dtype=_index_type(arguments), **given)]


def _cross(layers: Any, arguments: Json, _fitted: Json) -> Layers:
    if arguments["hash"] != "farmhash64":
        raise NoLayer(f"HashedCrossing has farmhash64, not {arguments['hash']}")
    return [layers.HashedCrossing(arguments["bins"], dtype=_index_type(arguments))]


def _lookup(layers: Any, tokens: Sequence[Any], **options: Any) -> Any:
    """A layer that knows these tokens; unknown values have what its `num_oov_indices` say."""
    if not tokens:
        raise NoLayer("a lookup of Keras needs a token, and none is left")
    taken = {*tokens, options.get("mask_token")}
    if all(isinstance(token, str) for token in tokens):
        if any(token.endswith("\0") for token in taken if token is not None):
            raise NoLayer("a token ends with a zero byte, which the lookups of Keras cut off")
        # A layer drops tokens that look like the one for unknown values, so that this one must not be in the data.
        unknown: Any = "[UNK]"
        while unknown in taken:
            unknown = f"[{unknown}]"
        return layers.StringLookup(vocabulary=list(tokens), oov_token=unknown, **options)
    if any(isinstance(token, bool) for token in tokens):
        raise NoLayer("the lookups of Keras take texts and whole numbers, not bools")
    unknown = -1
    while unknown in taken:
        unknown -= 1
    return layers.IntegerLookup(vocabulary=list(tokens), oov_token=unknown, **options)


def _tokens(arguments: Json, fitted: Json) -> list[Any]:
    return list(arguments.get("tokens") or fitted["tokens"])


def _vocabulary(layers: Any, arguments: Json, fitted: Json) -> Layers:
    tokens = _tokens(arguments, fitted)
    return [_lookup(layers, tokens, num_oov_indices=arguments["num_oov"], mask_token=arguments.get("mask"))]


def _one_hot(layers: Any, arguments: Json, fitted: Json) -> Layers:
    tokens, mask = _tokens(arguments, fitted), arguments.get("mask")
    if arguments["drop"] == "first":
        if arguments["unknown"] == "zeros":
            # What is unknown has no position either.
            return _hot(layers, tokens[1:], None, arguments, "one_hot")
        if mask is not None:
            raise NoLayer("a lookup of Keras leaves out one value, not both the `mask` and the first token")
        mask, tokens = tokens[0], tokens[1:]
    return _hot(layers, tokens, mask, arguments, "one_hot")


def _multi_hot(layers: Any, arguments: Json, fitted: Json) -> Layers:
    tokens, mode = _tokens(arguments, fitted), arguments["mode"]
    weights = {} if mode != "tf_idf" else {"idf_weights": list(arguments.get("idf") or fitted["idf"])}
    output = "multi_hot" if mode == "binary" else mode
    return _hot(layers, tokens, arguments.get("mask"), arguments, output, **weights)


def _hot(
    layers: Any,
    tokens: Sequence[Any],
    mask: Any,
    arguments: Json,
    output: str,
    **weights: Any,
) -> Layers:
    """One position a token, and before them those for unknown values, if there are any."""
    if arguments["unknown"] != "zeros":
        count = arguments["num_oov"] if arguments["unknown"] == "bucket" else 0
        return [_lookup(layers, tokens, num_oov_indices=count, mask_token=mask, output_mode=output, **weights)]
    # A lookup has positions for unknown values, or refuses them. Here they have index 0 in a first one, and are left
    # out by the second as its mask; the mask is no token, so it goes the same way.
    indices = list(range(1, len(tokens) + 1))
    return [
        _lookup(layers, tokens, num_oov_indices=1),
        _lookup(layers, indices, num_oov_indices=0, mask_token=0, output_mode=output, **weights),
    ]


MAKERS: dict[str, Callable[[Any, Json, Json], Layers]] = {
    "binarize": _binarize,
    "bucketize": _bucketize,
    "cross": _cross,
    "hash_bucket": _hash_bucket,
    "max_abs": _max_abs,
    "min_max": _min_max,
    "multi_hot": _multi_hot,
    "one_hot": _one_hot,
    "quantile_bucketize": _bucketize,
    "rescale": _rescale,
    "robust_scale": _robust_scale,
    "standardize": _standardize,
    "vocabulary": _vocabulary,
}

WITHOUT = {
    "cast": "layers cast to the type they compute in, not to others",
    "clip": "no layer of Keras clips",
    "coalesce": "layers take no nulls",
    "cyclic": "no layer of Keras computes a sine",
    "date_part": "layers take no timestamps",
    "impute": "layers take no nulls: fill them before",
    "log": "no layer of Keras computes a logarithm",
    "missing_indicator": "layers take no nulls",
    "power_transform": "no layer of Keras raises to a power",
    "quantile_transform": "no layer of Keras ranks values",
    "target_encode": "no layer of Keras encodes by a target",
    "top_k_category": "a lookup gives indices, and this step gives categories",
    "winsorize": "no layer of Keras clips",
}
