"""What one would write without posweight: peer.py TOOL CASE FOLDER

Prints rows and a checksum of the figures per label. One process per run, two threads. Queries follow the advice of
each tool's documentation: columns are chosen before rows are read, conditions reach the Parquet reader, Polars
runs its streaming engine, and of several ways to say the same the fastest here was kept.
"""

import collections
import hashlib
import os
import pathlib
import sys

import cases

THREADS = 2


def duckdb_counts(case, files):
    import duckdb

    connection = duckdb.connect(config={"threads": THREADS, "preserve_insertion_order": False})
    ask = lambda sql: connection.execute(sql).fetchall()
    source = f"read_parquet({files!r})"
    where = " where split = 'train'" if case.question == "where" else ""
    if case.workload == "long_str" or case.workload == "long_ids":
        rows = ask(f"select count(distinct example_id) from {source}")[0][0]
        pairs = f"select distinct example_id, label from {source}"
        return rows, dict(ask(f"select label, count(*) from ({pairs}) group by label"))
    if columns := wide_labels(case, files):
        cell = {"struct_bool": 'target."{}"'}.get(case.workload, '"{}"').format
        figure = "sum(w) filter ({})" if case.question == "weight" else "sum({}::int)"
        sums = ", ".join(figure.format(cell(column)) for column in columns)
        names = label_names(case, columns)
        if case.question == "by":
            return grouped(names, ask(f"select split, count(*), {sums} from {source} group by split"))
        rows, *positives = ask(f"select count(*), {sums} from {source}{where}")[0]
        return rows, dict(zip(names, positives))
    rows = ask(f"select count(*) from {source}{where}")[0][0]
    if case.workload in ("fixed_f32", "scores_f32"):
        figure = {"threshold": "count(*) filter (v >= 0.5)", "soft": "sum(v::double)"}.get(case.question, "sum(v)")
        cells = f"select unnest(y) as v, generate_subscripts(y, 1) as i from {source}"
        return rows, {i - 1: n for i, n in ask(f"select i, {figure} from ({cells}) group by i")}
    label = {
        "list_struct": "unnest(objects).category",
        "map_f32": "unnest(map_keys(scores))",
        "json_list": "unnest(from_json(labels, '[\"varchar\"]'))",
        "delimited": "unnest(string_split(labels, '|'))",
    }.get(case.workload, "unnest(labels)")
    if case.question == "by":
        counted = ask(f"select split, l, count(*) from (select split, {label} as l from {source}) group by all")
        return rows, {f"{split}/{name}": n for split, name, n in counted}
    counted = ask(f"select l, count(*) from (select {label} as l from {source}{where}) group by l")
    return rows, {name: n for name, n in counted if name != ""}


def polars_counts(case, files):
    os.environ["POLARS_MAX_THREADS"] = str(THREADS)
    import polars as pl

    frame = pl.scan_parquet(files)
    if case.question == "where":
        frame = frame.filter(pl.col("split") == "train")
    collect = lambda query: query.collect(engine="streaming")
    if case.workload == "long_str" or case.workload == "long_ids":
        rows = collect(frame.select(pl.col("example_id").n_unique())).item()
        counted = collect(frame.select("example_id", "label").unique().group_by("label").len())
        return rows, dict(counted.iter_rows())
    if columns := wide_labels(case, files):
        cell = pl.col("target").struct.field if case.workload == "struct_bool" else pl.col
        names = label_names(case, columns)
        if case.question == "weight":
            sums = [(cell(column).cast(pl.Float64) * pl.col("w")).sum().alias(column) for column in columns]
        else:
            sums = [cell(column).cast(pl.Int64).sum().alias(column) for column in columns]
        if case.question == "by":
            return grouped(names, collect(frame.group_by("split").agg(pl.len(), *sums)).rows())
        row = collect(frame.select(pl.len(), *sums)).row(0)
        return row[0], dict(zip(names, row[1:]))
    rows = collect(frame.select(pl.len())).item()
    if case.workload in ("fixed_f32", "scores_f32"):
        value = lambda i: pl.col("y").arr.get(i)
        figure = {"threshold": lambda i: value(i) >= 0.5, "soft": lambda i: value(i).cast(pl.Float64)}.get(
            case.question, value
        )
        row = collect(frame.select(figure(i).sum().alias(str(i)) for i in range(270))).row(0)
        return rows, dict(enumerate(row))
    labels = {
        "list_struct": lambda: pl.col("objects").explode().struct.field("category"),
        "map_f32": lambda: pl.col("scores").map.keys().explode(),
        "json_list": lambda: pl.col("labels").str.json_decode(pl.List(pl.String)).explode(),
        "delimited": lambda: pl.col("labels").str.split("|").explode(),
    }.get(case.workload, lambda: pl.col("labels").explode())().alias("labels")
    if case.question == "by":
        cells = frame.select("split", "labels").explode("labels").drop_nulls("labels")
        counted = collect(cells.group_by("split", "labels").len())
        return rows, {f"{split}/{name}": n for split, name, n in counted.iter_rows()}
    counted = collect(frame.select(labels).drop_nulls().group_by("labels").len())
    return rows, {name: n for name, n in counted.iter_rows() if name != ""}


