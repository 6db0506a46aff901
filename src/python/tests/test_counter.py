"""Counting batches of targets."""

from __future__ import annotations

import pickle

import numpy as np
import posweight
import pytest


def test_batches_give_the_weights_of_the_whole(matrix, names):
    counter = posweight.Counter(names)
    for start in range(0, 100, 9):
        counter.update(matrix[start : start + 9])
    whole = posweight.compute(matrix, labels=names, scheme=["ratio", "sqrt"])
    result = counter.compute(scheme=["ratio", "sqrt"])
    assert result.labels == whole.labels and result.rows == whole.rows == counter.rows
    for scheme in ("ratio", "sqrt"):
        np.testing.assert_array_equal(result.weights[scheme], whole.weights[scheme])
    assert result.findings == whole.findings


def test_counters_of_workers_merge_and_are_pickled(matrix, names):
    parts = []
    for start in (0, 30, 60):
        counter = posweight.Counter(names)
        counter.update(matrix[start : start + 30] if start < 60 else matrix[60:])
        parts.append(pickle.loads(pickle.dumps(counter)))
    whole = posweight.Counter(names).merge(*parts)
    assert (whole.state == [matrix.sum(0), (1 - matrix).sum(0), 0 * matrix.sum(0)]).all()
    assert ((parts[0] + parts[1] + parts[2]).state == whole.state).all()
    assert parts[0].rows == 30
    total = posweight.Counter(names)
    total.state = sum(part.state for part in parts)
    np.testing.assert_array_equal(total.compute().pos_weight, whole.compute().pos_weight)
    with pytest.raises(posweight.UsageError, match="different labels"):
        whole.merge(posweight.Counter(["x"] * 7))


def test_missing_values_are_declared(matrix):
    y = matrix.astype(float)
    y[0, 0], y[1, 1] = np.nan, -100
    counter = posweight.Counter(missing_values=-100)
    counter.update(y)
    assert counter.state[2].tolist() == [1, 1, 0, 0, 0, 0, 0]
    np.testing.assert_array_equal(counter.compute().pos_weight, posweight.compute(y, missing_values=-100).pos_weight)
    with pytest.raises(posweight.InputError, match="row 1 of the batch, column 1: -100.0 is neither"):
        posweight.Counter().update(y)
    # A value that is declared missing is missing, whatever it would be otherwise.
    counter = posweight.Counter(missing_values=[0])
    counter.update([[1, 0], [1, 1]])
    assert counter.state.tolist() == [[2, 1], [0, 0], [0, 1]]


def test_shapes_are_checked(matrix):
    counter = posweight.Counter(["a"])
    counter.update([1, 0, 0])
    assert counter.rows == 3
    with pytest.raises(posweight.InputError, match="2 columns, but there are 1 labels"):
        counter.update([[1, 0]])
    with pytest.raises(posweight.InputError, match="shape"):
        posweight.Counter().update([1, 0])
    with pytest.raises(posweight.InputError, match="type"):
        posweight.Counter().update([["a"]])
    with pytest.raises(posweight.UsageError, match="nothing was counted"):
        posweight.Counter().compute()
    with pytest.raises(posweight.UsageError, match="shape"):
        counter.state = [[1, 2]]
    counter.reset()
    assert counter.rows == 0 and counter.state.tolist() == [[0], [0], [0]]


def test_batches_of_objects_and_sparse_ones():
    counter = posweight.Counter(["cat", "dog"])
    counter.update([[1, None], [0, True]])
    assert counter.state.tolist() == [[1, 1], [1, 0], [0, 1]]
    sparse = pytest.importorskip("scipy.sparse")
    counter.update(sparse.csr_matrix([[1, 0], [1, 0]]))
    assert counter.state.tolist() == [[3, 1], [1, 2], [0, 1]]


def test_only_counters_are_added(matrix):
    counter = posweight.Counter()
    counter.update(matrix)
    with pytest.raises(TypeError, match="unsupported operand"):
        counter + 3
    with pytest.raises(posweight.UsageError, match='"row_measures" is of no use here'):
        counter.compute(row_measures=True)
