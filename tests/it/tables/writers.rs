//! `POSWEIGHT_PYTHON` names an interpreter that has deltalake and pyiceberg; without them these tests are left out
//! with a message, or fail with `POSWEIGHT_DEMAND_TOOLS=1`.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::support::{Place, left_out};

/// Writes tables into the current folder, and prints what each has, as its own package reads it: a source, flags,
/// rows, and the number of true values in two columns.
const DELTA: &str = r#"
import datetime as dt, json, os, shutil
try:
    import pyarrow as pa, pyarrow.compute
    from deltalake import DeltaTable, QueryBuilder, write_deltalake
except ImportError as missing:
    print(json.dumps(str(missing))); raise SystemExit
found = []
def rows(seed, n=60):
    return pa.table({"cat": [(i * seed) % 3 == 0 for i in range(n)], "dog": [(i + seed) % 5 == 0 or None for i in range(n)],
        "id": list(range(seed * 1000, seed * 1000 + n)), "part": [["a", "b/c", None, "50%"][i % 4] for i in range(n)]})
def read(name, version=None):
    # The other way to read gives NULL where files have other names for the columns.
    return pa.table(QueryBuilder().register("t", DeltaTable(name, version=version)).execute("SELECT * FROM t").read_all())
def tell(table, version=None):
    # The table as it is now.
    name = f"{table}-{len(found)}"
    shutil.copytree(table, name)
    t = read(name, version)
    count = lambda column: sum(1 for value in t[column].to_pylist() if value) if column in t.column_names else None
    flags = [] if version is None else ["--table-version", str(version)]
    found.append([name, flags, t.num_rows, count("cat"), count("dog")])
    for part in ("b/c", "50%"):
        n = sum(1 for value in t["part"].to_pylist() if value == part)
        found.append([name, flags + ["--where", f"part = '{part}'"], n, None, None])
    found.append([name, flags + ["--where", "part IS NULL"], sum(1 for v in t["part"].to_pylist() if v is None), None, None])
mapping = lambda mode: {"delta.columnMapping.mode": mode}
kinds = [("flat", None, None), ("parts", ["part"], None), ("name", None, mapping("name")), ("names", ["part"], mapping("name")),
    ("id", None, mapping("id")), ("ids", ["part"], mapping("id"))]
for name, by, settings in kinds:
    write_deltalake(name, rows(1), partition_by=by, configuration=settings)
    write_deltalake(name, rows(2), mode="append", partition_by=by); tell(name)
    DeltaTable(name).delete("id % 7 = 0"); tell(name)
    DeltaTable(name).update(updates={"cat": "true"}, predicate="id % 5 = 0"); tell(name)
    new = rows(3, 90)
    (DeltaTable(name).merge(new, predicate="t.id = s.id", source_alias="s", target_alias="t")
        .when_matched_update_all().when_not_matched_insert_all().execute()); tell(name)
    # What deltalake does not do to columns with other names.
    if settings is None:
        DeltaTable(name).optimize.compact(); tell(name)
        DeltaTable(name).optimize.z_order(["id"]); tell(name)
    DeltaTable(name).compact_logs(1, 3)
    DeltaTable(name).create_checkpoint(); tell(name)
    write_deltalake(name, rows(4), mode="append", partition_by=by); tell(name); tell(name, 1); tell(name, 0)
    if by and settings is None:
        one = rows(7).filter(pa.compute.equal(rows(7)["part"], "b/c"))
        write_deltalake(name, one, mode="overwrite", predicate="part = 'b/c'"); tell(name)
    write_deltalake(name, rows(5), mode="overwrite", partition_by=by); tell(name)
    DeltaTable(name).restore(2); tell(name)
    DeltaTable(name).vacuum(retention_hours=0, enforce_retention_duration=False, dry_run=False); tell(name)
    DeltaTable(name).create_checkpoint()
    DeltaTable(name).cleanup_metadata(); tell(name)
    if settings is None:
        more = rows(6).append_column("bird", pa.array([True] * 60))
        write_deltalake(name, more, mode="append", schema_mode="merge", partition_by=by); tell(name)
        other = rows(8).rename_columns(["dog", "cat", "id", "part"])
        write_deltalake(name, other, mode="overwrite", schema_mode="overwrite", partition_by=by); tell(name)
