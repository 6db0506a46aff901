//! The sampling plans: names, parameters and sources.

use std::fmt;
use std::ops::RangeInclusive;
use std::str::FromStr;

use crate::error::{Error, Result};

/// How a label's rarity becomes a repeat factor.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Curve {
    /// √(threshold / frequency).
    Sqrt,
    /// threshold / frequency.
    Linear,
}

/// How a repeat factor becomes a whole number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Rounding {
    /// Up or down at random, with the right mean; differs in each epoch.
    Stochastic,
    /// Always up.
    Ceil,
}

/// How the labels of a row become one weight.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Combine {
    /// The largest.
    Max,
    /// The mean.
    Mean,
    /// The sum.
    Sum,
}

/// The weight of a row without labels.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Unlabelled {
    /// The weight of a row with only the most frequent label.
    Least,
    /// This weight.
    Weight(f64),
}

/// A sampling plan with its parameters.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub(crate) enum Method {
    /// Rows of rare labels are repeated.
    RepeatFactor {
        /// Labels in less than this share of rows are repeated.
        threshold: f64,
        /// How rarity becomes a factor.
        curve: Curve,
        /// How factors become whole numbers.
        rounding: Rounding,
    },
    /// Rows get weights from their labels.
    InverseFrequency {
        /// How labels become a weight.
        combine: Combine,
        /// Weight of rows without labels.
        unlabelled: Unlabelled,
        /// Rows per epoch; by default the number of rows.
        draws: Option<u64>,
    },
    /// A label is picked evenly, then one of its rows.
    ClassUniform {
        /// Weight of rows without labels.
        unlabelled: Unlabelled,
        /// Rows per epoch.
        draws: Option<u64>,
    },
    /// Rows of minority labels are cloned.
    MlRos {
        /// Clones per hundred rows.
        percent: f64,
    },
    /// Rows of majority labels are dropped.
    MlRus {
        /// Rows dropped per hundred.
        percent: f64,
    },
    /// Rows without a minority label are dropped.
    MlRusMajority {
        /// Rows dropped per hundred.
        percent: f64,
    },
    /// Rows of rare label sets are cloned.
    LpRos {
        /// Clones per hundred rows.
        percent: f64,
    },
    /// Rows of frequent label sets are dropped.
    LpRus {
        /// Rows dropped per hundred.
        percent: f64,
    },
    /// Rows that mix rare and frequent labels become two.
    Remedial {
        /// Also split rows whose labels are all on one side; one of their copies has no label.
        one_sided: bool,
    },
    /// Rows are assigned to folds, so that each fold has its share of every label.
    StratifiedSplit {
        /// Names and shares of the folds; the shares add up to 1.
        folds: Vec<(String, f64)>,
        /// 2: also of every pair of labels.
        order: u8,
    },
}

/// One row of `posweight list plans`.
#[derive(Debug)]
pub struct MethodInfo {
    /// Name in flags and files.
    pub name: &'static str,
    /// Effect on rows.
    pub about: &'static str,
    /// When it is the right plan.
    pub when: &'static str,
    /// Parameters with their defaults.
    pub parameters: &'static str,
    /// Its source.
    pub source: &'static str,
}

const fn row(
    name: &'static str,
    about: &'static str,
    when: &'static str,
    parameters: &'static str,
    source: &'static str,
) -> MethodInfo {
    MethodInfo { name, about, when, parameters, source }
}

