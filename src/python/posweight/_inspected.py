"""What is seen of shards before they are counted."""

from __future__ import annotations

from typing import Any

from ._errors import in_python


class Inspected:
    """Shards, columns and the detected layout."""

    def __init__(self, seen: dict[str, Any]) -> None:
        self.rows: int = seen["rows"]
        self.shards: list[dict[str, Any]] = seen["shards"]
        self.columns: list[dict[str, Any]] = seen["columns"]
        self.layout: str = seen["layout"]
        self.labels: list[str] = seen["labels"]
        self.why: str = in_python(seen["why"])
        #: A pipeline file to start from.
        self.spec: str = seen["spec"]

    def __repr__(self) -> str:
        return f"Inspected({self.rows} rows, {len(self.shards)} shards, layout {self.layout}, {len(self.labels)} label columns)"
