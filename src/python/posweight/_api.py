"""What people call."""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Iterator, KeysView, Mapping, Sequence, ValuesView
from contextlib import ExitStack
from pathlib import Path
from types import NoneType
from typing import TYPE_CHECKING, Any, Union

from . import _native
from ._errors import UsageError
from ._names import named
from ._progress import telling
from ._result import Result, Rows
from ._sources import Sources

if TYPE_CHECKING:
    from ._inspected import Inspected
    from ._plan import Plan

#: Keys that say what values mean.
_VALUES = (
    "label", "layout", "missing_values", "negative_values", "positive_values", "soft", "threshold", "uncertain_values", "query",
)

__all__ = ["compute", "inspect", "load", "run", "sample", "sql", "weigh"]

#: A value of a cell.
Scalar = Union[bool, int, float, str]


def compute(
    source: Any,
    *,
    as_files: bool | None = None,
    table_version: int | None = None,
    table_timestamp: str | None = None,
    query: str | None = None,
    out: str | os.PathLike[str] | None = None,
    overwrite: bool | None = None,
    state: str | os.PathLike[str] | None = None,
    full: bool | None = None,
    on_bad_shard: str | None = None,
    max_bad_shards: int | None = None,
    shard_index: int | None = None,
    shard_count: int | None = None,
    formats: str | Sequence[str] | None = None,
    layout: str | None = None,
    labels: str | Sequence[str] | None = None,
    unit: str | None = None,
    id: str | None = None,
    value: str | None = None,
    delimiter: str | None = None,
    vocabulary: str | os.PathLike[str] | Sequence[str] | None = None,
    num_labels: int | None = None,
    ancestors: str | os.PathLike[str] | None = None,
    num_rows: int | None = None,
    ids_disjoint: bool | None = None,
    label_kind: str | None = None,
    order: str | None = None,
    positive_values: Scalar | Sequence[Scalar] | None = None,
    negative_values: Scalar | Sequence[Scalar] | None = None,
    missing_values: Scalar | Sequence[Scalar] | None = None,
    uncertain_values: Scalar | Sequence[Scalar] | None = None,
    uncertain_as: str | None = None,
    threshold: float | None = None,
    soft: bool | None = None,
    null_as: str | None = None,
    trim: bool | None = None,
    ignore_case: bool | None = None,
    missing_columns: str | None = None,
    where: str | None = None,
    allow_empty: bool | None = None,
    sample_weight: str | None = None,
    by: str | Sequence[str] | None = None,
    scheme: str | Sequence[str] | None = None,
    epsilon: float | None = None,
    power: float | None = None,
    clip: tuple[float, float] | None = None,
    normalize: str | None = None,
    zero_positives: Scalar | None = None,
    zero_negatives: Scalar | None = None,
    min_positives: int | None = None,
    row_measures: str | bool | None = None,
    num_features: int | None = None,
    batch_size: int | None = None,
    compat: str | None = None,
    against: str | os.PathLike[str] | None = None,
    plan: str | Sequence[str] | None = None,
    groups: str | None = None,
    fold_column: str | None = None,
    seed: int | None = None,
    epoch: int | None = None,
    materialize: bool | None = None,
    dry_run: bool | None = None,
    engine: str | None = None,
    trust_statistics: bool | None = None,
    memory_limit: str | None = None,
    threads: int | None = None,
    spill_dir: str | os.PathLike[str] | None = None,
    spill_limit: str | None = None,
    cluster: str | None = None,
    token_file: str | os.PathLike[str] | None = None,
    retries: int | None = None,
    publish_on_check_failure: bool | None = None,
    summary_json: str | os.PathLike[str] | None = None,
    metrics_textfile: str | os.PathLike[str] | None = None,
    openlineage: str | None = None,
    skip_exit_code: int | None = None,
    checks: Mapping[str, float | Mapping[str, Any]] | None = None,
    label: Mapping[str, Mapping[str, Any]] | None = None,
    progress: bool = False,
) -> Result:
    """Count labels and compute weights, measures and findings.

    ``source`` is a path, a glob or an address, anything with ``__arrow_c_stream__`` (pyarrow, Polars, DuckDB, pandas), a
    ``datasets.Dataset``, a NumPy 0/1 matrix or array of classes, a SciPy sparse matrix or a torch tensor, an iterator of
    tables or matrices, or a list of these. Of a matrix, ``labels`` are the names of its columns; of a 0/1 array of one
    dimension, ``y[:, None]`` is such a matrix. Nothing is written unless ``out`` is given.

    >>> import numpy as np
    >>> y = np.array([[1, 0], [0, 1], [0, 1], [0, 1]])
    >>> compute(y, labels=["cat", "dog"]).pos_weight
    array([3.        , 0.33333334], dtype=float32)

    The arguments are the keys of a pipeline file:

        as_files: Count the files of a Delta Lake, Iceberg or Hudi table as they lie.
        table_version: Version of a Delta Lake table, or id of a snapshot of an Iceberg table; the newest by
            default.
        table_timestamp: The newest version of a table at this time, such as ``2026-11-29 12:00:00`` (UTC).
        query: SQL over the table ``shards``, whose rows are counted in place of those of the shards.
        out: Output folder or address.
        overwrite: Replace a result that is there.
        state: File or object with saved counts of shards; ``auto`` is one beside ``out``.
        full: Count all shards, including those with saved counts.
        on_bad_shard: ``fail`` or ``skip``: shards that cannot be read, or hold invalid values.
        max_bad_shards: Fail if more shards than this are bad.
        shard_index: Which of ``shard_count`` jobs this is, from 0: it counts its part of the shards, and ``weigh``
            merges all.
        shard_count: Number of jobs that share the shards.
        formats: Files to write; all by default.
        layout: How labels are stored.
        labels: Label columns: names and globs; ``!`` excludes.
        unit: ``row`` or ``element``: what is counted in layout list.
        id: Row id column of layout long.
        value: Value column of layout long.
        delimiter: Separator of layout delimited.
        vocabulary: Label names in order.
        num_labels: Number of labels, C.
        ancestors: File of (child, parent) pairs: a row with a label has its ancestors too.
        num_rows: True number of rows, N, of layout long.
        ids_disjoint: No row id is in two shards, so counts of shards can be saved.
        label_kind: Whether integers are indices or names.
        order: ``given``, ``name``, ``number`` or ``frequency``: the order of labels.
        positive_values: Values of positive labels; 1 and true by default.
        negative_values: Values of negative labels; 0 and false by default.
        missing_values: Missing values, beside NULL and NaN.
        uncertain_values: Values of uncertain labels.
        uncertain_as: How those count: ``positive``, ``negative``, ``missing`` or ``uncertain``.
        threshold: Numbers at or above are positive, below negative.
        soft: Numbers from 0 to 1 count in part.
        null_as: ``missing``, ``negative`` or ``positive``: what NULL and NaN count as.
        trim: Ignore blanks around texts.
        ignore_case: Ignore the case of texts.
        missing_columns: ``error`` or ``missing``: label columns that some shards lack.
        where: SQL condition a row must meet.
        allow_empty: Accept a condition that no row meets, and rows of which none has a label.
        sample_weight: Column with one weight per row.
        by: Columns whose values split the counts.
        scheme: Schemes; the first is the primary vector.
        epsilon: ε of scheme ratio.
        power: Every weight to this power.
        clip: Smallest and largest weight.
        normalize: ``none``, ``mean``, ``sum`` or ``max``.
        zero_positives: Value of labels without positives.
        zero_negatives: Value of labels without negatives.
        min_positives: Fewer positives count as none.
        row_measures: ``auto``, ``on`` or ``off``: measures that need rows.
        num_features: Input features of the model, for TCS.
        batch_size: Rows of a batch, for the chance that one holds no positive.
        compat: ``mulan`` or ``mldr``: how labels without positives are read.
        against: Result that the report compares with.
        plan: ``NAME:key=value,…``: a sampling plan to write beside the weights; with ``dry_run`` several, to be
            compared.
        groups: Column whose rows of one value stay in one fold of ``stratified-split``.
        fold_column: Name of the folders of folds that ``materialize`` writes.
        seed: Seed of the random numbers of a plan.
        epoch: Epoch; each has random numbers of its own.
        materialize: Also write the sampled shards.
        dry_run: Show what a plan would do, and write nothing.
        engine: How rows are counted: ``auto``, ``encoded`` or ``plain``.
        trust_statistics: Trust statistics of constant chunks and pages instead of decoding them.
        memory_limit: Peak memory, such as ``512m``.
        threads: Threads that count.
        spill_dir: Folder for spill files.
        spill_limit: Most bytes of spill files, such as ``100g``.
        cluster: ``df://HOST:PORT``: the scheduler of the cluster that counts.
        token_file: File with the token of the cluster; without one, ``POSWEIGHT_CLUSTER_TOKEN`` may hold it.
        retries: Most retries of a failed request to a store; 10 by default.
        publish_on_check_failure: Publish a result that fails a check of severity error; the run still fails.
        summary_json: File for a short summary of the run, also of a failed one.
        metrics_textfile: File for metrics in the text format of Prometheus, written when the run succeeds.
        openlineage: ``file:PATH`` or ``http(s)://…``: where OpenLineage events go.
        skip_exit_code: Exit with this code, without a run, if nothing has changed since the last run.
        checks: Checks that a result must pass to be published.
        label: Labels whose values have a meaning of their own.
        progress: Show a bar of ``tqdm``.
    """
    keys = {name: value for name, value in locals().items() if name not in ("source", "progress")}
    return _compute(source, keys, progress)


