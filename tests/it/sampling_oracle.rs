//! Plans as published, written plainly: rows in lists, bags in lists, one loop after the other. Of the program
//! nothing is used but its chance.

use std::collections::BTreeMap;

use posweight::testing::Draw;
use posweight::testing::rounded;

/// A row with its place.
#[derive(Debug, Clone)]
pub(crate) struct Row {
    pub(crate) shard: String,
    pub(crate) row: u64,
    pub(crate) labels: Vec<u32>,
}

/// Rows in the order of shard names.
pub(crate) struct Oracle {
    pub(crate) rows: Vec<Row>,
    pub(crate) labels: usize,
    pub(crate) draw: Draw,
}

fn number(n: usize) -> f64 {
    f64::from(u32::try_from(n).unwrap())
}

impl Oracle {
    pub(crate) fn positives(&self) -> Vec<usize> {
        let of = |label| self.rows.iter().filter(|row| row.labels.contains(&label)).count();
        (0..u32::try_from(self.labels).unwrap()).map(of).collect()
    }

    fn irlbl(&self) -> Vec<Option<f64>> {
        let positives = self.positives();
        let most = number(positives.iter().copied().max().unwrap_or(0));
        positives.iter().map(|&n| (n > 0).then(|| most / number(n))).collect()
    }

    fn mean_ir(&self) -> f64 {
        let known: Vec<f64> = self.irlbl().into_iter().flatten().collect();
        if known.is_empty() { 0.0 } else { known.iter().sum::<f64>() / number(known.len()) }
    }

    fn budget(&self, percent: f64) -> usize {
        let mut budget = 0;
        while number(budget + 1) <= number(self.rows.len()) * percent / 100.0 {
            budget += 1;
        }
        budget
    }

    fn unit(&self, row: &Row) -> f64 {
        self.draw.shard(&row.shard).unit(row.row)
    }

    fn bits(&self, row: &Row) -> u64 {
        self.draw.shard(&row.shard).bits(row.row)
    }

    fn bag(&self, label: usize) -> Vec<usize> {
        let has = |row: &usize| self.rows[*row].labels.iter().any(|own| *own as usize == label);
        (0..self.rows.len()).filter(has).collect()
    }

    fn pick(&self, label: usize, turn: u64, size: usize) -> usize {
        let stream = self.draw.label(u32::try_from(label).unwrap());
        usize::try_from(stream.below(turn, size as u64)).unwrap()
    }

    pub(crate) fn repeat_factor(&self, threshold: f64, linear: bool, ceil: bool) -> Vec<u32> {
        let positives = self.positives();
        let of_row = |row: &Row| {
            let mut most = 1.0_f64;
            for label in &row.labels {
                let ratio = threshold * number(self.rows.len()) / number(positives[*label as usize]);
                most = most.max(if linear { ratio } else { ratio.sqrt() });
            }
            if ceil { rounded(most.ceil(), 0.9) } else { rounded(most, self.unit(row)) }
        };
        self.rows.iter().map(of_row).collect()
    }

    /// Weights, and how often each row is seen.
    pub(crate) fn weights(&self, combine: &str, unlabelled: Option<f64>) -> (Vec<f64>, Vec<u32>) {
        let positives = self.positives();
        let present = || positives.iter().copied().filter(|n| *n > 0);
        let (least, most) = (present().min().unwrap_or(1), present().max().unwrap_or(1));
        let unlabelled = unlabelled.unwrap_or(number(least) / number(most));
        let of_row = |row: &Row| {
            let each: Vec<f64> =
                row.labels.iter().map(|l| number(least) / number(positives[*l as usize])).collect();
            match combine {
                _ if each.is_empty() => unlabelled,
                "max" => each.iter().copied().fold(0.0, f64::max),
                "mean" => each.iter().sum::<f64>() / number(each.len()),
                _ => each.iter().sum(),
            }
        };
        let weights: Vec<f64> = self.rows.iter().map(of_row).collect();
        let sum: f64 = weights.iter().sum();
        let repeats = self.rows.iter().zip(&weights).map(|(row, weight)| {
            if sum > 0.0 { rounded(weight * (number(self.rows.len()) / sum), self.unit(row)) } else { 0 }
        });
        let repeats = repeats.collect();
        (weights, repeats)
    }

