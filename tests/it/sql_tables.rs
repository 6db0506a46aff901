//! Which tables a statement of `posweight sql` may name, and rows with their places.

use arrow::array::{Int64Array, StringArray};
use parquet::file::properties::WriterProperties;

use crate::support::{Ended, Place, array, write, write_with};

fn sql(place: &Place, arguments: &[&str]) -> Ended {
    place.run(&[&["sql"], arguments].concat())
}

/// Rows as CSV, of a query that works.
fn csv(place: &Place, query: &str) -> String {
    let ended = sql(place, &["-c", query]);
    assert_eq!((ended.code, ended.stderr.as_str()), (0, ""), "{query}");
    ended.stdout
}

/// The error and the hint of a query.
fn said(place: &Place, arguments: &[&str], code: i32) -> String {
    let ended = sql(place, arguments);
    assert_eq!((ended.code, ended.stdout.as_str()), (code, ""), "{arguments:?} {}", ended.stderr);
    assert!(ended.stderr.contains("hint:"), "{}", ended.stderr);
    ended.stderr
}

/// Shards that sort as part-1, part-10, part-2, each of several row groups.
fn shards(place: &Place) {
    let mut next = 0;
    for (name, key, rows) in [("part-1", 1, 250), ("part-10", 1, 80), ("part-2", 2, 170)] {
        let ids: Vec<i64> = (next..next + rows).map(|id| id * 3 + 1).collect();
        let bit = |of: i64| array(Int64Array::from_iter_values(ids.iter().map(|id| i64::from(id % of == 0))));
        let split = ids.iter().map(|id| if id % 5 == 0 { "val" } else { "train" });
        let columns = vec![
            ("id", array(Int64Array::from(ids.clone()))),
            ("cat", bit(4)),
            ("dog", bit(7)),
            ("split", array(StringArray::from_iter_values(split))),
        ];
        let properties = WriterProperties::builder().set_max_row_group_row_count(Some(60)).build();
        write_with(&place.path(&format!("in/k={key}/{name}.parquet")), columns, properties);
        next += rows;
    }
}

#[test]
fn plans_are_joined_to_numbered_rows() {
    let place = Place::new();
    shards(&place);
    for (plan, extra) in [("plan", None), ("part", Some("split = 'train'"))] {
        let mut arguments = vec!["sample", "in", "--labels", "cat,dog", "--plan", "stratified-split:folds=3"];
        arguments.extend(extra.into_iter().flat_map(|condition| ["--where", condition]));
        arguments.extend(["--out", plan]);
        let ended = place.run(&arguments);
        assert_eq!(ended.code, 0, "{}", ended.stderr);
        let rows = if extra.is_some() { 400 } else { 500 };
        // Both ways of naming a row lead to the same row.
        let join = |on: &str| {
            format!(
                "SELECT count(*) AS n, sum(abs(d.position - p.position)) AS off, sum(abs(d.row - p.row)) AS r, \
                 count(*) FILTER (WHERE d.shard <> p.shard) AS s, min(d.split) AS split \
                 FROM numbered_rows('in') d JOIN '{plan}/plan' p {on}"
            )
        };
        let split = "train";
        for on in ["ON d.position = p.position", "ON d.shard = p.shard AND d.row = p.row"] {
            assert_eq!(csv(&place, &join(on)), format!("n,off,r,s,split\n{rows},0,0,0,{split}\n"), "{on}");
        }
    }
    // Rows of the folds, counted here and by the plan.
    let folds = "SELECT fold, sum(cat) AS cat FROM numbered_rows('in') JOIN 'plan/plan' USING (position) GROUP BY fold ORDER BY fold";
    let folds = csv(&place, folds);
    let plan = place.json("plan/plan.json");
    assert_eq!(folds.lines().count(), 4, "{folds} {plan}");
    // Where a row lies follows from its id, which counts rows in order; only some columns, and conditions, do no harm.
    for (query, answer) in [
        ("SELECT count(*) AS n FROM numbered_rows('in') WHERE position * 3 + 1 = id AND k > '0'", "n\n500\n"),
        (
            "SELECT id, row FROM numbered_rows('in') WHERE k = '1' AND row IN (0, 79) ORDER BY 1",
            "id,row\n1,0\n238,79\n751,0\n988,79\n",
        ),
        ("SELECT max(position) AS p, max(row) AS r FROM numbered_rows('in/k=2')", "p,r\n169,169\n"),
        ("SELECT position FROM numbered_rows('in') WHERE id = 1498", "position\n499\n"),
        ("SELECT count(*) AS n FROM (SELECT DISTINCT shard, row FROM NUMBERED_ROWS('in'))", "n\n500\n"),
        (
            "SELECT * FROM numbered_rows('in') ORDER BY position LIMIT 1",
            "shard,row,position,id,cat,dog,split,k\nk=1/part-1.parquet,0,0,1,0,0,train,1\n",
        ),
    ] {
        assert_eq!(csv(&place, query), answer, "{query}");
    }
    // A copy has plain columns.
    let copied =
        sql(&place, &["--out", "c.parquet", "-c", "SELECT row, position, cat FROM numbered_rows('in')"]);
    assert_eq!(copied.code, 0, "{}", copied.stderr);
    assert_eq!(
        csv(&place, "SELECT max(row) + 1 AS r, sum(position) AS p FROM 'c.parquet'"),
        "r,p\n250,124750\n"
    );
    let taken = said(&place, &["-c", "SELECT 1 FROM numbered_rows('c.parquet')"], 2);
    assert!(taken.contains("a column \"row\" of their own"), "{taken}");
    let safe = said(&place, &["--safe", "-c", "SELECT 1 FROM numbered_rows('in')"], 2);
    assert!(safe.contains("numbered_rows reads files, and --safe allows registered tables only"), "{safe}");
    said(&place, &["-c", "SELECT 1 FROM numbered_rows()"], 2);
    let two = "SELECT max(position) AS p FROM numbered_rows('in/k=2', 'in/k=1/part-1.parquet')";
    assert_eq!(csv(&place, two), "p\n419\n");
    said(&place, &["-c", "SELECT 1 FROM numbered_rows('nosuch')"], 4);
}

