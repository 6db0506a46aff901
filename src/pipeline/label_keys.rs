//! Which label a stored value is, and what the flags about it may say.

use std::collections::HashMap;
use std::sync::Arc;

use arrow::datatypes::{DataType, Schema};

use super::count_plan::CountPlan;
use super::folder_columns::no_column_or_key;
use super::label_rules::{check_spellings, keys_in_order};
use crate::counts::{Labels, NameOrder};
use crate::engine::counting::{Keys, Vocabulary};
use crate::error::{Error, Result, plural, there_are};
use crate::source::class_labels::agreed_class_names;
use crate::source::detect::list_length;
use crate::source::first_cells::holds_numbers;
use crate::source::layout::{LabelKind, Layout, LayoutKind, innermost, is_number, is_text};
use crate::source::shards::Shard;
use crate::source::type_words::type_words;
use crate::source::values::Domain;
use crate::source::vocabulary::nearest;

/// `--by`, `--groups` and `--sample-weight` must name columns of use.
pub(super) fn check_row_columns(
    plan: &CountPlan,
    schema: &Schema,
    hive: &[String],
    shards: &[Shard],
) -> Result<()> {
    let by = plan.by.iter().map(|name| ("--by", name));
    for (flag, name) in by.chain(plan.groups.iter().map(|name| ("--groups", name))) {
        let simple = |t: &DataType| !t.is_nested();
        match schema.field_with_name(name) {
            Ok(field) if simple(field.data_type()) => {}
            Ok(field) => {
                return Err(Error::usage(format!(
                    "{flag} {name}: column is {}, which has no simple values",
                    type_words(field.data_type())
                ))
                .hint(if flag == "--by" {
                    "name a column such as a split"
                } else {
                    "name the id of a patient or a document"
                }));
            }
            Err(_) if hive.contains(name) => {}
            Err(_) => return Err(no_column_or_key(name, schema, hive, shards).at(flag)),
        }
    }
    let Some(name) = &plan.sample_weight else { return Ok(()) };
    match schema.field_with_name(name) {
        Ok(field) if is_number(field.data_type()) => Ok(()),
        Ok(field) => {
            Err(Error::input(format!("--sample-weight {name}: column is {}", type_words(field.data_type())))
                .hint("weights must be numbers"))
        }
        Err(_) if hive.contains(name) => Ok(()),
        Err(_) => Err(no_column_or_key(name, schema, hive, shards).at("--sample-weight")),
    }
}

/// How stored labels get their positions. `is_part` tells that other jobs count other shards.
pub(super) fn keys(
    plan: &CountPlan,
    layout: &Layout,
    schema: &Schema,
    shards: &[Shard],
    vocabulary: Option<Labels>,
    is_part: bool,
) -> Result<Keys> {
    let known = match vocabulary {
        // The column is the label, whatever names the footer gives to the classes of its values.
        None if layout.kind == LayoutKind::Wide => None,
        None => agreed_class_names(shards, layout.column())?,
        given => given,
    };
    if plan.domain.spelling.ignore_case {
        check_spellings(plan, known.as_ref(), is_part)?;
    }
    if let (Some(labels), Some(n)) = (&known, plan.num_labels)
        && labels.len() as u64 != n
    {
        return Err(Error::usage(format!(
            "--num-labels is {n}, but the vocabulary names {}",
            plural(labels.len() as u64, "label")
        ))
        .hint("give one of the two"));
    }
    match layout.kind {
        LayoutKind::Wide => wide_keys(plan, layout, known),
        LayoutKind::Vector => {
            let n = known.as_ref().map(|labels| labels.len() as u64).or(plan.num_labels);
            let n = match n {
                Some(n) => n,
                None => vector_width(layout, schema, shards)?,
            };
            let n = usize::try_from(n).map_err(|_| Error::usage("--num-labels is too large"))?;
            Ok(Keys::Positions(known.unwrap_or_else(|| Labels::indices(n))))
        }
        _ => {
            let data_type = schema.field_with_name(layout.column()).map(|field| field.data_type().clone());
            let data_type = data_type.unwrap_or(DataType::Null);
            let element = innermost(&data_type);
            let indices = plan.label_kind == LabelKind::Index;
            // A text that holds a list or an object names its labels, or says their indices, as these would.
            let in_texts = matches!(layout.kind, LayoutKind::List | LayoutKind::Map) && is_text(&data_type);
            let is_named = if in_texts && known.is_none() && plan.num_labels.is_none() {
                !holds_numbers(shards, layout)?
            } else {
                is_text(element)
            };
            let keys = match (known, plan.num_labels) {
                (Some(labels), _) => {
                    let spelling = plan.domain.spelling;
                    // A bit has a number, no name.
                    let kind =
                        if layout.kind == LayoutKind::Bits { LabelKind::Index } else { plan.label_kind };
                    Keys::Vocabulary(Arc::new(Vocabulary::new(labels, kind, spelling)))
                }
                (None, Some(n)) => Keys::Indices(Some(n)),
                (None, None) if indices && !is_named => Keys::Indices(None),
                (None, None) => Keys::Names(if is_named { NameOrder::Name } else { NameOrder::Number }),
            };
            keys_in_order(plan, keys)
        }
    }
}

