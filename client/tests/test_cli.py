"""The command line as a whole: help, version, errors, completion; a missing extra."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

import unskew
from tests.command import Command, written
from unskew.cli._app import COMMANDS


@pytest.fixture
def unskew_command(capsys: pytest.CaptureFixture[str]) -> Command:
    return Command(capsys)


def python(*arguments: str, **environment: str) -> "subprocess.CompletedProcess[str]":
    """A Python of its own."""
    return subprocess.run(
        [sys.executable, *arguments],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


def test_the_version_is_that_of_the_package(unskew_command: Command) -> None:
    assert unskew_command("--version").out == f"unskew {unskew.__version__}\n"


def test_every_command_is_in_the_help_and_has_one_of_its_own(unskew_command: Command) -> None:
    text = unskew_command("--help").out
    for name in COMMANDS:
        assert f"\n  {name} " in text
        ran = unskew_command(name, "--help")
        assert (ran.code, ran.err) == (0, "")
        assert f"Usage: unskew {name}" in ran.out


def test_no_argument_is_a_fault_with_the_help(unskew_command: Command) -> None:
    ran = unskew_command()
    assert ran.code == 2
    assert "Usage: unskew" in ran.err


def test_a_wrong_argument_is_a_fault_that_says_what_would_be_right(unskew_command: Command) -> None:
    ran = unskew_command("valdate", "x")
    assert ran.code == 2
    assert ran.out == ""
    assert "No such command 'valdate'" in ran.err
    assert unskew_command("fit", "--json").document["error"]["code"] == "USAGE"


def test_arguments_behind_two_dashes_are_no_options(unskew_command: Command) -> None:
    ran = unskew_command("validate", "--", "--json")
    assert ran.code == 1
    assert "--json" in ran.err
    assert ran.out == ""


def test_an_error_of_the_client_has_its_code(unskew_command: Command) -> None:
    ran = unskew_command("online", "features", "1", "--address", "http://x:1", "--json")
    assert ran.code == 2
    assert ran.document["error"]["code"] == "INVALID_ARGUMENT"


@pytest.mark.parametrize("module", ["click", "rich"])
def test_a_missing_extra_is_named_with_how_to_install_it(module: str) -> None:
    program = f"import sys; sys.modules[{module!r}] = None; from unskew.cli import main; sys.exit(main())"
    ran = python("-c", program, "validate", "x")
    assert (ran.returncode, ran.stdout) == (2, "")
    assert f"the module {module} is not installed; install it with: pip install 'unskew[cli]'" in ran.stderr
    as_json = python("-c", program, "validate", "x", "--json")
    assert json.loads(as_json.stdout)["error"]["code"] == "MISSING_EXTRA"


def test_it_runs_as_a_module(tmp_path: Path) -> None:
    ran = python("-m", "unskew.cli", "validate", str(written(tmp_path)))
    assert (ran.returncode, ran.stderr) == (0, "")


def test_a_reader_who_has_seen_enough_ends_it_quietly(tmp_path: Path) -> None:
    # One command that closes the pipe before anything is written to it.
    shell = f"{{ sleep 0.2; {sys.executable} -m unskew.cli --help; }} | true; echo ${{PIPESTATUS[0]}}"
    ran = subprocess.run(["bash", "-c", shell], capture_output=True, text=True, check=True, timeout=60, cwd=tmp_path)  # noqa: S607
    assert "Traceback" not in ran.stderr
    assert "BrokenPipe" not in ran.stderr


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_is_a_script_of_the_shell(unskew_command: Command, shell: str) -> None:
    ran = unskew_command("completion", shell)
    assert ran.code == 0
    assert "_UNSKEW_COMPLETE" in ran.out
    assert "unskew" in ran.out


def test_completion_knows_commands_and_services(tmp_path: Path) -> None:
    def completed(words: str, place: int) -> set[str]:
        program = "import sys; from unskew.cli import main; sys.exit(main([]))"
        ran = python("-c", program, _UNSKEW_COMPLETE="bash_complete", COMP_WORDS=words, COMP_CWORD=str(place))
        return {line.partition(",")[2] for line in ran.stdout.splitlines() if line}

    assert completed("unskew v", 1) == {"validate", "vectors", "verify"}
    definitions = written(tmp_path)
    assert completed(f"unskew fit {definitions} ", 3) == {"fraud", "plain"}
    assert completed(f"unskew fit {tmp_path / 'nothing'} ", 3) == set()
