"""Counts from batches of targets, for loops over a DataLoader, Ray and the like."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from ._errors import InputError, UsageError
from ._names import named
from ._arrays import numbers, of_tensor, unmasked

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from ._result import Result

__all__ = ["Counter"]


class Counter:
    """Counts 0/1 targets batch by batch. Counters of several workers merge exactly.

    1 is positive, 0 negative, NaN, masked cells and ``missing_values`` are missing; any other value is an error.

    >>> counter = Counter(labels=["cat", "dog"])
    >>> counter.update([[1, 0], [0, 0], [0, 1], [0, 0]])
    >>> counter.compute().pos_weight
    array([3., 3.], dtype=float32)
    """

    def __init__(self, labels: Sequence[str] | None = None, *, missing_values: float | Sequence[float] = ()) -> None:
        self.labels = None if labels is None else named(labels)
        single = isinstance(missing_values, (int, float))
        self.missing_values: list[float] = [missing_values] if single else list(missing_values)  # type: ignore[list-item, arg-type]
        self._state: npt.NDArray[np.int64] | None = None

    @property
    def state(self) -> npt.NDArray[np.int64]:
        """Positives, negatives and missing rows: int64, shape ``[3, C]``. The sum over ranks is the state of all."""
        if self._state is None:
            if self.labels is None:
                raise UsageError("nothing was counted", "call update first, or give the labels")
            import numpy as np

            self._state = np.zeros((3, len(self.labels)), dtype=np.int64)
        return self._state

    @state.setter
    def state(self, state: Any) -> None:
        import numpy as np

        state = np.array(_plain(state), dtype=np.int64)
        if state.ndim != 2 or len(state) != 3 or (self.labels is not None and state.shape[1] != len(self.labels)):
            raise UsageError(f"a state has shape [3, C], this has {list(state.shape)}", "give the sum of states")
        self._state = state

    @property
    def rows(self) -> int:
        """Rows counted."""
        return 0 if self._state is None or self._state.shape[1] == 0 else int(self._state[:, 0].sum())

    def update(self, targets: Any) -> None:
        """Count a batch: an array, a tensor, a sparse matrix or lists of shape ``[rows, C]``; of one label also ``[rows]``."""
        import numpy as np

        y = unmasked(_plain(targets))
        if y.dtype.kind == "O":
            y = numbers(y)
        if y.ndim == 1 and (self._width() == 1):
            y = y[:, None]
        if y.ndim != 2:
            raise InputError(f"the targets have shape {list(y.shape)}", "give one row per example, one column per label")
        width = self._width()
        if width is not None and y.shape[1] != width:
            raise InputError(f"the targets have {y.shape[1]} columns, but there are {width} labels", "give one column per label")
        if y.dtype.kind not in "biuf":
            raise InputError(f"the targets have the type {y.dtype}", "give bool, integers or floats")
        positive, negative = y == 1, y == 0
        missing = np.isnan(y) if y.dtype.kind == "f" else np.zeros(y.shape, dtype=bool)
        for value in self.missing_values:
            missing |= y == value
        positive &= ~missing
        negative &= ~missing
        if not (odd := positive | negative | missing).all():
            row, column = np.argwhere(~odd)[0]
            raise InputError(
                f"row {row} of the batch, column {column}: {y[row, column]} is neither positive nor negative",
                "give 0 and 1, and declare values that mean missing with missing_values",
            )
        counted = np.stack([positive.sum(0), negative.sum(0), missing.sum(0)]).astype(np.int64)
        self._state = counted if self._state is None else self._state + counted

    def _width(self) -> int | None:
        if self.labels is not None:
            return len(self.labels)
        return None if self._state is None else self._state.shape[1]

    def merge(self, *others: Counter) -> Counter:
        """Add the counts of others; this counter."""
        for other in others:
            if other.labels != self.labels:
                raise UsageError("the counters have different labels", "give all of them the same labels in the same order")
            if other._state is None:
                continue
            if self._state is not None and self._state.shape != other._state.shape:
                raise UsageError("the counters have different numbers of labels", "count the same labels with all of them")
            self._state = other._state.copy() if self._state is None else self._state + other._state
        return self

    def __add__(self, other: Counter) -> Counter:
        if not isinstance(other, Counter):
            return NotImplemented
        return Counter(self.labels, missing_values=self.missing_values).merge(self, other)

    def all_reduce(self, group: Any = None) -> Counter:
        """Add up the counts of all ranks of ``torch.distributed``; this counter."""
        import torch
        import torch.distributed as distributed

        # The backend decides where tensors are.
        on_gpu = distributed.get_backend(group) == "nccl"
        state = torch.from_numpy(self.state.copy())
        state = state.cuda() if on_gpu else state
        distributed.all_reduce(state, group=group)
        self.state = state.cpu().numpy()
        return self

    def compute(self, **keys: Any) -> Result:
        """Weights, measures and findings; ``keys`` are those of :func:`posweight.weigh`."""
        from ._api import weigh

        positives, negatives, missing = self.state
        labels = self.labels if self.labels is not None else [str(at) for at in range(self.state.shape[1])]
        return weigh(positives=positives, negatives=negatives, missing=missing, labels=labels, **keys)

    def reset(self) -> None:
        """Forget all counts."""
        self._state = None

    def __repr__(self) -> str:
        return f"Counter({self.rows} rows, {self._width() or 0} labels)"


def _plain(targets: Any) -> Any:
    if hasattr(targets, "tocsr"):
        return targets.toarray()
    return of_tensor(targets) if type(targets).__module__.split(".")[0] == "torch" else targets
