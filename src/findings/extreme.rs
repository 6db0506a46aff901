//! Weights that make training unstable.

use crate::consequences::FP16_MAX;
use crate::weights::{Kind, Status, Weights};

/// A row with a label that weighs as much as more rows without it is reported: gradients become unstable.
const EXTREME: f64 = 1000.0;

/// Whether the weight of a label is so large beside that of its negatives, or, where one weight is of both sides, beside
/// the smallest one of all labels.
pub(super) fn is_extreme(weights: &Weights) -> impl Fn(usize) -> bool {
    let primary = weights.primary();
    let negatives = weights.negatives_of(primary);
    let served = primary.values.iter().zip(&weights.status).filter(|(_, status)| **status == Status::Ok);
    let least = served.map(|(weight, _)| *weight).fold(f64::INFINITY, f64::min);
    move |label| {
        let others = match primary.kind {
            Kind::ClassWeight => least,
            Kind::Pair => negatives.map_or(1.0, |negatives| negatives.values[label]),
            Kind::PosWeight | Kind::Sampling => 1.0,
            Kind::Additive => return false,
        };
        let weight = primary.values[label];
        weight > EXTREME * others && weight <= FP16_MAX
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::counts::{LabelCounts, Labels, Tally};
    use crate::weights::{Adjust, Policy, Weighing, weigh};

    /// 2 of 2 400 rows have the second label: a positive stands against 1 199 negatives.
    #[test]
    fn a_weight_is_extreme_beside_what_stands_against_it() {
        let tally = |positives| Tally { positives, negatives: 2400 - positives, ..Tally::default() };
        let tallies = [1600, 2, 800].map(tally).to_vec();
        let counts = LabelCounts::new(2400, Labels::indices(3), tallies, None).unwrap();
        let extreme = |scheme: &str, adjust: Adjust| {
            let schemes = vec![scheme.parse().unwrap()];
            let weights = weigh(&counts, &Weighing { schemes, adjust, policy: Policy::default() }).unwrap();
            let is_extreme = is_extreme(&weights);
            (0..3).filter(|label| is_extreme(*label)).collect::<Vec<_>>()
        };
        let default = Adjust::default;
        assert_eq!(extreme("ratio", default()), [1]);
        assert_eq!(extreme("balanced", default()), [1]);
        assert_eq!(extreme("sqrt", default()), [0; 0]);
        // 1600 / 2 times the smallest weight, whatever the reference.
        assert_eq!(extreme("inverse-frequency:reference=rows", default()), [0; 0]);
        let steeper = || Adjust { power: 1.2, ..default() };
        assert_eq!(extreme("inverse-frequency:reference=max", steeper()), [1]);
        assert_eq!(extreme("prior-bias", default()), [0; 0]);
    }
}
