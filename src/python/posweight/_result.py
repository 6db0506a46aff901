"""Results."""

from __future__ import annotations

import html
import json
import os
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from . import _native
from ._errors import UsageError, in_python
from ._names import named

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from ._plan import Plan
    from ._plot import Plots

__all__ = ["Counts", "Finding", "Result", "Rows"]

_SIDES = ("positives", "negatives", "uncertain", "missing", "invalid")


class Rows:
    """Rows in the Arrow format, for any library that reads it.

    They are handed over once: ``polars.DataFrame(rows)``, ``pyarrow.table(rows)``, ``duckdb.sql("SELECT * FROM rows")``.
    """

    def __init__(self, native: _native.NativeRows) -> None:
        self._native = native

    def __arrow_c_stream__(self, requested_schema: object | None = None) -> object:
        return self._native.__arrow_c_stream__(requested_schema)

    def to_arrow(self) -> Any:
        """As a ``pyarrow.Table``."""
        import pyarrow

        return pyarrow.table(self)

    def to_pandas(self) -> Any:
        """As a ``pandas.DataFrame``; needs pyarrow."""
        return self.to_arrow().to_pandas()

    def to_polars(self) -> Any:
        """As a ``polars.DataFrame``."""
        import polars

        return polars.DataFrame(self)


@dataclass(frozen=True)
class Finding:
    """Something odd, with its cause and what to do."""

    id: str
    severity: str
    count: int
    unit: str
    labels: list[str]
    observed: str
    cause: str
    remedy: str


class Counts:
    """Counts per label, each an array of integers in the order of labels. They read as Arrow, one row per label."""

    def __init__(self, native: _native.NativeResult) -> None:
        import numpy as np

        self._native = native
        sides = np.frombuffer(native.tallies(), dtype=np.uint64).reshape(-1, len(_SIDES)).astype(np.int64)
        sides.flags.writeable = False
        self.labels: list[str] = native.labels
        self.rows: int = native.rows
        self.positives: npt.NDArray[np.int64] = sides[:, 0]
        self.negatives: npt.NDArray[np.int64] = sides[:, 1]
        self.uncertain: npt.NDArray[np.int64] = sides[:, 2]
        self.missing: npt.NDArray[np.int64] = sides[:, 3]
        self.invalid: npt.NDArray[np.int64] = sides[:, 4]

    def __len__(self) -> int:
        return len(self.labels)

    def __arrow_c_stream__(self, requested_schema: object | None = None) -> object:
        return self._native.table().__arrow_c_stream__(requested_schema)

    def to_arrow(self) -> Any:
        """As a ``pyarrow.Table``."""
        return Rows(self._native.table()).to_arrow()

    def to_pandas(self) -> Any:
        """As a ``pandas.DataFrame``; needs pandas alone."""
        import pandas

        return pandas.DataFrame(self._columns())

    def to_polars(self) -> Any:
        """As a ``polars.DataFrame``."""
        return Rows(self._native.table()).to_polars()

    def _columns(self) -> dict[str, Any]:
        import numpy as np

        columns: dict[str, Any] = {"label_index": np.arange(len(self)), "label": self.labels}
        columns.update({side: getattr(self, side) for side in _SIDES})
        columns.update({name: np.frombuffer(packed, dtype=np.float64) for name, packed in self._native.weights()})
        return columns | {"status": self._native.status()}

    def __repr__(self) -> str:
        return f"Counts({self.rows} rows, {len(self)} labels)"


class Weights(Mapping[str, "npt.NDArray[np.float64]"]):
    """Weight vectors by scheme; the first is the primary one."""

    def __init__(self, native: _native.NativeResult) -> None:
        import numpy as np

        self._vectors = {name: np.frombuffer(packed, dtype=np.float64) for name, packed in native.weights()}

    def __getitem__(self, scheme: str) -> npt.NDArray[np.float64]:
        try:
            return self._vectors[scheme]
        except KeyError:
            raise KeyError(f"{scheme!r}: there are {', '.join(self._vectors)}") from None

    def __iter__(self) -> Iterator[str]:
        return iter(self._vectors)

    def __len__(self) -> int:
        return len(self._vectors)

    def __repr__(self) -> str:
        return f"Weights({', '.join(self)})"