/// Every plan.
#[rustfmt::skip]
pub const METHODS: [MethodInfo; 10] = [
    row("repeat-factor", "repeats each row as often as its rarest label requires: max(1, sqrt(threshold N / pos))", "when a few labels are very rare and every row must still be seen in each epoch", "threshold=0.001, curve=sqrt|linear, rounding=stochastic|ceil", "LVIS, Gupta et al. 2019"),
    row("inverse-frequency", "weight of a row: max, mean or sum of min pos / pos over its labels", "when a sampler draws rows by weight, and rows with rare labels should be drawn more often in an epoch of any length", "combine=max|mean|sum, unlabelled=least|WEIGHT, draws=N", "max: min-normalised inverse frequency; sum: PSLA"),
    row("class-uniform", "weight of a row: sum of min pos / pos over its labels; the same as drawing a label uniformly, then one of its rows", "when all labels should be seen equally often, and the rows of rare ones may be seen many times", "unlabelled=0, draws=N", "class-aware sampling"),
    row("ml-ros", "clones random rows of each label whose IRLbl is above MeanIR, until it reaches MeanIR; IRLbl is computed again with the clones, MeanIR is not", "when rare labels have too few rows, no row may be lost, and an epoch may get longer", "percent=25", "ML-ROS, Charte et al. 2015 (Neurocomputing 163)"),
    row("ml-rus", "drops random rows of each label whose IRLbl is below MeanIR, until it reaches MeanIR; IRLbl divides by the positives of the most frequent label before the plan", "when there are more rows than training needs, and an epoch should get shorter", "percent=25", "Charte et al. 2015, by bags as in MULAN"),
    row("ml-rus-majority", "drops random rows without any label whose IRLbl is above MeanIR", "when many rows have frequent labels alone and can be spared", "percent=25", "mldr.resampling, without replacement"),
    row("lp-ros", "clones random rows of label sets with fewer rows than the mean", "when combinations of labels matter and there are not many different ones", "percent=25", "Charte et al. 2015"),
    row("lp-rus", "drops random rows of label sets with more rows than the mean", "when a few combinations of labels fill most rows", "percent=25", "Charte et al. 2015"),
    row("remedial", "splits each row with SCUMBLE above the mean in two: one keeps labels with IRLbl up to MeanIR, the other the rest, which may be none (one_sided=keep leaves such rows whole); this edits labels, so it needs --materialize", "when rare labels share their rows with frequent ones (SCUMBLE above 0.1), before another plan clones rows", "one_sided=split|keep", "REMEDIAL, Charte et al. 2015"),
    row("stratified-split", "assigns rows to folds, each with its share of every label and, with order=2, of every pair of labels", "when rows are split into train, validation and test, and each fold needs positives of every label", "folds=5 or NAME=SHARE, … with sum 1 or 100; order=1|2", "Sechidis et al. 2011; Szymański and Kajdanowicz 2017"),
];

/// Allowed rows per epoch.
const DRAWS: RangeInclusive<u64> = 1..=1 << 48;
/// A single share of so much at most is rather a number of folds.
const FEW_FOLDS: f64 = 30.0;
/// How far the sum of shares may be from 1, for shares such as 0.333.
const SHARES_OFF: f64 = 0.002;
/// How far the sum of shares such as 0.7, 0.2 and 0.1 is from 1, because doubles hold no such decimals.
const NOISE: f64 = 1e-12;
/// Maximum number of folds.
const FOLDS_MAX: u64 = 1000;

