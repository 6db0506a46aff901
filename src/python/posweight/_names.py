"""Names of labels in an order."""

from __future__ import annotations

from collections.abc import Iterable, Set
from typing import Any

from ._errors import UsageError


def named(labels: Any) -> list[str]:
    """The names that are given, in their order; one name may stand alone."""
    if isinstance(labels, (str, bytes)) or not isinstance(labels, Iterable):
        return [str(labels)]
    if isinstance(labels, Set) and not hasattr(labels, "mapping"):
        raise UsageError("the labels are a set, which has no order", "give a list of names, in the order of the outputs")
    return [str(label) for label in labels]
