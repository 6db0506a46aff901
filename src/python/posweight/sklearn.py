"""scikit-learn: stratified folds of multi-label data, class weights, resamplers."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.model_selection import BaseCrossValidator
from sklearn.utils import _safe_indexing, check_random_state

from ._api import compute, sample
from ._arrays import numbers, rows_of, unmasked
from ._errors import UsageError

if TYPE_CHECKING:
    import numpy.typing as npt

__all__ = ["MultilabelStratifiedKFold", "PlanResampler", "compute_class_weight"]


class MultilabelStratifiedKFold(BaseCrossValidator):
    """Folds that each have their share of every label, by iterative stratification.

    It takes the place of ``KFold``: ``cross_val_score(model, X, Y, cv=MultilabelStratifiedKFold(5))``. With ``order=2`` pairs
    of labels are kept in proportion too. ``missing_values`` are missing, as NaN is.
    """

    def __init__(
        self, n_splits: int = 5, *, order: int = 1, random_state: int | None = 0, missing_values: Any = None
    ) -> None:
        self.n_splits = n_splits
        self.order = order
        self.random_state = random_state
        self.missing_values = missing_values

    def get_n_splits(self, X: Any = None, y: Any = None, groups: Any = None) -> int:
        """The number of folds."""
        return self.n_splits

    def _iter_test_indices(self, X: Any = None, y: Any = None, groups: Any = None) -> Iterator[npt.NDArray[np.int64]]:
        if y is None:
            raise UsageError("the folds follow from the labels, but there is no y", "call split(X, y)")
        if self.n_splits < 2:
            raise UsageError(f"n_splits is {self.n_splits}", "give at least 2")
        columns, keys, units = _with_groups(y, groups)
        keys["missing_values"] = self.missing_values
        if self.n_splits > units:
            what = "rows" if groups is None else "groups"
            raise UsageError(f"n_splits is {self.n_splits}, but there are {units} {what}", "give as many folds at most")
        plan = sample(columns, f"stratified-split:folds={self.n_splits},order={self.order}", seed=_seed(self.random_state), **keys)
        for fold in plan.folds:
            yield plan.rows_of(fold)

    def split(self, X: Any, y: Any = None, groups: Any = None) -> Iterator[tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]]:
        """The rows to train on and to test on, for each fold; rows of one group stay together."""
        yield from super().split(X, y, groups)


def _with_groups(y: Any, groups: Any) -> tuple[Any, dict[str, Any], int]:
    """What is counted, its keys, and how many rows or groups can be parted."""
    if groups is None:
        y = _targets(y)
        return y, {}, len(y) if isinstance(y, (list, tuple)) else y.shape[0]
    y = _targets(y.toarray() if hasattr(y, "toarray") else y)
    if isinstance(y, (list, tuple)) or (y.ndim == 1 and rows_of(y) is not None):
        raise UsageError(
            "with groups, the labels are no lists",
            "give a matrix of 0 and 1: sklearn.preprocessing.MultiLabelBinarizer().fit_transform(y)",
        )
    y = numbers(y) if y.ndim == 2 else y
    # An array of one dimension has classes, or true and false.
    layout = "class" if y.ndim == 1 and y.dtype.kind != "b" else "wide"
    y = y[:, None] if y.ndim == 1 else y
    columns = {f"label {at}": y[:, at] for at in range(y.shape[1])}
    group = np.asarray(groups)
    return columns | {"group": group}, {"labels": list(columns), "layout": layout, "groups": "group"}, len(set(group.tolist()))


def _targets(y: Any) -> Any:
    """An array of the targets; lists of labels, and sparse matrices, as they are."""
    if hasattr(y, "tocsr") or (isinstance(y, (list, tuple)) and any(isinstance(row, (set, frozenset)) for row in y)):
        return y
    try:
        array = unmasked(y)
    except ValueError:
        # Lists of different lengths.
        return y
    return y if isinstance(y, (list, tuple)) and array.ndim == 2 and array.dtype.kind in "UO" else array


def _seed(random_state: Any) -> int:
    if isinstance(random_state, (int, np.integer)):
        return int(random_state)
    return int(check_random_state(random_state).randint(2**31))


def compute_class_weight(y: Any, *, scheme: str = "ratio", **keys: Any) -> npt.NDArray[np.float64]:
    """One weight per label of a 0/1 matrix, or per class of an array of classes; see ``posweight list schemes``."""
    result = compute(y, scheme=scheme, **keys)
    return np.array(next(iter(result.weights.values())))


class PlanResampler(BaseEstimator):
    """Repeats and drops rows as a sampling plan says: ``repeat-factor``, ``ml-ros:percent=25``, ``ml-rus:percent=10``,
    ``lp-ros``, …

    ``fit_resample(X, y)`` is that of imbalanced-learn; ``sample_indices_`` are the rows that were taken.
    """

    def __init__(
        self, plan: str = "repeat-factor", *, random_state: int | None = 0, missing_values: Any = None
    ) -> None:
        self.plan = plan
        self.random_state = random_state
        self.missing_values = missing_values

    def fit_resample(self, X: Any, y: Any) -> tuple[Any, Any]:
        """The rows of X and y that the plan takes."""
        made = sample(_targets(y), self.plan, seed=_seed(self.random_state), missing_values=self.missing_values)
        self.sample_indices_ = np.repeat(np.arange(len(made)), made.repeats)
        return _safe_indexing(X, self.sample_indices_), _safe_indexing(y, self.sample_indices_)