#[test]
fn rows_of_csv_files_are_numbered_too() {
    let place = Place::new();
    std::fs::write(place.path("a.csv"), "x,y\n1,a\n0,b\n1,c\n").unwrap();
    let query = "SELECT row, position, y FROM numbered_rows('a.csv') ORDER BY position";
    assert_eq!(csv(&place, query), "row,position,y\n0,0,a\n1,1,b\n2,2,c\n");
}

#[test]
fn a_view_may_have_the_name_of_a_folder() {
    let place = Place::new();
    for folder in ["data", "weights"] {
        write(&place.path(&format!("{folder}/a.parquet")), vec![("x", array(Int64Array::from(vec![0, 1])))]);
    }
    let run = place.run(&["compute", "data", "--labels", "x", "--out", "old"]);
    assert_eq!(run.code, 0, "{}", run.stderr);
    for (query, answer) in [
        ("CREATE VIEW data AS SELECT 7 AS y; SELECT y FROM data", "y\n7\n"),
        ("CREATE VIEW data AS SELECT x + 1 AS y FROM 'data'; SELECT sum(y) AS s FROM data", "s\n3\n"),
        (
            "CREATE VIEW data AS SELECT x FROM 'data/'; DROP VIEW data; SELECT count(*) AS n FROM data",
            "n\n2\n",
        ),
        ("CREATE VIEW old AS SELECT positives AS p FROM 'old'.counts; SELECT p FROM old", "p\n1\n"),
        ("CREATE OR REPLACE VIEW data AS SELECT 8 AS y; SELECT y FROM data", "y\n8\n"),
        (
            "CREATE EXTERNAL TABLE old STORED AS PARQUET LOCATION 'data/a.parquet'; SELECT sum(x) AS s FROM old",
            "s\n1\n",
        ),
        (
            "CREATE EXTERNAL TABLE data STORED AS PARQUET LOCATION 'data/a.parquet'; SELECT sum(x) AS s FROM data",
            "s\n1\n",
        ),
    ] {
        assert_eq!(csv(&place, query), answer, "{query}");
    }
    let twice =
        said(&place, &["-c", "CREATE VIEW data AS SELECT 1 AS x; CREATE VIEW data AS SELECT 1 AS x"], 2);
    assert!(twice.contains("already exists") && twice.contains("CREATE OR REPLACE"), "{twice}");
    // A name that is read is still a path.
    let run = said(&place, &["-c", "CREATE VIEW v AS SELECT 1 AS x FROM old"], 2);
    assert!(run.contains("is a finished run"), "{run}");
}

#[test]
fn tables_of_several_runs_are_shown() {
    let place = Place::new();
    write(&place.path("a.parquet"), vec![("x", array(Int64Array::from(vec![0, 1])))]);
    for out in ["old", "new"] {
        let run = place.run(&["compute", "a.parquet", "--labels", "x", "--out", out]);
        assert_eq!(run.code, 0, "{}", run.stderr);
    }
    std::fs::remove_file(place.path("new/weights.parquet")).unwrap();
    let query = "SELECT table_schema, table_name FROM information_schema.tables WHERE table_schema <> 'information_schema' ORDER BY 1, 2";
    let ended = sql(&place, &["--run", "old", "--run", "new", "-c", query, "-c", "SHOW TABLES"]);
    assert_eq!(ended.code, 0, "{}", ended.stderr);
    let expected =
        "table_schema,table_name\nnew,counts\nnew,imbalance\nold,counts\nold,imbalance\nold,weights\n";
    assert!(ended.stdout.starts_with(expected), "{}", ended.stdout);
    assert!(ended.stdout.contains("datafusion,old,weights,"), "{}", ended.stdout);
    let columns = sql(&place, &["--run", "a=old", "--run", "b=old", "-c", "DESCRIBE b.counts"]);
    assert!(columns.stdout.contains("positives,"), "{}{}", columns.stdout, columns.stderr);
}

