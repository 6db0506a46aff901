//! Measures of imbalance that need only counts.
//!
//! IRLbl of a label is the positives of the most frequent label over its own; ImR is the larger side
//! over the smaller. Labels without positives have no IRLbl, labels without both sides no ImR.

use crate::counts::{LabelCounts, as_f64};

/// Everything a measure may be made of.
#[derive(Debug)]
pub struct Basis<'a> {
    counts: &'a LabelCounts,
    most: f64,
}

/// A measure of one label, from its positives, its negatives and the positives of the most frequent
/// label; `None` where it is not defined.
pub type LabelMeasure = fn(f64, f64, f64) -> Option<f64>;

/// Every measure of single labels, with its key in `imbalance.json`.
pub const LABEL_MEASURES: [(&str, LabelMeasure); 4] =
    [("prevalence", prevalence), ("irlbl", irlbl), ("im_r", im_r), ("entropy", entropy)];

/// positives / known rows, 0 … 1.
#[must_use]
pub fn prevalence(positives: f64, negatives: f64, _most: f64) -> Option<f64> {
    ratio(positives, positives + negatives)
}

/// Positives of the most frequent label / positives, 1 … (Charte et al. 2015).
#[must_use]
pub fn irlbl(positives: f64, _negatives: f64, most: f64) -> Option<f64> {
    ratio(most, positives)
}

/// Larger side / smaller side, 1 … (MULAN).
#[must_use]
pub fn im_r(positives: f64, negatives: f64, _most: f64) -> Option<f64> {
    ratio(positives.max(negatives), positives.min(negatives))
}

/// Entropy of prevalence in bits, 0 … 1 (MLDA): −Σ p·log2 p over the two sides.
#[must_use]
pub fn entropy(positives: f64, negatives: f64, _most: f64) -> Option<f64> {
    let p = ratio(positives, positives + negatives)?;
    Some([p, 1.0 - p].into_iter().filter(|q| *q > 0.0).map(|q| -q * q.log2()).sum())
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
    /// Positives of the most frequent label.
    most: f64,
}

impl Measures {
    /// The value of the measure `name`, where it is defined.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<f64> {
        self.values.iter().find(|(known, _)| *known == name)?.1
    }

    /// A measure of label `index` of the measured `counts`.
    #[must_use]
    pub fn of_label(&self, counts: &LabelCounts, index: usize, measure: LabelMeasure) -> Option<f64> {
        let (positives, negatives) = counts.sides(index);
        measure(positives, negatives, self.most)
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
        of: |b| largest(b.each(irlbl)),
    },
    Measure {
        name: "mean_ir",
        range: "1 …",
        formula: "mean IRLbl of labels with positives",
        source: "Charte et al. 2015; MULAN's reading",
        of: |b| mean(b.each(irlbl)),
    },
    Measure {
        name: "mean_ir_all",
        range: "0 …",
        formula: "mean IRLbl, 0 for labels without positives",
        source: "mldr's reading",
        of: |b| ratio(b.each(irlbl).sum(), b.counts.len() as f64),
    },
    Measure {
        name: "cvir",
        range: "0 …",
        formula: "sample standard deviation of IRLbl / mean_ir",
        source: "Charte et al. 2015",
        of: |b| variation(b.each(irlbl)),
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
    fn sides(&self) -> impl Iterator<Item = (f64, f64)> + Clone + '_ {
        (0..self.counts.len()).map(|i| self.counts.sides(i))
    }

    /// A measure of every label for which it is defined.
    fn each(&self, measure: LabelMeasure) -> impl Iterator<Item = f64> + Clone + '_ {
        self.sides().filter_map(move |(positives, negatives)| measure(positives, negatives, self.most))
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
    let most = (0..counts.len()).map(|i| counts.sides(i).0).fold(0.0, f64::max);
    let basis = Basis { counts, most };
    let values = MEASURES.iter().map(|measure| (measure.name, (measure.of)(&basis))).collect();
    Measures { values, most }
}

/// One measure of `counts` by its name, without the others.
#[must_use]
pub fn measure_one(counts: &LabelCounts, name: &str) -> Option<f64> {
    let most = (0..counts.len()).map(|i| counts.sides(i).0).fold(0.0, f64::max);
    let measure = MEASURES.iter().find(|measure| measure.name == name)?;
    (measure.of)(&Basis { counts, most })
}

fn ratio(above: f64, below: f64) -> Option<f64> {
    (below > 0.0).then(|| above / below)
}

fn mean(values: impl Iterator<Item = f64>) -> Option<f64> {
    let (sum, n) = values.fold((0.0, 0.0), |(sum, n), value| (sum + value, n + 1.0));
    ratio(sum, n)
}

fn largest(values: impl Iterator<Item = f64>) -> Option<f64> {
    values.reduce(f64::max)
}

/// Sample standard deviation (n − 1) over mean; not defined for fewer than two values.
fn variation(values: impl Iterator<Item = f64> + Clone) -> Option<f64> {
    let mean = mean(values.clone())?;
    let (squares, n) = values.fold((0.0, 0.0), |(sum, n), value| (sum + (value - mean).powi(2), n + 1.0));
    (n >= 2.0).then(|| (squares / (n - 1.0)).sqrt() / mean)
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
        assert_eq!(irlbl(0.0, 1000.0, 100.0), None);
        let measures = measures(1000, &[100, 50, 10, 0]);
        assert!((measures.get("mean_ir").unwrap() - 13.0 / 3.0).abs() < 1e-12);
        assert!((measures.get("mean_ir_all").unwrap() - 3.25).abs() < 1e-12);
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
