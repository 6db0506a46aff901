"""Tables that are counted as they come, without a copy, against the same rows that were saved first."""

from __future__ import annotations

import gc
import os
import subprocess
import sys
import textwrap
import weakref
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import posweight
import pytest
from conftest import by_hand

ROWS = 72_000


@pytest.fixture(scope="module")
def tall():
    """More rows than are looked at before any is counted."""
    random = np.random.default_rng(7)
    y = (random.random((ROWS, 7)) < [0.5, 0.3, 0.1, 0.05, 0.9, 0.001, 0.0]).astype(np.int8)
    y[-3:, 5] = 1
    return y


@pytest.fixture(scope="module")
def labels():
    return ["ant", "bee", "cat", "dog", "eel", "fox", "gnu"]


@pytest.fixture(scope="module")
def saved(tall, labels):
    """What the saved rows give."""
    result = posweight.compute(tall, labels=labels, engine="encoded")
    assert not comes(result)
    return result


def comes(result) -> bool:
    return "as they come" in (result.run_results["counting"]["way"].get("why") or "")


def same(result, saved):
    np.testing.assert_array_equal(result.counts.positives, saved.counts.positives)
    np.testing.assert_array_equal(result.counts.missing, saved.counts.missing)
    assert result.labels == saved.labels and result.rows == saved.rows
    assert result.measures == saved.measures and result.findings == saved.findings
    for name, values in saved.label_measures.items():
        np.testing.assert_array_equal(result.label_measures[name], values)
    assert result.file("cooccurrence.npy") == saved.file("cooccurrence.npy")


def test_matrices_of_every_type(tall, labels, saved):
    np.testing.assert_array_equal(saved.pos_weight, by_hand(tall))
    for dtype in ("?", "i1", "u8", "f2", "f4", ">i4"):
        for order in "CF":
            result = posweight.compute(np.asarray(tall.astype(dtype), order=order), labels=labels)
            same(result, saved)
            assert comes(result)
    same(posweight.compute({name: tall[:, at] for at, name in enumerate(labels)}, labels=labels), saved)
    objects = posweight.compute(tall.astype(object), labels=labels)
    same(objects, saved)
    assert comes(objects)


def test_missing_cells(tall, labels):
    y = tall.astype(np.float32)
    y[::9, 1] = np.nan
    y[ROWS - 5, 2] = np.nan
    result, kept = posweight.compute(y, labels=labels), posweight.compute(y, labels=labels, engine="encoded")
    same(result, kept)
    assert comes(result) and result.counts.missing[2] == 1


def test_arrow_tables(tall, labels, saved):
    pa = pytest.importorskip("pyarrow")
    table = pa.table({name: tall[:, at] == 1 for at, name in enumerate(labels)} | {"text": ["x"] * ROWS})
    chunked = pa.concat_tables([table.slice(0, 1001), table.slice(1001, 67_000), table.slice(68_001)])
    for source in (table, chunked, chunked.combine_chunks().to_batches()[0]):
        result = posweight.compute(source, labels=labels)
        same(result, saved)
        assert comes(result)
    # A reader gives its rows once, so they are saved for the measures, unless these are left out.
    once = posweight.compute(table.to_reader(9999), labels=labels)
    same(once, saved)
    assert not comes(once)
    once = posweight.compute(table.to_reader(9999), labels=labels, row_measures=False)
    assert comes(once) and (once.counts.positives == saved.counts.positives).all()
    # Without names, what is no label is left out.
    found = posweight.compute(table.select(labels))
    same(found, saved)
    assert comes(found)


def test_frames(tall, labels, saved):
    pl = pytest.importorskip("polars")
    frame = pl.DataFrame({name: tall[:, at] for at, name in enumerate(labels)})
    for source in (frame, frame.lazy(), frame.cast(pl.Boolean)):
        result = posweight.compute(source, labels=labels)
        same(result, saved)
        assert comes(result)


def test_pandas_frames(tall, labels, saved, monkeypatch):
    pd = pytest.importorskip("pandas")
    pytest.importorskip("pyarrow")
    from posweight import _sources

    monkeypatch.setattr(_sources, "_FRAME_CELLS", 500_000)
    frame = pd.DataFrame(tall, columns=labels)
    for source in (frame, frame.astype(bool), frame.astype("Int8"), frame.iloc[::-1], frame.assign(text="x")):
        result = posweight.compute(source, labels=labels)
        same(result, saved)
        assert comes(result)
    objects = frame.assign(split=pd.Series(["train"] * 70_000 + [None] * 2_000, dtype=object))
    result = posweight.compute(objects, labels=labels, by="split")
    np.testing.assert_array_equal(result.groups["split=train"].pos_weight, by_hand(tall[:70_000]))


def test_sparse_matrices(tall, labels, saved):
    sparse = pytest.importorskip("scipy.sparse")
    result = posweight.compute(sparse.csr_array(tall), labels=labels)
    same(result, saved)
    assert comes(result)
    odd = sparse.csr_array(tall)
    odd.data[-1] = 3
    with pytest.raises(posweight.InputError, match="holds 3"):
        posweight.compute(odd)