    pub(crate) fn ml_ros(&self, percent: f64) -> Vec<u32> {
        let (mut counts, mean_ir, irlbl) = (self.positives(), self.mean_ir(), self.irlbl());
        let mut bags: Vec<(usize, Vec<usize>, u64)> = (0..self.labels)
            .filter(|&label| irlbl[label].is_some_and(|ir| ir > mean_ir))
            .map(|label| (label, self.bag(label), 0))
            .collect();
        let mut repeats = vec![1; self.rows.len()];
        let mut to_clone = self.budget(percent);
        while to_clone > 0 && !bags.is_empty() {
            let mut i = 0;
            while i < bags.len() && to_clone > 0 {
                let most = number(counts.iter().copied().max().unwrap_or(0));
                if most / number(counts[bags[i].0]) <= mean_ir {
                    bags.remove(i);
                    continue;
                }
                let (label, bag, turn) = &mut bags[i];
                let row = bag[self.pick(*label, *turn, bag.len())];
                *turn += 1;
                repeats[row] += 1;
                self.rows[row].labels.iter().for_each(|label| counts[*label as usize] += 1);
                to_clone -= 1;
                i += 1;
            }
        }
        repeats
    }

    pub(crate) fn ml_rus(&self, percent: f64) -> Vec<u32> {
        let (mut counts, mean_ir, irlbl) = (self.positives(), self.mean_ir(), self.irlbl());
        let most = number(counts.iter().copied().max().unwrap_or(0));
        let mut bags: Vec<(usize, Vec<usize>, u64)> = (0..self.labels)
            .filter(|&label| irlbl[label].is_some_and(|ir| ir < mean_ir))
            .map(|label| (label, self.bag(label), 0))
            .collect();
        let mut repeats = vec![1; self.rows.len()];
        let mut to_drop = self.budget(percent);
        while to_drop > 0 && !bags.is_empty() {
            let mut i = 0;
            while i < bags.len() && to_drop > 0 {
                let (label, bag, turn) = &mut bags[i];
                let is_empty = bag.iter().all(|row| repeats[*row] == 0);
                if is_empty || most / number(counts[*label]) >= mean_ir {
                    bags.remove(i);
                    continue;
                }
                let row = loop {
                    let row = bag[self.pick(*label, *turn, bag.len())];
                    *turn += 1;
                    if repeats[row] == 1 {
                        break row;
                    }
                };
                repeats[row] = 0;
                self.rows[row].labels.iter().for_each(|label| counts[*label as usize] -= 1);
                to_drop -= 1;
                i += 1;
            }
        }
        repeats
    }

    pub(crate) fn ml_rus_majority(&self, percent: f64) -> Vec<u32> {
        let (mean_ir, irlbl) = (self.mean_ir(), self.irlbl());
        let is_minority = |label: &u32| irlbl[*label as usize].is_some_and(|ir| ir > mean_ir);
        let mut free: Vec<usize> =
            (0..self.rows.len()).filter(|&row| !self.rows[row].labels.iter().any(is_minority)).collect();
        free.sort_by_key(|&row| self.bits(&self.rows[row]));
        let mut repeats = vec![1; self.rows.len()];
        free.into_iter().take(self.budget(percent)).for_each(|row| repeats[row] = 0);
        repeats
    }

    /// Bags of rows with the same labels, in the order of their keys.
    fn sets(&self) -> Vec<(u128, Vec<usize>)> {
        let mut sets: BTreeMap<Vec<u32>, Vec<usize>> = BTreeMap::new();
        for (i, row) in self.rows.iter().enumerate() {
            sets.entry(row.labels.clone()).or_default().push(i);
        }
        let mut sets: Vec<_> = sets.into_iter().map(|(set, rows)| (self.draw.key(&set), rows)).collect();
        sets.sort_by_key(|(key, _)| *key);
        sets
    }

    pub(crate) fn lp(&self, percent: f64, ros: bool) -> Vec<u32> {
        let mut bags = self.sets();
        let mean = number(self.rows.len()) / number(bags.len().max(1));
        let room = |size: usize| if ros { mean - number(size) } else { number(size) - mean };
        bags.retain(|(_, rows)| room(rows.len()) > 0.0);
        // The nearest to the mean first; the order of keys remains among equals.
        bags.sort_by(|(_, a), (_, b)| room(a.len()).total_cmp(&room(b.len())));
        let mut repeats = vec![1; self.rows.len()];
        let (mut left, mut waiting) = (self.budget(percent), bags.len());
        for (key, rows) in bags {
            let mut quota = left / waiting;
            while number(quota) > room(rows.len()) {
                quota -= 1;
            }
            left -= quota;
            waiting -= 1;
            let mut turn = 0;
            while quota > 0 {
                let row = rows[usize::try_from(self.draw.set(key).below(turn, rows.len() as u64)).unwrap()];
                turn += 1;
                if ros {
                    repeats[row] += 1;
                    quota -= 1;
                } else if repeats[row] == 1 {
                    repeats[row] = 0;
                    quota -= 1;
                }
            }
        }
        repeats
    }

