//! Numbers at their limits: sums beyond 2^53 and up to 2^64, against exact integers; weights of rows at their edges.

use arrow::array::{ArrayRef, BooleanArray, Float32Array, Float64Array, StringArray, UInt64Array};
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use parquet::file::metadata::KeyValue;
use parquet::file::properties::WriterProperties;

use crate::fuzz::Random;
use crate::support::{Place, array, write, write_with};

/// A counts file of `rows` rows with these positives, negatives and missing cells, as a run would write it.
fn counts(place: &Place, name: &str, rows: u64, sides: &[[u64; 3]]) {
    write(&place.path("one.parquet"), vec![("l", array(BooleanArray::from(vec![true])))]);
    place.weights(&["one.parquet", "--labels", "l"]);
    let file = std::fs::File::open(place.path("out/counts.parquet")).unwrap();
    let found = ParquetRecordBatchReaderBuilder::try_new(file).unwrap();
    let metadata = found.metadata().file_metadata().key_value_metadata().unwrap().clone();
    let entries = metadata.into_iter().map(|entry| match entry.key.as_str() {
        "posweight.rows" => KeyValue::new(entry.key, rows.to_string()),
        // Counts of the same shards are not added.
        "posweight.fingerprint" => KeyValue::new(entry.key, format!("{rows:064x}")),
        _ => entry,
    });
    let entries =
        entries.filter(|entry| entry.key != "ARROW:schema" && entry.key != "posweight.shards").collect();
    let side = |which: usize| -> ArrayRef {
        array(sides.iter().map(|sides| Some(sides[which])).collect::<UInt64Array>())
    };
    let none: ArrayRef = array(UInt64Array::from(vec![0; sides.len()]));
    let columns: Vec<(&str, ArrayRef)> = vec![
        ("label_index", array((0..sides.len() as u64).map(Some).collect::<UInt64Array>())),
        ("label", array(StringArray::from_iter_values((0..sides.len()).map(|label| format!("l{label}"))))),
        ("positives", side(0)),
        ("negatives", side(1)),
        ("uncertain", none.clone()),
        ("missing", side(2)),
        ("invalid", none),
    ];
    write_with(
        &place.path(name),
        columns,
        WriterProperties::builder().set_key_value_metadata(Some(entries)).build(),
    );
}

/// Splits `rows` into three parts that tend to be at the ends.
fn split(rows: u64, random: &mut Random) -> [u64; 3] {
    let part = |most: u64, random: &mut Random| match random.below(5) {
        0 => 0,
        1 => most,
        2 => most.min(1),
        3 => most / 2 + most.min(1),
        _ => {
            if most == 0 {
                0
            } else {
                random.next() % most
            }
        }
    };
    let positives = part(rows, random);
    let missing = part(rows - positives, random);
    [positives, rows - positives - missing, missing]
}

#[test]
fn weights_of_sums_up_to_2_64_are_those_of_exact_integers() {
    let (place, mut random) = (Place::new(), Random(1));
    for rows in [u64::MAX, 1 << 63, (1 << 63) - 1, (1 << 53) + 1, (1 << 32) + 1] {
        let sides: Vec<[u64; 3]> = (0..200).map(|_| split(rows, &mut random)).collect();
        counts(&place, "c.parquet", rows, &sides);
        let schemes = posweight::testing::SCHEMES
            .iter()
            .filter(|info| info.name != "ratio")
            .flat_map(|info| ["--scheme", info.name]);
        let arguments: Vec<&str> = ["weigh", "c.parquet", "--out", "w", "--overwrite", "--scheme", "ratio"]
            .into_iter()
            .chain(schemes)
            .collect();
        let ended = place.run(&arguments);
        assert_eq!(ended.code, 0, "{}", ended.stderr);
        let weights = place.json("w/weights.json");
        assert_eq!(weights["rows"].as_u64(), Some(rows));
        for (label, [positives, negatives, missing]) in sides.iter().enumerate() {
            let side = |name: &str| weights[name][label].as_u64();
            let found = (side("positives"), side("negatives"), side("missing"));
            assert_eq!(found, (Some(*positives), Some(*negatives), Some(*missing)));
            for (scheme, vector) in weights["weights"].as_object().unwrap() {
                assert!(
                    vector[label].as_f64().is_some_and(f64::is_finite),
                    "{scheme} {label}: {}",
                    vector[label]
                );
            }
            if *positives == 0 || *negatives == 0 {
                continue;
            }
            // weight · positives = negatives, in integers of 128 bits: a double has 53, two of them are rounded.
            let weight = weights["pos_weight"][label].as_f64().unwrap();
            let (mantissa, exponent) = parts(weight);
            let product = u128::from(mantissa) * u128::from(*positives);
            let expected =
                if exponent >= 0 { u128::from(*negatives) >> exponent } else { u128::from(*negatives) };
            let scaled = if exponent >= 0 { product } else { product >> (-exponent).min(127) };
            let off = scaled.abs_diff(expected);
            assert!(off <= (expected >> 50) + 2, "{positives} {negatives}: {weight} is off by {off}");
        }
    }
}

/// A positive double as mantissa · 2^exponent.
fn parts(value: f64) -> (u64, i32) {
    let bits = value.to_bits();
    let exponent = i32::try_from(bits >> 52).unwrap() - 1075;
    (bits & ((1 << 52) - 1) | 1 << 52, exponent)
}

