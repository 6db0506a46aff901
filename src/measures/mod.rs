//! Measures of imbalance that need only counts.
//!
//! IRLbl of a label is the positives of the most frequent label over its own; ImR is the larger side
//! over the smaller. Labels without positives have no IRLbl, labels without both sides no ImR; packages differ
//! for labels without positives, see [`Compat`].

mod label;
mod set;

pub(crate) use label::{Compat, LABEL_MEASURES, LabelMeasure, entropy, im_r, irlbl, prevalence};
pub use set::MEASURES;

use crate::counts::LabelCounts;

/// Input of a measure.
#[derive(Debug)]
pub struct Basis<'a> {
    counts: &'a LabelCounts,
    /// Positives and negatives of each label where they have masses, which take time to become numbers: most measures go
    /// through all of them.
    masses: Option<Vec<(f64, f64)>>,
    most: f64,
    compat: Compat,
}

impl<'a> Basis<'a> {
    fn of(counts: &'a LabelCounts, compat: Compat) -> Self {
        let masses = counts.masses().map(|_| (0..counts.len()).map(|i| counts.sides(i)).collect());
        let mut basis = Self { counts, masses, most: 0.0, compat };
        basis.most = basis.sides().map(|side| side.0).fold(0.0, f64::max);
        basis
    }
}

