"""Vectors for training: the same whatever they are read from, deterministic, and complete."""

import pickle
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import unskew
import unskew.keras
from unskew.errors import DataError, InvalidArgument, NotFitted
from unskew.keras import vector_batches

VectorDataset = unskew.keras.VectorDataset

pytestmark = pytest.mark.keras
ROWS = 1000
DEFINITIONS = """
entities: {user: {keys: {id: int64}}}
views: {stats: {entity: user, features: {mean: float64}}}
services:
  s:
    request: {a: float64, text: string}
    vector:
      - {input: a, steps: [standardize]}
      - {input: text, steps: [{one_hot: {max_tokens: 3}}]}
      - {input: stats.mean, steps: [{rescale: {scale: 2}}]}
"""


@pytest.fixture(scope="module")
def service() -> unskew.Service:
    return unskew.parse(DEFINITIONS).services["s"]


@pytest.fixture(scope="module")
def table() -> pa.Table:
    rng = np.random.default_rng(7)
    return pa.table(
        {
            "row": np.arange(ROWS),
            "a": rng.normal(3, 2, ROWS),
            "text": rng.choice(["a", "b", "c"], ROWS),
            "stats.mean": rng.normal(0, 1, ROWS),
            "y": rng.integers(0, 2, ROWS),
            "z": rng.normal(0, 1, ROWS),
            "flag": rng.integers(0, 2, ROWS).astype(bool),
            "w": rng.uniform(0, 1, ROWS),
        }
    )


@pytest.fixture(scope="module")
def fitted(service: unskew.Service, table: pa.Table) -> unskew.Fitted:
    return service.fit(table)


def rows_of(batches: Iterable[tuple[Any, ...]]) -> list[int]:
    """The rows in the order of the batches, told by their label."""
    return [int(row) for batch in batches for row in batch[1]]


def test_batches_are_the_vectors_of_the_table(service: unskew.Service, table: pa.Table, fitted: unskew.Fitted) -> None:
    dataset = VectorDataset(service, table, fitted, label="y", weight="w", batch_size=300)
    assert (len(dataset), dataset.width) == (4, 5)
    assert dataset.fingerprint == service.fingerprint(fitted)
    x, y, w = (np.concatenate(parts) for parts in zip(*(dataset[i] for i in range(4)), strict=True))
    assert x.dtype == np.float32
    np.testing.assert_array_equal(x, service.transform(table, fitted))
    assert y.tolist() == table["y"].to_pylist()
    assert w.dtype == np.float32
    np.testing.assert_array_equal(w, table["w"].to_numpy().astype(np.float32))
    with pytest.raises(IndexError, match="there are 4"):
        dataset[4]


def test_labels_are_numbers(service: unskew.Service, table: pa.Table, fitted: unskew.Fitted) -> None:
    several = VectorDataset(service, table, fitted, label=["y", "z", "flag"])[0][1]
    assert (several.shape, several.dtype) == ((256, 3), np.float32)
    assert VectorDataset(service, table, fitted, label="flag")[0][1].dtype == np.float32
    assert VectorDataset(service, table, fitted, label="row")[0][1].dtype == np.int64
    assert len(VectorDataset(service, table, fitted)[0]) == 1
    with pytest.raises(DataError, match="'text' is string"):
        VectorDataset(service, table, fitted, label="text")[0]
    holed = table.set_column(table.schema.get_field_index("y"), "y", pa.array([0, 1, None] + [0] * (ROWS - 3)))
    with pytest.raises(DataError, match="row 2: the column 'y' is null"):
        VectorDataset(service, holed, fitted, label="y")[0]


def test_shuffling_is_the_same_for_the_same_seed(
    service: unskew.Service, table: pa.Table, fitted: unskew.Fitted
) -> None:
    first, same, other = (
        VectorDataset(service, table, fitted, label="row", batch_size=64, shuffle=True, seed=seed) for seed in (1, 1, 2)
    )
    order = rows_of(first)
    assert order == rows_of(same)
    assert order != rows_of(other)
    assert sorted(order) == list(range(ROWS))
    assert rows_of(first[i] for i in reversed(range(len(first))))[: ROWS % 64] == order[-(ROWS % 64) :]
    first.on_epoch_end()
    following = rows_of(first)
    assert sorted(following) == list(range(ROWS))
    assert following != order
    same.epoch = 1
    assert rows_of(same) == following
    np.testing.assert_array_equal(
        np.concatenate([batch[0] for batch in first]), service.transform(table, fitted)[following]
    )


