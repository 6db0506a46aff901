"""What can be counted: paths, frames, streams, arrays."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import chain
from typing import Any

from ._errors import InputError, UsageError

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


class Sources:
    """Paths and streams of a call, and the keys that their shape decides."""

    def __init__(self) -> None:
        self.shards: list[str] = []
        self.given: list[Given] = []
        self.keys: dict[str, Any] = {}

    @classmethod
    def of(cls, source: Any, labels: Any) -> Sources:
        found = cls()
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
        elif isinstance(source, (list, tuple)) and source and not _is_rows(source):
            for one in source:
                self._add(one, labels)
        elif isinstance(source, (list, tuple)) and source:
            self._array(source, labels, name)
        else:
            raise UsageError(
                f"{name} is not a source",
                "give paths, a table with __arrow_c_stream__, a datasets.Dataset, a NumPy array, a SciPy sparse matrix or a "
                "torch tensor",
            )

    def _frame(self, frame: Any, labels: Any) -> None:
        try:
            import pyarrow  # noqa: F401
        except ImportError:
            self._columns({str(name): frame[name] for name in frame.columns}, "DataFrame")
            return
        if type(frame.index).__name__ != "RangeIndex":
            frame = frame.reset_index(drop=True)
        if any(getattr(dtype, "kind", "O") == "O" for dtype in frame.dtypes) or not len(frame):
            # The type of a column of objects follows from all of its values.
            self.given.append(("DataFrame", "stream", frame, True))
            return
        step = max(1, _FRAME_CELLS // max(1, frame.shape[1]))
        self.given.append(("DataFrame", "streams", lambda: _parts(frame.iloc, len(frame), step), True))

    def _tensor(self, tensor: Any, labels: Any, name: str) -> None:
        layout = str(tensor.layout)
        if layout != "torch.strided":
            tensor = tensor.cpu()
            tensor = tensor.coalesce().to_sparse_csr() if layout == "torch.sparse_coo" else tensor.to_sparse_csr()
            parts = (tensor.crow_indices(), tensor.col_indices(), tensor.values())
            self._sparse(tuple(tensor.shape), tuple(_of_tensor(part) for part in parts), labels, name)
        elif tensor.ndim == 2:
            # Of a tensor on another device, or of a type that NumPy lacks, only some rows are copied at a time.
            step = max(1, _CHUNK_CELLS // max(1, tensor.shape[1]))
            self._matrices(lambda: map(_of_tensor, _parts(tensor, len(tensor), step)), _of_tensor(tensor[:1]), labels, name, True)
        else:
            self._array(_of_tensor(tensor), labels, name)

    def _array(self, array: Any, labels: Any, name: str) -> None:
        import numpy as np

        array = np.asarray(array)
        if array.dtype.names:
            self._columns({column: array[column] for column in array.dtype.names}, name)
            return
        if array.ndim == 1:
            self.keys = {"layout": "class", "labels": "label"}
            self._classes(labels)
            self._columns({"label": array}, name)
            return
        if array.ndim != 2:
            raise InputError(f"the array has {array.ndim} dimensions", "give one row per example, one column per label")
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
        plain = (np.asarray(_of_tensor(one) if type(one).__module__.split(".")[0] == "torch" else one) for one in rest)
        first = next(plain)
        if first.ndim != 2:
            raise InputError(f"a batch has {first.ndim} dimensions", "give one row per example, one column per label")
        self._matrices(lambda: chain([first], plain), first, labels, name, False)

    def _matrices(self, matrices: Callable[[], Iterator[Any]], first: Any, labels: Any, name: str, again: bool) -> None:
        """Matrices one after the other, of which some rows at a time are turned into columns."""
        import numpy as np

        names = _names(labels, first.shape[1])
        self.keys = {"layout": "wide", "labels": "*"}
        kind, dtype = _kind(first.dtype, "the array"), first.dtype.newbyteorder("=")
        if kind == "text":
            raise InputError(f"the array has the type {first.dtype}", "convert it to bool, integers or floats")
        step = max(1, _CHUNK_CELLS // max(1, len(names)))

        def chunks() -> Iterator[tuple[int, bytes]]:
            for matrix in matrices():
                if matrix.dtype.newbyteorder("=") != dtype or matrix.shape[1:] != (len(names),):
                    raise InputError(
                        f"a batch has shape {matrix.shape} and type {matrix.dtype}, the first has {len(names)} columns of {dtype}",
                        "give batches with the same columns and the same type",
                    )
                for rows in _parts(matrix, len(matrix), step):
                    turned = np.packbits(rows.T, axis=1, bitorder="little") if kind == "b1" else rows.T
                    yield len(rows), turned.astype(turned.dtype.newbyteorder("="), copy=False).tobytes()

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
        lengths = {len(array) for array in arrays.values()}
        if len(lengths) != 1:
            raise InputError("the columns differ in length", "give columns of the same length")
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


def _is_rows(source: Sequence[Any]) -> bool:
    """Whether a list is rows of numbers, and no list of sources."""
    first = source[0]
    return isinstance(first, (int, float)) or (isinstance(first, (list, tuple)) and all(isinstance(x, (int, float)) for x in first))


def _names(labels: Any, count: int | None) -> list[str]:
    """Names of labels; their numbers, if none are given."""
    if labels is None:
        return [str(at) for at in range(count or 0)]
    names = [labels] if isinstance(labels, str) else [str(label) for label in labels]
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
    if hasattr(values, "to_numpy") and getattr(dtype, "kind", "O") in "biuf" and not isinstance(dtype, np.dtype):
        # A nullable type of pandas.
        missing = bool(values.isna().any())
        values = values.to_numpy(dtype="float64", na_value=float("nan")) if missing else values.to_numpy(dtype=dtype.numpy_dtype)
    array = np.asarray(values)
    if array.ndim != 1:
        raise InputError(f"column {column!r} has {array.ndim} dimensions", "give one value per row")
    if array.dtype.kind in "biuf":
        array = np.ascontiguousarray(array, dtype=array.dtype.newbyteorder("="))
    return array


def _texts(values: Iterable[Any]) -> list[str | None]:
    def text(value: Any) -> str | None:
        if value is None or value != value or type(value).__name__ == "NAType":
            return None
        if isinstance(value, (list, tuple, set, dict)):
            raise InputError(f"a cell is a {type(value).__name__}", "install pyarrow, which reads columns of lists")
        return str(value)

    return [text(value) for value in values]


def _of_tensor(tensor: Any) -> Any:
    tensor = tensor.detach().cpu()
    if tensor.is_sparse:
        tensor = tensor.to_dense()
    if "bfloat16" in str(tensor.dtype):
        tensor = tensor.float()
    return tensor.numpy()


def _of_dataset(dataset: Any) -> Iterator[Any]:
    """Batches of a dataset, by its indices."""
    return iter(dataset.with_format("arrow").iter(batch_size=10_000))
