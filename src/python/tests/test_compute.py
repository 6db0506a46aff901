"""Counting and weighing."""

from __future__ import annotations

import inspect
import io
import json
import logging
import os
import pickle
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import posweight
import pytest
from conftest import by_hand
from posweight import _native

try:
    import tomllib
except ImportError:
    tomllib = None


def test_weights_are_those_by_hand(matrix, names):
    result = posweight.compute(matrix, labels=names)
    assert result.labels == names
    assert result.pos_weight.dtype == np.float32
    np.testing.assert_array_equal(result.pos_weight, by_hand(matrix))
    assert result.rows == 100
    assert (result.counts.positives == matrix.sum(0)).all()
    assert (result.counts.positives + result.counts.negatives == 100).all()
    assert result.status == ["ok"] * 6 + ["no_positives"]
    assert [one.id for one in result.findings][0] == "NO_POSITIVES"
    assert result.findings[0].labels == ["gnu"]
    assert result.measures["cardinality"] == matrix.sum() / 100


def test_the_documented_example_of_torch_gives_3():
    y = np.zeros((400, 1), dtype=np.float32)
    y[:100] = 1
    assert posweight.compute(y).pos_weight.tolist() == [3.0]


@pytest.mark.parametrize("dtype", ["?", "i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8", "f2", "f4", "f8", ">f4", ">i8"])
def test_every_type_of_numbers_counts_the_same(matrix, dtype):
    for order in "CF":
        result = posweight.compute(np.asarray(matrix.astype(dtype), order=order))
        np.testing.assert_array_equal(result.pos_weight, by_hand(matrix))
    np.testing.assert_array_equal(posweight.compute(matrix.astype(dtype)[::2]).pos_weight, by_hand(matrix[::2]))


def test_nan_is_missing_and_other_values_are_refused(matrix):
    y = matrix.astype(float)
    y[3, 2] = np.nan
    counts = posweight.compute(y).counts
    assert counts.missing.tolist() == [0, 0, 1, 0, 0, 0, 0]
    y[4, 1] = 2
    with pytest.raises(posweight.InputError, match='column "1": row 4 .from 0.: value 2 is neither positive nor negative'):
        posweight.compute(y)
    y[4, 1] = -100
    assert posweight.compute(y, missing_values=-100).counts.missing.tolist() == [0, 1, 1, 0, 0, 0, 0]


def test_a_column_that_is_no_label_is_refused_and_never_left_out():
    with pytest.raises(posweight.InputError, match="value 2 is neither"):
        posweight.compute(np.array([[2, 0], [2, 1]]))


def test_names_of_labels_are_taken_as_they_are():
    y = np.array([[1, 0, 1], [0, 1, 1]])
    for names in (["a.b", "!x", "*y"], ["x[1]", "{a}", "-"], ["", " ", "ä"]):
        assert posweight.compute(y, labels=names).labels == names
    with pytest.raises(posweight.UsageError, match="2 names of labels, but 3 columns"):
        posweight.compute(y, labels=["a", "b"])


def test_an_array_of_classes():
    result = posweight.compute(np.array([0, 2, 2, 0, 0, 2]), scheme="balanced", num_labels=3)
    assert result.labels == ["0", "1", "2"]
    assert result.counts.positives.tolist() == [3, 0, 3]
    result = posweight.compute(np.array(["red", "blue", "red"]))
    assert result.labels == ["blue", "red"]
    result = posweight.compute(np.array([0, 1, 1]), labels=["red", "blue", "green"])
    assert dict(zip(result.labels, result.counts.positives)) == {"red": 1, "blue": 2, "green": 0}


def test_true_and_false_are_one_label():
    truths = np.array([True, False, False, False])
    missing = np.array([True, False, None, False], dtype=object)
    for source in (truths, truths.tolist(), truths[:, None]):
        result = posweight.compute(source, labels="spam")
        assert (result.labels, result.pos_weight.tolist()) == (["spam"], [3.0])
    counts = posweight.compute(missing).counts
    assert (counts.positives.tolist(), counts.negatives.tolist(), counts.missing.tolist()) == ([1], [2], [1])


