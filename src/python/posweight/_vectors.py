"""Weights in the order of a model's labels."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from ._errors import UsageError
from ._names import named
from ._result import Result

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt


def vector(
    weights: Any, labels: Sequence[str] | None = None, scheme: str | None = None
) -> npt.NDArray[np.float64]:
    """The weights of ``labels`` in their order: of a result by name, of a mapping by name, or an array as it is."""
    import numpy as np

    labels = None if labels is None else named(labels)
    if isinstance(weights, Result):
        chosen = next(iter(weights.weights.values())) if scheme is None else weights.weights[scheme]
        return np.array(chosen if labels is None else chosen[weights.index_of(labels)], dtype=np.float64)
    if scheme is not None:
        raise UsageError("scheme belongs to a result", "give a result, or drop scheme")
    if isinstance(weights, Mapping):
        names = list(weights) if labels is None else labels
        unknown = [name for name in names if name not in weights]
        if unknown:
            raise UsageError(f"there is no weight of label {unknown[0]!r}", "give a weight for each label")
        return np.array([float(weights[name]) for name in names])
    if type(weights).__module__.split(".")[0] == "torch":
        weights = weights.detach().cpu().numpy()
    found = np.array(weights, dtype=np.float64)
    if found.ndim != 1 or (labels is not None and len(labels) != len(found)):
        raise UsageError(
            f"the weights have shape {list(found.shape)}{'' if labels is None else f', but there are {len(labels)} labels'}",
            "give one weight per label, or a result, whose labels have names",
        )
    return found


def fits(shape: Sequence[int | None], count: int) -> None:
    """Refuses outputs of a model that are not as many as there are weights.

    Libraries would repeat one weight for all outputs, or one output for all weights. Outputs of one label may be a vector.
    """
    last = shape[-1] if len(shape) else 1
    if last not in (count, None) and not (count == 1 and len(shape) == 1):
        raise UsageError(
            f"the logits have shape {list(shape)}, but the weights have shape [{count}]",
            "give one weight for each output: name the labels of the model, in the order of its outputs, with labels",
        )


def bias(result: Result, labels: Sequence[str] | None = None) -> npt.NDArray[np.float64]:
    """The initial biases of ``labels`` in their order."""
    return result.prior_bias if labels is None else result.prior_bias[result.index_of(labels)]
