"""What can be counted: paths, frames, streams, arrays."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import chain
from typing import Any

from ._arrays import ROWS, is_index, is_missing, is_number, numbers, of_tensor, rows_of, truths_of, unmasked
from ._errors import InputError, UsageError
from ._names import named

#: Cells of a chunk that is handed over at a time.
_CHUNK_CELLS = 1 << 22
#: Cells of a pandas frame that are converted at a time.
_FRAME_CELLS = 1 << 26
#: Rows of a sparse matrix that are handed over at a time.
_CHUNK_ROWS = 1 << 16
#: Name, kind, object, and whether the object gives its rows as often as it is asked: what the extension module reads.
Given = tuple[str, str, Any, bool]
#: Tables that give the same rows each time.
_TABLES = {"pyarrow": ("Table", "RecordBatch"), "polars": ("DataFrame",), "arro3": ("Table", "RecordBatch")}
#: Layouts whose labels are in one column, of which one value is of one row.
_ONE_COLUMN = ("bits", "class", "delimited", "list", "map", "vector")
_HINT_TABLE = "give pyarrow.table(columns), where columns is a dict of them: its columns may hold lists"
_HINT_LISTS = (
    'if each list names the labels of a row, write all labels as texts, or all as whole numbers with layout="list"; '
    "if each is a row of 0 and 1, make them equally long"
)


class Sources:
    """Paths and streams of a call, and the keys that their shape decides."""

    def __init__(self, layout: str | None = None) -> None:
        #: What the call says of the layout.
        self.layout = layout
        #: Whether rows of numbers may as well be lists of label indices.
        self.may_name_labels = False
        self.shards: list[str] = []
        self.given: list[Given] = []
        self.keys: dict[str, Any] = {}

    @classmethod
    def of(cls, source: Any, labels: Any, layout: str | None = None) -> Sources:
        found = cls(layout)
        found._add(source, labels)
        names = [name for name, *_ in found.given]
        if len(set(names)) < len(names):
            found.given = [(f"{name} {at}", *one) for at, (name, *one) in enumerate(found.given, 1)]
        return found

    def _add(self, source: Any, labels: Any) -> None:
        kind = type(source)
        module, name = kind.__module__.split(".")[0], kind.__name__
        if isinstance(source, (str, os.PathLike)):
            self.shards.append(os.fspath(source))
        elif module == "datasets" and isinstance(source, Mapping):
            for split in source.values():
                self._add(split, labels)
        elif module == "datasets" and hasattr(source, "with_format"):
            self.given.append((name, "streams", lambda: _of_dataset(source), True))
        elif module == "polars" and name == "LazyFrame":
            self.given.append((name, "stream", source.collect(), True))
        elif module == "pandas" and name == "DataFrame":
            self._frame(source, labels)
        elif _is_column(source):
            self._column(source, labels, name)
        elif module == "pyarrow" and hasattr(source, "scanner"):
            self.given.append((name, "streams", lambda: iter([source.scanner().to_reader()]), True))
        elif hasattr(source, "__arrow_c_stream__"):
            self.given.append((name, "stream", source, name in _TABLES.get(module, ())))
        elif module == "torch" and name in ("Tensor", "Parameter"):
            self._tensor(source.detach(), labels, name)
        elif hasattr(source, "tocsr"):
            matrix = source.tocsr()
            self._sparse(matrix.shape, (matrix.indptr, matrix.indices, matrix.data), labels, name)
        elif isinstance(source, Mapping):
            self._columns(source, "dict")
        elif hasattr(source, "__array__"):
            self._array(source, labels, name)
        elif isinstance(source, Iterator):
            self._batches(source, labels, name)
        elif isinstance(source, (list, tuple)):
            self._list(source, labels, name)
        else:
            raise UsageError(
                f"{name} is not a source",
                "give paths, a table with __arrow_c_stream__, a datasets.Dataset, a NumPy array, a SciPy sparse matrix or a "
                "torch tensor",
            )

    def _list(self, source: Sequence[Any], labels: Any, name: str) -> None:
        """Rows of numbers, or sources that are counted together."""
        if not source:
            raise InputError(f"the {name} is empty", "give at least one source, or one row")
        if all(is_number(one) for one in source):
            self._array(source, labels, name)
        elif not all(one is None for one in source) and all(one is None or isinstance(one, ROWS) for one in source):
            self._lists(source, labels, name)
        elif any(_is_column(one) or getattr(one, "ndim", None) == 1 for one in source):
            # Rows of a matrix look like columns of classes.
            is_ragged = len({getattr(one, "shape", ()) for one in source}) > 1 and all(getattr(one, "ndim", 1) == 1 for one in source)
            row = "lists the labels of a row, give [a.tolist() for a in arrays]" if is_ragged else "is a row, give numpy.stack(arrays)"
            raise InputError(
                f"the {name} holds arrays of one dimension, which may be rows or columns",
                f"if each {row}; if they are classes of several parts, numpy.concatenate(arrays)",
            )
        elif len(source) > 1 and all(one is None or isinstance(one, str) and not _is_path(one) for one in source):
            raise InputError(
                f"the {name} holds texts that are no paths: {source[0]!r}, {source[1]!r}, …",
                "if each is the class of a row, give numpy.array(texts, dtype=object)",
            )
        elif any(isinstance(one, Mapping) and all(map(_is_cell, one.values())) for one in source):
            raise InputError(
                f"the {name} holds records, one dict for each row",
                "give pyarrow.Table.from_pylist(records) or pandas.DataFrame(records)",
            )
        else:
            for one in source:
                self._add(one, labels)

    def _lists(self, source: Sequence[Any], labels: Any, name: str) -> None:
        """Lists in a list: the labels of rows, rows of a matrix, or paths. A row that is None is missing."""
        import numpy as np

        cells = list(chain.from_iterable(row for row in source if row is not None))
        if all(isinstance(one, (str, os.PathLike)) and _is_path(one) for one in cells) and all(source):
            for one in cells:
                self._add(one, labels)
        elif _names_labels(source, cells, self.layout):
            self.keys = {"layout": "list", "labels": "labels"}
            self._classes(labels)
            self._columns({"labels": np.array([_list_in_text(row) for row in source], dtype=object)}, name)
        elif not all(one is None or is_number(one) for one in cells):
            raise InputError(f"the {name} holds lists of other values than numbers", _HINT_LISTS)
        elif not all(isinstance(row, (list, tuple)) for row in source):
            raise InputError(f"the {name} holds rows that are None or sets", _HINT_LISTS)
        elif len(lengths := {len(one) for one in source}) > 1:
            raise InputError(f"the {name} holds lists of {min(lengths)} to {max(lengths)} elements", _HINT_LISTS)
        else:
            # Values, or labels by their indices: who counts them may have said which.
            self.may_name_labels = (
                all(map(is_index, cells))
                and min(cells, default=0) >= 0
                and max(cells, default=0) > 1
                and all(len(set(row)) == len(row) for row in source)
            )
            self._array(np.array(source, dtype=float) if None in cells else source, labels, name)

    def _column(self, column: Any, labels: Any, name: str) -> None:
        """A column of a table alone is read as an array of its values, one of lists as the table that has no other."""
        dtype = str(getattr(column, "dtype", getattr(column, "type", "")))
        if dtype.lower().startswith(("list", "large_list", "fixed_size_list", "array(", "map<")):
            self._classes(labels)
            self.keys["labels"] = "labels"
            self.given.append((name, "stream", _as_table(column), True))
            return
        if type(column).__module__.split(".")[0] == "pyarrow":
            column = column.to_numpy(**({} if name == "ChunkedArray" else {"zero_copy_only": False}))
        array = _flat(column.to_numpy() if name == "Series" and not hasattr(column, "iloc") else column, "label")
        if array.dtype.kind == "f" and "bool" in dtype:
            # A nullable type of pandas.
            array = array[:, None]
        self._array(array, labels, name)

    def _frame(self, frame: Any, labels: Any) -> None:
        try:
            import pyarrow  # noqa: F401
        except ImportError:
            self._columns({str(name): frame[name] for name in frame.columns}, "DataFrame")
            return
        if not frame.columns.is_unique:
            name = str(frame.columns[frame.columns.duplicated()][0])
            raise InputError(f"the DataFrame has several columns {name!r}", "rename them, or drop all but one")
        if type(frame.index).__name__ != "RangeIndex":
            frame = frame.reset_index(drop=True)
        if any(getattr(dtype, "kind", "O") == "O" for dtype in frame.dtypes) or not len(frame):
            # The type of a column of objects follows from all of its values.
            self.given.append(("DataFrame", "stream", _dense(frame), True))
            return
        step = max(1, _FRAME_CELLS // max(1, frame.shape[1]))
        self.given.append(("DataFrame", "streams", lambda: map(_dense, _parts(frame.iloc, len(frame), step)), True))

    def _tensor(self, tensor: Any, labels: Any, name: str) -> None:
        layout = str(tensor.layout)
        if layout != "torch.strided":
            tensor = tensor.cpu()
            tensor = tensor.coalesce().to_sparse_csr() if layout == "torch.sparse_coo" else tensor.to_sparse_csr()
            parts = (tensor.crow_indices(), tensor.col_indices(), tensor.values())
            self._sparse(tuple(tensor.shape), tuple(of_tensor(part) for part in parts), labels, name)
        elif tensor.ndim == 2:
            # Of a tensor on another device, or of a type that NumPy lacks, only some rows are copied at a time.
            step = max(1, _CHUNK_CELLS // max(1, tensor.shape[1]))
            self._matrices(lambda: map(of_tensor, _parts(tensor, len(tensor), step)), of_tensor(tensor[:1]), labels, name, True)
        else:
            self._array(of_tensor(tensor), labels, name)

    def _array(self, array: Any, labels: Any, name: str) -> None:
        import numpy as np

        if not isinstance(array, np.ma.MaskedArray):
            array = np.asarray(array)
        if array.dtype.names:
            self._columns({column: array[column] for column in array.dtype.names}, name)
            return
        if array.ndim == 1 and array.dtype.kind == "O" and (rows := rows_of(array)):
            self._lists(rows, labels, name)
            return
        if array.ndim == 1 and (truths := truths_of(array)) is not None:
            # True and false are no classes: the column is one label.
            array = truths[:, None]
        if array.ndim == 1:
            self.keys = {"layout": self.layout if self.layout in _ONE_COLUMN else "class", "labels": "label"}
            self._classes(labels)
            self._columns({"label": array}, name)
            return
        if array.ndim != 2:
            raise InputError(f"the array has {array.ndim} dimensions", "give one row per example, one column per label")
        if np.ma.is_masked(array):
            step = max(1, _CHUNK_CELLS // max(1, array.shape[1]))
            parts = lambda: (unmasked(part, part=True) for part in _parts(array, len(array), step))  # noqa: E731
            self._matrices(parts, unmasked(array[:1], part=True), labels, name, True)
            return
        array = np.asarray(array)
        if array.dtype.kind == "O" and array.shape[1]:
            step = max(1, _CHUNK_CELLS // array.shape[1])
            self._matrices(lambda: map(numbers, _parts(array, len(array), step)), numbers(array[:1]), labels, name, True)
            return
        self._matrices(lambda: iter([array]), array, labels, name, True)

    def _batches(self, batches: Iterator[Any], labels: Any, name: str) -> None:
        """Tables, or matrices, one after the other; the first says which."""
        import numpy as np

        first = next(batches, None)
        if first is None:
            raise InputError(f"the {name} has no batch", "give at least one table or matrix")
        rest = chain([first], batches)
        if hasattr(first, "__arrow_c_stream__"):
            self.given.append((name, "streams", lambda: rest, False))
            return
        arrays = (of_tensor(one) if type(one).__module__.split(".")[0] == "torch" else one for one in rest)
        plain = (numbers(unmasked(array, part=True)) for array in arrays)
        first = next(plain)
        if first.ndim != 2:
            dimensions = f"{first.ndim} dimension{'' if first.ndim == 1 else 's'}"
            raise InputError(f"a batch has {dimensions}", "give one row per example, one column per label")
        self._matrices(lambda: chain([first], plain), first, labels, name, False)

    def _matrices(self, matrices: Callable[[], Iterator[Any]], first: Any, labels: Any, name: str, again: bool) -> None:
        """Matrices one after the other, of which some rows at a time are turned into columns."""
        import numpy as np

        if not first.shape[1]:
            raise InputError(f"the {name} has no column", "give one column per label")
        names = _names(labels, first.shape[1])
        # A column of classes is not told from one of 0 and 1.
        self.keys = {"layout": "class" if self.layout == "class" else "wide", "labels": "*"}
        kind, dtype = _kind(first.dtype, "the array"), first.dtype.newbyteorder("=")
        if kind == "text":
            raise InputError(f"the array has the type {first.dtype}", "convert it to bool, integers or floats")
        step = max(1, _CHUNK_CELLS // max(1, len(names)))

        def chunks() -> Iterator[tuple[int, bool, bytes]]:
            for matrix in matrices():
                if matrix.dtype.newbyteorder("=") != dtype or matrix.shape[1:] != (len(names),):
                    raise InputError(
                        f"a batch has shape {matrix.shape} and type {matrix.dtype}, the first has {len(names)} columns of {dtype}",
                        "give batches with the same columns and the same type",
                    )
                for rows in _parts(matrix, len(matrix), step):
                    rows = rows.astype(rows.dtype.newbyteorder("="), copy=False)
                    if rows.strides[0] != rows.itemsize:
                        yield len(rows), True, rows.tobytes()
                    else:
                        # Values of a column lie side by side.
                        columns = np.packbits(rows.T, axis=1, bitorder="little") if kind == "b1" else rows.T
                        yield len(rows), False, columns.tobytes()

        self.given.append((name, "matrix", (names, kind, chunks), again))

    def _classes(self, labels: Any) -> None:
        """Names of classes go into a vocabulary."""
        if labels is not None:
            self.keys["vocabulary"] = _names(labels, None)

    def _sparse(self, shape: tuple[int, int], matrix: tuple[Any, Any, Any], labels: Any, name: str) -> None:
        """A matrix by the start of each of its rows, the columns of its values and its values."""
        import numpy as np

        rows, columns = shape
        self.keys = {"layout": "list", "labels": "labels", "label_kind": "index", "num_labels": columns}
        if labels is not None:
            self.keys["vocabulary"] = _names(labels, columns)
            self.keys["num_labels"] = None
        starts, indices, values = matrix

        def chunks() -> Iterator[list[tuple[bytes, bytes]]]:
            for start in range(0, rows, _CHUNK_ROWS):
                ends = starts[start : min(start + _CHUNK_ROWS, rows) + 1]
                part, stored = indices[ends[0] : ends[-1]], values[ends[0] : ends[-1]]
                kept, lengths = stored != 0, np.diff(ends)
                if (stored[kept] != 1).any():
                    odd = stored[kept & (stored != 1)][0]
                    raise InputError(
                        f"the sparse matrix holds {odd}", "a stored value is 1 for a positive label; give a dense array for others"
                    )
                if not kept.all():
                    row = np.repeat(np.arange(len(lengths)), lengths)[kept]
                    lengths, part = np.bincount(row, minlength=len(lengths)), part[kept]
                yield [(lengths.astype(np.int32).tobytes(), part.astype(np.int32, copy=False).tobytes())]

        self.given.append((name, "columns", ([("labels", "lists")], chunks), True))

    def _columns(self, columns: Mapping[str, Any], name: str) -> None:
        """Columns side by side, each an array."""
        arrays = {str(column): _flat(values, str(column)) for column, values in columns.items()}
        if not arrays:
            raise InputError(f"the {name} has no column", "give one array for each column, by its name")
        lengths = {len(array) for array in arrays.values()}
        if len(lengths) != 1:
            told = ", ".join(f"{column!r} {len(array)}" for column, array in list(arrays.items())[:10])
            raise InputError(f"the columns differ in length: {told}", "give columns of the same length")
        kinds = [(column, _kind(array.dtype, f"column {column!r}")) for column, array in arrays.items()]
        step = max(1, _CHUNK_CELLS // max(1, len(arrays)))
        length = lengths.pop()

        def chunks() -> Iterator[list[Any]]:
            for start in range(0, length, step):
                parts = (array[start : start + step] for array in arrays.values())
                yield [_texts(part) if kind == "text" else part.tobytes() for part, (_, kind) in zip(parts, kinds)]

        self.given.append((name, "columns", (kinds, chunks), True))


def _parts(rows: Any, count: int, step: int) -> Iterator[Any]:
    """Some rows at a time."""
    return (rows[start : start + step] for start in range(0, count, step))


def _names_labels(rows: Sequence[Any], cells: Sequence[Any], layout: str | None) -> bool:
    """Whether each list names the labels of its row: by texts, or by indices where it can be no row of a matrix."""
    known = [cell for cell in cells if cell is not None]
    if known and all(isinstance(cell, str) for cell in known):
        return True
    if not all(is_index(cell) for cell in known):
        return False
    lists = [row for row in rows if row is not None]
    is_ragged = len({len(row) for row in lists}) > 1
    # Rows of 0 and 1 repeat them.
    is_of_labels = is_ragged and all(len(set(row)) == len(row) for row in lists)
    return layout == "list" or is_of_labels or any(isinstance(row, (set, frozenset)) for row in lists)


def _list_in_text(row: Any) -> str | None:
    """The labels of a row as JSON, which the library reads as a list."""
    if row is None:
        return None
    cells = sorted(row, key=str) if isinstance(row, (set, frozenset)) else row
    return json.dumps([cell if cell is None or isinstance(cell, str) else int(cell) for cell in cells], ensure_ascii=False)


def _is_cell(value: Any) -> bool:
    """Whether it is the value of one row, and no column."""
    return value is None or isinstance(value, (str, bytes, bool)) or is_number(value)


def _as_table(column: Any) -> Any:
    """A table of one column, ``labels``, which is not copied."""
    module = type(column).__module__.split(".")[0]
    if module == "pyarrow":
        import pyarrow

        return pyarrow.table({"labels": column})
    return column.to_frame("labels")


def _is_path(text: str | os.PathLike[str]) -> bool:
    """Whether it looks like a path, an address or a glob, or is one."""
    path = os.fspath(text)
    return not {"/", ".", "*", "\\"}.isdisjoint(path) or os.path.exists(path)


def _is_column(source: Any) -> bool:
    """Whether it is a column of a table of pandas, Polars or pyarrow."""
    module, name = type(source).__module__.split(".")[0], type(source).__name__
    return (module in ("pandas", "polars") and name == "Series") or (module == "pyarrow" and name.endswith("Array"))


def _dense(frame: Any) -> Any:
    """A frame without sparse columns, which pyarrow does not read."""
    sparse = {at: dtype.subtype for at, dtype in enumerate(frame.dtypes) if type(dtype).__name__ == "SparseDtype"}
    if not sparse:
        return frame
    return frame.set_axis(range(frame.shape[1]), axis=1).astype(sparse).set_axis(frame.columns, axis=1)


def _names(labels: Any, count: int | None) -> list[str]:
    """Names of labels; their numbers, if none are given."""
    if labels is None:
        return [str(at) for at in range(count or 0)]
    names = named(labels)
    if count is not None and len(names) != count:
        raise UsageError(f"there are {len(names)} names of labels, but {count} columns", "give one name for each column")
    return names


def _kind(dtype: Any, what: str) -> str:
    if dtype.kind == "b":
        return "b1"
    if dtype.kind in "iuf" and f"{dtype.kind}{dtype.itemsize}" in ("i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8", "f2", "f4", "f8"):
        return f"{dtype.kind}{dtype.itemsize}"
    if dtype.kind in "UOT":
        return "text"
    raise InputError(f"{what} has the type {dtype}, which is not supported", "convert it to bool, integers, floats or strings")


def _flat(values: Any, column: str) -> Any:
    """A column as an array of one dimension, in the byte order of this machine."""
    import numpy as np

    dtype: Any = getattr(values, "dtype", None)
    if type(dtype).__name__ == "SparseDtype":
        values, dtype = values.sparse.to_dense(), dtype.subtype
    if hasattr(values, "to_numpy") and getattr(dtype, "kind", "O") in "biuf" and not isinstance(dtype, np.dtype):
        # A nullable type of pandas.
        missing = bool(values.isna().any())
        values = values.to_numpy(dtype="float64", na_value=float("nan")) if missing else values.to_numpy(dtype=dtype.numpy_dtype)
    try:
        array = unmasked(values)
    except ValueError:
        # Lists of different lengths.
        raise InputError(f"column {column!r} holds lists", _HINT_TABLE) from None
    if array.ndim != 1:
        raise InputError(f"column {column!r} has {array.ndim} dimensions", f"give one value per row; for lists, {_HINT_TABLE}")
    if array.dtype.kind in "biuf":
        array = np.ascontiguousarray(array, dtype=array.dtype.newbyteorder("="))
    return array


def _texts(values: Iterable[Any]) -> list[str | None]:
    def text(value: Any) -> str | None:
        if isinstance(value, (list, tuple, set, dict)) or getattr(value, "ndim", None):
            raise InputError(f"a cell is a {type(value).__name__}", _HINT_TABLE)
        if is_missing(value) or value != value:
            return None
        return str(value)

    return [text(value) for value in values]


def _of_dataset(dataset: Any) -> Iterator[Any]:
    """Batches of a dataset, by its indices."""
    return iter(dataset.with_format("arrow").iter(batch_size=10_000))
