# Shared by the scripts of this folder; to be sourced by bash. Needs Debian with Rust (rustup); installs the rest when it is missing.

set -euo pipefail

ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
# What is slow to fetch is kept here, outside the clone.
CACHE=${XDG_CACHE_HOME:-$HOME/.cache}/unskew
BINARY=${UNSKEW_GATEWAY_BIN:-$ROOT/target/release/unskew-gateway}
STARTED=()
export PATH=$PATH:$HOME/.cargo/bin
export CARGO_TERM_PROGRESS_WHEN=never PIP_DISABLE_PIP_VERSION_CHECK=1 PYTHONDONTWRITEBYTECODE=1

say() { printf '\n\033[1m== %s\033[0m\n' "$*"; }
note() { printf '   %s\n' "$*"; }
die() { printf 'error: %s\n' "$*" >&2; exit 1; }

# step TITLE COMMAND...: a header, the command, and how long it took.
step() {
    local title=$1 start=$SECONDS
    shift
    say "$title"
    "$@"
    note "($((SECONDS - start)) s)"
}

as_root() {
    if [ "$(id -u)" = 0 ]; then "$@"
    elif command -v sudo >/dev/null; then sudo "$@"
    else die "not root, and there is no sudo: run as root: $*"
    fi
}

# need_apt PACKAGE...: installs the Debian packages that are missing. No service is started.
need_apt() {
    local package missing=()
    for package in "$@"; do
        dpkg-query -W -f '${Status}' "$package" 2>/dev/null | grep -q '^install ok installed' || missing+=("$package")
    done
    [ ${#missing[@]} = 0 ] && return
    command -v apt-get >/dev/null || die "these packages are missing and there is no apt-get: ${missing[*]}"
    note "installing ${missing[*]}"
    as_root apt-get update -qq
    as_root env DEBIAN_FRONTEND=noninteractive RUNLEVEL=1 apt-get install -y -qq --no-install-recommends "${missing[@]}" \
        >/dev/null
}

# need COMMAND PACKAGE: installs the package when there is no such command.
need() { command -v "$1" >/dev/null || need_apt "$2"; }

# The compiler that rust-toolchain.toml pins, and a linker.
need_rust() {
    need cc build-essential
    command -v cargo >/dev/null || die "there is no cargo: install Rust by rustup, see https://rustup.rs"
    if ! (cd "$ROOT" && cargo --version >/dev/null 2>&1); then
        local pin
        pin=$(sed -n 's/^channel *= *"\(.*\)"/\1/p' "$ROOT/rust-toolchain.toml")
        # A toolchain of another name can be that very version, where rustup can't download.
        if rustc +stable --version 2>/dev/null | grep -q "^rustc $pin "; then
            export RUSTUP_TOOLCHAIN=stable
        else
            rustup toolchain install "$pin" --profile minimal --component clippy --component rustfmt ||
                die "Rust $pin (rust-toolchain.toml) is not installed, and rustup could not install it"
        fi
    fi
    (cd "$ROOT" && cargo --version)
}

# Prints a Python of at least 3.11 that can make virtual environments.
find_python() {
    local candidate
    for candidate in python3.11 python3 python3.12 python3.13; do
        if "$candidate" -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
            command -v "$candidate"
            return
        fi
    done
    need_apt python3 python3-venv >&2
    python3 -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))' ||
        die "Python 3.11 or newer is needed, python3 is $(python3 --version 2>&1)"
    command -v python3
}

# python_env FILE...: a virtual environment with what these requirements files name, and the client built from this clone.
# The environment is cached by the content of the first file; the others add to it. Sets PYTHON, PYTHONPATH and PATH.
python_env() {
    local base=$1 python key venv file mark
    python=$(find_python)
    key=$({ "$python" -V; cat "$base" "$ROOT"/examples/fraud/requirements*.txt; } | sha256sum | cut -c1-16)
    venv=$CACHE/venv-$key
    mkdir -p "$CACHE"
    exec 9>"$venv.lock"
    flock 9
    if [ ! -e "$venv/.complete" ]; then
        note "making $venv"
        rm -rf "$venv"
        "$python" -m venv "$venv"
        "$venv/bin/pip" install -q -r "$base"
        touch "$venv/.complete"
    fi
    for file in "${@:2}"; do
        mark=$venv/.has-$(sha256sum "$file" | cut -c1-16)
        [ -e "$mark" ] && continue
        note "adding $(basename "$(dirname "$file")")/$(basename "$file")"
        "$venv/bin/pip" install -q -r "$file"
        rm -f "$venv"/.has-*
        touch "$mark"
    done
    flock -u 9
    PYTHON=$venv/bin/python
    export PATH=$venv/bin:$PATH
    # The wheel, as a user gets it, in a folder of this clone: the environment is shared between clones.
    rm -rf "$ROOT/target/python"
    "$PYTHON" -m pip install -q --no-deps --no-build-isolation --target "$ROOT/target/python" "$ROOT/client"
    export PYTHON PYTHONPATH=$ROOT/target/python
    "$PYTHON" -V
}

# start_gateway FOLDER [ARGUMENT...]: on a free port of loopback, over a store in FOLDER. Sets ADDRESS and GATEWAY_PID.
start_gateway() {
    local folder=$1 attempt
    shift
    mkdir -p "$folder"
    [ -x "$BINARY" ] || die "there is no $BINARY: run cargo build --release --locked"
    APP__TELEMETRY__LOG_FORMAT=json "$BINARY" serve --address 127.0.0.1:0 --store "embedded:$folder/store" "$@" \
        2>"$folder/gateway.log" >/dev/null 9>&- &
    GATEWAY_PID=$!
    STARTED+=("$GATEWAY_PID")
    for attempt in $(seq 300); do
        ADDRESS=$(sed -n '/"message":"listening"/s/.*"address":"\([^"]*\)".*/\1/p' "$folder/gateway.log")
        [ -n "$ADDRESS" ] && return
        kill -0 "$GATEWAY_PID" 2>/dev/null || break
        sleep 0.1
    done
    cat "$folder/gateway.log" >&2
    die "the gateway did not start"
}

# stop PID: asks a process that we started to end, and waits for it.
stop() {
    local pid=$1 status=0
    kill "$pid" 2>/dev/null || true
    wait "$pid" 2>/dev/null || status=$?
    STARTED=("${STARTED[@]/$pid/}")
    return "$status"
}

# Ends what is still running when the script ends.
stop_all() {
    local pid
    for pid in "${STARTED[@]}"; do
        [ -n "$pid" ] && stop "$pid" || true
    done
}
trap stop_all EXIT
