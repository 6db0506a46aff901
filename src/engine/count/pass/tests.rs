use insta::assert_snapshot;

use super::*;
use crate::engine::counting::tests::{counting, labels};
use crate::engine::counting::{Engine, Keys};
use crate::engine::dataset::tests::dataset;
use crate::engine::task::tests::{task, text};

/// The plan of partial counts of layout `wide`, and why it is not of pages.
async fn plan(change: impl FnOnce(&mut Counting)) -> (String, Option<String>) {
    let folder = tempfile::tempdir().unwrap();
    let mut wide = counting(LayoutKind::Wide, &["x", "y"], Keys::Positions(labels(&["x", "y"])));
    change(&mut wide);
    let (dataset, task) = (dataset(folder.path()), task(wide));
    let choice = choose(&task.context, &dataset, &task.counting).await.unwrap();
    let why = if let EngineChoice::Plain(why) = &choice { Some(why.clone()) } else { None };
    let partial = PartialPlan::new(&task, &dataset, choice).await.unwrap();
    (text(partial.plan.as_ref(), folder.path()), why)
}

#[tokio::test]
async fn pages_of_all_shards_are_one_source() {
    let (plan, why) = plan(|_| {}).await;
    assert_eq!(why, None);
    assert_snapshot!(plan, @"DataSourceExec: file_groups={2 groups: [[FOLDER/split=test/a.parquet:0..BYTES], [FOLDER/split=train/a.parquet:0..BYTES]]}, projection=[shard, label_index, label, positives, negatives, uncertain, missing, invalid, positives_mass, negatives_mass, skipped, example], file_type=parquet label counts, layout=wide, labels=2");
}

#[tokio::test]
async fn a_condition_on_folders_leaves_shards_out_and_reads_pages() {
    let (plan, why) = plan(|wide| wide.filter = Some("split = 'train'".to_owned())).await;
    assert_eq!(why, None);
    assert_snapshot!(plan, @"DataSourceExec: file_groups={1 group: [[FOLDER/split=train/a.parquet:0..BYTES]]}, projection=[shard, label_index, label, positives, negatives, uncertain, missing, invalid, positives_mass, negatives_mass, skipped, example], file_type=parquet label counts, layout=wide, labels=2");
}

#[tokio::test]
async fn conditions_groups_and_weights_of_columns_read_pages() {
    let (plan, why) = plan(|wide| {
        wide.filter = Some("id > 1 and split = 'train'".to_owned());
        wide.sample_weight = Some("id".to_owned());
        wide.by = vec!["split".to_owned(), "name".to_owned()];
    })
    .await;
    assert_eq!(why, None);
    assert!(plan.contains("file_type=parquet label counts"), "{plan}");
}

#[tokio::test]
async fn a_condition_on_columns_filters_rows_of_arrays() {
    let (plan, why) = plan(|wide| {
        wide.engine = Engine::Plain;
        wide.filter = Some("id > 1 and split = 'train'".to_owned());
    })
    .await;
    assert_eq!(why.unwrap(), "--engine plain");
    assert_snapshot!(plan, @r"
    PartialCountsExec: layout=wide, labels=2
      ProjectionExec: expr=[x@0 as label_0, y@1 as label_1, __posweight_shard@2 as __posweight_shard]
        FilterExec: id@2 > 1 AND split@3 = train, projection=[x@0, y@1, __posweight_shard@4]
          GuardedExec
            DataSourceExec: file_groups={2 groups: [[FOLDER/split=test/a.parquet:0..BYTES], [FOLDER/split=train/a.parquet:0..BYTES]]}, projection=[x, y, id, split, __posweight_shard], file_type=parquet, predicate=id@2 > 1 AND split@4 = train, pruning_predicate=id_null_count@1 != row_count@2 AND id_max@0 > 1 AND split_null_count@5 != row_count@2 AND split_min@3 <= train AND train <= split_max@4, required_guarantees=[split in (train)]
    ");
}

#[tokio::test]
async fn weights_and_groups_are_columns_beside_the_labels() {
    let (plan, why) = plan(|wide| {
        wide.engine = Engine::Plain;
        wide.sample_weight = Some("id".to_owned());
        wide.by = vec!["split".to_owned(), "name".to_owned()];
    })
    .await;
    assert_eq!(why.unwrap(), "--engine plain");
    assert_snapshot!(plan, @r"
    PartialCountsExec: layout=wide, labels=2
      GuardedExec
        DataSourceExec: file_groups={2 groups: [[FOLDER/split=test/a.parquet:0..BYTES], [FOLDER/split=train/a.parquet:0..BYTES]]}, projection=[x@0 as label_0, y@1 as label_1, CAST(id@2 AS Float64) as weight, split@4 as by_0, name@3 as by_1, __posweight_shard], file_type=parquet
    ");
}