def _compute(source: Any, keys: Mapping[str, Any], progress: bool) -> Result:
    with ExitStack() as stack:
        prepared, sources = _prepared(source, keys, stack)
        tell = stack.enter_context(telling(progress))
        return Result(_native.compute(prepared, sources.given, tell))


def _prepared(source: Any, keys: Mapping[str, Any], stack: ExitStack) -> tuple[str, Sources]:
    """The keys as JSON, and the sources."""
    keys = dict(keys)
    sources = Sources.of(source, keys.get("labels"), keys.get("layout"))
    if sources.may_name_labels and not any(keys.get(name) is not None for name in _VALUES):
        raise UsageError(
            "the lists hold whole numbers beside 0 and 1, and none twice: labels by their indices, or values",
            'if each list names the labels of its row, give layout="list"; if each column is a class, layout="class"; '
            "if they are values, say with positive_values or threshold what they mean",
        )
    for name, value in sources.keys.items():
        given = keys.get(name)
        if given is not None and name not in ("labels", "vocabulary") and given != value:
            way = f"drop {name}"
            if (name, given, value) == ("layout", "wide", "class"):
                way += ", or give y[:, None] in place of y: a matrix of one column of 0 and 1"
            if (name, given, value) == ("layout", "list", "wide"):
                way += "; if each row holds indices of its labels, give numpy.asarray(y).tolist() in place of y"
            raise UsageError(f"{name} is {given!r}, but the array has {name} {value!r}", way)
    keys.update(sources.keys)
    weight = keys.get("sample_weight")
    if not isinstance(weight, (str, NoneType)):
        raise UsageError(
            f"sample_weight is a {type(weight).__name__}, but the rows have their weights in a column",
            'give a table with the labels and a column "w" of weights, and sample_weight="w"',
        )
    if not isinstance(keys.get("labels"), (str, NoneType)):
        # Frames have columns whose names are numbers.
        keys["labels"] = named(keys["labels"])
    if sources.shards:
        keys["shards"] = sources.shards
    names = keys.get("vocabulary")
    if names is not None and not isinstance(names, (str, os.PathLike)):
        folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="posweight-"))
        place = Path(folder) / "labels.json"
        place.write_text(json.dumps(named(names)), encoding="utf-8")
        keys["vocabulary"] = place
    return _json(keys), sources


