//! The labels of rows, with their place, are those that were written.
#![allow(clippy::cast_sign_loss, reason = "test helpers: a surprise is a failed test")]

use std::collections::BTreeMap;
use std::sync::Arc;

use arrow::array::{ArrayRef, BooleanArray, Int32Array, ListArray, StringArray};
use arrow::datatypes::Int32Type;
use posweight::engine::rows::{Block, Request, RowSink, read_rows, read_rows_in_order};
use posweight::engine::{GroupKey, Progress, count};
use posweight::error::{Error, Result};
use posweight::pipeline::machine::Machine;
use posweight::pipeline::opening::open_plan;
use posweight::pipeline::plan::Plan;

use crate::generate::Settings;
use crate::support::{Place, write_with};

/// Labels, unknown labels and group of a row; `None` when it does not meet the condition.
type Told = Option<(Vec<u32>, Vec<u32>, GroupKey)>;

struct Keep(Vec<(usize, u64, Told)>, Vec<GroupKey>);

impl Keep {
    fn add(&mut self, block: &Block) {
        for row in 0..block.rows() {
            let told = block.row(row);
            let told = told.map(|r| (r.positives.to_vec(), r.unknown.to_vec(), self.1[r.group].clone()));
            self.0.push((block.shard, block.first_row + row as u64, told));
        }
    }
}

impl RowSink for Keep {
    type Found = Self;

    fn take(&mut self, block: &mut Block) -> Result<()> {
        self.add(block);
        Ok(())
    }

    fn finish(self) -> Self {
        self
    }
}

/// The rows of `spec` as threads give them, in the order of their places; the same as they come in order.
fn told(place: &Place, spec: &str, threads: usize) -> BTreeMap<(usize, u64), Told> {
    let shards = place.path("in").display().to_string();
    let spec = format!("shards = {shards:?}\nout = 'out'\nthreads = {threads}\n{spec}");
    let spec = toml::from_str(&spec).unwrap();
    let plan = Plan::resolve(spec, Machine::here()).unwrap();
    let opened = open_plan(&plan).unwrap();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    let progress = Arc::new(Progress::default());
    runtime.block_on(async {
        let counting = opened.counting.clone();
        let counted = count(&opened.dataset, counting, &plan.limits, Arc::default(), None).await.unwrap();
        let mut groups: Vec<GroupKey> = counted.groups.into_iter().map(|(key, _)| key).collect();
        if groups.is_empty() {
            groups.push(Vec::new());
        }
        let request = Request {
            dataset: &opened.dataset,
            counting: &Arc::new(opened.counting.knowing(counted.total.labels())),
            groups: &groups,
            limits: &plan.limits,
            progress: &progress,
        };
        let found = read_rows(&request, || Keep(Vec::new(), groups.clone())).await.unwrap();
        let all = found.into_iter().flat_map(|keep| keep.0);
        let all: BTreeMap<_, _> = all.map(|(shard, row, told)| ((shard, row), told)).collect();
        let mut in_order = Keep(Vec::new(), groups.clone());
        read_rows_in_order(&request, |block| {
            in_order.add(block);
            Ok(())
        })
        .await
        .unwrap();
        let in_order = in_order.0.into_iter().map(|(shard, row, told)| ((shard, row), told));
        assert!(in_order.eq(all.clone()), "rows come in another order");
        assert_eq!(progress.rows(), 2 * all.len() as u64);
        all
    })
}

fn settings() -> Settings {
    Settings { group_rows: 7, page_rows: 3, ..Settings::plain() }
}

const ROWS: i32 = 40;

/// Whether a row meets a condition.
type Meets = fn(&str, i32) -> bool;

/// What row `row` of shard `shard` says of `label`.
fn cell(shard: i32, row: i32, label: i32) -> Option<bool> {
    let code = (row * 7 + label * 3 + shard * 5) % 11;
    (code != 0).then_some(code < 4)
}

fn wide(place: &Place) {
    for (shard, split) in [(0, "train"), (1, "test"), (2, "train")] {
        let column = |label| -> ArrayRef {
            Arc::new((0..ROWS).map(|row| cell(shard, row, label)).collect::<BooleanArray>())
        };
        let mut columns = vec![("a", column(0)), ("b", column(1)), ("c", column(2))];
        let kind: StringArray =
            (0..ROWS).map(|row| (row % 3 > 0).then_some(["x", "y"][row as usize % 2])).collect();
        columns.push(("kind", Arc::new(kind)));
        columns.push(("n", Arc::new((0..ROWS).collect::<Int32Array>())));
        write_with(
            &place.path(&format!("in/split={split}/{shard}.parquet")),
            columns,
            settings().properties().build(),
        );
    }
}

