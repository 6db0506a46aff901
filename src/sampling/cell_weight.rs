//! What rows, and labels of rows, weigh by the weights of labels and how frequent these are.

use super::Rarity;
use super::method::{Combine, Unlabelled};
use super::row_columns::{CellRule, NegativeCells, Rebalance, RowRule};
use super::row_weight::RowWeights;
use crate::counts::{LabelCounts, as_f64};
use crate::error::{Error, Result};
use crate::weights::{Kind, WeightVector, Weights};

#[expect(
    clippy::cast_possible_truncation,
    reason = "weights are finite as f32, and so are their sums where checked"
)]
fn narrow(weight: f64) -> f32 {
    weight as f32
}

/// Refuses schemes whose values are no weights.
fn check_kind(vector: &WeightVector, column: &str) -> Result<()> {
    if vector.kind == Kind::Additive {
        return Err(Error::usage(format!(
            "--column {column}: scheme {} is added to logits, it is no weight",
            vector.scheme
        ))
        .hint("name a scheme of weights with --scheme, such as --scheme ratio"));
    }
    Ok(())
}

/// Gives each row a weight.
#[derive(Debug, Clone)]
pub(crate) enum RowWeigher {
    Labels { of_label: Vec<f64>, combine: Combine, unlabelled: f64 },
    ClassUniform(RowWeights),
    Rebalance { cells: Rebalanced, unlabelled: f64 },
}

impl RowWeigher {
    /// For labels with these weights and counts.
    ///
    /// # Errors
    /// [`Error::Usage`] for a scheme whose values are no weights.
    pub(crate) fn new(
        rule: RowRule,
        unlabelled: f64,
        vector: &WeightVector,
        counts: &LabelCounts,
    ) -> Result<Self> {
        Ok(match rule {
            RowRule::Labels(combine) => {
                check_kind(vector, "sample_weight")?;
                Self::Labels { of_label: vector.values.clone(), combine, unlabelled }
            }
            RowRule::ClassUniform => {
                let unlabelled = Unlabelled::Weight(unlabelled);
                Self::ClassUniform(RowWeights::new(&Rarity::of(counts), Combine::Sum, unlabelled))
            }
            RowRule::Rebalance(rule) => Self::Rebalance { cells: Rebalanced::new(rule, counts), unlabelled },
        })
    }

    /// The weight of a row with these labels.
    #[must_use]
    pub(crate) fn weight(&self, labels: &[u32]) -> f32 {
        narrow(match self {
            Self::ClassUniform(weights) => weights.weight(labels),
            Self::Labels { unlabelled, .. } | Self::Rebalance { unlabelled, .. } if labels.is_empty() => {
                *unlabelled
            }
            Self::Labels { of_label, combine, .. } => {
                let each = labels.iter().map(|label| of_label[*label as usize]);
                match combine {
                    Combine::Max => each.fold(f64::NEG_INFINITY, f64::max),
                    Combine::Mean => each.sum::<f64>() / labels.len() as f64,
                    Combine::Sum => each.sum::<f64>().min(f64::from(f32::MAX)),
                }
            }
            Self::Rebalance { cells, .. } => {
                let repeats = cells.repeats(labels);
                let each = labels.iter().map(|label| cells.weight(*label as usize, repeats));
                each.sum::<f64>() / labels.len() as f64
            }
        })
    }
}

/// Gives each label of a row a weight.
#[derive(Debug, Clone)]
pub(crate) enum CellWeigher {
    Weights { positive: Vec<f32>, negative: Vec<f32> },
    Rebalance(Rebalanced),
}

impl CellWeigher {
    /// For labels with these weights and counts.
    ///
    /// # Errors
    /// [`Error::Usage`] for a scheme that does not say what a negative label weighs, or whose values are no weights.
    pub(crate) fn new(rule: CellRule, weights: &Weights, counts: &LabelCounts) -> Result<Self> {
        let given = match rule {
            CellRule::Rebalance(rule) => return Ok(Self::Rebalance(Rebalanced::new(rule, counts))),
            CellRule::Weights(given) => given,
        };
        let vector = weights.primary();
        check_kind(vector, "loss_weights")?;
        let positive: Vec<f32> = vector.values.iter().map(|weight| narrow(*weight)).collect();
        let negative = match (given, vector.kind) {
            (Some(NegativeCells::One), _) | (None, Kind::PosWeight) => vec![1.0; positive.len()],
            (Some(NegativeCells::Weight), _) | (None, Kind::ClassWeight) => positive.clone(),
            (None, Kind::Pair) => {
                let other = weights.negatives_of(vector).ok_or_else(|| {
                    Error::internal(format!("scheme {} has no weights of negatives", vector.scheme))
                })?;
                other.values.iter().map(|weight| narrow(*weight)).collect()
            }
            (None, Kind::Sampling | Kind::Additive) => {
                return Err(Error::usage(format!(
                    "--column loss_weights: scheme {} does not say what a negative label weighs",
                    vector.scheme
                ))
                .hint(
                    "say it with --column loss_weights:negatives=one or loss_weights:negatives=weight, or name another \
                     --scheme",
                ));
            }
        };
        Ok(Self::Weights { positive, negative })
    }