# Partition values of every type, and texts that a path cannot hold.
days = [None, dt.date(2020, 1, 1), dt.date(2020, 1, 2)]
times = [dt.datetime(2020, 1, 1, i % 2, 30, 0, 5 * (i % 2)) for i in range(24)]
columns = {"cat": [i % 5 == 0 for i in range(24)], "dog": [True] * 24, "day": [days[i % 3] for i in range(24)],
    "number": pa.array([i % 4 - 1 for i in range(24)], pa.int32()), "flag": [i % 2 == 0 for i in range(24)],
    "time": pa.array(times, pa.timestamp("us", tz="UTC")), "half": [0.5 * (i % 3) for i in range(24)],
    "text": [["a=b", "é ?", "x:y", "..", "a\\b", "%2F", " ", "a/b", "it's", None][i % 10] for i in range(24)]}
for column in ("day", "number", "flag", "time", "half", "text"):
    name = f"by-{column}"
    write_deltalake(name, pa.table(columns), partition_by=[column])
    all = read(name)
    values, cats = all[column].to_pylist(), all["cat"].to_pylist()
    found.append([name, [], len(values), 5, 24])
    for value in {repr(value): value for value in values}.values():
        text = {bool: lambda: str(value).lower(), dt.datetime: lambda: f"'{value:%Y-%m-%d %H:%M:%S.%f}'"}.get(type(value),
            lambda: repr(value) if isinstance(value, (int, float)) else "'" + str(value).replace("'", "''") + "'")
        where = f"{column} IS NULL" if value is None else f"{column} = {text()}"
        found.append([name, ["--where", where], values.count(value), sum(cat for cat, own in zip(cats, values) if own == value), None])
print(json.dumps(found), flush=True)
# The threads of the writers may not end in order.
os._exit(0)
"#;

const ICEBERG: &str = r#"
import datetime as dt, json, os, shutil
from decimal import Decimal
try:
    import pyarrow as pa, pyarrow.compute, pyarrow.parquet
    from pyiceberg.catalog.sql import SqlCatalog
    from pyiceberg.transforms import IdentityTransform
    from pyiceberg.types import BooleanType, DoubleType, LongType
except ImportError as missing:
    print(json.dumps(str(missing))); raise SystemExit
found, here = [], os.getcwd()
def rows(seed, n=60):
    return pa.table({"cat": [(i * seed) % 3 == 0 for i in range(n)], "dog": [(i + seed) % 5 == 0 or None for i in range(n)],
        "id": list(range(seed * 1000, seed * 1000 + n)), "part": [["a", "b/c", None, "50%"][i % 4] for i in range(n)]})
def tell(table, snapshot=None, by_file=False):
    t = table.scan(snapshot_id=snapshot).to_arrow()
    count = lambda column: sum(1 for value in t[column].to_pylist() if value) if column in t.column_names else None
    flags = [] if snapshot is None else ["--table-version", str(snapshot)]
    # The table as it is now, moved to another place.
    place = table.location().removeprefix("file://")
    name = f"{place}-{len(found)}"
    shutil.copytree(place, name)
    name += "/metadata/" + table.metadata_location.split("/")[-1] if by_file else ""
    found.append([name, flags, t.num_rows, count("cat"), count("dog")])
    for part in ("b/c", "50%"):
        n = sum(1 for value in t["part"].to_pylist() if value == part)
        found.append([name, flags + ["--where", f"part = '{part}'"], n, None, None])
    found.append([name, flags + ["--where", "part IS NULL"], sum(1 for v in t["part"].to_pylist() if v is None), None, None])