impl Method {
    /// Its name in flags and files.
    #[must_use]
    pub(crate) fn name(&self) -> &'static str {
        match self {
            Self::RepeatFactor { .. } => "repeat-factor",
            Self::InverseFrequency { .. } => "inverse-frequency",
            Self::ClassUniform { .. } => "class-uniform",
            Self::MlRos { .. } => "ml-ros",
            Self::MlRus { .. } => "ml-rus",
            Self::MlRusMajority { .. } => "ml-rus-majority",
            Self::LpRos { .. } => "lp-ros",
            Self::LpRus { .. } => "lp-rus",
            Self::Remedial { .. } => "remedial",
            Self::StratifiedSplit { .. } => "stratified-split",
        }
    }

    /// Its row of the table.
    #[must_use]
    pub(crate) fn info(&self) -> &'static MethodInfo {
        METHODS.iter().find(|info| info.name == self.name()).unwrap_or(&METHODS[0])
    }

    /// The names of the folds; empty if the plan has no folds.
    #[must_use]
    pub(crate) fn folds(&self) -> Vec<&str> {
        match self {
            Self::StratifiedSplit { folds, .. } => folds.iter().map(|(name, _)| name.as_str()).collect(),
            _ => Vec::new(),
        }
    }

    /// For plans with row weights: how labels combine, weight of rows without labels, rows per epoch.
    #[must_use]
    pub(crate) fn weighs(&self) -> Option<(Combine, Unlabelled, Option<u64>)> {
        match *self {
            Self::InverseFrequency { combine, unlabelled, draws } => Some((combine, unlabelled, draws)),
            Self::ClassUniform { unlabelled, draws } => Some((Combine::Sum, unlabelled, draws)),
            _ => None,
        }
    }

    /// Every parameter with its value.
    #[must_use]
    pub(crate) fn parameters(&self) -> Vec<(String, String)> {
        let pair = |key: &str, value: &dyn fmt::Display| (key.to_owned(), value.to_string());
        let draws = |draws: &Option<u64>| draws.map(|draws| pair("draws", &draws));
        match self {
            Self::RepeatFactor { threshold, curve, rounding } => vec![
                pair("threshold", threshold),
                pair("curve", &if *curve == Curve::Sqrt { "sqrt" } else { "linear" }),
                pair("rounding", &if *rounding == Rounding::Ceil { "ceil" } else { "stochastic" }),
            ],
            Self::InverseFrequency { combine, unlabelled, draws: rows } => {
                let combine = match combine {
                    Combine::Max => "max",
                    Combine::Mean => "mean",
                    Combine::Sum => "sum",
                };
                let known = [pair("combine", &combine), pair("unlabelled", unlabelled)];
                known.into_iter().chain(draws(rows)).collect()
            }
            Self::ClassUniform { unlabelled, draws: rows } => {
                [pair("unlabelled", unlabelled)].into_iter().chain(draws(rows)).collect()
            }
            Self::MlRos { percent }
            | Self::MlRus { percent }
            | Self::MlRusMajority { percent }
            | Self::LpRos { percent }
            | Self::LpRus { percent } => vec![pair("percent", percent)],
            Self::Remedial { one_sided } => {
                vec![pair("one_sided", &if *one_sided { "split" } else { "keep" })]
            }
            Self::StratifiedSplit { folds, order } => {
                folds.iter().map(|(name, share)| pair(name, share)).chain([pair("order", order)]).collect()
            }
        }
    }
}

impl fmt::Display for Unlabelled {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Least => f.write_str("least"),
            Self::Weight(weight) => weight.fmt(f),
        }
    }
}

impl fmt::Display for Method {
    /// The name and every parameter.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())?;
        for (i, (key, value)) in self.parameters().iter().enumerate() {
            write!(f, "{}{key}={value}", if i == 0 { ':' } else { ',' })?;
        }
        Ok(())
    }
}

/// `key=value` pairs that are not yet used.
struct Parameters<'t> {
    text: &'t str,
    info: &'static MethodInfo,
    left: Vec<(&'t str, &'t str)>,
}

impl<'t> Parameters<'t> {
    fn wrong(&self, what: &str) -> Error {
        Error::usage(format!("--plan {}: {what}", self.text))
            .hint(format!("{}: {}", self.info.name, self.info.parameters))
    }

    fn of(text: &'t str, info: &'static MethodInfo, pairs: &'t str) -> Result<Self> {
        let mut parameters = Self { text, info, left: Vec::new() };
        for pair in pairs.split(',').map(str::trim).filter(|pair| !pair.is_empty()) {
            let (key, value) = pair
                .split_once('=')
                .ok_or_else(|| parameters.wrong(&format!("\"{pair}\" is not key=value")))?;
            if parameters.left.iter().any(|(known, _)| *known == key) {
                return Err(parameters.wrong(&format!("duplicate parameter {key}")));
            }
            parameters.left.push((key, value));
        }
        Ok(parameters)
    }