def pyarrow_counts(case, files):
    import pyarrow as pa
    import pyarrow.compute as pc
    import pyarrow.parquet as pq

    pa.set_cpu_count(THREADS)
    rows, positives = 0, collections.Counter()
    if case.workload == "long_str" or case.workload == "long_ids":
        table = pq.read_table(files, columns=["example_id", "label"])
        pairs = table.group_by(["example_id", "label"]).aggregate([])
        counted = pairs.group_by("label").aggregate([([], "count_all")])
        rows = pc.count_distinct(table["example_id"]).as_py()
        return rows, dict(zip(counted["label"].to_pylist(), counted["count_all"].to_pylist()))
    tally = lambda values: positives.update(
        {label: n for label, n in zip(*(part.to_pylist() for part in pc.value_counts(values).flatten()))}
    )
    labels = wide_labels(case, files)
    for file in files:
        if case.workload == "struct_bool":
            table = pq.read_table(file, columns=["target"])
            fields = table["target"].combine_chunks()
            positives.update({f"target.{name}": pc.sum(pc.struct_field(fields, name)).as_py() for name in labels})
        elif labels:
            table = pq.read_table(file, columns=labels)
            positives.update({name: pc.sum(table[name]).as_py() for name in table.column_names})
        elif case.workload == "fixed_f32":
            table = pq.read_table(file, columns=["y"])
            matrix = table["y"].combine_chunks().flatten().to_numpy().reshape(-1, 270)
            positives.update({i: int(n) for i, n in enumerate(matrix.sum(axis=0, dtype="f8"))})
        else:
            table = pq.read_table(file, columns=[case.columns])
            cells = table.column(0)
            if case.workload == "json_list":
                import json

                positives.update(label for cell in cells.to_pylist() for label in json.loads(cell))
            elif case.workload == "delimited":
                names = pc.list_flatten(pc.split_pattern(cells, "|"))
                tally(names.filter(pc.not_equal(names, "")))
            elif case.workload == "list_struct":
                tally(pc.struct_field(cells.combine_chunks().flatten(), "category"))
            elif case.workload == "map_f32":
                tally(cells.combine_chunks().keys)
            else:
                tally(pc.list_flatten(cells))
        rows += table.num_rows
    return rows, positives


def wide_labels(case, files):
    """Columns of labels, or fields of `target`; nothing where labels are in cells."""
    import pyarrow.parquet as pq

    schema = pq.read_schema(files[0])
    if case.workload == "struct_bool":
        return [field.name for field in schema.field("target").type]
    return [name for name in schema.names if name[0] == "l" and name[1:].isdigit()]


def label_names(case, columns):
    return [f"target.{column}" if case.workload == "struct_bool" else column for column in columns]


def grouped(names, rows):
    """Rows of `group, count, sums…` as one figure per group and label."""
    figures = {f"{row[0]}/{name}": n for row in rows for name, n in zip(names, row[2:])}
    return sum(row[1] for row in rows), figures


def checksum(figures, inexact=False):
    """A hash of all figures but zeros; sums of doubles by nine digits."""
    text = (lambda n: f"{n:.9g}") if inexact else (lambda n: str(int(n)))
    lines = sorted(f"{label}={text(n)}" for label, n in figures.items() if n)
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()[:12]


if __name__ == "__main__":
    tool, name, folder = sys.argv[1:]
    case = cases.CASES[name]
    shards = sorted(str(path) for path in pathlib.Path(folder, case.workload).glob("*.parquet"))
    found_rows, found = globals()[f"{tool}_counts"](case, shards)
    print(found_rows, checksum(found, case.inexact))
