//! Partial counts become [`LabelCounts`]: one for every group, and one for all rows.

use std::collections::BTreeMap;
use std::sync::Arc;

use arrow::array::RecordBatch;

use crate::counts::{Cell, LabelCounts, Labels, Mass, MassTally, NameOrder, Tally, Unlisted, too_few_rows};
use crate::engine::count::bad_cell;
use crate::engine::count::named::Named;
use crate::engine::count::states::Fate;
use crate::engine::counting::{Counting, Keys};
use crate::engine::group_key::GroupKey;
use crate::engine::naming::{settle_names, with_row};
use crate::engine::partial;
use crate::engine::partial::PartialRow;
use crate::engine::read::routes::Route;
use crate::engine::spill::Spilled;
use crate::engine::work::Work;
use crate::error::{Error, Result, for_shell};
use crate::source::layout::LayoutKind;
use crate::source::shards::{Shard, Unreadable};
use crate::sql_text::identifier;
use crate::threads::both;

/// Columns of shards whose bad values are looked up.
const SHOWN: usize = 20;

/// What a scan found.
#[derive(Debug)]
pub(crate) struct Counted {
    /// Counts of all rows.
    pub total: LabelCounts,
    /// Counts per group of `--by`, sorted by key; empty without `--by`.
    pub groups: Vec<(GroupKey, LabelCounts)>,
    /// Null elements inside lists, which say nothing about any label.
    pub null_elements: u64,
    /// Labels in lists, however often a row repeats them; 0 where that was not counted.
    pub listed: u64,
    /// How rows were counted.
    pub way: Route,
    /// What did not fit the memory.
    pub spilled: Spilled,
    /// What became of each shard that was read; empty where no states are kept.
    pub fates: Vec<Fate>,
    /// Shards that could not be read and were left out.
    pub unreadable: Vec<Unreadable>,
    /// What reading took.
    pub work: Work,
}

/// What one group has so far.
#[derive(Debug, Default)]
struct CollectedGroup {
    whole: Tally,
    whole_mass: MassTally,
    /// By position; names wait in `names`.
    tallies: Vec<Tally>,
    /// By position too; empty unless soft or weighted counts are asked for.
    masses: Vec<MassTally>,
    names: Named,
}

/// What a group comes to.
struct GroupSides {
    rows: u64,
    tallies: Vec<Tally>,
    masses: Option<Vec<MassTally>>,
    unlisted: Option<Unlisted>,
}

/// The names of labels.
#[derive(Debug, Clone)]
enum LabelNames {
    Known(Labels),
    /// `0`, `1`, … this many.
    Numbers(usize),
}

impl Default for LabelNames {
    fn default() -> Self {
        Self::Numbers(0)
    }
}

impl LabelNames {
    fn labels(self) -> Labels {
        match self {
            Self::Known(labels) => labels,
            Self::Numbers(n) => Labels::indices(n),
        }
    }
}

/// Merges partial counts, whatever order they come in.
#[derive(Debug)]
pub(crate) struct Collector {
    counting: Arc<Counting>,
    groups: BTreeMap<GroupKey, CollectedGroup>,
    skipped: u64,
    listed: u64,
    /// (shard, label) → how many invalid values and one of them.
    invalid: BTreeMap<(u32, Option<u64>), (u64, String)>,
    /// The same names come many times.
    #[cfg(feature = "cluster")]
    are_repeated: bool,
}

impl Collector {
    pub(crate) fn new(counting: Arc<Counting>) -> Self {
        Self {
            counting,
            groups: BTreeMap::new(),
            skipped: 0,
            listed: 0,
            invalid: BTreeMap::new(),
            #[cfg(feature = "cluster")]
            are_repeated: false,
        }
    }

    /// For the counts of many machines, which have found the same names.
    #[cfg(feature = "cluster")]
    pub(crate) fn of_many(counting: Arc<Counting>) -> Self {
        Self { are_repeated: true, ..Self::new(counting) }
    }

    pub(crate) fn add(&mut self, batch: &RecordBatch) -> Result<()> {
        match partial::positions(batch) {
            Some(columns) if !self.counting.has_mass() => self.add_positions(columns),
            _ => partial::read(batch, self.counting.by.len(), |row| self.add_row(&row)),
        }
    }

    /// The same as [`Self::add_row`] for each row, without asking each time what it is.
    fn add_positions(&mut self, columns: [&[u64]; 6]) -> Result<()> {
        let [positions, positives, negatives, uncertain, missing, invalid] = columns;
        let highest = positions.iter().max().copied().unwrap_or(0);
        let labels = self.counting.place(highest)? + 1;
        let group = self.groups.entry(Vec::new()).or_default();
        if labels > group.tallies.len() {
            group.tallies.resize(labels, Tally::default());
        }
        for (row, &position) in positions.iter().enumerate() {
            let Some(label) = usize::try_from(position).ok().and_then(|p| group.tallies.get_mut(p)) else {
                continue;
            };
            let more = Tally {
                positives: positives[row],
                negatives: negatives[row],
                uncertain: uncertain[row],
                missing: missing[row],
                invalid: invalid[row],
            };
            add(label, &more)?;
        }
        Ok(())
    }

