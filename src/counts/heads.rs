//! Several class columns beside each other: each is one head of the target tensor.
//!
//! ```text
//! head         color                    shape
//! labels       color=blue  color=red    shape=round  shape=square
//! positions    0           1            2            3
//! missing      of color                 of shape
//! ```

use super::head::Head;
use super::labels::Labels;
use super::tally::Unlisted;
use super::{LabelCounts, labels_differ};
use crate::error::{Error, Result};

impl LabelCounts {
    /// Joins the counts of several class columns of the same rows: label `red` of column `color` becomes
    /// `color=red`.
    ///
    /// # Errors
    /// [`Error::Input`] if two labels get the same name; [`Error::Internal`] if the rows differ.
    pub(crate) fn beside(parts: Vec<(String, Self)>) -> Result<Self> {
        let mut labels = Labels::default();
        let (mut tallies, mut heads) = (Vec::new(), Vec::with_capacity(parts.len()));
        let mut masses = parts.first().and_then(|(_, first)| first.masses.as_ref()).map(|_| Vec::new());
        let rows = parts.first().map_or(0, |(_, first)| first.rows);
        for (column, part) in parts {
            if part.rows != rows || part.masses.is_some() != masses.is_some() {
                return Err(Error::internal(format!(
                    "column {column:?} has {} rows, others have {rows}",
                    part.rows
                )));
            }
            part.labels.iter().for_each(|name| labels.push(&format!("{column}={name}")));
            let (start, length) = (tallies.len(), part.len());
            tallies.extend(part.tallies);
            if let Some(masses) = &mut masses {
                masses.extend(part.masses.unwrap_or_default());
            }
            heads.push(Head { column, start, length, unlisted: part.unlisted });
        }
        if let Some((name, ..)) = labels.duplicate() {
            return Err(Error::input(format!("two label columns have a label {name:?}"))
                .hint("rename one of the columns"));
        }
        Ok(Self { heads, ..Self::new(rows, labels, tallies, masses)? })
    }

    /// The same counts with the heads that a file describes: column, number of labels, and the tally of labels that
    /// were not found.
    ///
    /// # Errors
    /// [`Error::Input`] if they are not the heads of these labels.
    pub(crate) fn with_heads(mut self, described: Vec<(String, usize, Option<Unlisted>)>) -> Result<Self> {
        let mut start = 0;
        for (column, length, unlisted) in described {
            let prefix = format!("{column}=");
            let fits = (start..start + length).all(|i| self.labels.name(i).starts_with(&prefix));
            let rows = unlisted.is_none_or(|unlisted| unlisted.tally.total() == Some(self.rows));
            if !fits || !rows {
                return Err(Error::input(format!("head {column:?} does not fit the labels")));
            }
            self.heads.push(Head { column, start, length, unlisted });
            start += length;
        }
        if start == self.len() { Ok(self) } else { Err(Error::input("labels lie outside all heads")) }
    }

    /// The heads in order; none unless several class columns were counted.
    #[must_use]
    pub(crate) fn heads(&self) -> &[Head] {
        &self.heads
    }

    /// The counts of one head alone, its labels named `color=red`.
    pub(crate) fn part(&self, head: &Head) -> Result<Self> {
        let labels = head.range().map(|i| self.labels.name(i)).collect();
        let masses = self.masses.as_ref().map(|masses| masses[head.range()].to_vec());
        Self::new(self.rows, labels, self.tallies[head.range()].to_vec(), masses)
    }

    /// The counts of one head as they were before it was joined to others, its labels named `red`.
    fn alone(&self, head: &Head) -> Result<Self> {
        let part = self.part(head)?;
        let labels = part.labels.iter().map(|name| &name[head.column.len() + 1..]).collect();
        let part = Self { labels, ..part };
        head.unlisted.map_or(Ok(part.clone()), |unlisted| part.open(unlisted))
    }

    /// The labels of one head, named `red`.
    pub(crate) fn labels_alone(&self, head: &Head) -> Result<Labels> {
        Ok(self.alone(head)?.labels)
    }

    /// Changes the heads of both, one by one.
    fn by_head(&self, other: &Self, change: impl Fn(&Self, &Self) -> Result<Self>) -> Result<Self> {
        let columns = |of: &Self| of.heads.iter().map(|head| head.column.clone()).collect::<Vec<_>>();
        if columns(self) != columns(other) {
            return Err(labels_differ(&self.labels, &other.labels));
        }
        let each = self.heads.iter().zip(&other.heads).map(|(a, b)| {
            let changed = change(&self.alone(a)?, &other.alone(b)?);
            Ok((a.column.clone(), changed.map_err(|error| error.at(format!("column {:?}", a.column)))?))
        });
        Self::beside(each.collect::<Result<Vec<_>>>()?)
    }

