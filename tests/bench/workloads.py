"""Writes the shards of every workload: workloads.py FOLDER SCALE NAME

Frequencies of labels follow a power law, so that most labels are rare. The same name and scale always
give the same files; `struct_bool` has the labels of `wide_bool`, and `list_struct`, `map_f32` and `json_list` have those
of `list_i32`. Each file of `files_5000` holds the same rows.
"""

import pathlib
import sys

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

ROW_GROUP = 131_072
# The workload whose labels another one has.
ALIKE = {"struct_bool": "wide_bool", "list_struct": "list_i32", "map_f32": "list_i32", "json_list": "list_i32"}

# name: (shards, rows per shard at scale 1, labels, mean labels per row or None, codec)
WORKLOADS = {
    "wide_bool": (16, 250_000, 270, None, "zstd"),
    "wide_u8": (16, 250_000, 270, None, "snappy"),
    "fixed_f32": (16, 62_500, 270, None, "zstd"),
    "list_i32": (16, 500_000, 270, 5, "zstd"),
    "list_str": (16, 500_000, 30_000, 5, "zstd"),
    "xmc_i32": (16, 500_000, 2_000_000, 8, "zstd"),
    "long_str": (16, 500_000, 30_000, 5, "zstd"),
    # The same labels in other shapes.
    "struct_bool": (16, 250_000, 270, None, "zstd"),
    "list_struct": (16, 500_000, 270, 5, "zstd"),
    "map_f32": (16, 500_000, 270, 5, "zstd"),
    "json_list": (16, 500_000, 270, 5, "zstd"),
    "delimited": (8, 500_000, 270, 5, "zstd"),
    # A split and a weight beside the labels.
    "wide_split": (8, 250_000, 270, None, "zstd"),
    "list_split": (8, 500_000, 270, 5, "zstd"),
    # Probabilities.
    "scores_f32": (8, 50_000, 270, None, "zstd"),
    # Many files, many columns, long ids.
    "files_5000": (5_000, 400, 270, None, "snappy"),
    "columns_5000": (4, 25_000, 5_000, None, "zstd"),
    "long_ids": (8, 200_000, 30_000, 5, "zstd"),
}
# A workload without a seed of its own comes later in this order than those of the first edition.
SEEDS = ["fixed_f32", "list_i32", "list_str", "long_str", "wide_bool", "wide_u8", "xmc_i32"]


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


def splits(random, rows):
    """Four of five rows are of the training split."""
    part = np.searchsorted([0.8, 0.9], random.random(rows))
    return pa.array(np.array(["train", "val", "test"])[part]).dictionary_encode()


def generator(name, number):
    base = ALIKE.get(name, name)
    names = SEEDS + [later for later in WORKLOADS if later not in SEEDS]
    return np.random.default_rng([11, names.index(base), number])


def wide(random, name, rows, ids, labels):
    """One column per label."""
    matrix = dense(random, rows, labels)
    columns = {"example_id": ids, "score": random.random(rows, dtype=np.float32)}
    if name == "wide_split":
        columns["split"] = splits(random, rows)
        columns["w"] = random.integers(1, 5, rows) / 2
    whole = name in ("wide_u8", "files_5000")
    for label in range(labels):
        column = np.ascontiguousarray(matrix[:, label])
        columns[f"l{label:03d}"] = column if whole else column.astype(bool)
    if name == "struct_bool":
        fields = {label: pa.array(columns.pop(label)) for label in list(columns) if label[0] == "l"}
        columns["target"] = pa.StructArray.from_arrays(list(fields.values()), list(fields))
    return pa.table(columns)


def vectors(random, name, rows, ids, labels):
    """One list of fixed length per row."""
    values = dense(random, rows, labels).astype(np.float32) if name == "fixed_f32" else None
    if values is None:
        values = random.beta(0.2, 1.5, (rows, labels)).astype(np.float32)
    return pa.table({"example_id": ids, "y": pa.FixedSizeListArray.from_arrays(pa.array(values.ravel()), labels)})


def long(random, name, number, rows, labels, mean):
    """One pair of id and label per row. One pair in twenty is listed twice, and rows stand in no order."""
    row, label = sparse(random, rows, labels, mean)
    again = random.random(len(row)) < 0.05
    row, label = np.concatenate([row, row[again]]), np.concatenate([label, label[again]])
    order = random.permutation(len(row))
    ids = number * rows + row[order]
    if name == "long_ids":
        ids = pa.array([f"{i * 0x9E3779B97F4A7C15 & (1 << 128) - 1:032x}" for i in ids.tolist()])
    return pa.table({"example_id": ids, "label": texts(label[order], labels)})


def lists(random, name, rows, ids, labels, mean):
    """A list of labels per row, in one of its shapes."""
    row, label = sparse(random, rows, labels, mean)
    offsets = np.searchsorted(row, np.arange(rows + 1)).astype(np.int32)
    cut = lambda values: pa.ListArray.from_arrays(pa.array(offsets), values)
    columns = {"example_id": ids}
    if name == "list_struct":
        area = pa.array(random.random(len(label), dtype=np.float32))
        columns["objects"] = cut(pa.StructArray.from_arrays([pa.array(label.astype(np.int32)), area], ["category", "area"]))
    elif name == "map_f32":
        scores = pa.array(np.ones(len(label), dtype=np.float32))
        columns["scores"] = pa.MapArray.from_arrays(pa.array(offsets), texts(label, labels), scores)
    elif name == "json_list":
        quoted = pa.array([f'"label/{i:07d}"' for i in range(labels)]).take(pa.array(label))
        columns["labels"] = pc.binary_join_element_wise("[", pc.binary_join(cut(quoted), ", "), "]", "")
    elif name == "delimited":
        tags = pa.array([f"tag_{i}" for i in range(labels)]).take(pa.array(label))
        columns["labels"] = pc.binary_join(cut(tags), "|")
    else:
        columns["labels"] = cut(texts(label, labels) if name == "list_str" else pa.array(label.astype(np.int32)))
    if name == "list_split":
        columns["split"] = splits(random, rows)
    return pa.table(columns)


def shard(name, number, scale):
    _, full, labels, mean, _ = WORKLOADS[name]
    rows = max(1, int(full * scale))
    random = generator(name, number)
    ids = number * rows + np.arange(rows)
    if name.startswith("long"):
        return long(random, name, number, rows, labels, mean)
    if name in ("fixed_f32", "scores_f32"):
        return vectors(random, name, rows, ids, labels)
    if mean is None:
        return wide(random, name, rows, ids, labels)
    return lists(random, name, rows, ids, labels, mean)


def write(folder, scale, name):
    folder = pathlib.Path(folder) / name
    if (folder / "_SUCCESS").exists():
        return
    folder.mkdir(parents=True, exist_ok=True)
    shards, *_, codec = WORKLOADS[name]
    # Thousands of files hold the rows of the first.
    table = shard(name, 0, scale) if shards > 1_000 else None
    for number in range(shards):
        path = folder / f"part-{number:04d}.parquet"
        pq.write_table(table or shard(name, number, scale), path, compression=codec, row_group_size=ROW_GROUP)
    (folder / "_SUCCESS").touch()


if __name__ == "__main__":
    write(sys.argv[1], float(sys.argv[2]), sys.argv[3])
