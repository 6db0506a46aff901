//! The one value between counting and everything made from counts.
//!
//! ```text
//!              label 0   label 1   …   label C-1
//! positives        12         0            431
//! negatives       988       990            569
//! uncertain         0         0              0     column sums = rows, always
//! missing           0        10              0
//! invalid           0         0              0
//! ```
//!
//! Counts are exact integers, so merging is associative, commutative and has an identity; soft and
//! weighted counts are exact decimals ([`Mass`]) for the same reason. This module names no file, no
//! clock and no Arrow type.

mod grouped;
mod head;
mod heads;
mod labels;
mod tally;
mod unit;

use crate::error::{Error, Result};

pub(crate) use grouped::GroupedPositives;
pub(crate) use head::Head;
pub(crate) use labels::number;
pub(crate) use labels::{Labels, NameOrder};
pub(crate) use tally::{Cell, Mass, MassTally, Tally, Unlisted};
pub(crate) use unit::{CountUnit, has_classes};

/// Per label: positives, negatives, uncertain, missing, invalid; and the number of rows they came from.
///
/// Shape: one tally per label, in the order of the target tensor. For every label the five counts add
/// up to `rows`; the constructor checks it, so a `LabelCounts` that exists is conserved.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LabelCounts {
    rows: u64,
    labels: Labels,
    tallies: Vec<Tally>,
    masses: Option<Vec<MassTally>>,
    unlisted: Option<Unlisted>,
    heads: Vec<Head>,
}

impl LabelCounts {
    /// Checks and joins the parts.
    ///
    /// # Errors
    /// [`Error::Internal`] when the lengths differ or a label's five counts do not add up to `rows`.
    pub fn new(
        rows: u64,
        labels: Labels,
        tallies: Vec<Tally>,
        masses: Option<Vec<MassTally>>,
    ) -> Result<Self> {
        if labels.len() != tallies.len() || masses.as_ref().is_some_and(|m| m.len() != tallies.len()) {
            return Err(Error::internal(format!(
                "{} label names, {} tallies and {:?} weighted tallies",
                labels.len(),
                tallies.len(),
                masses.map(|m| m.len())
            )));
        }
        if let Some(i) = tallies.iter().position(|tally| tally.total() != Some(rows)) {
            return Err(Error::internal(format!(
                "label \"{}\" adds up to {:?} rows, but {rows} rows were counted",
                labels.name(i),
                tallies[i].total()
            )));
        }
        Ok(Self { rows, labels, tallies, masses, unlisted: None, heads: Vec::new() })
    }

    /// Marks the labels as found while counting, in the order that `unlisted` names; its tally is that of every
    /// label that was not found. Such counts merge with counts of other labels.
    ///
    /// # Errors
    /// [`Error::Internal`] if `rest` has another number of rows.
    pub fn open(mut self, unlisted: Unlisted) -> Result<Self> {
        if unlisted.tally.total() != Some(self.rows) {
            return Err(Error::internal("the tally of unlisted labels has another number of rows"));
        }
        self.unlisted = Some(unlisted);
        Ok(self)
    }

    /// The tally of labels that were not found; `None` if labels were known before counting.
    #[must_use]
    pub fn unlisted(&self) -> Option<&Unlisted> {
        self.unlisted.as_ref()
    }

    /// The same rows with these labels, which must include all labels that were found.
    ///
    /// # Errors
    /// [`Error::Input`] if other labels were known before counting.
    pub fn spread(&self, labels: &Labels) -> Result<Self> {
        if self.labels == *labels {
            return Ok(self.clone());
        }
        let unlisted = self.unlisted.ok_or_else(|| labels_differ(&self.labels, labels))?;
        let mut tallies = Vec::with_capacity(labels.len());
        let mut masses = self.masses.as_ref().map(|_| Vec::with_capacity(labels.len()));
        let (mut known, positions) = (0, self.labels.positions());
        for label in labels.iter() {
            let found = positions.get(label).copied();
            known += usize::from(found.is_some());
            tallies.push(found.map_or(unlisted.tally, |at| self.tallies[at]));
            if let (Some(spread), Some(masses)) = (&mut masses, &self.masses) {
                spread.push(found.map_or(unlisted.mass, |at| masses[at]));
            }
        }
        if known < self.len() {
            return Err(labels_differ(&self.labels, labels));
        }
        Self::new(self.rows, labels.clone(), tallies, masses)?.open(unlisted)
    }