    pub(crate) fn remedial(&self, one_sided: bool) -> Vec<u32> {
        let (irlbl, mean_ir) = (self.irlbl(), self.mean_ir());
        let scumble = |row: &Row| {
            let own: Vec<f64> = row.labels.iter().map(|label| irlbl[*label as usize].unwrap()).collect();
            if own.len() < 2 {
                return 0.0;
            }
            let product: f64 = own.iter().product();
            1.0 - product.powf(1.0 / number(own.len())) / (own.iter().sum::<f64>() / number(own.len()))
        };
        let all: Vec<f64> = self.rows.iter().map(scumble).collect();
        let mean = all.iter().sum::<f64>() / number(all.len().max(1));
        let splits = |row: &Row, scumble: f64| {
            let minority = row.labels.iter().filter(|l| irlbl[**l as usize].unwrap() > mean_ir).count();
            // Sums of one value many times may differ in their last digit.
            scumble > mean + 1e-12 && (one_sided || (minority > 0 && minority < row.labels.len()))
        };
        self.rows.iter().zip(&all).map(|(row, scumble)| 1 + u32::from(splits(row, *scumble))).collect()
    }

    pub(crate) fn stratify(&self, shares: &[f64], order: u8) -> Vec<usize> {
        // What a row has: its labels, and with second order the pairs of these.
        let mut pairs = BTreeMap::new();
        let positives = self.positives();
        // Of a label that most rows have, the rows without it.
        let stands = |row: &Row, label: u32| {
            row.labels.contains(&label) == (positives[label as usize] * 2 <= self.rows.len())
        };
        let every = 0..u32::try_from(self.labels).unwrap();
        let items: Vec<Vec<usize>> = self
            .rows
            .iter()
            .map(|row| {
                let own: Vec<u32> = every.clone().filter(|label| stands(row, *label)).collect();
                let mut items: Vec<usize> = own.iter().map(|label| *label as usize).collect();
                for (i, one) in own.iter().enumerate() {
                    for other in own[i + 1..].iter().filter(|_| order == 2) {
                        let next = self.labels + pairs.len();
                        items.push(*pairs.entry((*one, *other)).or_insert(next));
                    }
                }
                items
            })
            .collect();
        let n_items = self.labels + pairs.len();
        let has = |row: usize, item: usize| items[row].contains(&item);
        let size = |item: usize| (0..self.rows.len()).filter(|&row| has(row, item)).count();
        let mut lack: Vec<Vec<f64>> =
            (0..n_items).map(|item| shares.iter().map(|s| s * number(size(item))).collect()).collect();
        let mut lack_rows: Vec<f64> = shares.iter().map(|share| share * number(self.rows.len())).collect();
        let mut left: Vec<usize> = (0..self.rows.len()).collect();
        left.sort_by_key(|&row| self.bits(&self.rows[row]));
        let mut folds = vec![0; self.rows.len()];
        while !left.is_empty() {
            let remaining = |item: usize| left.iter().filter(|&&row| has(row, item)).count();
            let rarest = (0..n_items).filter(|&i| remaining(i) > 0).min_by_key(|&i| (remaining(i), i));
            let batch: Vec<usize> =
                left.iter().copied().filter(|&row| rarest.is_none_or(|item| has(row, item))).collect();
            for row in batch {
                let most = |of: &[f64], among: &[usize]| -> Vec<usize> {
                    let most = among.iter().map(|&fold| of[fold]).fold(f64::NEG_INFINITY, f64::max);
                    among.iter().copied().filter(|&fold| of[fold] == most).collect()
                };
                let mut among: Vec<usize> = (0..shares.len()).collect();
                if let Some(item) = rarest {
                    among = most(&lack[item], &among);
                }
                if among.len() > 1 && items[row].len() > 1 {
                    let mut together = vec![0.0; shares.len()];
                    for &item in &items[row] {
                        together.iter_mut().zip(&lack[item]).for_each(|(sum, lack)| *sum += lack);
                    }
                    among = most(&together, &among);
                }
                if among.len() > 1 {
                    among = most(&lack_rows, &among);
                }
                let chance = self.bits(&self.rows[row]).rotate_left(32);
                let fold = among[usize::try_from((u128::from(chance) * among.len() as u128) >> 64).unwrap()];
                folds[row] = fold;
                lack_rows[fold] -= 1.0;
                items[row].iter().for_each(|&item| lack[item][fold] -= 1.0);
                left.retain(|&other| other != row);
            }
        }
        folds
    }
}
