"""The documentation builds without a warning, its reference has every public name, and examples in docstrings hold."""

import doctest
import enum
import importlib
import importlib.util
import inspect
import os
import pkgutil
import re
import subprocess
import sys
import types
import zlib
from collections.abc import Iterator
from pathlib import Path

import pytest

import unskew
from tests.gateway import Gateway

DOCS = Path(__file__).resolve().parents[1] / "docs"


def module_names() -> list[str]:
    """All modules of the package."""
    found = [it.name for it in pkgutil.walk_packages(unskew.__path__, "unskew.", onerror=lambda _: None)]
    skipped = ["unskew._generated", "unskew._native", "unskew.cli.__main__"]
    # Airflow and Spark stand in environments of their own: tests/scheduling, tests/spark.
    skipped += [
        f"unskew.{part}"
        for part, needs in (("airflow", "airflow"), ("spark", "pyspark"))
        if not importlib.util.find_spec(needs)
    ]
    return ["unskew", *(name for name in found if not name.startswith(tuple(skipped)))]


def is_public(module: str) -> bool:
    """Whether a module is for users. The modules in `unskew.cli` are its commands, which have a page of their own."""
    parts = module.split(".")
    is_command = parts[1:2] == ["cli"] and len(parts) > len(["unskew", "cli"])
    return not is_command and not any(part.startswith("_") for part in parts)


def public_names(module: types.ModuleType) -> list[str]:
    """What a module has for users."""
    exported = getattr(module, "__all__", None)
    if exported is not None:
        return list(exported)
    own = {name: it for name, it in vars(module).items() if getattr(it, "__module__", None) == module.__name__}
    return [name for name in own if not name.startswith("_")]


def members(cls: type) -> Iterator[str]:
    """The public methods, properties and values that a class itself defines."""
    for name, member in vars(cls).items():
        is_member = isinstance(member, types.FunctionType | property | classmethod | staticmethod)
        is_value = isinstance(cls, enum.EnumMeta) and isinstance(member, cls)
        if not name.startswith("_") and (is_member or is_value):
            yield name


@pytest.fixture(scope="module")
def documented(tmp_path_factory: pytest.TempPathFactory) -> set[str]:
    """The full names that the built pages have anchors of, from the inventory that other documentations link by."""
    site = tmp_path_factory.mktemp("site")
    command = [
        sys.executable,
        "-m",
        "mkdocs",
        "build",
        "--strict",
        "--quiet",
        "-f",
        str(DOCS / "mkdocs.yml"),
        "-d",
        str(site),
    ]
    environment = {**os.environ, "NO_MKDOCS_2_WARNING": "1"}
    ran = subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=300)
    assert (ran.returncode, ran.stdout, ran.stderr) == (0, "", "")
    inventory = (site / "objects.inv").read_bytes()
    *_, compressed = inventory.split(b"\n", 4)
    lines = zlib.decompress(compressed).decode().splitlines()
    return {line.split(" ", 1)[0] for line in lines}


@pytest.mark.parametrize("name", [name for name in module_names() if is_public(name)])
def test_every_public_name_is_in_the_reference(documented: set[str], name: str) -> None:
    module = importlib.import_module(name)
    assert name in documented
    missing = []
    for public in public_names(module):
        found = getattr(module, public)
        if inspect.ismodule(found):
            missing += [] if found.__name__ in documented else [found.__name__]
            continue
        # Documented here, or where it is written.
        places = {f"{name}.{public}"}
        if hasattr(found, "__qualname__"):
            places.add(f"{found.__module__}.{found.__qualname__}")
        inside = ["", *(f".{it}" for it in members(found))] if inspect.isclass(found) else [""]
        missing += [public + it for it in inside if not any(place + it in documented for place in places)]
    assert missing == []


@pytest.mark.parametrize("name", [name for name in module_names() if is_public(name)])
def test_every_public_thing_has_a_docstring(name: str) -> None:
    module = importlib.import_module(name)
    assert module.__doc__
    for public in public_names(module):
        found = getattr(module, public)
        if inspect.isclass(found) or inspect.isfunction(found):
            assert inspect.getdoc(found), f"{name}.{public}"


@pytest.mark.parametrize("name", module_names())
def test_the_examples_in_docstrings_hold(name: str) -> None:
    result = doctest.testmod(importlib.import_module(name), optionflags=doctest.ELLIPSIS)
    assert result.failed == 0


@pytest.mark.integration
def test_the_quick_start_runs_as_it_is_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    text = (DOCS / "pages" / "index.md").read_text(encoding="utf-8")
    (definitions,) = re.findall(r"```yaml\n(.*?)```", text, re.DOTALL)
    offline, online = re.findall(r"```python\n(.*?)```", text, re.DOTALL)
    (tmp_path / "definitions").mkdir()
    (tmp_path / "definitions" / "fraud.yaml").write_text(definitions, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    names: dict[str, object] = {}
    exec(offline, names)  # noqa: S102 (of this repository)
    assert getattr(names["x"], "shape", None) == (3, 3)
    with Gateway(tmp_path, settings={"APP__DEFINITIONS__PATH": str(tmp_path / "definitions")}) as gateway:
        assert "127.0.0.1:50051" in online
        exec(online.replace("127.0.0.1:50051", gateway.address), names)  # noqa: S102
    vectors = names["vectors"]
    assert isinstance(vectors, unskew.Vectors)
    assert vectors.complete.tolist() == [True, True]  # type: ignore[union-attr]
