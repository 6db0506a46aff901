//! Counts several class columns, each as a head of its own.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::counts::{LabelCounts, Labels};
use crate::engine::count::collect::Counted;
use crate::engine::count::dispatch::{Spare, count_readable};
use crate::engine::count::states::{Fate, States};
use crate::engine::counting::Counting;
use crate::engine::dataset::Dataset;
use crate::engine::group_key::GroupKey;
use crate::engine::progress::Progress;
use crate::engine::read::routes::Route;
use crate::engine::session::Limits;
use crate::engine::spill::Spilled;
use crate::engine::work::Work;
use crate::error::{Error, Result};
use crate::source::shards::Unreadable;

/// Counts the heads one after the other; each reads only its own column. Some shards that cannot be read are
/// left out of all heads. `states` has the saved counts of each head, or none at all.
///
/// # Errors
/// As [`count_readable`].
pub(crate) async fn count_heads(
    dataset: &Dataset,
    heads: &[Counting],
    limits: &Limits,
    progress: &Arc<Progress>,
    states: &mut [States],
    spare: Spare<'_>,
) -> Result<Counted> {
    let mut left = dataset.with(Arc::clone(&dataset.shards));
    let mut unreadable: Vec<Unreadable> = Vec::new();
    'again: loop {
        let mut parts = Vec::with_capacity(heads.len());
        for (head, counting) in heads.iter().enumerate() {
            let before = [spare.before, &unreadable].concat();
            let (spare, saved) = (Spare { before: &before, ..spare }, states.get_mut(head));
            let counted =
                count_readable(&left, counting.clone(), limits, Arc::clone(progress), saved, spare).await?;
            if !counted.unreadable.is_empty() {
                Arc::make_mut(&mut left.shards)
                    .retain(|shard| !counted.unreadable.iter().any(|one| one.name == shard.name));
                unreadable.extend(counted.unreadable);
                // The heads before this one were counted with these shards.
                continue 'again;
            }
            parts.push((counting.layout.column().to_owned(), counted));
        }
        unreadable.sort_by(|a, b| a.name.cmp(&b.name));
        return Ok(Counted { unreadable, work: progress.work(), ..join(parts)? });
    }
}

/// One count of all heads.
fn join(parts: Vec<(String, Counted)>) -> Result<Counted> {
    let mut sum = Counted {
        total: LabelCounts::empty(Labels::default(), false),
        groups: Vec::new(),
        null_elements: 0,
        listed: 0,
        way: Route::default(),
        spilled: Spilled::default(),
        fates: Vec::new(),
        unreadable: Vec::new(),
        work: Work::default(),
    };
    let (mut totals, mut ways) = (Vec::with_capacity(parts.len()), Vec::with_capacity(parts.len()));
    let mut groups: BTreeMap<GroupKey, Vec<(String, LabelCounts)>> = BTreeMap::new();
    for (column, counted) in parts {
        sum.null_elements += counted.null_elements;
        sum.listed += counted.listed;
        sum.spilled.bytes += counted.spilled.bytes;
        sum.spilled.files += counted.spilled.files;
        for (key, counts) in counted.groups {
            groups.entry(key).or_default().push((column.clone(), counts));
        }
        // A shard was reused where all heads had its counts.
        if totals.is_empty() {
            sum.fates = counted.fates;
        } else {
            let other = sum.fates.iter_mut().zip(counted.fates).filter(|(fate, _)| **fate == Fate::Reused);
            other.for_each(|(fate, other)| *fate = other);
        }
        totals.push((column, counted.total));
        ways.push(counted.way);
    }
    if groups.values().any(|all| all.len() != totals.len()) {
        return Err(Error::internal("the label columns were counted in different groups"));
    }
    let groups = groups.into_iter().map(|(key, all)| Ok((key, LabelCounts::beside(all)?)));
    let groups = groups.collect::<Result<Vec<_>>>()?;
    Ok(Counted { total: LabelCounts::beside(totals)?, groups, way: together(ways), ..sum })
}

/// How all were counted; the first that was not counted from encoded pages speaks for all.
fn together(mut ways: Vec<Route>) -> Route {
    match ways.iter().position(|way| way.engine != "encoded") {
        Some(plain) => ways.swap_remove(plain),
        None => Route {
            engine: "encoded",
            why: None,
            columns: ways.into_iter().flat_map(|way| way.columns).collect(),
        },
    }
}