    /// The same for labels by their positions, of the one group there is.
    #[cfg(feature = "cluster")]
    pub(crate) fn add_labels(&mut self, labels: impl Iterator<Item = Result<(u64, Tally)>>) -> Result<()> {
        let tallies = &mut self.groups.entry(Vec::new()).or_default().tallies;
        for label in labels {
            let (position, more) = label?;
            let place = self.counting.place(position)?;
            if place >= tallies.len() {
                tallies.resize(place + 1, Tally::default());
            }
            add(&mut tallies[place], &more)?;
        }
        Ok(())
    }

    pub(crate) fn add_row(&mut self, row: &PartialRow<'_>) -> Result<()> {
        if let (Some(shard), Some(example)) = (row.shard, row.example) {
            let entry = self.invalid.entry((shard, row.index)).or_insert_with(|| (0, example.to_owned()));
            entry.0 = entry.0.saturating_add(row.tally.invalid);
            if example < entry.1.as_str() {
                example.clone_into(&mut entry.1);
            }
            return Ok(());
        }
        if !self.groups.contains_key(row.by) {
            self.groups.insert(row.by.to_vec(), CollectedGroup::default());
        }
        let Some(group) = self.groups.get_mut(row.by) else { return Ok(()) };
        self.skipped = self.skipped.saturating_add(row.skipped);
        match (row.index, row.name) {
            (Some(index), _) => {
                let index = self.counting.place(index)?;
                if index >= group.tallies.len() {
                    group.tallies.resize(index + 1, Tally::default());
                }
                add(&mut group.tallies[index], &row.tally)?;
                if self.counting.has_mass() {
                    group.masses.resize(group.tallies.len(), MassTally::default());
                    add_mass(&mut group.masses[index], &row.mass)?;
                }
                Ok(())
            }
            (None, Some(name)) => {
                let mass = self.counting.has_mass().then_some(row.mass);
                #[cfg(feature = "cluster")]
                if self.are_repeated {
                    return group.names.add(name, row.tally, mass).ok_or_else(overflow);
                }
                group.names.push(name, row.tally, mass);
                Ok(())
            }
            (None, None) => {
                self.listed = self.listed.saturating_add(row.tally.positives);
                add(&mut group.whole, &Tally { positives: 0, ..row.tally })?;
                add_mass(&mut group.whole_mass, &row.mass)
            }
        }
    }

    /// Whether every value had a meaning so far.
    ///
    /// # Errors
    /// As [`Self::finish`].
    pub(crate) fn check(&self, shards: &[Shard]) -> Result<()> {
        if self.invalid.is_empty() { Ok(()) } else { Err(self.invalid_values(shards)) }
    }

    /// The counts, when every value had a meaning.
    ///
    /// # Errors
    /// [`Error::Input`] naming shard, column and value of everything invalid.
    pub(crate) fn finish(mut self, shards: &[Shard]) -> Result<Counted> {
        if !self.invalid.is_empty() {
            return Err(self.invalid_values(shards));
        }
        let mut names = self.name_labels();
        self.true_rows()?;
        let is_without_rows = self.groups.is_empty();
        if is_without_rows {
            self.groups.insert(vec![None; self.counting.by.len()], CollectedGroup::default());
        }
        let with_mass = self.counting.has_mass();
        let mut groups = Vec::with_capacity(self.groups.len());
        let (all, by) = (std::mem::take(&mut self.groups), !self.counting.by.is_empty());
        for (key, group) in all {
            // Without groups there is one part, which takes the names as they are.
            let own = if by { names.clone() } else { std::mem::take(&mut names) };
            groups.push((key, self.counts(group, own, with_mass)?));
        }
        let total = if self.counting.by.is_empty() {
            groups.pop().map(|(_, counts)| counts).ok_or_else(|| Error::internal("no group was counted"))?
        } else {
            let mut empty = LabelCounts::empty(names.labels(), with_mass);
            if self.counting.keys.are_open() {
                empty = empty.open(Unlisted { order: self.found_order(), ..Unlisted::default() })?;
            }
            groups.iter().try_fold(empty, |sum, (_, part)| sum.merge(part))?
        };
        if is_without_rows {
            groups.clear();
        }
        let (total, groups) = settle_names(&self.counting, shards, total, groups)?;
        Ok(Counted {
            total,
            groups,
            null_elements: self.skipped,
            listed: self.listed,
            way: Route::default(),
            spilled: Spilled::default(),
            fates: Vec::new(),
            unreadable: Vec::new(),
            work: Work::default(),
        })
    }

