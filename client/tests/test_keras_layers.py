"""Exported layers compute what the engine computes, on random data; what has no layer is listed.

`KERAS_BACKEND` names the backend. Lookups and hashes need TensorFlow, whatever the backend.
"""

import importlib.util
import os
import random
from collections.abc import Mapping
from typing import Any

import keras
import numpy as np
import pytest

import unskew
from unskew.keras import ExportedLayers, export_layers

pytestmark = pytest.mark.keras
needs_tensorflow = pytest.mark.skipif(
    importlib.util.find_spec("tensorflow") is None, reason="Keras's lookups and hashes need TensorFlow"
)
ROWS = 2000

SCALED = """
standardize: [standardize]
uncentred: [{standardize: {center: false}}]
unscaled: [{standardize: {scale: false}}]
given: [{standardize: {mean: 3, var: 0.25, epsilon: 2}}]
robust: [robust_scale]
min_max: [min_max]
min_max_range: [{min_max: {range: [-1, 3]}}]
min_max_given: [{min_max: {min: -2, max: 5}}]
max_abs: [max_abs]
rescale: [{rescale: {scale: 0.1, offset: -3.7}}]
chain: [{rescale: {scale: 2, offset: 1}}, standardize]
"""
BUCKETS = """
above: [{binarize: {threshold: 0.3}}]
at_least: [{binarize: {threshold: 0.3, op: ge}}]
left: [{bucketize: {boundaries: [-10, -0.1, 0.3, 0.30000000000000004, 4]}}]
right: [{bucketize: {boundaries: [-10, -0.1, 0.3, 0.30000000000000004, 4], closed: right}}]
with_null: [{bucketize: {boundaries: [0.1], "null": bucket}}]
quantiles: [{quantile_bucketize: {bins: 7}}]
quantiles_right: [{quantile_bucketize: {bins: 7, method: averaged_inverted_cdf, closed: right}}]
"""
TEXTS = """
hash: [{hash_bucket: {bins: 97}}]
hash_masked: [{hash_bucket: {bins: 97, mask: a}}]
hash_salted: [{hash_bucket: {bins: 97, hash: siphash64, salt: [133]}}]
hash_salted_twice: [{hash_bucket: {bins: 97, hash: siphash64, salt: [133, 137], mask: a}}]
cross: [{cross: {inputs: [other], bins: 50}}]
cross_three: [{cross: {inputs: [other, more], bins: 50}}]
vocabulary: [vocabulary]
vocabulary_few: [{vocabulary: {max_tokens: 6, num_oov: 3, mask: zz}}]
vocabulary_known: [{vocabulary: {tokens: ["[UNK]", b, a], num_oov: 2}}]
vocabulary_of_indices: [vocabulary, vocabulary]
one_hot: [one_hot]
one_hot_few: [{one_hot: {max_tokens: 4, mask: a}}]
one_hot_bucket: [{one_hot: {max_tokens: 5, unknown: bucket}}]
one_hot_buckets: [{one_hot: {max_tokens: 7, unknown: bucket, num_oov: 3, mask: b}}]
one_hot_dropped: [{one_hot: {max_tokens: 5, drop: first}}]
one_hot_dropped_bucket: [{one_hot: {max_tokens: 5, drop: first, unknown: bucket}}]
"""
INTS = """
hash: [{hash_bucket: {bins: 97, mask: 7}}]
hash_salted: [{hash_bucket: {bins: 97, hash: siphash64, salt: [1]}}]
vocabulary: [{vocabulary: {max_tokens: 4, num_oov: 3}}]
vocabulary_masked: [{vocabulary: {max_tokens: 5, mask: -1}}]
one_hot: [{one_hot: {max_tokens: 3}}]
one_hot_bucket: [{one_hot: {max_tokens: 5, unknown: bucket, num_oov: 2, mask: 0}}]
"""
LISTS = """
binary: [{multi_hot: {max_tokens: 5}}]
count: [{multi_hot: {max_tokens: 5, mode: count, mask: a}}]
binary_bucket: [{multi_hot: {max_tokens: 5, unknown: bucket, mask: a}}]
count_buckets: [{multi_hot: {max_tokens: 6, unknown: bucket, num_oov: 2, mode: count}}]
given: [{multi_hot: {tokens: [b, a, zz]}}]
"""
WEIGHTED = """
tf_idf: [{multi_hot: {max_tokens: 5, mode: tf_idf}}]
tf_idf_bucket: [{multi_hot: {max_tokens: 5, mode: tf_idf, unknown: bucket}}]
given: [{multi_hot: {tokens: [b, a], idf: [0.5, 1.7], mode: tf_idf}}]
"""
WITHOUT = """
log: [log]
imputed: [{impute: {value: 1}}, standardize]
clipped: [{min_max: {clip: true}}]
below: [{binarize: {threshold: 0, op: lt}}]
twice: [{winsorize: {}}, {power_transform: {}}]
"""


