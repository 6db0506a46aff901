//! Groups of rows change folds until no step makes the folds more even.
//!
//! Large groups that are dealt one by one leave folds with more rows than their share, and with other parts of labels.
//! What the folds are off is the sum of (found − wanted)² / wanted over labels and folds, with rows as often as there are
//! labels; by chance each label adds as much to it. A step moves one group, or lets two groups change places.

use std::cmp::Reverse;

use super::stratify::Rows;

/// Labels of groups that are looked at, at most; many small groups are even before.
const LOOKS: u64 = 20_000_000;
/// The least that a step must gain.
const GAIN: f64 = 1e-9;

/// Labels with a number of rows each, ascending.
type RowsOfLabels<'a> = &'a [(u32, u32)];

/// Labels of each group with the number of its rows that have them, ascending.
struct LabelsOfGroups {
    ends: Vec<usize>,
    labels: Vec<(u32, u32)>,
}

impl LabelsOfGroups {
    fn of(groups: &Rows) -> Self {
        let (mut ends, mut labels) = (Vec::with_capacity(groups.len()), Vec::new());
        let mut own = Vec::new();
        for group in 0..groups.len() {
            own.clear();
            own.extend_from_slice(groups.labels(group));
            own.sort_unstable();
            labels.extend(
                own.chunk_by(|a, b| a == b)
                    .map(|same| (same[0], u32::try_from(same.len()).unwrap_or(u32::MAX))),
            );
            ends.push(labels.len());
        }
        Self { ends, labels }
    }

    fn labels(&self, group: usize) -> &[(u32, u32)] {
        let start = group.checked_sub(1).map_or(0, |before| self.ends[before]);
        &self.labels[start..self.ends[group]]
    }
}

/// Calls `each` with every label of two groups, and by how many rows the first has more of it.
fn differences(one: RowsOfLabels<'_>, other: RowsOfLabels<'_>, mut each: impl FnMut(usize, f64)) {
    let (mut one, mut other) = (one.iter().copied().peekable(), other.iter().copied().peekable());
    loop {
        let label = match (one.peek(), other.peek()) {
            (None, None) => return,
            (Some((a, _)), Some((b, _))) => *a.min(b),
            (Some((label, _)), None) | (None, Some((label, _))) => *label,
        };
        let count = |of: &mut std::iter::Peekable<_>| {
            let next: Option<(u32, u32)> = of.next_if(|(own, _)| *own == label);
            next.map_or(0.0, |(_, rows)| f64::from(rows))
        };
        let difference = count(&mut one) - count(&mut other);
        if difference != 0.0 {
            each(label as usize, difference);
        }
    }
}

/// What folds have more or less than their shares.
struct FoldSums<'s> {
    shares: &'s [f64],
    rows: Vec<f64>,
    all_rows: f64,
    /// Label by label, one value per fold.
    labels: Vec<f64>,
    all_labels: Vec<f64>,
}

impl FoldSums<'_> {
    /// How much less the folds are off, if `from` gave `more` of what all have `all` of to `to`; `off` says by how many
    /// rows each fold is off.
    fn gain(&self, (from, to): (usize, usize), off: &[f64], all: f64, more: f64) -> f64 {
        let of = |fold: usize, change: f64| {
            let wanted = (self.shares[fold] * all).max(f64::MIN_POSITIVE.sqrt());
            change * 2.0f64.mul_add(off[fold], change) / wanted
        };
        -(of(from, -more) + of(to, more))
    }

    /// The same for a group with this many rows more and these labels, against what comes back.
    fn gain_of(
        &self,
        way: (usize, usize),
        rows: f64,
        (one, other): (RowsOfLabels<'_>, RowsOfLabels<'_>),
    ) -> f64 {
        let folds = self.shares.len();
        let mut sum = self.all_labels.len().max(1) as f64 * self.gain(way, &self.rows, self.all_rows, rows);
        differences(one, other, |label, more| {
            let off = &self.labels[label * folds..(label + 1) * folds];
            sum += self.gain(way, off, self.all_labels[label], more);
        });
        sum
    }

    fn take(
        &mut self,
        (from, to): (usize, usize),
        rows: f64,
        (one, other): (RowsOfLabels<'_>, RowsOfLabels<'_>),
    ) {
        self.rows[from] -= rows;
        self.rows[to] += rows;
        let (folds, labels) = (self.shares.len(), &mut self.labels);
        differences(one, other, |label, more| {
            labels[label * folds + from] -= more;
            labels[label * folds + to] += more;
        });
    }
}

