//! What weights do in training: their uncertainty, the share of each label in the loss, and the shift of logits
//! to undo at inference.

use std::collections::HashMap;
use std::ops::Range;
use std::sync::{Arc, Mutex, PoisonError};

use crate::counts::{LabelCounts, as_f64};
use crate::posterior::interval;
use crate::weights::{Kind, Scheme, Status, Weights};

/// Default number of rows per batch.
pub(crate) const BATCH_SIZE: u64 = 256;
/// The largest finite half-precision number.
pub(crate) const FP16_MAX: f64 = 65504.0;

/// What the weight of one label does. Undefined values are `None`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Consequence {
    /// 95 % interval of prevalence, from a Beta posterior over known rows.
    pub prevalence: Option<[f64; 2]>,
    /// Weights of the scheme at both ends of that interval, the lower first; `None` without a formula weight.
    pub weight: Option<[f64; 2]>,
    /// Share in the total loss, 0 … 1, while every cell gets the same prediction, or all classes are equally likely; `None` for
    /// additive weights.
    pub loss_share: Option<f64>,
    /// Whether the weight overflows half precision.
    pub fp16_overflow: bool,
    /// Chance that a batch has no positive, 0 … 1.
    pub no_positive_in_batch: Option<f64>,
    /// Shift of logits by the weight, to subtract at inference: ln(positive weight / negative weight), or ln(weight of
    /// the class).
    pub calibration_offset: Option<f64>,
    /// ln(positives / negatives), or ln(positives / known rows) of a class: an initial bias.
    pub bias: Option<f64>,
}

/// What the last layer makes of its logits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum LastLayer {
    /// A sigmoid for each label.
    Sigmoids,
    /// A softmax over the classes of each head.
    Softmax,
}

impl LastLayer {
    /// What the vectors of a scheme are used with.
    #[must_use]
    pub(crate) fn of(has_classes: bool, weights: &Weights) -> Self {
        let of_sigmoids =
            matches!(weights.primary().scheme, Scheme::PriorBias | Scheme::LogitAdjustment { .. });
        if has_classes && !of_sigmoids { Self::Softmax } else { Self::Sigmoids }
    }
}

/// One fact about the weight of a label, with its key in `imbalance.json`.
#[derive(Debug)]
pub(crate) struct Fact {
    /// Key of `per_label` in `imbalance.json`.
    pub name: &'static str,
    /// Its definition.
    pub formula: &'static str,
    /// The value; `None` where it is not defined.
    pub of: fn(&Consequence) -> Option<f64>,
}

/// All facts.
#[rustfmt::skip]
pub(crate) const FACTS: [Fact; 8] = [
    Fact { name: "prevalence_low", formula: "prevalence, lower end of its 95 % interval: quantile of Beta(pos + 1/2, neg + 1/2), where the masses of --soft and --sample-weight are scaled to the number of known rows", of: |c| c.prevalence.map(|[low, _]| low) },
    Fact { name: "prevalence_high", formula: "prevalence, upper end", of: |c| c.prevalence.map(|[_, high]| high) },
    Fact { name: "weight_low", formula: "weight at an end of that interval, the smaller one; null where the weight comes from --zero-positives or --zero-negatives", of: |c| c.weight.map(|[low, _]| low) },
    Fact { name: "weight_high", formula: "weight at an end of that interval, the larger one", of: |c| c.weight.map(|[_, high]| high) },
    Fact { name: "loss_share", formula: "share in the total loss while every cell gets the same prediction: weight pos + neg, of class weights weight (pos + neg), of pairs weight pos + negative weight neg, / sum over labels; of classes that share a softmax: weight pos / sum over the classes of their column, all equally likely", of: |c| c.loss_share },
    Fact { name: "no_positive_in_batch", formula: "chance that a batch of batch_size rows has no positive: (1 - pos / N)^batch_size", of: |c| c.no_positive_in_batch },
    Fact { name: "calibration_offset", formula: "to subtract from the logit at inference: ln(weight), of class weights 0, of pairs ln(weight / negative weight); of classes that share a softmax: ln(weight)", of: |c| c.calibration_offset },
    Fact { name: "bias", formula: "initial bias of the last layer: ln(pos / neg), of classes that share a softmax ln(pos / (pos + neg))", of: |c| c.bias },
];

/// The consequences of the primary vector.
#[derive(Debug)]
pub(crate) struct Consequences<'a> {
    counts: &'a LabelCounts,
    weights: &'a Weights,
    /// Rows of a batch.
    pub batch_size: u64,
    last_layer: LastLayer,
    /// The loss of all labels, in units of one cell, or of those of each head.
    whole_losses: Vec<Option<f64>>,
    intervals: Arc<Intervals>,
}