class Result:
    """Counts per label, and the weights, measures and findings that follow from them."""

    def __init__(self, native: _native.NativeResult) -> None:
        self._native = native

    @cached_property
    def labels(self) -> list[str]:
        """Names of labels, in the order of the target tensor."""
        return self._native.labels

    @property
    def rows(self) -> int:
        """Rows counted."""
        return self._native.rows

    @cached_property
    def counts(self) -> Counts:
        """Counts per label."""
        return Counts(self._native)

    @cached_property
    def weights(self) -> Weights:
        """Every weight vector, by the name of its scheme; float64."""
        return Weights(self._native)

    @cached_property
    def pos_weight(self) -> npt.NDArray[np.float32]:
        """The vector of the first scheme, as ``torch.nn.BCEWithLogitsLoss`` takes it; float32, shape ``[C]``."""
        import numpy as np

        return next(iter(self.weights.values())).astype(np.float32)

    @cached_property
    def prior_bias(self) -> npt.NDArray[np.float64]:
        """ln(positives / negatives) of each label, an initial bias of the last layer; 0 for labels without both."""
        import numpy as np

        return np.frombuffer(self._native.prior_bias(), dtype=np.float64)

    def _by_frequency(self) -> npt.NDArray[np.int64]:
        """Positions of labels, the most frequent first: by rows, or by what prevalence is the share of."""
        import numpy as np

        none = self.counts.positives == 0
        # IRLbl is the positives of the most frequent label over those of each.
        rare = np.where(none | np.isnan(self.label_measures["irlbl"]), np.inf, self.label_measures["irlbl"])
        return np.argsort(rare, kind="stable")

    @cached_property
    def prevalence(self) -> npt.NDArray[np.float64]:
        """The share of positives in what is known of each label: in rows, in their weight, or with soft labels in the mass.

        NaN where nothing is known.
        """
        return self.label_measures["prevalence"]

    @cached_property
    def status(self) -> list[str]:
        """``ok`` for each label, or why its weight is not that of the formula."""
        return self._native.status()

    @cached_property
    def _weights_json(self) -> dict[str, Any]:
        return dict(json.loads(self._native.file("weights.json")))

    @cached_property
    def _imbalance(self) -> dict[str, Any]:
        return dict(json.loads(self._native.file("imbalance.json")))

    @property
    def global_pos_weight(self) -> float:
        """All negatives over all positives."""
        return float(self._weights_json["global_pos_weight"])

    @property
    def spec(self) -> dict[str, Any]:
        """The keys that decide the result."""
        return dict(self._weights_json["spec"])

    @cached_property
    def measures(self) -> dict[str, float | None]:
        """Measures of imbalance by name; None where one is not defined."""
        numbers = self._imbalance.items()
        return {name: value for name, value in numbers if value is None or isinstance(value, (int, float))}

    @cached_property
    def label_measures(self) -> dict[str, npt.NDArray[np.float64]]:
        """Measures of each label by name, such as ``irlbl``; NaN where one is not defined."""
        import numpy as np

        return {name: np.array(values, dtype=np.float64) for name, values in self._imbalance["per_label"].items()}

    @cached_property
    def findings(self) -> list[Finding]:
        """Everything odd, the most severe first."""
        labels = self.labels

        def told(one: dict[str, Any]) -> Finding:
            texts = {key: in_python(one[key]) for key in ("cause", "remedy")}
            return Finding(**{**one, **texts, "labels": [labels[at] for at in one["labels"]]})

        return [told(one) for one in self._imbalance["findings"]]

    @cached_property
    def groups(self) -> dict[str, Result]:
        """The result of each group of ``by``, by its name, such as ``split=train``."""
        found = ((name, self._native.group(name)) for name in self._native.groups())
        return {name: Result(native) for name, native in found if native is not None}

    @cached_property
    def plan(self) -> Plan | None:
        """The sampling plan, if one was asked for."""
        from ._plan import Plan

        native = self._native.plan()
        return None if native is None else Plan(native)

    @property
    def source(self) -> str:
        """What was counted, such as ``4 shards, layout wide``."""
        return self._native.source

    @property
    def why(self) -> str:
        """Why the layout was chosen."""
        return in_python(self._native.why)

    @cached_property
    def run_results(self) -> dict[str, Any] | None:
        """The record of the run: timings, shards, resources, checks; None for a result that was read back."""
        record = self._native.record()
        return None if record is None else dict(json.loads(record))

    @property
    def plot(self) -> Plots:
        """Charts by matplotlib: ``result.plot.prevalence(ax=ax)``."""
        from ._plot import Plots

        return Plots(self)

    def index_of(self, labels: Sequence[str]) -> npt.NDArray[np.int64]:
        """The positions of labels by name.

        Raises :class:`UsageError` naming labels that the result does not have.
        """
        import numpy as np

        labels = named(labels)
        places = {label: at for at, label in enumerate(self.labels)}
        unknown = [label for label in labels if label not in places]
        if unknown:
            shown = ", ".join(map(repr, unknown[:10])) + (", …" if len(unknown) > 10 else "")
            raise UsageError(
                f"the result has no label {shown}",
                f"its labels are {', '.join(self.labels[:10])}{', …' if len(self.labels) > 10 else ''}",
            )
        if len(set(labels)) < len(labels):
            twice = next(label for at, label in enumerate(labels) if label in labels[:at])
            raise UsageError(f"label {twice!r} is named twice", "name each label once")
        return np.array([places[label] for label in labels], dtype=np.int64)

    def to_dict(self) -> dict[str, Any]:
        """What ``weights.json`` holds."""
        return dict(self._weights_json)

    def file(self, name: str) -> bytes:
        """The bytes of a file of the result, such as ``weights.json`` or ``report.html``.

        Raises :class:`UsageError` for a file that the result does not have.
        """
        return self._native.file(name)

    def save(self, path: str | os.PathLike[str], *, formats: str | Sequence[str] = (), overwrite: bool = False) -> Path:
        """Write the files of the result into a folder, as ``posweight compute --out`` does."""
        if (group := self._native.group_name) is not None:
            raise UsageError(f"the group {group} is not saved alone", "save the whole result, which has a folder in by/ for each group")
        kinds = [formats] if isinstance(formats, str) else list(formats)
        self._native.save(os.fspath(path), kinds, overwrite)
        return Path(path)

    def diff(self, before: Result) -> dict[str, Any]:
        """How this result differs from an earlier one, the labels that changed most first."""
        return dict(json.loads(self._native.diff(before._native)))

    def to_markdown(self) -> str:
        """The report."""
        return self.file("report.md").decode()

    def to_html(self) -> str:
        """The report as a page of its own."""
        return self.file("report.html").decode()

    def to_dataset_card(self) -> str:
        """The report with a header for the README of a dataset on the Hugging Face Hub."""
        size = next((name for most, name in _SIZES if self.rows < most), "n>1T")
        header = f"---\ntags:\n- multi-label\nsize_categories:\n- {size}\n---\n\n"
        return header + self.to_markdown()

    def show(self) -> Page:
        """The whole report inside a notebook."""
        return Page(self.to_html())

    def __repr__(self) -> str:
        return f"Result({self.rows} rows, {len(self.labels)} labels, {self.source})"

    def __str__(self) -> str:
        text = self._native.text(24)
        for one in self._imbalance["findings"]:
            text = text.replace(f"\n  {one['remedy']}\n", f"\n  {in_python(one['remedy'])}\n")
        return text

    def _repr_html_(self) -> str:
        return _first_screen(self)

    def __reduce__(self) -> tuple[Any, ...]:
        if self._native.group_name is not None:
            raise TypeError("a group is not pickled alone; pickle the whole result")
        return unpickled, (self._files(), self.plan)

    def _files(self) -> dict[str, bytes]:
        """The files of the result, without the rows of its plan."""
        with tempfile.TemporaryDirectory(prefix="posweight-") as folder:
            saved = self.save(Path(folder) / "result")
            paths = [path.relative_to(saved) for path in saved.rglob("*") if path.is_file()]
            return {str(path): (saved / path).read_bytes() for path in paths if path.parts[0] not in ("plan", "sampled")}


