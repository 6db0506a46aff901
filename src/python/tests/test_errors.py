"""Exceptions."""

from __future__ import annotations

import pickle
import socket

import numpy as np
import posweight
import pytest
from posweight import _errors


@pytest.mark.parametrize(
    ("code", "kind", "base", "retryable"),
    [
        (1, posweight.InternalError, posweight.PosweightError, False),
        (2, posweight.UsageError, ValueError, False),
        (3, posweight.CheckFailed, posweight.PosweightError, False),
        (4, posweight.InputError, ValueError, False),
        (5, posweight.TransientError, OSError, True),
        (6, posweight.ResourceError, MemoryError, False),
        (7, posweight.OutputError, OSError, False),
        (8, posweight.ChangedError, posweight.PosweightError, True),
    ],
)
def test_every_exit_code_has_its_class(code, kind, base, retryable):
    made = _errors.made(code, "--memory-limit is 1", "drop --memory-limit")
    assert type(made) is kind and isinstance(made, base) and isinstance(made, posweight.PosweightError)
    assert (made.code, made.retryable, made.hint) == (code, retryable, "drop memory_limit")
    assert str(made) == "memory_limit is 1\nhint: drop memory_limit"
    again = pickle.loads(pickle.dumps(made))
    assert (type(again), str(again), again.hint) == (kind, str(made), made.hint)


def test_signals_are_keyboard_interrupts():
    assert isinstance(_errors.made(130, "stopped", None), KeyboardInterrupt)


def test_errors_say_what_to_do(tmp_path, sample_data, matrix):
    with pytest.raises(posweight.InputError, match="no such file") as raised:
        posweight.compute(tmp_path / "nowhere")
    assert raised.value.code == 4 and raised.value.hint
    with pytest.raises(posweight.ResourceError, match="memory_limit"):
        posweight.compute(matrix, memory_limit="1m")
    with pytest.raises(posweight.CheckFailed, match="min_rows"):
        posweight.compute(matrix, checks={"min_rows": 1000})
    with pytest.raises(posweight.UsageError, match="materialize writes shards"):
        posweight.sample(sample_data / "wide", "repeat-factor", materialize=True)
    with pytest.raises(posweight.UsageError, match="belongs to the program"):
        posweight.compute(matrix, out="-")
    with pytest.raises(posweight.UsageError, match="is stdin"):
        posweight.compute("-")
    with pytest.raises(posweight.UsageError, match='key "num_labels"'):
        posweight.compute(matrix, num_labels="many")
    with pytest.raises(posweight.UsageError, match="there is no key") as raised:
        posweight.sample(matrix, "repeat-factor", layot="wide")
    assert raised.value.hint == "did you mean layout?"
    with pytest.raises(posweight.UsageError, match="is not a source"):
        posweight.compute(3)
    with pytest.raises(posweight.InputError, match="3 dimensions"):
        posweight.compute(np.zeros((2, 2, 2)))
    with pytest.raises(posweight.UsageError, match="finite"):
        posweight.compute(matrix, epsilon=float("nan"))
    with pytest.raises(posweight.UsageError, match="layout is 'list'"):
        posweight.compute(matrix, layout="list")
    with pytest.raises(AttributeError, match="no attribute"):
        posweight.nothing


def test_a_stream_that_fails_ends_the_call_with_its_own_error():
    class Frame:
        def __arrow_c_stream__(self, requested_schema=None):
            raise RuntimeError("no rows today")

    with pytest.raises(RuntimeError, match="no rows today"):
        posweight.compute(Frame())


def test_a_server_that_is_not_there_is_worth_another_try():
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        nobody = f"http://127.0.0.1:{one.getsockname()[1]}/rows.parquet"
    with pytest.raises(posweight.PosweightError) as raised:
        posweight.compute(nobody, retries=0)
    if isinstance(raised.value, posweight.UsageError):
        pytest.skip("this build reads no addresses")
    assert isinstance(raised.value, posweight.TransientError) and isinstance(raised.value, OSError)
    assert raised.value.retryable and raised.value.code == 5


def test_a_folder_that_takes_nothing(matrix, tmp_path):
    taken = tmp_path / "taken"
    taken.write_text("a file")
    with pytest.raises(posweight.OutputError) as raised:
        posweight.compute(matrix, out=taken)
    assert raised.value.code == 7 and not raised.value.retryable and isinstance(raised.value, OSError)
