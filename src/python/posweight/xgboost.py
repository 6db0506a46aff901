"""XGBoost and LightGBM, which take the weight of one label at a time."""

from __future__ import annotations

from ._result import Result

__all__ = ["scale_pos_weight"]


def scale_pos_weight(result: Result, label: str | None = None) -> float:
    """``scale_pos_weight`` of the model of a label; of the only one, if there is one.

    In LightGBM, leave ``is_unbalance`` off.
    """
    at = 0 if label is None and len(result.labels) == 1 else int(result.index_of([label or ""])[0])
    return float(next(iter(result.weights.values()))[at])