    fn take(&mut self, key: &str) -> Option<&'t str> {
        let place = self.left.iter().position(|(known, _)| *known == key)?;
        Some(self.left.remove(place).1)
    }

    fn number(&mut self, key: &str, usual: f64, range: RangeInclusive<f64>) -> Result<f64> {
        let Some(text) = self.take(key) else { return Ok(usual) };
        let number: f64 = text.parse().map_err(|_| self.wrong(&format!("{key}={text} is not a number")))?;
        if !range.contains(&number) {
            let end = range.end();
            let what = match *range.start() {
                f64::MIN_POSITIVE => format!("is not above 0 and at most {end}"),
                start => format!("is outside {start} … {end}"),
            };
            return Err(self.wrong(&format!("{key}={text} {what}")));
        }
        Ok(number)
    }

    fn count(&mut self, key: &str, range: RangeInclusive<u64>) -> Result<Option<u64>> {
        let Some(text) = self.take(key) else { return Ok(None) };
        let number = text.parse().ok().filter(|number| range.contains(number));
        let number = number.ok_or_else(|| {
            self.wrong(&format!(
                "{key}={text} is not a whole number from {} to {}",
                range.start(),
                range.end()
            ))
        })?;
        Ok(Some(number))
    }

    /// One of several words; by default the first.
    fn word<T: Copy>(&mut self, key: &str, words: &[(&str, T)]) -> Result<T> {
        let text = self.take(key).unwrap_or(words[0].0);
        let known = words.iter().find(|(word, _)| *word == text);
        known.map(|(_, value)| *value).ok_or_else(|| self.wrong(&format!("{key}={text} is not a choice")))
    }

    fn unlabelled(&mut self, usual: Unlabelled) -> Result<Unlabelled> {
        match self.take("unlabelled") {
            None => Ok(usual),
            Some("least") => Ok(Unlabelled::Least),
            Some(text) => {
                self.left.push(("unlabelled", text));
                self.number("unlabelled", 0.0, 0.0..=1e6).map(Unlabelled::Weight)
            }
        }
    }

    /// Reads folds and their shares from the unused pairs.
    fn folds(&mut self, order: u8) -> Result<Vec<(String, f64)>> {
        let number = self.count("folds", 2..=FOLDS_MAX)?;
        if let Some(k) = number.or_else(|| self.left.is_empty().then_some(5)) {
            let share = 1.0 / k as f64;
            return Ok((0..k).map(|i| (i.to_string(), share)).collect());
        }
        let mut folds = Vec::new();
        for (name, text) in std::mem::take(&mut self.left) {
            let plain = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
            if name.is_empty() || !name.chars().all(plain) {
                return Err(self.wrong(&format!(
                    "\"{name}\" is not a name of a fold, which has letters from a to z, digits, _ and -"
                )));
            }
            let share: Option<f64> =
                text.parse().ok().filter(|share| (f64::MIN_POSITIVE..=1e6).contains(share));
            let share = share.ok_or_else(|| self.wrong(&format!("{name}={text} is not a share above 0")))?;
            folds.push((name.to_owned(), share));
        }
        if folds.len() < 2 {
            let few = self.wrong("a split needs at least two folds");
            return Err(match &folds[..] {
                [(_, k)] if (2.0..=FEW_FOLDS).contains(k) && k.fract() == 0.0 => {
                    few.hint(format!("for {k} folds of one size, say --plan {}:folds={k}", self.info.name))
                }
                _ => few,
            });
        }
        let sum: f64 = folds.iter().map(|(_, share)| share).sum();
        // A sum that is whole but for the noise of doubles leaves the shares as they are given.
        let whole = [1.0, 100.0].into_iter().find(|whole| (sum / whole - 1.0).abs() <= NOISE).unwrap_or(sum);
        folds.iter_mut().for_each(|(_, share)| *share /= whole);
        if [1.0, 100.0].iter().any(|whole| (sum / whole - 1.0).abs() <= SHARES_OFF) {
            return Ok(folds);
        }
        let shares = folds.iter().map(|(name, share)| format!("{name}={share}")).collect::<Vec<_>>();
        // Without the noise of decimals that doubles do not hold.
        let sum = (sum * 1e9).round() / 1e9;
        Err(self.wrong(&format!("the shares add up to {sum}, not to 1 or 100")).hint(format!(
            "add the fold that is missing; if these are all, say --plan {}:{}{}",
            self.info.name,
            shares.join(","),
            if order == 1 { String::new() } else { format!(",order={order}") }
        )))
    }

    fn finish(self, method: Method) -> Result<Method> {
        match self.left.first() {
            None => Ok(method),
            Some((key, _)) => Err(self.wrong(&format!("unknown parameter \"{key}\""))),
        }
    }
}