def test_rows_in_a_list_are_a_matrix_only_if_that_is_sure(matrix, names):
    rows = posweight.compute(matrix.tolist(), labels=names)
    np.testing.assert_array_equal(rows.pos_weight, by_hand(matrix))
    numbers = posweight.compute([[np.int64(one) for one in row] for row in matrix], labels=names)
    np.testing.assert_array_equal(numbers.pos_weight, by_hand(matrix))
    assert posweight.compute([np.int64(2), np.int64(0), np.int64(2)]).counts.positives.tolist() == [1, 0, 2]
    assert posweight.compute([[1, None], [0, 1]]).counts.missing.tolist() == [0, 1]
    # Classes of two parts would look the same.
    for given in (list(matrix), [matrix, matrix[0]], (matrix[:, 0], matrix[:, 1])):
        with pytest.raises(posweight.InputError, match="may be rows or columns") as raised:
            posweight.compute(given, labels=names)
        assert "numpy.stack(arrays)" in raised.value.hint
    np.testing.assert_array_equal(posweight.compute(np.stack(list(matrix))).pos_weight, by_hand(matrix))
    # Arrays of different lengths cannot be stacked.
    indices = [np.array([1, 3]), np.array([0])]
    with pytest.raises(posweight.InputError, match="may be rows or columns") as raised:
        posweight.compute(indices)
    assert "[a.tolist() for a in arrays]" in raised.value.hint
    assert posweight.compute([a.tolist() for a in indices], layout="list").counts.positives.tolist() == [1, 1, 0, 1]


def test_texts_in_a_list_are_paths_or_an_array_of_classes():
    classes = ["cat", "dog", None, "cat"]
    for given in (classes, classes[:2]):
        with pytest.raises(posweight.InputError, match="texts that are no paths: 'cat', 'dog'") as raised:
            posweight.compute(given)
        assert "numpy.array(texts, dtype=object)" in raised.value.hint
    counts = posweight.compute(np.array(classes, dtype=object)).counts
    assert (counts.positives.tolist(), counts.missing.tolist()) == ([2, 1], [1, 1])


def test_masked_cells_are_missing(matrix, names):
    hidden = np.zeros(matrix.shape, dtype=bool)
    hidden[50:, 2] = hidden[70, 0] = True
    known = np.where(hidden, np.nan, matrix.astype(float))
    expected = posweight.compute(known, labels=names)
    assert expected.counts.missing.tolist() == [1, 0, 50, 0, 0, 0, 0]
    for kind in ("?", "i1", "i8", "u4", "f4", "f8"):
        masked = np.ma.masked_array(matrix.astype(kind), mask=hidden)
        parts = [masked[:40], masked[40:]]
        columns = {name: masked[:, at] for at, name in enumerate(names)}
        for source in (masked, parts, iter(parts), columns):
            found = posweight.compute(source, labels=names, layout="wide").counts
            assert found.missing.tolist() == expected.counts.missing.tolist()
            assert found.positives.tolist() == expected.counts.positives.tolist()
        counter = posweight.Counter(names)
        counter.update(masked)
        np.testing.assert_array_equal(counter.compute().pos_weight, expected.pos_weight)
    plain = np.ma.masked_array(matrix)
    np.testing.assert_array_equal(posweight.compute(plain).pos_weight, by_hand(matrix))
    for classes in (np.array(["a", "b", "a"]), np.array([0, 1, 0])):
        found = posweight.compute(np.ma.masked_array(classes, mask=[0, 0, 1])).counts
        assert (found.positives.tolist(), found.missing.tolist()) == ([1, 1], [1, 1])


def test_a_set_of_labels_has_no_order(matrix, names):
    for given in ({"labels": set(names)}, {"vocabulary": set(names), "labels": names}):
        with pytest.raises(posweight.UsageError, match="no order"):
            posweight.compute(matrix, **given)
    with pytest.raises(posweight.UsageError, match="no order"):
        posweight.Counter(set(names))
    assert posweight.compute(matrix, labels=dict.fromkeys(names)).labels == names
    assert posweight.compute(matrix, labels=dict.fromkeys(names).keys()).labels == names


