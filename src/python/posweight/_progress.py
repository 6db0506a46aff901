"""A bar of tqdm."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager


@contextmanager
def telling(progress: bool) -> Iterator[Callable[[int, int], None] | None]:
    """The callable that gets rows done and all rows; None without progress."""
    if not progress:
        yield None
        return
    from tqdm.auto import tqdm

    with tqdm(unit="row", unit_scale=True) as bar:

        def tell(done: int, whole: int) -> None:
            bar.total = whole
            bar.update(done - bar.n)

        yield tell
        if bar.total:
            bar.update(bar.total - bar.n)
