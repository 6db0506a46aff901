#!/usr/bin/env python3
"""Asks posweight and DuckDB random queries over one random table, and compares their answers.

    nice python3 tests/bench/random_sql.py [--minutes N] [--seed S] [--binary target/debug/posweight] [--folder DIR]
    python3 tests/bench/random_sql.py --seed S --query K        # one query again, with both answers

Needs NumPy, PyArrow and DuckDB. Everything follows from the seed and the number of the query. The table has columns of all types
that shards have, with NULL, NaN, infinite values, both zeros and the ends of all integers, in shards of small row groups,
with and without the schema of Arrow. Many statements run in one process, which writes each answer as a Parquet file, so
that values are compared as they are: all of them exactly, except for what random_sql_queries.py gives a reason for. A
finding prints the line that repeats it. The end prints what either engine refused; the exit code is 1 if there was a
finding. A crash of posweight is one, a refusal is not.
"""

import argparse
import collections
import datetime
import decimal
import math
import pathlib
import random
import re
import shutil
import subprocess
import sys
import tempfile
import time

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))

from random_sql_queries import WORDS, Queries

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
decimal.getcontext().prec = 80
SHARDS, ROWS, BATCH = 3, 300, 40
# Sums of floats in DuckDB are rounded at every step.
NEAR = {"rel_tol": 1e-9, "abs_tol": 1e-4}


