//! The formulas themselves, over labels that have both positives and negatives.

use super::{Kind, Reference, Scheme, Status};
use crate::counts::LabelCounts;

/// Input of the formulas: the counts, and which labels get a formula weight.
pub(super) struct Basis<'c> {
    counts: &'c LabelCounts,
    status: &'c [Status],
    /// N, in the unit of positives and negatives.
    rows: f64,
}

impl<'c> Basis<'c> {
    pub(super) fn of(counts: &'c LabelCounts, status: &'c [Status]) -> Self {
        Self { counts, status, rows: counts.row_mass() }
    }

    /// Positives and negatives of each label; `None` without a formula weight.
    fn labels(&self) -> impl Iterator<Item = Option<(f64, f64)>> {
        self.status.iter().enumerate().map(|(i, s)| (*s == Status::Ok).then(|| self.counts.sides(i)))
    }

    /// Positives of the labels with a formula weight.
    fn positives(&self) -> Vec<f64> {
        self.labels().flatten().map(|(positives, _)| positives).collect()
    }

    fn each(&self, of: impl Fn(f64, f64) -> f64) -> Vec<f64> {
        self.labels()
            .map(|side| side.map_or(0.0, |(positives, negatives)| of(positives, negatives)))
            .collect()
    }
}

/// How a formula is applied to a label, before weights are reshaped.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Raw {
    /// The number of other labels that the scheme needs, see [`of_label`].
    against: f64,
    /// The weight is for negatives.
    of_negatives: bool,
    /// Factor for every weight.
    times: f64,
}

impl Raw {
    /// The weight of one label.
    pub(super) fn of_label(&self, scheme: &Scheme, pos: f64, neg: f64) -> f64 {
        let (pos, neg) = if self.of_negatives { (neg, pos) } else { (pos, neg) };
        of_label(scheme, pos, neg, self.against) * self.times
    }
}

/// The name of the vector for negatives that belongs to the one for positives called `name`.
pub(super) fn name_of_negatives(name: &str) -> String {
    format!("{name}_negative")
}

/// The vectors of one scheme: one, or two for a pair. Labels without a formula weight hold 0.
pub(super) fn vectors(scheme: &Scheme, basis: &Basis<'_>) -> Vec<(String, Kind, Raw, Vec<f64>)> {
    let (raw, values) = values(scheme, basis);
    let mut all = vec![(scheme.key(), scheme.info().kind, raw, values)];
    if scheme.info().kind == Kind::Pair {
        let raw = Raw { of_negatives: true, ..raw };
        let negative = basis.each(|pos, neg| raw.of_label(scheme, pos, neg));
        all.push((name_of_negatives(&scheme.key()), Kind::Pair, raw, negative));
    }
    all
}

fn values(scheme: &Scheme, basis: &Basis<'_>) -> (Raw, Vec<f64>) {
    let against = match *scheme {
        Scheme::InverseFrequency { reference } => reference_count(reference, basis),
        Scheme::InversePropensity { a, b } => propensity_constant(basis.rows, a, b),
        Scheme::LdamMargin { .. } => basis.positives().into_iter().fold(f64::INFINITY, f64::min),
        Scheme::RepeatFactor { .. } => basis.rows,
        Scheme::Global => global(basis.counts).unwrap_or(1.0),
        _ => 0.0,
    };
    let raw = Raw { against, of_negatives: false, times: 1.0 };
    let values = basis.each(|pos, neg| raw.of_label(scheme, pos, neg));
    match scheme {
        Scheme::EffectiveNumber { .. } => {
            let times = to_mean_one(&values, basis);
            (Raw { times, ..raw }, values.into_iter().map(|w| w * times).collect())
        }
        _ => (raw, values),
    }
}

/// All negatives over all positives, of every label whether it has a formula weight or not; `None` where one of the
/// two is 0.
pub(super) fn global(counts: &LabelCounts) -> Option<f64> {
    let sides = (0..counts.len()).map(|label| counts.sides(label));
    let (positives, negatives) = sides.fold((0.0, 0.0), |sum, side| (sum.0 + side.0, sum.1 + side.1));
    (positives > 0.0 && negatives > 0.0).then(|| negatives / positives)
}