def test_prevalence_is_what_weights_are_made_of(matrix, names):
    y = np.random.default_rng(0).random((50, 2))
    soft = posweight.compute(y, soft=True)
    np.testing.assert_allclose(soft.prevalence, y.mean(0), rtol=1e-6)
    np.testing.assert_allclose(1 / soft.prevalence - 1, soft.weights["ratio"], rtol=1e-6)
    weight = np.where(matrix[:, 1] == 1, 10.0, 1.0)
    columns = {name: matrix[:, at] for at, name in enumerate(names)} | {"w": weight}
    weighed = posweight.compute(columns, labels=names, sample_weight="w")
    np.testing.assert_allclose(weighed.prevalence, (matrix * weight[:, None]).sum(0) / weight.sum(), rtol=1e-6)
    # What is shown is in the order of the report: by what weights are made of.
    assert weighed.prevalence[1] > weighed.prevalence[0] and matrix[:, 1].sum() < matrix[:, 0].sum()
    shown = weighed._repr_html_()
    assert shown.index("<th>bee</th>") < shown.index("<th>ant</th>")
    assert f"{weighed.prevalence[1]:.3%}" in shown
    plain = posweight.compute(np.array([[1, np.nan, 0], [0, np.nan, 0], [np.nan, np.nan, 0]]))
    np.testing.assert_array_equal(plain.prevalence, [0.5, np.nan, 0])


def test_columns_side_by_side(matrix, names):
    columns = {name: matrix[:, at] for at, name in enumerate(names)} | {"split": np.where(np.arange(100) < 60, "train", "test")}
    result = posweight.compute(columns, labels=names, by="split")
    np.testing.assert_array_equal(result.pos_weight, by_hand(matrix))
    assert sorted(result.groups) == ["split=test", "split=train"]
    np.testing.assert_array_equal(result.groups["split=train"].pos_weight, by_hand(matrix[:60]))
    some = posweight.compute(columns, labels=names, where="split = 'test'")
    np.testing.assert_array_equal(some.pos_weight, by_hand(matrix[60:]))


def test_batches_are_counted_one_after_the_other(matrix, names):
    result = posweight.compute((matrix[start : start + 7] for start in range(0, 100, 7)), labels=names)
    np.testing.assert_array_equal(result.pos_weight, by_hand(matrix))
    with pytest.raises(posweight.InputError, match="the first has 7 columns"):
        posweight.compute(iter([matrix, matrix[:, :3]]))
    with pytest.raises(posweight.InputError, match="has no batch"):
        posweight.compute(iter([]))


def test_several_sources_are_counted_together(matrix, sample_data):
    twice = posweight.compute([matrix, matrix[:50]])
    assert twice.rows == 150
    paths = [sample_data / "labels270" / "part-0.parquet", str(sample_data / "labels270" / "part-1.parquet")]
    assert posweight.compute(paths).rows == 1000
    assert posweight.compute(str(sample_data / "labels270" / "*.parquet")).rows == 2000


def test_every_key_of_a_pipeline_file_is_an_argument():
    keys = set(json.loads(_native.schema())["properties"]) - {"shards", "format"}
    signature = inspect.signature(posweight.compute)
    assert keys | {"source", "progress"} == set(signature.parameters)
    for key in keys:
        assert f"    {key}: " in posweight.compute.__doc__, key


@pytest.mark.skipif(tomllib is None, reason="needs tomllib")
def test_every_pipeline_gives_the_weights_of_the_program(root, binary, tmp_path, monkeypatch):
    ran = 0
    for path in sorted((root / "pipelines").glob("*.toml")):
        if path.stem == "pipe":
            continue
        keys = tomllib.loads(path.read_text())
        for name in ("vocabulary", "ancestors"):
            if name in keys:
                keys[name] = os.path.normpath(path.parent / keys[name])
        shards = keys.pop("shards")
        shards = [shards] if isinstance(shards, str) else shards
        shards = [os.path.normpath(path.parent / shard) for shard in shards]
        # Saved counts of an earlier test run are not looked for.
        for name in ("out", "state", "materialize", "skip_exit_code", "summary_json", "metrics_textfile"):
            keys.pop(name, None)
        out = tmp_path / path.stem
        extra = [] if path.stem == "query" else ["--state", f"{out}.state"]
        subprocess.run([binary, "run", path, "--out", out, "--quiet", *extra], check=True)
        result = posweight.compute(shards, **keys)
        assert result.file("weights.json") == (out / "weights.json").read_bytes(), path.stem
        ran += 1
    assert ran > 15


