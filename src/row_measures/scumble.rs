//! SCUMBLE of a row: how much rare and frequent labels occur together in it (Charte et al. 2014, as in the R
//! package mldr).

use std::sync::Arc;

use crate::counts::as_f64;

/// Computes SCUMBLE of rows.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Scumble {
    /// IRLbl of every label and its logarithm; 0 without positives.
    irlbl: Arc<[(f64, f64)]>,
}

impl Scumble {
    /// For labels with these numbers of positives.
    #[must_use]
    pub(crate) fn new(positives: impl Iterator<Item = u64> + Clone) -> Self {
        let most = positives.clone().max().unwrap_or(0);
        let irlbl = |positives: u64| {
            let irlbl = if positives == 0 { 0.0 } else { as_f64(most) / as_f64(positives) };
            (irlbl, if positives == 0 { 0.0 } else { irlbl.ln() })
        };
        Self { irlbl: positives.map(irlbl).collect() }
    }

    /// Labels, C.
    #[must_use]
    pub(crate) fn labels(&self) -> usize {
        self.irlbl.len()
    }

    /// SCUMBLE of a row with these labels: 1 − geometric mean / mean of their IRLbl; 0 for one label or none.
    #[must_use]
    #[inline]
    pub(crate) fn of(&self, labels: &[u32]) -> f64 {
        if labels.len() < 2 {
            return 0.0;
        }
        of_sums(self.sums(labels))
    }

    /// Puts SCUMBLE of rows of several labels each into `out`.
    pub(super) fn of_each<'s>(&self, rows: impl Iterator<Item = &'s [u32]>, out: &mut Vec<f64>) {
        // Each step is taken for several rows, or a processor would wait for the step before.
        let (mut rows, mut sums) = (rows, [(0.0, 0.0, 0.0); 32]);
        out.clear();
        loop {
            let mut taken = 0;
            for (sums, labels) in sums.iter_mut().zip(rows.by_ref()) {
                *sums = self.sums(labels);
                taken += 1;
            }
            if taken == 0 {
                return;
            }
            out.extend(sums[..taken].iter().copied().map(of_sums));
        }
    }

    /// The sum of IRLbl, that of its logarithms, and the number of labels.
    #[inline]
    fn sums(&self, labels: &[u32]) -> (f64, f64, f64) {
        let of = labels.iter().map(|&label| self.irlbl[label as usize]);
        let (sum, logs) = of.fold((0.0, 0.0), |(sum, logs), (irlbl, ln)| (sum + irlbl, logs + ln));
        (sum, logs, labels.len() as f64)
    }
}

/// 1 − geometric mean / mean of `k` numbers, given their sum and that of their logarithms.
#[inline]
fn of_sums((sum, logs, k): (f64, f64, f64)) -> f64 {
    (1.0 - (logs / k).exp() / (sum / k)).max(0.0)
}
