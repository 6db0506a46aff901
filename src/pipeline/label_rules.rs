//! What the flags ask of labels, once their layout is known: their order, their spelling, their values.

use std::collections::HashMap;

use arrow::datatypes::Schema;

use super::count_plan::{CountPlan, elements_of_lists};
use super::layout_flags::check_flags;
use crate::counts::{CountUnit, Labels, NameOrder};
use crate::engine::counting::Keys;
use crate::error::{Error, Result};
use crate::source::layout::{LabelOrder, Layout, LayoutKind, is_text};
use crate::source::shards::Shard;
use crate::source::unknown_as::NullAs;
use crate::source::values::Domain;

/// Puts the columns of layout `wide` in the order that was asked for.
///
/// # Errors
/// [`Error::Usage`] where the columns have an order already, or counts would decide it.
pub(super) fn sort_columns(plan: &CountPlan, layout: &mut Layout) -> Result<()> {
    let (LayoutKind::Wide, Some(LabelOrder::By(order))) = (layout.kind, plan.order) else { return Ok(()) };
    if plan.vocabulary.is_some() {
        return Err(Error::usage("--order and --vocabulary exclude each other: the vocabulary is an order")
            .hint("drop one of the two"));
    }
    if order == NameOrder::Frequency {
        return Err(Error::usage("--order frequency does not apply to layout wide")
            .hint("use --order name or number, or name the columns in order with --labels"));
    }
    layout.labels.sort_by(|a, b| order.compare(a, b));
    Ok(())
}

/// The keys of labels in the order that was asked for, which only names that are found leave open.
///
/// # Errors
/// [`Error::Usage`] where the order is known before counting, or nothing gives it.
pub(super) fn keys_in_order(plan: &CountPlan, keys: Keys) -> Result<Keys> {
    match (keys, plan.order) {
        (Keys::Names(_), Some(LabelOrder::By(order))) => Ok(Keys::Names(order)),
        (Keys::Names(_), Some(LabelOrder::Given)) => {
            Err(Error::usage("--order given: labels are named by the shards alone, in no order")
                .hint("give their order with --vocabulary FILE, or use --order name, number or frequency"))
        }
        (keys, Some(LabelOrder::By(_))) => {
            let what = if matches!(keys, Keys::Vocabulary(_)) { "vocabulary" } else { "indices" };
            Err(Error::usage(format!("--order does not apply: the {what} of the labels are their order"))
                .hint("drop --order, or read integers as names with --label-kind name"))
        }
        (keys, None | Some(LabelOrder::Given)) => Ok(keys),
    }
}

/// Two shards that have label columns in different orders, as a sentence; `None` where the order was given, and
/// where all shards have the same.
pub(super) fn order_of_columns(plan: &CountPlan, layout: &Layout, shards: &[Shard]) -> Option<String> {
    let is_glob = |text: &String| text.contains(['*', '?', '[', '!']);
    let is_given = !plan.labels.is_empty() && !plan.labels.iter().any(is_glob);
    if layout.kind != LayoutKind::Wide || is_given || plan.vocabulary.is_some() || plan.order.is_some() {
        return None;
    }
    let places: HashMap<&str, usize> =
        layout.labels.iter().enumerate().map(|(i, name)| (name.as_str(), i)).collect();
    let first = shards.first()?;
    let labels_of = |shard: &Shard| -> Vec<String> {
        let fields = shard.schema.fields().iter().map(|field| field.name());
        fields.filter(|name| places.contains_key(name.as_str())).cloned().collect()
    };
    // The selection may have an order of its own; then the first shard says which one shards have.
    let of_first = labels_of(first);
    let is_sorted = of_first.is_sorted_by_key(|name| places[name.as_str()]);
    let own: HashMap<&String, usize> = of_first.iter().zip(0..).collect();
    let is_turned = |one: &String, next: &String| match (own.get(one), own.get(next)) {
        (Some(one), Some(next)) => one > next,
        _ => is_sorted && places[one.as_str()] > places[next.as_str()],
    };
    shards.iter().skip(1).find_map(|shard| {
        let labels = labels_of(shard);
        let pair = labels.windows(2).find(|pair| is_turned(&pair[0], &pair[1]))?;
        Some(format!(
            "column {:?} is before {:?} in {}, and after it in {}",
            pair[0], pair[1], shard.name, first.name
        ))
    })
}

