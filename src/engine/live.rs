//! Positives of each label while they are counted, for whoever looks.
//!
//! At the end of a row group or a batch, a thread adds what it has counted since the last time, if the live view has
//! asked for it since. Without a live view, that is one comparison.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::engine::counting::{Counting, Keys};
use crate::engine::partial::PartialRow;

/// With more labels than these, none is shown: their copies would take memory that counting needs.
pub(crate) const LIVE_LABELS_MAX: usize = 1 << 16;

/// What threads report.
#[derive(Debug, Default)]
pub(crate) struct LiveLabels {
    /// How often the live view has asked; 0 without one.
    asked: AtomicU64,
    sums: Mutex<LiveSums>,
}

#[derive(Debug, Default)]
struct LiveSums {
    counting: Option<Arc<Counting>>,
    positions: Vec<u64>,
    names: BTreeMap<String, u64>,
    is_reported: bool,
    too_many: bool,
}

/// The labels with the fewest positives.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Rarest {
    /// Threads have added nothing so far.
    NotKnown,
    /// There are more labels than [`LIVE_LABELS_MAX`].
    TooMany,
    /// Names with their positives, the rarest first.
    Labels(Vec<(String, u64)>),
}

impl LiveLabels {
    /// Asks threads for what they have counted.
    pub(crate) fn ask(&self) {
        self.asked.fetch_add(1, Ordering::Relaxed);
    }

    /// Whether there is a live view.
    pub(crate) fn is_looked_at(&self) -> bool {
        self.asked.load(Ordering::Relaxed) > 0
    }

    /// Whether the live view has asked since the last time; `heard` is what this call has found before.
    pub(crate) fn is_asked(&self, heard: &mut u64) -> bool {
        let asked = self.asked.load(Ordering::Relaxed);
        std::mem::replace(heard, asked) < asked
    }

    /// A count begins, anew.
    pub(crate) fn begin(&self, counting: &Arc<Counting>) {
        if !self.is_looked_at() {
            return;
        }
        let known = match &counting.keys {
            Keys::Positions(labels) => labels.len(),
            Keys::Vocabulary(vocabulary) => vocabulary.labels().len(),
            Keys::Indices(bound) => bound.and_then(|bound| usize::try_from(bound).ok()).unwrap_or(0),
            Keys::Names(_) => 0,
        };
        let too_many = known > LIVE_LABELS_MAX;
        *self.sums() = LiveSums {
            counting: Some(Arc::clone(counting)),
            positions: vec![0; if too_many { 0 } else { known }],
            too_many,
            ..LiveSums::default()
        };
    }

    /// Adds partial counts of a label.
    pub(crate) fn add_row(&self, row: &PartialRow<'_>) {
        if self.is_looked_at() && row.example.is_none() {
            let label = row.index.map(|index| usize::try_from(index).unwrap_or(usize::MAX));
            self.sums().add(label, row.name, row.tally.positives);
        }
    }

    /// At most `most` labels with the fewest positives so far.
    pub(crate) fn rarest(&self, most: usize) -> Rarest {
        let sums = self.sums();
        if sums.too_many {
            return Rarest::TooMany;
        }
        if !sums.is_reported {
            return Rarest::NotKnown;
        }
        let mut positions: Vec<(u64, usize)> = sums.positions.iter().copied().zip(0..).collect();
        positions.sort_unstable();
        positions.truncate(most);
        let mut names: Vec<(u64, &String)> =
            sums.names.iter().map(|(name, positives)| (*positives, name)).collect();
        names.sort_unstable();
        let positions = positions.into_iter().map(|(positives, label)| (sums.name(label), positives));
        let names = names.into_iter().map(|(positives, name)| (name.clone(), positives));
        Rarest::Labels(positions.chain(names).take(most).collect())
    }

    fn sums(&self) -> MutexGuard<'_, LiveSums> {
        self.sums.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl LiveSums {
    /// Adds rows that have a label, by its position or its name.
    fn add(&mut self, label: Option<usize>, name: Option<&str>, rows: u64) {
        self.is_reported = true;
        if self.too_many {
            return;
        }
        match (name, label) {
            (Some(name), _) if let Some(positives) = self.names.get_mut(name) => *positives += rows,
            (Some(_), _) if self.names.len() >= LIVE_LABELS_MAX => self.refuse(),
            (Some(name), _) => {
                self.names.insert(name.to_owned(), rows);
            }
            (None, Some(label)) if label < LIVE_LABELS_MAX => {
                self.positions.resize(self.positions.len().max(label + 1), 0);
                self.positions[label] += rows;
            }
            (None, Some(_)) => self.refuse(),
            // Rows as a whole.
            (None, None) => {}
        }
    }

    fn refuse(&mut self) {
        *self = Self { counting: self.counting.take(), too_many: true, ..Self::default() };
    }

    fn name(&self, label: usize) -> String {
        let known = self.counting.as_ref().and_then(|counting| match &counting.keys {
            Keys::Positions(labels) => Some(labels.name(label).to_owned()),
            Keys::Vocabulary(vocabulary) => Some(vocabulary.labels().name(label).to_owned()),
            Keys::Indices(_) | Keys::Names(_) => None,
        });
        known.unwrap_or_else(|| label.to_string())
    }
}

/// What one thread has added of the counts that it holds.
#[derive(Debug, Default)]
pub(crate) struct ReportedCounts(Vec<u64>);

impl ReportedCounts {
    /// Reports what `positives`, by label id, are more than the last time; `name` gives the name of an id that is no
    /// position.
    pub(crate) fn report<'n>(
        &mut self,
        live: &LiveLabels,
        positives: impl ExactSizeIterator<Item = u64>,
        name: impl Fn(usize) -> Option<&'n str>,
    ) {
        if !live.is_looked_at() {
            return;
        }
        let mut sums = live.sums();
        sums.is_reported = true;
        if positives.len() > LIVE_LABELS_MAX {
            sums.refuse();
        }
        if sums.too_many {
            self.0 = Vec::new();
            return;
        }
        self.0.resize(self.0.len().max(positives.len()), 0);
        for (label, (now, reported)) in positives.zip(&mut self.0).enumerate() {
            let more = now.saturating_sub(std::mem::replace(reported, now));
            if more > 0 {
                sums.add(Some(label), name(label), more);
            }
        }
    }