    /// Puts the number of rows that is known to be true in the place of the rows that are listed.
    fn true_rows(&mut self) -> Result<()> {
        let Some(n) = self.counting.num_rows else { return Ok(()) };
        let group = self.groups.entry(Vec::new()).or_default();
        let whole = &mut group.whole;
        let listed = whole.total().ok_or_else(overflow)?;
        let more = n.checked_sub(listed).ok_or_else(|| too_few_rows(n, listed))?;
        *whole = Tally { negatives: n, ..Tally::default() };
        let mass = MassTally { negatives: Mass::from_rows(more), ..MassTally::default() };
        add_mass(&mut group.whole_mass, &mass)
    }

    /// All labels in the order of the target tensor; puts names at their positions.
    fn name_labels(&mut self) -> LabelNames {
        let largest = self.groups.values().map(|group| group.tallies.len()).max().unwrap_or(0);
        match &self.counting.keys {
            Keys::Positions(labels) => LabelNames::Known(labels.clone()),
            Keys::Vocabulary(vocabulary) => LabelNames::Known(vocabulary.labels().clone()),
            Keys::Indices(bound) => {
                LabelNames::Numbers(bound.and_then(|b| usize::try_from(b).ok()).unwrap_or(largest))
            }
            Keys::Names(order) => {
                self.groups.values_mut().for_each(|group| group.names.sort(*order));
                let mut all: Vec<&str> = self.groups.values().flat_map(|group| group.names.names()).collect();
                if self.groups.len() > 1 {
                    all.sort_by(|a, b| order.compare(a, b));
                }
                all.dedup();
                LabelNames::Known(all.into_iter().collect())
            }
        }
    }

    /// The order of labels that were found, until it is settled.
    fn found_order(&self) -> NameOrder {
        match self.counting.keys {
            Keys::Names(NameOrder::Name | NameOrder::Frequency) => NameOrder::Name,
            _ => NameOrder::Number,
        }
    }

    fn counts(&self, group: CollectedGroup, names: LabelNames, with_mass: bool) -> Result<LabelCounts> {
        let (sides, labels) = match names {
            LabelNames::Known(labels) => (self.sides(group, labels.len(), &labels, with_mass), labels),
            // There may be millions, which another thread writes meanwhile.
            LabelNames::Numbers(n) => {
                both(|| self.sides(group, n, &Labels::default(), with_mass), || Labels::indices(n))
            }
        };
        let GroupSides { rows, tallies, masses, unlisted } = sides?;
        let counts = LabelCounts::new(rows, labels, tallies, masses)?;
        match unlisted {
            Some(unlisted) => counts.open(unlisted),
            None => Ok(counts),
        }
    }

    /// Counts of a group for each of `n` labels; `labels` has their names where counts come by name.
    fn sides(&self, group: CollectedGroup, n: usize, labels: &Labels, with_mass: bool) -> Result<GroupSides> {
        let CollectedGroup { whole, whole_mass, mut tallies, mut masses, names } = group;
        let rows = whole.total().ok_or_else(overflow)?;
        if let Keys::Positions(_) = self.counting.keys {
            tallies.resize(n, Tally { missing: rows, ..Tally::default() });
            masses.resize(n, MassTally::default());
            return Ok(GroupSides { rows, tallies, masses: with_mass.then_some(masses), unlisted: None });
        }
        tallies.resize(n, Tally::default());
        masses.resize(if with_mass { n } else { 0 }, MassTally::default());
        let mut names = names.iter().peekable();
        for (at, label) in labels.iter().enumerate() {
            // Both are in one order, and a name may come in several parts.
            while let Some((_, tally, more)) = names.next_if(|name| name.0 == label) {
                add(&mut tallies[at], &tally)?;
                if let (Some(mass), Some(more)) = (masses.get_mut(at), more) {
                    add_mass(mass, &more)?;
                }
            }
        }
        let rest_is = self.counting.unlisted();
        for tally in &mut tallies {
            let listed = tally.total().ok_or_else(overflow)?;
            let rest = (rows - whole.missing).checked_sub(listed);
            let rest = rest
                .ok_or_else(|| Error::internal(format!("a label is listed {listed} times in {rows} rows")))?;
            tally.missing += whole.missing;
            tally.add(rest_is, rest);
        }
        let rest_mass = if rest_is == Cell::Negative { whole_mass.negatives } else { Mass::ZERO };
        for mass in &mut masses {
            // What is listed is by how much a label differs from what rows say that do not list it: of layout long, pairs
            // say it whole; of layout map, the mass of labels that are not known is below 0 here.
            let positives =
                if self.counting.layout.kind == LayoutKind::Long { Mass::ZERO } else { mass.positives };
            mass.negatives = Mass::from_units(rest_mass.units() - positives.units() + mass.negatives.units());
        }
        let unlisted = || {
            let mut tally = Tally { missing: whole.missing, ..Tally::default() };
            tally.add(rest_is, rows - whole.missing);
            let negatives = if with_mass { rest_mass } else { Mass::ZERO };
            let mass = MassTally { positives: Mass::ZERO, negatives };
            Unlisted { tally, mass, order: self.found_order() }
        };
        let unlisted = self.counting.keys.are_open().then(unlisted);
        Ok(GroupSides { rows, tallies, masses: with_mass.then_some(masses), unlisted })
    }

