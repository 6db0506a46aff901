//! Every measure of a data set.

use std::ops::RangeInclusive;

use super::{Basis, LabelMeasure, Measure, entropy, im_r, irlbl, largest, mean, ratio, variation};
use crate::counts::as_f64;

/// Every measure.
pub const MEASURES: [Measure; 20] = [
    Measure { name: "rows", range: "0 …", formula: "N", source: "", of: |b| Some(as_f64(b.counts.rows())) },
    Measure { name: "labels", range: "0 …", formula: "C", source: "", of: |b| Some(b.counts.len() as f64) },
    Measure {
        name: "positives",
        range: "0 …",
        formula: "sum of positives",
        source: "",
        of: |b| Some(b.positives()),
    },
    Measure {
        name: "cardinality",
        range: "0 … C",
        formula: "positives / N, the mean number of labels per row; N counts rows that know no label, too; with --sample-weight N is the weight of all rows: that of a label that every row knows, else N times the mean weight of known cells",
        source: "mldr, MULAN, MEKA",
        of: |b| ratio(b.positives(), b.counts.row_mass()),
    },
    Measure {
        name: "density",
        range: "0 … 1",
        formula: "cardinality / C",
        source: "mldr, MULAN",
        of: |b| ratio(b.positives(), b.counts.row_mass() * b.counts.len() as f64),
    },
    Measure {
        name: "density_known",
        range: "0 … 1",
        formula: "positives / known cells",
        source: "MEKA, for all labels together",
        of: |b| ratio(b.positives(), b.sides().map(|(p, n)| p + n).sum()),
    },
    Measure {
        name: "max_ir",
        range: "1 …",
        formula: "largest IRLbl",
        source: "MULAN",
        of: |b| largest(b.each(irlbl)),
    },
    Measure {
        name: "mean_ir",
        range: "1 …",
        formula: "mean IRLbl of labels with positives; with --compat mldr of all labels",
        source: "Charte et al. 2015",
        of: |b| mean(b.each(b.compat.irlbl())),
    },
    Measure {
        name: "mean_ir_all",
        range: "0 …",
        formula: "mean IRLbl, 0 for labels without positives",
        source: "mldr",
        of: |b| ratio(b.each(irlbl).sum::<f64>() + 0.0, b.counts.len() as f64),
    },
    Measure {
        name: "cvir",
        range: "0 …",
        formula: "sample standard deviation of IRLbl / mean_ir",
        source: "Charte et al. 2015",
        of: |b| variation(b.each(b.compat.irlbl())),
    },
    Measure {
        name: "minority_labels",
        range: "0 … C",
        formula: "labels with IRLbl > mean_ir",
        source: "Charte et al. 2015",
        of: |b| {
            let mean = mean(b.each(b.compat.irlbl()))?;
            Some(b.each(irlbl).filter(|irlbl| *irlbl > mean).count() as f64)
        },
    },
    Measure {
        name: "mean_im_r",
        range: "1 …",
        formula: "mean ImR of labels with both sides",
        source: "MULAN",
        of: |b| mean(b.each(im_r)),
    },
    Measure {
        name: "max_im_r",
        range: "1 …",
        formula: "largest ImR",
        source: "MULAN",
        of: |b| largest(b.each(im_r)),
    },
    Measure {
        name: "mean_entropy",
        range: "0 … 1",
        formula: "mean entropy of prevalence in bits",
        source: "MLDA",
        of: |b| mean(b.each(entropy)),
    },
    Measure {
        name: "pos_min",
        range: "0 …",
        formula: "positives of the least frequent label",
        source: "",
        of: |b| b.sides().map(|side| side.0).reduce(f64::min),
    },
    Measure {
        name: "pos_max",
        range: "0 …",
        formula: "positives of the most frequent label",
        source: "",
        of: |b| b.sides().map(|side| side.0).reduce(f64::max),
    },
    Measure {
        name: "labels_without_positives",
        range: "0 … C",
        formula: "labels with positives = 0",
        source: "MULAN npl",
        of: |b| Some(b.how_many(|(positives, _)| positives <= 0.0)),
    },
    Measure {
        name: "labels_without_negatives",
        range: "0 … C",
        formula: "labels with positives and negatives = 0",
        source: "",
        of: |b| Some(b.how_many(|(positives, negatives)| positives > 0.0 && negatives <= 0.0)),
    },
    Measure {
        name: "labels_up_to_10",
        range: "0 … C",
        formula: "labels with 1 … 10 positive rows",
        source: "LVIS, rare",
        of: |b| Some(b.with_rows(1..=10)),
    },
    Measure {
        name: "labels_up_to_100",
        range: "0 … C",
        formula: "labels with 11 … 100 positive rows",
        source: "LVIS, common",
        of: |b| Some(b.with_rows(11..=100)),
    },
];

impl Basis<'_> {
    pub(super) fn sides(&self) -> impl Iterator<Item = (f64, f64)> + Clone + '_ {
        (0..self.counts.len()).map(|label| match &self.masses {
            Some(sides) => sides[label],
            None => self.counts.sides(label),
        })
    }

    /// Values of a measure, for labels where it is defined.
    fn each(&self, measure: LabelMeasure) -> impl Iterator<Item = f64> + Clone + '_ {
        self.sides().filter_map(move |(positives, negatives)| measure(positives, negatives, self.most))
    }

    fn positives(&self) -> f64 {
        // The sum of nothing is -0.
        self.sides().map(|side| side.0).sum::<f64>() + 0.0
    }

    /// Labels with so many positive rows, whatever these weigh.
    fn with_rows(&self, rows: RangeInclusive<u64>) -> f64 {
        self.counts.tallies().iter().filter(|tally| rows.contains(&tally.positives)).count() as f64
    }

    fn how_many(&self, is: impl Fn((f64, f64)) -> bool) -> f64 {
        self.sides().filter(|side| is(*side)).count() as f64
    }
}
