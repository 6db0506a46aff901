//! Panics of the Parquet reader are bad input, in every verb that reads through DataFusion.

use arrow::array::{Int32Array, StringArray};
use parquet::file::metadata::{
    FileMetaData, ParquetMetaData, ParquetMetaDataBuilder, ParquetMetaDataReader, ParquetMetaDataWriter,
};

use crate::support::{Place, array, write};

/// A shard of dictionary-encoded columns, with the footer that `change` makes of its own.
fn with_footer(place: &Place, name: &str, change: impl Fn(ParquetMetaData) -> ParquetMetaData) {
    let rows = 600;
    let ints = array((0..rows).map(|row| Some(row % 2)).collect::<Int32Array>());
    let texts = array(
        (0..rows).map(|row| Some(["x", "y"][usize::try_from(row % 2).unwrap()])).collect::<StringArray>(),
    );
    let path = place.path(name);
    write(&path, vec![("a", ints.clone()), ("b", ints.clone()), ("split", texts), ("w", ints)]);
    let bytes = std::fs::read(&path).unwrap();
    let metadata =
        ParquetMetaDataReader::new().parse_and_finish(&std::fs::File::open(&path).unwrap()).unwrap();
    let footer =
        usize::try_from(u32::from_le_bytes(*bytes[..bytes.len() - 4].last_chunk().unwrap())).unwrap();
    // The pages stay where they are; what the writer adds after them is the new footer.
    let mut whole = bytes[..bytes.len() - 8 - footer].to_vec();
    ParquetMetaDataWriter::new(&mut whole, &change(metadata)).finish().unwrap();
    std::fs::write(&path, whole).unwrap();
}

/// A shard whose footer does not name the dictionary of column `at`.
fn without_dictionary(place: &Place, name: &str, at: usize) {
    with_footer(place, name, |metadata| {
        let groups = metadata.row_groups().iter().cloned().map(|group| {
            let mut columns = group.columns().to_vec();
            assert!(columns[at].dictionary_page_offset().is_some());
            columns[at] =
                columns[at].clone().into_builder().set_dictionary_page_offset(None).build().unwrap();
            group.into_builder().set_column_metadata(columns).build().unwrap()
        });
        let groups = groups.collect();
        metadata.into_builder().set_row_groups(groups).build()
    });
}

/// A shard whose footer claims `rows` rows in its one row group.
fn claiming(place: &Place, name: &str, rows: i64) {
    with_footer(place, name, |metadata| {
        let of_file = metadata.file_metadata();
        let of_file = FileMetaData::new(
            of_file.version(),
            rows,
            of_file.created_by().map(str::to_owned),
            of_file.key_value_metadata().cloned(),
            of_file.schema_descr_ptr(),
            of_file.column_orders().cloned(),
        );
        let groups = metadata.row_groups().iter().cloned().map(|group| {
            let columns = group.columns().iter().cloned();
            let columns = columns.map(|column| column.into_builder().set_num_values(rows).build().unwrap());
            let columns = columns.collect();
            group.into_builder().set_num_rows(rows).set_column_metadata(columns).build().unwrap()
        });
        ParquetMetaDataBuilder::new(of_file).set_row_groups(groups.collect()).build()
    });
}