#[test]
fn wide_rows_keep_their_place_under_a_condition_and_in_groups() {
    let place = Place::new();
    wide(&place);
    // Folders come in the order of their names.
    let shards = [(1, "test"), (0, "train"), (2, "train")];
    let key = |split: &str, row: i32| -> GroupKey {
        vec![Some(split.to_owned()), (row % 3 > 0).then(|| ["x", "y"][row as usize % 2].to_owned())]
    };
    let cases: [(&str, bool, Meets); 4] = [
        ("", false, |_, _| true),
        ("where = \"n % 4 <> 1 and split <> 'none'\"", false, |_, row| row % 4 != 1),
        ("where = \"split = 'train'\"\nby = ['split', 'kind']", true, |split, _| split == "train"),
        ("where = \"kind = 'x' and n > 10\"\nby = ['split', 'kind']", true, |_, row| {
            row % 3 > 0 && row % 2 == 0 && row > 10
        }),
    ];
    for (spec, by, meets) in cases {
        let found = told(&place, &format!("layout = 'wide'\nlabels = ['a', 'b', 'c']\n{spec}"), 3);
        assert_eq!(found.len(), 120, "{spec}");
        for ((shard, row), told) in found {
            let (number, split) = shards[shard];
            let row = i32::try_from(row).unwrap();
            let with = |wanted: Option<bool>| -> Vec<u32> {
                (0..3).filter(|label| cell(number, row, *label) == wanted).map(|l| l as u32).collect()
            };
            let expected = meets(split, row)
                .then(|| (with(Some(true)), with(None), if by { key(split, row) } else { vec![] }));
            assert_eq!(told, expected, "{spec}: shard {number}, row {row}");
        }
    }
}

#[test]
fn lists_vectors_and_values_are_sets() {
    let rows: [Option<&[i32]>; 9] = [
        Some(&[2, 0, 2]),
        None,
        Some(&[]),
        Some(&[3]),
        Some(&[1, 1]),
        None,
        None,
        Some(&[0, 1, 2, 3]),
        Some(&[]),
    ];
    let all = vec![0, 1, 2, 3];
    let sets = rows.map(|row| {
        let set =
            row.map(|labels| labels.iter().map(|l| *l as u32).collect::<std::collections::BTreeSet<_>>());
        (set.iter().flatten().copied().collect::<Vec<_>>(), if row.is_none() { all.clone() } else { vec![] })
    });
    let lists = |of: fn(&[i32]) -> Vec<Option<i32>>| -> ArrayRef {
        let rows = rows.map(|row| row.map(of));
        Arc::new(ListArray::from_iter_primitive::<Int32Type, _, _>(rows))
    };
    let texts: StringArray = rows
        .map(|row| row.map(|labels| labels.iter().map(|l| format!("n{l}")).collect::<Vec<_>>().join("|")))
        .into_iter()
        .collect();
    let vector = |labels: &[i32]| (0..4).map(|l| Some(i32::from(labels.contains(&l)))).collect::<Vec<_>>();
    let columns: [(&str, ArrayRef); 3] = [
        ("layout = 'list'\nnum_labels = 4", lists(|labels| labels.iter().map(|l| Some(*l)).collect())),
        ("layout = 'vector'", lists(vector)),
        ("layout = 'delimited'\ndelimiter = '|'", Arc::new(texts)),
    ];
    for (spec, column) in columns {
        let place = Place::new();
        let settings = Settings { group_rows: 4, ..settings() };
        write_with(&place.path("in/a.parquet"), vec![("y", column)], settings.properties().build());
        let found = told(&place, &format!("labels = 'y'\n{spec}"), 2);
        let found = found.into_values().map(|told| told.map(|(positives, unknown, _)| (positives, unknown)));
        assert!(found.eq(sets.clone().map(Some)), "{spec}");
    }
}

#[test]
fn who_takes_rows_may_end_the_reading() {
    struct Refuses;
    impl RowSink for Refuses {
        type Found = ();

        fn take(&mut self, block: &mut Block) -> Result<()> {
            if block.first_row > 20 { Err(Error::usage("enough")) } else { Ok(()) }
        }

        fn finish(self) {}
    }
    let place = Place::new();
    wide(&place);
    let shards = place.path("in").display().to_string();
    let spec = format!("shards = {shards:?}\nout = 'out'\nlayout = 'wide'\nlabels = ['a', 'b', 'c']");
    let plan = Plan::resolve(toml::from_str(&spec).unwrap(), Machine::here()).unwrap();
    let opened = open_plan(&plan).unwrap();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    let request = Request {
        dataset: &opened.dataset,
        counting: &Arc::new(opened.counting.clone()),
        groups: &[Vec::new()],
        limits: &plan.limits,
        progress: &Arc::default(),
    };
    let refused = runtime.block_on(read_rows(&request, || Refuses)).unwrap_err();
    assert_eq!(refused.to_string(), "enough");
    let mut rows = 0;
    let refused = runtime.block_on(read_rows_in_order(&request, |block| {
        rows += block.rows();
        if rows > 30 { Err(Error::usage("enough")) } else { Ok(()) }
    }));
    assert_eq!((refused.unwrap_err().to_string(), rows), ("enough".to_owned(), 35));
}
