"""The command of the package is the program."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest


@pytest.fixture(scope="module")
def command() -> Path:
    found = Path(sys.executable).parent / "posweight"
    if not found.exists():
        pytest.skip("the package is not installed")
    return found


def run(*arguments, **more):
    return subprocess.run([str(one) for one in arguments], capture_output=True, text=True, **more)


def test_it_gives_the_bytes_of_the_program(command, binary, root, tmp_path):
    for at, program in enumerate((command, binary)):
        done = run(program, "run", root / "pipelines/labels270.toml", "--out", tmp_path / str(at))
        assert done.returncode == 0, done.stderr
        assert done.stdout.startswith("2 000 rows, 270 labels")
    names = sorted(path.name for path in (tmp_path / "0").iterdir())
    assert names == sorted(path.name for path in (tmp_path / "1").iterdir())
    for name in set(names) - {"run_results.json"}:
        assert (tmp_path / "0" / name).read_bytes() == (tmp_path / "1" / name).read_bytes(), name


def test_its_exit_codes_are_those_of_the_program(command, tmp_path):
    for arguments, code in [
        (["--help"], 0),
        (["list", "plans"], 0),
        (["compute"], 2),
        (["compute", tmp_path / "nowhere", "--out", tmp_path / "out"], 4),
    ]:
        assert run(command, *arguments).returncode == code, arguments
    said = run(command, "compute", "--nothing").stderr
    assert "posweight compute" in said
    assert run(sys.executable, "-m", "posweight", "--version").stdout.startswith("posweight ")


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_signals_end_it_as_they_end_the_program(command, tmp_path, number, code):
    read, write = os.pipe()
    with subprocess.Popen(
        [command, "compute", "-", "--out", tmp_path / "out"], stdin=read, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        os.close(read)
        time.sleep(1.5)
        process.send_signal(number)
        assert process.wait(timeout=20) == code
        os.close(write)


def test_a_reader_that_goes_away_is_no_error(command):
    done = subprocess.run(f"{command} list schemes | head -1", shell=True, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