def table(chance, first, rows):
    def column(make, kind, nulls=0.12):
        return pa.array([None if chance.random() < nulls else make() for _ in range(rows)], type=kind)

    def whole(low, high):
        edges = [low, low + 1, high, high - 1, 0, 1]
        usual = (max(low, -20), min(high, 20))
        return lambda: chance.choice(edges) if chance.random() < 0.08 else chance.randint(*usual)

    def number(digits, scale, usual):
        top = 10**digits - 1
        return lambda: decimal.Decimal(chance.choice([top, -top, 0, 1]) if chance.random() < 0.04 else chance.randint(-usual, usual)).scaleb(-scale)

    def float_of(largest):
        odd = [math.nan, -math.nan, math.inf, -math.inf, 0.0, -0.0, largest, -largest]
        return lambda: chance.choice(odd) if chance.random() < 0.15 else round(chance.gauss(0, 3), 1)

    def moment(ticks):
        step = max(ticks // 4, 1)
        return lambda: chance.randint(-40 * 86400, 40 * 86400) * ticks + chance.choice([0, 0, step, 2 * step, 1 if ticks > 1 else 0])

    words = [word.replace("''", "'") for word in WORDS]
    columns = {"id": pa.array(range(first, first + rows), pa.int64())}
    for bits in (8, 16, 32, 64):
        columns[f"i{bits}"] = column(whole(-(2 ** (bits - 1)), 2 ** (bits - 1) - 1), f"int{bits}")
        columns[f"u{bits}"] = column(whole(0, 2**bits - 1), f"uint{bits}")
    columns["f16"] = pa.array(halves(chance, rows), pa.float16())
    columns["f32"] = column(float_of(3.4e38), pa.float32())
    columns["f64"] = column(float_of(1.7e308), pa.float64())
    columns["g64"] = column(lambda: round(chance.gauss(0, 5), 2), pa.float64())
    for name, digits, scale, usual in (("d9_2", 9, 2, 500), ("d18_4", 18, 4, 50000), ("d38_10", 38, 10, 10**12), ("d38_0", 38, 0, 1000)):
        columns[name] = column(number(digits, scale, usual), pa.decimal128(digits, scale))
    columns["s"] = column(lambda: chance.choice(words), pa.string())
    columns["sd"] = column(lambda: chance.choice(words), pa.string()).dictionary_encode()
    columns["sl"] = column(lambda: chance.choice(words), pa.large_string())
    columns["dt"] = column(lambda: datetime.date(1969, 12, 1) + datetime.timedelta(chance.randint(0, 60)), pa.date32())
    columns["tm_ms"] = column(lambda: chance.randint(0, 86399) * 1000 + chance.choice([0, 500]), pa.time32("ms"))
    columns["tm_us"] = column(lambda: chance.randint(0, 86399) * 10**6 + chance.choice([0, 1]), pa.time64("us"))
    for unit, ticks in (("s", 1), ("ms", 10**3), ("us", 10**6), ("ns", 10**9)):
        columns[f"ts_{unit}"] = column(moment(ticks), pa.timestamp(unit))
    columns["tz_us"] = column(moment(10**6), pa.timestamp("us", tz="UTC"))
    columns["tz_ms"] = column(moment(10**3), pa.timestamp("ms", tz="UTC"))
    columns["b"] = column(lambda: chance.random() < 0.4, pa.bool_(), 0.2)
    columns["bin"] = column(lambda: bytes(chance.randint(0, 2) for _ in range(chance.randint(0, 2))), pa.binary())
    columns["li"] = column(lambda: [chance.choice([None, 1, 2]) for _ in range(chance.randint(0, 2))], pa.list_(pa.int32()))
    columns["lt"] = column(lambda: [chance.choice(words[:4]) for _ in range(chance.randint(0, 2))], pa.list_(pa.string()))
    return pa.table(columns)


def halves(chance, rows):
    odd = [math.nan, math.inf, -math.inf, 0.0, -0.0, 65504.0]
    return [None if chance.random() < 0.12 else np.float16(chance.choice(odd) if chance.random() < 0.1 else round(chance.gauss(0, 3) * 4) / 4) for _ in range(rows)]


def cells(table):
    """The rows of a table, in values that are equal in both engines where they mean the same."""
    columns = []
    for column in table.columns:
        kind = column.type
        if pa.types.is_dictionary(kind):
            column, kind = column.cast(kind.value_type), kind.value_type
        if pa.types.is_timestamp(kind) or pa.types.is_time(kind):
            ticks = {"s": 10**9, "ms": 10**6, "us": 1000, "ns": 1}[kind.unit]
            whole = pa.int32() if kind.bit_width == 32 else pa.int64()
            columns.append([None if value is None else value * ticks for value in column.cast(whole).to_pylist()])
        else:
            columns.append([plain(value) for value in column.to_pylist()])
    return list(zip(*columns)) if columns else []


def plain(value):
    if isinstance(value, list):
        return tuple(plain(item) for item in value)
    if isinstance(value, bool) or value is None:
        return value
    if hasattr(value, "dtype"):
        value = float(value)
    if isinstance(value, float):
        if math.isnan(value):
            return "NaN"
        return int(value) if value.is_integer() else value
    if isinstance(value, decimal.Decimal):
        return int(value) if value == value.to_integral_value() else value.normalize()
    return value


def alike(ours, theirs, near):
    if not near or ours is None or theirs is None or "NaN" in (ours, theirs):
        return ours == theirs
    ours, theirs = float(ours), float(theirs)
    # What overflows at a step in DuckDB, or is the difference of infinite sums, is NaN or infinite there.
    return ours == theirs or math.isclose(ours, theirs, **NEAR)


def difference(ours, theirs, names, near):
    """What differs between two answers, in any order of rows."""
    if len(ours) != len(theirs):
        return f"{len(ours)} rows, not {len(theirs)}"
    loose = [i for i, name in enumerate(names) if name in near]
    strict = [i for i in range(len(names)) if i not in loose]

    def key(row):
        return [repr(row[i]) for i in strict] + [repr(row[i]) for i in loose]

    for mine, other in zip(sorted(ours, key=key), sorted(theirs, key=key)):
        for i, (a, b) in enumerate(zip(mine, other)):
            if not alike(a, b, i in loose):
                return f"{names[i]} is {a!r}, not {b!r}, in the row {mine!r}"
    return None


class Run:
    def __init__(self, arguments):
        self.binary, self.seed = arguments.binary.resolve(), arguments.seed
        self.folder = arguments.folder.resolve() / f"seed{self.seed}"
        shutil.rmtree(self.folder, ignore_errors=True)
        (self.folder / "t").mkdir(parents=True)
        (self.folder / "out").mkdir()
        chance = random.Random(f"table {self.seed}")
        for shard in range(SHARDS):
            part = table(chance, shard * ROWS, ROWS)
            if shard == 1:
                part = part.sort_by([("i32", "ascending")])
            # Without the schema of Arrow, a type must be one that Parquet has.
            pq.write_table(part, self.folder / "t" / f"{shard}.parquet", row_group_size=[ROWS, 64, 101][shard],
                           store_schema=self.seed % 2 == 0, version="2.6", write_page_index=shard != 2)
        self.duck = duckdb.connect()
        self.duck.execute("SET threads = 1; SET TimeZone = 'UTC'")
        self.duck.execute(f"CREATE TABLE t AS SELECT * FROM read_parquet('{self.folder}/t/*.parquet')")
        self.refused = collections.Counter()

    def query(self, number):
        return Queries(random.Random(f"{self.seed} {number}")).query()

    def theirs(self, sql):
        try:
            return self.duck.sql(sql).to_arrow_table(), None
        except Exception as error:
            return None, str(error).split("\n")[0]

    def ask(self, queries):
        """The answers of posweight by number, and what it said instead of one."""
        answers, left = {}, dict(queries)
        while left:
            script = "".join(f"COPY ({sql}) TO '{self.folder}/out/{number}.parquet';\n" for number, sql in left.items())
            command = [str(self.binary), "sql", "--allow-write", "--format", "ndjson", "--threads", "2", "--table", f"t={self.folder}/t/"]
            ended = subprocess.run(command, input=script, capture_output=True, text=True, timeout=600, check=False)
            # Each statement that ends well says how many rows it wrote.
            for number in list(left)[: ended.stdout.count('{"count":')]:
                answers[number] = (pq.read_table(self.folder / "out" / f"{number}.parquet"), None)
                del left[number]
            if left:
                number = next(iter(left))
                answers[number] = (None, (ended.returncode, ended.stderr.strip()))
                del left[number]
            for path in (self.folder / "out").iterdir():
                path.unlink()
        return answers

    def check(self, numbers):
        """What was found, by the number of the query."""
        asked = {number: self.query(number) for number in numbers}
        answers = self.ask({number: sql for number, (_, (sql, _, _)) in asked.items()})
        for number, (kind, (sql, their_sql, near)) in asked.items():
            ours, refusal = answers[number]
            theirs, their_refusal = self.theirs(their_sql)
            found = None
            if refusal and refusal[0] not in (2, 4):
                found = f"exit code {refusal[0]}: {refusal[1]}"
            elif refusal and not their_refusal:
                self.refused["posweight: " + re.sub(r"[-\d.]+", "#", refusal[1].split("\n")[0])[:160]] += 1
                found = None
            elif their_refusal:
                self.refused["DuckDB" + (" and posweight" if refusal else "") + ": " + re.sub(r"[-\d.]+", "#", their_refusal)[:100]] += 1
            else:
                found = difference(cells(ours), cells(theirs), ours.column_names, near)
            yield number, kind, sql, their_sql, found


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=1.0)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--query", type=int, help="ask this query alone")
    parser.add_argument("--binary", type=pathlib.Path, default=ROOT / "target" / "debug" / "posweight")
    parser.add_argument("--folder", type=pathlib.Path, default=pathlib.Path(tempfile.gettempdir()) / "posweight-sql")
    arguments = parser.parse_args()
    run = Run(arguments)
    if arguments.query is not None:
        for _, kind, sql, their_sql, found in run.check([arguments.query]):
            print(f"{kind}\nposweight: {sql}\nDuckDB: {their_sql}\n{found or 'nothing found'}; table t in {run.folder}/t")
            print(*run.refused, sep="\n")
            sys.exit(1 if found else 0)
    end, number, findings, kinds = time.monotonic() + arguments.minutes * 60, 0, 0, collections.Counter()
    while time.monotonic() < end:
        for at, kind, sql, _, found in run.check(range(number, number + BATCH)):
            kinds[kind] += 1
            if found:
                findings += 1
                print(f"{found}\n  {sql}\n  python3 tests/bench/random_sql.py --seed {run.seed} --query {at}", flush=True)
        number += BATCH
    print(", ".join(f"{count} {kind}" for kind, count in sorted(kinds.items())))
    for refusal, count in run.refused.most_common():
        print(f"{count:5} refused by {refusal}")
    print(f"{number} queries, {findings} findings")
    sys.exit(1 if findings else 0)


if __name__ == "__main__":
    main()