catalog = SqlCatalog("c", uri=f"sqlite:///{here}/c.db", warehouse=f"file://{here}/wh")
catalog.create_namespace("ns")
for version in ("1", "2"):
    for kind in ("flat", "parts"):
        table = catalog.create_table(f"ns.{kind}{version}", schema=rows(1).schema, properties={"format-version": version})
        if kind != "flat":
            with table.update_spec() as spec:
                spec.add_field("part", IdentityTransform())
        table.append(rows(1))
        first = table.current_snapshot().snapshot_id
        table.append(rows(2)); tell(table)
        second = table.current_snapshot().snapshot_id
        table.delete("id >= 1005 and id < 1030"); tell(table); tell(table, by_file=True)
        table.overwrite(rows(3, 40), "id < 1010"); tell(table)
        table.upsert(rows(3, 55), join_cols=["id"]); tell(table)
        if kind != "flat":
            table.dynamic_partition_overwrite(rows(5, 8)); tell(table)
        table.manage_snapshots().rollback_to_snapshot(second).commit(); tell(table); tell(table, first)
        table.delete("id = 2003"); tell(table)
        table.maintenance.expire_snapshots().by_id(first).commit(); tell(table)
        # Files of others, which have no field ids.
        pyarrow.parquet.write_table(rows(9, 20).filter(pyarrow.compute.equal(rows(9, 20)["part"], "50%")), f"other-{kind}{version}.parquet")
        table.add_files([f"file://{here}/other-{kind}{version}.parquet"]); tell(table)
        with table.update_schema() as schema:
            schema.rename_column("cat", "feline"); schema.delete_column("dog")
        tell(table)
        with table.update_schema() as schema:
            schema.add_column("dog", BooleanType())
        new = rows(4).rename_columns(["feline", "dog", "id", "part"])
        table.append(new.select(["feline", "id", "part", "dog"])); tell(table); tell(table, second)
        with table.update_spec() as spec:
            spec.remove_field("part") if kind != "flat" else spec.add_field("part", IdentityTransform())
        table.append(new.select(["feline", "id", "part", "dog"])); tell(table)
        table.overwrite(new.slice(0, 7).select(["feline", "id", "part", "dog"])); tell(table)
    narrow = pa.table({"cat": pa.array([1, 0, 1], pa.int32()), "dog": [True] * 3, "id": pa.array([1, 2, 3], pa.int32()),
        "part": ["a"] * 3, "x": pa.array([0.5, 1.5, 2.5], pa.float32())})
    table = catalog.create_table(f"ns.wide{version}", schema=narrow.schema, properties={"format-version": version})
    table.append(narrow)
    with table.update_schema() as schema:
        schema.update_column("id", LongType()); schema.update_column("cat", LongType()); schema.update_column("x", DoubleType())
    table.append(pa.table({"cat": [1, 1], "dog": [True] * 2, "id": [1 << 40, 1], "part": ["b/c"] * 2, "x": [1e300, 0.5]}))
    tell(table)
    found.append([found[-1][0], ["--where", "id = 1"], 2, None, None])
    found.append([found[-1][0], ["--where", "x = 0.5 OR x > 1e299"], 3, None, None])
# Partition values of every type, and texts that a path cannot hold.
days = [None, dt.date(2020, 1, 1), dt.date(2020, 1, 2)]
times = [dt.datetime(2020, 1, 1, i % 2, 30, 0, 5 * (i % 2)) for i in range(24)]
columns = pa.table({"cat": [i % 5 == 0 for i in range(24)], "dog": [True] * 24, "day": [days[i % 3] for i in range(24)],
    "number": pa.array([i % 4 - 1 for i in range(24)], pa.int32()), "flag": [i % 2 == 0 for i in range(24)],
    "time": pa.array(times, pa.timestamp("us", tz="UTC")), "half": [0.5 * (i % 3) for i in range(24)],
    "text": [["", "a=b", "é ?", "x:y", "..", "a\\b", "%2F", " ", "a/b", "it's", None][i % 11] for i in range(24)],
    "price": pa.array([Decimal(i % 3) / 2 for i in range(24)], pa.decimal128(9, 2)), "bytes": [b"a" if i % 2 else b"\0\xff" for i in range(24)]})
