"""Loss weights and imbalance reports from label columns.

>>> import posweight
>>> result = posweight.weigh(positives=[100], negatives=[300])
>>> float(result.pos_weight[0])
3.0
"""

from __future__ import annotations

import importlib
import logging
from typing import TYPE_CHECKING, Any

from ._errors import (
    ChangedError,
    CheckFailed,
    InputError,
    InternalError,
    OutputError,
    PosweightError,
    ResourceError,
    TransientError,
    UsageError,
)

if TYPE_CHECKING:
    from ._api import compute, inspect, load, run, sample, sql, weigh
    from ._counter import Counter
    from ._plan import Plan
    from ._result import Finding, Result, Rows

__all__ = [
    "ChangedError",
    "CheckFailed",
    "Counter",
    "Finding",
    "InputError",
    "InternalError",
    "OutputError",
    "Plan",
    "PosweightError",
    "ResourceError",
    "Result",
    "Rows",
    "TransientError",
    "UsageError",
    "compute",
    "inspect",
    "load",
    "run",
    "sample",
    "sql",
    "weigh",
]

# Who wants the log sets a handler.
logging.getLogger("posweight").addHandler(logging.NullHandler())

_HOMES = {
    **dict.fromkeys(("compute", "inspect", "load", "run", "sample", "sql", "weigh"), "_api"),
    **dict.fromkeys(("Finding", "Result", "Rows"), "_result"),
    "Counter": "_counter",
    "Plan": "_plan",
}


def __getattr__(name: str) -> Any:
    """The extension module and NumPy are loaded when something is first used."""
    if name == "__version__":
        from ._native import __version__

        return __version__
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(importlib.import_module(f"{__name__}.{home}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted([*__all__, "__version__"])