    /// Fills in the weights of a row: `positives` are labels it has, `unknown` its missing labels.
    pub(crate) fn fill(&self, positives: &[u32], unknown: &[u32], row: &mut [f32]) {
        match self {
            Self::Weights { positive, negative } => {
                row.copy_from_slice(negative);
                positives.iter().for_each(|label| row[*label as usize] = positive[*label as usize]);
            }
            Self::Rebalance(cells) => {
                let repeats = cells.repeats(positives);
                row.iter_mut()
                    .enumerate()
                    .for_each(|(label, cell)| *cell = narrow(cells.weight(label, repeats)));
            }
        }
        unknown.iter().for_each(|label| row[*label as usize] = 0.0);
    }
}

/// The rebalanced weights of Wu et al. 2020: the probability of a row when labels are drawn evenly, by one label over by
/// all labels of the row, smoothed.
#[derive(Debug, Clone)]
pub(crate) struct Rebalanced {
    rule: Rebalance,
    /// 1 / positives of each label; of a label without positives, 1.
    inverse: Vec<f64>,
}

impl Rebalanced {
    fn new(rule: Rebalance, counts: &LabelCounts) -> Self {
        let inverse = counts.tallies().iter().map(|tally| 1.0 / as_f64(tally.positives.max(1)));
        Self { rule, inverse: inverse.collect() }
    }

    fn repeats(&self, labels: &[u32]) -> f64 {
        labels.iter().map(|label| self.inverse[*label as usize]).sum()
    }

