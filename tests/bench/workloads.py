"""Writes the shards of every workload: workloads.py FOLDER SCALE NAME

Frequencies of labels follow a power law, so that most labels are rare. The same name and scale always
give the same files; `struct_bool` has the labels of `wide_bool`, and `list_struct`, `map_f32` and `json_list` have those
of `list_i32`.
"""

import pathlib
import sys

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

SHARDS = 16
ROW_GROUP = 131_072
# The workload whose labels another one has.
ALIKE = {"struct_bool": "wide_bool", "list_struct": "list_i32", "map_f32": "list_i32", "json_list": "list_i32"}

# name: (rows per shard at scale 1, labels, mean labels per row or None, codec)
WORKLOADS = {
    "wide_bool": (250_000, 270, None, "zstd"),
    "wide_u8": (250_000, 270, None, "snappy"),
    "fixed_f32": (62_500, 270, None, "zstd"),
    "list_i32": (500_000, 270, 5, "zstd"),
    "list_str": (500_000, 30_000, 5, "zstd"),
    "xmc_i32": (500_000, 2_000_000, 8, "zstd"),
    "long_str": (500_000, 30_000, 5, "zstd"),
    # The same labels in other shapes.
    "struct_bool": (250_000, 270, None, "zstd"),
    "list_struct": (500_000, 270, 5, "zstd"),
    "map_f32": (500_000, 270, 5, "zstd"),
    "json_list": (500_000, 270, 5, "zstd"),
}


def dense(random, rows, labels):
    """A 0/1 matrix; label i is positive with probability 0.35 / (i + 1)^1.2."""
    chance = np.maximum(0.35 * (1.0 + np.arange(labels)) ** -1.2, 2e-6).astype(np.float32)
    matrix = np.empty((rows, labels), dtype=np.uint8)
    for label in range(labels):
        np.less(random.random(rows, dtype=np.float32), chance[label], out=matrix[:, label], casting="unsafe")
    return matrix


def sparse(random, rows, labels, mean):
    """Row and label of every positive, each pair once, sorted by row."""
    weight = np.maximum(0.35 * (1.0 + np.arange(labels)) ** -1.05, 2e-6)
    edges = np.cumsum(weight)
    row = np.repeat(np.arange(rows, dtype=np.int64), random.poisson(mean, rows))
    label = np.searchsorted(edges, random.random(len(row)) * edges[-1]).clip(0, labels - 1)
    return np.divmod(np.unique(row * labels + label), labels)


def texts(labels, count):
    names = pa.array([f"label/{i:07d}" for i in range(count)])
    return names.take(pa.array(labels))


def shard(name, number, scale):
    full, labels, mean, _ = WORKLOADS[name]
    rows = max(1, int(full * scale))
    names = sorted(set(WORKLOADS) - set(ALIKE))
    random = np.random.default_rng([11, names.index(ALIKE.get(name, name)), number])
    ids = number * rows + np.arange(rows)
    if mean is None:
        matrix = dense(random, rows, labels)
        if name == "fixed_f32":
            values = pa.array(matrix.astype(np.float32).ravel())
            return pa.table({"example_id": ids, "y": pa.FixedSizeListArray.from_arrays(values, labels)})
        columns = {"example_id": ids, "score": random.random(rows, dtype=np.float32)}
        for label in range(labels):
            column = np.ascontiguousarray(matrix[:, label])
            columns[f"l{label:03d}"] = column if name == "wide_u8" else column.astype(bool)
        if name == "struct_bool":
            fields = {label: pa.array(columns.pop(label)) for label in list(columns) if label[0] == "l"}
            columns["target"] = pa.StructArray.from_arrays(list(fields.values()), list(fields))
        return pa.table(columns)
    row, label = sparse(random, rows, labels, mean)
    if name == "long_str":
        # One pair in twenty is listed twice, and rows stand in no order.
        again = random.random(len(row)) < 0.05
        row, label = np.concatenate([row, row[again]]), np.concatenate([label, label[again]])
        order = random.permutation(len(row))
        return pa.table({"example_id": number * rows + row[order], "label": texts(label[order], labels)})
    offsets = np.searchsorted(row, np.arange(rows + 1)).astype(np.int32)
    if name == "list_struct":
        area = pa.array(random.random(len(label), dtype=np.float32))
        objects = pa.StructArray.from_arrays([pa.array(label.astype(np.int32)), area], ["category", "area"])
        return pa.table({"example_id": ids, "objects": pa.ListArray.from_arrays(pa.array(offsets), objects)})
    if name == "map_f32":
        scores = pa.array(np.ones(len(label), dtype=np.float32))
        maps = pa.MapArray.from_arrays(pa.array(offsets), texts(label, labels), scores)
        return pa.table({"example_id": ids, "scores": maps})
    if name == "json_list":
        quoted = pa.array([f'"label/{i:07d}"' for i in range(labels)]).take(pa.array(label))
        joined = pc.binary_join(pa.ListArray.from_arrays(pa.array(offsets), quoted), ", ")
        cells = pc.binary_join_element_wise("[", joined, "]", "")
        return pa.table({"example_id": ids, "labels": cells})
    values = texts(label, labels) if name == "list_str" else pa.array(label.astype(np.int32))
    return pa.table({"example_id": ids, "labels": pa.ListArray.from_arrays(pa.array(offsets), values)})


def write(folder, scale, name):
    folder = pathlib.Path(folder) / name
    if (folder / "_SUCCESS").exists():
        return
    folder.mkdir(parents=True, exist_ok=True)
    for number in range(SHARDS):
        table = shard(name, number, scale)
        path = folder / f"part-{number:03d}.parquet"
        pq.write_table(table, path, compression=WORKLOADS[name][3], row_group_size=ROW_GROUP)
    (folder / "_SUCCESS").touch()


if __name__ == "__main__":
    write(sys.argv[1], float(sys.argv[2]), sys.argv[3])
