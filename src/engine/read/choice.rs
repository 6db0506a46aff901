//! Whether rows are read from encoded pages or as arrays.

use datafusion::common::tree_node::TreeNode;
use datafusion::dataframe::DataFrame;
use datafusion::logical_expr::{Expr, Volatility};
use datafusion::prelude::SessionContext;

use crate::counts::CountUnit;
use crate::engine::counting::{Counting, Engine, Keys};
use crate::engine::dataset::Dataset;
use crate::engine::errors::ours;
use crate::engine::read::chunk_source::RowQuestions;
use crate::engine::read::condition::Condition;
use crate::engine::read::condition_text::parsed;
use crate::engine::read::hive;
use crate::engine::read::routes::{ColumnRoute, Route};
use crate::engine::read::rows::rows;
use crate::error::{Error, Result};
use crate::source::layout::LayoutKind;
use crate::source::unknown_as::NullAs;

/// How rows are read: from encoded pages of the shards that are kept, or as arrays because of this.
#[derive(Debug, Clone)]
pub(crate) enum EngineChoice {
    Encoded(Vec<bool>),
    /// From encoded pages of all shards, of rows that meet a condition, or in groups, by columns of the files.
    Masked,
    Plain(String),
}

impl EngineChoice {
    /// The shards that are read from encoded pages, if any are.
    pub(crate) fn kept(&self) -> Option<&[bool]> {
        match self {
            Self::Encoded(kept) => Some(kept),
            Self::Masked | Self::Plain(_) => None,
        }
    }

    /// The account of it, with how each column was read.
    pub(crate) fn route(self, columns: Vec<ColumnRoute>) -> Route {
        match self {
            Self::Encoded(_) | Self::Masked => Route { engine: "encoded", why: None, columns },
            Self::Plain(why) => Route { engine: "plain", why: Some(why), columns },
        }
    }
}

/// How rows of `dataset` are read.
///
/// # Errors
/// [`Error::Usage`] where `--engine encoded` asks for what pages cannot give.
pub(crate) async fn choose(
    context: &SessionContext,
    dataset: &Dataset,
    counting: &Counting,
) -> Result<EngineChoice> {
    match fastest(context, dataset, counting).await? {
        EngineChoice::Plain(why) if counting.engine == Engine::Encoded => {
            Err(Error::usage(format!("--engine encoded: {why}"))
                .hint("use --engine auto, which reads arrays where it has to"))
        }
        choice => Ok(choice),
    }
}

/// The same, with arrays wherever pages cannot give what is asked for.
pub(crate) async fn fastest(
    context: &SessionContext,
    dataset: &Dataset,
    counting: &Counting,
) -> Result<EngineChoice> {
    if dataset.coming.is_some() {
        return Ok(EngineChoice::Plain("rows of a stream are counted as they come".to_owned()));
    }
    if counting.engine == Engine::Plain {
        return Ok(EngineChoice::Plain("--engine plain".to_owned()));
    }
    if let Some(why) = why_not(counting, dataset) {
        return Ok(EngineChoice::Plain(why));
    }
    let Some(condition) = &counting.filter else {
        return Ok(match by_column(dataset, counting) {
            Some(_) => EngineChoice::Masked,
            None => EngineChoice::Encoded(vec![true; dataset.shards.len()]),
        });
    };
    Ok(match hive::kept(context, dataset, condition).await? {
        Some(kept) if by_column(dataset, counting).is_none() => EngineChoice::Encoded(kept),
        Some(_) => EngineChoice::Masked,
        None if counting.layout.kind != LayoutKind::Long && is_condition(context, dataset, counting)? => {
            EngineChoice::Masked
        }
        None => EngineChoice::Plain("--where asks for columns of the files, which needs rows".to_owned()),
    })
}

/// Whether this is a condition; where it is none, the plain path says what is wrong.
fn is_condition(context: &SessionContext, dataset: &Dataset, counting: &Counting) -> Result<bool> {
    let all = Counting { filter: None, ..counting.clone() };
    let Some(condition) = &counting.filter else { return Ok(true) };
    let table = rows(context, dataset, &all, 1, &[])?;
    let Ok(expression) = parsed(&table, dataset, condition) else { return Ok(false) };
    Ok(table.filter(expression).and_then(DataFrame::into_optimized_plan).is_ok())
}

