"""XGBoost and LightGBM, which take the weight of one label at a time."""

from __future__ import annotations

from ._errors import UsageError
from ._result import Result

__all__ = ["scale_pos_weight"]


def scale_pos_weight(result: Result, label: str | None = None) -> float:
    """``scale_pos_weight`` of the model of a label; of the only one, if there is one.

    In LightGBM, leave ``is_unbalance`` off.
    """
    if label is None and len(result.labels) != 1:
        shown = ", ".join(map(repr, result.labels[:10])) + (", …" if len(result.labels) > 10 else "")
        way = "name one of them"
        if result.labels == ["0", "1"]:
            way = "for a target of 0 and 1, count y[:, None], which is one label"
        raise UsageError(f"the result has {len(result.labels)} labels: {shown}", way)
    at = 0 if label is None else int(result.index_of([label])[0])
    return float(next(iter(result.weights.values()))[at])
