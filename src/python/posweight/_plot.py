"""Charts by matplotlib."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ._errors import UsageError

if TYPE_CHECKING:
    from ._result import Result

#: Labels up to which each has its name beside the chart.
_NAMED_MAX = 40


class Plots:
    """Charts of a result. Each takes the axes to draw on, or makes some, and returns them."""

    def __init__(self, result: Result) -> None:
        self._result = result

    def prevalence(self, ax: Any = None) -> Any:
        """The share of positives, the most frequent label first."""
        return self._ranked(self._result.prevalence, "prevalence", ax)

    def weights(self, scheme: str | None = None, ax: Any = None) -> Any:
        """The weight of each label, the most frequent label first."""
        name = next(iter(self._result.weights)) if scheme is None else scheme
        return self._ranked(self._result.weights[name], f"weight ({name})", ax)

    def irlbl(self, ax: Any = None) -> Any:
        """Positives of the most frequent label over those of each, the most frequent label first."""
        return self._ranked(self._result.label_measures["irlbl"], "IRLbl", ax)

    def cooccurrence(self, ax: Any = None) -> Any:
        """Phi of pairs of the labels that matter most."""
        found = self._result._imbalance.get("cooccurrence")
        if found is None:
            raise UsageError(
                "pairs of labels were not counted",
                "count the rows: posweight.compute(rows, row_measures=True); weigh and Counter have counts alone",
            )
        names = [self._result.labels[at] for at in found["labels"]]
        ax = ax if ax is not None else _axes(max(4.0, 0.3 * len(names)), max(3.5, 0.3 * len(names)))
        image = ax.imshow(np.array(found["phi"], dtype=float), cmap="RdBu_r", vmin=-1, vmax=1)
        ax.figure.colorbar(image, ax=ax, label="phi")
        ax.set_xticks(range(len(names)), names, rotation=90)
        ax.set_yticks(range(len(names)), names)
        return ax

    def _ranked(self, values: Any, what: str, ax: Any) -> Any:
        order = self._result._by_frequency()
        ranked = np.asarray(values, dtype=float)[order]
        few = len(order) <= _NAMED_MAX
        ax = ax if ax is not None else _axes(7.0, max(2.5, 0.24 * len(order)) if few else 4.0)
        if few:
            ax.barh(np.arange(len(order)), ranked)
            ax.set_yticks(np.arange(len(order)), [self._result.labels[at] for at in order])
            ax.invert_yaxis()
            ax.set_xlabel(what)
        else:
            ax.plot(np.arange(1, len(order) + 1), ranked)
            ax.set_xlabel("label, the most frequent first")
            ax.set_ylabel(what)
        positive = ranked[np.isfinite(ranked) & (ranked > 0)]
        if len(positive) and positive.max() / positive.min() > 100:
            (ax.set_xscale if few else ax.set_yscale)("log")
        return ax


def _axes(width: float, height: float) -> Any:
    import matplotlib.pyplot as plt

    return plt.subplots(figsize=(width, height), layout="constrained")[1]