def test_every_source_gives_the_same(
    service: unskew.Service, table: pa.Table, fitted: unskew.Fitted, tmp_path: Path
) -> None:
    one, folder = tmp_path / "one.parquet", tmp_path / "folder"
    folder.mkdir()
    pq.write_table(table, one, row_group_size=170)
    pq.write_table(table.slice(0, 400), folder / "0.parquet", row_group_size=150)
    pq.write_table(table.slice(400), folder / "1.parquet")
    expected = service.transform(table, fitted)
    sources = [
        table,
        table.to_pandas(),
        table.to_batches(max_chunksize=90),
        one,
        str(folder),
        [folder / "0.parquet", folder / "1.parquet"],
        table.rename_columns(["mean" if name == "stats.mean" else name for name in table.column_names]),
    ]
    for source in sources:
        dataset = VectorDataset(service, source, fitted, label="row", batch_size=128)
        np.testing.assert_array_equal(np.concatenate([batch[0] for batch in dataset]), expected)
        batches = list(vector_batches(service, source, fitted, label="row", batch_size=128))
        np.testing.assert_array_equal(np.concatenate([batch[0] for batch in batches]), expected)
        assert rows_of(batches) == rows_of(dataset) == list(range(ROWS))


def test_row_groups_are_shuffled(
    service: unskew.Service, table: pa.Table, fitted: unskew.Fitted, tmp_path: Path
) -> None:
    path = tmp_path / "rows.parquet"
    pq.write_table(table, path, row_group_size=170)
    dataset = VectorDataset(service, path, fitted, label="row", batch_size=64, shuffle=True, seed=3)
    order = rows_of(dataset)
    assert sorted(order) == list(range(ROWS))
    assert {row // 170 for row in order[:170]} != {0}
    assert rows_of(pickle.loads(pickle.dumps(dataset))) == order  # noqa: S301
    assert rows_of([dataset[5], dataset[0]]) == order[320:384] + order[:64]
    dataset.on_epoch_end()
    assert rows_of(dataset) != order


def test_incomplete_rows(service: unskew.Service, table: pa.Table, fitted: unskew.Fitted) -> None:
    holed = table.set_column(table.schema.get_field_index("a"), "a", pa.array([None, 1.0, None] + [2.0] * (ROWS - 3)))
    with pytest.raises(DataError, match="row 0: the slot 'a' has no number, it is NULL"):
        VectorDataset(service, holed, fitted, label="row")[0]
    kept = VectorDataset(service, holed, fitted, label="row", batch_size=4, on_incomplete="nan")[0]
    assert np.isnan(kept[0][:, 0]).tolist() == [True, False, True, False]
    skipping = VectorDataset(service, holed, fitted, label="row", batch_size=4, on_incomplete="skip")
    assert rows_of([skipping[0]]) == [1, 3]
    with pytest.raises(DataError, match="batch 0 has no complete row"):
        VectorDataset(service, holed, fitted, batch_size=1, on_incomplete="skip")[0]
    batches = list(vector_batches(service, holed, fitted, label="row", batch_size=10, on_incomplete="skip"))
    assert rows_of(batches) == [1, *range(3, ROWS)]
    assert {len(batch[0]) for batch in batches[:-1]} == {10}


def test_a_stream_is_read_in_parts(service: unskew.Service, table: pa.Table, fitted: unskew.Fitted) -> None:
    read = []

    def parts() -> Iterable[pa.RecordBatch]:
        for batch in table.to_batches(max_chunksize=100):
            read.append(batch.num_rows)
            yield batch

    batches = vector_batches(service, parts(), fitted, label="row", batch_size=32)
    assert read == []
    assert rows_of([next(batches)]) == list(range(32))
    assert len(read) <= 2
    reader = pa.RecordBatchReader.from_batches(table.schema, table.to_batches(max_chunksize=100))
    shuffled = rows_of(vector_batches(service, reader, fitted, label="row", shuffle_buffer=200, seed=4))
    assert sorted(shuffled) == list(range(ROWS))
    assert sorted(shuffled[:200]) == list(range(200))
    assert shuffled[:200] != list(range(200))
    again = rows_of(vector_batches(service, table, fitted, label="row", shuffle_buffer=200, seed=4))
    assert again == shuffled
    whole = vector_batches(service, table, fitted, label="row", batch_size=64, drop_remainder=True)
    assert len(rows_of(whole)) == ROWS - ROWS % 64


def test_wrong_arguments_are_told(service: unskew.Service, table: pa.Table, fitted: unskew.Fitted) -> None:
    with pytest.raises(NotFitted):
        VectorDataset(service, table)
    with pytest.raises(DataError, match="no column 'nothing'"):
        VectorDataset(service, table, fitted, label="nothing")
    with pytest.raises(DataError, match="the table is empty"):
        VectorDataset(service, table.slice(0, 0), fitted)
    with pytest.raises(DataError, match=r"can't be read as Parquet"):
        VectorDataset(service, "nowhere.parquet", fitted)
    both: list[dict[str, Any]] = [{"batch_size": 0}, {"seed": -1}, {"weight": "w"}, {"on_incomplete": "drop"}]
    own: list[dict[str, Any]] = [{"workers": 0}, {"max_queue_size": 0}]
    for wrong in [*both, *own]:
        with pytest.raises(InvalidArgument, match=next(iter(wrong))):
            VectorDataset(service, table, fitted, **wrong)
    for wrong in both:
        with pytest.raises(InvalidArgument, match=next(iter(wrong))):
            vector_batches(service, table, fitted, **wrong)
    with pytest.raises(InvalidArgument, match="the path of a Parquet file"):
        VectorDataset(service, 7, fitted)


def model_of(width: int) -> Any:
    keras.utils.set_random_seed(5)
    model = keras.Sequential([keras.Input((width,)), keras.layers.Dense(1, activation="sigmoid")])
    model.compile(optimizer="sgd", loss="binary_crossentropy")
    return model


@pytest.mark.parametrize("workers", [1, 3])
def test_a_model_is_trained_alike_by_any_number_of_threads(
    service: unskew.Service, table: pa.Table, fitted: unskew.Fitted, workers: int
) -> None:
    def weights(workers: int) -> list[Any]:
        dataset = VectorDataset(service, table, fitted, label="y", shuffle=True, seed=9, workers=workers)
        model = model_of(dataset.width)
        model.fit(dataset, epochs=3, verbose=0, shuffle=False)
        assert dataset.epoch == 3
        return [np.asarray(array).tolist() for array in model.get_weights()]

    assert weights(workers) == weights(1)


def test_a_model_is_trained_on_a_stream(service: unskew.Service, table: pa.Table, fitted: unskew.Fitted) -> None:
    model = model_of(5)
    history = model.fit(vector_batches(service, table, fitted, label="y"), shuffle=False, verbose=0, steps_per_epoch=3)
    assert np.isfinite(history.history["loss"]).all()


PROCESSES = """
import multiprocessing, pickle, sys
import numpy as np, keras
if __name__ == "__main__":
    multiprocessing.set_start_method("spawn")
    with open(sys.argv[1], "rb") as file:
        dataset = pickle.load(file)
    model = keras.Sequential([keras.Input((dataset.width,)), keras.layers.Dense(1)])
    model.compile(loss="mse")
    model.fit(dataset, verbose=0, shuffle=False)
    print(dataset.epoch)
"""


def test_worker_processes_read_it(
    service: unskew.Service, table: pa.Table, fitted: unskew.Fitted, tmp_path: Path
) -> None:
    dataset = VectorDataset(service, table, fitted, label="y", shuffle=True, workers=1, use_multiprocessing=True)
    assert [a.tolist() for a in pickle.loads(pickle.dumps(dataset))[1]] == [a.tolist() for a in dataset[1]]  # noqa: S301
    (tmp_path / "dataset.pickle").write_bytes(pickle.dumps(dataset))
    (tmp_path / "train.py").write_text(PROCESSES)
    command = [sys.executable, str(tmp_path / "train.py"), str(tmp_path / "dataset.pickle")]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)
    assert (done.returncode, done.stdout.strip()) == (0, "2"), done.stderr


def test_a_frame_of_pandas_with_nulls(service: unskew.Service, fitted: unskew.Fitted) -> None:
    frame = pd.DataFrame({"a": [1.0, 2.0], "text": ["a", None], "mean": [0.5, np.nan], "y": [0, 1]})
    (x, _) = VectorDataset(service, frame, fitted, label="y", on_incomplete="nan")[0]
    assert x[1, 1:4].tolist() == [0, 0, 0]
    assert np.isnan(x[1, 4])
