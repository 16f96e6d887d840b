"""The Dockerfile, as far as it can be checked without a docker daemon: what it copies, compiles and starts."""

import json
import os
import re
import shutil
import subprocess
import tomllib
from pathlib import Path

from servers import ROOT

DOCKERFILE = (ROOT / "Dockerfile").read_text(encoding="utf-8").replace("\\\n", " ")
# Of the source: files that are compiled in, by their paths from the file that names them.
INCLUDED = re.compile(r'include_(?:str|bytes)!\(\s*"([^"]+)"')


def copied() -> list[Path]:
    """What goes from the repository into the stage that compiles."""
    lines = re.findall(r"^COPY (?!--from)(.+)$", DOCKERFILE, re.MULTILINE)
    return [Path(source) for line in lines for source in line.split()[:-1]]


def is_copied(path: Path) -> bool:
    """Whether a file of the repository is there when it is compiled."""
    return any(path == source or source in path.parents for source in copied())


def test_the_compiler_is_that_of_the_repository() -> None:
    toolchain = tomllib.loads((ROOT / "rust-toolchain.toml").read_text(encoding="utf-8"))["toolchain"]["channel"]
    assert f"ARG RUST_VERSION={toolchain}\n" in DOCKERFILE


def test_all_that_is_copied_is_there_and_not_ignored() -> None:
    ignored = (ROOT / ".dockerignore").read_text(encoding="utf-8").split()
    for source in copied():
        assert (ROOT / source).exists(), source
        assert f"!{source}" in ignored, source


def test_cargo_finds_the_workspace_in_what_is_copied(tmp_path: Path) -> None:
    for source in copied():
        target = tmp_path / source
        if (ROOT / source).is_dir():
            shutil.copytree(ROOT / source, target, ignore=shutil.ignore_patterns("target", "*.so"))
        else:
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / source, target)
    command = ["cargo", "metadata", "--locked", "--offline", "--format-version", "1"]
    run = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False, timeout=120)
    assert run.returncode == 0, run.stderr
    targets = [target for package in json.loads(run.stdout)["packages"] for target in package["targets"]]
    assert any(target["name"] == "unskew-gateway" and "bin" in target["kind"] for target in targets)


def test_files_that_are_compiled_in_are_copied() -> None:
    sources = [ROOT / "build.rs", *(ROOT / "src").rglob("*.rs"), *(ROOT / "engine" / "src").rglob("*.rs")]
    for source in sources:
        # Tests are not compiled there.
        if "tests" in source.parts or source.name == "tests.rs":
            continue
        for name in INCLUDED.findall(source.read_text(encoding="utf-8")):
            path = Path(os.path.normpath(source.parent / name))
            assert is_copied(path.relative_to(ROOT)), f"{source} includes {path}"


def test_the_image_runs_as_nobody_and_is_checked_by_the_binary(address: str) -> None:
    final = DOCKERFILE.rsplit("FROM ", 1)[1]
    assert final.startswith("gcr.io/distroless/cc-debian12:nonroot\n")
    assert "--profile dist" in DOCKERFILE
    assert "USER" not in final
    found = re.search(r"HEALTHCHECK .*CMD (\[.*\])", final)
    assert found
    program, *arguments = json.loads(found[1])
    assert json.loads(re.findall(r"ENTRYPOINT (\[.*\])", final)[0]) == [program]
    binary = os.environ.get("UNSKEW_GATEWAY_BIN", str(ROOT / "target" / "release" / "unskew-gateway"))
    environment = {"APP__SERVER__ADDRESS": address}
    subprocess.run([binary, *arguments], env=environment, check=True, timeout=10, capture_output=True)


def test_the_settings_of_the_image_are_settings(tmp_path: Path) -> None:
    binary = os.environ.get("UNSKEW_GATEWAY_BIN", str(ROOT / "target" / "release" / "unskew-gateway"))
    header, image = DOCKERFILE.split("FROM ", 1)
    settings = dict(re.findall(r"(APP__\w+)=(\S+)", image))
    assert settings["APP__SERVER__ADDRESS"] == "0.0.0.0:50051"
    # On every address it wants a key; the comment at the top says how it is given one.
    given = re.search(r"-e (APP__AUTH__KEYS)='(.*)'", header)
    assert given
    settings[given[1]] = given[2].replace('sha256 = "…"', f'sha256 = "{64 * "a"}"').replace("…", "me")
    subprocess.run([binary, "check-config"], env=settings, cwd=tmp_path, check=True, timeout=10, capture_output=True)
