//! `--ancestors`: which layouts and labels it fits.

use std::borrow::Cow;
use std::collections::HashSet;
use std::sync::Arc;

use super::count_plan::CountPlan;
use crate::counts::{LabelCounts, Labels, Tally};
use crate::engine::counting::{Counting, Keys};
use crate::error::{Error, Result, there_are};
use crate::source::ancestors::Ancestors;
use crate::source::layout::{Layout, LayoutKind};
use crate::source::spelling::Spelling;
use crate::source::values::Value;
use crate::source::vocabulary::nearest;

/// The ancestors of labels that the plan names.
///
/// # Errors
/// [`Error::Usage`] for a layout whose labels have values, and for soft labels; [`Error::Input`] for a file that cannot be read,
/// and for names that are not among the labels.
pub(super) fn ancestors(plan: &CountPlan, layout: &Layout, keys: &Keys) -> Result<Option<Arc<Ancestors>>> {
    let Some(file) = &plan.ancestors else { return Ok(None) };
    if layout.kind == LayoutKind::Map {
        return Err(Error::usage("--ancestors does not apply to layout map, whose labels have a value each").hint(
            "store the names of the labels of a row in one column, as layouts list and delimited read them",
        ));
    }
    if plan.domain.soft || plan.label_domains.values().any(|domain| domain.soft) {
        return Err(Error::usage("--ancestors and --soft: nothing gives the value of an ancestor")
            .hint("make soft labels 0 or 1 with --threshold 0.5, or write the ancestors into the shards"));
    }
    if plan.domain.spelling.ignore_case && matches!(keys, Keys::Names(_) | Keys::Indices(_)) {
        return Err(Error::usage("--ancestors and --ignore-case: nothing gives the spelling of ancestors")
            .hint("give the names of all labels with --vocabulary"));
    }
    let mut all = Ancestors::read(file, plan.domain.spelling)?;
    check(&all, keys, plan.domain.spelling).map_err(|error| error.at(format!("--ancestors {file}")))?;
    // Where labels have values, those are declared missing.
    if !matches!(keys, Keys::Positions(_)) && layout.value.is_none() {
        all.leave_out(|name| plan.domain.is_missing(&Value::Text(name)));
    }
    Ok(Some(Arc::new(all)))
}

/// What is odd about a hierarchy none of whose labels was found below an ancestor.
pub(super) fn unused(plan: &CountPlan, counting: &Counting, counts: &LabelCounts) -> Option<String> {
    let (Some(file), Some(all)) = (&plan.ancestors, &counting.ancestors) else { return None };
    let has_parent = |labels: &Labels, tallies: &[Tally]| {
        let mut found = labels.iter().zip(tallies).filter(|(_, tally)| tally.positives > 0);
        found.any(|(name, _)| !all.of_label(name).is_empty())
    };
    // One file may be about the labels of one head alone, which have its column before their names.
    let of_heads = counts.heads().iter();
    let mut heads = of_heads.filter_map(|head| Some((counts.labels_alone(head).ok()?, head.range())));
    let is_used = if counts.heads().is_empty() {
        has_parent(counts.labels(), counts.tallies())
    } else {
        heads.any(|(labels, range)| has_parent(&labels, &counts.tallies()[range]))
    };
    (!is_used).then(|| format!("--ancestors {file}: no label in the shards has a parent in this file"))
}

/// Every name must be a label, where labels are known.
fn check(all: &Ancestors, keys: &Keys, spelling: Spelling) -> Result<()> {
    let known: HashSet<Cow<'_, str>> = match keys {
        Keys::Positions(labels) => labels.iter().map(|label| spelling.key(label)).collect(),
        _ => HashSet::new(),
    };
    for name in all.names() {
        match keys {
            Keys::Positions(labels) => {
                if !known.contains(&spelling.key(name)) {
                    let error = Error::input(format!("{name:?} is not among the labels"));
                    return Err(match nearest(name, labels.iter()) {
                        Some(near) => error.hint(format!("did you mean {near:?}?")),
                        None => error.hint(
                            "every child and parent needs a label column, or an element of the vector that \
                             --vocabulary names",
                        ),
                    });
                }
            }
            Keys::Vocabulary(vocabulary) => {
                if vocabulary.position(&Value::Text(name)).is_err() {
                    let error = Error::input(format!("label {name:?} is not in the vocabulary"));
                    return Err(match nearest(name, vocabulary.labels().iter()) {
                        Some(near) => error.hint(format!("did you mean {near:?}?")),
                        None => error.hint("add it to the vocabulary, or remove its pairs"),
                    });
                }
            }
            Keys::Indices(bound) => match (name.parse::<u64>(), bound) {
                (Ok(index), Some(bound)) if index >= *bound => {
                    return Err(Error::input(format!(
                        "label index {index}, but {}",
                        there_are(*bound, "label")
                    ))
                    .hint(format!("give at least --num-labels {}, or remove its pairs", index + 1)));
                }
                (Ok(_), _) => {}
                (Err(_), None) => {
                    return Err(Error::input(format!("{name:?} is not a label index")).hint(
                            "labels are indices here: name them with --vocabulary, or read integers as names with \
                             --label-kind name",
                        ));
                }
                (Err(_), Some(_)) => {
                    return Err(Error::input(format!("{name:?} is not a label index")).hint(
                            "--num-labels says that labels are indices: name them with --vocabulary in its place, or \
                             drop it if the shards hold names",
                        ));
                }
            },
            Keys::Names(_) => {}
        }
    }
    Ok(())
}