def service_of(slots: str, dtype: str, more: Mapping[str, str] | None = None) -> unskew.Service:
    """A service of slots that all read `x`; a line a slot: its name, and its steps."""
    request = ", ".join(f"{name}: {kind}" for name, kind in {"x": dtype, **(more or {})}.items())
    lines = [line.split(": ", 1) for line in slots.strip().splitlines()]
    vector = "".join(f"      - {{name: {name}, input: x, steps: {steps}}}\n" for name, steps in lines)
    return unskew.parse(f"services:\n  s:\n    request: {{{request}}}\n    vector:\n{vector}").services["s"]


def exported(service: unskew.Service, training: Mapping[str, Any]) -> tuple[unskew.Fitted | None, ExportedLayers]:
    fitted = service.fit(training) if service.needs_fit else None
    layers = export_layers(service, fitted)
    assert layers.missing == ()
    assert layers.fingerprint == service.fingerprint(fitted)
    return fitted, layers


def floats(rng: random.Random) -> list[float]:
    """float32 numbers, the boundaries of the slots and their neighbours among them."""
    near = [np.float32(edge) for edge in (-10, -0.1, 0.1, 0.3, 4, 0)]
    edges = [float(np.nextafter(edge, np.float32(to))) for edge in near for to in (edge, 100, -100)]
    return edges + [float(np.float32(rng.gauss(0, 5))) for _ in range(ROWS)]


def words(rng: random.Random, count: int = ROWS) -> list[str]:
    return rng.choices(["", "zz", "a", "b", "ab", "ü", "漢", "[UNK]", "a longer text"], range(9, 0, -1), k=count)


def test_scaled_numbers_are_equal_to_the_digits_of_float32() -> None:
    rows = {"x": floats(random.Random(1))}
    service = service_of(SCALED, "float64")
    fitted, layers = exported(service, rows)
    found = layers.vectors({"x": np.array(rows["x"], np.float32)})
    np.testing.assert_allclose(found, service.transform(rows, fitted), rtol=2e-6, atol=2e-6)


@pytest.mark.parametrize("value", [0.0, 12.5])
def test_a_constant_column_is_scaled_as_by_the_engine(value: float) -> None:
    rows = {"x": [value] * 5}
    slots = "a: [standardize]\nb: [robust_scale]\nc: [{min_max: {range: [2, 3]}}]\nd: [max_abs]"
    service = service_of(slots, "float64")
    fitted, layers = exported(service, rows)
    assert layers.vectors({"x": np.array(rows["x"], np.float32)}).tolist() == service.transform(rows, fitted).tolist()


def test_buckets_of_float32_are_equal() -> None:
    rows = {"x": floats(random.Random(2))}
    service = service_of(BUCKETS, "float64")
    fitted, layers = exported(service, rows)
    found = layers.vectors({"x": np.array(rows["x"], np.float32)})
    np.testing.assert_array_equal(found, service.transform(rows, fitted))


@needs_tensorflow
def test_texts_are_equal() -> None:
    rng = random.Random(3)
    training = {name: words(rng) for name in ("x", "other", "more")}
    rows = {name: [*words(rng, 300), *(f"new {rng.random()}" for _ in range(100))] for name in training}
    service = service_of(TEXTS, "string", {"other": "string", "more": "string"})
    fitted, layers = exported(service, training)
    assert layers["cross_three"].inputs == ("x", "other", "more")
    found = layers.vectors({name: np.array(values, dtype=object) for name, values in rows.items()})
    np.testing.assert_array_equal(found, service.transform(rows, fitted))


@needs_tensorflow
def test_whole_numbers_are_equal() -> None:
    rng = random.Random(4)
    training = {"x": rng.choices([0, 1, -1, 7, 42, -13, 2**40], [9, 5, 5, 3, 3, 1, 1], k=ROWS)}
    rows = {"x": [*training["x"][:300], *range(-50, 50), 2**63 - 1]}
    service = service_of(INTS, "int64")
    fitted, layers = exported(service, training)
    np.testing.assert_array_equal(layers.vectors({"x": np.array(rows["x"])}), service.transform(rows, fitted))