def test_a_pipeline_file_runs(root, tmp_path):
    result = posweight.run(root / "pipelines" / "labels270.toml", out=tmp_path / "out")
    assert (tmp_path / "out" / "_SUCCESS").exists()
    assert result.rows == 2000
    assert result.run_results["status"] == "done"
    assert result.run_results["shards"][0]["status"] == "counted"


def test_a_saved_result_is_that_of_the_program(root, binary, tmp_path, sample_data):
    source = sample_data / "labels270"
    options = ["--scheme", "sqrt", "--scheme", "ratio", "--clip", "0.5,100"]
    subprocess.run([binary, "compute", source, "--out", tmp_path / "cli", "--quiet", *options], check=True)
    result = posweight.compute(source, scheme=["sqrt", "ratio"], clip=(0.5, 100))
    result.save(tmp_path / "python")
    for one in sorted((tmp_path / "cli").iterdir()):
        if one.name != "run_results.json":
            assert one.read_bytes() == (tmp_path / "python" / one.name).read_bytes(), one.name
    record = json.loads((tmp_path / "python" / "run_results.json").read_text())
    assert record["outputs"] == json.loads((tmp_path / "cli" / "run_results.json").read_text())["outputs"]
    with pytest.raises(posweight.OutputError, match="holds a result already"):
        result.save(tmp_path / "python")
    result.save(tmp_path / "python", overwrite=True)
    again = posweight.load(tmp_path / "python")
    assert again.file("weights.json") == result.file("weights.json")
    assert again.run_results is None
    again = pickle.loads(pickle.dumps(result))
    assert again.file("weights.json") == result.file("weights.json")
    assert again.measures == pytest.approx(result.measures) and again.findings == result.findings


def test_groups_are_kept_by_pickles(matrix, names):
    columns = {name: matrix[:, at] for at, name in enumerate(names)} | {"split": np.arange(100) % 2}
    result = posweight.compute(columns, labels=names, by="split")
    again = pickle.loads(pickle.dumps(result))
    assert list(again.groups) == ["split=0", "split=1"]
    np.testing.assert_array_equal(again.groups["split=1"].pos_weight, by_hand(matrix[1::2]))
    with pytest.raises(TypeError, match="pickle the whole"):
        pickle.dumps(result.groups["split=0"])


def test_weighing_needs_no_rows(matrix, names, tmp_path):
    result = posweight.compute(matrix, labels=names)
    again = posweight.weigh(
        positives=matrix.sum(0), negatives=(1 - matrix).sum(0), labels=names, scheme=["sqrt", "ratio"], clip=(0, 10)
    )
    expected = posweight.compute(matrix, labels=names, scheme=["sqrt", "ratio"], clip=(0, 10))
    np.testing.assert_array_equal(again.weights["sqrt"], expected.weights["sqrt"])
    assert list(again.weights) == ["sqrt", "ratio"]
    result.save(tmp_path / "a")
    with pytest.raises(posweight.UsageError, match="named twice"):
        posweight.weigh([tmp_path / "a", tmp_path / "a" / "counts.parquet"])
    posweight.compute(matrix[::-1].copy(), labels=names).save(tmp_path / "b")
    twice = posweight.weigh([tmp_path / "a", tmp_path / "b"], scheme="sqrt")
    assert twice.rows == 200
    np.testing.assert_array_equal(twice.weights["sqrt"], posweight.compute([matrix, matrix], labels=names, scheme="sqrt").weights["sqrt"])
    with pytest.raises(posweight.UsageError, match="both called"):
        posweight.weigh(positives=[1, 2], negatives=[2, 1], labels=["a", "a"])
    with pytest.raises(posweight.UsageError, match="differ in length"):
        posweight.weigh(positives=[1, 2], negatives=[2])
    with pytest.raises(posweight.InputError, match="not the number of rows"):
        posweight.weigh(positives=[1, 2], negatives=[2, 2], missing=[0, 0])
    with pytest.raises(posweight.UsageError, match="is not a count"):
        posweight.weigh(positives=[1.5], negatives=[2])


