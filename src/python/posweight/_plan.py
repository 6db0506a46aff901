"""Sampling plans."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from . import _native
from ._errors import UsageError

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from ._result import Result


class KeptPlan:
    """A plan as plain numbers, which are pickled."""

    def __init__(self, native: _native.NativePlan | KeptPlan) -> None:
        self._kept = {name: getattr(native, name)() for name in _KEPT}

    def shards(self) -> list[tuple[str, str, int, int]]:
        return list(self._kept["shards"])

    def folds(self) -> list[str]:
        return list(self._kept["folds"])

    def method(self) -> str:
        return str(self._kept["method"])

    def is_by_id(self) -> bool:
        return bool(self._kept["is_by_id"])

    def seed_and_epoch(self) -> tuple[int, int]:
        seed, epoch = self._kept["seed_and_epoch"]
        return seed, epoch

    def text(self) -> str:
        return str(self._kept["text"])

    def values(self) -> bytes:
        return bytes(self._kept["values"])

    def weights(self) -> bytes:
        return bytes(self._kept["weights"])


_KEPT = ("shards", "folds", "method", "is_by_id", "seed_and_epoch", "text", "values", "weights")


class Plan:
    """How often each row is seen in an epoch, or in which fold it is.

    Rows are numbered over all shards, in the order of ``shards``.
    """

    def __init__(
        self,
        native: _native.NativePlan | KeptPlan,
        result: Result | None = None,
        asked: tuple[Any, str, dict[str, Any]] | None = None,
    ) -> None:
        self._native = native
        self._result = result
        self._asked = asked

    @property
    def method(self) -> str:
        """The plan as it was asked for."""
        return self._native.method()

    @property
    def seed(self) -> int:
        """Seed of its random numbers."""
        return self._native.seed_and_epoch()[0]

    @property
    def epoch(self) -> int:
        """Epoch of its random numbers."""
        return self._native.seed_and_epoch()[1]

    @cached_property
    def shards(self) -> list[dict[str, Any]]:
        """Name, path, position of the first row, and rows of each shard."""
        keys = ("name", "path", "first_position", "rows")
        return [dict(zip(keys, shard)) for shard in self._native.shards()]

    def __len__(self) -> int:
        """Rows of all shards, also those that a condition leaves out of the plan: the length of ``repeats``."""
        return sum(shard["rows"] for shard in self.shards)

    @property
    def folds(self) -> list[str]:
        """Names of folds; none for a plan that repeats or weighs rows."""
        return self._native.folds()

    @cached_property
    def _values(self) -> npt.NDArray[np.int32]:
        import numpy as np

        return np.frombuffer(self._native.values(), dtype=np.int32)

    @property
    def repeats(self) -> npt.NDArray[np.int32]:
        """How often each row is seen in the epoch."""
        if self.folds:
            raise UsageError(f"plan {self.method} deals rows into folds", "use plan.fold")
        import numpy as np

        return np.maximum(self._values, 0)

    @cached_property
    def weights(self) -> npt.NDArray[np.float64]:
        """What each row weighs in a sampler that draws with replacement; 0 in plans without weights."""
        import numpy as np

        return np.frombuffer(self._native.weights(), dtype=np.float64)

    @property
    def fold(self) -> npt.NDArray[np.int32]:
        """The number of each row's fold, a position in ``folds``; -1 for rows that no fold has.

        As ``sklearn.model_selection.PredefinedSplit(test_fold=plan.fold)`` takes it.
        """
        if not self.folds:
            raise UsageError(f"plan {self.method} has no folds", "use stratified-split, or plan.repeats")
        return self._values

    def rows_of(self, fold: str) -> npt.NDArray[np.int64]:
        """The positions of the rows of a fold."""
        import numpy as np

        if fold not in self.folds:
            raise UsageError(f"there is no fold {fold!r}", f"folds are {', '.join(self.folds) or 'none'}")
        return np.flatnonzero(self.fold == self.folds.index(fold))

    @property
    def can_redraw(self) -> bool:
        """Whether the sources can be read again, for the random numbers of another epoch."""
        return self._asked is not None and not isinstance(self._asked[0], Iterator)

    def at_epoch(self, epoch: int) -> Plan:
        """The same plan with the random numbers of another epoch. The sources are read again."""
        if epoch == self.epoch:
            return self
        if self._asked is None or not self.can_redraw:
            raise UsageError(
                "the rows of this plan are not here: they came from an iterator or a saved result, or the plan was pickled without "
                "its table",
                f"make the plan anew: posweight.sample(rows, plan, epoch={epoch}); plans of files keep their paths",
            )
        from ._api import sample

        source, plan, keys = self._asked
        return sample(source, plan, **{**keys, "epoch": epoch, "out": None})

    def save(self, path: str | os.PathLike[str], *, formats: str | Sequence[str] = (), overwrite: bool = False) -> Path:
        """Write the plan and the weights into a folder, as ``posweight sample --out`` does."""
        if self._result is None:
            raise UsageError("the plan belongs to a result", "save the result")
        if isinstance(self._native, KeptPlan):
            raise UsageError("the plan was pickled, without the files of its rows", "save it before it is pickled")
        return self._result.save(path, formats=formats, overwrite=overwrite)

    @property
    def result(self) -> Result | None:
        """Counts and weights of the rows that were planned."""
        return self._result

    def __reduce__(self) -> tuple[Any, ...]:
        source = None if self._asked is None else self._asked[0]
        # Paths can be read again anywhere; rows in memory stay where they are.
        paths = source if isinstance(source, (list, tuple)) else [source]
        asked = self._asked if all(isinstance(path, (str, os.PathLike)) for path in paths) else None
        return _unpickled, (KeptPlan(self._native), None if self._result is None else self._result._files(), asked)

    def __str__(self) -> str:
        return self._native.text()

    def __repr__(self) -> str:
        return f"Plan({self.method!r}, {len(self)} rows, seed {self.seed}, epoch {self.epoch})"


def _unpickled(kept: KeptPlan, files: dict[str, bytes] | None, asked: tuple[Any, str, dict[str, Any]] | None) -> Plan:
    from ._result import unpickled

    return Plan(kept, None if files is None else unpickled(files), asked)
