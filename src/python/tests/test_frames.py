"""The same labels in every kind of table give the same result. Libraries that are not installed are left out."""

from __future__ import annotations

import numpy as np
import posweight
import pytest
from conftest import by_hand


@pytest.fixture
def expected(matrix, names):
    return posweight.compute(matrix, labels=names)


def same(result, expected):
    assert result.labels == expected.labels
    np.testing.assert_array_equal(result.pos_weight, expected.pos_weight)
    np.testing.assert_array_equal(result.counts.positives, expected.counts.positives)
    np.testing.assert_array_equal(result.counts.missing, expected.counts.missing)
    assert result.measures == expected.measures


def columns(matrix, names):
    return {name: matrix[:, at] for at, name in enumerate(names)}


def test_pyarrow(matrix, names, expected):
    pa = pytest.importorskip("pyarrow")
    table = pa.table({"text": ["x"] * 100, **columns(matrix, names)})
    for source in (table, table.to_reader(9), pa.table(columns(matrix == 1, names))):
        same(posweight.compute(source, labels=names), expected)
    lists = pa.array([np.flatnonzero(row).tolist() for row in matrix])
    listed = posweight.compute(pa.table({"tags": lists}), labels="tags", layout="list", vocabulary=names)
    same(listed, expected)
    counts = expected.counts.to_arrow()
    assert counts.column("positives").to_pylist() == matrix.sum(0).tolist()
    assert pa.table(expected.counts).column_names[:2] == ["label_index", "label"]


def test_rows_of_a_condition(matrix, names):
    pa = pytest.importorskip("pyarrow")
    table = pa.table({"fold": np.arange(100) % 4, **columns(matrix, names)})
    result = posweight.compute(table, labels=names, where="fold < 2", by="fold")
    np.testing.assert_array_equal(result.pos_weight, by_hand(matrix[np.arange(100) % 4 < 2]))
    assert list(result.groups) == ["fold=0", "fold=1"]


def test_polars(matrix, names, expected):
    pl = pytest.importorskip("polars")
    frame = pl.DataFrame(columns(matrix, names))
    for source in (frame, frame.lazy(), frame.cast(pl.Boolean), frame.with_columns(pl.lit("x").alias("text"))):
        same(posweight.compute(source, labels=names), expected)
    same(posweight.compute((part for part in frame.iter_slices(9)), labels=names), expected)
    assert expected.counts.to_polars()["positives"].to_list() == matrix.sum(0).tolist()
    rows = posweight.sql("SELECT 1 AS one, 'a' AS two")
    assert rows.to_polars().rows() == [(1, "a")]
    with pytest.raises(posweight.UsageError, match="taken already"):
        rows.to_polars()


def test_pandas(matrix, names, expected):
    pd = pytest.importorskip("pandas")
    frame = pd.DataFrame(columns(matrix, names))
    shuffled = frame.iloc[::-1]
    for source in (frame, shuffled, frame.astype(bool), frame.astype("Int8"), frame.assign(text="x")):
        same(posweight.compute(source, labels=names), expected)
    missing = frame.astype("Int8")
    missing.iloc[3, 2] = pd.NA
    assert posweight.compute(missing, labels=names).counts.missing.tolist() == [0, 0, 1, 0, 0, 0, 0]
    assert expected.counts.to_pandas()["positives"].tolist() == matrix.sum(0).tolist()


def test_weights_are_a_column(matrix):
    with pytest.raises(posweight.UsageError, match="sample_weight is a ndarray") as raised:
        posweight.compute(matrix, sample_weight=np.ones(len(matrix)))
    assert 'sample_weight="w"' in raised.value.hint


def test_names_of_pandas_columns(matrix):
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame(matrix)
    found = posweight.compute(frame, labels=[0, 2])
    assert found.labels == ["0", "2"]
    assert found.counts.positives.tolist() == matrix[:, [0, 2]].sum(axis=0).tolist()
    with pytest.raises(posweight.InputError, match="several columns 'a'"):
        posweight.compute(frame[[0, 1]].set_axis(["a", "a"], axis=1))


def test_pandas_without_pyarrow(matrix, names, expected, monkeypatch):
    pd = pytest.importorskip("pandas")
    monkeypatch.setitem(__import__("sys").modules, "pyarrow", None)
    frame = pd.DataFrame(columns(matrix, names))
    for source in (frame, frame.iloc[::-1], frame.astype(bool), frame.astype("Int8"), frame.assign(text="x")):
        same(posweight.compute(source, labels=names), expected)
    missing = frame.astype("Int8")
    missing.iloc[3, 2] = pd.NA
    assert posweight.compute(missing, labels=names).counts.missing.tolist() == [0, 0, 1, 0, 0, 0, 0]
    split = frame.assign(split=np.where(np.arange(100) < 60, "train", None))
    result = posweight.compute(split, labels=names, by="split")
    assert sorted(result.groups) == ["split=NULL", "split=train"]
    with pytest.raises(posweight.InputError, match="a cell is a list"):
        posweight.compute(pd.DataFrame({"tags": [[1], [2]]}), labels="tags", layout="list")