def test_differences_are_named_by_label(matrix, names):
    before, after = posweight.compute(matrix, labels=names), posweight.compute(matrix[:50], labels=names)
    drift = after.diff(before)
    assert {one["label"] for one in drift["labels"]} == set(names)


def test_positions_by_name(matrix, names):
    result = posweight.compute(matrix, labels=names)
    assert result.index_of(["dog", "ant"]).tolist() == [3, 0]
    with pytest.raises(posweight.UsageError, match="no label 'cow'"):
        result.index_of(["dog", "cow"])
    with pytest.raises(posweight.UsageError, match="named twice"):
        result.index_of(["dog", "dog"])


def test_a_notebook_shows_it(matrix, names):
    names[0] = "<b>&"
    result = posweight.compute(matrix, labels=names)
    shown = result._repr_html_()
    assert "&lt;b&gt;&amp;" in shown and "<b>&" not in shown and "NO_POSITIVES" in shown
    assert "srcdoc=" in result.show()._repr_html_()
    assert repr(result) == "Result(100 rows, 7 labels, 1 shard, layout wide)"
    assert "NO_POSITIVES" in str(result)
    assert result.to_dataset_card().startswith("---\n")
    assert "size_categories:\n- n<1K\n" in result.to_dataset_card()


def test_many_labels_are_shown_in_part(sample_data):
    assert "… 260 more" in posweight.compute(sample_data / "labels270")._repr_html_()


def test_inspect_shows_columns_and_layout(sample_data):
    seen = posweight.inspect(sample_data / "wide")
    assert (seen.layout, seen.rows, seen.labels) == ("wide", 12, ["bird", "cat", "dog"])
    assert "layout = \"wide\"" in seen.spec
    assert {"name", "type", "cells"} == set(seen.columns[0])


def test_eight_computes_at_once(matrix, sample_data):
    expected = posweight.compute(sample_data / "labels270").file("weights.json")
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda _: posweight.compute(sample_data / "labels270").file("weights.json"), range(8)))
    assert found == [expected] * 8


def test_lines_of_the_log_go_to_logging(sample_data, caplog):
    with caplog.at_level(logging.INFO, logger="posweight"):
        posweight.compute(sample_data / "wide")
    assert any("opened" in record.message for record in caplog.records)
    assert {record.name for record in caplog.records} == {"posweight"}


def test_nothing_is_printed(sample_data):
    code = f"import posweight; posweight.compute({str(sample_data / 'labels270')!r}); posweight.compute([[1, 0], [0, 0]])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True)
    assert (done.stdout, done.stderr) == (b"", b"")


def test_import_is_quick_and_loads_neither_numpy_nor_the_extension():
    code = (
        "import sys, time; start = time.perf_counter(); import posweight; took = time.perf_counter() - start; "
        "print(took, 'numpy' in sys.modules, 'posweight._native' in sys.modules)"
    )
    lines = [subprocess.run([sys.executable, "-c", code], capture_output=True, check=True, text=True).stdout for _ in range(3)]
    assert {tuple(line.split()[1:]) for line in lines} == {("False", "False")}


def test_progress_is_told_to_tqdm(sample_data, monkeypatch):
    tqdm = pytest.importorskip("tqdm")
    assert posweight.compute(sample_data / "wide", progress=True).rows == 12
    assert tqdm


def test_folders_of_results_are_paths(matrix, tmp_path):
    posweight.compute(matrix, out=tmp_path / "out", formats="json")
    assert sorted(one.name for one in (tmp_path / "out").iterdir()) == [
        "_SUCCESS", "counts.parquet", "imbalance.json", "run_results.json", "weights.json",
    ]
    assert isinstance(posweight.load(tmp_path / "out").save(tmp_path / "again"), Path)


