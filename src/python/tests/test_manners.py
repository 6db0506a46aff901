"""Signals, forks, memory: what a call leaves in the process."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import textwrap
import time
from pathlib import Path

import numpy as np
import posweight
import pytest

SLOW = """
    import signal, sys, time
    import numpy as np
    import posweight

    def rows():
        while True:
            time.sleep(0.01)
            yield np.zeros((1000, 2))

    # A program in the background of a shell ignores Ctrl-C.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    print("begins", flush=True)
"""


def stopped_after(code: str, send: int, line: str = "") -> tuple[subprocess.CompletedProcess, float]:
    """Runs the code, sends a signal once it saves rows or has printed a line, and gives its end and the seconds that this took."""
    with tempfile.TemporaryDirectory() as folder:
        environment = {**os.environ, "TMPDIR": folder}
        process = subprocess.Popen(
            [sys.executable, "-c", textwrap.dedent(SLOW) + textwrap.dedent(code)],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment,
        )
        assert process.stdout.readline() == "begins\n"
        if line:
            assert process.stdout.readline() == line
        else:
            until = time.monotonic() + 30
            while not any(name.startswith("posweight") for name in os.listdir(folder)) and time.monotonic() < until:
                time.sleep(0.05)
            assert process.poll() is None
        time.sleep(0.3)
        start = time.perf_counter()
        process.send_signal(send)
        out, err = process.communicate(timeout=30)
        took = time.perf_counter() - start
        left = os.listdir(folder) if send == signal.SIGINT else []
        assert left == [], left
        return subprocess.CompletedProcess([], process.returncode, out, err), took


@pytest.mark.parametrize("call", ["rows()", "rows(), row_measures=False", "rows(), row_measures=False, threads=8"])
def test_ctrl_c_ends_a_call_and_leaves_nothing(call):
    code = f"""
        import threading
        try:
            posweight.compute({call})
        except KeyboardInterrupt:
            print("interrupted", threading.active_count(), flush=True)
    """
    done, took = stopped_after(code, signal.SIGINT)
    assert done.returncode == 0, done.stderr
    assert done.stdout == "interrupted 1\n"
    # 0.2 s are asked for; the rest is the end of the process on a busy machine.
    assert took < 2


def test_ctrl_c_is_heard_while_a_table_is_read_again():
    code = """
        import pyarrow

        class Dataset:
            times = 0

            def with_format(self, _):
                return self

            def iter(self, batch_size):
                self.times += 1
                for at in range(100 if self.times == 1 else 10**9):
                    if at == 90 and self.times == 2:
                        print("again", flush=True)
                    time.sleep(0 if self.times == 1 else 0.01)
                    yield pyarrow.table({"a": [True, False] * 500, "b": [True] * 1000})

        Dataset.__module__ = "datasets.stand_in"
        try:
            posweight.compute(Dataset(), labels=["a", "b"], layout="wide")
        except KeyboardInterrupt:
            print("interrupted", flush=True)
    """
    pytest.importorskip("pyarrow")
    done, took = stopped_after(code, signal.SIGINT, "again\n")
    assert (done.returncode, done.stdout) == (0, "interrupted\n"), done.stderr
    assert took < 2


def test_sigterm_ends_the_process_during_and_after_a_call():
    code = """
        posweight.compute([[1, 0], [0, 1]])
        posweight.compute(rows())
    """
    done, _ = stopped_after(code, signal.SIGTERM)
    assert done.returncode == -signal.SIGTERM


def test_a_handler_of_the_program_is_heard_during_a_call():
    code = """
        def handler(number, frame):
            raise RuntimeError("enough")
        signal.signal(signal.SIGTERM, handler)
        try:
            posweight.compute(rows())
        except RuntimeError as error:
            print(error, flush=True)
    """
    done, took = stopped_after(code, signal.SIGTERM)
    assert (done.returncode, done.stdout) == (0, "enough\n")


def test_signal_handlers_are_those_from_before(matrix):
    before = [signal.getsignal(one) for one in (signal.SIGINT, signal.SIGTERM)]
    posweight.compute(matrix)
    assert [signal.getsignal(one) for one in (signal.SIGINT, signal.SIGTERM)] == before
    # What the kernel has is what Python has.
    status = Path("/proc/self/status").read_text().splitlines()
    caught = next(line for line in status if line.startswith("SigCgt:"))
    assert not int(caught.split()[1], 16) & (1 << (signal.SIGTERM - 1))


def test_a_forked_process_counts_too(matrix):
    expected = posweight.compute(matrix).pos_weight
    read, write = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            ok = (posweight.compute(matrix).pos_weight == expected).all()
            os.write(write, b"1" if ok else b"0")
        finally:
            os._exit(0)
    os.close(write)
    assert os.read(read, 1) == b"1"
    os.waitpid(child, 0)


def test_python_runs_while_rows_are_counted():
    beats = 0

    def rows():
        for _ in range(50):
            time.sleep(0.01)
            yield np.zeros((1000, 2))

    import threading

    stop = threading.Event()

    def beat():
        nonlocal beats
        while not stop.is_set():
            time.sleep(0.005)
            beats += 1

    thread = threading.Thread(target=beat)
    thread.start()
    posweight.compute(rows())
    stop.set()
    thread.join()
    assert beats > 20


def test_an_exception_of_the_rows_ends_the_call(matrix):
    def rows():
        yield np.zeros((10, 2))
        raise RuntimeError("the disk is gone")

    with pytest.raises(RuntimeError, match="the disk is gone"):
        posweight.compute(rows())