    /// The weight of a label in a row whose labels have these repeats; without any, r is infinite.
    fn weight(&self, label: usize, repeats: f64) -> f64 {
        let Rebalance { alpha, beta, mu } = self.rule;
        if repeats == 0.0 {
            return alpha + 1.0;
        }
        alpha + 1.0 / (1.0 + (-beta * (self.inverse[label] / repeats - mu)).exp())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::counts::{Labels, Tally};
    use crate::sampling::row_columns::{AddedColumn, AddedValues};
    use crate::weights::{Adjust, Fallback, Normalize, Policy, Weighing, weigh};

    fn counts() -> LabelCounts {
        let tally = |positives| Tally { positives, negatives: 20 - positives, ..Tally::default() };
        LabelCounts::new(20, Labels::indices(3), [10, 5, 0].map(tally).to_vec(), None).unwrap()
    }

    fn weights(scheme: &str) -> Weights {
        let (schemes, adjust) = (vec![scheme.parse().unwrap()], Adjust::default());
        weigh(&counts(), &Weighing { schemes, adjust, policy: Policy::default() }).unwrap()
    }

    fn of_row(text: &str, labels: &[u32]) -> f32 {
        let column: AddedColumn = text.parse().unwrap();
        let AddedValues::SampleWeight { rule, unlabelled } = column.values else { panic!("{column:?}") };
        RowWeigher::new(rule, unlabelled, weights("ratio").primary(), &counts()).unwrap().weight(labels)
    }

    fn of_cells(text: &str, scheme: &str, positives: &[u32], unknown: &[u32]) -> Result<[f32; 3]> {
        let column: AddedColumn = text.parse().unwrap();
        let AddedValues::LossWeights(rule) = column.values else { panic!("{column:?}") };
        let mut row = [f32::NAN; 3];
        CellWeigher::new(rule, &weights(scheme), &counts())?.fill(positives, unknown, &mut row);
        Ok(row)
    }

    #[test]
    fn a_row_weighs_what_its_labels_say() {
        // Weights 1, 3 and, without positives, 1.
        assert_eq!(of_row("sample_weight", &[0, 1]), 2.0);
        assert_eq!(of_row("sample_weight:rule=max", &[0, 1]), 3.0);
        assert_eq!(of_row("sample_weight:rule=sum", &[0, 1]), 4.0);
        assert_eq!(of_row("sample_weight:unlabelled=0.5", &[]), 0.5);
        assert_eq!(of_row("sample_weight:rule=class-uniform", &[0, 1]), 1.5);
        assert_eq!(of_row("sample_weight:rule=class-uniform", &[]), 0.0);
        // r is 1/3 and 2/3.
        let smooth = |r: f64| 0.1 + 1.0 / (1.0 + (-10.0 * (r - 0.2)).exp());
        let expected = narrow(f64::midpoint(smooth(1.0 / 3.0), smooth(2.0 / 3.0)));
        assert!((of_row("sample_weight:rule=rebalance", &[0, 1]) - expected).abs() < 1e-6);
    }

    /// Adjusted weights of two sides do not add up to 1, and no weight of a loss is below 0.
    #[test]
    fn both_sides_of_a_pair_are_adjusted_and_have_the_weight_of_the_policy() {
        let adjusted = |normalize, power, zero_positives| {
            let adjust = Adjust { normalize, power, clip: None };
            let policy = Policy { zero_positives, ..Policy::default() };
            let weighing = Weighing { schemes: vec!["focal-alpha".parse().unwrap()], adjust, policy };
            let weights = weigh(&counts(), &weighing).unwrap();
            let (mut positive, mut negative) = ([0.0; 3], [0.0; 3]);
            let cells = CellWeigher::new(CellRule::Weights(None), &weights, &counts()).unwrap();
            cells.fill(&[0, 1, 2], &[], &mut positive);
            cells.fill(&[], &[], &mut negative);
            (positive, negative)
        };
        let (positive, negative) = adjusted(Normalize::Mean, 1.0, Fallback::One);
        assert!(
            positive[1] > 1.0 && negative.iter().all(|weight| *weight > 0.0),
            "{positive:?} {negative:?}"
        );
        let (positive, negative) = adjusted(Normalize::None, 0.5, Fallback::One);
        assert!((positive[1] - 0.75_f32.sqrt()).abs() < 1e-6 && (negative[1] - 0.5).abs() < 1e-6);
        for (fallback, expected) in [(Fallback::Zero, 0.0), (Fallback::Value(2.0), 2.0)] {
            let (positive, negative) = adjusted(Normalize::None, 1.0, fallback);
            assert_eq!((positive[2], negative[2]), (expected, expected));
        }
    }

    #[test]
    fn a_cell_weighs_what_the_scheme_means() {
        let cells = |text, scheme| of_cells(text, scheme, &[1], &[2]).unwrap();
        assert_eq!(cells("loss_weights", "ratio"), [1.0, 3.0, 0.0]);
        assert_eq!(cells("loss_weights", "inverse-frequency"), [0.5, 1.0, 0.0]);
        assert_eq!(of_cells("loss_weights", "ratio", &[], &[]).unwrap(), [1.0, 1.0, 1.0]);
        assert_eq!(of_cells("loss_weights:negatives=weight", "ratio", &[], &[]).unwrap(), [1.0, 3.0, 1.0]);
        assert_eq!(
            of_cells("loss_weights:negatives=one", "inverse-frequency", &[0], &[]).unwrap(),
            [0.5, 1.0, 1.0]
        );
        // The two sides of a pair.
        let third = 2.0_f32 / 3.0;
        assert_eq!(of_cells("loss_weights", "balanced", &[0], &[]).unwrap(), [1.0, third, 1.0]);
        assert_eq!(of_cells("loss_weights", "balanced", &[1], &[2]).unwrap(), [1.0, 2.0, 0.0]);
        assert_eq!(of_cells("loss_weights", "focal-alpha", &[1], &[2]).unwrap(), [0.5, 0.75, 0.0]);
        assert_eq!(of_cells("loss_weights", "focal-alpha", &[], &[2]).unwrap(), [0.5, 0.25, 0.0]);
        // Negatives of a label without positives have the neutral weight too.
        assert_eq!(of_cells("loss_weights", "focal-alpha", &[], &[]).unwrap(), [0.5, 0.25, 1.0]);
        let refused = of_cells("loss_weights", "repeat-factor", &[], &[]).unwrap_err();
        assert!(refused.remedy().unwrap().contains("negatives="));
        assert!(of_cells("loss_weights", "prior-bias", &[], &[]).is_err());
        // Without any label in the row, every r is infinite.
        assert_eq!(of_cells("loss_weights:rule=rebalance", "ratio", &[], &[0]).unwrap(), [0.0, 1.1, 1.1]);
    }
}