def unpickled(files: dict[str, bytes], plan: Plan | None = None) -> Result:
    """A result of its files."""
    with tempfile.TemporaryDirectory(prefix="posweight-") as folder:
        for name, contents in files.items():
            path = Path(folder) / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(contents)
        result = Result(_native.open(folder))
    result.plan = plan
    return result


_SIZES = (
    (1_000, "n<1K"),
    (10_000, "1K<n<10K"),
    (100_000, "10K<n<100K"),
    (1_000_000, "100K<n<1M"),
    (10_000_000, "1M<n<10M"),
    (100_000_000, "10M<n<100M"),
    (1_000_000_000, "100M<n<1B"),
    (10_000_000_000, "1B<n<10B"),
    (100_000_000_000, "10B<n<100B"),
    (1_000_000_000_000, "100B<n<1T"),
)


class Page:
    """A page of its own inside a notebook."""

    def __init__(self, text: str) -> None:
        self._text = text

    def _repr_html_(self) -> str:
        return f'<iframe style="width:100%;height:720px;border:0" srcdoc="{html.escape(self._text)}"></iframe>'


#: Labels shown at either end.
_SHOWN = 5


def _first_screen(result: Result) -> str:
    escape = html.escape
    counts, weights = result.counts, next(iter(result.weights.values()))
    scheme = next(iter(result.weights))
    order = result._by_frequency().tolist()
    shown = order if len(order) <= 2 * _SHOWN + 1 else order[:_SHOWN] + order[-_SHOWN:]
    lines = []
    for at in shown:
        if len(shown) < len(order) and at == order[-_SHOWN]:
            lines.append(f'<tr><td colspan="5">… {len(order) - len(shown)} more</td></tr>')
        prevalence = "" if result.prevalence[at] != result.prevalence[at] else f"{result.prevalence[at]:.3%}"
        cells = (f"{counts.positives[at]:,}", f"{counts.negatives[at]:,}", prevalence, f"{weights[at]:.4g}")
        lines.append(f"<tr><th>{escape(result.labels[at])}</th>" + "".join(f"<td>{cell}</td>" for cell in cells) + "</tr>")
    heads = "".join(f"<th>{escape(head)}</th>" for head in ("label", "positives", "negatives", "prevalence", scheme))
    found = "".join(
        f"<li><b>{escape(one.severity)} {escape(one.id)}</b> ({one.count:,} {escape(one.unit)}"
        f"{'' if one.count == 1 else 's'}): {escape(one.remedy)}</li>"
        for one in result.findings
    )
    return (
        f"<div><p><b>{result.rows:,} rows, {len(counts):,} labels</b>, {escape(result.source)}</p>"
        f"<table><thead><tr>{heads}</tr></thead><tbody>{''.join(lines)}</tbody></table>"
        + (f"<ul>{found}</ul>" if found else "")
        + "</div>"
    )
