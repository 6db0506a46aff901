"""Keras, which has no weights of positives."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ._result import Result
from ._vectors import fits, vector

__all__ = ["binary_crossentropy", "class_weight"]


def class_weight(result: Result) -> dict[int, float]:
    """Weights of classes, as ``model.fit(class_weight=…)`` takes them, for one class per row."""
    return {at: float(weight) for at, weight in enumerate(next(iter(result.weights.values())))}


def binary_crossentropy(weights: Any, labels: Sequence[str] | None = None, *, scheme: str | None = None) -> Callable[[Any, Any], Any]:
    """A loss of logits, as ``model.compile(loss=…)`` takes it; targets that are NaN or -100 do not count."""
    from keras import ops

    found = vector(weights, labels, scheme).astype(np.float32)

    def loss(targets: Any, logits: Any) -> Any:
        fits(logits.shape, len(found))
        targets = ops.cast(targets, logits.dtype)
        counts = ops.logical_not(ops.logical_or(ops.isnan(targets), ops.equal(targets, -100)))
        targets = ops.where(counts, targets, ops.zeros_like(targets))
        positive = ops.softplus(-logits) * ops.convert_to_tensor(found, dtype=logits.dtype)
        cells = targets * positive + (1 - targets) * ops.softplus(logits)
        cells = ops.where(counts, cells, ops.zeros_like(cells))
        return ops.sum(cells) / ops.maximum(ops.sum(ops.cast(counts, logits.dtype)), 1)

    return loss