/// Intervals of prevalence that were computed, which takes time: labels with the same counts share one, and so do all
/// files of a result.
#[derive(Debug, Default)]
pub(crate) struct Intervals(Mutex<HashMap<[u64; 2], Option<[f64; 2]>>>);

impl Intervals {
    fn of(&self, positives: f64, negatives: f64) -> Option<[f64; 2]> {
        let known = || self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let key = [positives, negatives].map(f64::to_bits);
        let found = known().get(&key).copied();
        found.unwrap_or_else(|| {
            let interval = interval(positives, negatives);
            known().insert(key, interval);
            interval
        })
    }
}

impl<'a> Consequences<'a> {
    /// Prepares the consequences of `weights`, computed from `counts`, for batches of `batch_size` rows.
    #[must_use]
    pub(crate) fn new(
        counts: &'a LabelCounts,
        weights: &'a Weights,
        last_layer: LastLayer,
        batch_size: u64,
    ) -> Self {
        let intervals = Arc::default();
        let mut new = Self { counts, weights, batch_size, last_layer, whole_losses: Vec::new(), intervals };
        let whole = |labels: Range<usize>| {
            let loss: Option<f64> = labels.map(|label| new.loss(label)).sum();
            loss.filter(|loss| *loss > 0.0)
        };
        new.whole_losses = match last_layer {
            LastLayer::Softmax if !counts.heads().is_empty() => {
                counts.heads().iter().map(|head| whole(head.range())).collect()
            }
            _ => vec![whole(0..counts.len())],
        };
        new
    }