#[test]
fn functions_over_files_have_names_in_any_case_and_are_not_unknown_in_safe_sessions() {
    let place = Place::new();
    write(&place.path("a.parquet"), vec![("x", array(Int64Array::from(vec![0, 1])))]);
    let call = "Label_Counts('a.parquet', 'labels=x')";
    assert_eq!(csv(&place, &format!("SELECT POSITIVES AS p FROM {call}")), "p\n1\n");
    let inside = format!("SELECT 1 AS one WHERE EXISTS (SELECT * FROM {call})");
    assert_eq!(csv(&place, &inside), "one\n1\n");
    assert_eq!(csv(&place, "SELECT count(*) AS n FROM GENERATE_SERIES(1, 3)"), "n\n3\n");
    for name in ["label_counts", "label_weights", "imbalance", "LABEL_COUNTS"] {
        let error = said(&place, &["--safe", "-c", &format!("SELECT * FROM {name}('a.parquet')")], 2);
        assert!(error.contains("reads files, and --safe allows registered tables only"), "{error}");
        assert!(error.contains("leave out --safe"), "{error}");
    }
    // A query that makes the rows of a count has one table.
    let ended = place.run(&[
        "compute",
        "a.parquet",
        "--query",
        "SELECT * FROM label_counts('a.parquet')",
        "--out",
        "o",
    ]);
    assert!(ended.code == 2 && ended.stderr.contains("FROM shards"), "{}", ended.stderr);
    assert!(!ended.stderr.contains("--safe"), "{}", ended.stderr);
}

#[test]
fn columns_are_called_as_they_are_written() {
    let place = Place::new();
    write(
        &place.path("data/a.parquet"),
        vec![
            ("x", array(Int64Array::from(vec![0, 1]))),
            ("Dog", array(Int64Array::from(vec![1, 1]))),
            ("s", array(StringArray::from(vec!["a", "b"]))),
        ],
    );
    let header = |query: &str| csv(&place, query).lines().next().unwrap_or_default().to_owned();
    for (select, names) in [
        ("positives(x), count(*), 1, 'a', x + 1", "positives(x),count(*),1,'a',x + 1"),
        ("(x), \"Dog\", d.s, -X", "x,Dog,s,-X"),
        ("*, sum(x) OVER ()", "x,Dog,s,sum(x) OVER ()"),
        ("x * 2, *, d.x - 1 AS less", "x * 2,x,Dog,s,less"),
        ("CASE WHEN x = 0 THEN s END", "CASE WHEN x = 0 THEN s END"),
    ] {
        let group = if select.contains("positives") { "GROUP BY x" } else { "" };
        assert_eq!(header(&format!("SELECT {select} FROM 'data/**/*.parquet' d {group}")), names);
    }
    let union = "SELECT x + 1 FROM 'data' UNION ALL SELECT x FROM 'data'";
    assert_eq!(header(union), "x + 1");
    // Order and groups are those of the expressions.
    let ordered = "SELECT positives(x), s FROM 'data' GROUP BY s ORDER BY positives(x) DESC";
    assert_eq!(csv(&place, ordered), "positives(x),s\n1,b\n0,a\n");
    let ended = sql(
        &place,
        &["--format", "json", "-c", "SELECT max(x), s || '!' FROM 'data' GROUP BY s ORDER BY s LIMIT 1"],
    );
    assert_eq!(ended.stdout, "[\n{\"max(x)\":0,\"s || '!'\":\"a!\"}\n]\n", "{}", ended.stderr);
}

#[test]
fn hints_about_names_can_be_pasted() {
    let place = Place::new();
    write(&place.path("t.parquet"), vec![("Cat", array(Int64Array::from(vec![0, 1])))]);
    for (query, hint) in [
        ("SELECT positives(Cat) FROM 't.parquet'", "\"Cat\""),
        ("SELECT positives(t.Cat) FROM 't.parquet' t", "\"Cat\""),
        ("SELECT positives(Cta) FROM 't.parquet'", "did you mean \"Cat\"?"),
        ("SELECT positives(y) FROM 't.parquet'", "the columns are \"Cat\""),
    ] {
        let error = said(&place, &["-c", query], 2);
        assert!(error.contains(hint), "{query}: {error}");
    }
    for query in ["SELECT * FROM 'nosuch.parquet'", "SELECT * FROM label_counts('nosuch')"] {
        let error = said(&place, &["-c", query], 4);
        assert!(error.contains("check the path") && !error.contains("spec"), "{query}: {error}");
    }
    let error = said(&place, &["--table", "t=nosuch", "-c", "SELECT 1"], 4);
    assert!(error.contains("check the path") && !error.contains("spec"), "{error}");
}
