"""Steps equal the Keras layers of the same meaning, on random data."""

import os
import random
import string
from typing import Any

import pytest

os.environ.setdefault("KERAS_BACKEND", "tensorflow")
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("CUDA_VISIBLE_DEVICES", "-1")

import keras
import numpy as np

from engine_runner import Transform

ROWS = 3000
Column = tuple[str, list[Any]]


@pytest.fixture
def rng(request: pytest.FixtureRequest) -> random.Random:
    return random.Random(request.node.name)


def word(rng: random.Random) -> str:
    """A text of a length around those at which hashes change their method."""
    letters = string.ascii_letters + string.digits + "äßλ漢🙂 _"
    return "".join(rng.choices(letters, k=rng.choice([0, 1, 3, 7, 8, 9, 15, 16, 17, 31, 32, 33, 63, 64, 65, 200])))


def tokens(rng: random.Random, count: int = ROWS) -> list[str]:
    """Few words of very different and often equal frequency, the empty one among them."""
    known = ["", "zz", "a", "b", "ab", "ü", "漢", *{word(rng) for _ in range(12)}]
    return rng.choices(known, weights=[rng.randint(1, 6) for _ in known], k=count)


def numbers(rng: random.Random, count: int = ROWS) -> list[int]:
    return rng.choices([0, 1, -1, 7, 42, -13, 2**62, -(2**62)], weights=[9, 5, 5, 3, 3, 1, 1, 1], k=count)


