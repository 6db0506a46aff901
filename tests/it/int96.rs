//! INT96 timestamps: compared, queried and copied as they are, or refused.

use std::fs::File;
use std::path::Path;
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, RecordBatch};
use arrow::datatypes::{DataType, TimeUnit, TimestampMicrosecondType, TimestampNanosecondType};
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use parquet::column::writer::ColumnWriter;
use parquet::data_type::Int96;
use parquet::file::properties::WriterProperties;
use parquet::file::writer::SerializedFileWriter;
use parquet::schema::parser::parse_message_type;

use crate::support::Place;

/// Days since 1970 of 9999-12-31 and of 2026-06-01.
const FAR: i32 = 2_932_896;
const NEAR: i32 = 20_605;
const DAY_MICROSECONDS: i64 = 86_400_000_000;

/// A day and nanoseconds within it.
fn int96(day: i32, nanoseconds: u64) -> Int96 {
    let mut value = Int96::new();
    let [low, high] = [nanoseconds, nanoseconds >> 32].map(|part| u32::try_from(part & 0xffff_ffff).unwrap());
    value.set_data(low, high, day.wrapping_add(2_440_588).cast_unsigned());
    value
}

/// Writes columns `cat`, 1 in the first row alone, `id` and `at`, as Spark does; every fifth time is NULL.
fn write(path: &Path, times: &[Int96]) {
    let message = "message spark_schema { required int32 cat; required int64 id; optional int96 at = 7; \
                   optional group inside { required int96 at; } }";
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    let schema = Arc::new(parse_message_type(message).unwrap());
    let properties = Arc::new(WriterProperties::builder().build());
    let mut writer = SerializedFileWriter::new(File::create(path).unwrap(), schema, properties).unwrap();
    let mut group = writer.next_row_group().unwrap();
    let rows = i32::try_from(times.len()).unwrap();
    let mut column = 0;
    while let Some(mut writer) = group.next_column().unwrap() {
        match writer.untyped() {
            ColumnWriter::Int32ColumnWriter(writer) => {
                let cells: Vec<i32> = (0..rows).map(|row| i32::from(row == 0)).collect();
                writer.write_batch(&cells, None, None)
            }
            ColumnWriter::Int64ColumnWriter(writer) => {
                writer.write_batch(&(0..i64::from(rows)).collect::<Vec<_>>(), None, None)
            }
            ColumnWriter::Int96ColumnWriter(writer) => {
                let levels: Vec<i16> = (0..rows).map(|row| i16::from(row % 5 != 4)).collect();
                let known: Vec<Int96> = times
                    .iter()
                    .zip(&levels)
                    .filter(|(_, level)| **level == 1)
                    .map(|(time, _)| *time)
                    .collect();
                writer.write_batch(&known, Some(&levels), None)
            }
            _ => unreachable!(),
        }
        .unwrap();
        writer.close().unwrap();
        column += 1;
    }
    assert_eq!(column, 4);
    group.close().unwrap();
    writer.close().unwrap();
}

fn read(path: &Path) -> RecordBatch {
    let reader = ParquetRecordBatchReaderBuilder::try_new(File::open(path).unwrap()).unwrap();
    let schema = Arc::clone(reader.schema());
    let batches: Vec<RecordBatch> = reader.build().unwrap().map(Result::unwrap).collect();
    arrow::compute::concat_batches(&schema, &batches).unwrap()
}