impl FromStr for Method {
    type Err = Error;

    /// `NAME` or `NAME:key=value,key=value`.
    fn from_str(text: &str) -> Result<Self> {
        let (name, pairs) = text.split_once(':').unwrap_or((text, ""));
        let info = METHODS.iter().find(|info| info.name == name).ok_or_else(|| unknown(name))?;
        let mut given = Parameters::of(text, info, pairs)?;
        let method = match info.name {
            "repeat-factor" => Self::RepeatFactor {
                threshold: given.number("threshold", 1e-3, f64::MIN_POSITIVE..=1.0)?,
                curve: given.word("curve", &[("sqrt", Curve::Sqrt), ("linear", Curve::Linear)])?,
                rounding: given
                    .word("rounding", &[("stochastic", Rounding::Stochastic), ("ceil", Rounding::Ceil)])?,
            },
            "inverse-frequency" => Self::InverseFrequency {
                combine: given.word(
                    "combine",
                    &[("max", Combine::Max), ("mean", Combine::Mean), ("sum", Combine::Sum)],
                )?,
                unlabelled: given.unlabelled(Unlabelled::Least)?,
                draws: given.count("draws", DRAWS)?,
            },
            "class-uniform" => Self::ClassUniform {
                unlabelled: given.unlabelled(Unlabelled::Weight(0.0))?,
                draws: given.count("draws", DRAWS)?,
            },
            "ml-ros" => Self::MlRos { percent: given.number("percent", 25.0, 0.0..=10_000.0)? },
            "lp-ros" => Self::LpRos { percent: given.number("percent", 25.0, 0.0..=10_000.0)? },
            "ml-rus" => Self::MlRus { percent: given.number("percent", 25.0, 0.0..=100.0)? },
            "ml-rus-majority" => Self::MlRusMajority { percent: given.number("percent", 25.0, 0.0..=100.0)? },
            "lp-rus" => Self::LpRus { percent: given.number("percent", 25.0, 0.0..=100.0)? },
            "remedial" => {
                Self::Remedial { one_sided: given.word("one_sided", &[("split", true), ("keep", false)])? }
            }
            _ => {
                let order = given.word("order", &[("1", 1), ("2", 2)])?;
                Self::StratifiedSplit { folds: given.folds(order)?, order }
            }
        };
        given.finish(method)
    }
}

fn unknown(name: &str) -> Error {
    let names = METHODS.iter().map(|info| info.name);
    let near =
        names.clone().max_by(|a, b| strsim::jaro_winkler(name, a).total_cmp(&strsim::jaro_winkler(name, b)));
    let meant = near.filter(|near| strsim::jaro_winkler(name, near) > 0.8);
    let meant = meant.map(|near| format!("did you mean {near}? ")).unwrap_or_default();
    Error::usage(format!("unknown plan \"{name}\""))
        .hint(format!("{meant}the plans are {}", names.collect::<Vec<_>>().join(", ")))
}

#[cfg(test)]
mod tests;
