//! `POSWEIGHT_PYTHON` names an interpreter that has deltalake and pyiceberg; without them these tests are left out
//! with a message, or fail with `POSWEIGHT_DEMAND_TOOLS=1`.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::support::{Place, left_out};

/// Writes tables into the current folder, and prints what each has, as its own package reads it: a source, flags,
/// rows, and the number of true values in two columns.
const DELTA: &str = r#"
import json, os, shutil
try:
    import pyarrow as pa
    from deltalake import CommitProperties, DeltaTable, write_deltalake
except ImportError as missing:
    print(json.dumps(str(missing))); raise SystemExit
found = []
def rows(seed, n=60):
    return pa.table({"cat": [(i * seed) % 3 == 0 for i in range(n)], "dog": [(i + seed) % 5 == 0 or None for i in range(n)],
        "id": list(range(seed * 1000, seed * 1000 + n)), "part": [["a", "b/c", None, "50%"][i % 4] for i in range(n)]})
def tell(table, version=None):
    # The table as it is now.
    name = f"{table}-{len(found)}"
    shutil.copytree(table, name)
    t = pa.table(DeltaTable(name, version=version).to_pyarrow_table())
    count = lambda column: sum(1 for value in t[column].to_pylist() if value) if column in t.column_names else None
    flags = [] if version is None else ["--table-version", str(version)]
    found.append([name, flags, t.num_rows, count("cat"), count("dog")])
    for part in ("b/c", "50%"):
        n = sum(1 for value in t["part"].to_pylist() if value == part)
        found.append([name, flags + ["--where", f"part = '{part}'"], n, None, None])
    found.append([name, flags + ["--where", "part IS NULL"], sum(1 for v in t["part"].to_pylist() if v is None), None, None])
for name, by in (("flat", None), ("parts", ["part"])):
    write_deltalake(name, rows(1), partition_by=by)
    write_deltalake(name, rows(2), mode="append", partition_by=by); tell(name)
    DeltaTable(name).delete("id % 7 = 0"); tell(name)
    DeltaTable(name).update(updates={"cat": "true"}, predicate="id % 5 = 0"); tell(name)
    new = rows(3, 90)
    (DeltaTable(name).merge(new, predicate="t.id = s.id", source_alias="s", target_alias="t")
        .when_matched_update_all().when_not_matched_insert_all().execute()); tell(name)
    DeltaTable(name).optimize.compact(); tell(name)
    DeltaTable(name).create_checkpoint(); tell(name)
    write_deltalake(name, rows(4), mode="append", partition_by=by); tell(name); tell(name, 1); tell(name, 0)
    write_deltalake(name, rows(5), mode="overwrite", partition_by=by); tell(name)
    DeltaTable(name).restore(2); tell(name)
    DeltaTable(name).vacuum(retention_hours=0, enforce_retention_duration=False, dry_run=False); tell(name)
    more = rows(6).append_column("bird", pa.array([True] * 60))
    write_deltalake(name, more, mode="append", schema_mode="merge", partition_by=by); tell(name)
print(json.dumps(found), flush=True)
# The threads of the writers may not end in order.
os._exit(0)
"#;

const ICEBERG: &str = r#"
import json, os, shutil
try:
    import pyarrow as pa
    from pyiceberg.catalog.sql import SqlCatalog
    from pyiceberg.transforms import IdentityTransform
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
for version in ("1", "2", "3"):
    for kind in ("flat", "parts"):
        try:
            table = catalog.create_table(f"ns.{kind}{version}", schema=rows(1).schema, properties={"format-version": version})
        except Exception as cause:
            if version == "3": continue
            raise
        if kind != "flat":
            with table.update_spec() as spec:
                spec.add_field("part", IdentityTransform())
        try:
            table.append(rows(1))
        except NotImplementedError:
            if version == "3": continue
            raise
        first = table.current_snapshot().snapshot_id
        table.append(rows(2)); tell(table)
        table.delete("id >= 1005 and id < 1030"); tell(table); tell(table, by_file=True)
        table.overwrite(rows(3, 40), "id < 1010"); tell(table)
        with table.update_schema() as schema:
            schema.rename_column("cat", "feline"); schema.delete_column("dog")
        tell(table)
        with table.update_schema() as schema:
            from pyiceberg.types import BooleanType
            schema.add_column("dog", BooleanType())
        new = rows(4).rename_columns(["feline", "dog", "id", "part"])
        table.append(new.select(["feline", "id", "part", "dog"])); tell(table); tell(table, first)
print(json.dumps(found), flush=True)
# The threads of the writers may not end in order.
os._exit(0)
"#;

fn agree(script: &str, least: usize) {
    let python = std::env::var("POSWEIGHT_PYTHON").unwrap_or_else(|_| "python3".to_owned());
    let place = Place::new();
    let ended =
        std::process::Command::new(&python).args(["-c", script]).current_dir(place.dir.path()).output();
    let Ok(ended) = ended else { return left_out("tables of other writers", &python) };
    assert!(ended.status.success(), "{}", String::from_utf8_lossy(&ended.stderr));
    let told = String::from_utf8(ended.stdout).unwrap();
    let found: Value = serde_json::from_str(told.lines().last().unwrap_or_default()).unwrap();
    let Some(found) = found.as_array() else {
        return left_out("tables of other writers", &found.to_string());
    };
    assert!(found.len() >= least, "{}", found.len());
    for one in found {
        let flags: Vec<&str> = one[1].as_array().unwrap().iter().map(|flag| flag.as_str().unwrap()).collect();
        let source = one[0].as_str().unwrap();
        check(&place, source, &flags, one);
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
    agree(DELTA, 100);
}

#[test]
fn tables_of_pyiceberg_count_as_pyiceberg_reads_them() {
    agree(ICEBERG, 100);
}