@pytest.mark.parametrize("library", ["pandas", "polars", "pyarrow"])
def test_a_column_alone_is_an_array(library):
    lib = pytest.importorskip(library)
    if library == "pandas":
        make = lambda values: lib.Series(values, dtype=kinds[type(values[0])])  # noqa: E731
        kinds = {int: "Int8", bool: "boolean", str: object, list: object}
    else:
        make = lib.Series if library == "polars" else lambda values: lib.chunked_array([values[:2], values[2:]])
    makes = [make, lib.array] if library == "pyarrow" else [make]
    for made in makes:
        classes = posweight.compute(made([0, 2, None, 2]))
        assert (classes.labels, classes.counts.positives.tolist()) == (["0", "1", "2"], [1, 0, 2])
        assert classes.counts.missing.tolist() == [1, 1, 1]
        named = posweight.compute(made([0, 1, 1]), labels=["red", "blue"])
        assert dict(zip(named.labels, named.counts.positives)) == {"red": 1, "blue": 2}
        assert posweight.compute(made(["cat", "dog", "cat"])).counts.positives.tolist() == [2, 1]
        for values, missing in (([True, False, False], 0), ([True, False, None, False], 1)):
            truths = posweight.compute(made(values), labels=["spam"])
            assert (truths.labels, truths.pos_weight.tolist()) == (["spam"], [2.0])
            assert truths.counts.missing.tolist() == [missing]
        for lists in ([[1], [2, 3], []], [["a", "b"], ["b", "c"]]):
            assert "layout list" in repr(posweight.compute(made(lists)))
        with pytest.raises(posweight.InputError, match="may be rows or columns"):
            posweight.compute([made([0, 1]), made([1, 1])])


@pytest.mark.parametrize("arrow", [True, False])
def test_sparse_columns_of_pandas(matrix, names, expected, monkeypatch, arrow):
    pd = pytest.importorskip("pandas")
    if not arrow:
        monkeypatch.setitem(__import__("sys").modules, "pyarrow", None)
    frame = pd.DataFrame(columns(matrix, names))
    some = frame.astype({"bee": pd.SparseDtype("int8", 0)}).assign(text="x")
    for source in (frame.astype(pd.SparseDtype("int8", 0)), some, some.iloc[::-1], some.drop(columns="text")):
        same(posweight.compute(source, labels=names), expected)
    assert posweight.compute(some["bee"] == 1).counts.positives.tolist() == [matrix[:, 1].sum()]


def test_duckdb(matrix, names, expected):
    duckdb = pytest.importorskip("duckdb")
    pytest.importorskip("pyarrow")
    connection = duckdb.connect()
    connection.execute("CREATE TABLE t (" + ", ".join(f"{name} TINYINT" for name in names) + ")")
    connection.executemany(f"INSERT INTO t VALUES ({', '.join('?' * 7)})", matrix.tolist())
    same(posweight.compute(connection.sql("SELECT * FROM t"), labels=names), expected)


def test_datasets(matrix, names, expected):
    datasets = pytest.importorskip("datasets")
    features = datasets.Features({"tags": datasets.Sequence(datasets.ClassLabel(names=names)), "text": datasets.Value("string")})
    rows = {"tags": [np.flatnonzero(row).tolist() for row in matrix], "text": ["x"] * 100}
    dataset = datasets.Dataset.from_dict(rows, features=features)
    same(posweight.compute(dataset, labels="tags"), expected)
    half = dataset.select(range(0, 100, 2))
    np.testing.assert_array_equal(posweight.compute(half, labels="tags").pos_weight, by_hand(matrix[::2]))
    parts = datasets.DatasetDict(train=dataset.select(range(60)), test=dataset.select(range(60, 100)))
    same(posweight.compute(parts, labels="tags"), expected)


def test_splits_of_datasets(matrix, names):
    datasets = pytest.importorskip("datasets")
    from posweight import hf

    features = datasets.Features({"tags": datasets.Sequence(datasets.ClassLabel(names=names)), "row": datasets.Value("int64")})
    rows = {"tags": [np.flatnonzero(row).tolist() for row in matrix], "row": list(range(100))}
    dataset = datasets.Dataset.from_dict(rows, features=features)
    assert hf.label_names(dataset, "tags") == names and hf.label_names(dataset, "row") is None
    parts = hf.train_test_split(dataset, "tags", test_size=0.2, validation_size=0.1)
    assert list(parts) == ["train", "validation", "test"]
    assert sorted(row for part in parts.values() for row in part["row"]) == list(range(100))
    with pytest.raises(posweight.UsageError, match="nothing to train on"):
        hf.train_test_split(dataset, "tags", test_size=1.0)


