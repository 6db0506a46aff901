"""What one would write without posweight: peer.py TOOL WORKLOAD FOLDER

Prints rows and a checksum of the positives per label. One process per run, two threads.
"""

import collections
import hashlib
import os
import pathlib
import sys

THREADS = 2


def duckdb_counts(workload, files):
    import duckdb

    connection = duckdb.connect(config={"threads": THREADS})
    source = f"read_parquet({files!r})"
    ask = lambda sql: connection.execute(sql).fetchall()
    if workload == "struct_bool":
        labels = struct_labels(files)
        sums = ", ".join(f'sum(target."{label}"::int)' for label in labels)
        rows, *positives = ask(f"select count(*), {sums} from {source}")[0]
        return rows, {f"target.{label}": n for label, n in zip(labels, positives)}
    if workload.startswith("wide"):
        labels = wide_labels(files)
        sums = ", ".join(f'sum("{label}"::int)' for label in labels)
        rows, *positives = ask(f"select count(*), {sums} from {source}")[0]
        return rows, dict(zip(labels, positives))
    if workload == "long_str":
        rows = ask(f"select count(distinct example_id) from {source}")[0][0]
        pairs = f"select distinct example_id, label from {source}"
        return rows, dict(ask(f"select label, count(*) from ({pairs}) group by label"))
    rows = ask(f"select count(*) from {source}")[0][0]
    if workload == "fixed_f32":
        cells = f"select unnest(y) as v, generate_subscripts(y, 1) as i from {source}"
        return rows, {i - 1: int(n) for i, n in ask(f"select i, sum(v) from ({cells}) group by i")}
    values = {
        "list_struct": f"select unnest(objects).category as l from {source}",
        "map_f32": f"select unnest(map_keys(scores)) as l from {source}",
        "json_list": f"select unnest(from_json(labels, '[\"varchar\"]')) as l from {source}",
    }.get(workload, f"select unnest(labels) as l from {source}")
    return rows, dict(ask(f"select l, count(*) from ({values}) group by l"))


def polars_counts(workload, files):
    os.environ["POLARS_MAX_THREADS"] = str(THREADS)
    import polars as pl

    frame = pl.scan_parquet(files)
    collect = lambda query: query.collect(engine="streaming")
    if workload == "struct_bool":
        labels = struct_labels(files)
        cells = (pl.col("target").struct.field(label).cast(pl.Int64).sum() for label in labels)
        row = collect(frame.select(pl.len(), *cells)).row(0)
        return row[0], {f"target.{label}": n for label, n in zip(labels, row[1:])}
    if workload.startswith("wide"):
        labels = wide_labels(files)
        row = collect(frame.select(pl.len(), *(pl.col(label).cast(pl.Int64).sum() for label in labels))).row(0)
        return row[0], dict(zip(labels, row[1:]))
    if workload == "long_str":
        rows = collect(frame.select(pl.col("example_id").n_unique())).item()
        counted = collect(frame.select("example_id", "label").unique().group_by("label").len())
        return rows, dict(counted.iter_rows())
    rows = collect(frame.select(pl.len())).item()
    if workload == "fixed_f32":
        row = collect(frame.select(pl.col("y").arr.get(i).sum().alias(str(i)) for i in range(270))).row(0)
        return rows, {i: int(n) for i, n in enumerate(row)}
    labels = {
        "list_struct": lambda: pl.col("objects").explode().struct.field("category"),
        "map_f32": lambda: pl.col("scores").map.keys().explode(),
        "json_list": lambda: pl.col("labels").str.json_decode(pl.List(pl.String)).explode(),
    }.get(workload, lambda: pl.col("labels").explode())().alias("labels")
    counted = collect(frame.select(labels).drop_nulls().group_by("labels").len())
    return rows, dict(counted.iter_rows())


def pyarrow_counts(workload, files):
    import pyarrow as pa
    import pyarrow.compute as pc
    import pyarrow.parquet as pq

    pa.set_cpu_count(THREADS)
    rows, positives = 0, collections.Counter()
    if workload == "long_str":
        table = pq.read_table(files, columns=["example_id", "label"])
        pairs = table.group_by(["example_id", "label"]).aggregate([])
        counted = pairs.group_by("label").aggregate([([], "count_all")])
        rows = pc.count_distinct(table["example_id"]).as_py()
        return rows, dict(zip(counted["label"].to_pylist(), counted["count_all"].to_pylist()))
    for file in files:
        if workload == "struct_bool":
            table = pq.read_table(file, columns=["target"])
            fields = table["target"].combine_chunks()
            names = [field.name for field in fields.type]
            positives.update({f"target.{name}": pc.sum(pc.struct_field(fields, name)).as_py() for name in names})
        elif workload == "json_list":
            import json

            table = pq.read_table(file, columns=["labels"])
            positives.update(label for cell in table["labels"].to_pylist() for label in json.loads(cell))
        elif workload in ("list_struct", "map_f32"):
            table = pq.read_table(file, columns=["objects" if workload == "list_struct" else "scores"])
            lists = table.column(0).combine_chunks()
            labels = pc.struct_field(lists.flatten(), "category") if workload == "list_struct" else lists.keys
            counted = pc.value_counts(labels)
            positives.update(dict(zip(counted.field(0).to_pylist(), counted.field(1).to_pylist())))
        elif workload.startswith("wide"):
            table = pq.read_table(file, columns=wide_labels(files))
            positives.update({name: pc.sum(table[name]).as_py() for name in table.column_names})
        elif workload == "fixed_f32":
            table = pq.read_table(file, columns=["y"])
            matrix = table["y"].combine_chunks().flatten().to_numpy().reshape(-1, 270)
            positives.update({i: int(n) for i, n in enumerate(matrix.sum(axis=0, dtype="f8"))})
        else:
            table = pq.read_table(file, columns=["labels"])
            counted = pc.value_counts(pc.list_flatten(table["labels"]))
            positives.update(dict(zip(counted.field(0).to_pylist(), counted.field(1).to_pylist())))
        rows += table.num_rows
    return rows, positives


def wide_labels(files):
    import pyarrow.parquet as pq

    return [name for name in pq.read_schema(files[0]).names if name[0] == "l"]


def struct_labels(files):
    import pyarrow.parquet as pq

    return [field.name for field in pq.read_schema(files[0]).field("target").type]


def checksum(positives):
    lines = sorted(f"{label}={int(n)}" for label, n in positives.items() if n)
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()[:12]


if __name__ == "__main__":
    tool, workload, folder = sys.argv[1:]
    shards = sorted(str(path) for path in pathlib.Path(folder, workload).glob("*.parquet"))
    found_rows, found = globals()[f"{tool}_counts"](workload, shards)
    print(found_rows, checksum(found))