    /// All of these were added before.
    pub(crate) fn know(&mut self, live: &LiveLabels, positives: impl ExactSizeIterator<Item = u64>) {
        if live.is_looked_at() && positives.len() <= LIVE_LABELS_MAX {
            self.0.clear();
            self.0.extend(positives);
        }
    }

    /// The counts begin at zero again.
    pub(crate) fn forget(&mut self) {
        self.0.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::counts::NameOrder;
    use crate::engine::counting::tests::{counting, labels};
    use crate::source::layout::LayoutKind;

    fn rarest(live: &LiveLabels) -> Vec<(String, u64)> {
        match live.rarest(3) {
            Rarest::Labels(labels) => labels,
            other => panic!("{other:?}"),
        }
    }

    fn pairs(expected: &[(&str, u64)]) -> Vec<(String, u64)> {
        expected.iter().map(|(name, positives)| ((*name).to_owned(), *positives)).collect()
    }

    #[test]
    fn what_several_threads_report_is_added_once() {
        let keys = Keys::Positions(labels(&["a", "b", "c", "d"]));
        let live = LiveLabels::default();
        live.ask();
        live.begin(&Arc::new(counting(LayoutKind::Wide, &["a", "b", "c", "d"], keys)));
        assert_eq!(live.rarest(3), Rarest::NotKnown);
        let (mut one, mut other) = (ReportedCounts::default(), ReportedCounts::default());
        one.report(&live, [5, 0, 2, 9].into_iter(), |_| None);
        one.report(&live, [6, 0, 2, 9].into_iter(), |_| None);
        other.report(&live, [1, 1].into_iter(), |_| None);
        assert_eq!(rarest(&live), pairs(&[("b", 1), ("c", 2), ("a", 7)]));
        one.know(&live, [7, 1, 2, 9].into_iter());
        one.report(&live, [7, 1, 2, 9].into_iter(), |_| None);
        assert_eq!(rarest(&live), pairs(&[("b", 1), ("c", 2), ("a", 7)]));
        // Counts that were given out begin anew.
        one.forget();
        one.report(&live, [0, 0, 7].into_iter(), |_| None);
        assert_eq!(rarest(&live), pairs(&[("b", 1), ("a", 7), ("c", 9)]));
    }

    #[test]
    fn names_are_one_label_whatever_their_ids() {
        let live = LiveLabels::default();
        live.ask();
        live.begin(&Arc::new(counting(LayoutKind::List, &["y"], Keys::Names(NameOrder::Name))));
        let (mut one, mut other) = (ReportedCounts::default(), ReportedCounts::default());
        one.report(&live, [5, 1].into_iter(), |id| Some(["cat", "dog"][id]));
        other.report(&live, [7, 1, 2].into_iter(), |id| Some(["dog", "emu", "cat"][id]));
        live.add_row(&PartialRow { name: Some("emu"), ..PartialRow::default() });
        assert_eq!(rarest(&live), pairs(&[("emu", 1), ("cat", 7), ("dog", 8)]));
    }

    #[test]
    fn nothing_is_kept_without_a_live_view_or_of_too_many_labels() {
        let open = Arc::new(counting(LayoutKind::List, &["y"], Keys::Indices(None)));
        let live = LiveLabels::default();
        let (mut reported, mut heard) = (ReportedCounts::default(), 0);
        live.begin(&open);
        assert!(!live.is_asked(&mut heard));
        reported.report(&live, [1].into_iter(), |_| None);
        assert_eq!((live.rarest(3), reported.0.len()), (Rarest::NotKnown, 0));
        live.ask();
        assert!(live.is_asked(&mut heard) && !live.is_asked(&mut heard));
        live.begin(&open);
        reported.report(&live, std::iter::repeat_n(1, LIVE_LABELS_MAX + 1), |_| None);
        assert_eq!((live.rarest(3), reported.0.len()), (Rarest::TooMany, 0));
    }
}
