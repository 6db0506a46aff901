//! The live view: what it shows at the end of a run is what the result says.

use std::fs;

use arrow::array::{ArrayRef, BooleanArray, Int64Array, ListBuilder, StringArray, StringBuilder};
use arrow::ipc::writer::StreamWriter;
use arrow::record_batch::RecordBatch;
use parquet::file::properties::WriterProperties;

use crate::support::{Place, array, left_out, on_terminal, write_with};

const PROGRAM: &str = env!("CARGO_BIN_EXE_posweight");
const ROWS: i64 = 4000;

/// Six 0/1 columns, a list of names, a class, a map's text, a split.
fn columns(shard: i64) -> Vec<(&'static str, ArrayRef)> {
    let rows = || shard * ROWS..(shard + 1) * ROWS;
    let label = |step: i64| array(rows().map(|row| Some(row % step == 0)).collect::<BooleanArray>());
    let mut lists = ListBuilder::new(StringBuilder::new());
    for row in rows() {
        for (name, step) in [("ant", 40), ("bee", 900), ("cat", 3), ("dog", 70), ("emu", 500), ("fox", 11)] {
            if row % step == 0 {
                lists.values().append_value(name);
            }
        }
        lists.append(row % 13 != 0);
    }
    let objects =
        rows().map(|row| Some(format!("{{\"x\": {}, \"y\": {}}}", i32::from(row % 9 == 0), row % 2)));
    vec![
        ("l0", label(7)),
        ("l1", label(1001)),
        ("l2", label(90)),
        ("l3", label(16_001)),
        ("l4", label(450)),
        ("l5", label(2)),
        ("tags", array(lists.finish())),
        ("kind", array(Int64Array::from_iter_values(rows().map(|row| row % 97 % 10)))),
        ("object", array(objects.collect::<StringArray>())),
        (
            "split",
            array(StringArray::from_iter_values(
                rows().map(|row| if row % 4 == 0 { "test" } else { "train" }),
            )),
        ),
    ]
}

fn shards(place: &Place) {
    for shard in 0..4 {
        let properties = WriterProperties::builder().set_max_row_group_row_count(Some(1000)).build();
        write_with(&place.path(&format!("d/{shard}.parquet")), columns(shard), properties);
    }
}

/// The line of the rarest labels that a result has to show at the end.
fn rarest(place: &Place) -> String {
    let weights = place.json("out/weights.json");
    let labels = weights["labels"].as_array().unwrap().iter().map(|label| label.as_str().unwrap());
    let positives = weights["positives"].as_array().unwrap().iter().map(|rows| rows.as_u64().unwrap());
    let mut pairs: Vec<(u64, usize, &str)> =
        positives.zip(0..).zip(labels).map(|((rows, at), label)| (rows, at, label)).collect();
    pairs.sort_unstable();
    let thousands = |rows: u64| {
        if rows < 1000 { rows.to_string() } else { format!("{} {:03}", rows / 1000, rows % 1000) }
    };
    let shown = pairs.iter().take(5).map(|(rows, _, label)| format!("{label} {}", thousands(*rows)));
    format!("rarest labels so far: {}", shown.collect::<Vec<_>>().join(", "))
}

/// The last drawn line that has `word`.
fn last<'t>(shown: &'t str, word: &str) -> &'t str {
    let at = shown.rfind(word).unwrap_or_else(|| panic!("{word:?} is not in {shown}"));
    shown[at..].split(['\r', '\n', '\u{1b}']).next().unwrap().trim_end()
}

