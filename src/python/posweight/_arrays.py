"""Arrays as they are counted: their cells, what is missing, and how they lie in memory."""

from __future__ import annotations

from typing import Any

from ._errors import InputError

#: What may hold the labels of a row.
ROWS = (list, tuple, set, frozenset)


def is_index(value: Any) -> bool:
    """Whether it is a whole number, of Python or of a library."""
    dtype = getattr(value, "dtype", None)
    is_integer = getattr(dtype, "kind", "") in "iu" if dtype is not None else isinstance(value, int) and not isinstance(value, bool)
    return bool(is_integer)


def is_number(value: Any) -> bool:
    """Whether it is a number, of Python or of a library."""
    return isinstance(value, (int, float)) or getattr(value, "shape", None) == ()


def is_missing(value: Any) -> bool:
    """Whether a cell of objects has no value."""
    return value is None or type(value).__name__ == "NAType" or (isinstance(value, float) and value != value)


def truths_of(array: Any) -> Any:
    """An array of true and false; with NaN, if some are missing. None for other arrays."""
    import numpy as np

    if array.dtype.kind == "b":
        return array
    if array.dtype.kind != "O":
        return None
    values = [None if is_missing(value) else value for value in unmasked(array)]
    known = [value for value in values if value is not None]
    is_truths = known and all(isinstance(value, (bool, np.bool_)) for value in known)
    return np.array(values, dtype=np.float32) if is_truths else None


def rows_of(array: Any) -> list[Any] | None:
    """What an array of objects holds, if these are lists or sets, or are missing."""

    def is_row(value: Any) -> bool:
        return isinstance(value, ROWS) or getattr(value, "ndim", 0) == 1

    known = (value for value in array if not is_missing(value))
    if not is_row(next(known, None)) or not all(map(is_row, known)):
        return None
    return [None if is_missing(row) else row.tolist() if getattr(row, "ndim", 0) == 1 else row for row in array]


def numbers(array: Any) -> Any:
    """An array, in which objects are numbers: true, false and whole numbers as they are, what is missing as NaN."""
    import numpy as np

    if array.dtype.kind != "O":
        return array

    def number(value: Any) -> float:
        if is_missing(value):
            return float("nan")
        if isinstance(value, str) or not is_number(value) or float(value) != value:
            raise InputError(
                f"the array has the type object, and holds {value!r}",
                "convert it to bool, integers or floats, such as array.astype(float)",
            )
        return float(value)

    return np.fromiter(map(number, array.ravel()), dtype=np.float64, count=array.size).reshape(array.shape)


def unmasked(array: Any, *, part: bool = False) -> Any:
    """An array as NumPy has it, in which cells that a mask hides are NaN, or None among texts.

    Parts of one array have one type, whether something is hidden in them or not.
    """
    import numpy as np

    if not isinstance(array, np.ma.MaskedArray):
        return np.asarray(array)
    if not part and not np.ma.is_masked(array):
        return array.data
    if array.dtype.kind in "biu":
        array = array.astype(np.float32 if array.dtype.itemsize < 3 else np.float64)
    if array.dtype.kind == "f":
        return array.filled(np.nan)
    hidden, array = np.ma.getmaskarray(array), array.data.astype(object)
    array[hidden] = None
    return array


def of_tensor(tensor: Any) -> Any:
    tensor = tensor.detach().cpu()
    if tensor.is_sparse:
        tensor = tensor.to_dense()
    if "bfloat16" in str(tensor.dtype):
        tensor = tensor.float()
    return tensor.numpy()
