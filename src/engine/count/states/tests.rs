use super::*;
use crate::counts::NameOrder;
use crate::engine::counting::Keys;
use crate::engine::counting::tests::counting;
use crate::engine::partial::tests::batches;
use crate::source::layout::LayoutKind;
use crate::source::shards::tests::{bits, shard};

struct Place {
    folder: tempfile::TempDir,
    file: PathBuf,
}

impl Place {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        Self { file: folder.path().join("new/states"), folder }
    }

    fn shard(&self, name: &str) -> Shard {
        shard(self.folder.path(), name, vec![("x", bits([true]))])
    }

    fn open(&self, full: bool) -> Result<States> {
        self.open_for(&class(), full)
    }

    fn open_for(&self, counting: &Counting, full: bool) -> Result<States> {
        States::open(&self.file, counting, &Schema::empty(), full)
    }

    /// A file of states with the counts of some shards.
    fn keep(&self, all: &[(&Shard, &[u8])]) {
        let mut states = self.open(false).unwrap();
        all.iter().for_each(|(shard, counts)| states.put(shard, counts).unwrap());
        states.finish(&all.iter().map(|(shard, _)| (*shard).clone()).collect::<Vec<_>>()).unwrap();
    }
}

fn class() -> Counting {
    counting(LayoutKind::Class, &["x"], Keys::Names(NameOrder::Name))
}

#[test]
fn counts_of_a_shard_are_there_again_until_it_changes() {
    let place = Place::new();
    let (a, b) = (place.shard("a.parquet"), place.shard("b.parquet"));
    place.keep(&[(&a, b"counts of a"), (&b, b"")]);
    let states = place.open(false).unwrap();
    assert_eq!([&a, &b].map(|shard| states.fate(shard)), [Fate::Reused; 2]);
    assert_eq!(states.get(&a).unwrap(), b"counts of a");
    assert_eq!(states.get(&b).unwrap(), b"");
    let changed = shard(place.folder.path(), "a.parquet", vec![("x", bits([true, false]))]);
    assert_eq!((states.fate(&changed), states.get(&changed)), (Fate::Changed, None));
    let new = place.shard("c.parquet");
    assert_eq!((states.fate(&new), states.get(&new)), (Fate::New, None));
    assert_eq!(states.removed(&[new, b.clone()]), [place.folder.path().join("a.parquet")]);
    assert_eq!(States::identities(&place.file), [a.identity(), b.identity()].into());
}

#[test]
fn counts_of_other_rules_and_of_a_full_run_are_not_used() {
    let place = Place::new();
    let a = place.shard("a.parquet");
    let fate = |counting: &Counting, full| {
        place.keep(&[(&a, b"counts")]);
        let states = place.open_for(counting, full).unwrap();
        (states.fate(&a), states.why_anew().is_some())
    };
    assert_eq!(fate(&class(), false), (Fate::Reused, false));
    assert_eq!(fate(&class(), true), (Fate::New, false));
    // How rows are read, and what is put in after counting, changes no count of a shard.
    let alike =
        Counting { engine: Engine::Plain, trust_statistics: true, num_rows: Some(9), part: true, ..class() };
    assert_eq!(fate(&alike, false), (Fate::Reused, false));
    let other = [
        Counting { filter: Some("x = 'a'".to_owned()), ..class() },
        Counting { by: vec!["x".to_owned()], ..class() },
        Counting { sample_weight: Some("w".to_owned()), ..class() },
        Counting { keys: Keys::Indices(None), ..class() },
        counting(LayoutKind::Class, &["y"], Keys::Names(NameOrder::Name)),
    ];
    for other in other {
        assert_eq!(fate(&other, false), (Fate::New, true), "{other:?}");
    }
}

#[test]
fn types_of_columns_count_only_where_groups_or_a_condition_read_them() {
    use arrow::datatypes::{DataType, Field};
    let schema = |other: DataType| {
        Schema::new(vec![Field::new("x", DataType::Utf8, true), Field::new("w", other, true)])
    };
    let (short, long) = (schema(DataType::Int32), schema(DataType::Int64));
    let same = |counting: &Counting| rules(counting, &short) == rules(counting, &long);
    assert!(same(&class()));
    assert!(!same(&Counting { filter: Some("w = 1".to_owned()), ..class() }));
    assert!(!same(&Counting { by: vec!["w".to_owned()], ..class() }));
    assert!(same(&Counting { by: vec!["x".to_owned()], ..class() }));
}