    /// What shares of the loss assume.
    #[must_use]
    pub(crate) fn while_what(&self) -> &'static str {
        match self.last_layer {
            LastLayer::Sigmoids => "while every cell has the same prediction",
            LastLayer::Softmax if self.counts.heads().is_empty() => "while all classes are equally likely",
            LastLayer::Softmax => "among the classes of its column, while these are equally likely",
        }
    }

    /// The loss of all labels that share it with a label.
    fn whole_loss(&self, label: usize) -> Option<f64> {
        match &self.whole_losses[..] {
            [one] => *one,
            of_heads => {
                let head = self.counts.heads().partition_point(|head| head.range().end <= label);
                of_heads.get(head).copied().flatten()
            }
        }
    }

    /// The same with intervals that others use as well.
    #[must_use]
    pub(crate) fn sharing(self, intervals: &Arc<Intervals>) -> Self {
        Self { intervals: Arc::clone(intervals), ..self }
    }

    /// The consequences of one label.
    #[must_use]
    pub(crate) fn of(&self, label: usize) -> Consequence {
        self.of_sure(label, self.sure(label))
    }

    /// The consequences of all labels, in label order.
    #[must_use]
    pub(crate) fn all(&self) -> Vec<Consequence> {
        (0..self.counts.len()).map(|label| self.of(label)).collect()
    }

    /// Positives and negatives in rows; soft or weighted counts are scaled to the number of known rows.
    fn evidence(&self, label: usize) -> (f64, f64) {
        let (positives, negatives) = self.counts.sides(label);
        let known = as_f64(self.counts.tallies()[label].known());
        if self.counts.masses().is_none() || positives + negatives <= 0.0 {
            return (positives, negatives);
        }
        let part = known / (positives + negatives);
        (positives * part, negatives * part)
    }

    fn sure(&self, label: usize) -> Option<[f64; 2]> {
        let (positives, negatives) = self.evidence(label);
        self.intervals.of(positives, negatives)
    }

    fn of_sure(&self, label: usize, prevalence: Option<[f64; 2]>) -> Consequence {
        let vector = self.weights.primary();
        let (positives, negatives) = self.counts.sides(label);
        let known = positives + negatives;
        let weight = prevalence.filter(|_| self.weights.status[label] == Status::Ok).map(|ends| {
            let [one, other] = ends.map(|p| vector.at(label, p * known, (1.0 - p) * known));
            [one.min(other), one.max(other)]
        });
        let (whole, loss) = (self.whole_loss(label), self.loss(label));
        let (offset, odds) = match (self.last_layer, self.pair(label)) {
            (LastLayer::Sigmoids, pair) => (pair.map(|(ours, others)| ours / others), positives / negatives),
            (LastLayer::Softmax, pair) => (pair.map(|(weight, _)| weight), positives / known),
        };
        Consequence {
            prevalence,
            weight,
            loss_share: whole.zip(loss).map(|(whole, loss)| loss / whole),
            fp16_overflow: vector.values[label].abs() > FP16_MAX,
            no_positive_in_batch: self.no_positive_in_batch(label),
            calibration_offset: offset.map(f64::ln).filter(|offset| offset.is_finite()),
            bias: (positives > 0.0 && negatives > 0.0).then(|| odds.ln()),
        }
    }

    /// Weights of a positive and a negative cell, if the primary vector multiplies the loss.
    fn pair(&self, label: usize) -> Option<(f64, f64)> {
        let vector = self.weights.primary();
        let weight = vector.values[label];
        match vector.kind {
            Kind::PosWeight => Some((weight, 1.0)),
            Kind::ClassWeight => Some((weight, weight)),
            Kind::Pair => self.weights.negatives_of(vector).map(|other| (weight, other.values[label])),
            Kind::Additive | Kind::Sampling => None,
        }
    }

    fn loss(&self, label: usize) -> Option<f64> {
        let (positives, negatives) = self.counts.sides(label);
        let (of_positives, of_negatives) = self.pair(label)?;
        Some(match self.last_layer {
            LastLayer::Sigmoids => of_positives * positives + of_negatives * negatives,
            LastLayer::Softmax => of_positives * positives,
        })
    }

    /// Chance that a batch has no positive of a label; `None` without rows.
    #[must_use]
    pub(crate) fn no_positive_in_batch(&self, label: usize) -> Option<f64> {
        let (rows, positives) = (as_f64(self.counts.rows()), as_f64(self.counts.tallies()[label].positives));
        // (1 − p)^B, with the digits of a small p.
        (rows > 0.0).then(|| (as_f64(self.batch_size) * (-positives / rows).ln_1p()).exp())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::counts::{Labels, Tally};
    use crate::weights::{Adjust, Policy, Weighing, weigh};

    fn weighed(scheme: &str, rows: u64, sides: &[(u64, u64)]) -> (LabelCounts, Weights) {
        let tally = |&(positives, negatives): &(u64, u64)| Tally {
            positives,
            negatives,
            missing: rows - positives - negatives,
            ..Tally::default()
        };
        let counts =
            LabelCounts::new(rows, Labels::indices(sides.len()), sides.iter().map(tally).collect(), None)
                .unwrap();
        let schemes = vec![scheme.parse().unwrap()];
        let weighing = Weighing { schemes, adjust: Adjust::default(), policy: Policy::default() };
        let weights = weigh(&counts, &weighing).unwrap();
        (counts, weights)
    }

    #[test]
    fn consequences_by_hand() {
        let (counts, weights) = weighed("ratio", 1000, &[(500, 500), (100, 900), (0, 1000), (1, 99)]);
        let all = Consequences::new(&counts, &weights, LastLayer::Sigmoids, 100).all();
        // Losses: 2 · 500, 2 · 900, 1000 and 2 · 99.
        let shares: Vec<f64> = all.iter().map(|one| one.loss_share.unwrap()).collect();
        let expected = [1000.0, 1800.0, 1000.0, 198.0].map(|loss| loss / 3998.0);
        assert!(shares.iter().zip(expected).all(|(found, expected)| (found - expected).abs() < 1e-15));
        let none = |label: usize| all[label].no_positive_in_batch.unwrap();
        assert!((none(1) - 0.9_f64.powi(100)).abs() < 1e-15 && none(2) == 1.0);
        // A batch is of rows, known or not.
        assert!((none(3) - 0.999_f64.powi(100)).abs() < 1e-13);
        assert_eq!(all[1].calibration_offset, Some(9.0_f64.ln()));
        assert_eq!((all[1].bias, all[2].bias), (Some((100.0_f64 / 900.0).ln()), None));
        let ([low, high], [lighter, heavier]) = (all[1].prevalence.unwrap(), all[1].weight.unwrap());
        assert!((lighter - (1.0 - high) / high).abs() < 1e-12 && (heavier - (1.0 - low) / low).abs() < 1e-12);
        assert!(lighter < 9.0 && 9.0 < heavier);
        assert_eq!((all[2].weight, all[2].prevalence.unwrap()[0]), (None, 0.0));
        assert_eq!(
            all,
            (0..4)
                .map(|i| Consequences::new(&counts, &weights, LastLayer::Sigmoids, 100).of(i))
                .collect::<Vec<_>>()
        );
    }

    /// Labels without positives and adjusted weights have two sides that do not add up to 1; other vectors may lie between.
    #[test]
    fn both_sides_of_a_pair_are_the_vectors_that_are_written() {
        let (counts, _) = weighed("ratio", 1000, &[(500, 500), (100, 900), (0, 1000)]);
        let schemes = ["focal-alpha", "ratio"].map(|scheme| scheme.parse().unwrap()).to_vec();
        let adjust = Adjust { power: 0.5, ..Adjust::default() };
        let weights = weigh(&counts, &Weighing { schemes, adjust, policy: Policy::default() }).unwrap();
        let all = Consequences::new(&counts, &weights, LastLayer::Sigmoids, 100);
        assert_eq!(all.pair(2), Some((1.0, 1.0)));
        let (of_positives, of_negatives) = all.pair(1).unwrap();
        assert!(
            (of_positives - 0.9_f64.sqrt()).abs() < 1e-12 && (of_negatives - 0.1_f64.sqrt()).abs() < 1e-12
        );
        assert!((all.of(1).calibration_offset.unwrap() - 3.0_f64.ln()).abs() < 1e-12);
    }

    #[test]
    fn what_is_defined_depends_on_what_the_vector_is_for() {
        let of = |scheme: &str| {
            let (counts, weights) = weighed(scheme, 1_000_000, &[(10, 999_990), (500_000, 500_000)]);
            Consequences::new(&counts, &weights, LastLayer::Sigmoids, 1).of(0)
        };
        let ratio = of("ratio");
        assert!(ratio.fp16_overflow && !of("sqrt").fp16_overflow);
        // Of a pair it is the quotient that counts; one weight for both sides moves no optimum.
        let offset = |scheme: &str| of(scheme).calibration_offset;
        let close = |a: Option<f64>, b: Option<f64>| (a.unwrap() - b.unwrap()).abs() < 1e-9;
        assert!(close(offset("balanced"), offset("ratio")) && close(offset("focal-alpha"), offset("ratio")));
        assert_eq!(
            (offset("effective-number"), offset("prior-bias"), offset("repeat-factor")),
            (Some(0.0), None, None)
        );
        assert_eq!((of("prior-bias").loss_share, of("balanced").loss_share), (None, Some(0.5)));
        assert_eq!(FACTS.map(|fact| (fact.of)(&ratio).is_some()), [true; 8]);
    }

    /// Golden numbers by hand: 216, 60 and 24 rows of three classes.
    #[test]
    fn classes_share_a_softmax() {
        let sides = [(216, 84), (60, 240), (24, 276)];
        let all = |scheme: &str| {
            let (counts, weights) = weighed(scheme, 300, &sides);
            let all = Consequences::new(&counts, &weights, LastLayer::of(true, &weights), 1).all();
            (all, weights.primary().values.clone())
        };
        let close = |found: Option<f64>, expected: f64| (found.unwrap() - expected).abs() < 1e-12;
        let (inverse, weights) = all("inverse-frequency");
        for (class, weight) in inverse.iter().zip(weights) {
            assert!(close(class.loss_share, 1.0 / 3.0) && close(class.calibration_offset, weight.ln()));
        }
        let (sqrt, weights) = all("sqrt");
        let losses: Vec<f64> =
            weights.iter().zip(sides).map(|(weight, (of, _))| weight * of as f64).collect();
        for ((class, loss), (positives, _)) in sqrt.iter().zip(&losses).zip(sides) {
            assert!(close(class.loss_share, loss / losses.iter().sum::<f64>()));
            assert!(close(class.bias, (positives as f64 / 300.0).ln()));
        }
        // The first weight of the pair is the one that cross entropy takes.
        let (balanced, weights) = all("balanced");
        assert!(close(balanced[2].calibration_offset, weights[2].ln()));
        // These vectors are meant for a sigmoid per class.
        let (bias, _) = all("prior-bias");
        assert!(close(bias[0].bias, (216.0_f64 / 84.0).ln()) && bias[0].loss_share.is_none());
    }

    #[test]
    fn losses_of_heads_are_shared_by_the_classes_of_each() {
        let part = |sides: &[(u64, u64)]| weighed("ratio", 100, sides).0;
        let heads = [("sex", part(&[(30, 70), (70, 30)])), ("age", part(&[(10, 40), (20, 30), (20, 30)]))];
        let counts = LabelCounts::beside(heads.map(|(name, part)| (name.to_owned(), part)).into()).unwrap();
        let schemes = vec!["inverse-frequency".parse().unwrap()];
        let weighing = Weighing { schemes, adjust: Adjust::default(), policy: Policy::default() };
        let weights = weigh(&counts, &weighing).unwrap();
        let all = Consequences::new(&counts, &weights, LastLayer::Softmax, 1).all();
        let shares: Vec<f64> = all.iter().map(|class| class.loss_share.unwrap()).collect();
        let expected = [1.0 / 2.0, 1.0 / 2.0, 1.0 / 3.0, 1.0 / 3.0, 1.0 / 3.0];
        assert!(
            shares.iter().zip(expected).all(|(found, expected)| (found - expected).abs() < 1e-12),
            "{shares:?}"
        );
        assert!((all[2].bias.unwrap() - 0.2_f64.ln()).abs() < 1e-12);
    }
}