@pytest.mark.parametrize("kind", [bool, "i1", "u2", "f4", ">f8"])
@pytest.mark.parametrize("rows", [1, 7, 8, 9, 64, 1003])
@pytest.mark.parametrize("lie", ["rows", "columns", "every other", "backwards", "transposed part"])
def test_a_matrix_is_counted_however_its_values_lie(kind, rows, lie):
    whole = (np.random.default_rng(rows).random((2 * rows, 10)) < 0.3).astype(kind)
    matrix = {
        "rows": whole[:rows],
        "columns": np.asfortranarray(whole[:rows]),
        "every other": whole[::2, ::3],
        "backwards": whole[:rows][::-1, ::-1],
        "transposed part": np.ascontiguousarray(whole.T)[2:7, :rows].T,
    }[lie]
    counted = posweight.compute(matrix, row_measures="off")
    assert counted.counts.positives.tolist() == matrix.sum(axis=0).tolist()
    assert counted.counts.negatives.tolist() == (matrix == 0).sum(axis=0).tolist()


def test_lists_of_labels_are_read_as_they_are():
    for rows in ([["cat", "dog"], ["dog"], []], [("cat", "dog"), ("dog",), ()], [{"dog", "cat"}, {"dog"}, set()]):
        result = posweight.compute(rows)
        assert "layout list" in repr(result)
        assert (result.labels, result.counts.positives.tolist()) == (["cat", "dog"], [1, 2])
    odd = posweight.compute([['say "a, b"'], None, ["it's", None], ['say "a, b"', "é"]])
    assert odd.labels == ["it's", 'say "a, b"', "é"] and odd.counts.positives.tolist() == [1, 2, 1]
    assert odd.counts.missing.tolist() == [1, 1, 1]
    named = posweight.compute([["dog"], ["cat"], []], labels=["dog", "cat", "eel"])
    assert named.labels == ["dog", "cat", "eel"] and named.counts.positives.tolist() == [1, 1, 0]
    for rows, layout in (([[0, 2], [1], []], None), ([[0, 2], [1, 2]], "list"), ([[2], [0], [2]], "list")):
        result = posweight.compute(rows, layout=layout, num_labels=4)
        assert result.labels == ["0", "1", "2", "3"]
        assert result.counts.positives.tolist() == [sum(label in row for row in rows) for label in range(4)]
    indices = posweight.compute([[0, 2], [np.int64(1)], []], labels=["cat", "dog", "eel"])
    assert indices.labels == ["cat", "dog", "eel"] and indices.counts.positives.tolist() == [1, 1, 1]
    # Rows of 0 and 1 stay a matrix.
    assert "layout wide" in repr(posweight.compute([[0, 1], [1, 1]]))


def test_matrices_of_objects_are_numbers():
    nan = float("nan")
    rows = [[1, None], [0, True], [nan, np.float32(0)], [False, np.int64(1)]]
    for source in (np.array(rows, dtype=object), iter([np.array(rows, dtype=object)])):
        found = posweight.compute(source, labels=["a", "b"])
        assert (found.counts.positives.tolist(), found.counts.missing.tolist()) == ([1, 2], [1, 1])
    assert posweight.compute(np.array([[0.25, None]], dtype=object), soft=True).prevalence[0] == 0.25
    for odd in ("x", [1], 2**53 + 1):
        wrong = np.empty((2, 2), dtype=object)
        wrong[:] = 0
        wrong[1, 1] = odd
        with pytest.raises(posweight.InputError, match="the array has the type object, and holds"):
            posweight.compute(wrong)