#[test]
fn the_last_picture_says_what_the_result_says() {
    let place = Place::new();
    shards(&place);
    let wide = ["d", "--labels", "l*"];
    let tags = ["d", "--labels", "tags"];
    for (arguments, shards) in [
        (&[&wide[..], &["--layout", "wide"]].concat()[..], "4 of 4 shards"),
        (&[&wide[..], &["--engine", "plain"]].concat(), "4 of 4 shards"),
        (&[&wide[..], &["--by", "split"]].concat(), "4 of 4 shards"),
        (&[&wide[..], &["--state", "s"]].concat(), "4 of 4 shards"),
        // Saved counts count too.
        (&[&wide[..], &["--state", "s"]].concat(), "4 of 4 shards"),
        (&[&wide[..], &["--where", "split = 'train'", "--engine", "plain"]].concat(), "4 of 4 shards"),
        (&[&tags[..], &["--layout", "list"]].concat(), "4 of 4 shards"),
        (&[&tags[..], &["--engine", "plain"]].concat(), "4 of 4 shards"),
        (&[&tags[..], &["--by", "split", "--threads", "2"]].concat(), "4 of 4 shards"),
        (&["d", "--layout", "class", "--labels", "kind", "--label-kind", "index"], "4 of 4 shards"),
        (&["d", "--layout", "map", "--labels", "object"], "4 of 4 shards"),
    ] {
        let command = [PROGRAM, "compute", "--progress", "live", "--out", "out", "--overwrite"];
        let Some((code, shown)) = on_terminal(&place, "50", &[&command[..], arguments].concat()) else {
            left_out("the live view", "Python has no pty");
            return;
        };
        assert_eq!(code, 0, "{arguments:?}: {shown}");
        assert_eq!(last(&shown, "rarest labels"), rarest(&place), "{arguments:?}: {shown}");
        assert!(last(&shown, shards).starts_with("4 of 4 shards"), "{arguments:?}: {shown}");
        assert!(last(&shown, " of 16 000 rows").contains(" read, "), "{arguments:?}: {shown}");
        assert!(shown.contains("16 000 of 16 000 rows") || arguments.contains(&"--where"), "{shown}");
        assert!(shown.contains("0 B spilled"), "{arguments:?}: {shown}");
        // Nothing of it stays: the summary is the last that is seen.
        assert!(
            shown.rfind("16 000 rows, ").unwrap() > shown.rfind("rarest labels").unwrap()
                || arguments.contains(&"--where"),
            "{shown}"
        );
    }
}

#[test]
fn a_stream_is_shown_on_its_way() {
    let place = Place::new();
    let batch = |shard| {
        RecordBatch::try_from_iter_with_nullable(
            columns(shard).into_iter().map(|(name, column)| (name, column, true)),
        )
        .unwrap()
    };
    let mut writer = StreamWriter::try_new(Vec::new(), &batch(0).schema()).unwrap();
    (0..4).for_each(|shard| writer.write(&batch(shard)).unwrap());
    writer.finish().unwrap();
    let bytes = writer.into_inner().unwrap();
    fs::write(place.path("in.arrows"), &bytes).unwrap();
    let tee = format!(
        "'{PROGRAM}' tee --layout wide --labels 'l*' --out out --progress live < in.arrows > out.arrows"
    );
    let Some((code, shown)) = on_terminal(&place, "50", &["sh", "-c", &tee]) else {
        left_out("the live view of a stream", "Python has no pty");
        return;
    };
    assert_eq!(code, 0, "{shown}");
    assert_eq!(fs::read(place.path("out.arrows")).unwrap(), bytes);
    assert_eq!(last(&shown, "rarest labels"), rarest(&place), "{shown}");
    assert!(shown.contains("a stream, whose end is not known"), "{shown}");
    assert!(last(&shown, "16 000 rows, ").contains("rows"), "{shown}");
    let megabytes = format!(
        "{:.1} ",
        if bytes.len() > 1_000_000 { bytes.len() as f64 / 1e6 } else { bytes.len() as f64 / 1e3 }
    );
    assert!(last(&shown, &megabytes).contains("B read"), "{megabytes}: {shown}");
}

#[test]
fn it_is_drawn_only_on_a_terminal_and_if_asked_for() {
    let place = Place::new();
    shards(&place);
    let compute = ["compute", "d", "--labels", "l*", "--out", "out", "--overwrite"];
    let ended = place.run(&[&compute[..], &["--progress", "live"]].concat());
    assert_eq!((ended.code, ended.stderr.as_str()), (0, ""));
    for (how, word) in [("auto", "░"), ("never", "")] {
        let command = [&[PROGRAM], &compute[..], &["--progress", how]].concat();
        let Some((code, shown)) = on_terminal(&place, "50", &command) else {
            left_out("the bar on a terminal", "Python has no pty");
            return;
        };
        assert_eq!(code, 0, "{shown}");
        assert!(!shown.contains("so far") && shown.contains(word), "{how}: {shown}");
        assert_eq!(shown.contains('░'), how == "auto", "{how}: {shown}");
    }
    let command = [&[PROGRAM], &compute[..], &["--progress", "live", "--quiet"]].concat();
    assert_eq!(on_terminal(&place, "50", &command), Some((0, String::new())));
}

#[test]
fn watch_shows_each_run() {
    let place = Place::new();
    shards(&place);
    let watch = format!(
        "'{PROGRAM}' watch d --labels 'l*' --layout wide --out out --state s --progress live & \
         until test -f out/_SUCCESS; do sleep 0.1; done; kill -TERM $!; wait $!"
    );
    let Some((code, shown)) = on_terminal(&place, "50", &["sh", "-c", &watch]) else {
        left_out("the live view of watch", "Python has no pty");
        return;
    };
    assert_eq!(code, 0, "{shown}");
    assert_eq!(last(&shown, "rarest labels"), rarest(&place), "{shown}");
    assert!(shown.contains("4 of 4 shards"), "{shown}");
}
