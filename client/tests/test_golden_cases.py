"""The golden cases of `tests/cases` through the wheel: batch path and row path, bit for bit.

The engine's own runner reads the YAML and resolves the inputs of each request; `UNSKEW_CASES_DUMP` names the file that
it wrote.
"""

import json
import os
import struct
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

import unskew
from unskew._tables import arrow_type
from unskew.errors import DefinitionsError

DUMP = Path(os.environ.get("UNSKEW_CASES_DUMP") or Path(__file__).parents[2] / "target/cases.json")


def cases(kind: str) -> list[dict[str, Any]]:
    if not DUMP.is_file():
        pytest.fail(f"{DUMP} is not there: UNSKEW_CASES_DUMP={DUMP} cargo test --release -p unskew-engine --test cases")
    return [case for case in json.loads(DUMP.read_text()) if case["kind"] == kind]


def python_value(dumped: Any, dtype: str) -> Any:
    if dumped is None:
        return None
    if dtype.startswith(("list<", "vector<")):
        item = dtype[5:-1] if dtype.startswith("list<") else "float32"
        return [python_value(value, item) for value in dumped]
    if dtype in ("int32", "int64", "timestamp"):
        return int(dumped)
    if dtype in ("float32", "float64"):
        return struct.unpack(">d", bytes.fromhex(dumped))[0]
    return bytes.fromhex(dumped) if dtype == "bytes" else dumped


def service_of(case: dict[str, Any]) -> tuple[unskew.Service, unskew.Fitted | None]:
    service = unskew.parse(case["definitions"]).services[case["service"]]
    return service, unskew.Fitted(service.name, case["fitted"]) if case["fitted"] else None


def test_vectors_by_batch_and_by_row() -> None:
    found = cases("vectors")
    assert len(found) > 150
    for case in found:
        service, fitted = service_of(case)
        assert service.fingerprint(fitted) == case["fingerprint"], case["name"]
        assert list(service.names(fitted)) == case["names"], case["name"]
        # Rows with an input that is ERROR are no rows of a table: it holds values and nulls alone.
        kept = [position for position, row in enumerate(case["rows"]) if row is not None]
        rows = [
            {name: python_value(case["rows"][position][name], dtype) for name, dtype in service.inputs.items()}
            for position in kept
        ]
        expected = np.array([case["vectors"][position] for position in kept], np.uint32).reshape(
            len(kept), len(case["names"])
        )
        arrays = [pa.array([row[name] for row in rows], arrow_type(dtype)) for name, dtype in service.inputs.items()]
        if arrays:
            table = pa.Table.from_arrays(arrays, names=list(service.inputs))
            vectors = service.vectors(table, fitted)
            assert (vectors.values.view(np.uint32) == expected).all(), case["name"]
            slots = {kept.index(it["row"]): it["slot"] for it in case["incomplete"] if it["row"] in kept}
            assert {it.row: it.slot for it in vectors.incomplete} == slots, case["name"]
        for row, bits in zip(rows, expected, strict=True):
            assert (service.vector(row, fitted).view(np.uint32) == bits).all(), case["name"]


def table_of(dumped: dict[str, Any]) -> pa.Table:
    return pa.table(
        {
            name: pa.array([python_value(value, dtype) for value in values], arrow_type(dtype))
            for name, (dtype, values) in dumped.items()
        }
    )


@pytest.mark.parametrize("threads", [1, 2])
def test_training_sets(threads: int) -> None:
    """More cores change no window, which they did elsewhere (openmldb#1629)."""
    found = cases("training")
    assert len(found) > 100
    for case in found:
        service, fitted = service_of(case)
        sources = {name: pa.concat_tables(map(table_of, parts)) for name, parts in case["sources"].items()}
        made = unskew.training_set(
            service.definitions,
            case["service"],
            table_of(case["spine"]),
            sources,
            fitted=fitted,
            time_column=case["time"],
            threads=threads,
        )
        assert made.vectors.view(np.uint32).tolist() == case["vectors"], case["name"]
        expected = {it["row"]: it["slot"] for it in case["incomplete"]}
        assert {it.row: it.slot for it in made.incomplete} == expected, case["name"]


def test_definitions() -> None:
    found = cases("definitions")
    assert len(found) > 40
    for case in found:
        try:
            definitions = unskew.parse(case["definitions"], "case.yaml")
        except DefinitionsError as error:
            told = [f"{it.line}:{it.column}: {it.message}" for it in error.diagnostics]
            assert len(told) == len(case["diagnostics"]), case["name"]
            for line, expected in zip(told, case["diagnostics"], strict=True):
                # A help follows the message in a case.
                assert expected.startswith(line) or line.startswith(expected), case["name"]
            continue
        assert not case["diagnostics"], case["name"]
        for name, fingerprint in case["fingerprints"].items():
            service = definitions.services[name]
            # A case gives the fingerprint without fitted parameters; a service that needs them has none here.
            if not service.needs_fit:
                assert service.fingerprint() == fingerprint, case["name"]