#[test]
fn dates_up_to_the_year_9999_meet_conditions_in_every_engine() {
    let place = Place::new();
    write(&place.path("data/a.parquet"), &[FAR, FAR, FAR, NEAR].map(|day| int96(day, 0)));
    for more in [&[][..], &["--engine", "plain"]] {
        let found =
            place.weights(&[&["data", "--labels", "cat", "--where", "at > '2026-01-01'"], more].concat());
        assert_eq!((&found["rows"], &found["positives"][0]), (&4.into(), &1.into()), "{more:?}");
    }
    for (condition, rows) in [
        ("inside.at < '2027-01-01'", 1),
        ("at = '9999-12-31'", 3),
        ("'9999-12-30' < at", 3),
        ("at BETWEEN '2026-01-01' AND '9999-12-30'", 1),
        ("at IN ('9999-12-31', '2026-06-01')", 4),
        ("at IS NOT NULL AND NOT at <> '2026-06-01'", 1),
    ] {
        // Measures of rows ask the condition in another way.
        for measures in ["on", "off"] {
            let flags = ["data", "--labels", "cat", "--where", condition, "--row-measures", measures];
            assert_eq!(place.weights(&flags)["rows"], rows, "{condition}");
        }
    }
    let query = "SELECT max(at) AS latest, count(*) FILTER (WHERE at > '9999-12-30') AS far FROM 'data'";
    let told = place.run(&["sql", "-c", query, "--format", "csv"]);
    assert!(
        told.code == 0 && told.stdout.contains("9999-12-31T00:00:00,3"),
        "{}{}",
        told.stdout,
        told.stderr
    );
    let by = place.run(&["compute", "data", "--labels", "cat", "--by", "at", "--out", "by"]);
    assert_eq!(by.code, 0, "{}", by.stderr);
    let names: Vec<_> =
        std::fs::read_dir(place.path("by/by")).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert!(names.iter().any(|name| name.to_string_lossy().contains("9999-12-31")), "{names:?}");
}

#[test]
fn times_that_microseconds_cannot_hold_are_refused_by_column_and_shard() {
    let place = Place::new();
    write(&place.path("data/a.parquet"), &[int96(NEAR, 0), int96(1_000_000_000, 0)]);
    let where_clause = ["compute", "data", "--labels", "cat", "--where", "at > '2026-01-01'", "--out", "out"];
    let plan = ["sample", "data", "--labels", "cat", "--plan", "ml-ros", "--materialize", "--out", "out"];
    for arguments in [
        &where_clause[..],
        &[&where_clause[..], &["--engine", "plain"]].concat(),
        &["compute", "data", "--labels", "cat", "--by", "at", "--out", "out"],
        &["sql", "-c", "SELECT max(at) FROM 'data'"],
        &plan,
    ] {
        let ended = place.run(arguments);
        let words = ["data/a.parquet", "\"at\"", "microseconds"];
        assert!(
            ended.code == 4 && words.iter().all(|word| ended.stderr.contains(word)),
            "{arguments:?}: {}",
            ended.stderr
        );
    }
    // Columns that are not read are not looked at.
    assert_eq!(place.weights(&["data", "--labels", "cat"])["rows"], 2);
}

/// Copies every row once.
fn copied(place: &Place) -> RecordBatch {
    let plan = ["--plan", "repeat-factor:threshold=0.0001", "--materialize", "--out", "out", "--overwrite"];
    let ended = place.run(&[&["sample", "data", "--labels", "cat"], &plan[..]].concat());
    assert_eq!(ended.code, 0, "{}", ended.stderr);
    read(&place.path("out/sampled/a.parquet"))
}

fn times(batch: &RecordBatch) -> [ArrayRef; 2] {
    let inside = batch.column_by_name("inside").unwrap().as_struct();
    [batch.column_by_name("at").unwrap(), inside.column(0)].map(Arc::clone)
}