    /// The error for values without a meaning: those of each shard and column, with the first of them.
    fn invalid_values(&self, shards: &[Shard]) -> Error {
        let layout = &self.counting.layout;
        let errors = self.invalid.iter().enumerate().map(|(number, ((shard, label), (count, example)))| {
            let whole = shards.get(*shard as usize);
            let shard = whole.map(|shard| shard.name.clone()).unwrap_or_default();
            let position = label.and_then(|l| usize::try_from(l).ok());
            let (column, element) = match (&self.counting.keys, position) {
                (Keys::Positions(labels), Some(p)) if layout.labels.len() == labels.len() => {
                    (layout.labels[p].clone(), String::new())
                }
                (_, Some(p)) => (layout.column().to_owned(), format!(", element {p}")),
                (_, None) => (layout.column().to_owned(), String::new()),
            };
            let times = if *count > 1 { format!(" (and {} more)", count - 1) } else { String::new() };
            let what = if let (true, Some(p)) = (layout.kind.has_values(), position) {
                // Each has a shard read once more, and few are shown.
                let place = match layout.kind {
                    LayoutKind::Wide if number < SHOWN => Some((column.as_str(), p, None)),
                    LayoutKind::Vector if number < SHOWN => Some((column.as_str(), p, Some(p))),
                    _ => None,
                };
                let found = place.and_then(|place| bad_cell::value_with_row(whole?, &self.counting, place));
                found.unwrap_or_else(|| bad_cell::no_meaning(self.counting.domain(p), example))
            } else {
                bad_cell::with_row(whole, &self.counting, example)
                    .unwrap_or_else(|| with_row(whole, &column, example))
            };
            Error::input(format!("{shard}: column {column:?}{element}: {what}{times}"))
        });
        let of_rows = self.invalid.keys().all(|(_, label)| label.is_none());
        let hint = if layout.kind == LayoutKind::Vector && of_rows {
            "a row has one number for each label, or NULL where nothing is known of it; give the number of labels with \
             --num-labels; if a row lists the labels that it has, use --layout list"
        } else if self.counting.domain.soft && layout.kind.has_values() {
            "soft labels are from 0 to 1: divide larger scales, or read numbers with --threshold in place of --soft; declare \
             numbers that say something else with --missing-values or --uncertain-values"
        } else if layout.kind == LayoutKind::Map {
            "declare values with --positive-values, --negative-values, --missing-values or --uncertain-values, or \
             read numbers with --threshold or --soft; keys come from --vocabulary or --num-labels; a whole cell that \
             says nothing can be declared with --missing-values"
        } else if layout.kind.has_values() {
            "declare it with --positive-values, --negative-values, --missing-values or --uncertain-values, \
             or read numbers with --threshold or --soft; if each column names one of several classes, use --layout class"
        } else {
            "correct the data, or declare values that say nothing with --missing-values; labels come from \
             --vocabulary or --num-labels, and numbers are names with --label-kind name"
        };
        let hint = if layout.kind == LayoutKind::Delimited {
            let column = identifier(layout.column());
            let emptied = format!(
                "SELECT * REPLACE (CASE {column} WHEN 'None' THEN '' ELSE {column} END AS {column}) FROM shards"
            );
            let emptied = for_shell(&emptied);
            format!(
                "{hint}; if a cell such as None says that a row has no label, make it empty: --query {emptied}"
            )
        } else {
            hint.to_owned()
        };
        match Error::together(errors.collect(), "values") {
            Some(error) => error.hint(hint),
            None => Error::internal("no invalid value"),
        }
    }
}

fn add(sum: &mut Tally, more: &Tally) -> Result<()> {
    *sum = sum.checked_add(more).ok_or_else(overflow)?;
    Ok(())
}

fn add_mass(sum: &mut MassTally, more: &MassTally) -> Result<()> {
    *sum = sum.checked_add(more).ok_or_else(overflow)?;
    Ok(())
}

fn overflow() -> Error {
    Error::resource("a count passes its range").hint("split the run by time or group")
}

#[cfg(test)]
mod tests;