def test_scipy(matrix, names, expected):
    sparse = pytest.importorskip("scipy.sparse")
    for source in (sparse.csr_matrix(matrix), sparse.csr_array(matrix), sparse.coo_array(matrix), sparse.csc_array(matrix.astype(float))):
        same(posweight.compute(source, labels=names), expected)
    zeros = sparse.csr_array(matrix)
    zeros.data[:3] = 0
    same(posweight.compute(zeros, labels=names), posweight.compute(zeros.toarray(), labels=names))
    zeros.data[0] = 2
    with pytest.raises(posweight.InputError, match="holds 2"):
        posweight.compute(zeros)
    assert posweight.compute(sparse.csr_array((5, 3), dtype=int)).counts.negatives.tolist() == [5, 5, 5]


def test_rows_of_a_query(sample_data, tmp_path):
    pa = pytest.importorskip("pyarrow")
    rows = posweight.sql(f"SELECT count(*) AS n FROM '{sample_data}/wide/*.parquet'").to_arrow()
    assert rows.to_pylist() == [{"n": 12}]
    rows = posweight.sql("SELECT sum(CAST(cat AS INT)) AS cats FROM pets", tables={"pets": sample_data / "wide"}).to_arrow()
    assert rows.to_pylist() == [{"cats": 6}]
    posweight.compute(sample_data / "wide", out=tmp_path / "run")
    rows = pa.table(posweight.sql("SELECT label, positives FROM counts ORDER BY positives", runs=tmp_path / "run"))
    assert rows.column("label").to_pylist() == ["bird", "cat", "dog"]
    rows = pa.table(posweight.sql("SELECT count(*) AS n FROM a.counts, b.counts", runs={"a": tmp_path / "run", "b": tmp_path / "run"}))
    assert rows.to_pylist() == [{"n": 9}]
    with pytest.raises(posweight.UsageError, match="COPY"):
        posweight.sql(f"COPY (SELECT 1) TO '{tmp_path}/x.csv'")


TAGS = [["cat"], ["dog", "cat"], None, []]


@pytest.mark.parametrize("kind", ["pandas", "pandas sets", "pandas arrow", "polars", "pyarrow", "pyarrow chunks", "objects"])
def test_a_column_of_lists_alone(kind):
    lib = pytest.importorskip(kind.split()[0]) if kind != "objects" else None
    make = {
        "pandas": lambda rows: lib.Series(rows),
        "pandas sets": lambda rows: lib.Series([None if row is None else set(row) for row in rows]),
        "pandas arrow": lambda rows: pytest.importorskip("pyarrow").array(rows).to_pandas(types_mapper=lib.ArrowDtype),
        "polars": lambda rows: lib.Series("x", rows),
        "pyarrow": lambda rows: lib.array(rows),
        "pyarrow chunks": lambda rows: lib.chunked_array([rows[:2], rows[2:]]),
        "objects": lambda rows: np.array([*rows, None], dtype=object)[:-1],
    }[kind]
    for layout in (None, "list"):
        found = posweight.compute(make(TAGS), layout=layout)
        assert (found.labels, found.counts.positives.tolist()) == (["cat", "dog"], [2, 1])
        assert (found.rows, found.counts.missing.tolist()) == (4, [1, 1])
        named = posweight.compute(make(TAGS), layout=layout, labels=["eel", "dog", "cat"])
        assert (named.labels, named.counts.positives.tolist()) == (["eel", "dog", "cat"], [0, 1, 2])
    indices = posweight.compute(make([[3, 1], [0, 2], []]))
    assert indices.counts.positives.tolist() == [1, 1, 1, 1] and "layout list" in repr(indices)


def test_lists_of_one_length_are_vectors():
    pl = pytest.importorskip("polars")
    column = pl.Series([[0, 1], [1, 1]], dtype=pl.Array(pl.Int8, 2))
    found = posweight.compute(column, labels=["cat", "dog"])
    assert "layout vector" in repr(found)
    assert (found.labels, found.counts.positives.tolist()) == (["cat", "dog"], [1, 2])


def test_a_dataset_of_pyarrow(matrix, names, expected, tmp_path):
    pa = pytest.importorskip("pyarrow")
    dataset = pytest.importorskip("pyarrow.dataset")
    dataset.write_dataset(pa.table(columns(matrix, names)), tmp_path / "d", format="parquet")
    same(posweight.compute(dataset.dataset(tmp_path / "d"), labels=names), expected)


def test_a_mixed_frame_as_an_array():
    pd = pytest.importorskip("pandas")
    frame = pd.DataFrame({"a": [1, 0, 1], "b": pd.array([True, None, False], dtype="boolean")})
    array = frame.to_numpy()
    assert array.dtype == object
    found = posweight.compute(array, labels=["a", "b"])
    assert (found.counts.positives.tolist(), found.counts.missing.tolist()) == ([2, 1], [0, 1])
