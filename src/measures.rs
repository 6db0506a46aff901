//! Measures of imbalance that need only counts.
//!
//! IRLbl of a label is the positives of the most frequent label over its own; ImR is the larger side
//! over the smaller. Labels without positives have no IRLbl, labels without both sides no ImR.

use crate::counts::{LabelCounts, as_f64};

/// Everything a measure may be made of.
#[derive(Debug)]
pub struct Basis<'a> {
    counts: &'a LabelCounts,
    per_label: LabelMeasures,
}

/// Measures of single labels. Shape `[C]`; `None` where a measure is not defined.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct LabelMeasures {
    /// positives / known rows.
    pub prevalence: Column,
    /// Positives of the most frequent label / positives.
    pub irlbl: Column,
    /// Larger side / smaller side.
    pub im_r: Column,
    /// Entropy of prevalence in bits, 0 … 1.
    pub entropy: Column,
}

/// One measure of every label; half the size of a vector of options.
#[derive(Debug, Clone, Default)]
pub struct Column(Vec<f64>);

impl Column {
    /// The value of label `index`, where it is defined.
    #[must_use]
    pub fn get(&self, index: usize) -> Option<f64> {
        self.0.get(index).copied().filter(|value| !value.is_nan())
    }

    /// The values of all labels, in order.
    pub fn iter(&self) -> impl Iterator<Item = Option<f64>> + '_ {
        self.0.iter().map(|value| (!value.is_nan()).then_some(*value))
    }
}

impl FromIterator<Option<f64>> for Column {
    fn from_iter<I: IntoIterator<Item = Option<f64>>>(values: I) -> Self {
        Self(values.into_iter().map(|value| value.unwrap_or(f64::NAN)).collect())
    }
}

impl PartialEq for Column {
    fn eq(&self, other: &Self) -> bool {
        self.iter().eq(other.iter())
    }
}

/// One row of `posweight list measures`.
#[derive(Debug)]
pub struct Measure {
    /// Key in `imbalance.json`.
    pub name: &'static str,
    /// Smallest and largest value.
    pub range: &'static str,
    /// What it is.
    pub formula: &'static str,
    /// Where it comes from.
    pub source: &'static str,
    /// The value; `None` where it is not defined.
    pub of: fn(&Basis<'_>) -> Option<f64>,
}

/// All measures of a set, in the order of the files.
#[derive(Debug, Clone, PartialEq)]
pub struct Measures {
    /// Name and value, in the order of [`MEASURES`].
    pub values: Vec<(&'static str, Option<f64>)>,
    /// Measures of single labels.
    pub per_label: LabelMeasures,
}

impl Measures {
    /// The value of the measure `name`, where it is defined.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<f64> {
        self.values.iter().find(|(known, _)| *known == name)?.1
    }
}

/// Every measure.
pub const MEASURES: [Measure; 19] = [
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
        formula: "positives / N, the mean number of labels per row",
        source: "mldr, MULAN, MEKA",
        of: |b| ratio(b.positives(), as_f64(b.counts.rows())),
    },
    Measure {
        name: "density",
        range: "0 … 1",
        formula: "cardinality / C",
        source: "mldr, MULAN",
        of: |b| ratio(b.positives(), as_f64(b.counts.rows()) * b.counts.len() as f64),
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
        of: |b| largest(&b.per_label.irlbl),
    },
    Measure {
        name: "mean_ir",
        range: "1 …",
        formula: "mean IRLbl of labels with positives",
        source: "Charte et al. 2015; MULAN's reading",
        of: |b| mean(&b.per_label.irlbl),
    },
    Measure {
        name: "mean_ir_all",
        range: "0 …",
        formula: "mean IRLbl, 0 for labels without positives",
        source: "mldr's reading",
        of: |b| ratio(b.per_label.irlbl.iter().flatten().sum(), b.counts.len() as f64),
    },
    Measure {
        name: "cvir",
        range: "0 …",
        formula: "sample standard deviation of IRLbl / mean_ir",
        source: "Charte et al. 2015",
        of: |b| variation(&b.per_label.irlbl),
    },
    Measure {
        name: "mean_im_r",
        range: "1 …",
        formula: "mean ImR of labels with both sides",
        source: "MULAN",
        of: |b| mean(&b.per_label.im_r),
    },
    Measure {
        name: "max_im_r",
        range: "1 …",
        formula: "largest ImR",
        source: "MULAN",
        of: |b| largest(&b.per_label.im_r),
    },
    Measure {
        name: "mean_entropy",
        range: "0 … 1",
        formula: "mean entropy of prevalence in bits",
        source: "MLDA",
        of: |b| mean(&b.per_label.entropy),
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
        formula: "labels with 1 … 10 positives",
        source: "LVIS, rare",
        of: |b| Some(b.how_many(|(positives, _)| positives > 0.0 && positives <= 10.0)),
    },
    Measure {
        name: "labels_up_to_100",
        range: "0 … C",
        formula: "labels with 11 … 100 positives",
        source: "LVIS, common",
        of: |b| Some(b.how_many(|(positives, _)| positives > 10.0 && positives <= 100.0)),
    },
];