    /// The same counts of some labels, with other names: label `i` is the one that was at `places[i]`.
    ///
    /// # Errors
    /// [`Error::Internal`] if a place is given twice or has no label, or `labels` has another length than `places`.
    pub fn rearranged(&self, places: &[usize], labels: Labels, order: NameOrder) -> Result<Self> {
        let used: std::collections::BTreeSet<_> = places.iter().collect();
        if used.len() != places.len() || used.last().is_some_and(|last| **last >= self.len()) {
            return Err(Error::internal("a label is rearranged twice or is unknown"));
        }
        let tallies = places.iter().map(|&at| self.tallies[at]).collect();
        let masses = self.masses.as_ref().map(|masses| places.iter().map(|&at| masses[at]).collect());
        let counts = Self::new(self.rows, labels, tallies, masses)?;
        match self.unlisted {
            Some(unlisted) => counts.open(Unlisted { order, ..unlisted }),
            None => Ok(counts),
        }
    }

    /// The positions of the labels by their positives, most frequent first; ties by code point.
    #[must_use]
    pub fn by_frequency(&self) -> Vec<usize> {
        let mut places: Vec<usize> = (0..self.len()).collect();
        places.sort_by(|&a, &b| {
            let more = self.tallies[b].positives.cmp(&self.tallies[a].positives);
            more.then_with(|| self.labels.name(a).cmp(self.labels.name(b)))
        });
        places
    }

    /// Puts labels in the order of their positives where that is their order.
    fn sorted_by_frequency(self) -> Result<Self> {
        if self.unlisted.is_none_or(|unlisted| unlisted.order != NameOrder::Frequency) {
            return Ok(self);
        }
        let places = self.by_frequency();
        let labels = places.iter().map(|&at| self.labels.name(at)).collect();
        self.rearranged(&places, labels, NameOrder::Frequency)
    }

    /// The same counts with `rows` rows in total; rows that are not listed have the meaning `rest` for every label,
    /// and the weight 1.
    ///
    /// # Errors
    /// [`Error::Input`] if there are already more rows.
    pub fn with_rows(mut self, rows: u64, rest: Cell) -> Result<Self> {
        let more = rows.checked_sub(self.rows).ok_or_else(|| too_few_rows(rows, self.rows))?;
        self.tallies.iter_mut().for_each(|tally| tally.add(rest, more));
        self.unlisted.iter_mut().for_each(|unlisted| unlisted.tally.add(rest, more));
        if let (Some(masses), Cell::Negative) = (&mut self.masses, rest) {
            let overflow =
                || Error::resource("the masses pass their range").hint("split the run by time or group");
            for mass in masses.iter_mut().chain(self.unlisted.iter_mut().map(|unlisted| &mut unlisted.mass)) {
                mass.negatives = mass.negatives.checked_add(Mass::from_rows(more)).ok_or_else(overflow)?;
            }
        }
        self.rows = rows;
        Ok(self)
    }

    /// No rows: the identity of [`LabelCounts::merge`].
    #[must_use]
    pub fn empty(labels: Labels, with_mass: bool) -> Self {
        let n = labels.len();
        let masses = with_mass.then(|| vec![MassTally::default(); n]);
        Self {
            rows: 0,
            labels,
            tallies: vec![Tally::default(); n],
            masses,
            unlisted: None,
            heads: Vec::new(),
        }
    }

    /// Rows scanned, N.
    #[must_use]
    pub fn rows(&self) -> u64 {
        self.rows
    }

    /// Label names in the order of the target tensor, C of them.
    #[must_use]
    pub fn labels(&self) -> &Labels {
        &self.labels
    }

    /// Shape `[C]`.
    #[must_use]
    pub fn tallies(&self) -> &[Tally] {
        &self.tallies
    }

    /// Soft or weighted counts, shape `[C]`; present when targets are soft or rows carry weights.
    #[must_use]
    pub fn masses(&self) -> Option<&[MassTally]> {
        self.masses.as_deref()
    }

    /// Number of labels, C.
    #[must_use]
    pub fn len(&self) -> usize {
        self.tallies.len()
    }