def test_whole_numbers_in_lists_may_be_indices():
    rows = [[3, 1], [0, 2]]
    with pytest.raises(posweight.UsageError, match="labels by their indices, or values") as raised:
        posweight.compute(rows)
    # What the hint says works.
    assert 'layout="list"' in raised.value.hint and 'layout="class"' in raised.value.hint
    assert posweight.compute(rows, layout="list").counts.positives.tolist() == [1, 1, 1, 1]
    heads = posweight.compute(rows, layout="class")
    assert heads.labels == ["0=0", "0=1", "0=2", "0=3", "1=0", "1=1", "1=2"]
    assert heads.counts.positives.tolist() == [1, 0, 0, 1, 0, 1, 1]
    assert posweight.compute(np.array(rows), layout="class", labels=["x", "y"]).labels[0] == "x=0"
    with pytest.raises(posweight.UsageError, match=r"give numpy.asarray\(y\).tolist\(\) in place of y"):
        posweight.compute(np.array(rows), layout="list")
    assert posweight.compute(np.asarray(rows).tolist(), layout="list").counts.positives.tolist() == [1, 1, 1, 1]
    assert posweight.compute(rows, positive_values=[1, 2, 3]).counts.positives.tolist() == [1, 2]
    assert posweight.compute(rows, threshold=2).counts.positives.tolist() == [1, 1]
    # No index is negative, and rows of 0 and 1 are a matrix.
    assert posweight.compute([[0, 1], [1, -1]], missing_values=-1).counts.positives.tolist() == [1, 1]
    with pytest.raises(posweight.InputError, match="neither positive nor negative"):
        posweight.compute([[0, 1], [1, -1]])


def test_the_layout_of_one_column_is_taken_as_given():
    for layout, values, labels in (
        ("bits", np.array([1, 2, 3]), ["cat", "dog"]),
        ("delimited", np.array(["cat,dog", "dog", "cat"]), None),
        ("list", np.array(['["cat", "dog"]', '["dog"]', '["cat"]']), None),
        ("vector", np.array(["[1, 1]", "[0, 1]", "[1, 0]"]), ["cat", "dog"]),
    ):
        found = posweight.compute(values, layout=layout, labels=labels)
        assert f"layout {layout}" in repr(found)
        assert (found.labels, found.counts.positives.tolist()) == (["cat", "dog"], [2, 2]), layout


def test_records_are_refused_with_the_way_out():
    with pytest.raises(posweight.InputError, match="the list holds records") as raised:
        posweight.compute([{"a": 1, "b": 0}, {"a": 0, "b": None}])
    assert raised.value.hint == "give pyarrow.Table.from_pylist(records) or pandas.DataFrame(records)"
    # Columns side by side are tables.
    assert posweight.compute([{"a": [1, 0], "b": [0, 1]}, {"a": [1, 1], "b": [0, 0]}]).counts.positives.tolist() == [3, 1]


def test_a_value_that_fits_no_key_is_told_what_does(matrix):
    with pytest.raises(posweight.UsageError, match='key "clip"') as raised:
        posweight.compute(matrix, clip=5)
    assert raised.value.hint == "give the smallest and the largest weight: clip=(0, 5)"
    with pytest.raises(posweight.UsageError, match="expected a value or a list of values") as raised:
        posweight.compute(matrix, scheme=5)
    assert raised.value.hint == "scheme: Schemes; the first is the primary vector"


def test_results_in_memory_are_merged(matrix, names, tmp_path):
    one, other = posweight.compute(matrix, labels=names), posweight.compute(matrix[:60], labels=names)
    both = posweight.weigh([one, other], scheme="sqrt")
    assert both.rows == 160
    assert both.counts.positives.tolist() == (matrix.sum(0) + matrix[:60].sum(0)).tolist()
    other.save(tmp_path / "other")
    assert posweight.weigh([one, tmp_path / "other"]).counts.positives.tolist() == both.counts.positives.tolist()
    expected = posweight.compute(matrix, scheme="log").weights["log"]
    np.testing.assert_array_equal(posweight.weigh(one, scheme="log").weights["log"], expected)
    for twice in ([one, one], [one, posweight.compute(matrix, labels=names)]):
        with pytest.raises(posweight.UsageError, match="would count twice"):
            posweight.weigh(twice)
    # Counts alone are of no shards, whatever they are.
    counter = posweight.Counter(names)
    counter.update(matrix)
    assert posweight.weigh([counter.compute(), counter.compute()]).rows == 200


