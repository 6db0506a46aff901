#!/usr/bin/env python3
"""Times posweight on rows in memory beside the sums that the frame itself gives, with the memory that each adds.

    python tests/bench/frames.py [--rows 4000000] [--labels 270] [--runs 3] [KIND…]

KIND is one of table (pyarrow, bool), chunked (the same in 64 chunks), polars (bool), int8 (Polars), numpy (bool), pandas (bool)
and csr (SciPy). Needs the package posweight of a release build and the libraries of these kinds in the environment that runs it.
Each figure is that of a process of its own: the best of the runs within it, and how far the peak of its memory rises above what
the frame takes. The counts are checked against the sums.
"""

import argparse
import json
import subprocess
import sys
import time

KINDS = ["table", "chunked", "polars", "int8", "numpy", "pandas", "csr"]
WAYS = ["sums", "counts", "with row measures"]


def labels(count):
    return [f"l{at:03}" for at in range(count)]


def bits(rows, at):
    """Packed bits of a label, rarer from label to label."""
    import numpy as np

    random = np.random.default_rng(at)
    byte = np.full(rows // 8, 255, dtype=np.uint8)
    for _ in range(1 + at % 8):
        byte &= random.integers(0, 256, rows // 8, dtype=np.uint8)
    return byte


def table(rows, count):
    import pyarrow as pa

    columns = [pa.Array.from_buffers(pa.bool_(), rows, [None, pa.py_buffer(bits(rows, at))]) for at in range(count)]
    return pa.table(columns, names=labels(count))


def matrix(rows, count):
    import numpy as np

    y = np.empty((rows, count), dtype=bool)
    for at in range(count):
        y[:, at] = np.unpackbits(bits(rows, at), bitorder="little")
    return y


def frame(kind, rows, count):
    if kind == "table":
        return table(rows, count)
    if kind == "chunked":
        import pyarrow as pa

        whole = table(rows, count)
        return pa.Table.from_batches(whole.to_batches(max_chunksize=-(-rows // 64)))
    if kind in ("polars", "int8"):
        import polars

        made = polars.from_arrow(table(rows, count))
        return made.cast(polars.Int8) if kind == "int8" else made
    if kind == "numpy":
        return matrix(rows, count)
    if kind == "pandas":
        import pandas

        return pandas.DataFrame(matrix(rows, count), columns=labels(count), copy=False)
    import scipy.sparse

    return scipy.sparse.csr_array(matrix(rows, count))


def sums(kind, given):
    """As each library is used for it."""
    if kind in ("table", "chunked"):
        import pyarrow.compute

        return [pyarrow.compute.sum(column).as_py() for column in given.columns]
    if kind == "polars":
        import polars

        # Polars remembers how many bits of a column are set; those of a new column are counted.
        return list(given.select(~polars.all()).select(polars.all().len() - polars.all().sum()).row(0))
    if kind == "int8":
        import polars

        return list(given.select(polars.all().cast(polars.Int64).sum()).row(0))
    return given.sum(axis=0).tolist()


def peak():
    """Megabytes."""
    line = next(line for line in open("/proc/self/status") if line.startswith("VmHWM"))
    return int(line.split()[1]) / 1024


def measure(kind, way, rows, count, runs):
    import posweight

    given = frame(kind, rows, count)
    wanted = sums(kind, given) if way == "sums" else None
    # What the package itself takes is no part of it.
    posweight.compute([[1, 0], [0, 1]])
    named = {"labels": labels(count)} if kind in ("numpy", "csr") else {"labels": "l*"}
    with open("/proc/self/clear_refs", "w") as reset:
        reset.write("5")
    before, times, result = peak(), [], None
    for _ in range(runs):
        start = time.perf_counter()
        if way == "sums":
            found = sums(kind, given)
        else:
            result = posweight.compute(given, row_measures=way != "counts", **named)
            found = result.counts.positives.tolist()
        times.append(time.perf_counter() - start)
    rise = peak() - before
    wanted = wanted or sums(kind, given)
    if [int(one) for one in found] != [int(one) for one in wanted]:
        sys.exit(f"{kind}: the counts are not the sums")
    how = "" if result is None else result.run_results["counting"]["way"]["why"]
    timings = None if result is None else result.run_results.get("timings")
    print(json.dumps({"seconds": min(times), "megabytes": rise, "how": how, "timings": timings}))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=4_000_000)
    parser.add_argument("--labels", type=int, default=270)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--one", nargs=2, help=argparse.SUPPRESS)
    parser.add_argument("kinds", nargs="*", choices=[*KINDS, []], default=[])
    asked = parser.parse_args()
    if asked.one:
        return measure(*asked.one, asked.rows, asked.labels, asked.runs)
    print("| rows in memory | its own sums | posweight | of the sums | with row measures |")
    print("|---|--:|--:|--:|--:|")
    for kind in asked.kinds or KINDS:
        found = []
        for way in WAYS:
            size = ["--rows", str(asked.rows), "--labels", str(asked.labels), "--runs", str(asked.runs)]
            done = subprocess.run([sys.executable, __file__, *size, "--one", kind, way], stdout=subprocess.PIPE, text=True)
            if done.returncode:
                return 1
            found.append(json.loads(done.stdout))
        own, counts, rows = found
        shown = [f"{one['seconds']:.3f} s, {one['megabytes']:.0f} MB" for one in found]
        print(f"| {kind} | {shown[0]} | {shown[1]} | {counts['seconds'] / own['seconds']:.2f} × | {shown[2]} |", flush=True)
        print(json.dumps({kind: [counts, rows]}), file=sys.stderr)
    return 0


if __name__ == "__main__":
    sys.exit(main())
