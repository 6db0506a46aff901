//! Scripts of `posweight sql`, and the file that takes the rows.

use std::process::{Command, Stdio};

use arrow::array::Int64Array;

use crate::support::{Ended, Place, array, write};

fn sql(place: &Place, arguments: &[&str]) -> Ended {
    place.run(&[&["sql"], arguments].concat())
}

/// What a script on stdin gives.
fn piped(place: &Place, script: &str) -> (Option<i32>, String, String) {
    std::fs::write(place.path("script.sql"), script).unwrap();
    let output = Command::new(env!("CARGO_BIN_EXE_posweight"))
        .args(["sql", "--table", "t=t.parquet"])
        .current_dir(place.dir.path())
        .stdin(Stdio::from(std::fs::File::open(place.path("script.sql")).unwrap()))
        .output()
        .unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    (output.status.code(), text(output.stdout), text(output.stderr))
}

#[test]
fn scripts_have_commands_and_marks() {
    let place = Place::new();
    write(&place.path("t.parquet"), vec![("x", array(Int64Array::from(vec![0, 1])))]);
    for (script, shown) in [
        ("exit\n", ""),
        ("quit;\nSELEC", ""),
        ("\\q", ""),
        ("\\d\n", "t\n"),
        (".tables\nSELECT 1 AS one;\nexit\nSELECT 2", "t\none\n1\n"),
        ("\\d t\nSELECT 1 AS one", "x  64-bit integer\none\n1\n"),
        ("\u{feff}SELECT 1 AS one;\r\nexit\r\n", "one\n1\n"),
    ] {
        assert_eq!(piped(&place, script), (Some(0), shown.to_owned(), String::new()), "{script:?}");
    }
    let (code, shown, _) = piped(&place, "help\n");
    assert!(code == Some(0) && shown.contains("numbered_rows('shards' [, 'shards'])"), "{shown}");
    let (code, _, error) = piped(&place, "\\d\nSELECT 1;\nhelp\nSELEC 1;\n");
    assert!(code == Some(2) && error.contains("Line: 4"), "{error}");
    // Nothing runs if a later statement cannot.
    let (code, shown, error) = piped(&place, "SELECT 1 AS one;\n.mode json\n");
    assert!(code == Some(2) && shown.is_empty() && error.contains("--format"), "{shown}{error}");
    std::fs::write(place.path("bom.sql"), "\u{feff}SELECT 1 AS one").unwrap();
    assert_eq!(sql(&place, &["-f", "bom.sql"]).stdout, "one\n1\n");
    std::fs::write(place.path("wide.sql"), [0xff, 0xfe, b'S', 0]).unwrap();
    let ended = sql(&place, &["-f", "wide.sql"]);
    assert_eq!(ended.code, 4, "{}", ended.stderr);
    assert!(ended.stderr.contains("wide.sql: the text is not UTF-8"), "{}", ended.stderr);
}

#[test]
fn the_file_for_the_rows_is_checked_first() {
    let place = Place::new();
    write(&place.path("t.parquet"), vec![("x", array(Int64Array::from(vec![0, 1])))]);
    let to = |out: &str, more: &[&str]| {
        sql(&place, &[&["--out", out, "-c", "SELECT x FROM 't.parquet' ORDER BY x"], more].concat())
    };
    let ended = to("r.xyz", &[]);
    assert_eq!(ended.code, 2, "{}", ended.stderr);
    assert!(ended.stderr.contains("no format has the ending .xyz") && ended.stderr.contains("--format csv"));
    let ended = to("nodir/r.csv", &[]);
    assert_eq!(ended.code, 7, "{}", ended.stderr);
    assert!(ended.stderr.contains("there is no folder nodir") && ended.stderr.contains("mkdir -p nodir"));
    assert!(!ended.stderr.contains(".posweight"), "{}", ended.stderr);
    for (out, more) in [("r.CSV", &[][..]), ("plain", &[]), ("r.xyz", &["--format", "csv"])] {
        let ended = to(out, more);
        assert_eq!(ended.code, 0, "{out}: {}", ended.stderr);
        assert_eq!(std::fs::read_to_string(place.path(out)).unwrap(), "x\n0\n1\n", "{out}");
    }
    // The shard that is read stays.
    let before = std::fs::read(place.path("t.parquet")).unwrap();
    let table = ["--overwrite", "--out", "t.parquet", "--table", "t=t.parquet", "-c", "SELECT x FROM t"];
    let numbered = ["--overwrite", "--out", "t.parquet", "-c", "SELECT x FROM numbered_rows('t.parquet')"];
    for ended in [to("t.parquet", &["--overwrite"]), sql(&place, &table), sql(&place, &numbered)] {
        assert_eq!(ended.code, 7, "{}", ended.stderr);
        assert!(ended.stderr.contains("the query reads this file"), "{}", ended.stderr);
        assert_eq!(std::fs::read(place.path("t.parquet")).unwrap(), before);
    }
    let other = sql(&place, &["--overwrite", "--out", "plain", "-c", "SELECT x FROM 't.parquet' LIMIT 0"]);
    assert_eq!(other.code, 0, "{}", other.stderr);
}