/// A vocabulary for columns must name exactly them, in the order they were selected by it.
fn wide_keys(plan: &CountPlan, layout: &Layout, vocabulary: Option<Labels>) -> Result<Keys> {
    let n = layout.labels.len() as u64;
    if let Some(wanted) = plan.num_labels.filter(|wanted| *wanted != n) {
        return Err(Error::usage(format!("--num-labels is {wanted}, but {}", there_are(n, "label column")))
            .hint("drop --num-labels, or name the columns with --labels"));
    }
    let columns: Labels = layout.labels.iter().collect();
    let Some(vocabulary) = vocabulary else { return Ok(Keys::Positions(columns)) };
    let known = vocabulary.positions();
    if let Some(unknown) = columns.iter().find(|name| !known.contains_key(name)) {
        let meant = nearest(unknown, vocabulary.iter())
            .map(|near| format!("did you mean {near:?}? "))
            .unwrap_or_default();
        return Err(Error::input(format!("column {unknown:?} is not in the vocabulary"))
            .hint(format!("{meant}leave it out with --labels '!{unknown}', or add it")));
    }
    if let Some(lost) = vocabulary.iter().find(|name| !layout.labels.iter().any(|label| label == name)) {
        return Err(Error::input(format!("label {lost:?} of the vocabulary has no column"))
            .hint("correct the vocabulary, or the columns named with --labels"));
    }
    if vocabulary != columns {
        return Err(Error::usage("the columns of --labels are in another order than the vocabulary").hint(
            "drop --labels and say --layout wide: the vocabulary then names the columns, in its order",
        ));
    }
    Ok(Keys::Positions(columns))
}

fn vector_width(layout: &Layout, schema: &Schema, shards: &[Shard]) -> Result<u64> {
    if let Ok(field) = schema.field_with_name(layout.column())
        && let DataType::FixedSizeList(_, width) = field.data_type()
    {
        return u64::try_from(*width).map_err(|_| Error::input("a list of negative size"));
    }
    list_length(shards, layout.column())?.ok_or_else(|| {
        Error::usage(format!("no list was found in column {:?}, so C is unknown", layout.column()))
            .hint("give the number of labels with --num-labels, or their names with --vocabulary")
    })
}

pub(super) fn overrides(plan: &CountPlan, layout: &Layout, keys: &Keys) -> Result<HashMap<usize, Domain>> {
    let Keys::Positions(labels) = keys else {
        return match plan.label_domains.keys().next() {
            None => Ok(HashMap::new()),
            Some(label) => {
                Err(Error::usage(format!("[label.{label}] does not apply to layout {}", layout.kind))
                    .hint("only the values of wide and vector can differ in meaning by label"))
            }
        };
    };
    let positions = labels.positions();
    let find = |(label, domain): (&String, &Domain)| {
        let position = positions.get(label.as_str()).copied().ok_or_else(|| {
            let error = Error::usage(format!("[label.{label}]: there is no label {label:?}"));
            match nearest(label, labels.iter()) {
                Some(near) => error.hint(format!("did you mean {near:?}?")),
                None => error.hint("name a label column"),
            }
        })?;
        Ok((position, domain.clone()))
    };
    plan.label_domains.iter().map(find).collect()
}
