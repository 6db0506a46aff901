use insta::assert_snapshot;

use super::*;
use crate::counts::NameOrder;
use crate::engine::count::pass::PartialPlan;
use crate::engine::counting::tests::counting;
use crate::engine::dataset::tests::dataset;
use crate::engine::read::choice::choose;
use crate::engine::task::tests::{task, text};
use crate::source::layout::LayoutKind;

#[tokio::test]
async fn names_are_merged_by_a_group_by() {
    let folder = tempfile::tempdir().unwrap();
    let mut class = counting(LayoutKind::Class, &["name"], Keys::Names(NameOrder::Name));
    class.by = vec!["split".to_owned()];
    let (dataset, task) = (dataset(folder.path()), task(class));
    let choice = choose(&task.context, &dataset, &task.counting).await.unwrap();
    let partial = PartialPlan::new(&task, &dataset, choice).await.unwrap();
    let merged = merge_names(&task.context, Arc::clone(&partial.plan), &task.counting).unwrap();
    let plan = merged.create_physical_plan().await.unwrap();
    assert_snapshot!(text(plan.as_ref(), folder.path()), @r"
    ProjectionExec: expr=[by_0@0 as by_0, shard@11 as shard, NULL as label_index, label@1 as label, positives@2 as positives, negatives@3 as negatives, uncertain@4 as uncertain, missing@5 as missing, invalid@6 as invalid, positives_mass@7 as positives_mass, negatives_mass@8 as negatives_mass, skipped@9 as skipped, example@10 as example]
      AggregateExec: mode=Final, gby=[by_0@0 as by_0, label@1 as label], aggr=[sum(?table?.positives) as positives, sum(?table?.negatives) as negatives, sum(?table?.uncertain) as uncertain, sum(?table?.missing) as missing, sum(?table?.invalid) as invalid, sum(?table?.positives_mass) as positives_mass, sum(?table?.negatives_mass) as negatives_mass, sum(?table?.skipped) as skipped, min(?table?.example) as example, min(?table?.shard) as shard]
        CoalescePartitionsExec
          AggregateExec: mode=Partial, gby=[by_0@0 as by_0, label@2 as label], aggr=[sum(?table?.positives) as positives, sum(?table?.negatives) as negatives, sum(?table?.uncertain) as uncertain, sum(?table?.missing) as missing, sum(?table?.invalid) as invalid, sum(?table?.positives_mass) as positives_mass, sum(?table?.negatives_mass) as negatives_mass, sum(?table?.skipped) as skipped, min(?table?.example) as example, min(?table?.shard) as shard]
            ProjectionExec: expr=[by_0@0 as by_0, shard@1 as shard, label@3 as label, positives@4 as positives, negatives@5 as negatives, uncertain@6 as uncertain, missing@7 as missing, invalid@8 as invalid, positives_mass@9 as positives_mass, negatives_mass@10 as negatives_mass, skipped@11 as skipped, example@12 as example]
              DataSourceExec: file_groups={2 groups: [[FOLDER/split=test/a.parquet:0..BYTES], [FOLDER/split=train/a.parquet:0..BYTES]]}, projection=[by_0, shard, label_index, label, positives, negatives, uncertain, missing, invalid, positives_mass, negatives_mass, skipped, example], file_type=parquet label counts, layout=class, labels=1
    ");
}