/// The weight of one label. `against` is the number of other labels that the scheme needs: the reference of
/// inverse-frequency, [`propensity_constant`], the positives of the rarest label (ldam-margin), all rows
/// (repeat-factor), or the weight itself (global); other schemes ignore it. Effective numbers are unscaled.
pub(super) fn of_label(scheme: &Scheme, pos: f64, neg: f64, against: f64) -> f64 {
    match *scheme {
        Scheme::Ratio { epsilon } => neg / (pos + epsilon),
        Scheme::Laplace { alpha } => (neg + alpha) / (pos + alpha),
        Scheme::Power { gamma } => (neg / pos).powf(gamma),
        Scheme::Sqrt => (neg / pos).sqrt(),
        Scheme::Log { floor } => ((neg / pos).ln() + 1.0).max(floor),
        Scheme::Log1p => (neg / pos).ln_1p(),
        Scheme::InverseFrequency { .. } => against / pos,
        Scheme::Balanced => (pos + neg) / (2.0 * pos),
        Scheme::EffectiveNumber { beta: 0.0 } => 1.0,
        // −expm1(n·ln β) keeps the digits that 1 − βⁿ loses.
        Scheme::EffectiveNumber { beta } => (1.0 - beta) / -(pos * beta.ln()).exp_m1(),
        Scheme::InversePropensity { a, b } => 1.0 + against * (pos + b).powf(-a),
        Scheme::Enet { c } => 1.0 / (c + pos / (pos + neg)).ln(),
        Scheme::FocalAlpha => neg / (pos + neg),
        Scheme::LdamMargin { max_margin } => max_margin * (against / pos).powf(0.25),
        Scheme::PriorBias => (pos / neg).ln(),
        Scheme::LogitAdjustment { tau } => tau * (pos / neg).ln(),
        Scheme::RepeatFactor { threshold } => (threshold * against / pos).sqrt().max(1.0),
        Scheme::Global => against,
    }
}

/// The C of inverse propensities; at least 0, since ln N − 1 is negative below e rows.
pub(super) fn propensity_constant(rows: f64, a: f64, b: f64) -> f64 {
    (rows.ln() - 1.0).max(0.0) * (b + 1.0).powf(a)
}

/// The factor that scales formula weights to mean 1.
fn to_mean_one(raw: &[f64], basis: &Basis<'_>) -> f64 {
    let served = basis.labels().flatten().count() as f64;
    let sum: f64 = raw.iter().sum();
    if sum > 0.0 { served / sum } else { 1.0 }
}

fn reference_count(reference: Reference, basis: &Basis<'_>) -> f64 {
    let mut positives = basis.positives();
    positives.sort_unstable_by(f64::total_cmp);
    let n = positives.len();
    if n == 0 {
        return 1.0;
    }
    match reference {
        Reference::Min => positives[0],
        Reference::Max => positives[n - 1],
        Reference::Mean => positives.iter().sum::<f64>() / n as f64,
        Reference::Median if n % 2 == 1 => positives[n / 2],
        Reference::Median => f64::midpoint(positives[n / 2 - 1], positives[n / 2]),
        Reference::Rows => basis.rows,
    }
}

#[cfg(test)]
mod tests {
    use crate::counts::{LabelCounts, Labels, Mass, MassTally, NameOrder, Tally};
    use crate::weights::{Adjust, Fallback, Policy, Scheme, Status, Weighing, weigh};
    use proptest::prelude::*;

    fn counts(rows: u64, sides: &[(u64, u64)]) -> LabelCounts {
        let tallies = sides.iter().map(|&(positives, negatives)| Tally {
            positives,
            negatives,
            missing: rows - positives - negatives,
            ..Tally::default()
        });
        LabelCounts::new(rows, Labels::indices(sides.len()), tallies.collect(), None).unwrap()
    }

    fn by(scheme: &str, counts: &LabelCounts) -> Vec<f64> {
        let weighing = Weighing {
            schemes: vec![scheme.parse().unwrap()],
            adjust: Adjust::default(),
            policy: Policy::default(),
        };
        weigh(counts, &weighing).unwrap().vectors.remove(0).values
    }

    #[test]
    fn pytorch_documents_three_hundred_over_one_hundred_as_three() {
        assert_eq!(by("ratio", &counts(400, &[(100, 300)])), [3.0]);
    }

