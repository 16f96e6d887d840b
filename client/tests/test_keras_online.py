"""A model that is saved with what it was trained on, and served by the real gateway."""

import asyncio
import threading
import zipfile
from collections.abc import Iterator
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pyarrow as pa
import pytest

import unskew
import unskew.keras
from tests.gateway import Gateway
from unskew.errors import FingerprintMismatch, IncompleteVectors, InvalidArgument, NotFitted

pytestmark = [pytest.mark.keras, pytest.mark.integration]
NOW = datetime(2026, 11, 22, 12, tzinfo=timezone.utc)
DEFINITIONS = """
entities: {user: {keys: {id: int64}}}
sources:
  figures: {event_time: event_time, columns: {id: int64, event_time: timestamp, mean: float64, text: string}}
views:
  stats: {entity: user, source: figures, features: {mean: float64, text: string}}
services:
  s:
    request: {amount: float64}
    vector:
      - {input: amount, steps: [standardize]}
      - {input: stats.mean, steps: [{rescale: {scale: 2}}]}
      - {input: stats.text, steps: [{one_hot: {max_tokens: 2, order: value}}]}
"""
ROWS = [{"id": user, "event_time": NOW, "mean": user / 3, "text": "ab"[user % 2]} for user in range(50)]
TRAINING = pa.table({"amount": [1.0, 5.0, 9.5], "stats.mean": [0.0, 1.0, 2.0], "stats.text": ["a", "b", "a"]})


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Definitions, with two fits beside them."""
    folder = tmp_path_factory.mktemp("definitions")
    (folder / "all.yaml").write_text(DEFINITIONS)
    service = unskew.load(folder).services["s"]
    service.fit(TRAINING).save(folder)
    service.fit(TRAINING.slice(1)).save(folder, "other")
    return folder


@pytest.fixture(scope="module")
def served(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a gateway with these definitions and rows."""
    with Gateway(tmp_path_factory.mktemp("served"), settings={"APP__DEFINITIONS__PATH": str(folder)}) as gateway:
        with unskew.FeatureStoreClient(gateway.address, timeout=5) as client:
            assert client.write_rows("stats", ROWS).ok
        yield gateway.address


@pytest.fixture
def client(served: str) -> Iterator[unskew.FeatureStoreClient]:
    with unskew.FeatureStoreClient(served, timeout=5) as client:
        yield client


@pytest.fixture(scope="module")
def service(folder: Path) -> unskew.Service:
    return unskew.load(folder).services["s"]


def model_of(width: int = 4, outputs: int = 1) -> Any:
    keras.utils.set_random_seed(3)
    inputs = keras.Input((width,))
    hidden = keras.layers.Dense(8, activation="relu")(inputs)
    found = [keras.layers.Dense(1, activation="sigmoid")(hidden) for _ in range(outputs)]
    return keras.Model(inputs, found[0] if outputs == 1 else found)