/// Changes the folds of groups; the order in which these are given does not matter if their random numbers differ.
pub(crate) fn even_out(groups: &Rows, shares: &[f64], dealt: &mut [u16]) {
    let folds = shares.len();
    let mut order: Vec<usize> = (0..groups.len()).collect();
    order.sort_by_key(|&group| (Reverse(groups.size(group)), groups.draw(group)));
    let own = LabelsOfGroups::of(groups);
    let labels = own.labels.iter().map(|(label, _)| *label as usize + 1).max().unwrap_or(0);
    let mut sums = FoldSums {
        shares,
        rows: vec![0.0; folds],
        all_rows: 0.0,
        labels: vec![0.0; labels * folds],
        all_labels: vec![0.0; labels],
    };
    for (group, fold) in dealt.iter().enumerate() {
        let (fold, size) = (usize::from(*fold), f64::from(groups.size(group)));
        sums.rows[fold] += size;
        sums.all_rows += size;
        for (label, rows) in own.labels(group) {
            sums.labels[*label as usize * folds + fold] += f64::from(*rows);
            sums.all_labels[*label as usize] += f64::from(*rows);
        }
    }
    for (fold, share) in shares.iter().enumerate() {
        sums.rows[fold] -= share * sums.all_rows;
        for label in 0..labels {
            sums.labels[label * folds + fold] -= share * sums.all_labels[label];
        }
    }
    let mut looks = 0_u64;
    loop {
        let mut is_better = false;
        for &group in &order {
            let (from, size) = (usize::from(dealt[group]), f64::from(groups.size(group)));
            let sides = (own.labels(group), &[][..]);
            let gains =
                (0..folds).filter(|to| *to != from).map(|to| (sums.gain_of((from, to), size, sides), to));
            let best = gains.max_by(|one, other| one.0.total_cmp(&other.0).then(other.1.cmp(&one.1)));
            if let Some((_, to)) = best.filter(|(gain, _)| *gain > GAIN) {
                sums.take((from, to), size, sides);
                dealt[group] = u16::try_from(to).unwrap_or(0);
                is_better = true;
            }
            looks += (folds * (sides.0.len() + 1)) as u64;
        }
        for (at, &one) in order.iter().enumerate() {
            for &other in &order[at + 1..] {
                if looks > LOOKS {
                    return;
                }
                let way = (usize::from(dealt[one]), usize::from(dealt[other]));
                if way.0 == way.1 {
                    continue;
                }
                let size = f64::from(groups.size(one)) - f64::from(groups.size(other));
                let sides = (own.labels(one), own.labels(other));
                looks += (sides.0.len() + sides.1.len() + 1) as u64;
                if sums.gain_of(way, size, sides) > GAIN {
                    sums.take(way, size, sides);
                    dealt.swap(one, other);
                    is_better = true;
                }
            }
        }
        if !is_better || looks > LOOKS {
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::counts::as_f64;
    use crate::sampling::Draw;
    use crate::sampling::stratify::stratify;

    /// How far folds are off, from the start.
    fn off(groups: &Rows, shares: &[f64], dealt: &[u16]) -> f64 {
        let labels = (0..groups.len())
            .flat_map(|group| groups.labels(group))
            .max()
            .map_or(0, |most| *most as usize + 1);
        let of = |count: &dyn Fn(usize) -> f64| -> f64 {
            let all: f64 = (0..groups.len()).map(count).sum();
            let fold = |fold: usize| -> f64 {
                let own = (0..groups.len()).filter(|group| usize::from(dealt[*group]) == fold);
                (own.map(count).sum::<f64>() - shares[fold] * all).powi(2) / (shares[fold] * all)
            };
            (0..shares.len()).map(fold).sum()
        };
        let of_label = |label: usize| {
            of(&|group| {
                as_f64(groups.labels(group).iter().filter(|own| **own as usize == label).count() as u64)
            })
        };
        labels as f64 * of(&|group| f64::from(groups.size(group))) + (0..labels).map(of_label).sum::<f64>()
    }

    /// 40 groups of 15 to 35 rows with three labels, which groups have more or less often.
    fn groups(seed: u64) -> (Rows, Vec<u32>) {
        let draw = Draw::new(seed, 0).shard("a");
        let mut rows = Rows::default();
        let mut of_row = Vec::new();
        let mut number = 0;
        for group in 0..40_u32 {
            for _ in 0..15 + draw.below(1_000_000 + u64::from(group), 21) {
                let often = |label: u64| 2 + draw.below(2_000_000 + u64::from(group) * 3 + label, 6);
                let has =
                    |label: &u32| draw.below(number * 3 + u64::from(*label), often((*label).into())) == 0;
                rows.push(&(0..3).filter(has).collect::<Vec<_>>(), draw.bits(number));
                of_row.push(group);
                number += 1;
            }
        }
        (rows.grouped(&of_row), of_row)
    }

    #[test]
    fn folds_of_few_groups_have_their_rows() {
        for seed in 0..5 {
            let (groups, of_row) = groups(seed);
            for shares in [&[0.2; 5][..], &[0.7, 0.15, 0.15]] {
                let mut folds = stratify(&groups, shares);
                even_out(&groups, shares, &mut folds);
                let mut rows = vec![0_u64; shares.len()];
                of_row.iter().for_each(|group| rows[usize::from(folds[*group as usize])] += 1);
                for (rows, share) in rows.iter().zip(shares) {
                    let wanted = share * as_f64(of_row.len() as u64);
                    assert!((as_f64(*rows) - wanted).abs() < 13.0, "{seed}: {rows} for {wanted}");
                }
                // No group that moves makes the folds more even.
                let before = off(&groups, shares, &folds);
                for (group, fold) in
                    (0..40).flat_map(|group| (0..shares.len()).map(move |fold| (group, fold)))
                {
                    let mut other = folds.clone();
                    other[group] = u16::try_from(fold).unwrap();
                    assert!(off(&groups, shares, &other) > before - 1e-6, "{seed}: group {group} to {fold}");
                }
            }
        }
    }

    #[test]
    fn a_gain_is_what_the_folds_are_less_off() {
        let (groups, _) = groups(3);
        let shares = [0.5, 0.3, 0.2];
        let mut dealt: Vec<u16> = (0..40).map(|group| group % 3).collect();
        let before = off(&groups, &shares, &dealt);
        even_out(&groups, &shares, &mut dealt);
        let after = off(&groups, &shares, &dealt);
        assert!(after < before / 10.0, "{before} {after}");
        let again = dealt.clone();
        even_out(&groups, &shares, &mut dealt);
        assert_eq!(dealt, again);
    }
}
