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
