//! Whether rows are read from encoded pages or as arrays.

use datafusion::prelude::SessionContext;

use crate::engine::counting::{Counting, Engine, Keys};
use crate::engine::dataset::Dataset;
use crate::engine::read::hive;
use crate::engine::read::routes::{ColumnRoute, Route};
use crate::error::{Error, Result};
use crate::source::layout::LayoutKind;
use crate::source::values::NullAs;

/// How rows are counted: from encoded pages of the shards that are kept, or from arrays because of this.
#[derive(Debug, Clone)]
pub(crate) enum EngineChoice {
    Encoded(Vec<bool>),
    Plain(String),
}

impl EngineChoice {
    /// The shards that are read from encoded pages, if any are.
    pub(crate) fn kept(&self) -> Option<&[bool]> {
        match self {
            Self::Encoded(kept) => Some(kept),
            Self::Plain(_) => None,
        }
    }

    /// The account of it, with how each column was read.
    pub(crate) fn route(self, columns: Vec<ColumnRoute>) -> Route {
        match self {
            Self::Encoded(_) => Route { engine: "encoded", why: None, columns },
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
    if counting.engine == Engine::Plain {
        return Ok(EngineChoice::Plain("--engine plain".to_owned()));
    }
    if let Some(why) = why_not(counting, dataset) {
        return Ok(EngineChoice::Plain(why));
    }
    let Some(condition) = &counting.filter else {
        return Ok(EngineChoice::Encoded(vec![true; dataset.shards.len()]));
    };
    Ok(match hive::kept(context, dataset, condition).await? {
        Some(kept) => EngineChoice::Encoded(kept),
        None => EngineChoice::Plain("--where asks for columns of the files, which needs rows".to_owned()),
    })
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
    if counting.sample_weight.is_some() {
        return Some("--sample-weight needs rows".to_owned());
    }
    if counting.has_mass() {
        return Some("--soft adds up values, not rows".to_owned());
    }
    if let Some(domain) = counting.domains().find(|domain| domain.null_as != NullAs::Missing) {
        return Some(format!("NULL and NaN count as {}", domain.null_as.as_str()));
    }
    let column = counting.by.iter().find(|by| !dataset.hive.contains(by))?;
    Some(format!("--by {column} is a column of the files, which needs rows"))
}