#[test]
fn copies_hold_the_times_of_the_original_in_the_unit_that_they_need() {
    let place = Place::new();
    let days = [FAR, NEAR, -719_162, 0, NEAR];
    // What Spark writes for the year 290000: its count from Julian day 0 goes on with the least numbers.
    let mut wrapped = Int96::new();
    let within = (-32_509_551_616_000_i64).cast_unsigned();
    let [low, high] = [within, within >> 32].map(|part| u32::try_from(part & 0xffff_ffff).unwrap());
    wrapped.set_data(low, high, (-105_862_232_i32).cast_unsigned());
    write(&place.path("data/a.parquet"), &[wrapped, int96(NEAR, 0)]);
    let column = Arc::clone(&times(&copied(&place))[0]);
    assert_eq!(column.as_primitive::<TimestampMicrosecondType>().value(0), 9_089_380_393_200_000_000);
    write(&place.path("data/a.parquet"), &days.map(|day| int96(day, 86_399_999_999_000)));
    for column in times(&copied(&place)) {
        assert_eq!(*column.data_type(), DataType::Timestamp(TimeUnit::Microsecond, None));
        let found: Vec<Option<i64>> = column.as_primitive::<TimestampMicrosecondType>().iter().collect();
        let expected = |day: i32| (i64::from(day) + 1) * DAY_MICROSECONDS - 1;
        assert_eq!(found[..4], days.map(|day| Some(expected(day)))[..4]);
    }
    assert!(times(&copied(&place))[0].is_null(4));
    write(&place.path("data/a.parquet"), &days.map(|_| int96(NEAR, 1)));
    for column in times(&copied(&place)) {
        assert_eq!(*column.data_type(), DataType::Timestamp(TimeUnit::Nanosecond, None));
        let found = column.as_primitive::<TimestampNanosecondType>();
        assert_eq!(found.value(0), i64::from(NEAR) * DAY_MICROSECONDS * 1000 + 1);
    }
    let reader =
        ParquetRecordBatchReaderBuilder::try_new(File::open(place.path("out/sampled/a.parquet")).unwrap());
    let reader = reader.unwrap();
    assert_eq!(reader.parquet_schema().root_schema().get_fields()[2].get_basic_info().id(), 7);
    write(&place.path("data/a.parquet"), &[int96(NEAR, 1), int96(FAR, 0)]);
    let plan = ["sample", "data", "--labels", "cat", "--plan", "ml-ros", "--materialize", "--out", "new"];
    let ended = place.run(&plan);
    assert!(ended.code == 4 && ended.stderr.contains("\"at\""), "{}", ended.stderr);
}

#[test]
fn copies_of_other_types_hold_equal_values_of_the_same_types() {
    use arrow::array::{
        BinaryArray, BooleanArray, Date32Array, Decimal128Array, DictionaryArray, DurationMillisecondArray,
        FixedSizeBinaryArray, Float16Array, Int32Array, Int64Array, LargeStringArray, ListBuilder,
        MapBuilder, NullArray, StringBuilder, StructArray, Time64NanosecondArray, TimestampMicrosecondArray,
        TimestampMillisecondArray, TimestampSecondArray, UInt64Array,
    };
    let place = Place::new();
    let far = i64::from(FAR) * DAY_MICROSECONDS;
    let mut lists = ListBuilder::new(ListBuilder::new(StringBuilder::new()));
    let mut maps = MapBuilder::new(None, StringBuilder::new(), arrow::array::Int64Builder::new());
    for row in 0..4 {
        lists.values().values().append_value(format!("t{row}"));
        lists.values().append(row % 2 == 0);
        lists.append(row != 3);
        maps.keys().append_value("k");
        maps.values().append_option((row != 1).then_some(row));
        maps.append(row != 2).unwrap();
    }
    let zone = |name: &str| Some(Arc::<str>::from(name));
    let words: DictionaryArray<arrow::datatypes::Int8Type> =
        vec![Some("a"), None, Some("b"), Some("a")].into_iter().collect();
    let inner = StructArray::from(vec![(
        Arc::new(arrow::datatypes::Field::new("n", DataType::UInt64, true)),
        Arc::new(UInt64Array::from(vec![Some(u64::MAX), None, Some(1), Some(2)])) as ArrayRef,
    )]);
    let columns: Vec<(&str, ArrayRef)> = vec![
        ("cat", Arc::new(BooleanArray::from(vec![true, false, true, false]))),
        (
            "us",
            Arc::new(
                TimestampMicrosecondArray::from(vec![far, -far, 0, 1])
                    .with_timezone_opt(zone("Europe/Berlin")),
            ),
        ),
        (
            "ms",
            Arc::new(
                TimestampMillisecondArray::from(vec![far / 1000, 0, 1, 2]).with_timezone_opt(zone("+05:30")),
            ),
        ),
        ("naive", Arc::new(TimestampMillisecondArray::from(vec![1, 2, 3, 4]))),
        ("s", Arc::new(TimestampSecondArray::from(vec![1, 2, 3, 4]).with_timezone_opt(zone("UTC")))),
        ("date", Arc::new(Date32Array::from(vec![FAR, 0, -1, NEAR]))),
        ("time", Arc::new(Time64NanosecondArray::from(vec![1, 2, 3, 86_399_999_999_999]))),
        ("duration", Arc::new(DurationMillisecondArray::from(vec![1, 2, 3, 4]))),
        (
            "decimal",
            Arc::new(
                Decimal128Array::from(vec![i128::from(i64::MAX) * 1000, -1, 0, 5])
                    .with_precision_and_scale(30, 6)
                    .unwrap(),
            ),
        ),
        (
            "small",
            Arc::new(Decimal128Array::from(vec![12, -1, 0, 5]).with_precision_and_scale(5, 2).unwrap()),
        ),
        ("half", Arc::new(Float16Array::from(vec![half::f16::from_f32(0.5); 4]))),
        ("words", Arc::new(words)),
        ("large", Arc::new(LargeStringArray::from(vec![Some("ä"), None, Some(""), Some("x")]))),
        ("bytes", Arc::new(BinaryArray::from(vec![&b"\xff\x00"[..], b"", b"a", b"b"]))),
        (
            "fixed",
            Arc::new(
                FixedSizeBinaryArray::try_from_iter([b"abc", b"def", b"ghi", b"jkl"].into_iter()).unwrap(),
            ),
        ),
        ("nothing", Arc::new(NullArray::new(4))),
        ("lists", Arc::new(lists.finish())),
        ("maps", Arc::new(maps.finish())),
        ("inner", Arc::new(inner)),
        ("small_int", Arc::new(Int32Array::from(vec![Some(1), None, Some(3), Some(-4)]))),
        ("big", Arc::new(Int64Array::from(vec![i64::MIN, i64::MAX, 0, 1]))),
    ];
    crate::support::write(&place.path("data/a.parquet"), columns);
    let before = read(&place.path("data/a.parquet"));
    let after = copied(&place);
    for (field, same) in before.schema().fields().iter().zip(after.schema().fields()) {
        assert_eq!(field, same);
        let [column, copy] = [&before, &after].map(|batch| batch.column_by_name(field.name()).unwrap());
        assert_eq!(column, copy, "{}", field.name());
    }
}