#[test]
fn what_was_cut_off_is_written_over_and_damaged_counts_are_none() {
    let place = Place::new();
    let (a, b) = (place.shard("a.parquet"), place.shard("b.parquet"));
    place.keep(&[(&a, b"counts of a"), (&b, b"counts of b")]);
    let whole = std::fs::read(&place.file).unwrap();
    let states = |bytes: &[u8]| {
        std::fs::write(&place.file, bytes).unwrap();
        place.open(false).unwrap()
    };
    for end in [whole.len() - 1, whole.len() - 20, whole.len() / 2 + 80] {
        let mut states = states(&whole[..end]);
        assert_eq!([&a, &b].map(|shard| states.fate(shard)), [Fate::Reused, Fate::New], "{end}");
        states.put(&b, b"counts of b").unwrap();
        drop(states);
        assert!(std::fs::read(&place.file).unwrap() == whole, "{end}");
    }
    let mut damaged = whole.clone();
    *damaged.last_mut().unwrap() ^= 1;
    let states = states(&damaged);
    assert_eq!(states.get(&b), None);
    assert_eq!(states.get(&a).unwrap(), b"counts of a");
}

#[test]
fn one_run_has_the_file_and_others_may_look() {
    let place = Place::new();
    let a = place.shard("a.parquet");
    place.keep(&[(&a, b"counts")]);
    let first = place.open(false).unwrap();
    let second = place.open(false).unwrap_err();
    assert!(matches!(second, Error::Output(_)) && second.to_string().contains("--state"), "{second}");
    let looked = States::look(&place.file, &class(), &Schema::empty()).unwrap();
    assert_eq!(looked.fate(&a), Fate::Reused);
    drop(first);
    place.open(false).unwrap();
    let nowhere = States::look(&place.folder.path().join("none"), &class(), &Schema::empty()).unwrap();
    assert_eq!(nowhere.fate(&a), Fate::New);
    assert!(!place.folder.path().join("none").exists());
}

#[test]
fn a_file_of_something_else_is_left_as_it_is() {
    let place = Place::new();
    place.keep(&[]);
    for text in ["{\"weights\": []}", "posweight shard states 9\n and more"] {
        std::fs::write(&place.file, text).unwrap();
        let error = place.open(true).unwrap_err();
        assert!(matches!(error, Error::Input(_)) && error.to_string().contains("--state"), "{error}");
        assert_eq!(std::fs::read_to_string(&place.file).unwrap(), text);
        assert!(States::identities(&place.file).is_empty());
    }
    // A run that was killed while it made the file has left a part of its first line, or nothing.
    for begun in [&MAGIC[..7], &[]] {
        std::fs::write(&place.file, begun).unwrap();
        place.open(false).unwrap();
    }
}

#[test]
fn a_file_that_is_mostly_of_other_shards_shrinks() {
    let place = Place::new();
    let (a, b) = (place.shard("a.parquet"), place.shard("b.parquet"));
    place.keep(&[(&a, &vec![7; 3 << 20]), (&b, b"counts of b")]);
    assert!(std::fs::metadata(&place.file).unwrap().len() > 3 << 20);
    place.open(false).unwrap().finish(std::slice::from_ref(&b)).unwrap();
    assert!(std::fs::metadata(&place.file).unwrap().len() < 1 << 10);
    let states = place.open(false).unwrap();
    assert_eq!((states.fate(&a), states.get(&b).unwrap()), (Fate::New, b"counts of b".to_vec()));
}

#[test]
fn partial_counts_come_back_as_they_were_kept_with_the_place_of_their_shard_now() {
    let by = [None, Some("train".to_owned())];
    let mass = MassTally { positives: Mass::from_units(-1), negatives: Mass::from_rows(u64::MAX) };
    let tally = Tally { positives: u64::MAX, negatives: 1, uncertain: 2, missing: 3, invalid: 4 };
    let rows = [
        PartialRow { by: &by, index: Some(7), tally, mass, skipped: 5, ..Default::default() },
        PartialRow { by: &by, name: Some("n\0é"), ..Default::default() },
        PartialRow {
            by: &by,
            shard: Some(9),
            index: Some(0),
            tally,
            example: Some("\"2\""),
            ..Default::default()
        },
    ];
    let mut bytes = Vec::new();
    batches(2, &rows).iter().try_for_each(|batch| encode(batch, 2, &mut bytes)).unwrap();
    let text = |row: &PartialRow<'_>| format!("{row:?}");
    let mut found = Vec::new();
    let each = |row: &PartialRow<'_>| {
        found.push(text(row));
        Ok(())
    };
    decode(&bytes, 3, each).unwrap();
    let now = |row: &PartialRow<'_>| text(row).replace("shard: Some(9)", "shard: Some(3)");
    assert_eq!(found, rows.iter().map(now).collect::<Vec<_>>());
    let error = decode(&bytes[..bytes.len() - 1], 3, |_| Ok(())).unwrap_err();
    assert!(error.remedy().unwrap().contains("--full"), "{error}");
}