def _json(keys: Mapping[str, Any]) -> str:
    if isinstance(keys.get("row_measures"), bool):
        keys = {**keys, "row_measures": "on" if keys["row_measures"] else "off"}

    def plain(value: Any) -> Any:
        if isinstance(value, os.PathLike):
            return os.fspath(value)
        if hasattr(value, "tolist"):
            # Arrays and numbers of NumPy and of others.
            return value.tolist()
        if isinstance(value, (Sequence, Iterator, ValuesView, KeysView)):
            return list(value)
        raise TypeError

    def text(name: str, value: Any) -> str:
        try:
            return f"{json.dumps(name)}: {json.dumps(value, default=plain, allow_nan=False)}"
        except TypeError:
            raise UsageError(f"{name} is {value!r}", "give a text, a number, or a list or dict of these") from None
        except ValueError:
            raise UsageError(f"{name} is {value!r}, and not finite", "give finite numbers") from None

    return "{" + ", ".join(text(name, value) for name, value in keys.items() if value is not None) + "}"


def run(
    path: str | os.PathLike[str],
    values: Mapping[str, object] | None = None,
    *,
    progress: bool = False,
    **keys: Any,
) -> Result:
    """Run a pipeline file. ``values`` are those of its ``${NAME}``; ``keys`` replace keys of the file.

    Paths of the file start at its folder, those of ``keys`` at the current one.
    """
    given = [f"{name}={value}" for name, value in (values or {}).items()]
    with telling(progress) as tell:
        return Result(_native.run(os.fspath(path), given, _json(keys), tell))


def load(path: str | os.PathLike[str]) -> Result:
    """Read a result back from the folder it was saved in, or a ``counts.parquet``."""
    return Result(_native.open(os.fspath(path)))