#[test]
fn decimals_of_any_width_are_copied() {
    use parquet::data_type::{ByteArray, FixedLenByteArray};
    let place = Place::new();
    let message = "message m { required int32 cat; required binary a (DECIMAL(4, 2)); \
                   required fixed_len_byte_array(16) b (DECIMAL(10, 3)); }";
    let schema = Arc::new(parse_message_type(message).unwrap());
    std::fs::create_dir(place.path("data")).unwrap();
    let file = File::create(place.path("data/a.parquet")).unwrap();
    let mut writer = SerializedFileWriter::new(file, schema, Arc::default()).unwrap();
    let mut group = writer.next_row_group().unwrap();
    while let Some(mut writer) = group.next_column().unwrap() {
        match writer.untyped() {
            ColumnWriter::Int32ColumnWriter(writer) => writer.write_batch(&[1, 0], None, None),
            ColumnWriter::ByteArrayColumnWriter(writer) => writer.write_batch(
                &[ByteArray::from(vec![0x7b]), ByteArray::from(vec![0xff, 0x85])],
                None,
                None,
            ),
            ColumnWriter::FixedLenByteArrayColumnWriter(writer) => {
                let fixed = |number: i128| FixedLenByteArray::from(number.to_be_bytes().to_vec());
                writer.write_batch(&[fixed(1_234_567), fixed(-5)], None, None)
            }
            _ => unreachable!(),
        }
        .unwrap();
        writer.close().unwrap();
    }
    group.close().unwrap();
    writer.close().unwrap();
    let after = copied(&place);
    let before = read(&place.path("data/a.parquet"));
    assert_eq!((before.columns(), before.schema().fields()), (after.columns(), after.schema().fields()));
    let numbers = after.column(1).as_primitive::<arrow::datatypes::Decimal128Type>();
    assert_eq!(numbers.values().to_vec(), [123, -123]);
}