@pytest.fixture(scope="module")
def saved(service: unskew.Service, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("models") / "model.keras"
    unskew.keras.save(model_of(), path, service)
    return path


def inputs(users: list[int]) -> pa.Table:
    """What the gateway reads for these users, as a table."""
    return pa.table(
        {
            "amount": [user / 7 for user in users],
            "stats.mean": [ROWS[user]["mean"] for user in users],
            "stats.text": [ROWS[user]["text"] for user in users],
        }
    )


def test_the_archive_is_one_of_keras(saved: Path, service: unskew.Service) -> None:
    trained_on = unskew.keras.read_archive(saved)
    assert trained_on.service == "s"
    assert trained_on.fingerprint == service.fingerprint()
    assert trained_on.columns == ("amount", "stats.mean", "stats.text[a]", "stats.text[b]")
    assert trained_on.fitted == service.fitted().text
    assert sorted(saved.parent.iterdir()) == [saved]
    plain = keras.saving.load_model(saved)
    vectors = service.transform(inputs([1, 2]))
    np.testing.assert_array_equal(plain.predict_on_batch(vectors), model_of().predict_on_batch(vectors))


@pytest.mark.parametrize("count", [1, 3, 50, 1100])
def test_predictions_are_those_of_offline_vectors(
    saved: Path, client: unskew.FeatureStoreClient, service: unskew.Service, count: int
) -> None:
    online = unskew.keras.load(saved, client)
    users = [at % 50 for at in range(count)]
    parts = [users[at : at + 1000] for at in range(0, count, 1000)]
    for part in parts:
        predictions = online.predict({"id": part}, {"amount": [user / 7 for user in part]})
        offline = service.transform(inputs(part))
        np.testing.assert_array_equal(predictions.vectors.values, offline)
        assert predictions.values.shape == (len(part), 1)
        assert predictions.rows.tolist() == list(range(len(part)))
        np.testing.assert_array_equal(np.asarray(predictions), online.predict_vectors(offline))
        expected = model_of().predict(offline, verbose=0)
        np.testing.assert_allclose(predictions.values, expected, rtol=1e-5)


def test_incomplete_rows_follow_the_policy(saved: Path, client: unskew.FeatureStoreClient) -> None:
    entities, request = {"id": [1, 999, 2]}, {"amount": [1.0, 2.0, 3.0]}
    online = unskew.keras.load(saved, client)
    with pytest.raises(IncompleteVectors, match=r"row 1.*stats\.mean"):
        online.predict(entities, request)
    spread = online.predict(entities, request, on_incomplete="nan")
    assert np.isnan(spread.values).ravel().tolist() == [False, True, False]
    assert len(spread) == 3
    skipped = unskew.keras.load(saved, client, on_incomplete="skip").predict(entities, request)
    assert skipped.rows.tolist() == [0, 2]
    assert skipped.vectors.incomplete[0].row == 1
    np.testing.assert_allclose(skipped.values, spread.values[[0, 2]], rtol=1e-6)
    nothing = online.predict({"id": [999]}, {"amount": [1.0]}, on_incomplete="skip")
    assert (nothing.values.shape, nothing.rows.tolist()) == ((0, 1), [])
    with pytest.raises(InvalidArgument, match="'raise', 'nan' or 'skip'"):
        online.predict(entities, request, on_incomplete="drop")  # type: ignore[arg-type]


def test_a_model_of_several_outputs(service: unskew.Service, client: unskew.FeatureStoreClient, tmp_path: Path) -> None:
    unskew.keras.save(model_of(outputs=2), tmp_path / "two.keras", service)
    online = unskew.keras.load(tmp_path / "two.keras", client, on_incomplete="nan")
    first, second = online.predict({"id": [1, 999]}, {"amount": [1.0, 2.0]}).values
    assert np.isnan(first).ravel().tolist() == np.isnan(second).ravel().tolist() == [False, True]
    assert first[0] != second[0]
    with pytest.raises(InvalidArgument, match="several outputs"):
        np.asarray(online.predict({"id": [1]}, {"amount": [1.0]}))


def test_every_fit_that_is_loaded_is_served(
    service: unskew.Service, client: unskew.FeatureStoreClient, tmp_path: Path
) -> None:
    other = service.fitted("other")
    trained_on = unskew.keras.save(model_of(), tmp_path / "other.keras", service, other)
    online = unskew.keras.load(tmp_path / "other.keras", client)
    predictions = online.predict({"id": [3]}, {"amount": [3 / 7]})
    assert predictions.vectors.fingerprint == trained_on.fingerprint != service.fingerprint()
    np.testing.assert_array_equal(predictions.vectors.values, service.transform(inputs([3]), other))


def test_a_gateway_with_another_fingerprint_is_refused(
    service: unskew.Service, client: unskew.FeatureStoreClient, tmp_path: Path
) -> None:
    fitted = service.fit(TRAINING.slice(0, 2))
    trained_on = unskew.keras.save(model_of(), tmp_path / "model.keras", service, fitted)
    with pytest.raises(FingerprintMismatch) as refused:
        unskew.keras.load(tmp_path / "model.keras", client)
    assert refused.value.fingerprint == trained_on.fingerprint == service.fingerprint(fitted)
    assert service.fingerprint() in refused.value.served
    for words in (trained_on.fingerprint, service.fingerprint(), "s.<name>.fitted.json", "reload"):
        assert words in str(refused.value)


def test_a_gateway_that_changes_is_refused_at_the_next_call(folder: Path, tmp_path: Path) -> None:
    changing = tmp_path / "definitions"
    changing.mkdir()
    for file in folder.iterdir():
        (changing / file.name).write_bytes(file.read_bytes())
    service = unskew.load(changing).services["s"]
    unskew.keras.save(model_of(), tmp_path / "model.keras", service)
    data = tmp_path / "data"
    data.mkdir()
    settings = {"APP__DEFINITIONS__PATH": str(changing)}
    with Gateway(data, settings=settings) as gateway, unskew.FeatureStoreClient(gateway.address, timeout=5) as client:
        client.write_rows("stats", ROWS)
        online = unskew.keras.load(tmp_path / "model.keras", client)
        before = online.predict({"id": [1]}, {"amount": [1.0]})
        address = gateway.address
    text = DEFINITIONS.replace("scale: 2", "scale: 3")
    for file in changing.iterdir():
        file.unlink()
    (changing / "all.yaml").write_text(text)
    unskew.load(changing).services["s"].fit(TRAINING).save(changing)
    with Gateway(data, address, settings=settings), unskew.FeatureStoreClient(address, timeout=5) as client:
        online = unskew.keras.OnlineModel(online.model, online.trained_on, client)
        with pytest.raises(FingerprintMismatch, match="was trained on"):
            online.predict({"id": [1]}, {"amount": [1.0]})
    assert len(before) == 1


def test_a_service_that_is_not_there(client: unskew.FeatureStoreClient, tmp_path: Path) -> None:
    elsewhere = unskew.parse(DEFINITIONS.replace("  s:", "  elsewhere:")).services["elsewhere"]
    with pytest.raises(NotFitted):
        unskew.keras.save(model_of(), tmp_path / "model.keras", elsewhere)
    unskew.keras.save(model_of(), tmp_path / "model.keras", elsewhere, elsewhere.fit(TRAINING))
    with pytest.raises(FingerprintMismatch, match="has no service 'elsewhere'; it has 's'"):
        unskew.keras.load(tmp_path / "model.keras", client)


def test_models_that_take_something_else_are_refused(
    service: unskew.Service, client: unskew.FeatureStoreClient, saved: Path, tmp_path: Path
) -> None:
    with pytest.raises(InvalidArgument, match=r"takes \(None, 3\), and the vectors of the service 's' are \(None, 4\)"):
        unskew.keras.save(model_of(3), tmp_path / "model.keras", service)
    with pytest.raises(InvalidArgument, match=r"name it .*model\.keras"):
        unskew.keras.save(model_of(), tmp_path / "model.h5", service)
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(InvalidArgument, match="there is no model file"):
        unskew.keras.load(tmp_path / "model.keras", client)
    model_of().save(tmp_path / "plain.keras")
    with pytest.raises(InvalidArgument, match=r"Save it with unskew.keras.save"):
        unskew.keras.load(tmp_path / "plain.keras", client)
    (tmp_path / "broken.keras").write_bytes(b"no archive")
    with pytest.raises(InvalidArgument, match=r"no \.keras archive"):
        unskew.keras.load(tmp_path / "broken.keras", client)
    online = unskew.keras.load(saved, client)
    with pytest.raises(InvalidArgument, match=r"of the shape \(2, 3\)"):
        online.predict_vectors(np.zeros((2, 3), np.float32))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("no JSON", "is no JSON"),
        ('{"format": 2}', "has the format 2"),
        ('{"format": 1, "service": "s", "fingerprint": "abc", "columns": []}', "64 hexadecimal digits"),
        ('{"format": 1, "service": "", "fingerprint": "abc", "columns": []}', "no text 'service'"),
        (f'{{"format": 1, "service": "s", "fingerprint": "{"0" * 64}", "columns": 4}}', "no list of texts 'columns'"),
    ],
)
def test_a_member_that_is_damaged_is_refused(text: str, message: str, tmp_path: Path) -> None:
    path = tmp_path / "model.keras"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("unskew.json", text)
    with pytest.raises(InvalidArgument, match=message):
        unskew.keras.read_archive(path)