#[test]
fn sums_beyond_2_64_are_refused() {
    let place = Place::new();
    counts(&place, "a.parquet", u64::MAX, &[[u64::MAX, 0, 0]]);
    counts(&place, "b.parquet", 1, &[[1, 0, 0]]);
    let ended = place.run(&["weigh", "a.parquet", "b.parquet", "--out", "w"]);
    assert!([4, 6].contains(&ended.code), "{} {}", ended.code, ended.stderr);
    assert!(!ended.stderr.contains("internal") && !place.path("w/weights.json").exists(), "{}", ended.stderr);
    // Sides that do not add up to the rows, also where they pass what an integer holds.
    for [positives, negatives, missing] in
        [[u64::MAX, 1, 0], [u64::MAX, u64::MAX, 2], [0, 0, 0], [1 << 63, 1 << 63, 1]]
    {
        counts(&place, "c.parquet", 1, &[[positives, negatives, missing]]);
        let ended = place.run(&["weigh", "c.parquet", "--out", "w"]);
        assert!(ended.code == 4 && ended.stderr.contains("c.parquet"), "{} {}", ended.code, ended.stderr);
    }
}

#[test]
fn sums_in_a_report_that_somebody_has_changed_are_no_bug() {
    let place = Place::new();
    write(&place.path("one.parquet"), vec![("l", array(BooleanArray::from(vec![true, false])))]);
    place.weights(&["one.parquet", "--labels", "l"]);
    let path = place.path("out/imbalance.json");
    let mut report: serde_json::Value = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
    report["rows_by_number_of_labels"] = serde_json::json!(vec![u64::MAX; 40]);
    report["top_labelsets"][0]["rows"] = u64::MAX.into();
    std::fs::write(path, report.to_string()).unwrap();
    for format in ["text", "markdown", "html", "json"] {
        let ended = place.run(&["report", "out", "--format", format]);
        assert!([0, 4].contains(&ended.code), "{format} {}: {}", ended.code, ended.stderr);
    }
}

/// A weight in units of 10⁻¹⁸, rounded half away from 0, by its exact decimals.
fn units(weight: f64) -> u128 {
    let text = format!("{weight:.1100}");
    let (whole, rest) = text.split_once('.').unwrap();
    let units: u128 = format!("{whole}{}", &rest[..18]).parse().unwrap();
    units + u128::from(rest.as_bytes()[18] >= b'5')
}

#[test]
fn weights_of_rows_add_up_exactly() {
    let (place, mut random) = (Place::new(), Random(7));
    let edges = [
        1e-18,
        1.5e-18,
        1e15,
        999_999_999_999_999.9,
        f64::from(f32::MIN_POSITIVE) * 1e25,
        0.1,
        1.0 / 3.0,
        0.0,
    ];
    let rows = 5000;
    let weights: Vec<f64> = (0..rows)
        .map(|row| {
            if row % 3 == 0 {
                edges[random.below(edges.len())]
            } else {
                f64::from_bits(0x3c80_0000_0000_0000 + random.next() % (0x0680 << 48))
            }
        })
        .collect();
    let bits: Vec<bool> = (0..rows).map(|_| random.below(2) == 0).collect();
    write(
        &place.path("in/0.parquet"),
        vec![
            ("l", array(BooleanArray::from(bits.clone()))),
            ("w", array(Float64Array::from(weights.clone()))),
        ],
    );
    let exact = |wanted: bool| {
        weights.iter().zip(&bits).filter(|(_, bit)| **bit == wanted).map(|(w, _)| units(*w)).sum::<u128>()
    };
    for engine in ["auto", "plain"] {
        let flags = ["in", "--labels", "l", "--sample-weight", "w", "--engine", engine];
        place.weights(&flags);
        let query = "SELECT positives_mass::text AS p, negatives_mass::text AS n FROM 'out/counts.parquet'";
        let ended = place.run(&["sql", "-c", query]);
        let decimals = |units: u128| format!("{}.{:018}", units / 10_u128.pow(18), units % 10_u128.pow(18));
        let expected = format!("p,n\n{},{}\n", decimals(exact(true)), decimals(exact(false)));
        assert_eq!(ended.stdout, expected, "{engine}: {}", ended.stderr);
    }
}

#[test]
fn weights_of_rows_out_of_range_are_refused() {
    let place = Place::new();
    let bits = || array(BooleanArray::from(vec![true, false]));
    for (number, weight) in
        [5e-324, 1e-19, f64::MIN_POSITIVE, 1.1e15, -1e-300, f64::NAN, f64::INFINITY].into_iter().enumerate()
    {
        let name = format!("{number}.parquet");
        write(&place.path(&name), vec![("l", bits()), ("w", array(Float64Array::from(vec![1.0, weight])))]);
        for engine in ["auto", "plain"] {
            let ended = place.run(&[
                "compute",
                &name,
                "--labels",
                "l",
                "--sample-weight",
                "w",
                "--engine",
                engine,
                "--out",
                "w",
            ]);
            assert!(
                ended.code == 4 && ended.stderr.contains("--sample-weight"),
                "{weight} {} {}",
                ended.code,
                ended.stderr
            );
        }
    }
    // The smallest number of 32 bits is not 0, so that it may not count as 0.
    let smallest = array(Float32Array::from(vec![1.0, f32::from_bits(1)]));
    write(&place.path("s.parquet"), vec![("l", bits()), ("w", smallest)]);
    assert_eq!(
        place.run(&["compute", "s.parquet", "--labels", "l", "--sample-weight", "w", "--out", "w"]).code,
        4
    );
}