#[test]
fn footers_that_claim_more_rows_than_a_machine_holds_are_bad_input() {
    let place = Place::new();
    for (folder, rows) in [("some", 1 << 31), ("many", 1 << 40), ("most", i64::MAX)] {
        // Together they claim more than a number of 64 bits holds.
        (0..3).for_each(|number| claiming(&place, &format!("{folder}/{number}.parquet"), rows));
        let query = format!("select split, sum(a), sum(w) from '{folder}' group by split");
        let counts = format!("select * from label_counts('{folder}', 'labels=[\"a\", \"b\"]')");
        let compute =
            ["compute", folder, "--labels", "a,b", "--layout", "wide", "--overwrite", "--out", "out"];
        let sample = ["sample", folder, "--labels", "a,b", "--layout", "wide", "--overwrite", "--out", "out"];
        let class =
            ["compute", folder, "--labels", "split", "--layout", "class", "--overwrite", "--out", "out"];
        let all: [(&[&str], &[&str]); 14] = [
            (&compute, &[]),
            (&compute, &["--engine", "plain"]),
            (&compute, &["--trust-statistics"]),
            (&compute, &["--where", "split = 'x'"]),
            (&compute, &["--by", "split"]),
            (&compute, &["--sample-weight", "w"]),
            (&compute, &["--groups", "split"]),
            (&class, &[]),
            (&class, &["--by", "w"]),
            (&sample, &["--plan", "stratified-split", "--groups", "split", "--materialize"]),
            (&sample, &["--plan", "ml-ros", "--materialize"]),
            (&["sql", "-c", &query], &[]),
            (&["sql", "-c", &counts], &[]),
            (&["inspect", folder, "--plan", "--labels", "a,b"], &[]),
        ];
        for (verb, more) in all {
            let memory: &[&str] = if verb[0] == "inspect" { &[] } else { &["--memory-limit", "256m"] };
            let ended = place.run(&[verb, more, memory].concat());
            let said = &ended.stderr;
            // Statistics may be believed, a query gives the rows that there are, and what only looks at footers shows
            // what they claim.
            let is_loose =
                verb[0] == "inspect" || verb.contains(&query.as_str()) || more == ["--trust-statistics"];
            let codes: &[i32] = if is_loose { &[0, 4, 6] } else { &[4, 6] };
            assert!(codes.contains(&ended.code), "{folder} {verb:?} {more:?}: {} {said}", ended.code);
            let words = ["panicked", "bug in posweight", "backtrace", "memory allocation of"];
            assert!(!words.iter().any(|word| said.contains(word)), "{verb:?} {more:?}: {said}");
        }
    }
}

#[test]
fn a_dictionary_that_is_gone_is_bad_input_in_every_verb() {
    let place = Place::new();
    // Column by column: a label, the column of a condition, the weight.
    for (at, folder) in [(0, "label"), (2, "split"), (3, "weight")] {
        let name = format!("{folder}/bad.parquet");
        without_dictionary(&place, &name, at);
        let good = place.path(&format!("{folder}/good.parquet"));
        write(
            &good,
            vec![
                ("a", array(Int32Array::from(vec![0, 1]))),
                ("b", array(Int32Array::from(vec![1, 1]))),
                ("split", array(StringArray::from(vec!["x", "y"]))),
                ("w", array(Int32Array::from(vec![1, 2]))),
            ],
        );
        let count = ["compute", folder, "--labels", "a,b", "--out", "out"];
        let plain = ["--engine", "plain"];
        let condition = ["--where", "split = 'x'"];
        let by = ["--by", "split"];
        let weight = ["--sample-weight", "w"];
        let copies = ["--plan", "lp-ros", "--where", "split = 'x'", "--materialize"];
        let sample = ["sample", folder, "--labels", "a,b", "--out", "sampled"];
        let query = format!("select split, sum(a), sum(w) from '{folder}' group by split");
        let query = ["sql", "-c", &query];
        let all: [(&[&str], &[&str], usize); 6] = [
            (&count, &plain, 0),
            (&count, &condition, 2),
            (&count, &by, 2),
            (&count, &weight, 3),
            (&sample, &copies, 2),
            (&query, &[], at),
        ];
        for (verb, more, reads) in all {
            // Columns that a verb does not read are no matter.
            let ended = place.run(&[verb, more].concat());
            let fails = reads == at || verb[0] == "sample" || (verb[0] == "compute" && at == 0);
            assert_eq!(ended.code, if fails { 4 } else { 0 }, "{at} {verb:?} {more:?}: {}", ended.stderr);
            if fails {
                assert!(ended.stderr.contains("bad.parquet"), "{verb:?} {more:?}: {}", ended.stderr);
                assert!(!ended.stderr.contains("good.parquet"), "{verb:?} {more:?}: {}", ended.stderr);
                let words = ["panicked", "bug in posweight", "backtrace"];
                assert!(!words.iter().any(|word| ended.stderr.contains(word)), "{}", ended.stderr);
            }
            for folder in ["out", "sampled"] {
                let _ = std::fs::remove_dir_all(place.path(folder));
            }
        }
    }
}
