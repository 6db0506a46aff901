//! How often labels occur together.

/// Rows in which two labels, one of each side, are both there: a matrix of C × C counts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Together {
    labels: usize,
    /// Row-major, C × C.
    counts: Vec<u64>,
    /// Rows that wait to be counted by whole words: for each label of both sides, a bit per row.
    waiting: [Vec<u64>; 2],
    rows_waiting: u32,
}

impl Together {
    /// Nothing yet of `labels` labels.
    #[must_use]
    pub fn new(labels: usize) -> Self {
        Self {
            labels,
            counts: vec![0; labels * labels],
            waiting: [vec![0; labels], vec![0; labels]],
            rows_waiting: 0,
        }
    }

    /// Adds `rows` rows that have the labels `ones` on one side and `others` on the other; where both are the
    /// same set, an entry on the diagonal is the label's own rows.
    pub fn add(&mut self, ones: &[u32], others: &[u32], rows: u64) {
        // Pair by pair costs |ones| · |others|, word by word C² for 64 rows.
        if rows == 1 && ones.len() * others.len() > self.labels * self.labels / 32 {
            let bit = 1 << self.rows_waiting;
            for (waiting, labels) in self.waiting.iter_mut().zip([ones, others]) {
                labels.iter().for_each(|&label| waiting[label as usize] |= bit);
            }
            self.rows_waiting += 1;
            if self.rows_waiting == u64::BITS {
                self.settle();
            }
            return;
        }
        for &one in ones {
            let start = one as usize * self.labels;
            let counts = &mut self.counts[start..start + self.labels];
            others.iter().for_each(|&other| counts[other as usize] += rows);
        }
    }

    /// Counts what waits.
    pub fn settle(&mut self) {
        let [ones, others] = &mut self.waiting;
        for (one, counts) in ones.iter().zip(self.counts.chunks_exact_mut(self.labels.max(1))) {
            if *one != 0 {
                for (count, other) in counts.iter_mut().zip(others.iter()) {
                    *count += u64::from((one & other).count_ones());
                }
            }
        }
        ones.fill(0);
        others.fill(0);
        self.rows_waiting = 0;
    }

    /// Rows with label `one` on one side and `other` on the other. Call [`Self::settle`] first.
    #[must_use]
    pub fn get(&self, one: usize, other: usize) -> u64 {
        self.counts[one * self.labels + other]
    }

    /// All counts, row-major.
    #[must_use]
    pub fn counts(&self) -> &[u64] {
        &self.counts
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn word_by_word_is_pair_by_pair() {
        let labels = 9;
        let set = |seed: u64| (0..9_u32).filter(|label| seed >> label & 1 == 1).collect::<Vec<_>>();
        let (mut fast, mut plain) = (Together::new(labels), vec![0; labels * labels]);
        for seed in 0..1000_u64 {
            let (ones, others) = (set(seed * 37 % 512), set(seed * 91 % 512));
            let rows = 1 + u64::from(seed % 50 == 0);
            fast.add(&ones, &others, rows);
            for one in &ones {
                others.iter().for_each(|other| plain[*one as usize * labels + *other as usize] += rows);
            }
        }
        fast.settle();
        assert_eq!(fast.counts(), plain);
        assert_eq!(fast.get(3, 5), plain[3 * labels + 5]);
    }
}