def test_conditions_groups_and_weights(tall, labels):
    columns = {name: tall[:, at] for at, name in enumerate(labels)}
    columns |= {"fold": np.arange(ROWS) % 4, "weight": np.arange(ROWS) % 3 + 0.5}
    for keys in ({"where": "fold < 2"}, {"by": "fold"}, {"by": "fold", "where": "ant = 1"}, {"sample_weight": "weight"}):
        result = posweight.compute(columns, labels=labels, **keys)
        kept = posweight.compute(columns, labels=labels, engine="encoded", **keys)
        assert comes(result) and not comes(kept)
        assert result.to_dict()["weights"] == kept.to_dict()["weights"]
        assert result.measures == kept.measures
        assert list(result.groups) == list(kept.groups)
        for name, group in kept.groups.items():
            assert result.groups[name].measures == group.measures, (keys, name)


def test_what_needs_rows_in_their_place_saves_them(tall, labels, tmp_path):
    y = tall[:70_000]
    plan = posweight.sample(y, "repeat-factor:threshold=0.01", labels=labels)
    assert len(plan) == 70_000 and not comes(plan.result)
    folds = posweight.sample(y, "stratified-split:folds=4", labels=labels)
    assert sorted(np.concatenate([folds.rows_of(fold) for fold in folds.folds])) == list(range(70_000))
    two = posweight.compute([y, y], labels=labels)
    assert two.rows == 140_000 and not comes(two)


def test_a_value_without_a_meaning_is_named_with_its_row(tall, labels):
    y = tall.copy()
    y[71_000, 3] = 5
    with pytest.raises(posweight.InputError, match='column "dog": row 71000 .from 0.: value 5'):
        posweight.compute(y, labels=labels)
    # A column that only looks like a label at first is none, as in a file.
    columns = {"a": tall[:, 0] == 1, "x": y[:, 3]}
    try:
        expected = posweight.compute(columns, engine="encoded").labels
    except posweight.PosweightError as error:
        with pytest.raises(type(error)):
            posweight.compute(columns)
    else:
        assert posweight.compute(columns).labels == expected


def test_tables_with_other_columns_are_refused(labels):
    pa = pytest.importorskip("pyarrow")
    one = pa.table({"a": [True, False], "b": [True, True]})
    for other in (one.select(["b", "a"]), pa.table({"a": [1], "b": [0]}), one.select(["a"])):
        with pytest.raises(posweight.InputError, match="a table has the columns"):
            posweight.compute(iter([one, other]), labels=["a", "b"])


def test_a_table_that_changes_is_refused(tall, labels):
    pa = pytest.importorskip("pyarrow")

    class Dataset:
        """Its rows are others each time."""

        times = 0

        def with_format(self, _):
            return self

        def iter(self, batch_size):
            self.times += 1
            yield pa.table({name: tall[:, at] ^ (self.times == 2) for at, name in enumerate(labels)})

    Dataset.__module__ = "datasets.stand_in"
    with pytest.raises(posweight.ChangedError, match="rows changed while they were read") as raised:
        posweight.compute(Dataset(), labels=labels, layout="wide")
    assert raised.value.retryable and raised.value.code == 8


def test_eight_calls_read_one_table_at_once(tall, labels, saved):
    with ThreadPoolExecutor(8) as pool:
        for result in pool.map(lambda _: posweight.compute(tall, labels=labels), range(8)):
            same(result, saved)


def test_no_copy_of_a_matrix():
    code = """
        import sys
        import numpy as np
        import posweight

        def peak():
            return int(next(line for line in open("/proc/self/status") if line.startswith("VmHWM")).split()[1]) >> 10

        posweight.compute(np.ones((70_000, 300), dtype=bool), row_measures=False, memory_limit="256m")
        y = np.zeros((1_500_000, 300), dtype=bool, order=sys.argv[1])
        y[::3] = True
        before = peak()
        result = posweight.compute(y, row_measures=False, memory_limit="256m")
        assert result.counts.positives.tolist() == [500_000] * 300
        print(peak() - before)
    """
    for order in "CF":
        done = subprocess.run([sys.executable, "-c", textwrap.dedent(code), order], capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        # Of 430 MB.
        assert int(done.stdout) < 100, done.stdout


def test_a_fork_after_a_call_counts_a_table_too(tall, labels, saved):
    posweight.compute(tall, labels=labels)
    child = os.fork()
    if child == 0:
        try:
            os._exit(0 if (posweight.compute(tall, labels=labels).pos_weight == saved.pos_weight).all() else 1)
        finally:
            os._exit(2)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


def test_a_table_is_let_go_when_it_was_counted(tall, labels):
    y = tall.copy()
    there = weakref.ref(y)
    result = posweight.compute(y, labels=labels)
    del y
    gc.collect()
    assert there() is None and result.rows == ROWS