for column in columns.column_names[2:]:
    table = catalog.create_table(f"ns.by_{column}", schema=columns.schema)
    with table.update_spec() as spec:
        spec.add_field(column, IdentityTransform())
    table.append(columns)
    name = table.location().removeprefix("file://")
    all = table.scan().to_arrow()
    values, cats = all[column].to_pylist(), all["cat"].to_pylist()
    found.append([name, [], len(values), 5, 24])
    for value in {repr(value): value for value in values}.values():
        text = {bool: lambda: str(value).lower(), dt.datetime: lambda: f"'{value:%Y-%m-%d %H:%M:%S.%f}'", bytes: lambda: f"X'{value.hex()}'"}.get(
            type(value), lambda: str(value) if isinstance(value, (int, float, Decimal)) else "'" + str(value).replace("'", "''") + "'")
        where = f"{column} IS NULL" if value is None else f"{column} = {text()}"
        found.append([name, ["--where", where], values.count(value), sum(cat for cat, own in zip(cats, values) if own == value), None])
print(json.dumps(found), flush=True)
# The threads of the writers may not end in order.
os._exit(0)
"#;

/// What a script prints in the end; `None` where Python lacks what it needs.
fn told(place: &Place, script: &str, arguments: &[&str]) -> Option<Vec<Value>> {
    let python = std::env::var("POSWEIGHT_PYTHON").unwrap_or_else(|_| "python3".to_owned());
    let mut command = std::process::Command::new(&python);
    let ended = command.args(["-c", script]).args(arguments).current_dir(place.dir.path()).output();
    let Ok(ended) = ended else {
        left_out("tables of other writers", &python);
        return None;
    };
    assert!(ended.status.success(), "{}", String::from_utf8_lossy(&ended.stderr));
    let told = String::from_utf8(ended.stdout).unwrap();
    let found: Value = serde_json::from_str(told.lines().last().unwrap_or_default()).unwrap();
    if !found.is_array() {
        left_out("tables of other writers", &found.to_string());
    }
    found.as_array().cloned()
}

/// What deltalake answers to a query of the table `t`, row by row; `None` where it is not there.
pub(super) fn deltalake_says(place: &Place, query: &str) -> Option<Vec<Value>> {
    const READ: &str = r#"
import json, os, sys
try:
    import pyarrow as pa
    from deltalake import DeltaTable, QueryBuilder
except ImportError as missing:
    print(json.dumps(str(missing))); raise SystemExit
rows = pa.table(QueryBuilder().register("t", DeltaTable("t")).execute(sys.argv[1]).read_all())
print(json.dumps([list(row.values()) for row in rows.to_pylist()]), flush=True)
os._exit(0)
"#;
    told(place, READ, &[query])
}

fn agree(script: &str, least: usize) {
    let place = Place::new();
    let Some(found) = told(&place, script, &[]) else { return };
    assert!(found.len() >= least, "{}", found.len());
    for one in found {
        let flags: Vec<&str> = one[1].as_array().unwrap().iter().map(|flag| flag.as_str().unwrap()).collect();
        let source = one[0].as_str().unwrap();
        check(&place, source, &flags, &one);
    }
}

fn check(place: &Place, source: &str, flags: &[&str], one: &Value) {
    let labels = if one[3].is_u64() && one[4].is_u64() {
        "cat,dog"
    } else if one[3].is_u64() {
        "cat"
    } else if one[4].is_u64() {
        "dog"
    } else {
        "[cfd]*"
    };
    let base = [
        "compute",
        source,
        "--layout",
        "wide",
        "--labels",
        labels,
        "--allow-empty",
        "--out",
        "out",
        "--overwrite",
    ];
    let ended = place.run(&[&base, flags].concat());
    assert_eq!(ended.code, 0, "{one}: {}", ended.stderr);
    let weights = place.json("out/weights.json");
    assert_eq!(weights["rows"], one[2], "{one}");
    let names = weights["labels"].as_array().unwrap().iter().map(|name| name.as_str().unwrap());
    let positives: BTreeMap<&str, &Value> = names.zip(weights["positives"].as_array().unwrap()).collect();
    for (name, said) in [("cat", &one[3]), ("dog", &one[4])] {
        if said.is_u64() {
            assert_eq!(positives[name], said, "{name} {one}");
        }
    }
}

#[test]
fn tables_of_deltalake_count_as_deltalake_reads_them() {
    agree(DELTA, 250);
}

#[test]
fn tables_of_pyiceberg_count_as_pyiceberg_reads_them() {
    agree(ICEBERG, 200);
}