/// One row of `posweight list measures`.
#[derive(Debug)]
pub struct Measure {
    /// Key in `imbalance.json`.
    pub name: &'static str,
    /// Smallest and largest value.
    pub range: &'static str,
    /// Its definition.
    pub formula: &'static str,
    /// Its source.
    pub source: &'static str,
    /// The value; `None` where it is undefined.
    pub of: fn(&Basis<'_>) -> Option<f64>,
}

/// All measures of a data set, in the order of the files.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Measures {
    /// Name and value, in the order of [`MEASURES`].
    pub values: Vec<(&'static str, Option<f64>)>,
    /// How labels without positives were treated.
    pub compat: Compat,
    /// Positives of the most frequent label.
    most: f64,
}

impl Measures {
    /// The measures of single labels.
    #[must_use]
    pub(crate) fn label_measures(&self) -> [(&'static str, LabelMeasure); 4] {
        LABEL_MEASURES.map(|(name, _, of)| (name, if name == "irlbl" { self.compat.irlbl() } else { of }))
    }

    /// The value of the measure `name`; `None` where it is undefined.
    #[must_use]
    pub(crate) fn get(&self, name: &str) -> Option<f64> {
        self.values.iter().find(|(known, _)| *known == name)?.1
    }

    /// A measure of label `index` of the measured `counts`.
    #[must_use]
    pub(crate) fn of_label(&self, counts: &LabelCounts, index: usize, measure: LabelMeasure) -> Option<f64> {
        let (positives, negatives) = counts.sides(index);
        measure(positives, negatives, self.most)
    }
}

/// Computes all measures of `counts`, from soft or weighted counts if present.
#[must_use]
pub(crate) fn measure(counts: &LabelCounts, compat: Compat) -> Measures {
    let basis = Basis::of(counts, compat);
    let values = MEASURES.iter().map(|measure| (measure.name, (measure.of)(&basis))).collect();
    Measures { values, compat, most: basis.most }
}

/// Computes only the measures with these names.
#[must_use]
pub(crate) fn measure_some<const N: usize>(
    counts: &LabelCounts,
    compat: Compat,
    names: [&str; N],
) -> [Option<f64>; N] {
    let basis = Basis::of(counts, compat);
    names.map(|name| (MEASURES.iter().find(|measure| measure.name == name)?.of)(&basis))
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

/// Sample standard deviation (n − 1) over mean; undefined for fewer than two values.
fn variation(values: impl Iterator<Item = f64> + Clone) -> Option<f64> {
    let mean = mean(values.clone())?;
    let (squares, n) = values.fold((0.0, 0.0), |(sum, n), value| (sum + (value - mean).powi(2), n + 1.0));
    (n >= 2.0).then(|| (squares / (n - 1.0)).sqrt() / mean)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::counts::{Labels, Tally};

    fn counts(rows: u64, positives: &[u64]) -> LabelCounts {
        let tallies =
            positives.iter().map(|&p| Tally { positives: p, negatives: rows - p, ..Tally::default() });
        let labels = Labels::indices(positives.len());
        LabelCounts::new(rows, labels, tallies.collect(), None).unwrap()
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
            let measures = measure(&counts(rows, positives), Compat::default());
            let names = ["cardinality", "density", "mean_ir", "max_ir", "cvir", "mean_im_r"];
            for (name, expected) in names.into_iter().zip(expected) {
                let found = measures.get(name).unwrap();
                assert!((found - expected).abs() <= 1e-9 * expected, "{name}: {found} {expected}");
            }
        }
    }

    #[test]
    fn a_label_without_positives_has_two_readings() {
        let counts = counts(1000, &[100, 50, 10, 0]);
        let of = |compat: Compat| {
            let measures = measure(&counts, compat);
            let [mean, all, cvir, minority] =
                ["mean_ir", "mean_ir_all", "cvir", "minority_labels"].map(|name| measures.get(name).unwrap());
            let irlbl = measures.label_measures()[1].1;
            (mean, all, cvir, minority, measures.of_label(&counts, 3, irlbl))
        };
        let close = |found: (f64, f64, f64, f64, Option<f64>),
                     expected: (f64, f64, f64, f64, Option<f64>)| {
            assert!(
                (found.0 - expected.0).abs() < 1e-12 && (found.2 - expected.2).abs() < 1e-12,
                "{found:?}"
            );
            assert_eq!((found.1, found.3, found.4), (expected.1, expected.3, expected.4));
        };
        // IRLbl 1, 2, 10; 1, 2, 10, 0.
        let sd = |squares: f64, n: f64| (squares / (n - 1.0)).sqrt();
        let mulan = sd((10.0_f64 / 3.0).powi(2) + (7.0_f64 / 3.0).powi(2) + (17.0_f64 / 3.0).powi(2), 3.0);
        close(of(Compat::Mulan), (13.0 / 3.0, 3.25, mulan / (13.0 / 3.0), 1.0, None));
        let mldr = sd(2.25_f64.powi(2) + 1.25_f64.powi(2) + 6.75_f64.powi(2) + 3.25_f64.powi(2), 4.0);
        close(of(Compat::Mldr), (3.25, 3.25, mldr / 3.25, 1.0, Some(0.0)));
        for compat in [Compat::Mulan, Compat::Mldr] {
            assert_eq!(compat.to_string().parse::<Compat>().unwrap(), compat);
        }
    }

    #[test]
    fn nothing_is_defined_for_no_rows() {
        let measures = measure(&counts(0, &[0]), Compat::default());
        assert_eq!(
            (measures.get("cardinality"), measures.get("cvir"), measures.get("max_ir")),
            (None, None, None)
        );
    }

    #[test]
    fn a_label_of_one_side_has_the_entropy_zero() {
        for (positives, negatives) in [(0.0, 5.0), (5.0, 0.0)] {
            let found = entropy(positives, negatives, 5.0).unwrap();
            assert!(found == 0.0 && found.is_sign_positive(), "{found:?}");
        }
    }

    const BIRDS: [u64; 19] = [14, 81, 46, 9, 20, 14, 47, 40, 61, 53, 103, 28, 33, 9, 37, 17, 6, 10, 26];
    const GENBASE: [u64; 27] =
        [79, 76, 62, 49, 171, 23, 31, 51, 6, 66, 33, 29, 36, 14, 14, 4, 17, 41, 9, 5, 2, 3, 2, 1, 1, 1, 3];
}