    /// True when there is no label.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.tallies.is_empty()
    }

    /// Positives and negatives of label `index` from which weights are computed: soft or weighted ones if
    /// present, else rows. The only place where counts become doubles.
    ///
    /// # Panics
    /// When `index` is not below [`LabelCounts::len`].
    #[must_use]
    #[inline]
    pub fn sides(&self, index: usize) -> (f64, f64) {
        match &self.masses {
            Some(masses) => (masses[index].positives.to_f64(), masses[index].negatives.to_f64()),
            None => (as_f64(self.tallies[index].positives), as_f64(self.tallies[index].negatives)),
        }
    }

    /// N as formulas need it beside [`LabelCounts::sides`]: the weight of all rows where rows carry weights, else
    /// their number.
    ///
    /// Counts know the weight of the known rows of each label. A label that is known in every row gives that of all
    /// rows; without one, all rows are taken to weigh what known cells weigh on average.
    #[must_use]
    pub fn row_mass(&self) -> f64 {
        let rows = as_f64(self.rows);
        let Some(masses) = &self.masses else { return rows };
        let known =
            |mass: &MassTally| mass.positives.checked_add(mass.negatives).unwrap_or_default().to_f64();
        let everywhere = self.tallies.iter().position(|tally| tally.known() == self.rows);
        let mass = everywhere.map_or_else(
            || {
                let cells: f64 = self.tallies.iter().map(|tally| as_f64(tally.known())).sum();
                let mass: f64 = masses.iter().map(known).sum();
                if cells > 0.0 { rows * (mass / cells) } else { rows }
            },
            |label| known(&masses[label]),
        );
        // Soft targets alone weigh 1 a row, whatever their sums are rounded to.
        if (mass - rows).abs() <= 1e-9 * rows { rows } else { mass }
    }

    /// Counts of the rows of both. Associative and commutative.
    ///
    /// # Errors
    /// [`Error::Input`] if labels known before counting, or their order, differ, or only one side is weighted;
    /// [`Error::Resource`] if a count would overflow.
    pub fn merge(&self, other: &Self) -> Result<Self> {
        if !(self.heads.is_empty() && other.heads.is_empty()) {
            return self.merge_heads(other);
        }
        if self.labels != other.labels {
            let (Some(a), Some(b)) = (self.unlisted, other.unlisted) else {
                return Err(labels_differ(&self.labels, &other.labels));
            };
            if a.order != b.order {
                return Err(Error::input("counts whose labels are in different orders cannot be merged")
                    .hint("count both with the same --order"));
            }
            let sorted = |labels: &Labels| match a.order {
                NameOrder::Frequency => {
                    let mut names: Vec<&str> = labels.iter().collect();
                    names.sort_unstable();
                    names.into_iter().collect()
                }
                NameOrder::Name | NameOrder::Number => labels.clone(),
            };
            let all = sorted(&self.labels).union(&sorted(&other.labels), a.order);
            return self.spread(&all)?.merge(&other.spread(&all)?);
        }
        let overflow = || Error::resource("a count exceeds 2^64").hint("split the run by time or group");
        let tallies = self
            .tallies
            .iter()
            .zip(&other.tallies)
            .map(|(a, b)| a.checked_add(b).ok_or_else(overflow))
            .collect::<Result<Vec<_>>>()?;
        let masses = match (&self.masses, &other.masses) {
            (None, None) => None,
            (Some(a), Some(b)) => Some(
                a.iter()
                    .zip(b)
                    .map(|(a, b)| a.checked_add(b).ok_or_else(overflow))
                    .collect::<Result<Vec<_>>>()?,
            ),
            _ => {
                return Err(Error::input("weighted or soft counts cannot be merged with plain ones")
                    .hint("count both with the same --soft and --sample-weight"));
            }
        };
        let rows = self.rows.checked_add(other.rows).ok_or_else(overflow)?;
        let merged = Self::new(rows, self.labels.clone(), tallies, masses)?;
        match (&self.unlisted, &other.unlisted) {
            (Some(a), Some(b)) => {
                let tally = a.tally.checked_add(&b.tally).ok_or_else(overflow)?;
                let mass = a.mass.checked_add(&b.mass).ok_or_else(overflow)?;
                merged.open(Unlisted { tally, mass, order: a.order })?.sorted_by_frequency()
            }
            _ => Ok(merged),
        }
    }
}

/// The error for a `--num-rows` below the number of rows found.
pub(crate) fn too_few_rows(rows: u64, listed: u64) -> Error {
    Error::input(format!("--num-rows is {rows}, but the shards list {listed} row ids"))
        .hint("give the number of all rows, including rows without any label")
}

fn labels_differ(a: &Labels, b: &Labels) -> Error {
    let found = match (0..a.len().min(b.len())).find(|&i| a.name(i) != b.name(i)) {
        Some(i) => format!("label {i} is \"{}\" on one side and \"{}\" on the other", a.name(i), b.name(i)),
        None => format!("one side has {} labels, the other {}", a.len(), b.len()),
    };
    Error::input(format!("counts with different labels cannot be merged: {found}"))
        .hint("count both with the same --labels or --vocabulary, so that label order agrees")
}

/// The nearest double of a count; exact up to 2^53.
#[must_use]
pub(crate) fn as_f64(count: u64) -> f64 {
    #[expect(clippy::cast_precision_loss, reason = "the one place where a count becomes a double")]
    let value = count as f64;
    value
}
