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
    with pytest.raises(posweight.CheckFailed, match="^1 of 1 check failed:\n  min_rows"):
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
    with pytest.raises(posweight.UsageError, match="^epsilon is nan, and not finite"):
        posweight.compute(matrix, epsilon=float("nan"))
    with pytest.raises(posweight.UsageError, match="^negative_values is {-1}\nhint: give a text, a number, or a list"):
        posweight.compute(matrix, negative_values={-1})
    with pytest.raises(posweight.UsageError, match="layout is 'list'"):
        posweight.compute(matrix, layout="list")
    with pytest.raises(posweight.UsageError, match=r"give y\[:, None\]"):
        posweight.compute(matrix[:, 0], layout="wide")
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


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ([], "the list is empty"),
        ({}, "the dict has no column"),
        (np.zeros((5, 0)), "the ndarray has no column"),
        ({"a": [1, 0], "b": [1]}, "differ in length: 'a' 2, 'b' 1"),
        ({"tags": [["cat", "dog"], ["dog"], []]}, "column 'tags' holds lists"),
        ({"tags": [[1, 0], [0, 1]]}, "column 'tags' has 2 dimensions"),
        ([[0, 1, 0], [1]], "lists of 1 to 3 elements"),
        ([[0.5, 1], [1]], "lists of 1 to 2 elements"),
        ([[0, 1], None], "rows that are None or sets"),
        ([[0, "dog"], [1, "cat"]], "lists of other values than numbers"),
        (iter([np.zeros(3)]), "a batch has 1 dimension\n"),
    ],
)
def test_sources_that_are_none_are_named(source, said):
    with pytest.raises(posweight.InputError, match=said) as raised:
        posweight.compute(source)
    assert raised.value.hint


@pytest.mark.parametrize("one", [float("nan"), float("inf"), "a", None, -1, 1.5, 1 << 64])
def test_counts_are_whole_numbers(one):
    with pytest.raises(posweight.UsageError, match="^positives: .* is not a count"):
        posweight.weigh(positives=[one], negatives=[3])
    with pytest.raises(posweight.UsageError, match="^negatives is 3\nhint: give a list"):
        posweight.weigh(positives=[1], negatives=3)


@pytest.mark.parametrize(
    ("flags", "keywords"),
    [
        ("treat it as absent with --min-positives 10", "treat it as absent with min_positives=10"),
        ("--labels label --layout wide", 'labels="label", layout="wide"'),
        ("--labels a,b --layout wide --negative-values=0,no", 'labels=["a", "b"], layout="wide", negative_values=[0, "no"]'),
        ("x --labels a --labels 'b,c' --layout list\ny", 'x labels=["a", "b,c"], layout="list"\ny'),
        ("limit weights with --clip 0,100, or --scheme sqrt", 'limit weights with clip=(0, 100), or scheme="sqrt"'),
        ("say --missing-columns missing", 'say missing_columns="missing"'),
        ('--where "a = 1" leaves 0 rows', 'where="a = 1" leaves 0 rows'),
        ("name one with --out DIR", "name one with out=DIR"),
        ("raise --memory-limit, give --num-labels when", "raise memory_limit, give num_labels when"),
        ("--table-version and --table-timestamp exclude each other", "table_version and table_timestamp exclude each other"),
        ("--out - is stdout", 'out="-" is stdout'),
        ("change it; posweight report out --refused shows it", "change it; posweight report out --refused shows it"),
        ("posweight sql --table t=T -c 'SELECT 1' --out rows.parquet", "posweight sql --table t=T -c 'SELECT 1' --out rows.parquet"),
        ("cargo install --features cloud", "cargo install --features cloud"),
    ],
)
def test_flags_are_told_as_python_writes_them(flags, keywords):
    assert _errors.in_python(flags) == keywords


def test_everything_that_a_result_says_is_python(matrix):
    result = posweight.compute(matrix, clip=(0, 2))
    told = [text for one in result.findings for text in (one.cause, one.remedy)]
    assert any("zero_positives" in text for text in told) and any('scheme="sqrt"' in text for text in told)
    for text in (*told, str(result), result.why, result._repr_html_().replace("<!--", "")):
        assert "--" not in text
    # Names stay as they are.
    assert " --where " in str(posweight.compute(matrix[:, :1], labels=["--where 1"]))
    # What a message says works.
    with pytest.raises(posweight.InputError, match="is bool") as raised:
        posweight.compute({"spam": np.array([True, False])}, labels="spam", layout="class")
    said = raised.value.hint.rsplit(": ", 1)[1]
    assert said == 'labels="spam", layout="wide"'
    assert posweight.compute({"spam": np.array([True, False])}, labels="spam", layout="wide").counts.positives.tolist() == [1]
