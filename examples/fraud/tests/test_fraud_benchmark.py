"""The benchmark offline: every window feature against the reference, and the published results."""

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
import unskew
from conftest import Ended, run_command
from fraud_benchmark import models, tumbling
from fraud_benchmark.metrics import score
from fraud_benchmark.offline import DEFINITIONS, SERVICE, SPINE, Offline, training_sets
from fraud_benchmark.published import PUBLISHED, reproduced, table
from fraud_benchmark.stream import SOURCE, events
from fraud_benchmark.weeks import cut, numbers
from fraud_data.errors import InputError
from fraud_reference import customer_spending, terminal_risk

pytestmark = pytest.mark.full

BY_REFERENCE = (customer_spending, terminal_risk)


def test_every_feature_of_every_transaction_equals_the_reference(full_file: Path, full: Any) -> None:
    transactions = pq.read_table(full_file)
    sources = {SOURCE: events(transactions, labelled=True)}
    found = unskew.training_set(unskew.load(DEFINITIONS), SERVICE, transactions.select(SPINE), sources).features
    for reference in BY_REFERENCE:
        for name, expected in reference(full).items():
            assert found.column(name).null_count == 0
            column = found.column(name).to_numpy()
            assert column.dtype == expected.dtype
            assert np.array_equal(column, expected), f"{name}: {np.count_nonzero(column != expected)} rows differ"


def test_a_training_set_of_some_rows_has_the_same_features(full_file: Path, full: Any) -> None:
    transactions = pq.read_table(full_file)
    weeks = cut(transactions)
    assert (weeks.train.num_rows, weeks.test.num_rows) == (67_240, 67_080)
    for rows, made in zip((weeks.train, weeks.test), training_sets(transactions, weeks), strict=True):
        at = numbers(rows, "transaction_id")
        for reference in BY_REFERENCE:
            for name, expected in reference(full).items():
                assert np.array_equal(made.features.column(name).to_numpy(), expected.to_numpy()[at]), name


def test_what_is_judged_is_what_was_published(full_file: Path) -> None:
    weeks = cut(pq.read_table(full_file))
    assert (weeks.train.num_rows, int(numbers(weeks.train, "tx_fraud").sum())) == (67_240, 598)
    assert weeks.test.num_rows == 67_080
    assert (int(weeks.judged.sum()), int(numbers(weeks.test, "tx_fraud")[weeks.judged].sum())) == (58_264, 385)


def test_the_published_results_come_out(trained: tuple[Path, Ended], full_file: Path) -> None:
    folder, ended = trained
    assert ended.code == 0, ended.err
    weeks, offline = cut(pq.read_table(full_file)), Offline(folder)
    found = {}
    for name in PUBLISHED:
        model = models.load(folder, name, offline.service())
        found[name] = score(weeks, model.predict(offline.vectors()))
        assert reproduced(name, found[name]), f"{name}: {found[name]}"
    assert table(found) in ended.out
    print(ended.out)


def test_windows_of_whole_days_lose(trained: tuple[Path, Ended], full_file: Path) -> None:
    folder, _ = trained
    transactions = pq.read_table(full_file)
    weeks, offline = cut(transactions), Offline(folder)
    service = offline.service()
    wrong = service.transform(tumbling.features(transactions, weeks.test))
    assert np.isfinite(wrong).all()
    for name in PUBLISHED:
        model = models.load(folder, name, service)
        right, other = (score(weeks, model.predict(vectors)).auc for vectors in (offline.vectors(), wrong))
        assert other < right - 0.003, name


def test_a_model_of_other_vectors_is_refused(trained: tuple[Path, Ended], full_file: Path, tmp_path: Path) -> None:
    folder, _ = trained
    transactions = pq.read_table(full_file)
    table = tumbling.features(transactions, cut(transactions).train)
    other = Offline(tmp_path)
    other.keep(Offline(folder).service().fit(table), np.empty((0, 15), np.float32))
    for name in PUBLISHED:
        shutil.copy(models.file_of(folder, name), tmp_path)
        with pytest.raises(InputError, match="trained on other vectors"):
            models.load(tmp_path, name, other.service())


def test_bad_input_is_one_line(tmp_path: Path) -> None:
    ended = run_command("train.py", "--data", str(tmp_path))
    assert (ended.code, ended.out, ended.err.count("\n")) == (2, "", 1), ended.err
    assert ended.err.startswith("train.py: error: ")
