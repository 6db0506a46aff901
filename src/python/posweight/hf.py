"""Hugging Face: losses for ``transformers.Trainer``, splits of ``datasets``."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from ._errors import UsageError

if TYPE_CHECKING:
    import torch

__all__ = ["compute_loss_func", "label_names", "train_test_split"]


def compute_loss_func(
    weights: Any,
    labels: Sequence[str] | None = None,
    *,
    scheme: str | None = None,
    missing: float = -100,
) -> Callable[..., torch.Tensor]:
    """A loss for ``Trainer(compute_loss_func=…)`` of a multi-label model.

    It is the mean over the cells that count. ``labels`` are those of the model: ``model.config.id2label.values()``.
    """
    from .torch import BCEWithLogitsLoss, _times

    loss = BCEWithLogitsLoss(weights, labels, scheme=scheme, missing=missing)

    def compute(outputs: Any, labels: torch.Tensor, num_items_in_batch: Any = None) -> torch.Tensor:
        logits = outputs["logits"] if isinstance(outputs, Mapping) else outputs.logits
        mean: torch.Tensor = loss.to(logits.device)(logits, labels)
        if num_items_in_batch is None:
            return mean
        # With gradient accumulation these are the cells of all steps together.
        return _times(mean, loss.known(labels).sum(), num_items_in_batch)

    return compute


def label_names(dataset: Any, column: str) -> list[str] | None:
    """The names of a ``ClassLabel`` column or of a list of them; None for other columns."""
    feature = dataset.features[column]
    feature = getattr(feature, "feature", feature[0] if isinstance(feature, list) else feature)
    names = getattr(feature, "names", None)
    return None if names is None else list(names)


def train_test_split(
    dataset: Any,
    labels: str | Sequence[str],
    *,
    test_size: float = 0.25,
    validation_size: float = 0.0,
    seed: int = 0,
    groups: str | None = None,
    **keys: Any,
) -> Any:
    """Split a dataset so that each part has its share of every label; a ``datasets.DatasetDict``.

    ``labels`` is the column of labels, or the names of 0/1 columns. Rows with one value of the column ``groups`` stay together.
    ``keys`` are other arguments of :func:`posweight.compute`.
    """
    import datasets

    from ._api import sample

    train_size = 1 - test_size - validation_size
    if not (0 < test_size < 1 and 0 <= validation_size < 1 and train_size > 0):
        raise UsageError(
            f"test_size {test_size} and validation_size {validation_size} leave nothing to train on",
            "give shares above 0 that add up to less than 1",
        )
    shares = {"train": train_size, "validation": validation_size, "test": test_size}
    folds = ",".join(f"{name}={share!r}" for name, share in shares.items() if share > 0)
    plan = sample(dataset, f"stratified-split:{folds}", labels=labels, seed=seed, groups=groups, **keys)
    return datasets.DatasetDict({name: dataset.select(plan.rows_of(name)) for name in plan.folds})