    /// The labels a, b, c, d and g of a worked table with N = 1000; to the digits printed there.
    #[test]
    fn formulas_equal_the_worked_table() {
        let counts = counts(1000, &[(500, 500), (100, 900), (10, 990), (1, 999), (40, 360)]);
        let table: [(&str, [f64; 5]); 12] = [
            ("ratio", [1.0, 9.0, 99.0, 999.0, 9.0]),
            ("ratio:epsilon=0.00001", [1.0, 9.0, 98.9999, 998.99, 9.0]),
            ("laplace", [1.0, 8.92079, 90.0909, 500.0, 8.80488]),
            ("sqrt", [1.0, 3.0, 9.94987, 31.607, 3.0]),
            ("log", [1.0, 3.19722, 5.59512, 7.90675, 3.19722]),
            ("inverse-frequency", [0.002, 0.01, 0.1, 1.0, 0.025]),
            ("balanced", [1.0, 5.0, 50.0, 500.0, 5.0]),
            ("prior-bias", [0.0, -2.19722, -4.59512, -6.90675, -2.19722]),
            ("inverse-propensity", [1.31999, 1.77043, 3.55215, 6.90776, 2.25998]),
            ("repeat-factor:threshold=0.01", [1.0, 1.0, 1.0, 3.16228, 1.0]),
            ("power:gamma=0.5", [1.0, 3.0, 9.94987, 31.607, 3.0]),
            ("focal-alpha", [0.5, 0.9, 0.99, 0.999, 0.9]),
        ];
        for (scheme, expected) in table {
            for (found, expected) in by(scheme, &counts).iter().zip(expected) {
                assert!(
                    (found - expected).abs() <= 2e-5 * expected.abs().max(0.1),
                    "{scheme}: {found} {expected}"
                );
            }
        }
    }

    /// With label f (1000 positives) present too, as in the table, before it is excluded by policy.
    #[test]
    fn effective_numbers_keep_their_proportions() {
        let counts = counts(1000, &[(500, 500), (100, 900), (10, 990), (1, 999), (40, 360)]);
        let found = by("effective-number", &counts);
        let table = [0.013_364_5, 0.055_253_2, 0.528_426, 5.260_54, 0.134_096];
        for (found, expected) in found.iter().zip(table) {
            assert!((found / table[3] * table[3] / found - 1.0).abs() < 1e-12);
            assert!((found / by("effective-number", &counts)[3] - expected / table[3]).abs() < 1e-5);
        }
        assert!((found.iter().sum::<f64>() - 5.0).abs() < 1e-12);
    }

    #[test]
    fn labels_without_both_sides_get_the_policy_value_and_a_status() {
        let counts = counts(10, &[(0, 10), (10, 0), (0, 0), (2, 8), (1, 9), (1, 0)]);
        let policy =
            Policy { zero_positives: Fallback::Max, zero_negatives: Fallback::Value(0.5), min_positives: 2 };
        let weighing =
            Weighing { schemes: vec![Scheme::Ratio { epsilon: 1e-5 }], adjust: Adjust::default(), policy };
        let weights = weigh(&counts, &weighing).unwrap();
        let largest = 8.0 / (2.0 + 1e-5);
        assert_eq!(weights.primary().values, [largest, 0.5, largest, largest, largest, largest]);
        let expected = [
            Status::NoPositives,
            Status::NoNegatives,
            Status::NoKnownRows,
            Status::Ok,
            Status::BelowMinPositives,
            Status::BelowMinPositives,
        ];
        assert_eq!(weights.status, expected);
        let policy = Policy { zero_positives: Fallback::Error, ..policy };
        let message = weigh(&counts, &Weighing { policy, ..weighing }).unwrap_err().to_string();
        assert_eq!(
            message,
            "4 labels without a weight: \"0\" (no_positives), \"2\" (no_known_rows), \"4\" (below_min_positives), \
             \"5\" (below_min_positives)"
        );
    }

    /// As `global_pos_weight`, also over labels that have no formula weight.
    #[test]
    fn the_global_weight_is_over_all_labels() {
        let counts = counts(100, &[(0, 100), (100, 0), (0, 0), (20, 80), (3, 97)]);
        let policy = Policy { min_positives: 10, ..Policy::default() };
        let weighing = Weighing { schemes: vec![Scheme::Global], adjust: Adjust::default(), policy };
        let weights = weigh(&counts, &weighing).unwrap();
        let all = (100.0 + 80.0 + 97.0) / (100.0 + 20.0 + 3.0);
        assert_eq!(weights.global_pos_weight, all);
        assert_eq!(weights.primary().values, [1.0, 1.0, 1.0, all, 1.0]);
    }