def chunks(rows: list[Any]) -> list[list[Any]]:
    return [rows[: len(rows) // 3], [], rows[len(rows) // 3 :]]


def plain(array: Any) -> Any:
    return np.asarray(array).tolist()


def test_rescale(rng: random.Random) -> None:
    rows = [rng.uniform(-1, 1) * 10.0 ** rng.randint(-300, 300) for _ in range(ROWS)]
    # A layer of float64 still rounds its own two numbers to float32.
    scale, offset = float(np.float32(0.1)), float(np.float32(-3.7))
    layer = keras.layers.Rescaling(scale, offset=offset, dtype="float64")
    assert Transform("rescale", "float64", scale=scale, offset=offset).run(rows) == plain(layer(np.array(rows)))


def test_bucketize(rng: random.Random) -> None:
    # The layer computes in float32, so the data are float32.
    boundaries = sorted({float(np.float32(rng.gauss(0, 10))) for _ in range(20)})
    rows = boundaries + [float(np.float32(rng.gauss(0, 20))) for _ in range(ROWS)]
    layer = keras.layers.Discretization(bin_boundaries=boundaries)
    assert Transform("bucketize", "float64", boundaries=boundaries).run(rows) == plain(layer(np.array(rows)))


@pytest.mark.parametrize("salt", [None, [133], [133, 137], [2**63 - 1, 1]])
@pytest.mark.parametrize(
    ("bins", "mask"), [(1, False), (2, False), (2, True), (1000, False), (1000, True), (2**40, True)]
)
def test_hash_bucket(rng: random.Random, salt: list[int] | None, bins: int, mask: bool) -> None:
    texts, ints = [*tokens(rng), *(word(rng) for _ in range(ROWS))], numbers(rng)
    strong = {} if salt is None else {"hash": "siphash64", "salt": salt}
    salt_of_layer = salt[0] if salt and len(salt) == 1 else salt
    for dtype, rows, masked in [("string", texts, ""), ("int64", ints, 7)]:
        layer = keras.layers.Hashing(bins, salt=salt_of_layer, mask_value=masked if mask else None)
        parameters = {**strong, **({"mask": masked} if mask else {})}
        data = rows if dtype == "string" else np.array(rows)
        assert Transform("hash_bucket", dtype, bins=bins, **parameters).run(rows) == plain(layer(data))


LOOKUPS = [
    {},
    {"max_tokens": 6},
    {"max_tokens": 9, "num_oov": 4},
    {"num_oov": 3, "mask": True},
    {"max_tokens": 5, "mask": True},
]


def lookup(dtype: str, parameters: dict[str, Any], **more: Any) -> tuple[Any, dict[str, Any]]:
    """A layer, and the parameters of the step."""
    kind = keras.layers.StringLookup if dtype == "string" else keras.layers.IntegerLookup
    mask = ("zz" if dtype == "string" else 42) if parameters.get("mask") else None
    layer = kind(
        max_tokens=parameters.get("max_tokens"),
        num_oov_indices=parameters.get("num_oov", 1),
        mask_token=mask,
        # A layer never learns this one; -1, its default among whole numbers, is in the data.
        oov_token="[UNK]" if dtype == "string" else 123456789,
        **more,
    )
    return layer, {**parameters, **({} if mask is None else {"mask": mask})}


@pytest.mark.parametrize("dtype", ["string", "int64"])
@pytest.mark.parametrize("parameters", LOOKUPS)
def test_vocabulary(rng: random.Random, dtype: str, parameters: dict[str, Any]) -> None:
    rows = tokens(rng) if dtype == "string" else numbers(rng)
    unseen = [*rows, *(word(rng) for _ in range(ROWS))] if dtype == "string" else [*rows, *range(-50, 50), 2**63 - 1]
    layer, parameters = lookup(dtype, parameters)
    layer.adapt(np.array(rows))
    step = Transform("vocabulary", dtype, **parameters).fit(*chunks(rows))
    assert step.fitted["tokens"] == plain(layer.get_vocabulary(include_special_tokens=False))
    assert step.run(unseen) == plain(layer(unseen if dtype == "string" else np.array(unseen)))


@pytest.mark.parametrize("dtype", ["string", "int64"])
@pytest.mark.parametrize("parameters", LOOKUPS)
def test_one_hot(rng: random.Random, dtype: str, parameters: dict[str, Any]) -> None:
    rows = tokens(rng) if dtype == "string" else numbers(rng)
    unseen = [*rows[:500], *(word(rng) for _ in range(100))] if dtype == "string" else [*rows[:500], *range(-50, 50)]
    layer, parameters = lookup(dtype, parameters, output_mode="one_hot")
    layer.adapt(np.array(rows))
    step = Transform("one_hot", dtype, unknown="bucket", **parameters).fit(*chunks(rows))
    assert step.run(unseen) == plain(layer(unseen if dtype == "string" else np.array(unseen)))


@pytest.mark.parametrize("dtype", ["string", "int64"])
@pytest.mark.parametrize("parameters", LOOKUPS)
@pytest.mark.parametrize("mode", ["binary", "count", "tf_idf"])
def test_multi_hot(rng: random.Random, dtype: str, parameters: dict[str, Any], mode: str) -> None:
    draw = tokens if dtype == "string" else numbers
    rows = [draw(rng, 5) for _ in range(400)]
    # Every call of `tokens` has words of its own, so that there are unknown ones.
    unseen = [*rows[:100], *(draw(rng, 5) for _ in range(100))]
    layer, parameters = lookup(dtype, parameters, output_mode="multi_hot" if mode == "binary" else mode)
    layer.adapt(np.array(rows))
    step = Transform("multi_hot", f"list<{dtype}>", unknown="bucket", mode=mode, **parameters).fit(*chunks(rows))
    expected, found = plain(layer(np.array(unseen))), step.run(unseen)
    if mode == "tf_idf":
        # The layer rounds every weight to float32 before it multiplies.
        np.testing.assert_allclose(found, expected, rtol=3e-7, atol=0)
    else:
        assert found == expected


def test_cross(rng: random.Random) -> None:
    constant = keras.src.utils.module_utils.tensorflow.constant
    texts: Column = ("string", tokens(rng))
    more: Column = ("string", [word(rng) for _ in range(ROWS)])
    ints: Column = ("int64", numbers(rng))
    for first, *others in [[texts, ints], [texts, more], [ints, ("int64", ints[1][::-1])], [ints, more, texts]]:
        for bins in [1, 5, 1000, 2**40]:
            step = Transform("cross", first[0], inputs=[f"other_{index}" for index in range(len(others))], bins=bins)
            expected = keras.layers.HashedCrossing(bins)([constant(rows) for _, rows in [first, *others]])
            assert step.run(first[1], *others) == plain(expected)
