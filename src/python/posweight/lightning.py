"""Lightning: a callback that gives the model its loss."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

try:
    from lightning.pytorch import Callback
except ImportError:
    from pytorch_lightning import Callback

from ._errors import UsageError
from .torch import BCEWithLogitsLoss

__all__ = ["PosWeight"]


class PosWeight(Callback):
    """Sets the loss of the model before it trains: ``Trainer(callbacks=[PosWeight(result)])``.

    Without a result, it is that of the datamodule: its attribute ``result``, made in ``setup``. ``attribute`` is where the model has its
    loss, ``labels`` are the model's.
    """

    def __init__(
        self,
        result: Any = None,
        labels: Sequence[str] | None = None,
        *,
        attribute: str = "loss",
        scheme: str | None = None,
        missing: float = -100,
    ) -> None:
        self.result, self.labels, self.attribute = result, labels, attribute
        self.scheme, self.missing = scheme, missing

    def setup(self, trainer: Any, pl_module: Any, stage: str) -> None:
        """Lightning calls this after the datamodule is set up."""
        result = self.result
        if result is None:
            result = getattr(trainer.datamodule, "result", None)
        if result is None:
            raise UsageError("there is no result to weigh by", "give one, or set self.result in the datamodule's setup")
        loss = BCEWithLogitsLoss(result, self.labels, scheme=self.scheme, missing=self.missing)
        setattr(pl_module, self.attribute, loss.to(pl_module.device))
