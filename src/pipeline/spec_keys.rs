//! What each key of a pipeline file decides, in one table: for calls in queries, for counts that are merged, and for
//! results that are applied.

use Decides::{Kind, Names, Place, Results, Rows, Run, Source, Values, Weights};

/// What a key decides.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Decides {
    /// Which shards are read.
    Source,
    /// Where the labels of a row are.
    Place,
    /// Where the labels of a row are, and what counts mean.
    Kind,
    /// Names of labels, or how they are counted: no count and no label of a row changes.
    Names,
    /// What a value means.
    Values,
    /// Which rows are counted, and how often each.
    Rows,
    /// How counts become weights.
    Weights,
    /// What else is made of the rows that are counted.
    Results,
    /// How a run goes on.
    Run,
}

/// A key of a pipeline file.
#[derive(Debug, Clone, Copy)]
struct SpecKey {
    name: &'static str,
    decides: Decides,
    /// Whether a call in a query, such as `label_counts(…)`, accepts it.
    in_calls: bool,
}

const fn key(name: &'static str, decides: Decides) -> SpecKey {
    SpecKey { name, decides, in_calls: true }
}

const fn of_runs(name: &'static str, decides: Decides) -> SpecKey {
    SpecKey { name, decides, in_calls: false }
}

const KEYS: [SpecKey; 79] = [
    of_runs("shards", Source),
    key("as_files", Source),
    key("table_version", Source),
    key("table_timestamp", Source),
    of_runs("query", Rows),
    key("layout", Names),
    key("unit", Kind),
    key("labels", Place),
    key("id", Place),
    key("value", Place),
    key("delimiter", Place),
    key("vocabulary", Names),
    key("num_labels", Place),
    key("ancestors", Values),
    key("num_rows", Results),
    key("label_kind", Kind),
    key("positive_values", Values),
    key("negative_values", Values),
    key("missing_values", Values),
    key("uncertain_values", Values),
    key("uncertain_as", Values),
    key("threshold", Values),
    key("soft", Values),
    key("null_as", Values),
    key("trim", Values),
    key("ignore_case", Values),
    key("order", Results),
    key("missing_columns", Place),
    key("sample_weight", Rows),
    key("by", Results),
    key("scheme", Weights),
    key("epsilon", Weights),
    key("power", Weights),
    key("clip", Weights),
    key("normalize", Weights),
    key("zero_positives", Weights),
    key("zero_negatives", Weights),
    key("min_positives", Weights),
    key("compat", Weights),
    key("row_measures", Results),
    key("num_features", Results),
    key("engine", Names),
    key("trust_statistics", Names),
    key("where", Rows),
    of_runs("batch_size", Weights),
    of_runs("plan", Results),
    of_runs("groups", Results),
    of_runs("fold_column", Results),
    of_runs("seed", Results),
    of_runs("epoch", Results),
    of_runs("materialize", Results),
    of_runs("dry_run", Results),
    of_runs("allow_empty", Run),
    of_runs("out", Run),
    of_runs("overwrite", Run),
    of_runs("state", Run),
    of_runs("full", Run),
    of_runs("on_bad_shard", Run),
    of_runs("max_bad_shards", Run),
    of_runs("shard_index", Run),
    of_runs("shard_count", Run),
    of_runs("formats", Run),
    of_runs("format", Run),
    of_runs("ids_disjoint", Run),
    of_runs("against", Run),
    of_runs("memory_limit", Run),
    of_runs("threads", Run),
    of_runs("spill_dir", Run),
    of_runs("spill_limit", Run),
    of_runs("cluster", Run),
    of_runs("token_file", Run),
    of_runs("retries", Run),
    of_runs("publish_on_check_failure", Run),
    of_runs("summary_json", Run),
    of_runs("metrics_textfile", Run),
    of_runs("openlineage", Run),
    of_runs("skip_exit_code", Run),
    of_runs("checks", Run),
    of_runs("label", Run),
];

/// Keys that a call in a query accepts.
pub(super) fn keys_of_calls() -> impl Iterator<Item = &'static str> {
    KEYS.iter().filter(|key| key.in_calls).map(|key| key.name)
}

/// Keys that say how counts are weighed.
pub(crate) fn weighings() -> impl Iterator<Item = &'static str> {
    of(|decides| decides == Weights)
}

/// Keys that say what counts mean: counts of results that differ in them do not mean the same.
pub(super) fn meanings() -> impl Iterator<Item = &'static str> {
    of(|decides| matches!(decides, Kind | Values | Rows))
}

/// Whether a key says where labels are: that of another layout is of no use.
pub(super) fn is_of_layout(name: &str) -> bool {
    of(|decides| matches!(decides, Place | Kind)).any(|key| key == name)
}

/// Whether a key says how counts are made into results, or which rows are counted: it does not say what a label of a
/// row is.
pub(super) fn is_not_of_labels(name: &str) -> bool {
    of(|decides| matches!(decides, Rows | Weights | Results)).any(|key| key == name)
}

fn of(is: impl Fn(Decides) -> bool) -> impl Iterator<Item = &'static str> {
    KEYS.iter().filter(move |key| is(key.decides)).map(|key| key.name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pipeline::parsing::keys;
    use crate::pipeline::spec::Spec;

    #[test]
    fn every_key_of_a_spec_has_one_row() {
        let mut rows: Vec<&str> = KEYS.iter().map(|key| key.name).collect();
        rows.sort_unstable();
        let mut keys = keys::<Spec>();
        keys.sort_unstable();
        assert_eq!(keys, rows);
    }
}