def test_keys_that_weighing_does_not_look_at_are_refused():
    for key, value in (("row_measures", True), ("threshold", 0.5), ("where", "a = 1"), ("checks", {"min_rows": 1})):
        with pytest.raises(posweight.UsageError, match=f'key "{key}" is of no use here'):
            posweight.weigh(positives=[1], negatives=[3], **{key: value})
    assert posweight.weigh(positives=[1], negatives=[3], clip=(0, 2), batch_size=8).pos_weight.tolist() == [2]


@pytest.fixture
def grouped(matrix, names):
    columns = {name: matrix[:, at] for at, name in enumerate(names)} | {"split": np.arange(100) % 2}
    return posweight.compute(columns, labels=names, by="split")


@pytest.mark.parametrize("way", ["folder", "file", "pickle", "twice"])
def test_a_result_that_is_read_back_has_everything(grouped, names, tmp_path, way):
    saved = grouped.save(tmp_path / "saved")
    if way == "pickle":
        again = pickle.loads(pickle.dumps(grouped))
    elif way == "twice":
        posweight.load(saved).save(tmp_path / "again")
        again = posweight.load(tmp_path / "again")
    else:
        again = posweight.load(saved / "counts.parquet" if way == "file" else saved)
    pairs = [("all", grouped, again), *((name, grouped.groups[name], again.groups[name]) for name in grouped.groups)]
    for name, one, other in pairs:
        for file in ("cooccurrence.npy", "weights.json", "counts.parquet", "pos_weight.npy"):
            assert one.file(file) == other.file(file) != b"", (name, file)
        assert "scumble" in one.measures and one.measures == pytest.approx(other.measures), name
        assert one.findings == other.findings, name
    assert np.load(io.BytesIO(again.file("cooccurrence.npy"))).shape == (len(names), len(names))


def test_files_that_a_result_does_not_have(matrix, tmp_path):
    result = posweight.compute(matrix)
    for name in ("plan.json", "_SUCCESS", "by", "nothing.txt", "../x"):
        with pytest.raises(posweight.UsageError, match="has no file"):
            result.file(name)
    bare = posweight.compute(matrix, row_measures=False)
    bare.save(tmp_path / "bare")
    result.save(tmp_path / "json", formats="json")
    counted = posweight.weigh(positives=[1], negatives=[3])
    for one in (bare, counted, posweight.load(tmp_path / "bare"), posweight.load(tmp_path / "json")):
        with pytest.raises(posweight.UsageError, match="pairs of labels were not counted") as raised:
            one.file("cooccurrence.npy")
        assert 'row_measures="on"' in raised.value.hint
    # Another result may lie beside counts of another name.
    (tmp_path / "json" / "counts.parquet").rename(tmp_path / "json" / "c.parquet")
    assert "scumble" not in posweight.load(tmp_path / "json" / "c.parquet").measures
    (tmp_path / "bare" / "cooccurrence.npy").write_bytes(posweight.compute(matrix[:, :2]).file("cooccurrence.npy"))
    with pytest.raises(posweight.InputError, match=r"cooccurrence.npy: the shape is \[2, 2\], but there are 7 labels"):
        posweight.load(tmp_path / "bare")


def test_a_group_is_itself_and_not_the_whole(grouped, tmp_path):
    one, other = grouped.groups.values()
    assert one.diff(one)["labels"][0]["change"] == 0
    assert one.diff(grouped)["labels"][0]["after"]["positives"] < one.diff(grouped)["labels"][0]["before"]["positives"]
    assert one.diff(other) != one.diff(one)
    with pytest.raises(posweight.UsageError, match="split=0 is not saved alone"):
        one.save(tmp_path / "one")
    with pytest.raises(posweight.UsageError, match="not saved alone"):
        posweight.weigh([one, other])


def test_no_measure_is_a_negative_zero():
    text = posweight.compute(np.array([[0, 1, 1], [0, 1, 0]])).file("imbalance.json").decode()
    assert '"entropy":[0.0,0.0,1.0]' in text.replace(" ", "").replace("\n", "") and "-0.0" not in text
