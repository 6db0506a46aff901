use insta::assert_snapshot;

use super::*;
use crate::counts::NameOrder;
use crate::engine::counting::Keys;
use crate::engine::counting::tests::counting;
use crate::engine::dataset::tests::dataset;
use crate::engine::task::tests::{task, text};
use crate::source::layout::LayoutKind;

#[tokio::test]
async fn arrays_of_pairs_are_a_scan_with_a_filter() {
    let folder = tempfile::tempdir().unwrap();
    let mut long = counting(LayoutKind::Long, &["name"], Keys::Names(NameOrder::Name));
    long.layout.id = Some("id".to_owned());
    long.layout.value = Some("x".to_owned());
    long.by = vec!["split".to_owned()];
    long.filter = Some("y".to_owned());
    let (dataset, task) = (dataset(folder.path()), task(long));
    let plan = plan(&task.context, &dataset, &task.counting, 2, &[]).await.unwrap();
    assert_snapshot!(text(plan.as_ref(), folder.path()), @r"
    ProjectionExec: expr=[id@0 as id, name@1 as label, x@2 as value, split@3 as by_0, __posweight_shard@4 as __posweight_shard]
      FilterExec: y@1, projection=[id@2, name@3, x@0, split@4, __posweight_shard@5]
        GuardedExec
          DataSourceExec: file_groups={2 groups: [[FOLDER/split=test/a.parquet:0..BYTES], [FOLDER/split=train/a.parquet:0..BYTES]]}, projection=[x, y, id, name, split, __posweight_shard], file_type=parquet, predicate=y@1, pruning_predicate=y_min@0 OR y_max@1, required_guarantees=[]
    ");
}

/// Adds the rows of a batch to sums by group and name.
#[cfg(feature = "cluster")]
fn add(sums: &mut std::collections::BTreeMap<String, u64>, batch: &RecordBatch) -> Result<()> {
    crate::engine::partial::read(batch, 1, |row| {
        let counts = [("yes", row.tally.positives), ("no", row.tally.negatives), ("?", row.tally.missing)];
        for (side, count) in counts {
            *sums.entry(format!("{:?} {:?} {side}", row.by, row.name)).or_default() += count;
        }
        Ok(())
    })
}

#[cfg(feature = "cluster")]
#[tokio::test]
async fn pairs_in_blocks_are_counted_to_the_same() {
    use std::collections::BTreeMap;

    use crate::engine::pairs::blocks::BlockCounter;

    let folder = tempfile::tempdir().unwrap();
    let mut long = counting(LayoutKind::Long, &["name"], Keys::Names(NameOrder::Name));
    long.layout.id = Some("id".to_owned());
    long.by = vec!["split".to_owned()];
    let (dataset, task) = (dataset(folder.path()), task(long));
    for kept in [None, Some(&[true, true][..])] {
        let mut expected = BTreeMap::new();
        count(&task, &dataset, kept, &mut |batch| add(&mut expected, batch)).await.unwrap();
        assert_eq!(expected["[Some(\"test\")] Some(\"cat\") yes"], 2);
        for parts in [1, 4] {
            let new =
                || BlockCounter::new(&task.counting, &DataType::Int32, (6, parts), 1 << 20, &task.spill);
            let mut counters: Vec<_> = std::iter::repeat_with(new).take(parts).collect();
            let mut next = blocks(&task, &dataset, kept, parts).await.unwrap();
            while let Some((part, block)) = next().unwrap() {
                let counter = &mut counters[usize::try_from(part).unwrap()];
                assert!(counter.add(&block[..block.len() - 1]).is_err());
                counter.add(&block).unwrap();
            }
            let mut found = BTreeMap::new();
            for counter in counters {
                counter.finish(&mut |batch| add(&mut found, batch)).unwrap();
            }
            assert_eq!(found, expected, "{parts} parts");
        }
    }
}