def test_threads_share_a_model(saved: Path, client: unskew.FeatureStoreClient) -> None:
    online = unskew.keras.load(saved, client)
    expected = [np.asarray(online.predict({"id": [user]}, {"amount": [1.0]})).tolist() for user in range(8)]
    found: dict[int, list[Any]] = {}

    def work(user: int) -> None:
        found[user] = [np.asarray(online.predict({"id": [user]}, {"amount": [1.0]})).tolist() for _ in range(5)]

    threads = [threading.Thread(target=work, args=(user,)) for user in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == {user: [expected[user]] * 5 for user in range(8)}


def test_asyncio(saved: Path, served: str, service: unskew.Service, tmp_path: Path) -> None:
    unskew.keras.save(model_of(), tmp_path / "model.keras", service, service.fit(TRAINING.slice(0, 2)))

    async def work() -> list[Any]:
        async with unskew.aio.FeatureStoreClient(served, timeout=5) as client:
            with pytest.raises(FingerprintMismatch):
                await unskew.keras.load_async(tmp_path / "model.keras", client)
            online = await unskew.keras.load_async(saved, client, on_incomplete="nan")
            asked = (online.predict({"id": [user, 999]}, {"amount": [1.0, 1.0]}) for user in range(5))
            return [np.asarray(reply).ravel() for reply in await asyncio.gather(*asked)]

    with unskew.FeatureStoreClient(served, timeout=5) as client:
        online = unskew.keras.load(saved, client, on_incomplete="nan")
        for user, found in enumerate(asyncio.run(work())):
            expected = np.asarray(online.predict({"id": [user, 999]}, {"amount": [1.0, 1.0]})).ravel()
            np.testing.assert_array_equal(found, expected)


def test_options_reach_the_gateway(saved: Path, client: unskew.FeatureStoreClient) -> None:
    online = unskew.keras.load(saved, client, on_incomplete="nan")
    early = online.predict({"id": [1]}, {"amount": [1.0]}, as_of=NOW - timedelta(days=1), names=True)
    assert early.vectors.incomplete[0].slot == "stats.mean"
    assert early.vectors.names == online.trained_on.columns
