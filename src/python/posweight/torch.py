"""Losses and samplers for PyTorch."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from ._errors import UsageError
from ._names import named
from ._ranks import check_place, rows_of_rank, share
from ._vectors import bias, fits, vector

if TYPE_CHECKING:
    import numpy.typing as npt

    from ._plan import Plan
    from ._result import Result

__all__ = ["BCEWithLogitsLoss", "IterablePlan", "PlanSampler", "calibrate", "cross_entropy_weight", "init_bias_"]


class BCEWithLogitsLoss(torch.nn.Module):
    """``torch.nn.BCEWithLogitsLoss`` with the weights of a result.

    ``labels`` are those of the model, in the order of its outputs; weights are found by name, and a name that the result does
    not have is an error. Targets that are NaN or ``missing`` do not count; ``reduction="mean"`` is the mean over the others, and
    where none is missing it rounds as ``torch.nn.BCEWithLogitsLoss`` does.

    The weights are in no checkpoint: a model that was saved with this loss loads without it, and with other weights.
    """

    pos_weight: torch.Tensor

    def __init__(
        self,
        weights: Any,
        labels: Sequence[str] | None = None,
        *,
        scheme: str | None = None,
        missing: float = -100,
        reduction: str = "mean",
    ) -> None:
        super().__init__()
        if reduction not in ("mean", "sum", "none"):
            raise UsageError(f"reduction is {reduction!r}", "give mean, sum or none")
        names = None if labels is None else named(labels)
        tensor = torch.from_numpy(vector(weights, names, scheme)).float()
        self.register_buffer("pos_weight", tensor, persistent=False)
        self.labels = names if names is not None else getattr(weights, "labels", None)
        self.missing = missing
        self.reduction = reduction

    def forward(self, logits: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
        """The loss of logits and targets of shape ``[…, C]``; of one label also without the last dimension."""
        fits(logits.shape, len(self.pos_weight))
        if targets.shape != logits.shape:
            raise UsageError(
                f"the targets have shape {list(targets.shape)}, but the logits {list(logits.shape)}", "give one target for each logit"
            )
        # Before they are rounded to the type of the logits.
        counts = self.known(targets)
        targets = targets.to(logits.dtype)
        # The gradient of a cell that does not count is 0, whatever its logit is.
        logits = torch.where(counts, logits, torch.zeros_like(logits))
        targets = torch.where(counts, targets, torch.zeros_like(targets))
        # A batch in which nothing counts has the loss 0, also one without rows, which has no mean.
        mean = self.reduction == "mean" and counts.numel() > 0
        loss = torch.nn.functional.binary_cross_entropy_with_logits(
            logits,
            targets,
            weight=counts.to(logits.dtype),
            pos_weight=self.pos_weight.to(logits.dtype),
            reduction="mean" if mean else "none" if self.reduction == "none" else "sum",
        )
        # The mean of PyTorch is over all cells. Where all of them count, this multiplies by 1.
        return _times(loss, counts.numel(), counts.sum()) if mean else loss

    def known(self, targets: torch.Tensor) -> torch.Tensor:
        """Which targets count."""
        return ~(torch.isnan(targets) | (targets == self.missing))

    def _load_from_state_dict(self, state_dict: dict[str, Any], prefix: str, *rest: Any) -> None:
        # Checkpoints of torch.nn.BCEWithLogitsLoss have the weights.
        state_dict.pop(f"{prefix}pos_weight", None)
        super()._load_from_state_dict(state_dict, prefix, *rest)

    def extra_repr(self) -> str:
        return f"{len(self.pos_weight)} labels, missing={self.missing}, reduction={self.reduction!r}"


def _times(loss: torch.Tensor, over: int | torch.Tensor, under: int | torch.Tensor) -> torch.Tensor:
    """The loss times a ratio of counts, which half precision may not hold; counts of none are taken as 1 below."""
    wide = torch.promote_types(loss.dtype, torch.float32)

    def number(count: Any) -> torch.Tensor:
        # A number over a tensor would be a product with its inverse, which is not 1 for equal counts.
        is_tensor = isinstance(count, torch.Tensor)
        return count.to(loss.device, wide) if is_tensor else torch.full((), count, dtype=wide, device=loss.device)

    return (loss.to(wide) * (number(over) / number(under).clamp(min=1))).to(loss.dtype)


def cross_entropy_weight(weights: Any, labels: Sequence[str] | None = None, *, scheme: str | None = None) -> torch.Tensor:
    """The weights of classes, as ``torch.nn.CrossEntropyLoss(weight=…)`` takes them. Schemes such as ``balanced`` are for it."""
    return torch.from_numpy(vector(weights, labels, scheme)).float()


@torch.no_grad()
def init_bias_(layer: torch.nn.Module, result: Result, labels: Sequence[str] | None = None) -> torch.nn.Module:
    """Set the biases of the last layer to ln(positives / negatives), so that training starts at the prevalences."""
    biases = torch.from_numpy(bias(result, labels).copy())
    found = getattr(layer, "bias", None)
    if found is None or found.shape != biases.shape:
        shape = None if found is None else list(found.shape)
        raise UsageError(f"the bias of the layer has shape {shape}, but there are {len(biases)} labels", "give the last layer")
    found.copy_(biases)
    return layer


def calibrate(logits: torch.Tensor, weights: Any, labels: Sequence[str] | None = None, *, scheme: str | None = None) -> torch.Tensor:
    """Logits without the shift that ``pos_weight`` trains into them: ``sigmoid`` of them are probabilities again."""
    tensor = torch.from_numpy(vector(weights, labels, scheme)).to(logits)
    fits(logits.shape, len(tensor))
    return logits - tensor.log()


class PlanSampler(torch.utils.data.Sampler[int]):
    """The rows of a sampling plan, each as often as the plan says, in random order.

    Every rank computes its own part, without communication: the parts are disjoint, together they are the whole epoch, and
    they differ in length by 1 at most; with ``drop_last`` by nothing. ``rank`` and ``world_size`` are those of
    ``torch.distributed`` if it is initialised.

    ``set_epoch`` gives another order, and draws the plan anew if its sources can be read again.
    """

    def __init__(
        self,
        plan: Plan,
        *,
        epoch: int = 0,
        rank: int | None = None,
        world_size: int | None = None,
        shuffle: bool = True,
        drop_last: bool = False,
        redraw: bool = True,
    ) -> None:
        self.rank, self.world_size = _place(rank, world_size)
        self.plan = plan
        self.epoch = epoch
        self.shuffle = shuffle
        self.drop_last = drop_last
        self.redraw = redraw and plan.can_redraw
        self._at_epoch()

    def set_epoch(self, epoch: int) -> None:
        """Give the order of another epoch from now on."""
        self.epoch = epoch
        self._at_epoch()

    def _at_epoch(self) -> None:
        if self.redraw:
            self.plan = self.plan.at_epoch(self.epoch)

    def _whole(self) -> int:
        return int(self.plan.repeats.sum(dtype=np.int64))

    def __len__(self) -> int:
        return share(self._whole(), self.rank, self.world_size, drop_last=self.drop_last)

    def indices(self) -> npt.NDArray[np.int64]:
        """The rows of this rank in their order."""
        key = (self.plan.seed, self.epoch)
        return rows_of_rank(
            self.plan.repeats, self.rank, self.world_size, key=key, shuffle=self.shuffle, drop_last=self.drop_last
        )

    def __iter__(self) -> Iterator[int]:
        rows = self.indices()
        for start in range(0, len(rows), 1 << 16):
            yield from rows[start : start + (1 << 16)].tolist()


class IterablePlan(torch.utils.data.IterableDataset[Any]):
    """The rows of shards that are read in order, each as often as the plan says.

    ``read`` gives the rows of a shard from its path, as many as the plan has. Shards are dealt out to ranks and to the workers of
    a DataLoader; their order is another one in each epoch.
    """

    def __init__(
        self,
        plan: Plan,
        read: Callable[[str], Iterable[Any]],
        *,
        epoch: int = 0,
        rank: int | None = None,
        world_size: int | None = None,
    ) -> None:
        self.rank, self.world_size = _place(rank, world_size)
        self.plan, self.read, self.epoch = plan, read, epoch
        self._repeats = plan.repeats
        self._shards = plan.shards
        self._seed = plan.seed

    def __getstate__(self) -> dict[str, Any]:
        # Workers need the numbers, not the plan.
        return {**self.__dict__, "plan": None}

    def set_epoch(self, epoch: int) -> None:
        """Give the order of another epoch from now on."""
        self.epoch = epoch

    def __iter__(self) -> Iterator[Any]:
        worker = torch.utils.data.get_worker_info()
        part, parts = (0, 1) if worker is None else (worker.id, worker.num_workers)
        part, parts = self.rank * parts + part, self.world_size * parts
        order = np.random.default_rng([self._seed, self.epoch]).permutation(len(self._shards))
        for at in order[part::parts]:
            shard = self._shards[at]
            first, rows = shard["first_position"], shard["rows"]
            repeats = self._repeats[first : first + rows].tolist()
            found = 0
            for found, (row, repeat) in enumerate(zip(self.read(shard["path"]), repeats), 1):
                for _ in range(repeat):
                    yield row
            if found < rows:
                raise UsageError(f"{shard['path']}: read gave {found} rows, the plan has {rows}", "give every row of the shard, in order")


def _place(rank: int | None, world_size: int | None) -> tuple[int, int]:
    if (rank is None) != (world_size is None):
        raise UsageError("rank and world_size go together", "give both or none")
    if rank is None or world_size is None:
        import torch.distributed as distributed

        if distributed.is_available() and distributed.is_initialized():
            return distributed.get_rank(), distributed.get_world_size()
        return 0, 1
    check_place(rank, world_size)
    return rank, world_size