    /// [`LabelCounts::merge`] of counts with heads.
    pub(super) fn merge_heads(&self, other: &Self) -> Result<Self> {
        self.by_head(other, Self::merge)
    }

    /// The same rows with the labels of `whole`, which must include all labels that were found.
    ///
    /// # Errors
    /// [`Error::Input`] if other labels were known before counting.
    pub(crate) fn spread_to(&self, whole: &Self) -> Result<Self> {
        if self.heads.is_empty() && whole.heads.is_empty() {
            return self.spread(&whole.labels);
        }
        self.by_head(whole, |part, whole| part.spread(&whole.labels))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::counts::{NameOrder, Tally};

    /// Counts of a class column with these positives; `missing` rows say nothing.
    fn counts(names: &[(&str, u64)], missing: u64) -> LabelCounts {
        let known: u64 = names.iter().map(|(_, positives)| positives).sum();
        let tally =
            |positives| Tally { positives, negatives: known - positives, missing, ..Tally::default() };
        let labels = names.iter().map(|(name, _)| *name).collect();
        let tallies = names.iter().map(|(_, positives)| tally(*positives)).collect();
        let unlisted = Unlisted { tally: tally(0), order: NameOrder::Name, ..Unlisted::default() };
        LabelCounts::new(known + missing, labels, tallies, None).unwrap().open(unlisted).unwrap()
    }

    fn joined(color: &[(&str, u64)], shape: &[(&str, u64)], missing: u64) -> LabelCounts {
        let parts =
            vec![("color".to_owned(), counts(color, 0)), ("shape".to_owned(), counts(shape, missing))];
        LabelCounts::beside(parts).unwrap()
    }

    #[test]
    fn heads_keep_their_place_and_their_missing_rows() {
        let whole = joined(&[("blue", 1), ("red", 2)], &[("round", 1), ("square", 1)], 1);
        let names: Vec<&str> = whole.labels().iter().collect();
        assert_eq!(names, ["color=blue", "color=red", "shape=round", "shape=square"]);
        let missing: Vec<u64> = whole.tallies().iter().map(|tally| tally.missing).collect();
        assert_eq!(missing, [0, 0, 1, 1]);
        assert_eq!(whole.heads()[1].range(), 2..4);
        assert_eq!(whole.part(&whole.heads()[1]).unwrap().labels().name(0), "shape=round");
    }

    #[test]
    fn heads_merge_one_by_one_with_the_labels_of_both() {
        let one = joined(&[("blue", 1), ("red", 2)], &[("round", 2)], 1);
        let other = joined(&[("green", 2)], &[("square", 2)], 0);
        let both = one.merge(&other).unwrap();
        let found: Vec<(&str, u64, u64, u64)> = both
            .labels()
            .iter()
            .zip(both.tallies())
            .map(|(name, tally)| (name, tally.positives, tally.negatives, tally.missing))
            .collect();
        let expected = [
            ("color=blue", 1, 4, 0),
            ("color=green", 2, 3, 0),
            ("color=red", 2, 3, 0),
            ("shape=round", 2, 2, 1),
            ("shape=square", 2, 2, 1),
        ];
        assert_eq!(found, expected);
        assert_eq!(both, other.merge(&one).unwrap());
        assert_eq!(one.spread_to(&both).unwrap().labels(), both.labels());
        let plain = counts(&[("blue", 3)], 1);
        assert!(one.merge(&plain).is_err() && plain.merge(&one).is_err());
    }

    #[test]
    fn a_label_name_that_two_columns_give_is_refused() {
        let parts =
            vec![("a".to_owned(), counts(&[("b=c", 1)], 0)), ("a=b".to_owned(), counts(&[("c", 1)], 0))];
        assert!(LabelCounts::beside(parts).unwrap_err().to_string().contains("a=b=c"));
    }

    #[test]
    fn heads_that_do_not_fit_the_labels_are_refused() {
        let whole = joined(&[("red", 2)], &[("round", 2)], 0);
        let bare = || LabelCounts { heads: Vec::new(), ..whole.clone() };
        let described = |lengths: [usize; 2]| {
            ["color", "shape"].into_iter().zip(lengths).map(|(name, n)| (name.to_owned(), n, None)).collect()
        };
        assert!(bare().with_heads(described([1, 1])).is_ok());
        assert!(bare().with_heads(described([2, 0])).is_err());
        assert!(bare().with_heads(described([1, 0])).is_err());
    }
}