impl Basis<'_> {
    fn sides(&self) -> impl Iterator<Item = (f64, f64)> + '_ {
        (0..self.counts.len()).map(|i| self.counts.sides(i))
    }

    fn positives(&self) -> f64 {
        self.sides().map(|side| side.0).sum()
    }

    fn how_many(&self, is: impl Fn((f64, f64)) -> bool) -> f64 {
        self.sides().filter(|side| is(*side)).count() as f64
    }
}

/// Measures `counts`; of the weighted ones where rows carry weights.
#[must_use]
pub fn measure(counts: &LabelCounts) -> Measures {
    let sides = || (0..counts.len()).map(|i| counts.sides(i));
    let most = sides().map(|side| side.0).fold(0.0, f64::max);
    let per_label = LabelMeasures {
        prevalence: sides().map(|(p, n)| ratio(p, p + n)).collect(),
        irlbl: sides().map(|(p, _)| ratio(most, p)).collect(),
        im_r: sides().map(|(p, n)| ratio(p.max(n), p.min(n))).collect(),
        entropy: sides().map(|(p, n)| ratio(p, p + n).map(entropy)).collect(),
    };
    let basis = Basis { counts, per_label };
    let values = MEASURES.iter().map(|measure| (measure.name, (measure.of)(&basis))).collect();
    Measures { values, per_label: basis.per_label }
}

fn ratio(above: f64, below: f64) -> Option<f64> {
    (below > 0.0).then(|| above / below)
}

/// −Σ p·log2 p over the two sides.
fn entropy(p: f64) -> f64 {
    [p, 1.0 - p].into_iter().filter(|q| *q > 0.0).map(|q| -q * q.log2()).sum()
}

fn mean(values: &Column) -> Option<f64> {
    ratio(values.iter().flatten().sum(), values.iter().flatten().count() as f64)
}

fn largest(values: &Column) -> Option<f64> {
    values.iter().flatten().reduce(f64::max)
}

/// Sample standard deviation (n − 1) over mean; not defined for fewer than two values.
fn variation(values: &Column) -> Option<f64> {
    let mean = mean(values)?;
    let n = values.iter().flatten().count();
    if n < 2 {
        return None;
    }
    let squares: f64 = values.iter().flatten().map(|v| (v - mean).powi(2)).sum();
    Some((squares / (n - 1) as f64).sqrt() / mean)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::counts::{Labels, Tally};

    fn measures(rows: u64, positives: &[u64]) -> Measures {
        let tallies =
            positives.iter().map(|&p| Tally { positives: p, negatives: rows - p, ..Tally::default() });
        measure(&LabelCounts::new(rows, Labels::indices(positives.len()), tallies.collect(), None).unwrap())
    }

    /// Names and values as the R package mldr and the worked tables give them.
    #[test]
    fn known_sets_have_their_published_measures() {
        let sets: [(u64, &[u64], [f64; 6]); 3] = [
            (
                593,
                &[173, 166, 264, 148, 168, 189],
                [
                    1.868_465_430_016_863_5,
                    0.311_410_905_002_810_6,
                    1.478_068_459_752_421,
                    1.783_783_783_783_783_8,
                    0.179_571_490_728_684_7,
                    2.320_055_290_277_218_7,
                ],
            ),
            (
                645,
                &BIRDS,
                [
                    1.013_953_488_372_093,
                    0.053_365_973_072_215_425,
                    5.406_995_586_615_484,
                    17.166_666_666_666_668,
                    0.816_877_359_959_948,
                    32.859_341_294_825_12,
                ],
            ),
            (
                662,
                &GENBASE,
                [
                    1.252_265_861_027_190_4,
                    0.046_380_217_075_081_12,
                    37.314_580_588_004_13,
                    171.0,
                    1.449_416_343_140_122,
                    143.457_616_077_536_44,
                ],
            ),
        ];
        for (rows, positives, expected) in sets {
            let measures = measures(rows, positives);
            let names = ["cardinality", "density", "mean_ir", "max_ir", "cvir", "mean_im_r"];
            for (name, expected) in names.into_iter().zip(expected) {
                let found = measures.get(name).unwrap();
                assert!((found - expected).abs() <= 1e-9 * expected, "{name}: {found} {expected}");
            }
        }
    }

    #[test]
    fn a_label_without_positives_has_two_readings() {
        let measures = measures(1000, &[100, 50, 10, 0]);
        assert!((measures.get("mean_ir").unwrap() - 13.0 / 3.0).abs() < 1e-12);
        assert!((measures.get("mean_ir_all").unwrap() - 3.25).abs() < 1e-12);
        assert_eq!(measures.per_label.irlbl.get(3), None);
    }

    #[test]
    fn nothing_is_defined_for_no_rows() {
        let measures = measures(0, &[0]);
        assert_eq!(
            (measures.get("cardinality"), measures.get("cvir"), measures.get("max_ir")),
            (None, None, None)
        );
    }

    const BIRDS: [u64; 19] = [14, 81, 46, 9, 20, 14, 47, 40, 61, 53, 103, 28, 33, 9, 37, 17, 6, 10, 26];
    const GENBASE: [u64; 27] =
        [79, 76, 62, 49, 171, 23, 31, 51, 6, 66, 33, 29, 36, 14, 14, 4, 17, 41, 9, 5, 2, 3, 2, 1, 1, 1, 3];
}
