"""The rows of an epoch, shared by ranks that do not talk to each other."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ._errors import UsageError

if TYPE_CHECKING:
    import numpy.typing as npt


def check_place(rank: int, world_size: int) -> None:
    """Refuse a rank that there is not."""
    if not 0 <= rank < world_size:
        raise UsageError(f"rank {rank} is none of {world_size}", f"ranks are 0 to {world_size - 1}")


def share(rows: int, rank: int, world_size: int, *, drop_last: bool) -> int:
    """How many of ``rows`` rows a rank gets."""
    return rows // world_size + (0 if drop_last else int(rows % world_size > rank))


def rows_of_rank(
    repeats: npt.NDArray[Any], rank: int, world_size: int, *, key: tuple[int, int], shuffle: bool, drop_last: bool
) -> npt.NDArray[np.int64]:
    """The rows of a rank in their order, each as often as ``repeats`` says.

    ``key`` is the seed and the epoch. The order of all rows is the same on every rank, which takes every ``world_size``-th of them.
    """
    rows = np.arange(len(repeats), dtype=np.uint32 if len(repeats) < 1 << 32 else np.int64)
    draws = np.repeat(rows, repeats)
    if shuffle:
        np.random.Generator(np.random.Philox(np.random.SeedSequence(key))).shuffle(draws)
    own = draws[rank::world_size]
    return own[: share(len(draws), rank, world_size, drop_last=drop_last)].astype(np.int64)