@needs_tensorflow
@pytest.mark.parametrize(("slots", "tolerance"), [(LISTS, 0), (WEIGHTED, 3e-7)])
def test_lists_are_equal(slots: str, tolerance: float) -> None:
    rng = random.Random(5)
    training = {"x": [words(rng, 4) for _ in range(ROWS)]}
    rows = {"x": [[*words(rng, 3), rng.choice(["b", "new", "newer"])] for _ in range(200)]}
    service = service_of(slots, "list<string>")
    fitted, layers = exported(service, training)
    found = layers.vectors({"x": np.array(rows["x"], dtype=object)})
    # A layer rounds every weight to float32 before it multiplies.
    np.testing.assert_allclose(found, service.transform(rows, fitted), rtol=tolerance, atol=0)


@needs_tensorflow
def test_a_value_that_is_refused_is_refused_by_the_layers_too() -> None:
    service = service_of("known: [{one_hot: {tokens: [a, b], unknown: error}}]", "string")
    layers = export_layers(service)
    assert layers.vectors({"x": np.array(["b", "a"], dtype=object)}).tolist() == [[0, 1], [1, 0]]
    with pytest.raises(Exception, match="StringLookup"):
        layers.vectors({"x": np.array(["c"], dtype=object)})


def test_what_has_no_layer_is_listed_with_the_reason() -> None:
    service = service_of(WITHOUT, "float64")
    layers = export_layers(service, service.fit({"x": [0.5, 1.0, 2.0, 7.0]}))
    assert [(step.slot, step.name) for step in layers.missing] == [
        ("log", "log"),
        ("imputed", "impute"),
        ("clipped", "min_max"),
        ("below", "binarize"),
        ("twice", "winsorize"),
        ("twice", "power_transform"),
    ]
    assert all(step.reason for step in layers.missing)
    assert [type(layer).__name__ for layer in layers["imputed"].layers] == ["Normalization"]
    assert not layers["imputed"].complete
    with pytest.raises(unskew.errors.InvalidArgument, match="imputed: impute: no layer: layers take no nulls"):
        layers["imputed"](np.zeros(3, np.float32))
    assert "log: log: no layer: no layer of Keras computes a logarithm" in str(layers)


def test_expressions_and_unhandled_forms_have_no_layer() -> None:
    service = unskew.parse(
        "services:\n  s:\n    request: {a: float64, c: string, t: bool}\n    vector:\n"
        "      - {name: half, expr: a / 2, steps: [{rescale: {scale: 2}}]}\n"
        "      - {name: murmur, input: c, steps: [{hash_bucket: {bins: 5, hash: murmur3}}]}\n"
        "      - {name: salted, input: c, steps: [{cross: {inputs: [c], bins: 5, hash: siphash64, salt: [1]}}]}\n"
        "      - {name: flag, input: t, steps: [{one_hot: {tokens: [true, false]}}]}\n"
        "      - {name: none, input: c, steps: [{one_hot: {tokens: [a], drop: first, unknown: bucket, mask: b}}]}\n"
    ).services["s"]
    layers = export_layers(service)
    assert [step.name for step in layers.missing] == ["expr", "hash_bucket", "cross", "one_hot", "one_hot"]
    assert layers["half"].inputs == ()
    with pytest.raises(KeyError, match="no slot 'x'"):
        layers["x"]


def test_a_column_that_is_not_there_is_named() -> None:
    layers = export_layers(service_of("x: [{rescale: {scale: 2}}]", "float64"))
    with pytest.raises(unskew.errors.InvalidArgument, match="'x' reads 'x'"):
        layers.vectors({"y": np.zeros(2)})


def test_layers_work_in_a_model_that_is_saved(tmp_path: Any) -> None:
    service = service_of("a: [standardize]", "float64")
    rows = {"x": [1.0, 2.0, 7.0]}
    fitted, layers = exported(service, rows)
    inputs = keras.Input((1,))
    model = keras.Model(inputs, layers["a"](inputs))
    model.save(tmp_path / "layers.keras")
    loaded = keras.saving.load_model(tmp_path / "layers.keras")
    found = np.asarray(loaded.predict(np.array([[1.0], [2.0], [7.0]], np.float32), verbose=0))
    np.testing.assert_allclose(found, service.transform(rows, fitted), rtol=2e-6)


def test_the_backend_is_the_one_that_was_asked_for() -> None:
    assert keras.backend.backend() == os.environ.get("KERAS_BACKEND", keras.backend.backend())
