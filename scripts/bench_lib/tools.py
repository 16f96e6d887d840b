"""The programs that a benchmark needs: found, installed, or built."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

from bench_lib.errors import BenchError
from bench_lib.options import ROOT, Options

# Program: the Debian package that has it.
PACKAGES = {"h2load": "nghttp2-client", "redis-server": "redis-server", "redis-benchmark": "redis-tools"}


def say(text: str) -> None:
    """Tell the user what is going on; results alone go to stdout."""
    print(text, file=sys.stderr, flush=True)


def install(programs: dict[str, str]) -> None:
    """Install by apt the packages of the programs, or files by their whole paths, that are missing."""
    missing = sorted(
        {package for name, package in programs.items() if not shutil.which(name) and not Path(name).is_file()}
    )
    if not missing:
        return
    if not shutil.which("apt-get"):
        raise BenchError(f"install the packages {', '.join(missing)}: this machine has no apt-get to do it with")
    sudo = [] if os.geteuid() == 0 else ["sudo"]
    say(f"installing {', '.join(missing)}")
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    for command in (
        ["apt-get", "update", "-q"],
        ["apt-get", "install", "-q", "-y", "--no-install-recommends", *missing],
    ):
        run([*sudo, *command], environment=environment)


def target_folder() -> Path:
    """Where cargo builds."""
    return Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target"))


def build(options: Options) -> tuple[Path, Path]:
    """Build the gateway and the client; answers with the two binaries."""
    target = target_folder()
    say("building the client")
    run(["cargo", "build", "--profile=release", "--locked", "--package=bench-client"], folder=ROOT)
    gateway = options.gateway_bin
    if gateway is None:
        say("building the gateway as it is shipped, which takes minutes")
        run(["cargo", "build", "--profile=dist", "--locked", "--package=unskew-gateway"], folder=ROOT)
        gateway = target / "dist/unskew-gateway"
    return gateway, target / "release/bench-client"


def build_baseline(options: Options) -> Path | None:
    """Build the baseline from a copy outside of the clone; answers with its binary, or None without sources."""
    source = options.baseline_dir
    if not (source / "Cargo.toml").is_file():
        say(f"no baseline at {source}: the gateway is measured alone")
        return None
    if "PROTOC" not in os.environ:
        # Without its recommendations the compiler has no protos of its own.
        install({"protoc": "protobuf-compiler", "/usr/include/google/protobuf/struct.proto": "libprotobuf-dev"})
    say("building the baseline")
    copy = options.cache / "baseline"
    for file in sorted(source.rglob("*")):
        place = copy / file.relative_to(source)
        # Only what changed is copied, so that cargo sees what did.
        if file.is_file() and not (place.is_file() and place.read_bytes() == file.read_bytes()):
            place.parent.mkdir(parents=True, exist_ok=True)
            place.unlink(missing_ok=True)
            shutil.copyfile(file, place)
    # The gateway's versions of the libraries both use: the comparison is of the two programs.
    if not (copy / "Cargo.lock").is_file():
        shutil.copyfile(ROOT / "Cargo.lock", copy / "Cargo.lock")
    target = options.cache / "baseline-target"
    run(["cargo", "build", "--release"], folder=copy, environment={**os.environ, "CARGO_TARGET_DIR": str(target)})
    return target / "release/baseline"


def run(command: list[str], folder: Path | None = None, environment: dict[str, str] | None = None) -> None:
    """Run a command whose output goes to stderr; it must succeed."""
    try:
        subprocess.run(command, cwd=folder, env=environment, stdin=subprocess.DEVNULL, stdout=sys.stderr, check=True)
    except FileNotFoundError as error:
        raise BenchError(f"{command[0]} is not installed") from error
    except subprocess.CalledProcessError as error:
        raise BenchError(f"failed with exit code {error.returncode}: {' '.join(command)}") from error


def output(command: list[str], timeout: float = 120) -> str:
    """Run a command and answer with its stdout; it must succeed within the time."""
    try:
        done = subprocess.run(
            command, stdin=subprocess.DEVNULL, capture_output=True, check=True, text=True, timeout=timeout
        )
    except FileNotFoundError as error:
        raise BenchError(f"{command[0]} is not installed") from error
    except subprocess.TimeoutExpired as error:
        raise BenchError(f"no end after {timeout:.0f} s: {' '.join(command)}") from error
    except subprocess.CalledProcessError as error:
        raise BenchError(
            f"failed with exit code {error.returncode}: {' '.join(command)}: {error.stderr.strip()}"
        ) from error
    return done.stdout