def weigh(
    counts: Any = None,
    *,
    positives: Sequence[int] | None = None,
    negatives: Sequence[int] | None = None,
    missing: Sequence[int] | None = None,
    labels: Sequence[str] | None = None,
    **keys: Any,
) -> Result:
    """Weigh counts anew, without reading rows.

    ``counts`` are results, folders of results or ``counts.parquet`` files, which are merged; or give the counts of each label
    as arrays. ``keys`` are ``scheme``, ``clip``, ``power`` and the others that decide weights, and ``out``.

    >>> weigh(positives=[100, 50], negatives=[300, 350], labels=["cat", "dog"]).pos_weight
    array([3., 7.], dtype=float32)
    """
    if (counts is None) == (positives is None and negatives is None):
        raise UsageError("give counts files, or positives and negatives", "weigh(positives=[1], negatives=[3])")
    if counts is not None:
        if missing is not None or labels is not None:
            raise UsageError("labels and missing belong to positives and negatives", "drop them; files name their labels")
        with ExitStack() as stack:
            results = [counts] if isinstance(counts, (str, os.PathLike, Result)) else list(counts)
            if len({id(one) for one in results}) < len(results):
                raise UsageError("a result is given twice, so that its rows would count twice", "give each result once")
            paths = [_saved(one, at, stack) if isinstance(one, Result) else one for at, one in enumerate(results)]
            return Result(_native.weigh(_paths(paths), _json(keys)))
    if positives is None or negatives is None:
        raise UsageError("positives and negatives go together", "give both")
    left, right = _whole(positives, "positives"), _whole(negatives, "negatives")
    # Rows that are not known are missing, so that the counts of every label add up to the same number.
    known = [one + other for one, other in zip(left, right)]
    lost = _whole(missing, "missing") if missing is not None else [max(known, default=0) - one for one in known]
    if not len(left) == len(right) == len(lost):
        raise UsageError("positives, negatives and missing differ in length", "give one number per label in each")
    names = named(labels) if labels is not None else [str(at) for at in range(len(left))]
    tallies = list(zip(left, right, lost))
    return Result(_native.weigh_tallies(names, tallies, _json(keys)))


def _saved(result: Result, at: int, stack: ExitStack) -> Path:
    """The counts of a result as a folder, which lasts as long as the stack."""
    folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="posweight-"))
    return result.save(Path(folder) / f"result {at}", formats="json")


def _whole(numbers: Sequence[int], what: str) -> list[int]:
    """Counts: whole numbers that 64 bits hold."""
    if isinstance(numbers, str) or not hasattr(numbers, "__iter__"):
        raise UsageError(f"{what} is {numbers!r}", "give a list with one count for each label")
    found = []
    for given in numbers:
        try:
            number = int(given)
        except (TypeError, ValueError, OverflowError):
            number = -1
        if not 0 <= number < 1 << 64 or number != given:
            raise UsageError(f"{what}: {given!r} is not a count", "give whole numbers of at least 0")
        found.append(number)
    return found


def _paths(given: str | os.PathLike[str] | Sequence[str | os.PathLike[str]]) -> list[str]:
    if isinstance(given, (str, os.PathLike)):
        return [os.fspath(given)]
    return [os.fspath(one) for one in given]


def inspect(source: Any, **keys: Any) -> Inspected:
    """Look at shards: their columns, and the layout that is detected.

    Raises :class:`UsageError` with the candidates where the layout is in doubt.
    """
    from ._inspected import Inspected

    with ExitStack() as stack:
        prepared, sources = _prepared(source, keys, stack)
        return Inspected(json.loads(_native.inspect(prepared, sources.given)))


def sample(source: Any, plan: str, *, progress: bool = False, **keys: Any) -> Plan:
    """Plan how often each row is seen in an epoch, or in which fold it is.

    ``plan`` is ``repeat-factor``, ``ml-ros:percent=25``, ``stratified-split:train=0.8,test=0.2``, …; ``keys`` are ``labels``,
    ``seed``, ``epoch``, ``groups`` and the other arguments of :func:`compute`.
    """
    from ._plan import Plan

    result = _compute(source, {"row_measures": "off", **keys, "plan": plan}, progress)
    native = result._native.plan()
    if native is None:
        raise UsageError("no plan was made", "drop dry_run")
    return Plan(native, result, (source, plan, keys))


def sql(
    query: str,
    *,
    tables: Mapping[str, str | os.PathLike[str] | Sequence[str | os.PathLike[str]]] | None = None,
    runs: str | os.PathLike[str] | Sequence[str | os.PathLike[str]] | Mapping[str, str | os.PathLike[str]] = (),
    **keys: Any,
) -> Rows:
    """Run one SQL statement over shards and results; its rows in the Arrow format.

    ``tables`` are shards by the name of their table; statements may also name paths: ``FROM 'data/*.parquet'``. ``runs`` are
    folders of results. ``keys`` are ``memory_limit``, ``threads`` and ``spill_dir``.
    """
    named: list[str] = []
    for name, source in (tables or {}).items():
        named += [f"{name}={one}" for one in _paths(source)]
    if isinstance(runs, Mapping):
        folders = [f"{name}={os.fspath(folder)}" for name, folder in runs.items()]
    else:
        folders = _paths(runs)
    return Rows(_native.query(query, named, folders, _json(keys)))
