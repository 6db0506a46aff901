//! Panics of the Parquet reader are bad input, in every verb that reads through DataFusion.

use arrow::array::{Int32Array, StringArray};
use parquet::file::metadata::{ParquetMetaDataReader, ParquetMetaDataWriter};

use crate::support::{Place, array, write};

/// A shard of dictionary-encoded columns whose footer does not name the dictionary of column `at`.
fn without_dictionary(place: &Place, name: &str, at: usize) {
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
    let groups = metadata.row_groups().iter().cloned().map(|group| {
        let mut columns = group.columns().to_vec();
        assert!(columns[at].dictionary_page_offset().is_some());
        columns[at] = columns[at].clone().into_builder().set_dictionary_page_offset(None).build().unwrap();
        group.into_builder().set_column_metadata(columns).build().unwrap()
    });
    let groups = groups.collect();
    let metadata = metadata.into_builder().set_row_groups(groups).build();
    let footer =
        usize::try_from(u32::from_le_bytes(*bytes[..bytes.len() - 4].last_chunk().unwrap())).unwrap();
    // The pages stay where they are; what the writer adds after them is the new footer.
    let mut whole = bytes[..bytes.len() - 8 - footer].to_vec();
    ParquetMetaDataWriter::new(&mut whole, &metadata).finish().unwrap();
    std::fs::write(&path, whole).unwrap();
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