    /// Weights a thousand times as large say the same about labels.
    #[test]
    fn rows_that_weigh_alike_give_the_weights_of_plain_rows() {
        let plain = counts(400, &[(100, 300), (4, 356), (40, 200)]);
        let weighted = |times: u64| {
            let masses = plain.tallies().iter().map(|tally| MassTally {
                positives: Mass::from_rows(tally.positives * times),
                negatives: Mass::from_rows(tally.negatives * times),
            });
            let (labels, tallies) = (plain.labels().clone(), plain.tallies().to_vec());
            LabelCounts::new(400, labels, tallies, Some(masses.collect())).unwrap()
        };
        for scheme in ["repeat-factor:threshold=0.1", "inverse-frequency:reference=rows"] {
            assert_eq!(by(scheme, &plain), by(scheme, &weighted(1000)), "{scheme}");
            assert_eq!(by(scheme, &plain), by(scheme, &weighted(1)), "{scheme}");
        }
        assert_eq!(by("inverse-propensity", &plain), by("inverse-propensity", &weighted(1)));
        // No label is known in every row.
        let part = plain.rearranged(&[1, 2], Labels::indices(2), NameOrder::Number).unwrap();
        let masses = [(4, 356), (40, 200)].map(|(positives, negatives)| MassTally {
            positives: Mass::from_rows(positives * 7),
            negatives: Mass::from_rows(negatives * 7),
        });
        let part = LabelCounts::new(400, Labels::indices(2), part.tallies().to_vec(), Some(masses.to_vec()));
        assert_eq!(part.unwrap().row_mass(), 2800.0);
    }

    #[test]
    fn power_normalisation_and_clip_apply_in_this_order() {
        let counts = counts(1000, &[(500, 500), (100, 900), (10, 990)]);
        let adjust = Adjust { power: 0.5, normalize: super::super::Normalize::Max, clip: Some((0.2, 0.9)) };
        let weighing =
            Weighing { schemes: vec![Scheme::Ratio { epsilon: 0.0 }], adjust, policy: Policy::default() };
        let vector = weigh(&counts, &weighing).unwrap().vectors.remove(0);
        let max = 99.0_f64.sqrt();
        assert_eq!(vector.values, [0.2, 3.0 / max, 0.9]);
        assert_eq!(vector.clipped, 2);
    }

    #[test]
    fn every_vector_gives_a_label_its_own_weight_again() {
        let counts = counts(1000, &[(500, 500), (100, 900), (10, 990), (1, 999), (40, 360)]);
        let adjust = Adjust { power: 0.7, normalize: super::super::Normalize::Mean, clip: Some((0.3, 2.0)) };
        for info in &crate::weights::SCHEMES {
            for adjust in [Adjust::default(), adjust] {
                let weighing = Weighing { schemes: vec![info.default], adjust, policy: Policy::default() };
                for vector in weigh(&counts, &weighing).unwrap().vectors {
                    let again =
                        (0..counts.len()).map(|i| (i, counts.sides(i))).map(|(i, (p, n))| vector.at(i, p, n));
                    assert_eq!(again.collect::<Vec<_>>(), vector.values, "{}", vector.name);
                }
            }
        }
    }

    proptest! {
        #[test]
        fn every_weight_is_finite(sides in prop::collection::vec((0_u64..1 << 50, 0_u64..1 << 50), 1..6)) {
            let rows = sides.iter().map(|s| s.0 + s.1).max().unwrap();
            let counts = counts(rows, &sides);
            for info in &crate::weights::SCHEMES {
                let weighing = Weighing { schemes: vec![info.default], adjust: Adjust::default(), policy: Policy::default() };
                let weights = weigh(&counts, &weighing).unwrap();
                for vector in &weights.vectors {
                    #[expect(clippy::cast_possible_truncation, reason = "the point of the test")]
                    let narrow = |w: &f64| *w as f32;
                    prop_assert!(vector.values.iter().all(|w| w.is_finite() && narrow(w).is_finite()), "{}", info.name);
                }
                prop_assert!((0..counts.len()).all(|label| weights.prior_bias(&counts, label).is_finite()) && weights.global_pos_weight.is_finite());
            }
        }

        #[test]
        fn the_ratio_does_not_depend_on_scale(positives in 1_u64..1000, negatives in 1_u64..1000, times in 1_u64..1000) {
            let one = by("ratio", &counts(positives + negatives, &[(positives, negatives)]));
            let (p, n) = (positives * times, negatives * times);
            prop_assert_eq!(one, by("ratio", &counts(p + n, &[(p, n)])));
        }
    }
}