/// Refuses a condition that says something else of the same row in another run, because it asks for the time or for
/// random values: counts that one run saves would be wrong in the next.
pub(crate) fn check_repeatable(
    context: &SessionContext,
    dataset: &Dataset,
    counting: &Counting,
) -> Result<()> {
    let Some(condition) = &counting.filter else { return Ok(()) };
    let all = Counting { filter: None, ..counting.clone() };
    // Only the columns are needed: row groups of shards with saved counts were not read.
    let table = rows(context, &dataset.with(Vec::new()), &all, 1, &[])?;
    // Where it is no condition at all, counting says what is wrong.
    let Ok(expression) = table.parse_sql_expr(condition) else { return Ok(()) };
    let changes = |part: &Expr| match part {
        Expr::ScalarFunction(call) => call.func.signature().volatility != Volatility::Immutable,
        _ => false,
    };
    let found = expression.exists(|part| Ok(changes(part))).map_err(|cause| ours(&cause))?;
    if !found {
        return Ok(());
    }
    Err(Error::usage(format!(
        "--where {condition:?} asks for the time or for random values, so counts of another run or job do not hold"
    ))
    .hint("write the date into --where, such as \"day >= '2026-01-31'\"; or drop --state, --skip-exit-code and --shard-count"))
}

/// Why rows have to be read as arrays; `None` when pages can be counted. What a condition needs is not
/// asked here: see [`hive`].
fn why_not(counting: &Counting, dataset: &Dataset) -> Option<String> {
    let layout = &counting.layout;
    let columns = layout.labels.iter().chain(&layout.id).chain(&layout.value);
    if layout.kind == LayoutKind::Long
        && let Some(folder) = columns.into_iter().find(|name| dataset.schema.field_with_name(name).is_err())
    {
        return Some(format!("{folder} is no column of the files"));
    }
    if let Some(key) = layout.labels.iter().find(|name| dataset.hive.contains(name)) {
        return Some(format!("{key} is a key of folders, no column of the files"));
    }
    if counting.ancestors.is_some() && matches!(counting.keys, Keys::Positions(_)) {
        return Some("--ancestors joins the cells of a row".to_owned());
    }
    if layout.has_heads() {
        return Some("a row has a label of each of several columns".to_owned());
    }
    if counting.has_soft() {
        if !matches!(layout.kind, LayoutKind::Wide | LayoutKind::Vector) {
            return Some("--soft adds up values, not rows".to_owned());
        }
        if counting.sample_weight.is_some() {
            return Some("--sample-weight weighs the values of --soft".to_owned());
        }
    }
    if let Some(weight) = &counting.sample_weight {
        let column = dataset.schema.field_with_name(weight);
        let is_row_by_row = matches!(layout.kind, LayoutKind::Long | LayoutKind::Map);
        let is_own = layout.kind == LayoutKind::Vector && !counting.overrides.is_empty();
        if is_row_by_row || is_own || counting.unit != CountUnit::Row {
            return Some("--sample-weight needs rows".to_owned());
        }
        if !column.is_ok_and(|column| column.data_type().is_numeric()) {
            return Some(format!("--sample-weight {weight} is no column of numbers of the files"));
        }
    }
    if let Some(domain) = counting.domains().find(|domain| domain.null_as != NullAs::Missing) {
        return Some(format!("NULL and NaN count as {}", domain.null_as.as_str()));
    }
    let column = by_column(dataset, counting).filter(|_| layout.kind == LayoutKind::Long)?;
    Some(format!("--by {column} is a column of the files, which needs rows"))
}

/// The first column of `--by` that is none of the folders.
fn by_column<'c>(dataset: &Dataset, counting: &'c Counting) -> Option<&'c String> {
    counting.by.iter().find(|by| !dataset.hive.contains(by))
}

/// What is asked of rows beside their labels, where they are read from pages by `choice`.
pub(crate) fn questions(
    context: &SessionContext,
    dataset: &Dataset,
    counting: &Counting,
    choice: &EngineChoice,
) -> Result<RowQuestions> {
    let is_masked = matches!(choice, EngineChoice::Masked);
    Ok(RowQuestions {
        condition: if is_masked { Condition::of(context, dataset, counting)? } else { None },
        weight: counting.sample_weight.clone(),
        by: if by_column(dataset, counting).is_some() { counting.by.clone() } else { Vec::new() },
    })
}