/// Elements are counted of lists, not of texts that hold them.
pub(super) fn check_unit(plan: &CountPlan, layout: &Layout, schema: &Schema) -> Result<()> {
    let is_text = |name: &str| schema.field_with_name(name).is_ok_and(|field| is_text(field.data_type()));
    if plan.unit == CountUnit::Element && is_text(layout.column()) {
        return Err(Error::usage(format!(
            "--unit element: column {:?} holds lists as strings, whose elements are not counted one by one",
            layout.column()
        ))
        .hint("write the column as lists, or drop --unit"));
    }
    Ok(())
}

/// What flags say of labels and values must be of use to the layout, and its values must have one meaning.
pub(super) fn check_values(plan: &CountPlan, layout: &Layout) -> Result<()> {
    let kind = layout.kind;
    if plan.unit == CountUnit::Element && kind != LayoutKind::List {
        return Err(elements_of_lists());
    }
    check_flags(&plan.layout_flags, kind, layout.value.is_some())?;
    let has_values = kind.has_values() || layout.value.is_some();
    if kind == LayoutKind::Long {
        check_masses_of_pairs(plan)?;
    }
    if has_values {
        plan.domain.check()?;
        return plan.label_domains.values().try_for_each(Domain::check);
    }
    let is_set = matches!(kind, LayoutKind::List | LayoutKind::Delimited) && plan.unit == CountUnit::Row;
    if is_set && plan.domain.null_as == NullAs::Negative {
        return Ok(());
    }
    if plan.domain.null_as != NullAs::Missing {
        return Err(Error::usage(format!(
            "--null-as {} does not apply to layout {kind}, where NULL in place of labels says that they are not known",
            plan.domain.null_as.as_str()
        ))
        .hint(if is_set {
            "use --null-as negative if NULL and empty cells mean that a row has no label; else drop --null-as"
        } else {
            "drop --null-as; or leave such rows out with --where"
        }));
    }
    Ok(())
}

/// What soft values and weights need of layout `long`.
fn check_masses_of_pairs(plan: &CountPlan) -> Result<()> {
    if plan.sample_weight.is_some() && plan.num_rows.is_some() {
        return Err(Error::usage(
            "--sample-weight and --num-rows exclude each other: rows that no shard lists have no weight",
        )
        .hint("list every row once with its id, its weight and NULL as its label, and drop --num-rows"));
    }
    if plan.limits.cluster.is_some() && (plan.domain.soft || plan.sample_weight.is_some()) {
        return Err(Error::usage(
            "--cluster: soft values and weights of layout long are counted by one machine",
        )
        .hint("drop --cluster, --soft or --sample-weight"));
    }
    Ok(())
}

/// Names that differ in case alone must not be two labels, and jobs must agree on the spelling.
pub(super) fn check_spellings(plan: &CountPlan, vocabulary: Option<&Labels>, is_part: bool) -> Result<()> {
    let Some(vocabulary) = vocabulary else {
        return if is_part {
            Err(Error::usage("--ignore-case and --shard-count: each job would find its own spelling")
                .hint("give the names of labels with --vocabulary"))
        } else {
            Ok(())
        };
    };
    let mut seen = HashMap::new();
    for name in vocabulary.iter() {
        if let Some(other) = seen.insert(plan.domain.spelling.key(name), name) {
            return Err(Error::input(format!(
                "labels {other:?} and {name:?} of the vocabulary are one label with --ignore-case"
            ))
            .hint("remove one of the two, or drop --ignore-case"));
        }
    }
    Ok(())
}
